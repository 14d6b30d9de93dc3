"""Evaluating from the page: what is run, kept, shown, compared and handed out."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import gradio as gr
import pytest
from conftest import SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag.evaluation.compare import compare
from rag.evaluation.questions import Question, read_questions
from rag.evaluation.records import read_records
from rag.page import evaluation
from rag.page.evaluation import (
    build_evaluation,
    comparison_text,
    keep_run,
    kept_runs,
    report_frame,
    run_feedback,
    run_set,
    zip_run,
)
from rag.page.feedback import Rated, feedback_file, store_feedback
from rag.settings import Settings

A = "000_af892b8019acd49c.txt"
TEXT = (SEEDS / A).read_text(encoding="utf-8")
WORTH = "How much is the equipment left in Afghanistan worth?"
FILES = ["records.jsonl", "report.html", "scores.json", "times.html", "times.json"]
HOSTILE = {
    "id": "h", "question": '"><script>alert(1)</script> src="times.html"?', "answers": ["no"],
}  # fmt: skip


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(assistant: rag.Assistant) -> rag.Report:
    return rag.evaluate(assistant, [HOSTILE, {"id": "n", "question": "Who?", "answers": []}])


@pytest.fixture(scope="module")
def saved(report: rag.Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's files, drawn once: copy them."""
    folder = tmp_path_factory.mktemp("saved")
    report.save(folder)
    return folder


def test_the_command_line_writes_these_files(saved):
    assert sorted(os.listdir(saved)) == FILES


# rag.evaluate: progress, and questions nobody has judged


def test_progress_is_told(assistant):
    told: list[tuple[int, int]] = []
    rows = [{"id": str(n), "question": WORTH, "answers": ["$7 billion"]} for n in range(3)]
    rag.evaluate(assistant, rows, progress=lambda done, of: told.append((done, of)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_what_progress_raises_ends_the_evaluation(assistant):
    def stop(done: int, of: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rag.evaluate(assistant, [HOSTILE, HOSTILE | {"id": "2"}], progress=stop)


def test_a_bar_is_drawn_on_stderr(assistant, capsys):
    rag.evaluate(assistant, [HOSTILE], progress=True)
    assert "asking" in capsys.readouterr().err
    rag.evaluate(assistant, [HOSTILE])
    assert capsys.readouterr().err == ""


def test_questions_that_nobody_judged_are_left_out_and_counted(assistant, tmp_path):
    known = {"id": "known", "question": WORTH, "answers": ["$7 billion"], "split": "a"}
    unknown = {"id": "unknown", "question": "Who is Balkhi?", "answers": None, "split": "a"}
    other = unknown | {"id": "other", "split": "b"}
    path = write(tmp_path / "some.jsonl", unknown, known, other)
    found = rag.evaluate(assistant, path)
    assert [record.id for record in found.records] == ["known"]
    assert found.name == "some.jsonl, 2 left out (nobody has said what is right)"
    assert found.table().startswith(f"{found.name}: 1 questions\n")
    assert rag.evaluate(assistant, path, split="a").name == (
        "some.jsonl, split a, 1 left out (nobody has said what is right)"
    )
    with pytest.raises(rag.QuestionSetError, match=r"split b has nothing to score.*1 with answers"):
        rag.evaluate(assistant, path, split="b")
    with pytest.raises(rag.QuestionSetError, match=r"given has nothing to score"):
        rag.evaluate(assistant, [Question("q", "Who?", judged=False)])


def test_questions_that_nobody_judged_are_still_checked(assistant, tmp_path):
    rows = [
        {"id": "1", "question": "Q?", "answers": None, "doc_ids": [A]},
        {"id": "2", "question": "Q?", "answers": None, "doc_ids": ["gone.txt"]},
        {"id": "3", "question": "", "answers": None},
        {"id": "4", "question": "Q?"},
    ]
    with pytest.raises(rag.QuestionSetError, match="3 entries are wrong") as caught:
        read_questions(write(tmp_path / "set.jsonl", *rows), assistant.article)
    says = str(caught.value)
    assert "line 1" not in says
    assert "line 2: doc_ids: 'gone.txt' is not in the corpus; line 3: question is empty" in says
    assert "line 4: answers: field required" in says


def test_a_quote_may_carry_its_words_and_they_must_stand_there(assistant, tmp_path):
    quote = {"doc_id": A, "start": 0, "end": 11}
    row = {"id": "q", "question": "Q?", "answers": ["x"], "quotes": [quote | {"text": TEXT[:11]}]}
    [question] = read_questions(write(tmp_path / "good.jsonl", row), assistant.article)
    assert question.quotes[0].text == TEXT[:11]
    bad = write(tmp_path / "bad.jsonl", row | {"quotes": [quote | {"text": TEXT[1:12]}]})
    with pytest.raises(rag.QuestionSetError, match=f"0:11 of '{A}' is another text"):
        read_questions(bad, assistant.article)


def test_feedback_alone_may_have_quotes_without_an_answer(assistant, tmp_path):
    row = {"id": "q", "question": WORTH, "answers": [], "type": "feedback",
           "quotes": [{"doc_id": A, "start": 0, "end": len(TEXT)}]}  # fmt: skip
    [record] = rag.evaluate(assistant, [row]).records
    assert (record.answerable, record.guess_right) == (True, True)
    assert "exact match" not in record.scores
    for wrong in (row | {"type": "fact"}, row | {"quotes": [], "doc_ids": [A]}):
        with pytest.raises(rag.QuestionSetError, match="only types yesno and feedback"):
            rag.evaluate(assistant, [wrong])


# Runs


def test_a_run_is_kept_as_the_command_line_writes_it(assistant, tmp_path):
    path = write(tmp_path / "My set.jsonl", HOSTILE, {"id": "n", "question": "Who?", "answers": []})
    told: list[tuple[int, int]] = []
    name = run_set(assistant, tmp_path / "index", path, lambda *pair: told.append(pair))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-My-set", name)
    assert told == [(0, 2), (1, 2), (2, 2)]
    folder = tmp_path / "index" / "runs" / name
    assert sorted(os.listdir(folder)) == FILES
    rag.evaluate(assistant, path).save(tmp_path / "out")
    for file in FILES[:3]:
        assert (folder / file).read_bytes() == (tmp_path / "out" / file).read_bytes()
    assert kept_runs(tmp_path / "index") == [name]


def test_feedback_is_run_and_its_stale_lines_are_counted(assistant, tmp_path):
    start = TEXT.index("$7 billion")
    rated = Rated(WORTH, (), "$7 billion", ((A, start, start + 10),), False)
    common = {"right_answer": "", "declined_is_right": False, "comment": "", "settings": Settings()}
    store_feedback(tmp_path, rated, liked=True, fetch=assistant.article, **common)
    store_feedback(tmp_path, rated, liked=False, **common)
    gone = Rated("Gone?", (), None, (("gone.txt", 0, 5),), False)
    store_feedback(tmp_path, gone, liked=True, **common)
    name, left_out = run_feedback(assistant, tmp_path)
    assert left_out == 1
    assert name.endswith("Z-feedback")
    [record] = read_records(tmp_path / "runs" / name)
    assert (record.question, record.gold_answers, record.type) == (
        WORTH,
        ("$7 billion",),
        "feedback",
    )
    assert record.gold_quotes == ((A, start, start + 10, "$7 billion"),)
    scores = json.loads((tmp_path / "runs" / name / "scores.json").read_text())
    assert scores["name"] == "feedback.jsonl, 1 left out (nobody has said what is right)"
    assert len(feedback_file(tmp_path).read_text().splitlines()) == 3


def test_sets_that_are_too_large_are_refused_before_they_are_read(assistant, tmp_path, monkeypatch):
    many = tmp_path / "many.jsonl"
    many.write_text("{}\n\n" * 5_001)
    with pytest.raises(rag.QuestionSetError, match="has 5,001 questions; the page takes 5,000"):
        run_set(assistant, tmp_path, many)
    with many.open("ab") as stream:
        stream.truncate(20_000_001)
    with pytest.raises(rag.QuestionSetError, match=r"has 20\.0 MB; the page takes 20 MB"):
        run_set(assistant, tmp_path, many)
    with pytest.raises(rag.QuestionSetError, match=r"none\.jsonl cannot be read"):
        run_set(assistant, tmp_path, tmp_path / "none.jsonl")
    assert kept_runs(tmp_path) == []


def test_there_is_room_for_fifty_runs_and_none_is_lost(assistant, report, saved, tmp_path):
    for number in range(50):
        shutil.copytree(saved, tmp_path / "runs" / f"run-{number:02}")
    path = write(tmp_path / "set.jsonl", HOSTILE)
    for refused in (
        lambda: run_set(assistant, tmp_path, path, lambda *_: pytest.fail("was asked")),
        lambda: keep_run(tmp_path, report, "more"),
    ):
        with pytest.raises(rag.RagError, match=f"50 runs already; move some out of {tmp_path}"):
            refused()
    assert len(kept_runs(tmp_path)) == 50
    shutil.move(tmp_path / "runs" / "run-07", tmp_path / "elsewhere")
    assert keep_run(tmp_path, report, "more") in kept_runs(tmp_path)


def test_a_partial_run_is_not_seen_and_does_not_mix_with_the_next(report, saved, tmp_path):
    partial = tmp_path / "runs" / ".partial"
    shutil.copytree(saved, partial)
    (partial / "left.txt").write_text("by a process that was killed")
    (tmp_path / "runs" / "no-run").mkdir()
    assert kept_runs(tmp_path) == []
    name = keep_run(tmp_path, report, "set")
    assert kept_runs(tmp_path) == [name]
    assert sorted(os.listdir(tmp_path / "runs" / name)) == FILES
    assert not partial.exists()


def test_runs_of_one_second_have_names_of_their_own(report, tmp_path):
    names = [keep_run(tmp_path, report, "set") for _ in range(2)]
    assert len(set(names)) == 2
    assert sorted(kept_runs(tmp_path)) == sorted(names)


def test_a_run_that_cannot_be_kept_is_said_in_one_line(assistant, report, tmp_path):
    (tmp_path / "runs").write_text("in the way")
    path = write(tmp_path / "set.jsonl", HOSTILE)
    with pytest.raises(rag.RagError, match=r"runs cannot be kept in .* \(File exists\)"):
        run_set(assistant, tmp_path, path, lambda *_: pytest.fail("was asked"))
    (tmp_path / "runs").unlink()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".partial").write_text("in the way")
    with pytest.raises(rag.RagError, match=r"cannot be kept in .* \(Not a directory\)"):
        keep_run(tmp_path, report, "set")
    assert kept_runs(tmp_path) == []


@settings(deadline=None)
@given(label=st.text(max_size=300))
def test_a_name_is_one_plain_path_component(label):
    name = f"2026-11-22T05-02-48Z-{evaluation._plain(label)}"
    assert re.fullmatch(r"[A-Za-z0-9._-]{22,81}", name)
    assert Path(name).name == name


@pytest.mark.parametrize(
    "name",
    [None, "", ".", "..", "../runs", ".partial", "/etc", "gone", "one/", "one/../one", "x\0"],
)
def test_a_name_that_is_no_run_is_never_taken_for_a_path(saved, tmp_path, name):
    for place in ("runs/one", "runs/.partial", "gone"):
        shutil.copytree(saved, tmp_path / place)
    for refused in (
        lambda: report_frame(tmp_path, name),
        lambda: zip_run(tmp_path, name, tmp_path),
        lambda: comparison_text(tmp_path, "one", name),
        lambda: comparison_text(tmp_path, name, "one"),
    ):
        with pytest.raises(rag.RagError, match=r"there is no run .* any more|no run is chosen"):
            refused()


# What is shown


class Tags(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_the_report_is_framed_as_it_is(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "runs" / "one")
    [(tag, attributes)] = Tags(report_frame(tmp_path, "one")).found
    assert tag == "iframe"
    assert attributes["sandbox"] == ""
    assert attributes["title"] == "Report of one"
    shown = attributes["srcdoc"]
    saved = (tmp_path / "runs" / "one" / "report.html").read_text(encoding="utf-8")
    inner, outer = Tags(shown), Tags(saved)
    assert inner.text == outer.text
    assert "<script>alert(1)</script>" in inner.text
    assert {tag for tag, _ in inner.found} == {tag for tag, _ in outer.found}
    assert "script" not in {tag for tag, _ in inner.found}
    # The times are in the frame; nothing in it is fetched from beside it.
    [times] = [attrs for tag, attrs in inner.found if tag == "iframe"]
    assert times["srcdoc"] == (tmp_path / "runs" / "one" / "times.html").read_text()
    pointed = [a.get("href") or a.get("src") for _, a in inner.found]
    assert [link for link in pointed if link and not link.startswith("#")] == []


def test_a_report_that_cannot_be_read_is_said(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "runs" / "one")
    (tmp_path / "runs" / "one" / "report.html").unlink()
    with pytest.raises(rag.RagError, match=r"report of the run in .*one cannot be read"):
        report_frame(tmp_path, "one")


def test_two_runs_are_compared_as_on_the_command_line(report, saved, tmp_path):
    for name in ("one", "two", "other"):
        shutil.copytree(saved, tmp_path / "runs" / name)
    assert (
        comparison_text(tmp_path, "one", "two") == compare(report.records, report.records).table()
    )
    records = tmp_path / "runs" / "other" / "records.jsonl"
    records.write_text(records.read_text(encoding="utf-8").split("\n")[0] + "\n", encoding="utf-8")
    with pytest.raises(rag.QuestionSetError, match="not over the same questions: 1 are only in A"):
        comparison_text(tmp_path, "one", "other")


def test_a_run_is_packed_whole_and_always_the_same(saved, tmp_path):
    folder = tmp_path / "runs" / "one"
    shutil.copytree(saved, folder)
    (folder / "secret").symlink_to("/etc/passwd")
    first = zip_run(tmp_path, "one", tmp_path)
    assert first == tmp_path / "one.zip"
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == [f"one/{name}" for name in FILES]
        for name in FILES:
            assert archive.read(f"one/{name}") == (folder / name).read_bytes()
    before = first.read_bytes()
    os.utime(folder / "records.jsonl", (1, 1))
    assert zip_run(tmp_path, "one", tmp_path).read_bytes() == before


# The tab


@pytest.fixture
def tab(assistant: rag.Assistant, tmp_path: Path):
    """The tab in a page of its own, its parts by their ids, and its events by their functions."""
    with gr.Blocks() as page, gr.Tab("Evaluation"):
        build_evaluation(assistant, Settings(index=tmp_path / "index"))
    parts = {block.elem_id: block for block in page.blocks.values() if block.elem_id}
    events = {event.name.lstrip("_"): event for event in page.fns.values()}
    return parts, events


def test_the_tab_has_its_parts_and_offers_programs_nothing(tab):
    parts, events = tab
    ids = ["file", "feedback", "run", "status", "shown", "report", "download", "a", "b", "compare",
           "comparison"]  # fmt: skip
    assert sorted(parts) == sorted(f"rag-eval-{part}" for part in ids)
    assert {event.api_visibility for event in events.values()} == {"private"}
    assert events["run"].concurrency_limit == 1
    assert events["run"].concurrency_id == "evaluation"


def values(event, *inputs: object) -> list[object]:
    """What an event's function returns, updates as their values."""
    found = event.fn(*inputs)
    found = found if isinstance(found, list | tuple) else [found]
    return [one.value if isinstance(one, gr.components.Component) else one for one in found]


def test_a_set_is_run_shown_offered_and_compared(tab, tmp_path):
    _, events = tab
    path = write(tmp_path / "set.jsonl", HOSTILE)
    index = tmp_path / "index"
    status, shown, frame, offered, a, b = events["run"].fn(str(path), False, None)
    [name] = kept_runs(index)
    assert f"Kept as {index / 'runs' / name}." in status
    assert frame == report_frame(index, name)
    assert (shown.value, a.value, b.value) == (name, None, name)
    served = Path(offered.value["path"] if isinstance(offered.value, dict) else offered.value)
    assert served.name == f"{name}.zip"
    assert zipfile.is_zipfile(served)

    *_, a, b = events["run"].fn(str(path), False, None)
    newest, oldest = kept_runs(index)
    assert (a.value, b.value) == (oldest, newest)
    assert [[choice for choice, _ in part.choices] for part in events["known"].fn()] == [
        [newest, oldest]
    ] * 3
    [table] = values(events["compare"], oldest, newest)
    assert "&lt;script&gt;" not in str(table)  # no question flipped
    assert "B against A, 1 questions: TOO FEW QUESTIONS" in str(table)
    assert str(table).startswith("<pre")
    status, frame, _ = events["show"].fn(oldest)
    assert (status, frame) == ("", report_frame(index, oldest))


def test_what_goes_wrong_is_shown_in_the_tab_as_text(tab, tmp_path):
    _, events = tab
    bad = write(tmp_path / "set.jsonl", {"id": "<b>", "answers": []})
    for event, inputs, says in (
        ("run", (None, False, None), "no question set is chosen"),
        ("run", (str(bad), False, None), "line 1: question: field required"),
        ("run", (None, True, None), "no feedback is kept yet"),
        ("choose_feedback", (), "No feedback is kept yet"),
        ("show", ("../../etc",), "there is no run &#x27;../../etc&#x27; any more"),
        ("compare", (None, None), "no run is chosen"),
    ):
        shown = [text for text in values(events[event], *inputs) if isinstance(text, str)]
        assert any(says in text and 'role="status"' in text for text in shown), (event, inputs)
    bad.write_text("{\n" * 4_000)
    status = events["run"].fn(str(bad), False, None)[0]
    assert len(status) < 2_300
    assert "python -m rag evaluate shows all of it" in status


def test_feedback_is_chosen_and_run(tab, tmp_path):
    _, events = tab
    common = {"right_answer": "", "declined_is_right": False, "comment": "", "settings": Settings()}
    declined = Rated("Who won the football world cup in 1998?", (), None, (), True)
    store_feedback(tmp_path / "index", declined, liked=True, **common)
    store_feedback(
        tmp_path / "index", Rated("Gone?", (), "x", (("gone", 0, 5),), False), liked=True, **common
    )
    file, chosen, status = events["choose_feedback"].fn()
    assert (file, chosen) == (None, True)
    assert "2 ratings will be used" in status
    status, shown, *_ = events["run"].fn(None, True, None)
    assert "Left out: 1 rating of articles since changed or gone." in status
    assert shown.value.endswith("Z-feedback")


def test_the_run_is_told_its_progress_by_gradio(tab):
    _, events = tab
    default = inspect.signature(events["run"].fn).parameters["progress"].default
    assert isinstance(default, gr.Progress)
