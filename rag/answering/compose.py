"""From readings to an answer made of quotes alone: choose, quote, cite, or abstain.

Sentences that give the same short answer are cited together; those that give another one are
alternatives, each with its own quotes. Nothing decides between them, nothing blends them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rag.answering.sides import sides
from rag.datatypes import Alternative, Article, Citation, Span
from rag.reader import Reading
from rag.reader.features import with_antecedent

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
    given = sides(question, readings, min_confidence)
    confidence = given.confidence
    if not given.found or confidence < min_confidence:
        return Draft("", None, (), confidence, "not_in_corpus")
    taken: list[Citation] = []
    for side in given.found:
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
    first, *others = given.found
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
