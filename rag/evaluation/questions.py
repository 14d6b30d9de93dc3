"""Question sets: JSONL lines to ``Question`` records, refused with every bad line named."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.datatypes import Article, QuestionSetError

FetchArticle = Callable[[str], Article | None]


@dataclass(frozen=True, slots=True)
class GoldQuote:
    """A passage that answers: code points into the article, half-open, and the text there."""

    doc_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A test question with what a right answer must show.

    Attributes:
        answers: Accepted short answers: any one suffices; for type ``list`` all are wanted. Empty
            if the corpus does not hold the answer, and for type ``yesno``, which is judged by its
            quotes, as is type ``feedback`` where it has no short answer.
        doc_ids: Articles that hold the answer; empty: not judged.
        quotes: Where the answer stands; empty: not judged.
        type: Any word; results are also given for each.
        history: Earlier turns, oldest first: (question, answer).
        as_of: Asked as if articles published later did not exist.
        split: Which part of the set it belongs to, where the set is split.
        judged: False if nobody has said yet what is right (``"answers": null`` in a file); an
            evaluation leaves it out.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    doc_ids: tuple[str, ...] = ()
    quotes: tuple[GoldQuote, ...] = ()
    type: str = "other"
    history: tuple[tuple[str, str], ...] = ()
    as_of: date | None = None
    split: str | None = None
    judged: bool = True

    @property
    def answerable(self) -> bool:
        """True if the corpus holds the answer."""
        return bool(self.answers or self.quotes)


class _Quote(BaseModel):
    model_config = ConfigDict(strict=True)
    doc_id: str
    start: int
    end: int
    text: str | None = None


class _Line(BaseModel):
    """A line as written; other fields are let be. A quote's ``text`` need not be there; where it
    is, it must be what stands at its place."""

    model_config = ConfigDict(strict=True)
    id: str
    question: str
    answers: list[str] | None
    doc_ids: list[str] = []
    quotes: list[_Quote] = []
    type: str = "other"
    history: list[list[str]] = []
    as_of: str | None = None
    split: str | None = None


def read_questions(path: str | os.PathLike[str], fetch: FetchArticle) -> list[Question]:
    """Read a question set.

    Args:
        path: JSONL in UTF-8, an object a line; blank lines are let be.
        fetch: Gives the article of a doc_id, None if the corpus has none.

    Raises:
        QuestionSetError: The file cannot be read, is empty, or has bad lines; the message names
            each bad line and what is wrong with it.
    """
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise QuestionSetError(
            f"the question set {file} cannot be read ({reason}); give a JSONL file in UTF-8."
        ) from error
    numbered = [(f"line {n}", line) for n, line in enumerate(lines, start=1) if line.strip()]
    return _checked(numbered, fetch, str(file))


def check_questions(
    questions: Iterable[Question | Mapping[str, object]], fetch: FetchArticle
) -> list[Question]:
    """The same checks for questions that are in memory: records, or mappings like the lines."""
    items: list[tuple[str, str | Question]] = []
    for number, item in enumerate(questions, start=1):
        entry: str | Question
        if isinstance(item, Question):
            entry = item
        else:
            # Dates as in the file; what is no mapping is refused with the other bad entries.
            entry = json.dumps(dict(item) if isinstance(item, Mapping) else item, default=str)
        items.append((f"question {number}", entry))
    return _checked(items, fetch, "given")


def is_stale(text: str, fetch: FetchArticle) -> bool:
    """True if a line of a set cites what the corpus does not hold any more: an article that has
    gone, or words that have changed. A line that is wrong in itself is not stale."""
    line, _ = _line_of(text)
    if line is None:
        return False
    gone = any(fetch(doc_id) is None for doc_id in line.doc_ids)
    return gone or any(isinstance(_gold_quote(quote, fetch), str) for quote in line.quotes)


def _checked(
    items: Sequence[tuple[str, str | Question]], fetch: FetchArticle, name: str
) -> list[Question]:
    if not items:
        raise QuestionSetError(
            f"the question set {name} is empty; write one JSON object a line, with id, question "
            "and answers."
        )
    fetch = functools.lru_cache(maxsize=256)(fetch)
    questions, problems = [], []
    first_use: dict[str, str] = {}
    question: Question | None
    for place, item in items:
        if isinstance(item, Question):
            question = dataclasses.replace(item, doc_ids=_with_quoted(item.doc_ids, item.quotes))
            wrong = _misfits(question, fetch)
        else:
            question, wrong = _parse(item, fetch)
        if question is not None:
            if question.id in first_use:
                wrong.append(f"id {question.id!r} is already used by {first_use[question.id]}")
            first_use.setdefault(question.id, place)
            questions.append(question)
        if wrong:
            problems.append(f"{place}: {', '.join(wrong)}")
    if problems:
        what = "1 entry is wrong" if len(problems) == 1 else f"{len(problems)} entries are wrong"
        raise QuestionSetError(
            f"the question set {name} was not used, {what}; correct and run again: "
            + "; ".join(problems)
        )
    return questions


def _parse(text: str, fetch: FetchArticle) -> tuple[Question | None, list[str]]:
    """The question of a line, as far as it can be read, and what is wrong with it."""
    line, wrong = _line_of(text)
    if line is None:
        return None, wrong
    question, wrong = _question_of(line, fetch)
    return question, wrong + _misfits(question, fetch)


def _line_of(text: str) -> tuple[_Line | None, list[str]]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        return None, [f"no JSON ({error.msg.lower()}, at character {error.pos + 1})"]
    except (ValueError, RecursionError):
        return None, ["no JSON (a number is too long, or it is nested too deeply)"]
    if not isinstance(values, dict):
        return None, ["no JSON object"]
    try:
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return None, ["it holds half a surrogate pair, which is no character"]
    try:
        return _Line.model_validate(values), []
    except ValidationError as error:
        return None, [
            f"{'.'.join(str(part) for part in found['loc'])}: {found['msg'].lower()}"
            for found in error.errors()
        ]


def _question_of(line: _Line, fetch: FetchArticle) -> tuple[Question, list[str]]:
    wrong = []
    as_of = None
    if line.as_of is not None:
        try:
            as_of = date.fromisoformat(line.as_of)
        except ValueError:
            wrong.append(f"as_of {line.as_of!r} is no date like 2025-03-30")
    if any(len(turn) != 2 for turn in line.history):
        wrong.append("history: each turn is [question, answer]")
        line.history = []
    found = [_gold_quote(quote, fetch) for quote in line.quotes]
    wrong += [f"quotes: {problem}" for problem in found if isinstance(problem, str)]
    quotes = [quote for quote in found if isinstance(quote, GoldQuote)]
    question = Question(
        id=line.id,
        question=line.question,
        answers=tuple(line.answers or ()),
        doc_ids=_with_quoted(line.doc_ids, quotes),
        quotes=tuple(quotes),
        type=line.type,
        history=tuple((turn[0], turn[1]) for turn in line.history),
        as_of=as_of,
        split=line.split,
        judged=line.answers is not None,
    )
    return question, wrong


def _gold_quote(quote: _Quote, fetch: FetchArticle) -> GoldQuote | str:
    """The quote with its text, or what is wrong with it."""
    article = fetch(quote.doc_id)
    if article is None:
        return f"doc_id {quote.doc_id!r} is not in the corpus"
    if not 0 <= quote.start < quote.end <= len(article.text):
        return (
            f"{quote.start}:{quote.end} does not fit {quote.doc_id!r}, which has "
            f"{len(article.text)} characters"
        )
    text = article.text[quote.start : quote.end]
    if quote.text not in {None, text}:
        return _another_text(quote)
    return GoldQuote(quote.doc_id, quote.start, quote.end, text)


def _another_text(quote: _Quote | GoldQuote) -> str:
    return f"{quote.start}:{quote.end} of {quote.doc_id!r} is another text"


def _with_quoted(doc_ids: Sequence[str], quotes: Sequence[GoldQuote]) -> tuple[str, ...]:
    """The doc_ids, and those of the quotes: an article that holds the quoted words holds the
    answer."""
    return tuple(dict.fromkeys([*doc_ids, *(quote.doc_id for quote in quotes)]))


def _misfits(question: Question, fetch: FetchArticle) -> list[str]:
    """What in a question contradicts itself or the corpus."""
    wrong = []
    if not question.id.strip():
        wrong.append("id is empty")
    if not question.question.strip():
        wrong.append("question is empty")
    if any(not answer.strip() for answer in question.answers):
        wrong.append("answers: one is empty")
    unknown = {doc_id for doc_id in question.doc_ids if fetch(doc_id) is None}
    unknown -= {quote.doc_id for quote in question.quotes}
    wrong += [f"doc_ids: {doc_id!r} is not in the corpus" for doc_id in sorted(unknown)]
    for quote in question.quotes:
        article = fetch(quote.doc_id)
        if article is None or article.text[quote.start : quote.end] != quote.text:
            wrong.append(f"quotes: {_another_text(quote)}")
    if not question.judged:
        return wrong
    by_quotes = question.type == "yesno" or (question.type == "feedback" and question.quotes)
    if not question.answers and not by_quotes and (question.doc_ids or question.quotes):
        wrong.append(
            "answers is empty, which says that the corpus does not hold it, but doc_ids or quotes "
            "say where it stands (only types yesno and feedback may have quotes alone)"
        )
    if question.type == "yesno" and (question.answers or question.doc_ids) and not question.quotes:
        wrong.append("type yesno is judged by its quotes: give quotes")
    return wrong
