"""The declared normalisation under which two texts count as the same words.

What is folded, and nothing else: runs of white space (no-break and line breaks too) to one
space; curly and angled quote marks to straight ones; dashes to a hyphen; soft hyphens and
zero-width marks to nothing; ligatures and the one-character ellipsis to their letters. Case,
digits, punctuation and words stay. Every character knows where it came from, so a match can be
given as an exact slice of the original.
"""

from __future__ import annotations

import re
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
_INTERESTING = re.compile(rf"\s+|[{re.escape(''.join(_FOLD))}]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text and where each of its characters came from.

    ``starts[i]`` and ``ends[i]`` bound, in the original, what became character i.
    """

    text: str
    starts: list[int]
    ends: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that became ``text[start:end]`` (start < end)."""
        return self.starts[start], self.ends[end - 1]


def normalise(text: str) -> Normalised:
    """Fold what is declared above; white space at both ends is dropped.

    >>> found = normalise("He  said:\\n“no”")
    >>> found.text, found.original(9, 13)
    ('He said: "no"', (10, 14))
    """
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    last = 0
    for match in _INTERESTING.finditer(text):
        begin, end = match.span()
        parts.append(text[last:begin])
        starts.extend(range(last, begin))
        ends.extend(range(last + 1, begin + 1))
        folded = _FOLD.get(match.group(), " ")
        parts.append(folded)
        starts.extend([begin] * len(folded))
        ends.extend([end] * len(folded))
        last = end
    parts.append(text[last:])
    starts.extend(range(last, len(text)))
    ends.extend(range(last + 1, len(text) + 1))
    joined = "".join(parts)
    # Removing a zero-width mark between two spaces leaves a pair of them: rare, folded again.
    while "  " in joined:
        at = joined.index("  ")
        joined = joined[:at] + joined[at + 1 :]
        ends[at] = ends[at + 1]
        del starts[at + 1], ends[at + 1]
    lead = len(joined) - len(joined.lstrip(" "))
    tail = len(joined.rstrip(" "))
    return Normalised(joined[lead:tail], starts[lead:tail], ends[lead:tail])
