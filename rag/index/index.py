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
from rag.index.networks import Networks
from rag.index.store import Store
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
    networks: Networks

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

    @property
    def undated(self) -> int:
        """How many of them have no date."""
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


def open_index(place: Path | str, settings: Settings, *, networks: Networks | None = None) -> Index:
    """Open the index in a folder, or at the URL of a Milvus server.

    Args:
        networks: Used if they are those of this index: loaded already, or for an earlier state.

    Raises:
        IndexNotFoundError, IndexMismatchError, ModelUnavailableError: As ``OpenIndex`` and
            ``RemoteIndex``.
    """
    if isinstance(place, Path):
        from rag.index.opened import OpenIndex

        return OpenIndex(place, settings, networks=networks)
    from rag.index.remote import RemoteIndex

    return RemoteIndex(place, settings, networks=networks)
