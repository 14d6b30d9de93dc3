"""Reading: from retrieved passages to the sentences that answer, each with a confidence.

``Reader`` is the seam: whatever reads passages gives ``Reading``s, best first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rag.datatypes import Hit, IndexMismatchError, Span
from rag.index.manifest import reader_folder
from rag.index.opened import OpenIndex
from rag.models.embed import model_folder
from rag.models.span_network import network_sha256
from rag.settings import PACKAGED_MODEL, Settings


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence that may answer.

    Attributes:
        sentence: The sentence, as a span of its article.
        short: The short answer inside it, as a span of the article, if one was singled out.
        hit: The passage it was found in.
        score: Higher is better; comparable between the sentences of one question.
        confidence: Estimated probability in [0, 1] that this sentence answers the question.
    """

    sentence: Span
    short: Span | None
    hit: Hit
    score: float
    confidence: float


class Reader(Protocol):
    """Anything that reads passages for a question. Thread-safe."""

    name: str

    def read(self, question: str, vector: np.ndarray, hits: Sequence[Hit]) -> list[Reading]:
        """The sentences of the hits, best first; [] if there are no hits.

        Args:
            question: As understood, standing alone.
            vector: Its embedding, shape (dimension,), length 1.
            hits: The passages to read, best first.
        """
        ...


def open_reader(index: OpenIndex, settings: Settings) -> Reader:
    """The reader that the settings name, over an open index.

    Raises:
        IndexMismatchError: The index was prepared with another network.
        ModelUnavailableError: The network is missing or altered.
    """
    if settings.reader == "sentences":
        from rag.reader.sentences import SentenceReader

        return SentenceReader(index.encoder)
    from rag.reader.spans import SpanReader

    sha256 = network_sha256()
    info = index.manifest.reader
    if info is None or info.sha256 != sha256:
        raise IndexMismatchError(
            f"the index in {index.folder} was prepared for another reader; run python -m rag index."
        )
    return SpanReader(
        reader_folder(index.folder, sha256),
        model_folder(PACKAGED_MODEL) / "tokenizer.json",
        sha256=info.light_sha256,
    )
