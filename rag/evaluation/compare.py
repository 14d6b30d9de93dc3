"""Is run B better or worse than run A? Paired by question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.datatypes import QuestionSetError
from rag.evaluation.intervals import interval, mean_difference_p, mean_interval, randomisation_p
from rag.evaluation.records import Record
from rag.evaluation.scores import PER_QUESTION, WHOLE_SET, Decisions, Measure, SetMeasure

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
        decides: False for a score that answering always, or declining always, would raise, unless
            that is right for every question of the set.
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

    Attributes:
        verdict: Over the scores that decide: ``better``, ``worse``, ``mixed`` (some better, some
            worse), ``no difference seen``, or ``too few questions`` to tell.
        not_compared: Scores that only one of the runs has.
    """

    questions: int
    differences: tuple[Difference, ...]
    flips: tuple[Flip, ...]
    verdict: str
    not_compared: tuple[str, ...]

    def table(self) -> str:
        """The comparison as text."""
        lines = [
            f"B against A, {self.questions} questions: {self.verdict.upper()}.",
            "",
            f"{'':<34}{'n':>5}{'A':>8}{'B':>8}{'change':>9}    95 % interval         p  p (Holm)",
        ]
        for d in self.differences:
            star = "" if d.decides else " *"
            lines.append(
                f"  {d.name + star:<32}{d.n:>5}{d.a:>8.3f}{d.b:>8.3f}{d.change:>+9.3f}  "
                f"[{d.low:+.3f}, {d.high:+.3f}]  {d.p:>7.3f}  {d.adjusted_p:>8.3f}"
                + ("" if d.verdict == "no difference seen" else f"  {d.verdict}")
            )
        if not all(d.decides for d in self.differences):
            lines.append("  * is raised by answering always, or declining always: does not decide.")
        if self.not_compared:
            lines.append(f"  Only one run has: {', '.join(self.not_compared)}.")
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
    per_question = [m for group in PER_QUESTION.values() for m in group]
    measured = [_per_question(pairs, m) for m in per_question]
    answered = [(a, b) for a, b in pairs if not a.abstained and not b.abstained]
    if len(answered) < len(pairs):
        # What answering more would raise is also compared where neither run declined.
        measured += [
            _per_question(answered, replace(m, name=f"{m.name}, both answered", pays=None), m.name)
            for m in per_question
            if m.pays == "answering always"
        ]
    measured += [_whole_set(pairs, item) for items in WHOLE_SET.values() for item in items]
    found = [item for item in measured if item is not None]
    adjusted = holm([p for _, _, p in found])
    pays = _what_pays([a for a, _ in pairs])
    differences = tuple(
        _difference(measure, values, p, q, decides=measure.pays not in pays)
        for (measure, values, p), q in zip(found, adjusted, strict=True)
    )
    verdicts = {d.verdict for d in differences if d.decides}
    if not differences:
        verdict = "too few questions"
    elif {"better", "worse"} <= verdicts:
        verdict = "mixed"
    else:
        verdict = next((v for v in ("better", "worse") if v in verdicts), "no difference seen")
    flips = tuple(
        Flip(b.id, b.question, _handled(b)) for a, b in pairs if _handled(a) != _handled(b)
    )
    return Comparison(len(pairs), differences, flips, verdict, _in_one_run(run_a, run_b))


def _what_pays(records: Sequence[Record]) -> set[str]:
    """The policies that would raise a score without being right: where every question has an
    answer, answering always is right, and where none has, declining always."""
    pays = set()
    if any(not record.answerable for record in records):
        pays.add("answering always")
    if any(record.answerable for record in records):
        pays.add("declining always")
    return pays


def _in_one_run(run_a: Sequence[Record], run_b: Sequence[Record]) -> tuple[str, ...]:
    a, b = ({name for record in run for name in record.scores} for run in (run_a, run_b))
    return tuple(sorted(a ^ b))


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
    return (
        record.question,
        record.history,
        record.as_of,
        record.type,
        record.gold_answers,
        record.gold_doc_ids,
        record.gold_quotes,
    )


def _some(ids: Sequence[str]) -> str:
    return f" ({', '.join(map(repr, ids[:3]))}{', …' if len(ids) > 3 else ''})" if ids else ""


def _handled(record: Record) -> bool:
    if not record.answerable:
        return record.abstained
    return not record.abstained and record.guess_right


def _per_question(
    pairs: Sequence[tuple[Record, Record]], measure: Measure, name: str | None = None
) -> _Measured | None:
    """``name``: of the scores in the records, where it is not the measure's."""
    name = name or measure.name
    both = np.array(
        [
            (a.scores[name], b.scores[name])
            for a, b in pairs
            if name in a.scores and name in b.scores
        ],
        dtype=float,
    ).reshape(-1, 2)
    bounds = mean_interval(both[:, 1] - both[:, 0])
    if bounds is None:
        return None
    values = _Values(float(both[:, 0].mean()), float(both[:, 1].mean()), len(both), bounds)
    return measure, values, mean_difference_p(both[:, 1] - both[:, 0])


def _whole_set(pairs: Sequence[tuple[Record, Record]], item: SetMeasure) -> _Measured | None:
    count, compute = len(pairs), item.compute
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
    return item.measure, _Values(a, b, count, bounds), randomisation_p(count, swapped)


def _difference(
    measure: Measure, values: _Values, p: float, adjusted: float, *, decides: bool
) -> Difference:
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
        decides,
    )
