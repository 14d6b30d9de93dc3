"""BM25 over passages: text to stemmed terms, postings by bm25s, saved as arrays.

The scoring is bm25s's "lucene" variant (k1 = 1.5, b = 0.75). Terms fold what people write in
different ways: case, accents, "U.S." and "US", "Trump’s" and "Trump", "1,000" and "1000".
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

_WORD = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\d+(?:[.,]\d+)*"  # 1,000  2.5
    r"|[^\W_]+(?:[’'][^\W_]+)*"  # won't  Trump’s
)
_APOSTROPHE = re.compile("[’']")

STOPWORDS = frozenset(
    """a about an and any are as at be been being but by can could did do does for from had has
    have he her his how i if in into is it its me my not of on one or our shall she should so some
    such tell than that the their them then there these they this those to was we were what when
    where which who whom whose why will with would you your s t""".split()
)
"""Dropped from postings and from what a question is about: they say how, not about what."""

_VOCABULARY = "vocab.index.json"
_FILES = {
    "indptr": "indptr.csc.index.npy",
    "indices": "indices.csc.index.npy",
    "data": "data.csc.index.npy",
}
"""bm25s's arrays and the files that it keeps them in."""


@functools.cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


@functools.lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of a lower-case word (Snowball English)."""
    return str(_stemmer().stemWord(word))


def words(text: str) -> list[str]:
    """The words of a text, folded but not stemmed, in order.

    >>> words("The U.S. won’t pay Trump’s $1,000 for a café.")
    ['the', 'us', 'won', 'pay', 'trump', '1000', 'for', 'a', 'cafe']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if not unicodedata.combining(c))
    found = []
    for match in _WORD.finditer(text.lower()):
        word = match.group()
        if "." in word or "," in word:
            word = word.replace(",", "") if word[0].isdigit() else word.replace(".", "")
        found.append(_APOSTROPHE.split(word, maxsplit=1)[0])
    return found


def terms(text: str) -> list[str]:
    """The stemmed content words of a text, in order, repeats kept.

    >>> terms("Which weapons were returned, and by whom?")
    ['weapon', 'return']
    """
    return [stem(word) for word in words(text) if word not in STOPWORDS]


class Postings:
    """BM25 postings over N passages, addressed by row (0 to N-1). bm25s makes them; they are read
    without it, as importing it brings scipy, and the first question waits a fifth of a second."""

    def __init__(self, vocabulary: dict[str, int], columns: tuple[np.ndarray, ...], size: int):
        """``columns``: (starts, rows, scores); those of the term numbered t are rows and scores
        from starts[t] up to starts[t + 1]."""
        self._vocabulary = vocabulary
        self._columns = columns
        self.size = size

    @classmethod
    def build(cls, texts: Iterable[str]) -> Postings:
        """Index the texts in the order given; row i is the i-th text."""
        import bm25s

        numbers: dict[str, int] = {}
        # Numbers of four bytes: of a million passages, the words themselves would fill the memory.
        rows = [
            array("I", [numbers.setdefault(term, len(numbers)) for term in terms(text)])
            for text in texts
        ]
        model = bm25s.BM25()
        # Texts without a single term cannot be indexed; an empty term, in no question, can.
        model.index((rows, numbers) if numbers else [[""]], show_progress=False)
        columns = tuple(np.asarray(model.scores[name]) for name in _FILES)
        return cls(dict(model.vocab_dict), columns, len(rows))

    @classmethod
    def load(cls, folder: Path, size: int) -> Postings:
        """Open saved postings, memory-mapped."""
        vocabulary = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        columns = tuple(np.load(folder / file, mmap_mode="r") for file in _FILES.values())
        return cls(vocabulary, columns, size)

    def save(self, folder: Path) -> None:
        """Write the arrays into ``folder``, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _VOCABULARY).write_text(json.dumps(self._vocabulary), encoding="utf-8")
        for file, column in zip(_FILES.values(), self._columns, strict=True):
            np.save(folder / file, column)

    def _column(self, term: str) -> slice:
        number = self._vocabulary.get(term)
        if number is None:
            return slice(0, 0)
        starts = self._columns[0]
        return slice(int(starts[number]), int(starts[number + 1]))

    def scores(self, query: str) -> np.ndarray:
        """BM25 score of every passage, shape (N,), float32, >= 0; 0: no term in common."""
        _, rows, scores = self._columns
        total = np.zeros(self.size, dtype=np.float32)
        for term in dict.fromkeys(terms(query)):
            column = self._column(term)
            total[rows[column]] += scores[column]
        return total

    def vocabulary(self, begin: str = "") -> Iterable[str]:
        """Every stemmed term of the corpus that begins so."""
        # bm25s keeps an empty term of its own.
        return (term for term in self._vocabulary if term and term.startswith(begin))

    def document_frequency(self, term: str) -> int:
        """In how many passages the stemmed term occurs."""
        number = self._vocabulary.get(term)
        return 0 if number is None else int(np.diff(self._columns[0][number : number + 2])[0])
