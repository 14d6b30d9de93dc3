"""How common words are in news English, counted over 5,948 news articles.

A corpus of three articles cannot tell a telling word from a filler, nor a typing error from a
word it happens not to hold; this table can. ``english.tsv`` lists words (folded as in
``lexical.words``) with the number of articles that hold them, from ``train/news_text``, and their
stems; counts of single words only, no text.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from pathlib import Path

_TABLE = Path(__file__).with_name("english.tsv")


@functools.cache
def _table() -> tuple[int, list[list[str]]]:
    """(number of articles, [word, number of articles that hold it, stem])."""
    first, *lines = _TABLE.read_text(encoding="utf-8").splitlines()
    return int(first.split("\t")[1]), [line.split("\t") for line in lines]


@functools.cache
def word_counts() -> dict[str, int]:
    """Word to number of articles that hold it (at least 2)."""
    return {word: int(count) for word, count, _ in _table()[1]}


@functools.cache
def _stem_weights() -> tuple[dict[str, float], float]:
    documents, lines = _table()
    counts: Counter[str] = Counter()
    for _, count, term in lines:
        counts[term] += int(count)
    highest = math.log(1 + documents)
    weights = {
        term: max(0.3, math.log(1 + documents / (count + 0.5))) for term, count in counts.items()
    }
    return weights, highest


def known_stem(term: str) -> bool:
    """True if some word of the table has this stem."""
    return term in _stem_weights()[0]


def term_weight(term: str) -> float:
    """How telling a stemmed term is: ``log(1 + N / (df + 0.5))``, at least 0.3; a term not in
    the table weighs as much as the rarest.

    >>> term_weight("say") < term_weight("weapon") < term_weight("balkhi")
    True
    """
    weights, highest = _stem_weights()
    return weights.get(term, highest)
