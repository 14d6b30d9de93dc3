"""What the phrase index holds of a text: runs of up to three words.

A gram is some words at fixed distances, hashed to a number. Whoever looks for a run of words
asks for the articles that have all of its grams; a changed word leaves the grams that do not
contain it, so the articles with the most grams are near. Grams only name candidates: that words
stand there is seen in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rag.index.normalise import fold

WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
"""A word or a whole number of a normalised text."""
LONGEST = 3
_DIGITS = 7
# Odd numbers without a pattern (the first is 2**64 over the golden ratio): multiplying by them
# spreads what is hashed over the upper bits (Knuth, TAOCP 3, 6.4).
_MIX = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93],
    dtype=np.uint64,
)


def words(folded: str) -> list[str]:
    """The words and whole numbers of a normalised text, without regard to case.

    >>> words("He can't pay $1,400.50.")
    ['he', "can't", 'pay', '1,400.50']
    """
    return [word.casefold() for word in WORD.findall(folded)]


def grams(some: Sequence[str], length: int) -> list[str]:
    """The grams of so many words each, in order."""
    return _spell(_hashed(_numbers(some), length)).split()


def all_grams(text: str) -> str:
    """Every gram of a text as it is stored, once, parted by spaces."""
    numbers = _numbers(words(fold(text)))
    hashed = [_hashed(numbers, length) for length in range(1, LONGEST + 1)]
    return _spell(np.unique(np.concatenate(hashed)))


def _numbers(some: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([crc32(word.encode()) for word in some], dtype=np.uint64)


def _hashed(numbers: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """The hashes, each below 8 ** ``_DIGITS``; arithmetic is modulo 2 ** 64."""
    count = max(0, len(numbers) - length + 1)
    mixed = np.zeros(count, dtype=np.uint64)
    for place in range(length):
        mixed = (mixed + numbers[place : place + count]) * _MIX[place + 1]
        mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX[0]
    mixed >>= np.uint64(64 - 3 * _DIGITS)
    return mixed


def _spell(hashed: NDArray[np.uint64]) -> str:
    """In octal: FTS5 hashes a word by shifting three bits a letter, so few of these collide."""
    shifts = np.arange(3 * (_DIGITS - 1), -1, -3, dtype=np.uint64)
    letters = np.full((len(hashed), _DIGITS + 1), ord(" "), dtype=np.uint8)
    letters[:, :_DIGITS] = ord("0") + ((hashed[:, None] >> shifts) & np.uint64(7))
    return letters.tobytes().decode("ascii")
