"""From readings to an answer made of quotes alone: choose, quote, cite, or abstain.

Sentences that give the same short answer are cited together; those that give another one are
alternatives, each with its own quotes. Nothing decides between them, nothing blends them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rag.answering.sides import newest_first, sides
from rag.datatypes import Alternative, Article, Attribution, Citation, Span
from rag.news.folding import differ, foldable
from rag.reader import Reading
from rag.reader.features import with_antecedent

Fetch = Callable[[str], Article | None]
Attribute = Callable[[Article, int, int], Attribution | None]
Copies = Callable[[str], Sequence[str]]

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
    fetch: Fetch,
    attribute: Attribute,
    copies: Copies,
    *,
    least: float,
    latest: bool = False,
) -> Draft:
    """Make an answer of the best readings, or abstain below a confidence of ``least``.

    Args:
        question: As understood.
        readings: Best first.
        fetch: Gives the stored article of a doc_id; None if it is gone or altered.
        attribute: Who says the words at (article, start, end); None for the outlet's own voice.
        copies: Gives the doc_ids of the articles that tell an article's story in nearly its words.
        least: In [0, 1].
        latest: Of answers that differ, the one published last comes first.

    Returns:
        Whole sentences as quotes, numbered in order of importance, and up to
        ``MAX_ALTERNATIVES`` alternatives, numbered on. A sentence that opens with a pronoun
        brings the sentence before it, in the same quote. A quote that says the same as one before
        it in nearly the same words is folded into that.
    """
    given = sides(question, readings, least)
    if not given.found or given.confidence < least:
        return Draft("", None, (), given.confidence, "not_in_corpus")
    taken: list[Citation] = []
    shown: list[tuple[str | None, list[Citation]]] = []
    for side in newest_first(given.found) if latest else given.found:
        short: str | None = None
        citations: list[Citation] = []
        for reading in side.readings:
            article = fetch(reading.sentence.doc_id)
            if article is None:
                if reading is given.found[0].readings[0]:
                    return Draft("", None, (), given.confidence, "unverified")
                continue
            new = citation_of(len(taken) + 1, reading, article, attribute)
            if any(overlap(new, old) for old in taken) or _fold(new, citations, copies):
                continue
            citations.append(new)
            taken.append(new)
            if short is None and reading.short is not None:
                short = reading.short.text
        shown.append((short, citations))
    (short, first), *others = shown
    if given.several:
        first = _with_leads(first)
    alternatives = tuple(
        Alternative(_text(citations), short, tuple(citations), relation(first, citations))
        for short, citations in others
        if citations
    )
    return Draft(_text(first), short, tuple(first), given.confidence, alternatives=alternatives)


def compose_parts(
    parts: Sequence[tuple[str, Reading]], fetch: Fetch, attribute: Attribute
) -> Draft:
    """An answer of one quote for each part, each after its line."""
    citations: list[Citation] = []
    for lead, reading in parts:
        article = fetch(reading.sentence.doc_id)
        if article is not None:
            new = citation_of(len(citations) + 1, reading, article, attribute)
            citations.append(dataclasses.replace(new, lead=lead))
    confidence = min(reading.confidence for _, reading in parts)
    if len(citations) < len(parts):
        return Draft("", None, (), confidence, "unverified")
    return Draft(_text(citations), None, tuple(citations), confidence)


def overlap(one: Citation, other: Citation) -> bool:
    """True if two quotes share words of one article."""
    return one.doc_id == other.doc_id and one.start < other.end and other.start < one.end


def _fold(new: Citation, citations: list[Citation], copies: Copies) -> bool:
    """Fold a quote into the first one of another article that it only repeats, or of a copy of its
    article that says nothing else; False if there is none."""
    for at, old in enumerate(citations):
        if old.doc_id == new.doc_id:
            continue
        copied = new.doc_id in copies(old.doc_id) and not differ(old.quote, new.quote)
        if copied or foldable(old.quote, new.quote):
            also = dataclasses.replace(new, number=old.number)
            citations[at] = dataclasses.replace(old, also_in=(*old.also_in, also))
            return True
    return False


def _with_leads(citations: list[Citation]) -> list[Citation]:
    """Several articles' quotes, each article's under a line of its own."""
    if len({citation.doc_id for citation in citations}) < 2:
        return citations
    known: list[str] = []
    led = []
    for citation in citations:
        lead = ""
        if citation.doc_id not in known:
            known.append(citation.doc_id)
            lead = "In one article:" if len(known) == 1 else "In another:"
        led.append(dataclasses.replace(citation, lead=lead))
    return led


def relation(first: Sequence[Citation], other: Sequence[Citation]) -> str:
    """How an alternative stands to the answer, see ``Alternative``."""
    ours = [citation.published for citation in first]
    theirs = [citation.published for citation in other]
    days, others = ([day for day in some if day is not None] for some in (ours, theirs))
    if len(days) == len(ours) and len(others) == len(theirs) and days and others:
        if min(others) > max(days):
            return "later"
        if max(others) < min(days):
            return "earlier"
    return "conflict"


def _with_antecedent(reading: Reading, article: Article) -> Span:
    """The sentence, or with the one before it where it opens with a pronoun: nobody can tell who
    "He" is from the sentence alone."""
    start = with_antecedent(reading.hit, reading.sentence.start)
    if reading.sentence.end - start <= _MAX_QUOTE_CHARS:
        return Span.cut(article, start, reading.sentence.end)
    return reading.sentence


def citation_of(
    number: int, reading: Reading, article: Article, attribute: Attribute, *, alone: bool = False
) -> Citation:
    """A reading as a numbered quote, the sentence before it included where it needs that and is
    not to stand ``alone``; with who says it, or what of it answers."""
    span = reading.sentence if alone else _with_antecedent(reading, article)
    short = reading.short
    said = reading.attribution or attribute(article, *_core(reading))
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
        speaker=said.speaker if said else None,
        answer=(short.start, short.end) if short else None,
        attribution=said,
    )


def _core(reading: Reading) -> tuple[int, int]:
    """What of a reading answers, as offsets into its article."""
    span = reading.short or reading.sentence
    return span.start, span.end


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
    """The quotes in quotation marks, each with its marker, a paragraph each; before it its line."""
    paragraphs = []
    for citation in citations:
        if citation.lead:
            paragraphs.append(citation.lead)
        paragraphs.append(f"“{citation.quote}” [{citation.number}]")
    return "\n\n".join(paragraphs)
