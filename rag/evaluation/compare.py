"""Is run B better or worse than run A? Paired by question."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rag.datatypes import QuestionSetError
from rag.evaluation.intervals import interval, mean_difference_p, mean_interval, randomisation_p
from rag.evaluation.records import Record
from rag.evaluation.scores import PER_QUESTION, WHOLE_SET, Decisions, Measure

LEVEL = 0.05
"""Chance, at most, that any score of the table is called different though the runs are alike."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A score in both runs.

    Attributes:
        n: Questions compared: those that have the score in both runs.
        change: B minus A; ``low`` and ``high`` its 95 % bootstrap interval.
        p: Of a paired randomisation test, two-sided.
        adjusted_p: ``p`` by Holm's method over the table, so that many scores are not many
            chances to be called different.
        verdict: ``better``, ``worse`` or ``no difference seen``.
        decides: False for a score that answering always, or declining always, would raise.
    """

    name: str
    a: float
    b: float
    n: int
    change: float
    low: float
    high: float
    p: float
    adjusted_p: float
    verdict: str
    decides: bool


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that one run handles rightly and the other does not. Rightly: answered right, or
    declined where the corpus has no answer."""

    id: str
    question: str
    now_right: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same questions.

    ``verdict``: over the scores that decide: ``better``, ``worse``, ``mixed`` (some scores better,
    some worse) or ``no difference seen``.
    """

    questions: int
    differences: tuple[Difference, ...]
    flips: tuple[Flip, ...]
    verdict: str

    def table(self) -> str:
        """The comparison as text."""
        lines = [
            f"B against A, {self.questions} questions: {self.verdict.upper()}.",
            "",
            f"{'':<32}{'A':>8}{'B':>8}{'change':>9}    95 % interval     p (Holm)",
        ]
        for d in self.differences:
            star = "" if d.decides else " *"
            lines.append(
                f"  {d.name + star:<30}{d.a:>8.3f}{d.b:>8.3f}{d.change:>+9.3f}  "
                f"[{d.low:+.3f}, {d.high:+.3f}]  {d.adjusted_p:>7.3f}"
                + ("" if d.verdict == "no difference seen" else f"  {d.verdict}")
            )
        lines.append("  * is raised by answering always, or declining always: does not decide.")
        for now_right, title in ((True, "Right in B only"), (False, "Right in A only")):
            flips = [flip for flip in self.flips if flip.now_right == now_right]
            lines += ["", f"{title}: {len(flips)}"]
            lines += [f"  {flip.id}  {flip.question}" for flip in flips]
        return "\n".join(lines)


def compare(run_a: Sequence[Record], run_b: Sequence[Record]) -> Comparison:
    """Compare two runs, score by score.

    Raises:
        QuestionSetError: The runs are not over the same questions.
    """
    pairs = _paired(run_a, run_b)
    measured = [_per_question(pairs, m) for group in PER_QUESTION.values() for m in group]
    measured += [
        _whole_set(pairs, i.measure, i.compute) for items in WHOLE_SET.values() for i in items
    ]
    found = [item for item in measured if item is not None]
    adjusted = holm([p for _, _, p in found])
    differences = tuple(
        _difference(measure, values, p, q)
        for (measure, values, p), q in zip(found, adjusted, strict=True)
    )
    verdicts = {d.verdict for d in differences if d.decides}
    if {"better", "worse"} <= verdicts:
        verdict = "mixed"
    else:
        verdict = next((v for v in ("better", "worse") if v in verdicts), "no difference seen")
    flips = tuple(
        Flip(b.id, b.question, _handled(b)) for a, b in pairs if _handled(a) != _handled(b)
    )
    return Comparison(len(pairs), differences, flips, verdict)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: any below ``LEVEL`` may be called significant with
    that chance of one error in the whole family.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979), https://www.jstor.org/stable/4615733

    >>> holm([0.01, 0.04, 0.03])  # 3 x 0.01; 2 x 0.03; the largest is not below the one before
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


@dataclass(frozen=True, slots=True)
class _Values:
    a: float
    b: float
    n: int
    change: tuple[float, float]


_Measured = tuple[Measure, _Values, float]


def _paired(run_a: Sequence[Record], run_b: Sequence[Record]) -> list[tuple[Record, Record]]:
    by_id = {record.id: record for record in run_b}
    missing = [record.id for record in run_a if record.id not in by_id]
    extra = sorted(set(by_id) - {record.id for record in run_a})
    if missing or extra:
        raise QuestionSetError(
            f"the runs are not over the same questions: {len(missing)} are only in A"
            f"{_some(missing)}, {len(extra)} only in B{_some(extra)}; evaluate both on one set."
        )
    pairs = [(record, by_id[record.id]) for record in run_a]
    other = [a.id for a, b in pairs if _gold(a) != _gold(b)]
    if other:
        raise QuestionSetError(
            f"the question or its gold differs between the runs for {len(other)} ids"
            f"{_some(other)}; evaluate both on one set."
        )
    return pairs


def _gold(record: Record) -> tuple[object, ...]:
    return record.question, record.answerable, record.gold_answers, record.gold_quotes


def _some(ids: Sequence[str]) -> str:
    return f" ({', '.join(ids[:3])}{', …' if len(ids) > 3 else ''})" if ids else ""


def _handled(record: Record) -> bool:
    if not record.answerable:
        return record.abstained
    return not record.abstained and record.guess_right


def _per_question(pairs: Sequence[tuple[Record, Record]], measure: Measure) -> _Measured | None:
    both = np.array(
        [
            (a.scores[measure.name], b.scores[measure.name])
            for a, b in pairs
            if measure.name in a.scores and measure.name in b.scores
        ],
        dtype=float,
    ).reshape(-1, 2)
    bounds = mean_interval(both[:, 1] - both[:, 0])
    if bounds is None:
        return None
    values = _Values(float(both[:, 0].mean()), float(both[:, 1].mean()), len(both), bounds)
    return measure, values, mean_difference_p(both[:, 1] - both[:, 0])


def _whole_set(
    pairs: Sequence[tuple[Record, Record]],
    measure: Measure,
    compute: Callable[[Decisions], float],
) -> _Measured | None:
    count = len(pairs)
    # One array after the other, so that swapping two questions is taking the other's row.
    pooled = Decisions.of([a for a, _ in pairs] + [b for _, b in pairs])
    rows = np.arange(count)
    a, b = compute(pooled.rows(rows)), compute(pooled.rows(rows + count))
    if math.isnan(a) or math.isnan(b):
        return None

    def drawn(numbers: np.ndarray) -> float:
        return compute(pooled.rows(numbers + count)) - compute(pooled.rows(numbers))

    def swapped(swap: np.ndarray) -> float:
        first = np.where(swap, rows + count, rows)
        return compute(pooled.rows((first + count) % (2 * count))) - compute(pooled.rows(first))

    bounds = interval(count, drawn)
    if bounds is None:
        return None
    return measure, _Values(a, b, count, bounds), randomisation_p(count, swapped)


def _difference(measure: Measure, values: _Values, p: float, adjusted: float) -> Difference:
    change = values.b - values.a
    verdict = "no difference seen"
    if adjusted < LEVEL and change:
        verdict = "better" if change * measure.better > 0 else "worse"
    return Difference(
        measure.name,
        values.a,
        values.b,
        values.n,
        change,
        *values.change,
        p,
        adjusted,
        verdict,
        measure.pays is None,
    )
