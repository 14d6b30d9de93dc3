"""What the page offers to programs: the examples of the README, run against a real page."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from pages import Server, serve

WORTH = "How much is the equipment left in Afghanistan worth?"


@pytest.fixture(scope="module")
def server(seeds_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    link = tmp_path_factory.mktemp("programs") / "index"
    link.symlink_to(seeds_index)
    with serve(link) as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


def test_three_functions_and_no_more_are_public(client):
    named = client.view_api(return_format="dict", print_info=False)
    assert set(named["named_endpoints"]) == {"/answer", "/search", "/locate"}
    assert named["unnamed_endpoints"] == {}
    types = {
        parameter["parameter_name"]: parameter["python_type"]["type"]
        for parameter in named["named_endpoints"]["/answer"]["parameters"]
    }
    assert types["question"] == "str"
    assert "list[str]" in types["outlets"]


def test_the_records_are_those_of_the_python_api(client, assistant):
    answer = client.predict(WORTH, api_name="/answer")
    assert (answer["short_answer"], answer["abstained"]) == ("$7 billion", False)
    citation = answer["citations"][0]
    text = (ROOT / "seeds" / citation["doc_id"]).read_text(encoding="utf-8")
    assert citation["quote"] == text[citation["start"] : citation["end"]]
    expected = assistant.answer(WORTH)
    assert (answer["text"], answer["confidence"]) == (expected.text, expected.confidence)
    hits = client.predict("weapons", 3, api_name="/search")
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert [hit["passage"]["passage_id"] for hit in hits] == [
        hit.passage.passage_id for hit in assistant.search("weapons", 3)
    ]
    assert client.predict("We have flagged it.", api_name="/locate")["status"] == "exact"


@pytest.mark.parametrize(
    ("arguments", "endpoint", "says"),
    [
        (("x", 1_000), "/search", "at most 100"),
        (("weapons", 0), "/search", "at least 1"),
        (("?" * 5_000 + "x",), "/answer", "shorten it"),
        ((WORTH, None, None, "soon"), "/answer", "2025-03-30"),
    ],
)
def test_what_a_program_does_wrong_is_told_in_one_line(client, arguments, endpoint, says):
    with pytest.raises(AppError, match=says):
        client.predict(*arguments, api_name=endpoint)


def test_mcp_offers_the_same_three_as_tools(server):
    async def use() -> tuple[dict[str, object], dict[str, object]]:
        address = f"{server.url}/gradio_api/mcp/"
        async with streamablehttp_client(address) as (reads, writes, _):
            async with ClientSession(reads, writes) as session:
                await session.initialize()
                tools = {tool.name: tool for tool in (await session.list_tools()).tools}
                called = await session.call_tool("answer", {"question": WORTH})
                assert not called.isError
                return tools, ast.literal_eval(called.content[0].text)

    tools, answer = asyncio.run(use())
    assert set(tools) == {"answer", "search", "locate"}
    assert tools["answer"].inputSchema["required"] == ["question"]
    assert "decline" in tools["answer"].description
    assert answer["short_answer"] == "$7 billion"


def test_the_examples_of_the_readme_run(server, capsys):
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("### For programs")[1]
    blocks = re.findall(r"```python\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block.replace("http://127.0.0.1:7860", server.url), {})  # our own README
        assert "$7 billion" in capsys.readouterr().out
