"""The report of an evaluation: a table for a terminal, and files for a folder."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.datatypes import RagError
from rag.evaluation.records import RECORDS_FILE, Record, Score, write_records
from rag.evaluation.scores import ALL_MEASURES, TypeRow, by_type, score_all, score_text


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found.

    Attributes:
        name: Which questions.
        records: One for each question, in their order.
        scores: Groups of scores, each with n and interval.
        types: How each type of question fared.
        seconds: Wall-clock time of each question's answer, by id; apart from all else, because it
            is never the same twice.
    """

    name: str
    records: tuple[Record, ...]
    scores: Mapping[str, tuple[Score, ...]]
    types: tuple[TypeRow, ...]
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, name: str, records: Sequence[Record], seconds: Mapping[str, float]) -> Report:
        """The report on some records."""
        return cls(name, tuple(records), score_all(records), by_type(records), dict(seconds))

    def score(self, name: str) -> Score:
        """One score by its name; KeyError if it does not apply to these questions."""
        return {score.name: score for group in self.scores.values() for score in group}[name]

    @property
    def times(self) -> dict[str, float]:
        """``median_s`` and ``p95_s`` of a question, in seconds."""
        seconds = list(self.seconds.values())
        return {
            "median_s": statistics.median(seconds),
            "p95_s": float(np.percentile(seconds, 95)),
        }

    def as_dict(self) -> dict[str, object]:
        """Scores, types and times as JSON values."""
        return {**self._scores(), "times": self.times}

    def _scores(self) -> dict[str, object]:
        return {
            "name": self.name,
            "questions": len(self.records),
            "scores": {
                group: {score.name: dataclasses.asdict(score) for score in scores}
                for group, scores in self.scores.items()
            },
            "types": [dataclasses.asdict(row) for row in self.types],
        }

    def table(self) -> str:
        """The scores as text, some 90 characters wide."""
        lines = [f"{self.name}: {len(self.records)} questions", ""]
        for group, scores in self.scores.items():
            lines.append(f"{group:<38} value      95 % interval     n")
            lines += [_score_line(score) for score in scores]
            lines.append("")
        lines.append("Type of question       n  answerable  answered  … right  declined rightly")
        lines += [
            f"  {row.type:<18}{row.n:>4}{row.answerable:>12}{row.answered:>10}"
            f"{row.answered_right:>9}{row.declined_right:>18}"
            for row in self.types
        ]
        times = self.times
        lines += [
            "",
            f"Time: median {1000 * times['median_s']:.0f} ms, 95th percentile "
            f"{1000 * times['p95_s']:.0f} ms a question.",
        ]
        return "\n".join(lines)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``records.jsonl``, ``scores.json``, ``report.html``, and, apart because they are
        never the same twice, the times: ``times.json`` and ``times.html``.

        Raises:
            RagError: The folder cannot be written.
        """
        from rag.evaluation.page import report_page, times_page

        out = Path(folder)
        texts = {
            "scores.json": _json(self._scores()),
            "report.html": report_page(self.name, self.records, self.scores, self.types),
            "times.json": _json({**self.times, "seconds": dict(self.seconds)}),
            "times.html": times_page(self.records, self.seconds),
        }
        try:
            out.mkdir(parents=True, exist_ok=True)
            write_records(out / RECORDS_FILE, self.records)
            for name, text in texts.items():
                (out / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise RagError(
                f"the report cannot be written to {out} ({error.strerror}); give another --out."
            ) from error


def _json(values: object) -> str:
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def _score_line(score: Score) -> str:
    bounds = "" if score.low is None else f"[{score.low:.3f}, {score.high:.3f}]"
    arrow = " ↓" if ALL_MEASURES[score.name].better < 0 else ""
    return f"  {score.name + arrow:<36} {score_text(score.value)}  {bounds:>18}{score.n:>6}"
