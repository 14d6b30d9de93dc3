"""The embedded index, open for reading: one generation of it, pinned until closed.

Dense search is exact over a memory-mapped matrix where few passages are to be searched (a small
collection, or what a narrow filter lets through), and Chroma's HNSW beyond.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sqlite3
import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from rag.datatypes import IndexMismatchError, IndexNotFoundError, Passage
from rag.index.filter import Filter
from rag.index.generation import acquire_current
from rag.index.index import Key
from rag.index.lexical import Postings
from rag.index.manifest import check_fits, read_manifest
from rag.index.networks import Networks, networks_of
from rag.index.rows import Rows, load_rows
from rag.index.store import Store
from rag.index.vectors import Collection
from rag.settings import Settings

_FETCHED, _MOST_FETCHED = 2_000, 16_000
"""So many of Chroma's nearest are looked through for those that a filter lets through, which is
quicker than an exact search; and so many where too many pass for that."""
_MASKS = 8
"""Of so many filters it is remembered what they let through: one question searches several times."""


class OpenIndex:
    """Store, rows, postings and question encoder of the current generation. Thread-safe.

    Raises:
        IndexNotFoundError: There is no index in the folder.
        IndexMismatchError: Another format, chunker or model, or files are missing or damaged.
        ModelUnavailableError: The question encoder is missing or altered.
    """

    def __init__(
        self, folder: Path, settings: Settings, *, networks: Networks | None = None
    ) -> None:
        """``networks``: used if they are those of this index."""
        self.folder = folder
        self.manifest, self._generation, self._lock_file = acquire_current(folder)
        try:
            check_fits(self.manifest, settings, folder)
            self.store = Store(self._generation / "store.sqlite")
            self.rows: Rows = load_rows(self._generation)
            size = len(self.rows.passage)
            self.postings = Postings.load(self._generation / "bm25", size)
            if size != self.manifest.passages:
                raise ValueError(f"{size} rows for {self.manifest.passages} passages")
        except (OSError, ValueError, EOFError, LookupError, sqlite3.Error) as error:
            self._lock_file.close()
            raise IndexMismatchError(
                f"the index in {folder} is damaged ({error}); delete {folder}/manifest.json and "
                "run python -m rag index."
            ) from error
        except IndexMismatchError:
            self._lock_file.close()
            raise
        made = networks_of(folder, self.manifest)
        self.networks = networks if networks and networks.models == made.models else made
        self._collection: Collection | None = None
        self._load_lock = threading.Lock()
        self._exact_limit = settings.exact_search_limit
        self._mask = functools.lru_cache(maxsize=_MASKS)(self.rows.mask)

    @property
    def collection(self) -> Collection:
        """The Chroma collection, opened on first use: small indexes are searched without it."""
        with self._load_lock:
            if self._collection is None:
                self._collection = Collection(self._generation / "chroma")
            return self._collection

    def dense(self, vector: np.ndarray, depth: int, filter: Filter) -> dict[Key, float]:
        """Rows nearest to a vector, best first, each with its cosine."""
        size = len(self.rows.passage)
        passing = self._passing(filter)
        count = size if passing is None else int(np.count_nonzero(passing))
        if count == 0:
            return {}
        if size <= self._exact_limit:
            return self._exact(vector, depth, passing)
        # A filter that lets through a tenth of the passages leaves about a tenth of the nearest.
        wanted = math.ceil(depth * size / count)
        while wanted <= _FETCHED:
            found = self._nearest(vector, min(wanted, size), passing)
            if len(found) >= min(depth, count):
                return dict(found[:depth])
            wanted *= 2
        if count <= self._exact_limit:
            return self._exact(vector, depth, passing)
        found = self._nearest(vector, min(max(depth, _MOST_FETCHED), size), passing)
        return dict(found[:depth])

    def _exact(
        self, vector: np.ndarray, depth: int, passing: np.ndarray | None
    ) -> dict[Key, float]:
        if passing is None:
            cosines = np.asarray(self.rows.vectors, dtype=np.float32) @ vector
            return {int(row): float(cosines[row]) for row in _top(cosines, depth)}
        rows = np.flatnonzero(passing)
        cosines = self.rows.vectors[rows].astype(np.float32, copy=False) @ vector
        return {int(rows[at]): float(cosines[at]) for at in _top(cosines, depth)}

    def _nearest(
        self, vector: np.ndarray, wanted: int, passing: np.ndarray | None
    ) -> list[tuple[Key, float]]:
        """Those of Chroma's nearest that pass, best first."""
        found = self.collection.nearest(vector, wanted)
        rows = self.find([passage_id for passage_id, _ in found])
        return [
            (int(row), cosine)
            for row, (_, cosine) in zip(rows, found, strict=True)
            if passing is None or passing[row]
        ]

    def lexical(self, query: str, depth: int, filter: Filter) -> list[Key]:
        """Rows best by BM25, best first."""
        scores = self.postings.scores(query)
        passing = self._passing(filter)
        rows = np.flatnonzero(scores if passing is None else passing & (scores > 0))
        return [int(row) for row in rows[_top(scores[rows], depth)]]

    def passages(self, keys: Sequence[Key]) -> dict[Key, Passage]:
        """The passages of rows."""
        rows = np.asarray(keys, dtype=np.intp)
        found = self.store.passages(self.rows.passage[rows].tolist())
        return dict(zip(keys, found, strict=True))

    @property
    def words(self) -> Postings:
        """The terms of the corpus."""
        return self.postings

    @property
    def outlets(self) -> Sequence[str]:
        """Every outlet's name."""
        return self.rows.outlets

    @property
    def articles(self) -> int:
        """How many articles there are."""
        return self.manifest.articles

    @functools.cached_property
    def undated(self) -> int:
        """How many of them have no date; counted once, for the index as it was opened."""
        return self.store.article_counts()[1]

    def days(self) -> tuple[date, date] | tuple[None, None]:
        """The first and the last day of publication; None, None if no article has one."""
        return self.rows.days()

    def _passing(self, filter: Filter) -> np.ndarray | None:
        return self._mask(filter.outlets, filter.published_from, filter.published_to)

    @property
    def chroma_folder(self) -> Path:
        """Where the Chroma collection of this generation lies."""
        return self._generation / "chroma"

    def is_current(self) -> bool:
        """False once a build has published another generation (or the manifest is gone)."""
        with contextlib.suppress(IndexNotFoundError, IndexMismatchError):
            return read_manifest(self.folder).generation == self.manifest.generation
        return False

    def find(self, passage_ids: list[str]) -> np.ndarray:
        """Rows of passages by passage_id, shape (n,)."""
        numbers = self.store.passage_numbers(passage_ids)
        return np.searchsorted(self.rows.passage, numbers)

    def close(self) -> None:
        """Let go of the files; the generation may then be deleted."""
        self.store.close()
        if self._collection is not None:
            self._collection.close()
        self._lock_file.close()


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k highest scores, best first; ties by index, so a run is repeatable."""
    if len(scores) > k:
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero(scores >= kth)
    else:
        candidates = np.arange(len(scores))
    return candidates[np.lexsort((candidates, -scores[candidates]))][:k]
