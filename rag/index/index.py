"""What every open index can do, whichever engine searches it.

``rag.index.opened`` is the embedded one: a folder with Chroma, BM25 arrays and SQLite.
``rag.index.remote`` is Milvus with an article store by URL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np

from rag.datatypes import Passage
from rag.index.filter import Filter
from rag.index.store import Store
from rag.models.embed import Encoder
from rag.models.span_network import LightSpanNetwork
from rag.settings import Settings

Key = int | tuple[str, int, int]
"""How an index names a passage: by row, or by doc_id, start and end. Keys of one index sort."""


class Words(Protocol):
    """The stemmed terms of a corpus (see ``rag.index.lexical.terms``)."""

    def document_frequency(self, term: str) -> int:
        """In how many passages the term occurs."""
        ...

    def vocabulary(self, begin: str = "") -> Iterable[str]:
        """Every term that begins so."""
        ...


class Index(Protocol):
    """An index that is open for reading. Thread-safe."""

    store: Store

    @property
    def encoder(self) -> Encoder:
        """The question encoder, loaded on first use."""
        ...

    def loaded_encoder(self) -> Encoder | None:
        """The question encoder, or None if no question has needed it yet."""
        ...

    def network(self) -> LightSpanNetwork:
        """The packaged reading network, loaded anew from the form prepared for this index.

        Raises:
            IndexMismatchError: The index was prepared for another network.
            ModelUnavailableError: The form is missing or altered.
        """
        ...

    def dense(self, vector: np.ndarray, depth: int, filter: Filter) -> dict[Key, float]:
        """The ``depth`` passages nearest to a vector of shape (dimension,), length 1, that a
        filter lets through, best first, each with its cosine."""
        ...

    def lexical(self, query: str, depth: int, filter: Filter) -> list[Key]:
        """The ``depth`` passages best by BM25 that have a term of the query, best first."""
        ...

    def passages(self, keys: Sequence[Key]) -> dict[Key, Passage]:
        """The passages with these keys; what is being removed or not yet whole is left out."""
        ...

    @property
    def words(self) -> Words:
        """The terms of the corpus."""
        ...

    @property
    def outlets(self) -> Sequence[str]:
        """Every outlet's name."""
        ...

    @property
    def articles(self) -> int:
        """How many articles there are."""
        ...

    def days(self) -> tuple[date, date] | tuple[None, None]:
        """The first and the last day of publication; None, None if no article has one."""
        ...

    def is_current(self) -> bool:
        """False once there is a newer state of the index, which a new opening would show."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def open_index(place: Path | str, settings: Settings, *, encoder: Encoder | None = None) -> Index:
    """Open the index in a folder, or at the URL of a Milvus server.

    Args:
        encoder: That of an earlier opening, used again if the model is the same.

    Raises:
        IndexNotFoundError, IndexMismatchError, ModelUnavailableError: As ``OpenIndex`` and
            ``RemoteIndex``.
    """
    if isinstance(place, Path):
        from rag.index.opened import OpenIndex

        return OpenIndex(place, settings, encoder=encoder)
    from rag.index.remote import RemoteIndex

    return RemoteIndex(place, settings, encoder=encoder)
