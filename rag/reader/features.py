"""What both readers share: features of a sentence, and from features to ranked readings.

A reader describes every sentence of the retrieved passages by a few numbers (a ``Scene``). Two
logistic regressions, fitted by ``tests/benchmarks/fit_reader.py``, turn them into a ranking and
into a confidence.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.datatypes import Hit, Span
from rag.index.english import term_weight
from rag.index.lexical import STOPWORDS, stem, words
from rag.reader import Reading
from rag.reader.agree import agree
from rag.reader.candidates import new_candidates
from rag.reader.question import Kind, Question

COMMON_FEATURES = (
    "passage_cosine",  # of question and passage
    "covered",  # weighted share of the question's terms in the sentence and its antecedent
    "passage_covered",  # … in the passage or its title
    "names_covered",  # share of the question's names and numbers in the sentence
    "passage_names_covered",
    "offers",  # the sentence offers the kind of thing asked for (0 for kinds we cannot see)
    "lacks",  # it does not
    "passage_missing",  # weight of the most telling term the passage lacks, over the highest
    "first_hit",  # 1 / rank of the passage
    "length",  # log of the number of words
)
_NEEDS_ANTECEDENT = re.compile(
    r"[\"“‘']?(?:He|She|They|It|His|Her|Their|Its|This|These|Those|That|Such|Both|The\s+former|"
    r"The\s+latter)\b"
)
_COMPARED = 4.0
"""A sentence so far below the best score has less than a fiftieth of its weight in a share."""
_DESCRIBED = frozenset(
    {Kind.PERSON, Kind.NAME, Kind.PLACE, Kind.DATE, Kind.MONEY, Kind.NUMBER, Kind.REASON}
)
"""Kinds of answer that ``candidates`` can find in a sentence."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Every sentence of the hits, as (hit, start, end) in its article; its features, shape
    (sentences, features); and the short answer in it, as (start, end) in the article, or None."""

    sentences: list[tuple[Hit, int, int]]
    features: np.ndarray
    shorts: list[tuple[int, int] | None]

    def said(self) -> list[str]:
        """What each sentence answers: its short answer, or the whole of it."""
        return [
            cut(hit, *(short or (start, end))).text
            for (hit, start, end), short in zip(self.sentences, self.shorts, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression over named features."""

    weights: np.ndarray
    bias: float

    def score(self, features: np.ndarray) -> np.ndarray:
        """Log-odds, shape (n,), of features of shape (n, number of weights)."""
        return np.asarray(features @ self.weights + self.bias)


def probability(log_odds: float) -> float:
    """The logistic function.

    >>> probability(0.0)
    0.5
    """
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, log_odds))))


@dataclass(frozen=True, slots=True)
class Fitted:
    """What turns the features of a reader into readings.

    Attributes:
        ranking: Over the reader's features.
        confidence: Over ``confidence_features``.
        thresholds: (error rate, confidence) pairs, the rates rising: the least confidence at
            which, where half of the questions have no answer in the corpus, no larger share of
            the answers given is wrong.
    """

    ranking: Logistic
    confidence: Logistic
    thresholds: tuple[tuple[float, float], ...]

    def threshold(self, error_rate: float) -> float:
        """The least confidence to answer at; between two known rates, in proportion. At 1 every
        answer is given (0.0), at 0 none is (above 1)."""
        rates, confidences = zip(*((0.0, 1.01), *self.thresholds, (1.0, 0.0)), strict=True)
        return float(np.interp(error_rate, rates, confidences))


def load_fitted(path: Path, features: Sequence[str]) -> Fitted:
    """What ``tests/benchmarks/fit_reader.py`` wrote. Raises ValueError if it is of other
    features."""
    data = json.loads(path.read_text(encoding="utf-8"))
    loaded = []
    for part, names in (("ranking", features), ("confidence", confidence_features(features))):
        if list(data[part]["weights"]) != list(names):
            raise ValueError(f"{path}: features of {part} are not {names}")
        values = np.array([data[part]["weights"][name] for name in names])
        loaded.append(Logistic(values, float(data[part]["bias"])))
    thresholds = tuple((float(rate), float(least)) for rate, least in data["thresholds"])
    return Fitted(loaded[0], loaded[1], thresholds)


def common_features(
    question: Question, sentences: Sequence[tuple[Hit, int, int]], names: Sequence[str]
) -> list[list[float]]:
    """The named ``COMMON_FEATURES`` of each sentence, in the order of ``names``."""
    terms = {term: term_weight(term) for term in question.terms}
    asked_names = dict.fromkeys(question.names, 1.0)
    rows = []
    for hit, start, end in sentences:
        text = cut(hit, start, end).text
        own = held(cut(hit, with_antecedent(hit, start), end).text)
        around = held(f"{hit.passage.title} {hit.passage.span.text}")
        about = _About(question, hit, text, own, around, terms, asked_names)
        rows.append([_FEATURES[name](about) for name in names])
    return rows


def with_antecedent(hit: Hit, start: int) -> int:
    """Where to begin so that a sentence can be understood: at the sentence before, if the one
    that begins at ``start`` opens with a pronoun and there is one before it in the passage."""
    begins = [first for first, _ in hit.passage.sentences]
    at = begins.index(start)
    base = hit.passage.span.start
    if at > 0 and _NEEDS_ANTECEDENT.match(hit.passage.span.text, start - base):
        return begins[at - 1]
    return start


@dataclass(frozen=True, slots=True)
class _About:
    """What the features of a sentence are computed from."""

    question: Question
    hit: Hit
    text: str
    own: Held
    around: Held
    terms: dict[str, float]
    names: dict[str, float]

    def offers(self) -> bool:
        return bool(new_candidates(self.question, self.text))

    def described(self) -> bool:
        return self.question.kind in _DESCRIBED


_FEATURES: dict[str, Callable[[_About], float]] = {
    "passage_cosine": lambda a: a.hit.similarity or 0.0,
    "covered": lambda a: a.own.covered(a.terms),
    "passage_covered": lambda a: a.around.covered(a.terms),
    "names_covered": lambda a: a.own.covered(a.names),
    "passage_names_covered": lambda a: a.around.covered(a.names),
    "offers": lambda a: float(a.described() and a.offers()),
    "lacks": lambda a: float(a.described() and not a.offers()),
    "passage_missing": lambda a: a.around.missing(a.terms),
    "first_hit": lambda a: 1 / a.hit.rank,
    "length": lambda a: math.log(1 + len(a.text.split())) / 4,
}


@functools.lru_cache(maxsize=20_000)
def held(text: str) -> Held:
    """``Held`` of a text, remembered: passages come again with the next question."""
    return Held(text)


class Held:
    """The stems that a text holds, matched with some regard to derivation."""

    def __init__(self, text: str) -> None:
        self._stems = {stem(word) for word in words(text) if word not in STOPWORDS}
        self._long = {s[:5]: s for s in sorted(self._stems) if len(s) >= 5}

    def holds(self, term: str) -> float:
        """1 if the term is held, 0.8 for a relative ("recognis", "recognit"), else 0."""
        if term in self._stems:
            return 1.0
        near = self._long.get(term[:5]) if len(term) >= 5 else None
        if near is None:
            return 0.0
        common = sum(a == b for a, b in zip(term, near, strict=False))
        return 0.8 if common >= 0.7 * max(len(term), len(near)) else 0.0

    def covered(self, weights: dict[str, float]) -> float:
        """Weighted share of the terms that are held, in [0, 1]; 1 if there are none."""
        total = sum(weights.values())
        held = sum(weight * self.holds(term) for term, weight in weights.items())
        return held / total if total else 1.0

    def missing(self, weights: dict[str, float]) -> float:
        """Weight of the most telling term that is not held, over 8.7 (that of an unseen word)."""
        lacking = [weight for term, weight in weights.items() if not self.holds(term)]
        return max(lacking, default=0.0) / 8.7


def confidence_features(features: Sequence[str]) -> list[str]:
    """What the confidence of a sentence is judged by: its features but not the rank of its
    passage, which says how it compares and not whether it answers; its ranking score; and its
    share against the sentences that answer otherwise: those that say the same do not compete."""
    return [name for name in features if name != "first_hit"] + ["score", "share"]


def with_score(
    names: Sequence[str], features: np.ndarray, scores: np.ndarray, rivals: np.ndarray
) -> np.ndarray:
    """``confidence_features`` as an array, shape (n, their number); ``share`` is the log of a
    score's share in the softmax of itself and its rivals, a boolean array of shape (n, n)."""
    kept = [column for column, name in enumerate(names) if name != "first_hit"]
    shares = [
        score - log_sum_exp(np.append(scores[others], score))
        for score, others in zip(scores, rivals, strict=True)
    ]
    return np.column_stack([features[:, kept], scores, shares])


def rivals(said: Sequence[str], scores: np.ndarray) -> np.ndarray:
    """Which sentences answer otherwise, by what they say, as a symmetric boolean array of shape
    (n, n). Only those near the best score are compared: the others have next to no share."""
    apart = ~np.eye(len(said), dtype=bool)
    near: np.ndarray = np.flatnonzero(scores >= scores.max() - _COMPARED)
    for place, row in enumerate(near):
        for other in near[:place]:
            if agree(said[row], said[other]):
                apart[row, other] = apart[other, row] = False
    return apart


def log_sum_exp(values: np.ndarray) -> float:
    """Log of the sum of the exponentials of at least one value.

    >>> float(round(log_sum_exp(np.array([0.0, 0.0])), 4))
    0.6931
    """
    highest = values.max()
    return float(highest + np.log(np.exp(values - highest).sum()))


def ranked(scene: Scene, names: Sequence[str], fitted: Fitted) -> list[Reading]:
    """The sentences of a scene, best first."""
    if not scene.sentences:
        return []
    scores = fitted.ranking.score(scene.features)
    told = with_score(names, scene.features, scores, rivals(scene.said(), scores))
    log_odds = fitted.confidence.score(told)
    of_share = float(fitted.confidence.weights[-1])
    readings = []
    for row in np.lexsort((np.arange(len(scores)), -scores)):
        hit, start, end = scene.sentences[row]
        short = scene.shorts[row]
        readings.append(
            Reading(
                sentence=cut(hit, start, end),
                short=cut(hit, *short) if short else None,
                hit=hit,
                score=float(scores[row]),
                confidence=probability(float(log_odds[row])),
                unshared=float(log_odds[row] - of_share * told[row, -1]),
                of_share=of_share,
            )
        )
    return readings


def confidence_against(reading: Reading, others: Sequence[Reading]) -> float:
    """The confidence a reading would have if these alone stood beside it, answering otherwise."""
    scores = np.array([reading.score, *(other.score for other in others)])
    return probability(reading.unshared + reading.of_share * (scores[0] - log_sum_exp(scores)))


def sentences_of(hits: Sequence[Hit]) -> list[tuple[Hit, int, int]]:
    """Every sentence of the hits, as (hit, start, end)."""
    return [(hit, start, end) for hit in hits for start, end in hit.passage.sentences]


def cut(hit: Hit, start: int, end: int) -> Span:
    """A span of the article, cut out of the passage that holds it."""
    span = hit.passage.span
    return Span(span.doc_id, start, end, span.text[start - span.start : end - span.start])
