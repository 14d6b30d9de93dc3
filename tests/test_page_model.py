"""The page with a chat model, in a real browser: what people see of one that lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_server import ChatServer, Reply, Says
from conftest import link_networks
from pages import CHROMIUM, NO_BROWSER, WHY_NOT, Watched, ask, replies, serve

import rag

pytestmark = pytest.mark.skipif(NO_BROWSER, reason=WHY_NOT)

QUESTION = "How much is the equipment left in Afghanistan worth?"
TRUE = "The equipment the U.S. left behind is valued at about $7 billion."
LIE = "The equipment is valued at about $70 billion."


@pytest.fixture(scope="module")
def model() -> Iterator[ChatServer]:
    def reply(body: object) -> Reply:
        return Says(f"{TRUE} [1]\n{LIE} [1]\n", pieces=12, delay=0.05)

    with ChatServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def page(model: ChatServer, seeds_index: Path, tmp_path_factory: pytest.TempPathFactory):
    from playwright.sync_api import sync_playwright

    index = link_networks(seeds_index, tmp_path_factory.mktemp("model") / "index")
    rag.build_index("seeds", index)
    settings = {"RAG_LLM": "openai:scripted", "RAG_LLM_URL": model.url}
    with serve(index, **settings) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        watched = Watched(browser, server.url)
        yield watched.page
        watched.close()
        browser.close()


def test_only_the_checked_sentence_is_shown_with_its_quote(page) -> None:
    ask(page, QUESTION)
    # The age of the evidence is known before the model has done.
    page.wait_for_selector("#rag-chat .rag-note >> text=1 sentence of openai:scripted")
    said = replies(page).nth(0)
    assert said.locator(".rag-prose").inner_text() == f"{TRUE} [1]"
    assert "valued at about $7 billion" in said.locator(".rag-quoted").inner_text()
    assert "worded by openai:scripted" in said.locator(".rag-sure").inner_text()
    assert "$70 billion" not in page.content()
    assert "Left out" in said.locator(".rag-note").last.inner_text()
    said.locator(".rag-prose a").click()
    page.wait_for_selector("#rag-article mark")
    assert "$7 billion" in page.locator("#rag-article").inner_text()


def test_a_person_can_choose_quotes_alone(page, model: ChatServer) -> None:
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("In exact quotes alone").check()
    asked = len(model.requests)
    ask(page, QUESTION)
    last = replies(page).nth(1)
    assert last.locator(".rag-prose").count() == 0
    assert last.locator(".rag-short").inner_text() == "$7 billion"
    assert len(model.requests) == asked
