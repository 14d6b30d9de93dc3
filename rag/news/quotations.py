"""Quotations of a text: what stands between quotation marks, as offsets.

A paragraph is read from left to right with a stack of open marks, in linear time. A quotation that
is never closed ends with its paragraph, as news prints one that goes on in the next. Apostrophes,
inches and years ("’90s") open nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARK = re.compile(r"[“”„\"«»‘’'`]")
_ELIDED = re.compile(r"(?:\d|em\b|til\b|tis\b|twas\b|cause\b|bout\b|n[’'])", re.IGNORECASE)
_LONGEST_UNCLOSED = 1_500  # characters; a line that is a whole article is no quotation


@dataclass(frozen=True, slots=True)
class Quotation:
    """``text[start:end]`` stands between the marks, ``text[left:right]`` includes them (an
    unclosed one has no right mark); ``depth`` counts the quotations around it; ``closed`` is False
    where the mark is missing, as when the next paragraph opens it again."""

    left: int
    start: int
    end: int
    right: int
    depth: int
    closed: bool = True


def quotations(text: str) -> list[Quotation]:
    """Every quotation, ordered by its opening mark.

    >>> text = 'He said: “She told me ‘no’ twice.”'
    >>> [(q.depth, text[q.start:q.end]) for q in quotations(text)]
    [(0, 'She told me ‘no’ twice.'), (1, 'no')]
    """
    found: list[Quotation] = []
    for line in re.finditer(r"[^\n]+", text):
        found += _in_line(text, line.start(), line.end())
    return sorted((q for q in found if q.start < q.end), key=lambda q: (q.left, -q.right))


def _in_line(text: str, begin: int, stop: int) -> list[Quotation]:
    found: list[Quotation] = []
    stack: list[tuple[int, bool]] = []  # (offset of the opening mark, is it a double one)
    for match in _MARK.finditer(text, begin, stop):
        at, mark = match.start(), match.group()
        before = text[at - 1] if at > begin else " "
        after = text[at + 1] if at + 1 < stop else " "
        double = mark in '“”„"«»'
        if _opens(text, at, mark, before, after, [d for _, d in stack]):
            if double and stack and any(d for _, d in stack):
                # The same mark again: the earlier one was never closed.
                del stack[next(i for i, (_, d) in enumerate(stack) if d) :]
            stack.append((at, double))
        elif _closes(text, at, stop, mark, before, after, [d for _, d in stack]):
            while stack and stack[-1][1] != double:
                stack.pop()  # an apostrophe taken for an opening mark
            if stack:
                left, _ = stack.pop()
                found.append(_trimmed(text, left, at, len(stack)))
    unclosed = next((left for left, double in stack if double), None)
    if unclosed is not None and stop - unclosed <= _LONGEST_UNCLOSED:
        found = [q for q in found if q.left < unclosed or q.depth > 0]
        found.append(_trimmed(text, unclosed, stop, 0, closed=False))
    return found


def _trimmed(text: str, left: int, end: int, depth: int, closed: bool = True) -> Quotation:
    right = end + 1 if closed else end
    inner = text[left + 1 : end]
    start = end - len(inner.lstrip())
    return Quotation(left, start, start + len(inner.strip()), right, depth, closed)


def _opens(text: str, at: int, mark: str, before: str, after: str, stack: list[bool]) -> bool:
    starts_word = not (before.isalnum() or before in ".,?!;:%)") and not after.isspace()
    if mark in "“„«":
        # Some writers close with the opening mark.
        return not (any(stack) and not after.isalnum() and (before.isalnum() or before in ".,?!"))
    if mark in "”»":
        return not any(stack) and before.isspace() and after.isalnum()
    if mark == '"':
        return starts_word and not (any(stack) and not before.isspace() and before not in "(—–-")
    if mark == "’" or (stack and not stack[-1]):
        return False
    return starts_word and after not in "’'" and not _ELIDED.match(text, at + 1)


def _closes(
    text: str, at: int, stop: int, mark: str, before: str, after: str, stack: list[bool]
) -> bool:
    if mark in '“”"«»':
        return True
    if not stack or stack[-1] or mark == "‘" or after.isalnum() or before.isspace():
        return False
    # "the players’ union" inside single marks: a possessive, if a mark after punctuation follows.
    rest = text[at + 1 : min(stop, at + 400)]
    return before != "s" or not re.match(r" [a-z][^‘]{0,390}?[a-z][.,?!]['’]", rest)


def is_title(quoted: str) -> bool:
    """True for what is written as the name of a work or thing: "The Way of Water"."""
    if quoted[-1:] in ".?!" and quoted.count(" ") > 5:
        return False
    words = re.findall(r"[^\W\d_][\w’'-]*", quoted[:200])
    long = [word for word in words if len(word) > 3]
    return bool(long) and all(word[0].isupper() for word in (words[0], words[-1], *long))


def is_sentence(quoted: str) -> bool:
    """True for what somebody may have said as it stands; a scare quote or a title is not."""
    if quoted.count(" ") < 3 and quoted[-1:] not in ".?!,":
        return False
    return " " not in quoted or not is_title(quoted)
