"""Where words stand exactly in the corpus, up to the declared normalisation.

The phrase index names articles; in each, only the stretches around the longest of the words are
normalised and compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.datatypes import Article, Citation
from rag.index.grams import LONGEST, grams, words
from rag.index.normalise import Normalised, between_letters, fold, normalise
from rag.index.store import Store

_MOST_READ = 1_000
"""So many articles that have all of the grams are read at most, to see whether the words are in a
row."""
_MOST_GRAMS = 64
_FEW = 8
_TRIED = 3
_SPARE = 20
_CONTEXT = 8
"""More characters than ``_whole`` looks at, on either side."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Window:
    """A normalised stretch of an article's text, which begins at ``base`` there."""

    article: Article
    base: int
    found: Normalised

    @property
    def text(self) -> str:
        """The normalised stretch."""
        return self.found.text

    def citation(self, start: int, end: int) -> Citation:
        """The slice of the article that became ``text[start:end]``, as citation number 1."""
        first, last = self.found.original(start, end)
        article = self.article
        return Citation(
            number=1,
            doc_id=article.doc_id,
            start=self.base + first,
            end=self.base + last,
            quote=article.text[self.base + first : self.base + last],
            title=article.title,
            outlet=article.outlet,
            published=article.published,
            url=article.url,
            sha256=article.sha256,
        )


def places(store: Store, wanted: str) -> Iterator[Citation]:
    """Every place where normalised text stands, its first letter in upper or lower case.

    Args:
        store: Where to look.
        wanted: A normalised text with at least one word.
    """
    found = words(wanted)
    every = grams(found, min(len(found), LONGEST))
    step = 1 + len(every) // _MOST_GRAMS
    for row in store.with_grams(every[::step], _MOST_READ):
        seen: set[int] = set()
        for window in windows(store.article_at(row), wanted, _CONTEXT, _CONTEXT):
            for at in _occurrences(window.text, wanted):
                place = window.citation(at, at + len(wanted))
                if place.start not in seen:
                    seen.add(place.start)
                    yield place


def windows(article: Article, piece: str, before: int, after: int) -> Iterator[Window]:
    """Stretches of an article that hold every place where ``piece`` stands.

    Each has at least so many normalised characters more on either side, where the article does.
    """
    starts = _starts(article.text, piece)
    if starts is None:
        yield Window(article, 0, normalise(article.text))
        return
    offset, found = starts
    for at in found:
        yield window(article, at, offset + before, len(piece) - offset + after)


def _starts(text: str, piece: str) -> tuple[int, list[int]] | None:
    """An offset in a piece, and where in a text it would come to lie; None if nobody can tell.

    It is that of a word that is rare in the text or, if there is none, of the first three words.
    """
    between = between_letters(text)
    # Of the first letter it does not matter whether it is a capital.
    found = list(_WORD.finditer(piece, 1))[:_FEW]
    if between is None or not found:
        return None
    for match in sorted(found, key=lambda match: match.start() - match.end())[:_TRIED]:
        if between or text.count(match.group()) <= _FEW:
            starts = _all(between.join(map(re.escape, match.group())), text)
            if len(starts) <= _FEW:
                return match.start(), starts
    row = (between.join(map(re.escape, match.group())) for match in found[:_TRIED])
    return found[0].start(), _all(r"[\W_]+".join(row), text)


def _all(pattern: str, text: str) -> list[int]:
    return [match.start() for match in re.finditer(pattern, text)]


def window(article: Article, at: int, before: int, after: int) -> Window:
    """The stretch with at least so many normalised characters on either side of an offset."""
    left = right = at
    size = before + _SPARE
    while left > 0 and len(fold(article.text[left:at])) < before:
        left, size = max(0, at - size), 2 * size
    size = after + _SPARE
    while right < len(article.text) and len(fold(article.text[at:right])) < after:
        right, size = min(len(article.text), at + size), 2 * size
    return Window(article, left, normalise(article.text[left:right]))


def _occurrences(text: str, wanted: str) -> Iterator[int]:
    """Where ``wanted`` stands in ``text`` as whole words; only its first letter may differ in
    case."""
    for first in sorted({wanted[0], wanted[0].lower(), wanted[0].upper()}):
        if len(first) != 1:
            continue
        variant = first + wanted[1:]
        at = text.find(variant)
        while at >= 0:
            if _whole(text, at, at + len(variant)):
                yield at
            at = text.find(variant, at + 1)


def _whole(text: str, start: int, end: int) -> bool:
    """True if no word or number is cut at either end.

    Cutting could change what is said: "40" out of "400" or "1.40", "can" out of "can't",
    "violent" out of "non-violent".
    """
    before, after = text[max(0, start - 4) : start], text[end : end + 2]
    if text[start].isalnum() and (before[-1:].isalnum() or before.lower().endswith("non-")):
        return False
    if re.match(r"[\u0300-\u036f]", after):
        return False
    if text[end - 1].isalnum() and (after[:1].isalnum() or re.match(r"'[^\W\d_]", after)):
        return False
    if re.search(r"[^\W\d_]'\Z", text[max(0, end - 2) : end]) and after[:1].isalpha():
        return False
    if text[start].isdigit() and re.search(r"\d[.,]$", before):
        return False
    return not (text[end - 1].isdigit() and re.match(r"[.,]\d", after))
