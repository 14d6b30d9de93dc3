"""The span reader: a small trained network that finds the words that answer.

For (question, passage) it scores every word piece as start and as end of the answer, and "no
answer here" by its first position. A sentence is judged by its best span against that "none",
together with the features that every reader uses. The network is the packaged one, in OpenVINO
from a form written while indexing (``rag.models.span_network``), or another that a person names
(``rag.models.qa_model``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.datatypes import Hit
from rag.models.span_network import SpanNetwork, SpanScores, best_span
from rag.reader import Reading
from rag.reader.features import (
    COMMON_FEATURES,
    Fitted,
    Scene,
    common_features,
    load_fitted,
    log_sum_exp,
    ranked,
)
from rag.reader.question import Kind, parse

WEIGHTS = Path(__file__).with_name("spans.json")
FEATURES = ("span", "none", "log_share", *COMMON_FEATURES)
_UNREAD = -20.0
_MAX_PAIR_CHARS = 700
_INITIAL = re.compile(r"(?:^|[\s.])[A-Z]$|\b(?:Inc|Jr|Sr|Co|Corp|Ltd|St)$")
"""What a full stop belongs to rather than ends."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The best span within some characters of a passage: its score less that of "none", the score
    of "none", the log of the span's share among all starts and ends of the passage and "none", and
    the span in the article, None where the passage was not read that far."""

    score: float
    none: float
    log_share: float
    span: tuple[int, int] | None


class SpanReader:
    """Reads with a network that scores spans. Thread-safe."""

    def __init__(self, network: SpanNetwork, fitted: Fitted | None = None) -> None:
        self.name = network.name
        self._network = network
        self._fitted = fitted or load_fitted(WEIGHTS, FEATURES)

    def read(self, question: str, vector: np.ndarray, hits: Sequence[Hit]) -> list[Reading]:
        """The sentences of the hits, best first (see ``Reader``)."""
        return ranked(self.scene(question, vector, hits), FEATURES, self._fitted)

    def threshold(self, error_rate: float) -> float:
        """See ``Reader``."""
        return self._fitted.threshold(error_rate)

    def scene(self, question: str, vector: np.ndarray, hits: Sequence[Hit]) -> Scene:
        """Features of every sentence of the hits, and the best span in each. Where a passage's
        best span crosses the end of a sentence, the two stand together."""
        parsed = parse(question)
        passages = [hit.passage for hit in hits]
        texts, titles = [p.span.text for p in passages], [headline(p.title) for p in passages]
        scores = self._network.score(question, texts, titles)
        sentences: list[tuple[Hit, int, int]] = []
        found: list[_Found] = []
        for hit, of_hit in zip(hits, scores, strict=True):
            for start, end in _sentences(hit, of_hit):
                sentences.append((hit, start, end))
                found.append(_best_within(hit, of_hit, start, end))
        rows = common_features(parsed, sentences, COMMON_FEATURES)
        features = [
            [f.score, f.none, f.log_share, *row] for f, row in zip(found, rows, strict=True)
        ]
        shorts = []
        for (_, start, end), best in zip(sentences, found, strict=True):
            plain = parsed.kind is not Kind.YESNO and best.span != (start, end)
            shorts.append(best.span if plain else None)
        return Scene(sentences, np.array(features).reshape(len(rows), len(FEATURES)), shorts)


def _sentences(hit: Hit, scores: SpanScores) -> list[tuple[int, int]]:
    """The passage's sentences; two that its best span lies across are one."""
    sentences = list(hit.passage.sentences)
    if len(sentences) < 2 or not scores.offsets:
        return sentences
    base = hit.passage.span.start
    _, left, right = best_span(scores.starts, scores.ends)
    start, end = base + scores.offsets[left][0], base + scores.offsets[right][1]
    for at, (one, other) in enumerate(itertools.pairwise(sentences)):
        across = one[0] <= start < one[1] and other[0] < end <= other[1]
        if across and other[1] - one[0] <= _MAX_PAIR_CHARS:
            return [*sentences[:at], (one[0], other[1]), *sentences[at + 2 :]]
    return sentences


def _best_within(hit: Hit, scores: SpanScores, start: int, end: int) -> _Found:
    base = hit.passage.span.start
    inside = [i for i, (s, e) in enumerate(scores.offsets) if start - base <= s and e <= end - base]
    if not inside:
        return _Found(_UNREAD, scores.none, _UNREAD, None)
    own = slice(inside[0], inside[-1] + 1)
    score, left, right = best_span(scores.starts[own], scores.ends[own])
    first, last = scores.offsets[inside[left]][0], scores.offsets[inside[right]][1]
    span = tidy(hit.passage.span.text, first, last)
    # Whole words may reach out of a sentence that ends inside one: "U.S.troops".
    span = (max(span[0], start - base), min(span[1], end - base))
    short = (base + span[0], base + span[1]) if span[0] < span[1] else None
    # "None" is one start and one end; its score is the sum of both.
    total = sum(
        log_sum_exp(np.append(side, scores.none / 2)) for side in (scores.starts, scores.ends)
    )
    return _Found(score - scores.none, scores.none, score - total, short)


def tidy(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a span to whole words, and drop punctuation that only ends the clause.

    >>> text = "It was led by Gen. Qahar, of the U.S."
    >>> [text[slice(*tidy(text, s, e))] for s, e in ((14, 22), (19, 25), (33, 37))]
    ['Gen. Qahar', 'Qahar', 'U.S.']
    """
    while 0 < start < end and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    while end > start and (
        text[end - 1] in " ,;:\n"
        or (text[end - 1] == "." and not _INITIAL.search(text[start : end - 1]))
    ):
        end -= 1
    while start < end and text[start] in " ,;:.\n":
        start += 1
    return start, end


def headline(title: str) -> str:
    """The title; "" where it is made of the text's first words: read with these, the passages of
    the calibration articles were judged less well than without.

    >>> headline("Bridge opened"), headline("The bridge of Skagen was opened by Anna Lind…")
    ('Bridge opened', '')
    """
    return "" if title.endswith("…") else title
