"""Whose words answer: those of the one person asked for, or of each party compared.

What somebody said is found by attribution. The reader, which is trained to find answers, likes any
sentence in which somebody says something.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence

import numpy as np

from rag.datatypes import Attribution, Hit, Span
from rag.news.comparing import Comparison
from rag.news.saying import Saying, Told, told_by
from rag.reader import Reading
from rag.reader.features import cut
from rag.resources import Resources

SPOKEN_HITS = 30
"""So many passages are looked through for somebody's words."""
_ARTICLES = 12
"""… and so many articles are read for who speaks in them."""
_CLOSELY = 12
"""So many sentences are compared with what is asked about by their embeddings."""
_SURE = 0.9
"""The confidence where a sentence is by the right speaker and holds all that is asked about."""
_NEAR, _SAME = 0.2, 0.6
"""Cosines of a sentence and what it is asked about, at which it is no nearer than any, and at
which it is on that."""
_UNSAID = 0.5
"""A sentence that is not the person's words is worth so much of what the reader thinks of it."""
_PLAIN = re.compile(r"\b(?:said|says?|saying|told|tells?|telling|added|adds|stated|states)$")
_LONGEST_SHORT = 30
"""With more words, what was said is no short answer."""


def said_by(
    state: Resources, saying: Saying, hits: Sequence[Hit], plain: Sequence[Reading]
) -> list[Reading]:
    """Readings for a question that asks for somebody's words, best first.

    Args:
        state: The open index and what reads over it.
        saying: Whose words, on what.
        hits: The passages that may hold them.
        plain: What the reader makes of them.
    """
    told = told_by(saying, hits, _Speeches(state, saying.who))
    told.sort(key=lambda one: -one.covered)
    found = [
        _reading(one, _SURE * relevance)
        for one, relevance in zip(told, _relevances(state, saying, told), strict=True)
    ]
    known = {(one.hit.passage.span.doc_id, one.sentence[0]) for one in told}
    others = [
        _at(reading, _UNSAID * reading.confidence)
        for reading in plain
        if (reading.sentence.doc_id, reading.sentence.start) not in known
    ]
    return sorted([*found, *others], key=lambda reading: -reading.confidence)


def compared(
    state: Resources, comparison: Comparison, hits: Sequence[Hit], least: float
) -> list[tuple[str, Reading]]:
    """For each party its best words on the matter, from different articles where that can be, with
    the line to set before them; [] unless every party has words that are sure enough."""
    found: list[tuple[str, Reading]] = []
    for party in comparison.parties:
        own = [
            reading
            for reading in said_by(state, Saying(party, comparison.about), hits, ())
            if reading.confidence >= max(least, 1e-9)
        ]
        used = {reading.sentence.doc_id for _, reading in found}
        own.sort(key=lambda r: r.sentence.doc_id in used)
        taken = {(r.sentence.doc_id, r.sentence.start) for _, r in found}
        best = next((r for r in own if (r.sentence.doc_id, r.sentence.start) not in taken), None)
        if best is None:
            return []
        found.append((f"{party[0].upper()}{party[1:]}:", best))
    return found


class _Speeches:
    """The speeches of an article, by its doc_id: of the first ``_ARTICLES`` that name somebody, and
    none of the others, because reading an article for them takes as long as a passage."""

    def __init__(self, state: Resources, who: str) -> None:
        self._state = state
        self._name = re.sub(r"[’']s?$", "", who.split()[-1]).casefold()
        self._read: dict[str, list[Attribution]] = {}

    def __call__(self, doc_id: str) -> Sequence[Attribution]:
        if doc_id not in self._read and len(self._read) < _ARTICLES:
            article = self._state.index.store.sound_article(doc_id)
            if article is None or self._name not in article.text.casefold():
                return []
            self._read[doc_id] = self._state.speeches(article)
        return self._read.get(doc_id, [])


def _relevances(state: Resources, saying: Saying, told: Sequence[Told]) -> list[float]:
    """How far each is on what is asked about, in [0, 1]: by shared words or by nearness."""
    if not saying.about or not told:
        return [1.0] * len(told)
    some = told[:_CLOSELY]
    texts = [cut(one.hit, *one.sentence).text for one in some]
    vectors = state.index.networks.encoder.encode([saying.about, *texts])
    cosines = [*(vectors[1:] @ vectors[0]), *[0.0] * (len(told) - len(some))]
    near = np.clip((np.array(cosines) - _NEAR) / (_SAME - _NEAR), 0, 1)
    return [max(one.covered, float(value)) for one, value in zip(told, near, strict=True)]


def _reading(told: Told, confidence: float) -> Reading:
    start, end = told.sentence
    text = cut(told.hit, start, end)
    short = _short(text, told.attribution)
    if short is not None and len(short.text.split()) > _LONGEST_SHORT:
        short = None
    return _at(Reading(text, short, told.hit, 0, 0, 0, 0, told.attribution), confidence)


def _short(sentence: Span, said: Attribution) -> Span | None:
    """What was said, as far as it stands in the sentence; with its verb where that says how:
    "criticized the plan", but not "said that"."""
    start, end = said.said
    if sentence.start <= said.verb_at[0] < said.verb_at[1] <= start and not said.direct:
        between = sentence.text[said.verb_at[1] - sentence.start : start - sentence.start]
        if not between.strip() and not _PLAIN.search(said.verb):
            start = said.verb_at[0]
    first, last = max(start, sentence.start), min(end, sentence.end)
    while first < last and not sentence.text[last - sentence.start - 1].isalnum():
        last -= 1
    if first >= last:
        return None
    text = sentence.text[first - sentence.start : last - sentence.start]
    return Span(sentence.doc_id, first, last, text)


def _at(reading: Reading, confidence: float) -> Reading:
    """The reading at a confidence that nothing beside it changes."""
    odds = min(max(confidence, 1e-6), 1 - 1e-6)
    return dataclasses.replace(
        reading,
        score=confidence,
        confidence=confidence,
        unshared=math.log(odds / (1 - odds)),
        of_share=0.0,
    )
