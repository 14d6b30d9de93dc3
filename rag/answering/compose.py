"""From readings to an answer made of quotes alone: choose, quote, cite, or abstain.

Sentences that give the same short answer are cited together; those that give another one are
alternatives, each with its own quotes. Nothing decides between them, nothing blends them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rag.datatypes import Alternative, Article, Citation, Span
from rag.index.lexical import STOPWORDS, stem, words
from rag.reader import Reading
from rag.reader.features import with_antecedent
from rag.reader.question import Kind, parse

MAX_QUOTES = 3
"""Most quotes for one short answer."""
MAX_OPEN = 2
"""… for a question that has none."""
MAX_LISTED = 5
"""… for one that asks for several things."""
MAX_ALTERNATIVES = 2
_SECOND = 0.75
"""A further quote has at least this share of the first one's confidence."""
_SECOND_BROAD = 0.5
"""… where the question asks for several things."""
_ASKS_SEVERAL = re.compile(
    r"\b(?:and\s+(?:what|who|when|where|why|how|which)|each|both|differ\w*|compare\w*|versus|vs)\b",
    re.IGNORECASE,
)
_ONE_ANSWER = frozenset({Kind.PERSON, Kind.PLACE, Kind.DATE, Kind.MONEY, Kind.NUMBER, Kind.NAME})
"""Kinds of question that have one short answer, so that another one is at odds with it."""
_NUMBER = re.compile(r"\d[\d.,]*\d|\d")
_SCALE = re.compile(r"\b(hundred|thousand|million|billion|trillion|dozen)s?\b")
_SIGNS = {
    "dollar": re.compile(r"\$|\bdollar"),
    "euro": re.compile("€|\\beuro"),
    "pound": re.compile("£|\\bpound"),
    "percent": re.compile(r"%|\bper ?cent"),
}
_SIGN_STEMS = frozenset(stem(word) for word in ("dollars", "euros", "pounds", "percent", "cent"))
_MAX_QUOTE_CHARS = 700


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer not yet checked; ``reason`` says why it abstains, None if it answers."""

    text: str
    short_answer: str | None
    citations: tuple[Citation, ...]
    confidence: float
    reason: str | None = None
    alternatives: tuple[Alternative, ...] = ()


@dataclass
class _Side:
    """Readings that give one answer, and the citations made of them."""

    readings: list[Reading]
    short: str | None = None
    citations: list[Citation] = field(default_factory=list)


def compose(
    question: str,
    readings: Sequence[Reading],
    fetch: Callable[[str], Article | None],
    *,
    min_confidence: float,
) -> Draft:
    """Make an answer of the best readings, or abstain below ``min_confidence``.

    Args:
        question: As understood.
        readings: Best first.
        fetch: Gives the stored article of a doc_id; None if it is gone or altered.
        min_confidence: In [0, 1].

    Returns:
        Whole sentences as quotes, numbered in order of importance, and up to
        ``MAX_ALTERNATIVES`` alternatives, numbered on. A sentence that opens with a pronoun
        brings the sentence before it, in the same quote.
    """
    confidence = readings[0].confidence if readings else 0.0
    if not readings or confidence < min_confidence:
        return Draft("", None, (), confidence, "not_in_corpus")
    sides = _sides(question, readings, min_confidence)
    taken: list[Citation] = []
    for side in sides:
        for reading in side.readings:
            article = fetch(reading.sentence.doc_id)
            if article is None:
                if reading is readings[0]:
                    return Draft("", None, (), confidence, "unverified")
                continue
            new = citation_of(len(taken) + 1, reading, article)
            if not any(
                c.doc_id == new.doc_id and c.start < new.end and new.start < c.end for c in taken
            ):
                side.citations.append(new)
                taken.append(new)
                if side.short is None and reading.short is not None:
                    side.short = reading.short.text
    first, *others = sides
    alternatives = tuple(
        Alternative(_text(side.citations), side.short, tuple(side.citations))
        for side in others
        if side.citations
    )
    return Draft(
        _text(first.citations),
        first.short,
        tuple(first.citations),
        confidence,
        alternatives=alternatives,
    )


def _sides(question: str, readings: Sequence[Reading], min_confidence: float) -> list[_Side]:
    """The readings to quote, by the answer they give: first the best one's."""
    kind = parse(question).kind
    several = kind is Kind.LIST or bool(_ASKS_SEVERAL.search(question))
    share = _SECOND_BROAD if several else _SECOND
    first = readings[0]
    sides = [_Side([first])]
    if kind in _ONE_ANSWER and not several and first.short is not None:
        for reading in readings[1:]:
            if reading.confidence < share * first.confidence:
                break
            if reading.short is not None:
                _take_side(reading, sides, min_confidence)
        return sides
    for reading in readings[1:]:
        limit = MAX_LISTED if several else MAX_OPEN
        if len(sides[0].readings) == limit or reading.confidence < share * first.confidence:
            break
        sides[0].readings.append(reading)
    return sides


def _take_side(reading: Reading, sides: list[_Side], min_confidence: float) -> None:
    """Put a reading with those that give the same short answer, or on a side of its own. An
    alternative is an answer: it must be sure enough to be given alone."""
    assert reading.short is not None
    for side in sides:
        given = side.readings[0].short
        if given is not None and agree(given.text, reading.short.text):
            if len(side.readings) < MAX_QUOTES:
                side.readings.append(reading)
            return
    if len(sides) <= MAX_ALTERNATIVES and reading.confidence >= min_confidence:
        sides.append(_Side([reading]))


def agree(one: str, other: str) -> bool:
    """True if two short answers say the same, one perhaps in more words. Numbers are the same only
    with the same scale and no other sign, one perhaps without any; a scale alone ("billions")
    agrees with its numbers. Which of the two comes first makes no difference.

    >>> agree("Anna Lind", "the minister, Anna Lind"), agree("12", "At least 12")
    (True, True)
    >>> agree("12", "12 million"), agree("$12", "12 %"), agree("Lind", "Holm")
    (False, False, False)
    >>> agree("$12", "12"), agree("12", "$12")
    (True, True)
    >>> agree("billions of dollars", "about $7 billion"), agree("$7 billion", "7 billion dollars")
    (True, True)
    """
    (numbers, scales, signs), (others, other_scales, other_signs) = map(_quantity, (one, other))
    if numbers and others:
        if (numbers, scales) != (others, other_scales) or (
            signs and other_signs and signs != other_signs
        ):
            return False
    elif scales and other_scales:
        return scales <= other_scales or other_scales <= scales
    left, right = _stems(one), _stems(other)
    if signs or other_signs:
        left, right = (stems - _SIGN_STEMS for stems in (left, right))
    if not left or not right:
        return one.lower() == other.lower()
    return left <= right or right <= left


def _quantity(text: str) -> tuple[list[str], set[str], set[str]]:
    """(numbers in order, words of scale, signs of currency or percent) of a short answer."""
    lowered = text.lower()
    signs = {sign for sign, pattern in _SIGNS.items() if pattern.search(lowered)}
    return _NUMBER.findall(lowered), set(_SCALE.findall(lowered)), signs


def _stems(text: str) -> set[str]:
    return {stem(word) for word in words(text) if word not in STOPWORDS}


def _with_antecedent(reading: Reading, article: Article) -> Span:
    """The sentence, or with the one before it where it opens with a pronoun: nobody can tell who
    "He" is from the sentence alone."""
    start = with_antecedent(reading.hit, reading.sentence.start)
    if reading.sentence.end - start <= _MAX_QUOTE_CHARS:
        return Span.cut(article, start, reading.sentence.end)
    return reading.sentence


def citation_of(
    number: int, reading: Reading, article: Article, *, alone: bool = False
) -> Citation:
    """A reading as a numbered quote, the sentence before it included where it needs that and is
    not to stand ``alone``."""
    span = reading.sentence if alone else _with_antecedent(reading, article)
    short = reading.short
    return Citation(
        number=number,
        doc_id=span.doc_id,
        start=span.start,
        end=span.end,
        quote=span.text,
        title=article.title,
        outlet=article.outlet,
        published=article.published,
        url=article.url,
        sha256=article.sha256,
        answer=(short.start, short.end) if short else None,
    )


def numbered_on(
    alternatives: Sequence[Alternative], citations: Sequence[Citation]
) -> tuple[Alternative, ...]:
    """Alternatives beside other citations than they were made for: numbered on from those, and
    without those that say nothing the citations do not show."""
    shown = {(c.doc_id, c.start, c.end) for c in citations}
    number = len(citations)
    kept = []
    for one in alternatives:
        if all((c.doc_id, c.start, c.end) in shown for c in one.citations):
            continue
        anew = []
        for citation in one.citations:
            number += 1
            anew.append(dataclasses.replace(citation, number=number))
        kept.append(Alternative(_text(anew), one.short_answer, tuple(anew)))
    return tuple(kept)


def _text(citations: Iterable[Citation]) -> str:
    """The quotes in quotation marks, each with its marker, a paragraph each."""
    return "\n\n".join(f"“{citation.quote}” [{citation.number}]" for citation in citations)
