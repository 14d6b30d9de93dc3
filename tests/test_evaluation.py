"""Evaluating the assistant over the seeds: question sets, reports, comparisons, the command line."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from conftest import ROOT, SEEDS, Remembered, Wrapped

import rag
from rag.evaluation.compare import compare
from rag.evaluation.questions import Question, read_questions
from rag.evaluation.records import read_records
from rag.evaluation.scores import ALL_MEASURES
from rag.index.opened import OpenIndex
from rag.reader.features import load_fitted
from rag.reader.spans import FEATURES, WEIGHTS
from rag.settings import load_settings

SET = ROOT / "tests" / "questions.jsonl"
A = "000_af892b8019acd49c.txt"
TEXT = (SEEDS / A).read_text(encoding="utf-8")


class AlwaysAnswering(Wrapped):
    def answer(self, question, history=(), **options):
        return self.assistant.answer(question, history, **options | {"error_rate": 1.0})


class AlwaysDeclining(Wrapped):
    def answer(self, question, history=(), **options):
        return self.assistant.answer(question, history, **{"error_rate": 0.0} | {
            name: value for name, value in options.items() if value is not None
        })  # fmt: skip


class OtherSearch(Wrapped):
    """Answers of one assistant, hits of another."""

    def __init__(self, assistant: rag.Assistant, other: rag.Assistant) -> None:
        super().__init__(assistant)
        self.other = other

    def search(self, query, k=10, **options):
        return self.other.search(query, k, **options)


class Shuffled(Wrapped):
    def search(self, query, k=10, **options):
        hits = self.assistant.search(query, k, **options)
        random.Random(query).shuffle(hits)
        return [dataclasses.replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)]


@pytest.fixture(scope="module")
def report(remembered: Remembered) -> rag.Report:
    return rag.evaluate(remembered, SET)


def test_every_score_has_its_value_count_and_interval(report):
    assert len(report.records) == 267
    asked = sum(record.answerable for record in report.records)
    names = [score.name for group in report.scores.values() for score in group]
    assert sorted(names) == sorted(ALL_MEASURES)
    for name in names:
        score = report.score(name)
        if name != "calibration error":  # larger in a resample, on average
            assert 0 <= score.low <= score.value <= score.high <= 1, name
        assert 0 < score.n <= 267
    assert report.score("article nDCG@10").n == report.score("answered right").n == asked
    assert report.score("quote fidelity").value == 1
    assert report.score("AURC").n == 267


def test_scores_agree_with_counting_by_hand(report):
    given = [r for r in report.records if not r.abstained]
    right = [r for r in given if r.given.right]
    asked = [r for r in report.records if r.answerable]
    without = [r for r in report.records if not r.answerable]
    declined = [r for r in report.records if r.abstained]
    expected = {
        "answered right": len(right) / len(asked),
        "right when answering": len(right) / len(given),
        "declining recall": sum(r.abstained for r in without) / len(without),
        "declining precision": sum(not r.answerable for r in declined) / len(declined),
    }
    assert {n: report.score(n).value for n in expected} == pytest.approx(expected)
    assert sum(row.n for row in report.types) == 267
    assert sum(row.answered_right for row in report.types) == len(right)
    texts = {p.name: p.read_text(encoding="utf-8") for p in SEEDS.glob("*.txt")}
    for record in given:
        assert record.given.quotes
        for quote in record.given.quotes:
            assert texts[quote.doc_id][quote.start : quote.end] == quote.quote
            overlaps = any(
                doc == quote.doc_id and start < quote.end and quote.start < end
                for doc, start, end, _ in record.gold_quotes
            )
            assert quote.gold is (overlaps if record.gold_quotes else None)


def test_a_declined_question_keeps_what_was_withheld(report):
    declined = [r for r in report.records if r.abstained]
    assert all(r.given is None and r.withheld is not None for r in declined)
    least = load_fitted(WEIGHTS, FEATURES).threshold(load_settings().error_rate)
    assert all(r.confidence < least for r in declined)
    assert any(r.guess_right for r in declined)


def test_two_runs_write_the_same_bytes_but_for_the_times(assistant, tmp_path):
    rows = [json.loads(line) for line in SET.open(encoding="utf-8")][:24]
    for name in ("a", "b"):
        rag.evaluate(assistant, rows).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["records.jsonl", "report.html", "scores.json", "times.html", "times.json"]
    for name in ("records.jsonl", "report.html", "scores.json"):
        first = (tmp_path / "a" / name).read_bytes()
        assert first == (tmp_path / "b" / name).read_bytes()
    times = json.loads((tmp_path / "a" / "times.json").read_text())
    assert len(times["seconds"]) == 24
    assert 0 < times["median_s"] <= times["p95_s"]


def test_records_survive_being_written(report, tmp_path):
    report.save(tmp_path)
    assert read_records(tmp_path) == list(report.records)
    assert read_records(tmp_path / "records.jsonl") == list(report.records)


def test_the_report_fetches_nothing_and_escapes_everything(assistant, tmp_path):
    question = {
        "id": "x", "question": "<script>alert(1)</script> & $x^$\u2028武器?",
        "answers": ["<b>no</b>"], "type": "$^$\n<i>",
    }  # fmt: skip
    rag.evaluate(
        assistant, [question, {"id": "y", "question": "Who is Balkhi?", "answers": []}]
    ).save(tmp_path)
    for name in ("report.html", "times.html"):
        html = (tmp_path / name).read_text(encoding="utf-8")
        assert "<script" not in html
        # XML namespaces of the plots are names, not addresses that are fetched.
        fetched = re.findall(r'(?:src|href)="(?!#)([^"]*)"|url\((?!#)([^)]*)\)|@import', html)
        assert {a or b for a, b in fetched} <= {"times.html"}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert len(read_records(tmp_path)) == 2


def test_the_same_run_twice_is_no_different(report):
    found = compare(report.records, report.records)
    assert (found.verdict, found.flips) == ("no difference seen", ())
    assert {d.verdict for d in found.differences} == {"no difference seen"}
    assert all(d.change == 0 and d.p == 1 for d in found.differences)


@pytest.mark.parametrize("worse", [AlwaysAnswering, AlwaysDeclining, Shuffled])
def test_a_worsened_pipeline_is_called_worse(remembered, report, worse):
    rows = [json.loads(line) for line in SET.open(encoding="utf-8")][::2]
    asked = {row["id"] for row in rows}
    sound = [record for record in report.records if record.id in asked]
    worsened = rag.evaluate(worse(remembered), rows).records
    found = compare(sound, worsened)
    assert found.verdict == "worse"
    back = compare(worsened, sound)
    assert back.verdict == "better"
    assert len(back.flips) == len(found.flips)


def test_dense_retrieval_alone_is_called_worse(assistant, remembered, report, monkeypatch):
    # Retrieval alone is judged here: the answers are those of the sound pipeline.
    worsened = OtherSearch(remembered, assistant)
    monkeypatch.setattr(OpenIndex, "lexical", lambda *_: [])
    found = compare(report.records, rag.evaluate(worsened, SET).records)
    assert found.verdict == "worse"
    assert {d.name for d in found.differences if d.verdict == "worse"} >= {"quote RR"}


def test_runs_over_different_questions_are_not_compared(report):
    with pytest.raises(rag.QuestionSetError, match=r"1 are only in A \(.*\), 0 only in B"):
        compare(report.records, report.records[1:])
    changed = dataclasses.replace(report.records[0], question="Another one?")
    with pytest.raises(rag.QuestionSetError, match="differs between the runs for 1 ids"):
        compare(report.records, [changed, *report.records[1:]])


def test_a_changed_gold_is_noticed(report):
    changed = dataclasses.replace(report.records[0], gold_doc_ids=("other.txt",))
    with pytest.raises(rag.QuestionSetError, match="differs between the runs for 1 ids"):
        compare(report.records, [changed, *report.records[1:]])


def test_flips_name_the_questions(report):
    first = next(r for r in report.records if r.given is not None and r.given.right)
    wrong = dataclasses.replace(first, given=dataclasses.replace(first.given, right=False))
    others = [r for r in report.records if r.id != first.id]
    found = compare([first, *others], [wrong, *others])
    assert [(f.id, f.now_right) for f in found.flips] == [(first.id, False)]
    assert "Right in A only: 1" in found.table()


BAD = [
    ("no JSON (expecting property name", "{not json"),
    ("nested too deeply", "[" * 100_000),
    ("half a surrogate pair", '{"id": "\\ud800", "question": "Q?", "answers": []}'),
    ("type yesno is judged by its quotes",
     f'{{"id": "q16", "question": "Is it?", "answers": [], "doc_ids": ["{A}"], "type": "yesno"}}'),
    ("no JSON object", "[1]"),
    ("question: field required", '{"id": "q3", "answers": []}'),
    ("answers: input should be a valid list", '{"id": "q4", "question": "Q?", "answers": "x"}'),
    ("'gone.txt' is not in the corpus",
     '{"id": "q5", "question": "Q?", "answers": ["x"], "doc_ids": ["gone.txt"]}'),
    (f"5:999999 does not fit '{A}', which has {len(TEXT)} characters",
     f'{{"id": "q6", "question": "Q?", "answers": ["x"], "quotes": '
     f'[{{"doc_id": "{A}", "start": 5, "end": 999999}}]}}'),
    ("7:7 does not fit",
     f'{{"id": "q7", "question": "Q?", "answers": ["x"], "quotes": '
     f'[{{"doc_id": "{A}", "start": 7, "end": 7}}]}}'),
    ("id 'ok' is already used by line 1", '{"id": "ok", "question": "Q?", "answers": []}'),
    ("answers is empty",
     f'{{"id": "q9", "question": "Q?", "answers": [], "doc_ids": ["{A}"]}}'),
    ("as_of 'soon' is no date", '{"id": "q10", "question": "Q?", "answers": [], "as_of": "soon"}'),
    ("history: each turn is [question, answer]",
     '{"id": "q11", "question": "Q?", "answers": [], "history": [["only one"]]}'),
    ("question is empty", '{"id": "q12", "question": " ", "answers": []}'),
    ("answers: one is empty", '{"id": "q13", "question": "Q?", "answers": [""]}'),
    ("quotes.0.start: input should be a valid integer",
     f'{{"id": "q14", "question": "Q?", "answers": ["x"], "quotes": '
     f'[{{"doc_id": "{A}", "start": "5", "end": 9}}]}}'),
    ("'gone.txt' is not in the corpus",
     '{"id": "q15", "question": "Q?", "answers": ["x"], "quotes": '
     '[{"doc_id": "gone.txt", "start": 0, "end": 9}]}'),
]  # fmt: skip


def test_a_bad_question_set_names_every_bad_line_and_what_is_wrong(assistant, tmp_path):
    good = '{"id": "ok", "question": "Who is Balkhi?", "answers": []}'
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([good, "", *(line for _, line in BAD)]), encoding="utf-8")
    with pytest.raises(rag.QuestionSetError) as caught:
        rag.evaluate(assistant, path)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{len(BAD)} entries are wrong" in message
    for number, (says, _) in enumerate(BAD, start=3):
        part = message.split(f"line {number}: ")[1].split("; line ")[0]
        assert says in part


@pytest.mark.parametrize("text", ["", "\n  \n", "\ufeff"])
def test_an_empty_question_set_is_refused(assistant, tmp_path, text):
    path = tmp_path / "empty.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(rag.QuestionSetError, match="is empty"):
        rag.evaluate(assistant, path)
    with pytest.raises(rag.QuestionSetError, match="is empty"):
        rag.evaluate(assistant, [])


def test_an_unreadable_question_set_is_refused(assistant, tmp_path):
    with pytest.raises(rag.QuestionSetError, match="cannot be read"):
        rag.evaluate(assistant, tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes('{"id": "é"}'.encode("latin-1"))
    with pytest.raises(rag.QuestionSetError, match="not UTF-8"):
        rag.evaluate(assistant, tmp_path / "latin.jsonl")


def test_entries_in_memory_are_checked_like_lines(assistant):
    entries = [
        "no mapping",
        {"id": "d", "question": "Q?", "answers": [], "as_of": date(2025, 3, 30)},
    ]
    with pytest.raises(
        rag.QuestionSetError, match=r"1 entry is wrong.* question 1: no JSON object"
    ):
        rag.evaluate(assistant, entries)
    assert rag.evaluate(assistant, entries[1:]).records[0].as_of == "2025-03-30"


def test_a_question_that_cannot_be_asked_is_named(assistant):
    long = {"id": "too-long", "question": "why " * 600, "answers": []}
    with pytest.raises(rag.QuestionSetError, match=r"'too-long' cannot be asked.*shorten it"):
        rag.evaluate(assistant, [long])


@pytest.mark.parametrize("answerable", [True, False])
def test_a_set_of_one_kind_is_compared_by_what_is_right_for_it(assistant, report, answerable):
    mine = [r for r in report.records if r.answerable == answerable]
    gone = "answered right" if answerable else "declining recall"
    turned = []
    for record in mine:
        if answerable:
            changed = {n: 0.0 for n in record.scores if n in {"answered right", "token F1"}}
            turned.append(dataclasses.replace(
                record, abstained=True, given=None, withheld=record.given or record.withheld,
                scores={**record.scores, **changed},
            ))  # fmt: skip
        else:
            turned.append(dataclasses.replace(
                record, abstained=False, given=record.given or record.withheld, withheld=None
            ))  # fmt: skip
    found = compare(mine, turned)
    assert found.verdict == "worse"
    assert gone in {d.name for d in found.differences if d.verdict == "worse"}


def test_worse_short_answers_alone_are_called_worse(report):
    spoilt = [
        dataclasses.replace(
            r, scores={n: 0.0 if n == "token F1" else v for n, v in r.scores.items()}
        )
        for r in report.records
    ]
    found = compare(report.records, spoilt)
    assert found.verdict == "worse"
    deciding = {d.name for d in found.differences if d.decides and d.verdict == "worse"}
    assert deciding == {"token F1, both answered"}


def test_one_question_is_too_few_to_compare(report):
    found = compare(report.records[:1], report.records[:1])
    assert (found.verdict, found.differences) == ("too few questions", ())


def test_an_unknown_split_names_those_there_are(assistant):
    with pytest.raises(rag.QuestionSetError, match="'train'; the splits are: dev, test"):
        rag.evaluate(assistant, SET, split="train")


def test_a_question_set_is_read_as_it_is_written(assistant, tmp_path):
    row = {
        "id": "q", "question": "When?", "answers": ["in 2021"], "type": "when", "extra": 1,
        "doc_ids": [], "quotes": [{"doc_id": A, "start": 0, "end": 11}],
        "history": [["Who?", "They."]], "as_of": "2025-03-30", "split": "dev",
    }  # fmt: skip
    path = tmp_path / "one.jsonl"
    path.write_text("\ufeff" + json.dumps(row) + "\r\n", encoding="utf-8")
    [question] = read_questions(path, assistant.article)
    assert question.quotes[0].text == TEXT[:11]
    assert question.doc_ids == (A,)
    assert question.history == (("Who?", "They."),)
    assert question.as_of == date(2025, 3, 30)
    assert question.answerable
    [same] = rag.evaluate(assistant, [question]).records
    assert same == rag.evaluate(assistant, [row]).records[0]
    assert not Question("n", "None?").answerable


def test_a_list_must_show_every_item(assistant):
    question = "How much is the equipment left in Afghanistan worth?"
    row = {"id": "q", "question": question, "type": "list"}
    [some] = rag.evaluate(assistant, [row | {"answers": ["vehicles", "submarines"]}]).records
    [every] = rag.evaluate(assistant, [row | {"answers": ["weapons", "vehicles"]}]).records
    assert (some.guess_right, every.guess_right) == (False, True)


def test_questions_without_gold_quotes_are_judged_by_their_answers(assistant):
    row = {"id": "q", "question": "How much is the equipment left in Afghanistan worth?"}
    [right] = rag.evaluate(assistant, [row | {"answers": ["$7 billion"]}]).records
    [wrong] = rag.evaluate(assistant, [row | {"answers": ["$70 billion"]}]).records
    assert (right.given.right, wrong.given.right) == (True, False)
    assert right.scores["quote hit"] == right.scores["exact match"] == 1
    assert "article nDCG@10" not in right.scores
    assert "citation precision" not in right.scores
    report = rag.evaluate(assistant, [row | {"answers": ["$7 billion"], "doc_ids": [A]}])
    assert report.score("article Success@5").value == 1
    assert report.score("article Success@1").low is None


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_the_command_line_evaluates_and_compares(seeds_index, tmp_path):
    path = tmp_path / "few.jsonl"
    path.write_text("".join(SET.open(encoding="utf-8").readlines()[:12]), encoding="utf-8")
    shown = run("evaluate", path, "--index", seeds_index, "--out", tmp_path / "one")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "quote fidelity" in shown.stdout
    assert str(tmp_path / "one" / "report.html") in shown.stdout
    as_json = run("evaluate", path, "--index", seeds_index, "--json")
    values = json.loads(as_json.stdout)
    assert values["questions"] == 12
    assert values["scores"]["Citations"]["quote fidelity"]["value"] == 1
    compared = run("compare", tmp_path / "one", tmp_path / "one")
    assert compared.returncode == 0
    assert "NO DIFFERENCE SEEN" in compared.stdout
    found = json.loads(run("compare", tmp_path / "one", tmp_path / "one", "--json").stdout)
    assert found["verdict"] == "no difference seen"


def test_the_command_line_refuses_in_one_line(seeds_index, tmp_path):
    (tmp_path / "bad.jsonl").write_text("{\n[]\n")
    (tmp_path / "records.jsonl").write_text('{"format": 1}\n')
    (tmp_path / "old.jsonl").write_text('{"format": 0}\n')
    for arguments, says in (
        (
            ("evaluate", tmp_path / "bad.jsonl", "--index", seeds_index, "--out", tmp_path / "a/b"),
            "line 2: no JSON object",
        ),
        (("evaluate", SET, "--index", tmp_path / "none"), "no index"),
        (("evaluate", SET, "--index", seeds_index, "--out", tmp_path / "bad.jsonl/x"), "no folder"),
        (("compare", tmp_path / "none", tmp_path / "none"), "no run to read"),
        (("compare", tmp_path, tmp_path), "line 1, is no record"),
        (("compare", tmp_path / "old.jsonl", tmp_path), "another version"),
    ):
        done = run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("rag: ")
        assert done.stderr.count("\n") == 1
        assert says in done.stderr
    assert not (tmp_path / "a").exists()
