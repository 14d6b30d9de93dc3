"""Merge the rankings of several retrievers into one.

Only the order of each ranking is read, never its scores: BM25 scores and cosines share no unit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

RRF_K = 60
"""Damping constant of Cormack et al. (2009), added to ranks that start at 1."""


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Key]], *, k: int = RRF_K
) -> list[tuple[Key, float]]:
    """Fuse rankings by reciprocal rank: ``score(p) = sum over rankings of 1 / (k + rank(p))``.

    Args:
        rankings: R rankings of passages, best first; lengths may differ, one may be empty.
        k: Damping constant in ranks (>= 0). A larger one flattens the lead of the first ranks.

    Returns:
        Every passage that occurs, once, best first, with its score: above 0, at most
        ``R / (k + 1)``. Equal scores are ordered by the passage's key, so a run is repeatable.

    Raises:
        ValueError: ``k`` is negative, or a ranking names a passage twice.

    Source: Cormack, Clarke & Buettcher, SIGIR 2009, https://doi.org/10.1145/1571941.1572114

    >>> reciprocal_rank_fusion([["a", "b"], ["b", "c"]], k=1)  # b: 1/3 + 1/2
    [('b', 0.8333333333333333), ('a', 0.5), ('c', 0.3333333333333333)]
    """
    if k < 0:
        raise ValueError(f"k must be at least 0, got {k}")
    shares: defaultdict[Key, list[float]] = defaultdict(list)
    for ranking in rankings:
        if len(set(ranking)) != len(ranking):
            raise ValueError("a ranking names the same passage twice")
        for rank, key in enumerate(ranking, start=1):
            shares[key].append(1 / (k + rank))
    # fsum rounds once, so a tie stays a tie whatever the order of the rankings.
    scores = [(key, math.fsum(parts)) for key, parts in shares.items()]
    return sorted(scores, key=lambda item: (-item[1], item[0]))
