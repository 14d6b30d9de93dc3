"""Which readings stand together, and which answer otherwise.

Sentences that give the same short answer, perhaps less precisely, make a side. Another side is
shown where the corpus would have given its answer if the first one's sentences were not there: that
two articles contradict each other makes neither less sure of what it says.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rag.datatypes import Span
from rag.news.folding import variant
from rag.news.stance import stance
from rag.reader import Reading
from rag.reader.agree import agree, comparable
from rag.reader.features import confidence_against
from rag.reader.question import Kind, parse

MAX_QUOTES = 3
"""Most quotes for one short answer."""
MAX_OPEN = 2
"""… for a question that has none."""
MAX_LISTED = 5
"""… for one that asks for several things."""
MAX_ALTERNATIVES = 3
_SECOND = 0.75
"""A further quote has at least this share of the first one's confidence."""
_SECOND_BROAD = 0.5
"""… where the question asks for several things."""
_APART = 0.8
"""The least confidence, its rivals left out, at which a differing answer is shown."""
_FAR = 2.0
"""A reading whose score is so far below the best one's is no side."""
_DATELINE = re.compile(r"[\w\s,.]{0,20}(?:\([^)]{2,30}\)\s*)?[-–—−]\s")
_ASKS_SEVERAL = re.compile(
    r"\b(?:and\s+(?:what|who|when|where|why|how|which)|each|both|differ\w*|compare\w*|versus|vs)\b",
    re.IGNORECASE,
)
_ONE_ANSWER = frozenset({Kind.PERSON, Kind.PLACE, Kind.DATE, Kind.MONEY, Kind.NUMBER, Kind.NAME})
"""Kinds of question that have one short answer, so that another one is at odds with it."""
_NAMES_ONE = re.compile(
    r"^(?:what|which)\s+(?!(?:do|does|did|happen\w*|has|have|had|can|could|will|would|should)\b)|"
    r"^(?!(?:what|which|how|why|is|are|was|were|do|does|did)\b)",
    re.IGNORECASE,
)
_FEW_WORDS = 4
"""… and others that ask which thing it is ("What sport …?", "Super Bowl location"), answered in so
few words."""


@dataclass(frozen=True, slots=True)
class Side:
    """Readings that give one answer."""

    readings: list[Reading]


@dataclass(frozen=True, slots=True)
class Sides:
    """What a question's readings answer: the sides, the best one's first; the probability in
    [0, 1] that they hold the right answer; and whether the readings of the one side say several
    things, none of them at odds with another."""

    found: tuple[Side, ...]
    confidence: float
    several: bool = False


def sides(question: str, readings: Sequence[Reading], least: float) -> Sides:
    """The readings to quote, by the answer they give.

    Args:
        question: As read.
        readings: Best first.
        least: The confidence at which an answer is given.
    """
    if not readings:
        return Sides((), 0.0)
    kind = parse(question).kind
    several = kind is Kind.LIST or bool(_ASKS_SEVERAL.search(question))
    first = readings[0]
    variants = _variants(readings)
    if not several and (variants or _is_one_answer(question, kind, first)):
        return _differing(variants, readings, least, _Said())
    if kind is Kind.YESNO and stance(question, first.sentence.text):
        return _differing([], readings, least, _Stance(question))
    share = _SECOND_BROAD if several else _SECOND
    limit = MAX_LISTED if several else MAX_QUOTES if first.attribution else MAX_OPEN
    enough = [r for r in readings[1:limit] if r.confidence >= share * first.confidence]
    return Sides((Side([first, *enough]),), first.confidence, several=True)


def newest_first(found: Sequence[Side]) -> list[Side]:
    """The sides, the one published last first; undated ones last of all."""

    def published(side: Side) -> date:
        days = [reading.hit.passage.published for reading in side.readings]
        return max((day for day in days if day), default=date.min)

    return sorted(found, key=published, reverse=True)


def _is_one_answer(question: str, kind: Kind, first: Reading) -> bool:
    """True if another short answer would be at odds with this reading's."""
    if first.short is None or first.attribution is not None:
        # What somebody said is one thing of many.
        return False
    return kind in _ONE_ANSWER or (
        kind is Kind.OTHER
        and _NAMES_ONE.search(question) is not None
        and len(first.short.text.split()) <= _FEW_WORDS
    )


class _Said:
    """Compares readings by their short answers."""

    def answers(self, reading: Reading, first: Reading) -> bool:
        """Whether it can stand against the first at all; the place a report was sent from, at the
        head of its first sentence, cannot."""
        if reading.short is None or first.short is None:
            return False
        start = reading.short.start - reading.sentence.start
        dateline = not reading.sentence.text[:start].strip() and _DATELINE.match(
            reading.sentence.text[start + len(reading.short.text) :]
        )
        return not dateline and comparable(first.short.text, reading.short.text)

    def same(self, one: Reading, other: Reading) -> bool:
        """Whether the two do not contradict each other."""
        return bool(one.short and other.short and agree(one.short.text, other.short.text))


class _Stance:
    """… by whether they affirm or deny."""

    def __init__(self, question: str) -> None:
        self._question = question

    def answers(self, reading: Reading, first: Reading) -> bool:
        """See ``_Said``."""
        return stance(self._question, reading.sentence.text) != 0

    def same(self, one: Reading, other: Reading) -> bool:
        """See ``_Said``."""
        signs = {stance(self._question, reading.sentence.text) for reading in (one, other)}
        return len(signs) == 1 and 0 not in signs


def _differing(
    variants: Sequence[Reading], readings: Sequence[Reading], least: float, way: _Said | _Stance
) -> Sides:
    """The best reading's side, and those that answer otherwise and are sure enough apart from the
    sides before them."""
    found = [Side([readings[0]])]
    apart = max(_APART, least)
    for reading in (*variants, *readings[1:]):
        if reading.score < readings[0].score - _FAR:
            break
        if not way.answers(reading, readings[0]):
            continue
        side = next((side for side in found if way.same(side.readings[0], reading)), None)
        if side is not None:
            near = reading.confidence >= _SECOND * side.readings[0].confidence
            if near and len(side.readings) < MAX_QUOTES:
                side.readings.append(reading)
        elif (
            len(found) <= MAX_ALTERNATIVES
            and _independent(reading, found)
            and _apart(reading, readings, found, way) >= (least if reading in variants else apart)
        ):
            found.append(Side([reading]))
    # What two sides take from each other says nothing against either.
    return Sides(tuple(found), _apart(readings[0], readings, found[1:], way))


def _variants(readings: Sequence[Reading]) -> list[Reading]:
    """Copies of the first reading's sentence that have something else in the place of its answer:
    as sure as that, whatever the reader found in them."""
    first, *others = readings
    if first.short is None or first.attribution is not None:
        return []
    base = first.sentence.start
    place = first.short.start - base, first.short.end - base
    found = []
    for other in others:
        span = other.sentence
        if span.doc_id == first.sentence.doc_id:
            continue
        there = variant(first.sentence.text, place, span.text)
        if there is not None:
            start, end = (span.start + offset for offset in there)
            short = Span(span.doc_id, start, end, span.text[there[0] : there[1]])
            found.append(dataclasses.replace(first, sentence=span, short=short, hit=other.hit))
    return found


def _independent(reading: Reading, found: Sequence[Side]) -> bool:
    """True if no side found so far is from its article: one that says two things means two."""
    doc_id = reading.sentence.doc_id
    return all(one.sentence.doc_id != doc_id for side in found for one in side.readings)


def _apart(
    reading: Reading, readings: Sequence[Reading], found: Sequence[Side], way: _Said | _Stance
) -> float:
    """The confidence of a reading if the sides found so far were not there."""
    others = [
        other
        for other in readings
        if other is not reading
        and not way.same(other, reading)
        and not any(way.same(other, side.readings[0]) for side in found)
        and not any(other is of_side for side in found for of_side in side.readings)
    ]
    return confidence_against(reading, others)
