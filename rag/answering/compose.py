"""From readings to an answer made of quotes alone: choose, quote, cite, or abstain."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.datatypes import Article, Citation, Span
from rag.reader import Reading
from rag.reader.features import with_antecedent
from rag.reader.question import Kind, parse

MAX_QUOTES = 3
_SECOND = 0.75
"""A further quote has at least this share of the first one's confidence."""
_SECOND_BROAD = 0.5
"""… where the question asks for several things."""
_ASKS_SEVERAL = re.compile(
    r"\b(?:and\s+(?:what|who|when|where|why|how|which)|each|both|differ\w*|compare\w*|versus|vs)\b",
    re.IGNORECASE,
)
_MAX_QUOTE_CHARS = 700


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer not yet checked; ``reason`` says why it abstains, None if it answers."""

    text: str
    short_answer: str | None
    citations: tuple[Citation, ...]
    confidence: float
    reason: str | None = None


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
        One to ``MAX_QUOTES`` whole sentences as quotes, numbered in reading order of importance.
        A sentence that opens with a pronoun brings the sentence before it, in the same quote.
    """
    confidence = readings[0].confidence if readings else 0.0
    if not readings or confidence < min_confidence:
        return Draft("", None, (), confidence, "not_in_corpus")
    chosen = _choose(question, readings)
    citations: list[Citation] = []
    for reading in chosen:
        article = fetch(reading.sentence.doc_id)
        if article is None:
            if reading is chosen[0]:
                return Draft("", None, (), confidence, "unverified")
            continue
        span = _with_antecedent(reading, article)
        overlapping = any(
            c.doc_id == span.doc_id and c.start < span.end and span.start < c.end for c in citations
        )
        if not overlapping:
            citations.append(_cite(len(citations) + 1, span, article))
    short = chosen[0].short.text if chosen[0].short else None
    return Draft(_text(citations), short, tuple(citations), confidence)


def _choose(question: str, readings: Sequence[Reading]) -> list[Reading]:
    first = readings[0]
    broad = parse(question).kind is Kind.LIST or _ASKS_SEVERAL.search(question)
    share = _SECOND_BROAD if broad else _SECOND
    limit = MAX_QUOTES if broad else 2
    chosen = [first]
    for reading in readings[1:]:
        if len(chosen) == limit or reading.confidence < share * first.confidence:
            break
        chosen.append(reading)
    return chosen


def _with_antecedent(reading: Reading, article: Article) -> Span:
    """The sentence, or with the one before it where it opens with a pronoun: nobody can tell who
    "He" is from the sentence alone."""
    start = with_antecedent(reading.hit, reading.sentence.start)
    if reading.sentence.end - start <= _MAX_QUOTE_CHARS:
        return Span.cut(article, start, reading.sentence.end)
    return reading.sentence


def _cite(number: int, span: Span, article: Article) -> Citation:
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
    )


def _text(citations: Sequence[Citation]) -> str:
    """The quotes in quotation marks, each with its marker, a paragraph each."""
    return "\n\n".join(f"“{citation.quote}” [{citation.number}]" for citation in citations)
