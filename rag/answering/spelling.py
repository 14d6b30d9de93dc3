"""Typing errors in a question, mended against the words of the corpus, and words it lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from rag.index.english import known_stem, term_weight, word_count, words_beginning
from rag.index.index import Words
from rag.index.lexical import STOPWORDS, stem, words

_COMMON = 1_500
"""A word in so many of the 5,948 counted articles belongs to every text ("much", "does")."""
_ORDINARY = 1.6
"""The same by ``term_weight``, of all words with one stem: that no passage has "call" says nothing."""


def mend(question: str, corpus: Words) -> tuple[str, tuple[str, ...]]:
    """Replace words that neither the corpus nor news English knows by the nearest known one.

    A word is taken for a typing error only if it has at least four letters, is in no vocabulary,
    and a word of the corpus (or one of the commonest of English) with the same first letter lies
    within one edit, two from seven letters on; swapped neighbours count as one edit.
    """
    from rapidfuzz.distance import OSA

    notes = []
    mended = question
    for match in reversed(list(re.finditer(r"[^\W\d_]{4,}", question))):
        word = match.group().lower()
        if not word.isascii() or word_count(word) or corpus.document_frequency(stem(word)):
            continue
        limit = 2 if len(word) >= 7 else 1
        terms = set(corpus.vocabulary(word[0]))
        ranked = sorted(
            (
                OSA.distance(word, candidate),
                stem(candidate) not in terms,
                -word_count(candidate),
                candidate,
            )
            for candidate in _candidates(word, terms, limit)
            if OSA.distance(word, candidate, score_cutoff=limit) <= limit
        )
        if ranked:
            right = ranked[0][-1]
            if match.group()[0].isupper():
                right = right.capitalize()
            mended = mended[: match.start()] + right + mended[match.end() :]
            notes.append(f"Read “{match.group()}” as “{right}”.")
    return mended, tuple(reversed(notes))


def unheard(question: str, corpus: Words) -> tuple[str, ...]:
    """The question's words that no passage has in any form, in order, as typed; without those
    that any text may lack or have ("called", "much")."""
    missing: dict[str, str] = {}
    for match in re.finditer(r"\w+(?:[’'-]\w+)*", question):
        found = [w for w in words(match.group()) if w not in STOPWORDS]
        if found and not any(
            term_weight(stem(w)) <= _ORDINARY or corpus.document_frequency(stem(w)) for w in found
        ):
            missing.setdefault(match.group().lower(), match.group())
    return tuple(missing.values())


def _candidates(word: str, terms: Set[str], limit: int) -> Iterator[str]:
    """Words of like length that the corpus uses, or that every text uses. The corpus' own
    ``terms`` are stems; those that no known word has are mostly names, which stand for
    themselves."""

    def alike(other: str) -> bool:
        return abs(len(other) - len(word)) <= limit

    known = words_beginning(word[0])
    for other, count in known.items():
        if alike(other) and (count >= _COMMON or stem(other) in terms):
            yield other
    for term in terms:
        if alike(term) and term not in known and not known_stem(term):
            yield term
