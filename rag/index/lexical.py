"""BM25 over passages: text to stemmed terms, postings by bm25s, saved as arrays.

The scoring is bm25s's "lucene" variant (k1 = 1.5, b = 0.75). Terms fold what people write in
different ways: case, accents, "U.S." and "US", "Trump’s" and "Trump", "1,000" and "1000".
"""

from __future__ import annotations

import functools
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
    """BM25 postings over N passages, addressed by row (0 to N-1)."""

    def __init__(self, model: Any, size: int) -> None:
        self._model = model
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
        return cls(model, len(rows))

    @classmethod
    def load(cls, folder: Path, size: int) -> Postings:
        """Open saved postings, memory-mapped."""
        import bm25s

        return cls(bm25s.BM25.load(str(folder), mmap=True, show_progress=False), size)

    def save(self, folder: Path) -> None:
        """Write the arrays into ``folder``, which is made."""
        self._model.save(str(folder), show_progress=False)

    def scores(self, query: str) -> np.ndarray:
        """BM25 score of every passage, shape (N,), float32, >= 0; 0: no term in common."""
        known = [t for t in dict.fromkeys(terms(query)) if t in self._model.vocab_dict]
        if not known or self.size == 0:
            return np.zeros(self.size, dtype=np.float32)
        return np.asarray(self._model.get_scores(known), dtype=np.float32)

    def vocabulary(self) -> Iterable[str]:
        """Every stemmed term of the corpus."""
        known: dict[str, int] = self._model.vocab_dict
        return filter(None, known)  # bm25s keeps an empty term of its own

    def document_frequency(self, term: str) -> int:
        """In how many passages the stemmed term occurs."""
        row = self._model.vocab_dict.get(term)
        if row is None:
            return 0
        pointers = self._model.scores["indptr"]
        return int(pointers[row + 1] - pointers[row])
