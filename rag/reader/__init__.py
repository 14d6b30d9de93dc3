"""Reading: from retrieved passages to the sentences that answer, each with a confidence.

``Reader`` is the seam: whatever reads passages gives ``Reading``s, best first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rag.datatypes import Attribution, Hit, Span
from rag.index.index import Index
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence that may answer.

    Attributes:
        sentence: The sentence, as a span of its article.
        short: The short answer inside it, as a span of the article, if one was singled out.
        hit: The passage it was found in.
        score: Higher is better; comparable between the sentences of one question.
        confidence: Estimated probability in [0, 1] that this sentence answers the question.
        unshared, of_share: The log-odds of that but for the sentences that answer otherwise, and
            what a share among them weighs (see ``rag.reader.features.confidence_against``).
        attribution: Who says it, where that was asked.
    """

    sentence: Span
    short: Span | None
    hit: Hit
    score: float
    confidence: float
    unshared: float
    of_share: float
    attribution: Attribution | None = None


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

    def threshold(self, error_rate: float) -> float:
        """The least confidence at which to answer if up to ``error_rate`` of the answers given
        may be wrong, in [0, 1]; measured where half of the questions have no answer."""
        ...


def open_reader(index: Index, settings: Settings) -> Reader:
    """The reader that the settings name, over an open index.

    Raises:
        IndexMismatchError: The index was prepared with another network.
        ModelUnavailableError: The network is missing or altered, or the model that the settings
            name cannot answer questions.
    """
    if settings.reader == "sentences":
        from rag.reader.sentences import SentenceReader

        return SentenceReader(index.networks.encoder)
    from rag.reader.spans import SpanReader

    if settings.reader != "spans":
        from rag.models.qa_model import QAModelNetwork

        return SpanReader(QAModelNetwork(settings.reader))
    return SpanReader(index.networks.reader)
