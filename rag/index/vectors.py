"""The Chroma collection: passages' vectors, texts and flat metadata, embedded, no telemetry.

Our own embeddings are always passed in, so Chroma's downloading embedder is never made. The
collection can be opened as it is with ``langchain_chroma.Chroma``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from rag.datatypes import Passage

COLLECTION = "passages"
_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 400, "max_neighbors": 32}
_PAGE = 2_000


def day_number(day: date) -> int:
    """A date as a number that sorts: 2025-03-30 is 20250330."""
    return day.year * 10_000 + day.month * 100 + day.day


def number_day(number: int) -> date:
    """The date of a ``day_number``."""
    return date(number // 10_000, number // 100 % 100, number % 100)


class Collection:
    """A Chroma collection in a folder of its own. Rows are addressed by passage_id."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        import chromadb
        from chromadb.config import Settings as ChromaSettings

        self._client: Any = chromadb.PersistentClient(
            path=str(folder), settings=ChromaSettings(anonymized_telemetry=False)
        )
        if create:
            self._collection: Any = self._client.get_or_create_collection(
                COLLECTION, embedding_function=None, configuration={"hnsw": _HNSW}
            )
        else:
            self._collection = self._client.get_collection(COLLECTION, embedding_function=None)

    def add(self, passages: Sequence[Passage], vectors: np.ndarray) -> None:
        """Insert passages with their vectors, shape (n, dimension), in place of what has their
        ids."""
        for start in range(0, len(passages), _PAGE):
            some = passages[start : start + _PAGE]
            self._collection.upsert(
                ids=[p.passage_id for p in some],
                embeddings=vectors[start : start + _PAGE],
                documents=[p.span.text for p in some],
                metadatas=[passage_metadata(p) for p in some],
            )

    def delete(self, passage_ids: Sequence[str]) -> None:
        """Delete passages; ids that are not there are passed over."""
        for start in range(0, len(passage_ids), _PAGE):
            self._collection.delete(ids=list(passage_ids[start : start + _PAGE]))

    def count(self) -> int:
        """Number of passages held."""
        return int(self._collection.count())

    def ids(self) -> set[str]:
        """Every passage_id held."""
        return {i for page in self._pages([]) for i in page["ids"]}

    def vectors(self) -> Iterator[tuple[list[str], np.ndarray]]:
        """(passage_ids, vectors of shape (n, dimension)) in pages, in no particular order."""
        for page in self._pages(["embeddings"]):
            yield page["ids"], np.asarray(page["embeddings"], dtype=np.float32)

    def vectors_of(self, passage_ids: Sequence[str]) -> np.ndarray:
        """The vectors of these passages, all of which it holds, in their order: shape (n,
        dimension)."""
        found = self._collection.get(ids=list(passage_ids), include=["embeddings"])
        places = {passage_id: place for place, passage_id in enumerate(found["ids"])}
        vectors = np.asarray(found["embeddings"], dtype=np.float32)
        return vectors[[places[passage_id] for passage_id in passage_ids]]

    def _pages(self, include: list[str]) -> Iterator[dict[str, Any]]:
        for offset in range(0, self.count(), _PAGE):
            yield self._collection.get(limit=_PAGE, offset=offset, include=include)

    def nearest(self, vector: np.ndarray, k: int) -> list[tuple[str, float]]:
        """(passage_id, cosine) of about the k nearest passages, best first (HNSW).

        Without Chroma's own filters: over a million passages they take seconds.
        """
        found = self._collection.query(
            query_embeddings=[vector], n_results=k, include=["distances"]
        )
        return [
            (passage_id, 1.0 - float(distance))
            for passage_id, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def close(self) -> None:
        """Release the files."""
        self._client.close()


def passage_metadata(passage: Passage) -> dict[str, str | int]:
    """A passage's place and source as flat metadata, for Chroma and for LangChain documents; Chroma
    holds no None, so absent fields are left out."""
    fields: dict[str, str | int | None] = {
        "doc_id": passage.span.doc_id,
        "start": passage.span.start,
        "end": passage.span.end,
        "title": passage.title,
        "outlet": passage.outlet,
        "published": passage.published.isoformat() if passage.published else None,
        "published_day": day_number(passage.published) if passage.published else None,
        "url": passage.url,
    }
    return {key: value for key, value in fields.items() if value is not None}
