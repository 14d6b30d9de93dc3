"""Feedback: what a rating is kept as, that nothing breaks the file, that it is a question set."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.datatypes import Article, QuestionSetError, RagError
from rag.evaluation.questions import GoldQuote, is_stale, read_questions
from rag.page.feedback import (
    Rated,
    copy_feedback,
    feedback_count,
    feedback_file,
    store_feedback,
)
from rag.settings import Settings

TEXT = "The crane cost $4 million. It was bought in 2019, said Kurt Lund."
ARTICLES = {"crane.txt": Article("crane.txt", "Crane", TEXT), "b.txt": Article("b.txt", "B", "Bee")}
FIRST, SECOND = ("crane.txt", 0, 26), ("crane.txt", 27, 65)
ANSWERED = Rated("How much?", (("Who?", "Lund."),), "$4 million", (FIRST,), False)
WITHOUT_SHORT = Rated("What of it?", (), None, (FIRST, SECOND, FIRST), False)
DECLINED = Rated("Who won?", (), None, (), True)
HERE = {"doc_id": "crane.txt", "start": 0, "end": 26}
THERE = {"doc_id": "crane.txt", "start": 27, "end": 65}


def store(index: Path, rated: Rated = ANSWERED, **given: object) -> str:
    options: dict[str, object] = {
        "liked": True, "right_answer": "", "declined_is_right": False, "comment": "",
        "settings": Settings(),
    } | given  # fmt: skip
    return store_feedback(index, rated, **options)  # type: ignore[arg-type]


def lines(index: Path) -> list[dict[str, object]]:
    text = feedback_file(index).read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


@pytest.mark.parametrize(
    ("rated", "given", "answers", "doc_ids", "quotes"),
    [
        (ANSWERED, {"liked": True}, ["$4 million"], ["crane.txt"], [HERE]),
        (WITHOUT_SHORT, {"liked": True}, [], ["crane.txt"], [HERE, THERE]),
        (DECLINED, {"liked": True}, [], [], []),
        (DECLINED, {"liked": True, "declined_is_right": True}, [], [], []),
        (ANSWERED, {"liked": False, "right_answer": " $5 million "}, ["$5 million"], [], []),
        (DECLINED, {"liked": False, "right_answer": "Ystad"}, ["Ystad"], [], []),
        (ANSWERED, {"liked": False, "declined_is_right": True}, [], [], []),
        (ANSWERED, {"liked": False}, None, [], []),
        (DECLINED, {"liked": False, "right_answer": " \n"}, None, [], []),
    ],
)
def test_what_a_rating_says_is_right(tmp_path, rated, given, answers, doc_ids, quotes):
    said = store(tmp_path, rated, comment="as I know", **given)
    [line] = lines(tmp_path)
    assert re.fullmatch("feedback-[0-9a-f]{32}", str(line.pop("id")))
    assert line.pop("day") == datetime.now(UTC).date().isoformat()
    assert line == {
        "question": rated.question,
        "answers": answers,
        "doc_ids": doc_ids,
        "quotes": quotes,
        "type": "feedback",
        "history": [list(turn) for turn in rated.history],
        "rating": "up" if given["liked"] else "down",
        "comment": "as I know",
    }
    assert ("once somebody writes down" in said) == (answers is None)
    [question] = read_questions(feedback_file(tmp_path), ARTICLES.get)
    assert question.judged == (answers is not None)
    assert question.answerable == bool(answers or quotes)
    assert question.history == rated.history


def test_quotes_are_read_with_their_words(tmp_path):
    store(tmp_path, WITHOUT_SHORT)
    [question] = read_questions(feedback_file(tmp_path), ARTICLES.get)
    assert question.quotes == (
        GoldQuote("crane.txt", 0, 26, "The crane cost $4 million."),
        GoldQuote("crane.txt", 27, 65, "It was bought in 2019, said Kurt Lund."),
    )


@pytest.mark.parametrize(
    ("rated", "given", "says"),
    [
        (ANSWERED, {"comment": "x" * 1_001}, "the comment has 1,001 characters"),
        (ANSWERED, {"liked": False, "right_answer": "x" * 1_001}, "right answer has 1,001"),
        (ANSWERED, {"right_answer": "other"}, "called right, and another one is too"),
        (ANSWERED, {"declined_is_right": True}, "called right, and another one is too"),
        (ANSWERED, {"liked": False, "right_answer": "x", "declined_is_right": True}, "take back"),
        (Rated(" \x00", (), None, (), True), {}, "no question"),
        (Rated("why " * 501, (), None, (), True), {}, "over 2000 characters"),
        (Rated("Q?", (), "x", (), False), {}, "does not say where"),
        (Rated("Q?", (), "x", (("crane.txt", 5, 5),), False), {}, "does not say where"),
        (Rated("Q?", (), "x", (("\ud800", 5, 6),), False), {}, "does not say where"),
        (Rated("Q?", (), "x", (("gone.txt", 0, 2),), False), {"fetch": ARTICLES.get}, "or gone"),
        (Rated("Q?", (), "x", (("b.txt", 0, 4),), False), {"fetch": ARTICLES.get}, "or gone"),
    ],
)
def test_what_is_refused_is_said_in_one_line_and_not_kept(tmp_path, rated, given, says):
    with pytest.raises(RagError, match=re.escape(says)) as caught:
        store(tmp_path, rated, **given)
    assert "\n" not in str(caught.value)
    assert feedback_count(tmp_path) == 0


def test_the_longest_texts_are_taken(tmp_path):
    store(tmp_path, liked=False, right_answer="é" * 1_000, comment="\n" + "x" * 1_000 + "\x00")
    [line] = lines(tmp_path)
    assert line["answers"] == ["é" * 1_000]
    assert line["comment"] == "x" * 1_000


def test_the_file_has_a_largest_size(tmp_path):
    small = Settings(max_feedback_mb=0.001)
    store(tmp_path, settings=small)
    size = feedback_file(tmp_path).stat().st_size
    with pytest.raises(RagError, match=r"is full \(0\.001 MB\); move the file elsewhere"):
        store(tmp_path, settings=small, comment="x" * (1_000 - size))
    assert feedback_file(tmp_path).stat().st_size == size


# Text as a browser may send it: JSON may even name half a surrogate pair.
ANY = st.text(max_size=60) | st.text(
    st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Co"]), max_size=20
)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_text_breaks_the_file(data):
    # In memory where the system has such a folder: every line is flushed to disk.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        keep_and_read(Path(folder), data)


def keep_and_read(index: Path, data: st.DataObject) -> None:
    kept = []
    for _ in range(data.draw(st.integers(1, 4))):
        rated = Rated(
            data.draw(ANY),
            tuple(data.draw(st.lists(st.tuples(ANY, ANY), max_size=2))),
            data.draw(st.none() | ANY),
            data.draw(st.sampled_from([(), (FIRST,), (FIRST, SECOND)])),
            data.draw(st.booleans()),
        )
        given = {
            "liked": data.draw(st.booleans()), "right_answer": data.draw(ANY),
            "declined_is_right": data.draw(st.booleans()), "comment": data.draw(ANY),
        }  # fmt: skip
        try:
            store(index, rated, fetch=ARTICLES.get, **given)
        except RagError:
            continue
        kept.append((rated, given))
    assert feedback_count(index) == len(kept)
    if not kept:
        return
    questions = read_questions(feedback_file(index), ARTICLES.get)
    assert len({question.id for question in questions}) == len(kept)
    for (rated, given), question, line in zip(kept, questions, lines(index), strict=True):
        assert question.question == clean(rated.question)
        assert question.history == tuple((clean(q), clean(a)) for q, a in rated.history)
        assert line["comment"] == clean(str(given["comment"]))
        assert set(question.answers) <= {
            clean(rated.short_answer or ""),
            clean(given["right_answer"]),
        }
        assert is_stale(json.dumps(line), ARTICLES.get) is False


def clean(text: str) -> str:
    """What is kept of a text, said another way than the program says it."""
    text = re.sub("\r\n?", "\n", text)
    return re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text).strip()


@pytest.mark.parametrize(
    ("left_behind", "kept"),
    [
        (b'{"id": "feedback-1", "question": "Ha', 2),
        (b'{"id": "x", "question": "Q?", "answers": []}', 3),  # an editor left out the line end
        (b"\xff\x00", 2),
        (b"", 2),
    ],
)
def test_what_a_crash_left_behind_does_not_break_the_next_line(tmp_path, left_behind, kept):
    store(tmp_path)
    with feedback_file(tmp_path).open("ab") as stream:
        stream.write(left_behind)
    assert feedback_count(tmp_path) == kept - 1
    store(tmp_path, DECLINED)
    questions = read_questions(feedback_file(tmp_path), ARTICLES.get)
    assert len(questions) == kept
    assert (questions[0].question, questions[-1].question) == ("How much?", "Who won?")


def test_a_disk_that_fills_up_leaves_the_file_as_it_was(tmp_path):
    store(tmp_path)
    before = feedback_file(tmp_path).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # The system takes the first bytes of the line and refuses the rest.
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        with pytest.raises(RagError, match=r"cannot be read or written \(File too large\)"):
            store(tmp_path, DECLINED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert feedback_file(tmp_path).read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "feedback").write_text("in the way")
    with pytest.raises(RagError, match=r"feedback .*make the folder writable"):
        store(tmp_path)


WRITER = """
import sys
from pathlib import Path
from rag.page.feedback import Rated, store_feedback
from rag.settings import Settings
for number in range(20):
    store_feedback(
        Path(sys.argv[1]), Rated(f"{sys.argv[2]} {number}?", (), None, (), True), liked=True,
        right_answer="", declined_is_right=False, comment="x" * 900, settings=Settings(),
    )
"""


def test_several_processes_write_whole_lines(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], cwd=ROOT)
        for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    questions = read_questions(feedback_file(tmp_path), ARTICLES.get)
    assert sorted(q.question for q in questions) == sorted(
        f"{w} {n}?" for w in "abc" for n in range(20)
    )
    for name in "abc":
        mine = [q.question for q in questions if q.question.startswith(name)]
        assert mine == [f"{name} {number}?" for number in range(20)]


def test_what_no_longer_fits_the_index_is_left_out_of_a_copy(tmp_path):
    for rated in (ANSWERED, DECLINED, Rated("B?", (), "Bee", (("b.txt", 0, 3),), False)):
        store(tmp_path, rated, fetch=ARTICLES.get)
    to = tmp_path / "set.jsonl"
    assert copy_feedback(tmp_path, to, ARTICLES.get) == 0
    assert to.read_bytes() == feedback_file(tmp_path).read_bytes()
    # As long as before, and another text.
    changed = ARTICLES | {"crane.txt": Article("crane.txt", "Crane", TEXT.replace("4", "5"))}
    assert copy_feedback(tmp_path, to, changed.get) == 1
    assert [q.question for q in read_questions(to, changed.get)] == ["Who won?", "B?"]
    with pytest.raises(QuestionSetError, match=r"line 1: quotes: 0:26 of 'crane.txt' is another"):
        read_questions(feedback_file(tmp_path), changed.get)
    assert copy_feedback(tmp_path, to, {}.get) == 2
    assert [q.question for q in read_questions(to, {}.get)] == ["Who won?"]


def test_lines_that_are_wrong_in_themselves_stay_to_be_named(tmp_path):
    store(tmp_path)
    with feedback_file(tmp_path).open("ab") as stream:
        stream.write(b'{"id": 1}\nnonsense\n\n' + "{é}".encode("latin-1") + b"\n")
    to = tmp_path / "set.jsonl"
    assert copy_feedback(tmp_path, to, ARTICLES.get) == 0
    with pytest.raises(QuestionSetError, match="not UTF-8"):
        read_questions(to, ARTICLES.get)


def test_no_feedback_is_said(tmp_path):
    assert feedback_count(tmp_path) == 0
    with pytest.raises(RagError, match="no feedback is kept yet"):
        copy_feedback(tmp_path, tmp_path / "set.jsonl", ARTICLES.get)
    assert not feedback_file(tmp_path).parent.exists()
    store(tmp_path)
    with pytest.raises(RagError, match="has changed or gone"):
        copy_feedback(tmp_path, tmp_path / "set.jsonl", {}.get)
