"""Look up pasted words: does the corpus have them, where, and how exactly?

Words are compared under the declared normalisation (``rag.index.normalise``) and, for the first
letter alone, without regard to case. Likeness never passes as a match: what is not exact is
``altered``, with what differs, ``stitched``, or ``absent``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from rag.answering.nearest import nearest
from rag.answering.places import places
from rag.datatypes import Citation, QuoteMatch
from rag.index.grams import WORD
from rag.index.normalise import fold
from rag.index.store import Store

MAX_QUOTE_CHARS = 20_000
_MOST_PLACES = 40
_MIN_STITCH_WORDS = 4
"""A part of a stitched quote has at least so many words: shorter runs occur by chance."""
_OPENING = re.compile(r"(?:\.\.\.|[\"'()\[\]\s]|- )*")
_CLOSING = re.compile(r"[\"'()\[\].,;:\s]*(?: -)?\Z")


def locate(store: Store, quote: str) -> QuoteMatch:
    """Find pasted words in the corpus.

    Args:
        store: Where to look.
        quote: At least one word. White space and quotation marks around it are dropped; so are,
            where the words stand nowhere with them, brackets, marks of omission, and a comma, full
            stop, colon or semicolon at its end.

    Returns:
        ``exact`` with every place (at most 40) it stands, ``altered`` with the places of the
        nearest text and what differs, ``stitched`` with the places of its parts in order, or
        ``absent``.
    """
    wanted = _without_outer_quotes(fold(quote[:MAX_QUOTE_CHARS]))
    if not WORD.search(wanted):
        return QuoteMatch("absent", ())
    bare = _bare(wanted)
    for attempt in dict.fromkeys((wanted, bare)):
        if exact := _first_places(store, attempt):
            return QuoteMatch("exact", _numbered(exact))
    stitched = _stitched(store, bare)
    if stitched:
        # Changing a few words of one place is a simpler story than stitching parts.
        altered = nearest(store, bare, most=2 * (len(stitched) - 1))
        if altered is None or altered.longest_gap > _MIN_STITCH_WORDS:
            return QuoteMatch("stitched", _numbered(stitched))
    else:
        altered = nearest(store, bare)
    if altered is None:
        return QuoteMatch("absent", ())
    found = _first_places(store, altered.text)
    if altered.citation not in found:
        found = [altered.citation, *found[: _MOST_PLACES - 1]]
    return QuoteMatch("altered", _numbered(found), altered.differences)


def _without_outer_quotes(text: str) -> str:
    while len(text) > 2 and text[0] in "\"'" and text[-1] == text[0]:
        text = text[1:-1].strip()
    return text


def _bare(text: str) -> str:
    """Without the marks at its ends that a quotation puts there itself."""
    start = _OPENING.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    return text[start : _CLOSING.search(text).start()]  # type: ignore[union-attr]


def _first_places(store: Store, wanted: str) -> list[Citation]:
    """The first 40 places, by article and offset."""
    found = islice(places(store, wanted), _MOST_PLACES)
    return sorted(found, key=lambda place: (place.doc_id, place.start))


def _numbered(citations: Iterable[Citation]) -> tuple[Citation, ...]:
    return tuple(replace(c, number=number) for number, c in enumerate(citations, start=1))


def _stitched(store: Store, wanted: str) -> list[Citation] | None:
    """The places of the parts, if exact parts of at least four words make up the whole quote.

    Greedy from the left: the longest run of words that stands somewhere exactly, then the next.
    Marks of omission ("...", "[...]") between parts are passed over.
    """
    spans = _whole_words(wanted)
    at = 0
    parts: list[Citation] = []
    while at < len(spans):
        found: Citation | None = None
        # By bisection; most runs that go no further are found out by the shortest.
        low, high, middle = at + _MIN_STITCH_WORDS, len(spans), at + _MIN_STITCH_WORDS
        while low <= high:
            place = next(places(store, wanted[spans[at][0] : spans[middle - 1][1]]), None)
            if place is not None:
                found, end, low = place, middle, middle + 1
            elif found is None:
                return None
            else:
                high = middle - 1
            middle = (low + high) // 2
        if found is None:
            return None
        parts.append(found)
        at = end
    return parts if len(parts) > 1 else None


def _whole_words(text: str) -> list[tuple[int, int]]:
    """Where a part may begin and end: "D23" and "1984's" are two words to the index, but not cut.

    >>> _whole_words("at D23")
    [(0, 2), (3, 6)]
    """
    spans: list[tuple[int, int]] = []
    for start, end in (match.span() for match in WORD.finditer(text)):
        if spans and text[spans[-1][1] : start] in ("", "'"):
            start = spans.pop()[0]
        spans.append((start, end))
    return spans
