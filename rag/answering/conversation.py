"""The question as understood: typing errors mended, follow-ups completed from the last turns.

This is the plain form: a follow-up that leans on what was said before (a pronoun, "and …?",
"why?") gets the earlier question put before it, to find the passages; they are read for what the
follow-up itself asks, or the earlier question would be answered again. Changes are visible in
``Answer.standalone`` and ``Answer.notes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.datatypes import Answer
from rag.index.english import known_stem, word_counts
from rag.index.lexical import STOPWORDS, Postings, stem, words

Turn = tuple[str, str] | Answer
"""An earlier turn: (question, answer text), or the Answer itself."""

_LEANS = re.compile(
    r"\b(?:he|she|they|it|him|her|them|his|hers|their|theirs|its|that|those|these|this|there|then|"
    r"one|ones|former|latter)\b",
    re.IGNORECASE,
)
_OPENS_WITH_LINK = re.compile(r"^(?:and|but|so|or|what\s+about|how\s+about|why|when|where|who|how)\b",
                              re.IGNORECASE)  # fmt: skip
_CONTINUES = re.compile(r"^(?:and|but|so|what about|how about)\b", re.IGNORECASE)
_COMMON = 1_500
"""A word in so many of the 5,948 counted articles belongs to every text ("much", "does")."""
_SHORT = 3
"""With so few content words or less, a question that opens with a link word leans on the last."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A question ready to be searched: ``text`` stands alone; ``notes`` say what was changed.

    ``asked`` is what to read the passages for: the follow-up itself where it asks for something,
    else ``text``.
    """

    text: str
    asked: str
    notes: tuple[str, ...] = ()


def understand(question: str, history: Sequence[Turn], postings: Postings) -> Understood:
    """Mend typing errors against the corpus' vocabulary, then complete a follow-up."""
    mended, notes = mend(question, postings)
    if history and leans_on_history(mended):
        last = history[-1]
        earlier = last.standalone if isinstance(last, Answer) else last[0]
        earlier = " ".join(earlier.split()).rstrip("?!. ")
        text = f"{earlier}? {mended}" if earlier else mended
        return Understood(text, mended if _asks_itself(mended) else text, notes)
    return Understood(mended, mended, notes)


def leans_on_history(question: str) -> bool:
    """True if a question cannot be understood alone.

    >>> leans_on_history("And Pakistan?"), leans_on_history("When was that?")
    (True, True)
    >>> leans_on_history("Why did Trump criticise Biden?")
    False
    """
    content = [word for word in words(question) if word not in STOPWORDS]
    if _OPENS_WITH_LINK.match(question.strip()) and len(content) <= 1:
        return True
    if _CONTINUES.match(question.strip()):
        return len(content) <= _SHORT + 1
    return bool(_LEANS.search(question)) and not _names_somebody(question)


def _asks_itself(question: str) -> bool:
    """True if a follow-up says what it wants to know: not "Why?", nor "And Pakistan?"."""
    if _CONTINUES.match(question.strip()):
        return False
    return any(word not in STOPWORDS for word in words(question))


def _names_somebody(question: str) -> bool:
    """True if a pronoun in the question can refer to a name in the question itself."""
    match = _LEANS.search(question)
    assert match is not None
    before = question[: match.start()]
    return bool(re.search(r"(?<=\s)[A-Z]\w+|\b[A-Z]{2,}\b", before))


def mend(question: str, postings: Postings) -> tuple[str, tuple[str, ...]]:
    """Replace words that neither the corpus nor news English knows by the nearest known one.

    A word is taken for a typing error only if it has at least four letters, is in no vocabulary,
    and a word of the corpus (or one of the commonest of English) with the same first letter lies
    within one edit, two from seven letters on; swapped neighbours count as one edit.
    """
    from rapidfuzz.distance import OSA

    known = word_counts()
    notes = []
    mended = question
    for match in reversed(list(re.finditer(r"[^\W\d_]{4,}", question))):
        word = match.group().lower()
        if not word.isascii() or word in known or postings.document_frequency(stem(word)):
            continue
        limit = 2 if len(word) >= 7 else 1
        ranked = sorted(
            (
                OSA.distance(word, candidate),
                not postings.document_frequency(stem(candidate)),
                -known.get(candidate, 0),
                candidate,
            )
            for candidate in _candidates(word, postings, known, limit)
            if OSA.distance(word, candidate, score_cutoff=limit) <= limit
        )
        if ranked:
            right = ranked[0][-1]
            if match.group()[0].isupper():
                right = right.capitalize()
            mended = mended[: match.start()] + right + mended[match.end() :]
            notes.append(f"Read “{match.group()}” as “{right}”.")
    return mended, tuple(reversed(notes))


def unheard(question: str, postings: Postings) -> tuple[str, ...]:
    """The question's words that no passage has in any form, in order, as typed; without those
    that any text may lack or have ("called", "much")."""
    known = word_counts()
    missing: dict[str, str] = {}
    for match in re.finditer(r"\w+(?:[’'-]\w+)*", question):
        found = [w for w in words(match.group()) if w not in STOPWORDS]
        if found and not any(
            known.get(w, 0) >= _COMMON or postings.document_frequency(stem(w)) for w in found
        ):
            missing.setdefault(match.group().lower(), match.group())
    return tuple(missing.values())


def _candidates(word: str, postings: Postings, known: dict[str, int], limit: int) -> Iterator[str]:
    """Words of like length that the corpus uses, or that every text uses. The corpus' own terms
    are stems; those that no known word has are mostly names, which stand for themselves."""

    def alike(other: str) -> bool:
        return other[:1] == word[0] and abs(len(other) - len(word)) <= limit

    for other, count in known.items():
        if alike(other) and (count >= _COMMON or postings.document_frequency(stem(other))):
            yield other
    for term in postings.vocabulary():
        if alike(term) and term not in known and not known_stem(term):
            yield term
