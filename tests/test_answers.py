"""Answers over the seeds: exact quotes, honest abstentions, filters, and odd input."""

from __future__ import annotations

import json
import threading
from datetime import date
from pathlib import Path

import pytest
import torch
from conftest import SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

import rag
from rag.index.manifest import read_manifest
from rag.index.networks import Networks, networks_of
from rag.models.embed import QuestionEncoder, find_model
from rag.models.span_network import NETWORK, build_network
from rag.settings import PACKAGED_MODEL, load_settings

HERE = Path(__file__).parent
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt"))}
QUESTIONS = [json.loads(line) for line in (HERE / "questions.jsonl").open(encoding="utf-8")]
RECORDED = {
    row["id"]: row
    for row in map(json.loads, (HERE / "recorded_answers.jsonl").open(encoding="utf-8"))
}


def ask(assistant: rag.Assistant, row: dict) -> rag.Answer:
    return assistant.answer(row["question"], [tuple(turn) for turn in row.get("history", [])])


def check(answer: rag.Answer) -> None:
    """What must hold of every answer whatsoever."""
    assert answer.abstained == (answer.text == "") == (answer.reason is not None)
    assert 0 <= answer.confidence <= 1
    for number, citation in enumerate(answer.citations, start=1):
        assert citation.number == number
        assert TEXTS[citation.doc_id][citation.start : citation.end] == citation.quote
        assert f"“{citation.quote}” [{number}]" in answer.text
        assert "ALSO READ" not in citation.quote
    if answer.short_answer is not None:
        assert any(answer.short_answer in c.quote for c in answer.citations)
    for rank, hit in enumerate(answer.hits, start=1):
        span = hit.passage.span
        assert hit.rank == rank
        assert TEXTS[span.doc_id][span.start : span.end] == span.text


def test_the_question_set_fits_the_seeds():
    assert len({row["id"] for row in QUESTIONS}) == len(QUESTIONS) >= 150
    unanswerable = [row for row in QUESTIONS if not row["doc_ids"]]
    assert len(unanswerable) >= 50
    for row in QUESTIONS:
        assert row["split"] in {"dev", "test"}
        assert {q["doc_id"] for q in row["quotes"]} <= set(row["doc_ids"])
        quotes = [TEXTS[q["doc_id"]][q["start"] : q["end"]] for q in row["quotes"]]
        assert all(quote.strip() == quote and quote for quote in quotes)
        if row["answers"] and row["type"] != "list":
            assert any(a in quote for a in row["answers"] for quote in quotes), row["id"]


def test_every_question_of_the_set_is_answered_in_exact_quotes_or_declined(remembered):
    same = 0
    for row in QUESTIONS:
        answer = ask(remembered, row)
        check(answer)
        places = [[c.doc_id, c.start, c.end] for c in answer.citations]
        recorded = RECORDED[row["id"]]
        same += recorded["abstained"] == answer.abstained and recorded["citations"] == places
    # Another processor rounds differently: a few close calls may fall the other way.
    assert same >= 0.95 * len(QUESTIONS)


def test_a_withheld_answer_says_at_which_error_rate_it_is_given(assistant):
    told = 0
    for row in QUESTIONS[::5]:
        history = [tuple(turn) for turn in row.get("history", [])]
        strict, fair, lax = (
            assistant.answer(row["question"], history, error_rate=r) for r in (0.05, 0.2, 0.35)
        )
        notes = [note for note in strict.notes if "was withheld" in note]
        if strict.reason != "not_in_corpus":
            assert not notes
        elif not fair.abstained:
            [note] = notes
            assert f"{strict.confidence:.0%} sure" in note
            assert "error rate of 0.2)" in note
        elif not lax.abstained:
            [note] = notes
            assert "error rate of 0.35)" in note
            assert [n for n in fair.notes if "was withheld" in n] == notes
        else:
            assert not notes
        told += bool(notes)
    assert told >= 5


def test_the_recorded_results_are_as_good_as_the_readme_says():
    assert set(RECORDED) == {row["id"] for row in QUESTIONS}
    gold = {row["id"]: row for row in QUESTIONS}

    def right(record: dict) -> bool:
        return any(
            q["doc_id"] == doc and q["start"] < end and start < q["end"]
            for q in gold[record["id"]]["quotes"]
            for doc, start, end in record["citations"]
        )

    given = [r for r in RECORDED.values() if not r["abstained"]]
    # Only the quotes of an alternative may be gold without making the answer right.
    doubtful = [r["id"] for r in RECORDED.values() if r["right"] != right(r)]
    assert all(not RECORDED[name]["right"] for name in doubtful)
    assert len(doubtful) <= 3
    assert len(given) > 80


@pytest.mark.parametrize("question", ["", "   ", "?!", "…", "\x00\x07", "\u200b\u200d"])
def test_an_empty_question_is_told_so(assistant, question):
    answer = assistant.answer(question)
    assert (answer.abstained, answer.reason, answer.hits) == (True, "empty_question", ())


def test_a_huge_question_is_refused_in_one_line(assistant):
    with pytest.raises(rag.RagError, match="shorten it") as caught:
        assistant.answer("why " * 25_000)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "question",
    [
        "武器はどこですか",
        "Где оружие талибов?",
        "ماذا قالت طالبان؟",
        "Who\x00 is\x1b[31m Balkhi?",
        "<script>alert(1)</script>",
        "'; DROP TABLE articles; --",
        '"NEAR(a b)" OR *',
        "[SEP] [CLS] [MASK] who?",
        "🤖" * 50,
        "a" * 2_000,
    ],
)
def test_odd_questions_are_handled_without_harm(assistant, question):
    check(assistant.answer(question))
    assert isinstance(assistant.search(question), list)
    assert assistant.locate(question).status in {"absent", "altered"}


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200))
def test_any_text_gets_an_answer_that_holds(assistant, question):
    check(assistant.answer(question))


def test_an_also_read_line_is_never_evidence(assistant):
    for question in ("Who was killed in Tehran?", "Which judges were killed in Iran?"):
        answer = assistant.answer(question)
        check(answer)
        assert all("ALSO READ" not in hit.passage.span.text for hit in answer.hits)


def test_filters_keep_to_their_articles(assistant):
    by_outlet = assistant.answer("What did Balkhi say?", outlets=["centralasianlight.ORG"])
    assert {hit.passage.outlet for hit in by_outlet.hits} == {"CentralasianLIGHT.org"}
    dated = assistant.search("weapons", published_from="2025-03-01", published_to=date(2025, 4, 1))
    assert {hit.passage.span.doc_id for hit in dated} == {"003_cde5ec266f19755c.txt"}


def test_a_date_filter_says_what_it_left_out(assistant):
    answer = assistant.answer("What did Balkhi say about mining?", as_of="2025-12-31")
    assert "left out 2 articles without a date" in " ".join(answer.notes)


def test_a_filter_that_leaves_nothing_is_named_as_the_reason(assistant):
    answer = assistant.answer("What did Balkhi say about mining?", as_of="2020-01-01")
    assert (answer.abstained, answer.reason) == (True, "filtered_out")
    nowhere = assistant.answer("What did Balkhi say?", outlets=["The Moon Times"])
    assert nowhere.reason == "filtered_out"
    assert "No article is from The Moon Times" in " ".join(nowhere.notes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"as_of": "next week"}, "is no date; write it as"),
        ({"published_from": "2025-02-30"}, "is no date"),
        ({"published_from": "2025-02-02", "published_to": "2025-01-01"}, "swap them"),
    ],
    ids=["words", "impossible", "crossed"],
)
def test_bad_dates_are_refused_in_one_line(assistant, options, says):
    with pytest.raises(rag.RagError, match=says):
        assistant.answer("What did Balkhi say?", **options)


def test_k_must_be_positive(assistant):
    with pytest.raises(rag.RagError, match="at least 1"):
        assistant.search("weapons", k=0)


def test_a_follow_up_is_understood_with_its_history(assistant):
    first = assistant.answer("Who is Shafqat Ali Khan?")
    for history in ([first], [(first.question, first.text)]):
        answer = assistant.answer("What did he say about the weapons?", history)
        assert answer.standalone == "What did Shafqat Ali Khan say about the weapons?"
        check(answer)


def test_a_follow_up_is_not_answered_with_the_last_answer(new_index, corpus):
    root = corpus(
        {
            "a.txt": "Steelmaker Ferrand will cut 1,200 jobs in Oudenbosch. "
            "Ferrand is led by chief executive Marianne Delcourt.\n"
        }
    )
    rag.build_index(root, new_index)
    with rag.Assistant.open(new_index) as opened:
        first = opened.answer("How many jobs will Ferrand cut?")
        second = opened.answer("Who is its chief executive?", [first])
    assert (first.short_answer, second.short_answer) == ("1,200", "Marianne Delcourt")


def test_streaming_yields_the_same_checked_answer(assistant):
    question = "How much is the equipment worth?"
    parts = list(assistant.stream(question))
    once = assistant.answer(question)
    assert [p.citations for p in parts] == [once.citations]
    assert parts[-1].text == once.text


def test_many_threads_get_their_own_answers(assistant):
    questions = [row["question"] for row in QUESTIONS[:24]]
    alone = [assistant.answer(q).citations for q in questions]
    together: dict[int, tuple] = {}

    def work(i: int) -> None:
        together[i] = assistant.answer(questions[i]).citations

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[i] for i in range(len(questions))] == alone


def test_a_closed_assistant_says_so(seeds_index):
    with rag.Assistant.open(seeds_index) as opened:
        assert opened.search("weapons")
    with pytest.raises(rag.RagError, match="closed"):
        opened.answer("What now?")


def test_articles_and_outlets_can_be_listed(assistant):
    assert [article.doc_id for article in assistant.articles()] == sorted(TEXTS)
    assert assistant.outlets() == ["CentralasianLIGHT.org"]
    assert assistant.article("nowhere.txt") is None
    for article in assistant.articles():
        assert article.text == TEXTS[article.doc_id]


def test_the_retriever_is_a_langchain_one(assistant):
    from langchain_core.retrievers import BaseRetriever

    retriever = assistant.as_retriever(k=3)
    assert isinstance(retriever, BaseRetriever)
    documents = retriever.invoke("mining operations")
    hits = assistant.search("mining operations", k=3)
    assert [d.page_content for d in documents] == [hit.passage.span.text for hit in hits]
    for document in documents:
        place = document.metadata
        assert TEXTS[place["doc_id"]][place["start"] : place["end"]] == document.page_content


def test_one_call_builds_the_index_it_needs(tmp_path, monkeypatch, new_index):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "a.txt").write_text("The lighthouse keeper of Skagen is Anna Berg.\n")
    monkeypatch.chdir(tmp_path)
    answer = rag.answer("Who is the lighthouse keeper of Skagen?")
    assert answer.citations[0].quote == "The lighthouse keeper of Skagen is Anna Berg."
    assert (tmp_path / "index" / "manifest.json").is_file()


def test_a_text_altered_in_the_store_is_never_quoted(new_index):
    import sqlite3

    rag.build_index(SEEDS, new_index)
    [store] = new_index.glob("generations/*/store.sqlite")
    with sqlite3.connect(store) as db:
        db.execute(
            "UPDATE articles SET text = replace(text, 'will not be returned', 'will be now returned')"
        )
    with rag.Assistant.open(new_index) as opened:
        for question in ("Will the weapons be returned?", "What did Balkhi say about the weapons?"):
            answer = opened.answer(question)
            assert all(c.doc_id != "003_cde5ec266f19755c.txt" for c in answer.citations)


class _Original:
    """The reading network in torch and float32, in the place of its light form."""

    streams = 1

    def __init__(self) -> None:
        self._network = build_network(find_model(PACKAGED_MODEL).folder)
        trained = {name: tensor.float() for name, tensor in load_file(NETWORK).items()}
        self._network.load_state_dict(trained, strict=False)
        self._network.eval()

    def __call__(self, batches):
        with torch.no_grad():
            return [self._network(*map(torch.from_numpy, batch)).numpy() for batch in batches]


def test_the_light_forms_answer_the_whole_question_set_as_the_originals_do(remembered, seeds_index):
    made = networks_of(seeds_index, read_manifest(seeds_index))
    reader = made.reader
    reader._network = _Original()
    originals = Networks(
        made.models, lambda: QuestionEncoder(find_model(PACKAGED_MODEL)), lambda: reader
    )
    same = []
    with rag.Assistant(seeds_index, load_settings(), networks=originals) as original:
        for row in QUESTIONS:
            light, full = ask(remembered, row), ask(original, row)
            cited = [[(c.doc_id, c.start, c.end) for c in a.citations] for a in (light, full)]
            alike = cited[0] == cited[1] and light.short_answer == full.short_answer
            same.append(alike and abs(light.confidence - full.confidence) < 0.1)
    # In bfloat16 a few close calls between two spans go the other way, and with them how sure the
    # answer is.
    assert sum(same) >= 0.97 * len(same)
