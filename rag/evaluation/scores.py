"""From records to scores: means over questions, and measures of the whole set.

The tables below name every measure once; the report, the comparison and the tests read them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rag.evaluation.abstention import (
    answered_at_risk,
    aurc,
    calibration_error,
    decision_score,
    declining_precision,
    declining_recall,
)
from rag.evaluation.intervals import interval, mean_interval
from rag.evaluation.ranking import MEASURES
from rag.evaluation.records import Record, Score


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure's name, what it says, and which way is better (1 higher, -1 lower).

    ``pays``: what raises it whatever the answers are worth: answering always, or declining always.
    Such a score informs, but does not decide which of two runs is better.
    """

    name: str
    meaning: str
    better: int = 1
    pays: str | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """A question set as arrays, shape (n,) each; see ``rag.evaluation.abstention``."""

    confidence: np.ndarray
    right: np.ndarray
    answerable: np.ndarray
    abstained: np.ndarray

    @classmethod
    def of(cls, records: Sequence[Record]) -> Decisions:
        """The arrays of some records."""
        return cls(
            np.array([record.confidence for record in records], dtype=float),
            np.array([record.guess_right for record in records], dtype=bool),
            np.array([record.answerable for record in records], dtype=bool),
            np.array([record.abstained for record in records], dtype=bool),
        )

    def rows(self, numbers: np.ndarray) -> Decisions:
        """Those questions, in that order."""
        return Decisions(
            self.confidence[numbers],
            self.right[numbers],
            self.answerable[numbers],
            self.abstained[numbers],
        )


_RETRIEVAL = {
    "Success@1": "a relevant one stands first",
    "Success@5": "… among the first 5",
    "Success@10": "… among the first 10",
    "R@10": "share of the relevant ones among the first 10",
    "RR": "1 / rank of the first relevant one",
    "nDCG@10": "discounted gain of the first 10, against the best order",
}

PER_QUESTION: dict[str, tuple[Measure, ...]] = {
    "Retrieval, articles": tuple(Measure(f"article {m}", _RETRIEVAL[m]) for m in MEASURES),
    "Retrieval, gold quotes": tuple(Measure(f"quote {m}", _RETRIEVAL[m]) for m in MEASURES),
    "Answers (answerable questions)": (
        Measure("answered right", "answered, and a right place is quoted", pays="answering always"),
        Measure(
            "quote hit", "a gold answer stands inside a displayed quote", pays="answering always"
        ),
        Measure(
            "exact match", "the short answer is a gold answer (SQuAD)", pays="answering always"
        ),
        Measure(
            "token F1",
            "words the short answer shares with a gold answer (SQuAD)",
            pays="answering always",
        ),
    ),
    "Citations": (
        Measure("quote fidelity", "quotes that are exact slices; must be 1"),
        Measure("citation precision", "citations that overlap a gold quote"),
        Measure("citation recall", "gold quotes that a citation overlaps", pays="answering always"),
    ),
}
"""Measures that each question has for itself; the score is their mean."""


@dataclass(frozen=True, slots=True)
class SetMeasure:
    """A measure of the set as a whole: ``compute`` gives its value (NaN where it does not apply),
    ``over`` the questions, as a boolean array, that it is taken over. ``resampled``: False where
    a bootstrap interval would mislead."""

    measure: Measure
    compute: Callable[[Decisions], float]
    over: Callable[[Decisions], np.ndarray]
    resampled: bool = True


def _everything(decisions: Decisions) -> np.ndarray:
    return np.ones(len(decisions.right), dtype=bool)


WHOLE_SET: dict[str, tuple[SetMeasure, ...]] = {
    "Abstention": (
        SetMeasure(
            Measure("decision score", "mean of answered right and declined right; 0.5 for always"),
            lambda d: decision_score(d.abstained, d.right, d.answerable),
            _everything,
        ),
        SetMeasure(
            Measure(
                "declining precision",
                "questions declined that have no answer",
                pays="answering always",
            ),
            lambda d: declining_precision(d.abstained, d.answerable),
            lambda d: d.abstained,
        ),
        SetMeasure(
            Measure(
                "declining recall",
                "questions without an answer that were declined",
                pays="declining always",
            ),
            lambda d: declining_recall(d.abstained, d.answerable),
            lambda d: ~d.answerable,
        ),
        SetMeasure(
            Measure(
                "right when answering", "answers given that are right", pays="declining always"
            ),
            lambda d: float(d.right[~d.abstained].mean()) if (~d.abstained).any() else math.nan,
            lambda d: ~d.abstained,
        ),
        SetMeasure(
            Measure("AURC", "area under the risk-coverage curve; lower is better", -1),
            lambda d: aurc(d.confidence, d.right),
            _everything,
        ),
        SetMeasure(
            Measure(
                "answered at 5 % wrong",
                "answerable questions answered, were the threshold set with hindsight so "
                "that at most 5 % of answers are wrong",
            ),
            lambda d: answered_at_risk(d.confidence, d.right, d.answerable, 0.05),
            lambda d: d.answerable,
        ),
        SetMeasure(
            Measure("answered at 10 % wrong", "… at most 10 %"),
            lambda d: answered_at_risk(d.confidence, d.right, d.answerable, 0.10),
            lambda d: d.answerable,
        ),
        SetMeasure(
            # Declining everything at confidence 0 is perfectly calibrated.
            Measure(
                "calibration error",
                "confidence against share right; lower is better",
                -1,
                pays="declining always",
            ),
            lambda d: calibration_error(d.confidence, d.right),
            _everything,
            resampled=False,  # in a resample it is larger on average: the interval would be too high
        ),
    ),
}
"""Measures of the set as a whole."""

ALL_MEASURES: dict[str, Measure] = {
    measure.name: measure
    for group in (
        *PER_QUESTION.values(),
        *(tuple(item.measure for item in items) for items in WHOLE_SET.values()),
    )
    for measure in group
}


def question_values(records: Sequence[Record], name: str) -> np.ndarray:
    """A measure's values for the questions that have it, in order."""
    return np.array([r.scores[name] for r in records if name in r.scores], dtype=float)


def score_all(records: Sequence[Record]) -> dict[str, tuple[Score, ...]]:
    """Every score that applies, by group."""
    groups: dict[str, tuple[Score, ...]] = {}
    for title, measures in PER_QUESTION.items():
        found = []
        for measure in measures:
            values = question_values(records, measure.name)
            if len(values):
                low, high = mean_interval(values) or (None, None)
                found.append(Score(measure.name, float(values.mean()), len(values), low, high))
        groups[title] = tuple(found)
    decisions = Decisions.of(records)
    for title, items in WHOLE_SET.items():
        found = []
        for item in items:
            value = item.compute(decisions)
            if math.isnan(value):
                continue

            def of_rows(rows: np.ndarray, item: SetMeasure = item) -> float:
                return item.compute(decisions.rows(rows))

            bounds = interval(len(records), of_rows) if item.resampled else None
            low, high = bounds or (None, None)
            count = int(item.over(decisions).sum())
            found.append(Score(item.measure.name, value, count, low, high))
        groups[title] = tuple(found)
    return {title: scores for title, scores in groups.items() if scores}


def score_text(value: float) -> str:
    """A score for people: three places, but what is not quite 1 is never shown as 1.

    >>> score_text(0.25), score_text(0.9999), score_text(1.0)
    ('0.250', '<1', '1.000')
    """
    text = f"{value:.3f}"
    return "<1" if text == "1.000" and value < 1 else text


@dataclass(frozen=True, slots=True)
class TypeRow:
    """Questions of one type: how many, and how many were answered, answered right, and (those the
    corpus cannot answer) declined."""

    type: str
    n: int
    answerable: int
    answered: int
    answered_right: int
    declined_right: int

    @property
    def right(self) -> float:
        """Share of the questions handled rightly: answered right, or rightly declined."""
        return (self.answered_right + self.declined_right) / self.n


def by_type(records: Sequence[Record]) -> tuple[TypeRow, ...]:
    """A row for each type of question, in alphabetical order."""
    rows = []
    for name in sorted({record.type for record in records}):
        mine = [record for record in records if record.type == name]
        rows.append(
            TypeRow(
                name,
                len(mine),
                sum(r.answerable for r in mine),
                sum(not r.abstained for r in mine),
                sum(not r.abstained and r.guess_right for r in mine),
                sum(r.abstained and not r.answerable for r in mine),
            )
        )
    return tuple(rows)
