"""The declared normalisation under which two texts count as the same words.

What is folded, and nothing else: runs of white space (no-break and line breaks too) to one
space; curly and angled quote marks to straight ones; dashes to a hyphen; soft hyphens and
zero-width marks to nothing; ligatures and the one-character ellipsis to their letters. Case,
digits, punctuation and words stay. Every character knows where it came from, so a match can be
given as an exact slice of the original.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_SINGLE = dict.fromkeys("‘’‚‛′ʼ`´", "'")
_DOUBLE = dict.fromkeys("“”„‟″«»", '"')
_DASH = dict.fromkeys("‐‑‒–—―−", "-")
_NOTHING = dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", "")
_LIGATURES = {
    "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
    "…": "...",
}  # fmt: skip
_FOLD = _SINGLE | _DOUBLE | _DASH | _NOTHING | _LIGATURES
_MARKS = "".join(_NOTHING)
_OTHERS = "".join(_LIGATURES)
_SHIFTING = re.compile(
    rf"[\s{_MARKS}{_OTHERS}](?:(?<=\s)[\s{_MARKS}]*\s|(?<=[{_MARKS}])[{_MARKS}]*|(?<=[{_OTHERS}]))"
)
"""What does not stay as long as it was; white space around zero-width marks is one run."""
_LETTERS = tuple(mark for mark, plain in _LIGATURES.items() if plain.isalpha())
_LEADING = re.compile(rf"[\s{_MARKS}]*")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text and where each of its characters came from.

    It is a row of stretches: ``at[k]`` is where stretch k begins in ``text``, ``starts[k]`` where it
    begins in the original. ``ends[k]`` is where it ends there if it was folded as a whole, 0 if it
    kept its length.
    """

    text: str
    at: list[int]
    starts: list[int]
    ends: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that became ``text[start:end]`` (start < end)."""
        return self._came_from(start)[0], self._came_from(end - 1)[1]

    def _came_from(self, place: int) -> tuple[int, int]:
        k = bisect_right(self.at, place) - 1
        if self.ends[k]:
            return self.starts[k], self.ends[k]
        begin = self.starts[k] + place - self.at[k]
        return begin, begin + 1


def fold(text: str) -> str:
    """The normalised text alone.

    >>> fold("He  said:\\n“no”")
    'He said: "no"'
    """
    for mark, plain in _FOLD.items():
        text = text.replace(mark, plain)
    return " ".join(text.split())


def between_letters(text: str) -> str | None:
    """A regular expression for what may stand between the letters of a word in a text and folds to
    nothing; None if there are ligatures, which fold to several letters.

    >>> between_letters("plain"), between_letters("so\u00adft"), between_letters("ﬂuffy")
    ('', '[\u00ad\u200b\u200c\u200d\u2060\ufeff]*', None)
    """
    if any(mark in text for mark in _LETTERS):
        return None
    return f"[{_MARKS}]*" if any(mark in text for mark in _NOTHING) else ""


def normalise(text: str) -> Normalised:
    """Fold what is declared above; white space at both ends is dropped.

    >>> found = normalise("He  said:\\n“no”")
    >>> found.text, found.original(9, 13)
    ('He said: "no"', (10, 14))
    """
    last = _LEADING.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    at, starts, ends = [0], [last], [0]
    length = 0
    for match in _SHIFTING.finditer(text, last):
        begin, end = match.span()
        length += begin - last
        folded = _LIGATURES.get(match.group(), "" if match.group()[0] in _NOTHING else " ")
        if folded:
            at.append(length)
            starts.append(begin)
            ends.append(end)
            length += len(folded)
        at.append(length)
        starts.append(end)
        ends.append(0)
        last = end
    return Normalised(fold(text), at, starts, ends)
