"""How common words are in news English, counted over 5,948 news articles.

A corpus of three articles cannot tell a telling word from a filler, nor a typing error from a
word it happens not to hold; these tables can. ``english.tsv`` lists words (folded as in
``lexical.words``) with the number of articles that hold them, from ``train/news_text``;
``english_stems.tsv`` their stems, with the sum over the words of each. Counts of single words only,
no text.

Both are sorted, and a line is found by halving: a first question need not wait until 50,000 lines
are read into a dictionary.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

_WORDS = Path(__file__).with_name("english.tsv")
_STEMS = Path(__file__).with_name("english_stems.tsv")
_ARTICLES = "#articles"
"""The line of ``english.tsv`` that says how many were counted."""


def word_count(word: str) -> int:
    """How many articles hold a word: 0, or at least 2."""
    return _count(_WORDS, word)


def words_beginning(letter: str) -> dict[str, int]:
    """The words with this first letter, and how many articles hold each."""
    table = _table(_WORDS)
    start, end = _at(table, letter), _at(table, chr(ord(letter) + 1))
    lines = table[start:end].decode().splitlines()
    return {word: int(count) for word, count in (line.split("\t") for line in lines)}


def known_stem(term: str) -> bool:
    """True if some word of the table has this stem."""
    return _count(_STEMS, term) > 0


def term_weight(term: str) -> float:
    """How telling a stemmed term is: ``log(1 + N / (df + 0.5))``, at least 0.3; a term not in
    the table weighs as much as the rarest.

    >>> term_weight("say") < term_weight("weapon") < term_weight("balkhi")
    True
    """
    documents, count = _count(_WORDS, _ARTICLES), _count(_STEMS, term)
    if not count:
        return math.log(1 + documents)
    return max(0.3, math.log(1 + documents / (count + 0.5)))


@functools.cache
def _table(file: Path) -> bytes:
    return file.read_bytes()


def _count(file: Path, key: str) -> int:
    table = _table(file)
    start = _at(table, key)
    name, _, count = table[start : table.find(b"\n", start)].partition(b"\t")
    return int(count) if name == key.encode() else 0


def _at(table: bytes, key: str) -> int:
    """Where the first line begins whose name is ``key`` or comes after it."""
    wanted = key.encode()
    low, high = 0, len(table)
    while low < high:  # both stand at the beginning of a line, or the end
        start = max(low, table.rfind(b"\n", low, (low + high) // 2) + 1)
        end = table.index(b"\n", start)
        if table[start:end].partition(b"\t")[0] < wanted:
            low = end + 1
        else:
            high = start
    return low
