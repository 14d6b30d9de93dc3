"""Hybrid retrieval: dense and BM25 rankings of an index, fused."""

from __future__ import annotations

import numpy as np

from rag.datatypes import Hit
from rag.index.filter import Filter
from rag.index.index import Index
from rag.retrieve.fuse import reciprocal_rank_fusion

POOL = 100
"""How deep each ranking is read before fusing (passages)."""


def search(index: Index, query: str, vector: np.ndarray, *, k: int, filter: Filter) -> list[Hit]:
    """The k best passages for a query, best first.

    Args:
        query: The words, for BM25.
        vector: Its embedding, shape (dimension,), length 1.
        k: How many; fewer come back where the corpus or the filter has fewer.
        filter: Which passages may be returned.
    """
    depth = max(POOL, k)
    dense = index.dense(vector, depth, filter)
    lexical = index.lexical(query, depth, filter)
    fused = reciprocal_rank_fusion([list(dense), lexical])
    found_lexically = set(lexical)
    hits: list[Hit] = []
    for start in range(0, len(fused), k):
        some = fused[start : start + k]
        passages = index.passages([key for key, _ in some])
        for key, score in some:
            if key in passages and len(hits) < k:
                hits.append(
                    Hit(
                        passage=passages[key],
                        rank=len(hits) + 1,
                        score=score,
                        found_by=(("dense",) if key in dense else ())
                        + (("lexical",) if key in found_lexically else ()),
                        similarity=dense.get(key),
                    )
                )
        if len(hits) == k:
            break
    return hits
