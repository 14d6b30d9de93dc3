"""The span reader: a small trained network that finds the words that answer.

For (question, passage) it scores every word piece as start and as end of the answer, and "no
answer here" by its first position. A sentence is judged by its best span against that "none",
together with the features that every reader uses. The network (``rag.models.span_network``) runs
in OpenVINO, from a form written while indexing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.datatypes import Hit
from rag.models.light import load_form
from rag.models.span_network import QUESTION_TOKENS, assemble, best_span
from rag.reader import Reading
from rag.reader.features import (
    Logistic,
    Scene,
    common_features,
    load_weights,
    ranked,
    sentences_of,
)
from rag.reader.question import Kind, parse

WEIGHTS = Path(__file__).with_name("spans.json")
_COMMON = ("passage_cosine", "covered", "passage_names_covered", "first_hit")
FEATURES = ("span", "none", *_COMMON)
_SHAPE_STEP = 16
_INITIAL = re.compile(r"(?:^|[\s.])[A-Z]$|\b(?:Inc|Jr|Sr|Co|Corp|Ltd|St)$")
"""What a full stop belongs to rather than ends."""


class SpanReader:
    """Reads with the trained network. Thread-safe.

    Raises:
        ModelUnavailableError: The prepared form is missing or altered.
    """

    name = "spans"

    def __init__(
        self,
        folder: Path,
        tokenizer: Path,
        *,
        sha256: str | None = None,
        weights: tuple[Logistic, Logistic] | None = None,
    ) -> None:
        from tokenizers import Tokenizer

        self._network = load_form(folder, "reader", sha256)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._ranking, self._confidence = weights or load_weights(WEIGHTS, FEATURES)
        self._lock = threading.Lock()

    def read(self, question: str, vector: np.ndarray, hits: Sequence[Hit]) -> list[Reading]:
        """The sentences of the hits, best first (see ``Reader``)."""
        scene = self.scene(question, vector, hits)
        return ranked(scene, FEATURES, self._ranking, self._confidence)

    def scene(self, question: str, vector: np.ndarray, hits: Sequence[Hit]) -> Scene:
        """Features of every sentence of the hits, and the best span in each."""
        parsed = parse(question)
        sentences = sentences_of(hits)
        rows = common_features(parsed, sentences, _COMMON)
        spans = self._spans(question, hits)
        features, shorts = [], []
        for (hit, start, end), row in zip(sentences, rows, strict=True):
            score, none, short = spans[hit.rank, start]
            features.append([score, none, *row])
            plain = short is not None and parsed.kind is not Kind.YESNO and short != (start, end)
            shorts.append(short if plain else None)
        return Scene(sentences, np.array(features).reshape(len(rows), len(FEATURES)), shorts)

    def _spans(
        self, question: str, hits: Sequence[Hit]
    ) -> dict[tuple[int, int], tuple[float, float, tuple[int, int] | None]]:
        """For each sentence, by (rank of its hit, its start): the score of its best span less that
        of "none", the score of "none", and the span in the article."""
        asked = self._tokenizer.encode(question, add_special_tokens=False).ids[:QUESTION_TOKENS]
        contexts = self._tokenizer.encode_batch(
            [hit.passage.span.text for hit in hits], add_special_tokens=False
        )
        windows = [assemble(asked, c.ids, self._tokenizer) for c in contexts]
        logits = self._run(windows, len(asked) + 2)
        found: dict[tuple[int, int], tuple[float, float, tuple[int, int] | None]] = {}
        for hit, context, scores in zip(hits, contexts, logits, strict=True):
            base = hit.passage.span.start
            first = len(asked) + 2
            read = len(scores) - first - 1  # tokens of the passage that fitted the window
            none = float(scores[0].sum())
            for start, end in hit.passage.sentences:
                inside = [
                    i
                    for i, (s, e) in enumerate(context.offsets[:read])
                    if start - base <= s and e <= end - base
                ]
                if not inside:
                    found[hit.rank, start] = (-20.0, none, None)
                    continue
                own = scores[first + inside[0] : first + inside[-1] + 1]
                score, left, right = best_span(own[:, 0], own[:, 1])
                span = tidy(
                    hit.passage.span.text,
                    context.offsets[inside[left]][0],
                    context.offsets[inside[right]][1],
                )
                short = (base + span[0], base + span[1]) if span[0] < span[1] else None
                found[hit.rank, start] = (score - none, none, short)
        return found

    def _run(self, windows: list[list[int]], first: int) -> list[np.ndarray]:
        """Start and end scores of each window, shape (tokens, 2); the passage begins at token
        ``first``."""
        if not windows:
            return []
        # Few distinct shapes: OpenVINO prepares its kernels anew for each one it has not seen.
        longest = -(-max(len(window) for window in windows) // _SHAPE_STEP) * _SHAPE_STEP
        ids = np.zeros((len(windows), longest), dtype=np.int64)
        mask, kinds = np.zeros_like(ids), np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
            kinds[row, first : len(window)] = 1
        with self._lock:
            scores = np.array(self._network([ids, mask, kinds])[0], dtype=np.float32)
        return [scores[row, : len(window)] for row, window in enumerate(windows)]


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
