"""What an evaluation leaves behind: a record for each question, and the scores over all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.datatypes import QuestionSetError

FORMAT = 1
RECORDS_FILE = "records.jsonl"


@dataclass(frozen=True, slots=True)
class Shown:
    """A quote that was shown, or withheld: its place, its words, whether it is an exact slice of
    the stored article, and whether it overlaps a gold quote (None: none is given)."""

    doc_id: str
    start: int
    end: int
    quote: str
    exact: bool
    gold: bool | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer, judged. ``right``: a gold quote is overlapped or, without gold quotes, a gold
    answer stands in a quote; for type ``list`` every gold answer must stand in one; never for a
    question that the corpus cannot answer."""

    short_answer: str | None
    quotes: tuple[Shown, ...]
    right: bool


@dataclass(frozen=True, slots=True)
class Record:
    """A question and what became of it.

    Attributes:
        confidence: Of the answer given or, where it declined, of the one withheld; rounded to six
            places.
        given: The answer, if one was given.
        withheld: What it would have answered, if it declined.
        nearest: (doc_id, start, end) of the best passages, best first.
        scores: Measures of this question, by name; one that does not apply is left out.
    """

    id: str
    type: str
    question: str
    answerable: bool
    history: tuple[tuple[str, str], ...]
    as_of: str | None
    gold_answers: tuple[str, ...]
    gold_doc_ids: tuple[str, ...]
    gold_quotes: tuple[tuple[str, int, int, str], ...]
    abstained: bool
    reason: str | None
    confidence: float
    given: Outcome | None
    withheld: Outcome | None
    nearest: tuple[tuple[str, int, int], ...]
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def guess_right(self) -> bool:
        """Whether the answer, given or withheld, is right."""
        outcome = self.given or self.withheld
        return outcome is not None and outcome.right


@dataclass(frozen=True, slots=True)
class Score:
    """A measure over the questions it applies to.

    Attributes:
        value: Mean, or the measure of the whole set.
        n: Questions it is taken over.
        low, high: 95 % bootstrap interval; None for fewer than two questions.
    """

    name: str
    value: float
    n: int
    low: float | None
    high: float | None


def as_line(record: Record) -> str:
    """A record as a line of JSON."""
    return json.dumps(
        {"format": FORMAT, **dataclasses.asdict(record)}, ensure_ascii=False, sort_keys=True
    )


def _outcome(values: Mapping[str, Any] | None) -> Outcome | None:
    if values is None:
        return None
    quotes = tuple(Shown(**quote) for quote in values["quotes"])
    return Outcome(values["short_answer"], quotes, values["right"])


def _record(values: dict[str, Any]) -> Record:
    if values.pop("format") != FORMAT:
        raise ValueError("it was written by another version")
    for name in ("given", "withheld"):
        values[name] = _outcome(values[name])
    for name in ("history", "gold_quotes", "nearest"):
        values[name] = tuple(tuple(item) for item in values[name])
    for name in ("gold_answers", "gold_doc_ids"):
        values[name] = tuple(values[name])
    return Record(**values)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSONL, one question a line."""
    path.write_text("".join(as_line(record) + "\n" for record in records), encoding="utf-8")


def read_records(run: Path) -> list[Record]:
    """The records of a run: its folder, or its ``records.jsonl``.

    Raises:
        QuestionSetError: There are none, or they cannot be read.
    """
    path = run / RECORDS_FILE if run.is_dir() else run
    again = "write one with python -m rag evaluate QUESTIONS.jsonl --out FOLDER."
    try:
        # Not splitlines: a question may hold one of its rarer line ends.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise QuestionSetError(f"no run to read in {run} ({reason}); {again}") from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(_record(json.loads(line)))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise QuestionSetError(
                f"{path}, line {number}, is no record of a run ({error}); {again}"
            ) from error
    return records
