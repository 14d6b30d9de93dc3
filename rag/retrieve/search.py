"""Hybrid retrieval: dense and BM25 rankings, fused.

Dense search is exact over a memory-mapped matrix for small collections and Chroma's HNSW beyond.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rag.datatypes import Hit
from rag.index.opened import OpenIndex
from rag.index.vectors import day_number
from rag.retrieve.filter import Filter
from rag.retrieve.fuse import reciprocal_rank_fusion

POOL = 100
"""How deep each ranking is read before fusing (passages)."""


def search(
    index: OpenIndex, query: str, vector: np.ndarray, *, k: int, filter: Filter
) -> list[Hit]:
    """The k best passages for a query, best first.

    Args:
        query: The words, for BM25.
        vector: Its embedding, shape (dimension,), length 1.
        k: How many; fewer come back where the corpus or the filter has fewer.
        filter: Which passages may be returned.
    """
    rows = index.rows
    passing = rows.mask(filter.outlets, filter.published_from, filter.published_to)
    depth = max(POOL, k)
    dense = _dense(index, vector, passing, filter, depth)
    lexical = _lexical(index, query, passing, depth)
    fused = reciprocal_rank_fusion([list(dense), lexical])[:k]
    found_lexically = set(lexical)
    passages = index.store.passages([int(rows.passage[row]) for row, _ in fused])
    return [
        Hit(
            passage=passage,
            rank=rank,
            score=score,
            found_by=(("dense",) if row in dense else ())
            + (("lexical",) if row in found_lexically else ()),
            similarity=dense.get(row),
        )
        for rank, ((row, score), passage) in enumerate(zip(fused, passages, strict=True), start=1)
    ]


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k highest scores, best first; ties by index, so a run is repeatable."""
    if len(scores) > k:
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero(scores >= kth)
    else:
        candidates = np.arange(len(scores))
    return candidates[np.lexsort((candidates, -scores[candidates]))][:k]


def _lexical(index: OpenIndex, query: str, passing: np.ndarray | None, depth: int) -> list[int]:
    scores = index.postings.scores(query)
    if passing is not None:
        scores = np.where(passing, scores, 0)
    return [int(row) for row in _top(scores, depth) if scores[row] > 0]


def _dense(
    index: OpenIndex,
    vector: np.ndarray,
    passing: np.ndarray | None,
    filter: Filter,
    depth: int,
) -> dict[int, float]:
    """Row to cosine, best first."""
    if len(index.rows.passage) == 0:
        return {}
    if index.rows.vectors is not None:
        cosines = np.asarray(index.rows.vectors @ vector)
        if passing is not None:
            cosines = np.where(passing, cosines, -np.inf)
        return {
            int(row): float(cosines[row])
            for row in _top(cosines, depth)
            if np.isfinite(cosines[row])
        }
    where = _where(index, filter)
    if where is _NOTHING:
        return {}
    found = index.collection.nearest(vector, depth, where)
    numbers = index.find([passage_id for passage_id, _ in found])
    return {int(row): cosine for row, (_, cosine) in zip(numbers, found, strict=True)}


_NOTHING: dict[str, Any] = {"nothing": True}


def _where(index: OpenIndex, filter: Filter) -> dict[str, Any] | None:
    """The filter in Chroma's terms: None for none, ``_NOTHING`` if no outlet has that name."""
    clauses: list[dict[str, Any]] = []
    if filter.outlets is not None:
        wanted = {name.casefold() for name in filter.outlets}
        names = [name for name in index.rows.outlets if name.casefold() in wanted]
        if not names:
            return _NOTHING
        clauses.append({"outlet": {"$in": names}})
    if filter.published_from is not None:
        clauses.append({"published_day": {"$gte": day_number(filter.published_from)}})
    if filter.published_to is not None:
        clauses.append({"published_day": {"$lte": day_number(filter.published_to)}})
    if not clauses:
        return None
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}
