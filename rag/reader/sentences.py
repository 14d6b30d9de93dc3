"""The sentence reader: scores whole sentences by embedding and words, without a network of its
own. The fallback where the span reader's weights are missing, and the baseline it is measured
against."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.datatypes import Hit
from rag.models.embed import Encoder
from rag.reader import Reading
from rag.reader.candidates import short_answer
from rag.reader.features import (
    COMMON_FEATURES,
    Fitted,
    Scene,
    common_features,
    cut,
    load_fitted,
    ranked,
    sentences_of,
)
from rag.reader.question import parse

WEIGHTS = Path(__file__).with_name("sentences.json")
FEATURES = ("cosine", *COMMON_FEATURES)
_CACHED_SENTENCES = 20_000


class SentenceReader:
    """Reads by nearness of question and sentence, and by shared words. Thread-safe."""

    name = "sentences"

    def __init__(self, encoder: Encoder, fitted: Fitted | None = None) -> None:
        self._encoder = encoder
        self._fitted = fitted or load_fitted(WEIGHTS, FEATURES)
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, question: str, vector: np.ndarray, hits: Sequence[Hit]) -> list[Reading]:
        """The sentences of the hits, best first (see ``Reader``)."""
        return ranked(self.scene(question, vector, hits), FEATURES, self._fitted)

    def threshold(self, error_rate: float) -> float:
        """See ``Reader``."""
        return self._fitted.threshold(error_rate)

    def scene(self, question: str, vector: np.ndarray, hits: Sequence[Hit]) -> Scene:
        """Features of every sentence of the hits."""
        parsed = parse(question)
        sentences = sentences_of(hits)
        texts = [cut(*item).text for item in sentences]
        cosines = self._encode(texts) @ vector if texts else np.zeros(0)
        rows = common_features(parsed, sentences, COMMON_FEATURES)
        features = [[float(c), *row] for c, row in zip(cosines, rows, strict=True)]
        shorts = []
        for (_, start, _), text in zip(sentences, texts, strict=True):
            short = short_answer(parsed, text)
            shorts.append((start + short[0], start + short[1]) if short else None)
        return Scene(sentences, np.array(features).reshape(len(rows), len(FEATURES)), shorts)

    def _encode(self, texts: list[str]) -> np.ndarray:
        """Vectors of sentences, those seen lately from memory; shape (n, dimension)."""
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        if fresh:
            known.update(zip(fresh, self._encoder.encode(fresh), strict=True))
        with self._lock:
            for text in texts:
                self._vectors[text] = known[text]
                self._vectors.move_to_end(text)
            while len(self._vectors) > _CACHED_SENTENCES:
                self._vectors.popitem(last=False)
        return np.stack([known[text] for text in texts])
