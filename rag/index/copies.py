"""Which articles are copies of one story: near-duplicates, by MinHash over runs of words.

An agency's story appears under other headlines, cut at the end, with a sentence put in. So what is
asked is how much of the shorter text stands in the longer one (containment), not how alike the two
are as wholes. A text's runs of words are kept as a signature of fixed size, computed once, when
the article is indexed; the stories are told from the signatures alone, anew with each build.

A text of which little is left (see ``_LEAST_JACCARD``) or that is a small part of a longer one is
no copy, nor is another report of the same event: it shares few runs of four words.
"""

from __future__ import annotations

import functools
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
_RUN = 4
"""Words in a run."""
_LEAST_CONTAINED = 0.8
"""Share of the shorter text's runs that a copy has. Chosen on the news of 2023: the same page of
another year ("Groundhog Day 2020") reaches 0.75, a story with three sentences of 12 or more
replaced lies above 0.8 in 19 of 20."""
_LEAST_JACCARD = 0.35
"""Below it, that is, of texts whose lengths are further apart than 1 : 2.8, a share estimated from
so few matches may be anything."""
_BAND = 3
"""Signatures that agree in a band of three are compared: of those with a Jaccard similarity of 0.4,
94 in 100 agree in one of the 42 bands, of 0.5 all but 4 in 1,000, of 0.05 5 in 1,000."""
_BANDS = PERMUTATIONS // _BAND
_MIX = np.array([1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
_WORD = re.compile(r"\w+")
_AT_ONCE = 4_096


def signature(text: str) -> tuple[bytes, int]:
    """A text's MinHash, ``PERMUTATIONS`` little-endian 32-bit numbers, and how many different runs
    of words it has; a text of fewer words than a run has one, which may be empty.

    Source: Broder, SEQUENCES 1997, https://doi.org/10.1109/SEQUEN.1997.666900
    """
    words = _WORD.findall(text.casefold())
    last = max(1, len(words) - _RUN + 1)
    runs = list({" ".join(words[at : at + _RUN]).encode() for at in range(last)})
    minhash = _empty().copy()
    for at in range(0, len(runs), _AT_ONCE):  # a book's runs at once would fill the memory
        minhash.update_batch(runs[at : at + _AT_ONCE])
    return minhash.hashvalues.astype("<u4").tobytes(), len(runs)


@functools.cache
def _empty() -> MinHash:
    # SciPy comes with it, which nobody needs who only asks.
    from datasketch import MinHash

    # CRC-32 is the same in every process and version; MinHash mixes it once more.
    return MinHash(PERMUTATIONS, hashfunc=zlib.crc32, scheme="affine32")


def read_minhash(stored: bytes | bytearray) -> np.ndarray:
    """Stored signatures, one after the other, as an array of shape (n, ``PERMUTATIONS``)."""
    return np.frombuffer(stored, "<u4").reshape(-1, PERMUTATIONS)


def alike(
    one: np.ndarray, runs: np.ndarray, other: np.ndarray, other_runs: np.ndarray
) -> np.ndarray:
    """Which texts are copies of which, shape (n,): row i of ``one`` against row i of ``other``.

    Args:
        one, other: MinHashes, shape (n, ``PERMUTATIONS``); ``one`` may have shape (1, …).
        runs, other_runs: How many runs of words each text has, shape (n,) or (1,).
    """
    jaccard = np.mean(one == other, axis=1)
    shared = jaccard * (runs + other_runs) / (1 + jaccard)
    contained = shared / np.minimum(runs, other_runs)
    return np.asarray((jaccard >= _LEAST_JACCARD) & (contained >= _LEAST_CONTAINED))


def copies_of(doc_id: str, rows: list[tuple[str, int, bytes]]) -> list[str]:
    """Who among those that tell one story is a copy of ``doc_id`` itself, in the order given.

    Args:
        doc_id: One of them.
        rows: doc_id, runs and MinHash of each, as stored.
    """
    if not rows:
        return []
    names = [name for name, _, _ in rows]
    runs = np.array([count for _, count, _ in rows])
    minhashes = read_minhash(b"".join(minhash for _, _, minhash in rows))
    own = names.index(doc_id)
    found = alike(minhashes[[own]], runs[[own]], minhashes, runs)
    return [names[at] for at in np.flatnonzero(found) if at != own]


def stories(minhashes: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Which story each text tells, shape (n,): equal numbers for texts that are copies, or are
    joined by a chain of copies.

    In each band only neighbours are compared, in the order given, of those that agree in it. So
    ten thousand copies cost ten thousand comparisons; who is passed over in one band for a
    stranger between the two meets its copy in another.

    Args:
        minhashes: Shape (n, ``PERMUTATIONS``).
        runs: How many runs of words each text has, shape (n,).

    Source: Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, 3.4 (bands).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones, others = [], []
    for start in range(0, _BANDS * _BAND, _BAND):
        # Wrapping products: what two different bands make of it is the same in one of 2**64.
        keys = minhashes[:, start : start + _BAND].astype(np.uint64) @ _MIX
        order = np.argsort(keys, kind="stable")
        near = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        one, other = order[near], order[near + 1]
        found = alike(minhashes[one], runs[one], minhashes[other], runs[other])
        ones.append(one[found])
        others.append(other[found])
    edges = np.concatenate(ones), np.concatenate(others)
    size = len(runs)
    graph = coo_array((np.ones(len(edges[0]), bool), edges), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1])
