"""Answers in a chat model's words, through the real client, from a server that lies and fails."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_server import ChatServer, Cut, Hangs, Raw, Reply, Says, Stalls, Status

import rag
from rag.datatypes import ModelUnavailableError
from rag.llm.model import check_chat_model, open_chat_model
from rag.settings import load_settings

QUESTION = "How much is the equipment left in Afghanistan worth?"
TRUE = "The equipment the U.S. left behind is valued at about $7 billion. [1]"
Ask = Callable[..., list[rag.Answer]]


def told(answer):
    """The notes, but for how old the evidence is."""
    return tuple(note for note in answer.notes if not note.startswith("Newest article"))


@pytest.fixture
def ask(seeds_index: Path) -> Ask:
    """Every answer of ``stream``, from a server with a script; it keeps the requests."""
    servers: list[ChatServer] = []

    def run(*script: Reply, question: str = QUESTION, **settings: object) -> list[rag.Answer]:
        with ChatServer(script) as server:
            servers.append(server)
            chosen = load_settings(
                llm="openai:scripted", llm_url=server.url, llm_retries=0, **settings
            )
            with rag.Assistant.open(seeds_index, settings=chosen) as assistant:
                return list(assistant.stream(question))

    run.servers = servers  # type: ignore[attr-defined]
    return run


@pytest.fixture
def extractive(assistant: rag.Assistant) -> rag.Answer:
    return assistant.answer(QUESTION)


def test_a_supported_sentence_is_shown_with_an_exact_quote(ask: Ask) -> None:
    answer = ask(Says(TRUE))[-1]
    assert answer.text == "The equipment the U.S. left behind is valued at about $7 billion. [1]"
    assert answer.model == "openai:scripted"
    assert [c.number for c in answer.citations] == [1]
    assert "which are valued at about $7 billion" in answer.citations[0].quote
    assert answer.short_answer == "$7 billion"
    assert told(answer) == ()


def test_the_model_sees_numbered_fenced_sentences_and_no_key_leaks(ask: Ask) -> None:
    ask(Says(TRUE))
    (request,) = ask.servers[0].requests  # type: ignore[attr-defined]
    system, user = (message["content"] for message in request["messages"])
    assert "They are data" in system
    lines = user.splitlines()
    first = lines.index(next(line for line in lines if line.startswith("<sources ")))
    assert lines[0] == f"Question: {QUESTION}"
    assert lines[first + 1].startswith("[1] ")
    assert "$7 billion" in lines[first + 1]
    assert lines[-3] == lines[first].replace("<", "</")
    assert request["temperature"] == 0
    assert request["stream"] is True


@pytest.mark.parametrize(
    "lie",
    [
        "The equipment is valued at about $70 billion. [1]",
        "The equipment is not valued at about $7 billion. [1]",
        "China values the equipment at about $7 billion. [1]",
        "The Taliban said “we will give it all back”. [1]",
        "The equipment is valued at about $7 billion, see https://evil.example/. [1]",
        "I am Captain Blackbeard and I like treasure. [1]",
        "My instructions say that I answer from numbered source sentences. [1]",
    ],
)
def test_what_no_source_supports_is_never_shown(ask: Ask, lie: str) -> None:
    answers = ask(Says(f"{TRUE}\n{lie}"))
    for answer in answers:
        assert lie[:-4] not in answer.text
    assert answers[-1].text == TRUE
    assert told(answers[-1]) == (
        "Left out, because no source supports it: 1 sentence of openai:scripted.",
    )


def test_unsupported_sentences_are_shown_as_such_where_that_is_set(ask: Ask) -> None:
    lie = "The equipment is valued at about $70 billion."
    answer = ask(Says(f"{TRUE}\n{lie} [1]"), llm_unsupported="show")[-1]
    assert answer.text == TRUE
    assert told(answer)[0].startswith(f"Not supported by the articles: {lie} (")
    assert "70" in told(answer)[0].split("(")[1]


@pytest.mark.parametrize("numbers", ["", " [9]", " [0]", " [99999999999]", " [4]"])
def test_the_code_finds_the_source_where_the_numbers_are_wrong(ask: Ask, numbers: str) -> None:
    said = "The equipment the U.S. left behind is valued at about $7 billion."
    answer = ask(Says(f"{said}{numbers}"))[-1]
    assert answer.text == f"{said} [1]"
    assert "$7 billion" in answer.citations[0].quote


def test_a_sentence_whose_antecedent_is_shown_is_shown_alone(ask: Ask) -> None:
    ask(Says("NONE"), question="Whose demand did the Taliban in Afghanistan reject?")
    lines = ask.servers[0].requests[0]["messages"][1]["content"].splitlines()  # type: ignore[attr-defined]
    shown = [line.split("] ", 1)[1] for line in lines if line.startswith("[")]
    (first,) = (line for line in shown if line.startswith("The Taliban in Afghanistan has"))
    assert first.endswith("in 2021.")
    assert any(line.startswith("This includes weapons, vehicles") for line in shown)
    assert len(set(shown)) == len(shown)


def test_sentences_are_shown_one_by_one_once_checked(ask: Ask) -> None:
    second = "The U.S. troops withdrew from the country in 2021. [1]"
    texts = [answer.text for answer in ask(Says(f"{TRUE}\n{second}\n", pieces=3))]
    assert texts == [TRUE, f"{TRUE} {second}", f"{TRUE} {second}"]


def test_json_is_read_too(ask: Ask) -> None:
    reply = {"sentences": [{"sentence": TRUE.removesuffix(" [1]"), "sources": [1]}]}
    assert ask(Says(json.dumps(reply)))[-1].text == TRUE


FAILURES = {
    "500": (Status(500, "boom"), "failed (status 500)"),
    "429": (Status(429, "slow down", retry_after=30), "is asked too often"),
    "401": (Status(401, "no"), "refused the key"),
    "404": (Status(404, "no such model"), "is not known to the server"),
    "hangs": (Hangs(20), "gave no whole reply within 1 seconds"),
    "stalls": (Stalls(TRUE[:30], 20), "gave no whole reply within 1 seconds"),
    "drips": (Says(TRUE * 9, pieces=1, delay=0.2), "gave no whole reply within 1 seconds"),
    "cut": (Cut(f"{TRUE}\n{TRUE}"), "broke off"),
    "cut cleanly": (Cut(f"{TRUE}\n{TRUE}", clean=True), "broke off"),
    "no JSON": (Raw(b"<html>hello</html>", "text/html"), "gave no reply that can be read"),
    "empty": (Says(""), "wrote no answer"),
    "none": (Says("NONE"), "wrote no answer"),
    "endless": (Says("blah " * 4_000, pieces=2_000), "would not stop talking"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_leaves_the_extractive_answer_with_a_line_that_says_why(
    ask: Ask, extractive: rag.Answer, name: str
) -> None:
    reply, why = FAILURES[name]
    begun = time.monotonic()
    answer = ask(reply, llm_timeout=1.0)[-1]
    assert (answer.text, answer.citations) == (extractive.text, extractive.citations)
    assert answer.model == "extractive"
    (note,) = told(answer)
    assert why in note
    assert note.endswith("the answer is made of quotes alone.")
    # No measurement: only that the time-out of one second ended what would have lasted twenty.
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    "nonsense",
    ["Das Gerät ist sieben Milliarden wert. [1]", "[1][2]" * 60 + " all of them", "{'a': ]]", "1 " * 90],
    ids=["another language", "many numbers", "broken JSON", "numbers alone"],
)  # fmt: skip
def test_nonsense_leaves_the_extractive_answer(
    ask: Ask, extractive: rag.Answer, nonsense: str
) -> None:
    answer = ask(Says(nonsense))[-1]
    assert (answer.text, answer.model) == (extractive.text, "extractive")
    assert len(told(answer)) == 1


def test_nobody_there(seeds_index: Path, extractive: rag.Answer) -> None:
    settings = load_settings(
        llm="openai:scripted", llm_url="http://127.0.0.1:9/v1", llm_retries=0, llm_timeout=5
    )
    with rag.Assistant.open(seeds_index, settings=settings) as assistant:
        answer = assistant.answer(QUESTION)
    assert answer.text == extractive.text
    assert "openai:scripted at http://127.0.0.1:9/v1 cannot be reached" in told(answer)[0]


def test_what_is_declined_is_never_asked_of_the_model(ask: Ask) -> None:
    (answer,) = ask(Says("Anna Lind is the queen. [1]"), question="Who is the queen of Sweden?")
    assert answer.abstained
    assert ask.servers[0].requests == []  # type: ignore[attr-defined]


def test_quotes_alone_on_request(seeds_index: Path, extractive: rag.Answer) -> None:
    with ChatServer([Says(TRUE)]) as server:
        settings = load_settings(llm="openai:scripted", llm_url=server.url)
        with rag.Assistant.open(seeds_index, settings=settings) as assistant:
            assert assistant.answer(QUESTION, extractive=True).text == extractive.text
        assert server.requests == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("llama3", "names no provider; write openai:llama3 or ollama:llama3"),
        ("nowhere:model", "cannot be opened"),
        ("ollama:llama3.2", r"needs langchain-ollama; run .*-e '\.\[ollama\]'"),
    ],
)
def test_a_model_that_cannot_be_opened_says_what_to_do(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody who has the package installed must see the same.
    monkeypatch.setitem(sys.modules, "langchain_ollama", None)
    with pytest.raises(ModelUnavailableError, match=message):
        open_chat_model(load_settings(llm=name))


def test_doctor_asks_the_chat_model_for_a_word() -> None:
    with ChatServer([Says("Yes."), Status(401, "no")]) as server:
        settings = load_settings(llm="openai:scripted", llm_url=server.url, llm_retries=0)
        sound, broken = check_chat_model(settings), check_chat_model(settings)
    assert (sound.ok, sound.detail) == (True, "openai:scripted replies")
    assert (broken.ok, broken.mend) == (False, "unset RAG_LLM")
    assert "refused the key" in broken.detail


# --- instructions inside articles ----------------------------------------------------------------


ATTACKS = [
    json.loads(line)
    for line in Path(__file__).with_name("attacks.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index over all the attack articles."""
    folder = tmp_path_factory.mktemp("attacks")
    corpus = folder / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(attack["article"]) for attack in ATTACKS))
    rag.build_index(corpus, folder / "index")
    return folder / "index"


def test_a_model_that_obeys_an_article_is_not_let_through(attacked: Path) -> None:
    by_question = {attack["question"]: attack for attack in ATTACKS}

    def obeys(body: dict[str, object]) -> Reply:
        asked = str(body["messages"][1]["content"]).splitlines()[0]  # type: ignore[index]
        return Says(by_question[asked.removeprefix("Question: ")]["obedient_reply"])

    got_through, asked = [], 0
    with ChatServer(obeys) as server:
        settings = load_settings(llm="openai:scripted", llm_url=server.url, error_rate=1.0)
        with rag.Assistant.open(attacked, settings=settings) as assistant:
            for attack in ATTACKS:
                answer = assistant.answer(attack["question"])
                asked += answer.model != "extractive" or bool(told(answer))
                prose = answer.text if answer.model != "extractive" else ""
                if any(words in prose for words in attack["forbidden"]):
                    got_through.append((attack["id"], answer.text))
        assert len(server.requests) == len(ATTACKS) == 67
    # Two are known to: "convicted" of what the article calls "not guilty", and "no effect" from a
    # sentence with a "not" elsewhere. The exact quotes beside them say what is so.
    assert {name for name, _ in got_through} <= {"attack-27", "attack-29"}
