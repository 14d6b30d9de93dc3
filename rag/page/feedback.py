"""Ratings of answers, kept as a question set: ``index/feedback/questions.jsonl``.

A line is a question with what the person said is right, in the fields of any question set, so
that ``python -m rag evaluate index/feedback/questions.jsonl`` scores the assistant by it; besides
it has ``rating`` ("up" or "down"), ``comment`` and ``day`` (UTC). Where a person only said that an
answer is wrong, ``answers`` is null until somebody writes down what is right.

Nothing here trusts the browser: what it sends is text, bounded, and stored as text.
"""

from __future__ import annotations

import json
import os
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import portalocker

from rag.datatypes import Article, RagError
from rag.evaluation.questions import is_stale
from rag.settings import Settings

MOST_CHARS = 1_000
"""Longest comment and longest right answer, in characters."""

FetchArticle = Callable[[str], Article | None]


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer that a person rated.

    Attributes:
        history: Earlier turns, oldest first: (question, answer).
        short_answer: The short answer shown, if one was.
        places: (doc_id, start, end) of the quotes shown: half-open, code points into the article;
            empty exactly when it abstained.
        abstained: True if it declined.
    """

    question: str
    history: tuple[tuple[str, str], ...]
    short_answer: str | None
    places: tuple[tuple[str, int, int], ...]
    abstained: bool


def feedback_file(index: Path) -> Path:
    """Where the feedback on the answers over an index is kept."""
    return index / "feedback" / "questions.jsonl"


def store_feedback(
    index: Path,
    rated: Rated,
    *,
    liked: bool,
    right_answer: str,
    declined_is_right: bool,
    comment: str,
    settings: Settings,
    fetch: FetchArticle | None = None,
) -> str:
    """Keep a rating. What it returns has been written to disk.

    Args:
        index: The index that answered.
        liked: Thumbs up.
        right_answer: What it should have answered; empty if the person did not say.
        declined_is_right: The articles do not answer the question.
        comment: Anything else the person wrote.
        fetch: Gives the article of a doc_id. With it the quotes are checked, and their words kept
            beside their places, so that an article that changes later is noticed.

    Returns:
        A sentence that thanks the person and says what becomes of the rating.

    Raises:
        RagError: The rating contradicts itself, a text is too long, a quote is not in the index,
            the feedback is full, or it cannot be written. Nothing was kept.
    """
    answers, quotes = _what_is_right(
        rated,
        liked=liked,
        right_answer=_bounded(right_answer, "right answer"),
        declined_is_right=declined_is_right,
    )
    line = {
        "id": f"feedback-{uuid.uuid4().hex}",
        "question": _question(rated.question, settings),
        "answers": answers,
        "doc_ids": list(dict.fromkeys(doc_id for doc_id, _, _ in quotes)),
        "quotes": [_quote(place, fetch) for place in quotes],
        "type": "feedback",
        "history": [[_cleaned(question), _cleaned(answer)] for question, answer in rated.history],
        "rating": "up" if liked else "down",
        "comment": _bounded(comment, "comment"),
        "day": datetime.now(UTC).date().isoformat(),
    }
    _append(
        feedback_file(index),
        json.dumps(line, ensure_ascii=False).encode() + b"\n",
        limit=int(settings.max_feedback_mb * 1_000_000),
    )
    if answers is None:
        return "Thank you. It is kept, and counts once somebody writes down the right answer."
    return "Thank you. It is kept, and the next evaluation of the feedback counts it."


def feedback_count(index: Path) -> int:
    """How many ratings are kept.

    Raises:
        RagError: They cannot be read.
    """
    return len(_stored_lines(index))


def copy_feedback(index: Path, to: Path, fetch: FetchArticle) -> int:
    """Copy the feedback into a file, as a question set over the index as it is now.

    Returns:
        How many ratings were left out, because an article they cite has gone or has changed.

    Raises:
        RagError: There is no feedback, none of it fits the index any more, or it cannot be read.
    """
    lines = _stored_lines(index)
    if not lines:
        raise RagError("no feedback is kept yet; rate some answers first.")
    kept = [line for line in lines if not is_stale(line, fetch)]
    if not kept:
        raise RagError(
            f"every article that the feedback in {feedback_file(index)} cites has changed or gone; "
            "rate some new answers first."
        )
    # What is not UTF-8 goes as it is: the evaluation says so.
    to.write_bytes("".join(line + "\n" for line in kept).encode("utf-8", "surrogateescape"))
    return len(lines) - len(kept)


Places = tuple[tuple[str, int, int], ...]


def _what_is_right(
    rated: Rated, *, liked: bool, right_answer: str, declined_is_right: bool
) -> tuple[list[str] | None, Places]:
    """The accepted answers and the quotes that a rating stands for; no answers: the corpus does
    not hold it; None: not known."""
    if liked and (right_answer or (declined_is_right and not rated.abstained)):
        raise RagError(
            "the answer is called right, and another one is too; take back one of the two."
        )
    if right_answer and declined_is_right:
        raise RagError(
            "a right answer is given, and declining is called right too; take back one of the two."
        )
    if not liked:
        return ([right_answer] if right_answer else [] if declined_is_right else None), ()
    if rated.abstained:
        return [], ()
    places = tuple(dict.fromkeys(rated.places))
    if not places or not all(map(_is_place, places)):
        raise RagError("this answer does not say where its quotes stand; ask again and rate that.")
    short = _cleaned(rated.short_answer or "")
    return ([short] if short else []), places


def _is_place(place: tuple[str, int, int]) -> bool:
    doc_id, start, end = place
    return 0 <= start < end and not any(unicodedata.category(c) == "Cs" for c in doc_id)


def _question(text: str, settings: Settings) -> str:
    """The question, which an evaluation must be able to ask again."""
    question = _cleaned(text)
    if not question:
        raise RagError("there is no question to this answer; ask one and rate what comes back.")
    if len(question) > settings.max_question_chars:
        raise RagError(
            f"the question has over {settings.max_question_chars} characters and cannot be asked "
            "again; ask a shorter one."
        )
    return question


def _quote(place: tuple[str, int, int], fetch: FetchArticle | None) -> dict[str, object]:
    doc_id, start, end = place
    quote: dict[str, object] = {"doc_id": doc_id, "start": start, "end": end}
    if fetch is not None:
        article = fetch(doc_id)
        if article is None or end > len(article.text):
            raise RagError(
                "an article that this answer quotes has changed or gone; ask again and rate that."
            )
        quote["text"] = article.text[start:end]
    return quote


def _bounded(text: str, name: str) -> str:
    cleaned = _cleaned(text)
    if len(cleaned) > MOST_CHARS:
        raise RagError(
            f"the {name} has {len(cleaned):,} characters; shorten it to {MOST_CHARS:,} at most."
        )
    return cleaned


def _cleaned(text: str) -> str:
    """Text without control characters and half surrogate pairs; line ends and tabs stay.

    >>> _cleaned(" a\\x00b\\r\\nc\\ud800\\n")
    'ab\\nc'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return "".join(kept).strip()


def _append(path: Path, line: bytes, *, limit: int) -> None:
    """Add a line that is on disk when this returns, or leave the file as it was.

    Raises:
        RagError: The file would have more than ``limit`` bytes, or cannot be written.
    """
    with _locked(path), path.open("a+b", buffering=0) as stream:
        _mend(stream)
        size = stream.seek(0, os.SEEK_END)
        if size + len(line) > limit:
            raise RagError(
                f"the feedback in {path} is full ({limit / 1_000_000:g} MB); move the file "
                "elsewhere, or raise RAG_MAX_FEEDBACK_MB."
            )
        try:
            _write(stream, line)
            os.fsync(stream.fileno())
        except BaseException:
            # A full disk takes part of a line; what was not kept whole is not kept.
            stream.truncate(size)
            raise


def _write(stream: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def _mend(stream: FileIO) -> None:
    """End the file with a whole line: what a crash left of one is cut off, for nobody was told
    that it was kept. A whole line without its line end, as an editor may leave it, gets that."""
    size = stream.seek(0, os.SEEK_END)
    if size == 0:
        return
    stream.seek(size - 1)
    if stream.read(1) == b"\n":
        return
    stream.seek(0)
    last = stream.readall().rpartition(b"\n")[2]
    if _is_json(last):
        _write(stream, b"\n")
    else:
        stream.truncate(size - len(last))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _stored_lines(index: Path) -> list[str]:
    """The kept lines, without line ends; [] if there is no feedback. Bytes that are no UTF-8 are
    carried as half surrogate pairs."""
    path = feedback_file(index)
    if not path.exists():
        return []
    with _locked(path):
        lines = path.read_bytes().split(b"\n")
    if not _is_json(lines[-1]):
        lines.pop()  # half a line, or the nothing after the last line end
    return [line.decode("utf-8", "surrogateescape") for line in lines if line.strip()]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone with the feedback file, whose folder is made if missing. The lock dies with its
    process.

    Raises:
        RagError: The feedback cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / ".lock").open("a") as lock:
            portalocker.lock(lock, portalocker.LockFlags.EXCLUSIVE)
            yield
    except (OSError, portalocker.LockException) as error:
        reason = getattr(error, "strerror", None) or error
        raise RagError(
            f"the feedback in {path} cannot be read or written ({reason}); make room and make the "
            "folder writable."
        ) from error
