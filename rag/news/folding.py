"""Do two quotes say the same, so that one may stand for both?

Copies of one story differ here and there: a word, a house style. Such quotes are folded together,
but never where a number, a name, a date or a negation differs, or is said of something else.
"""

from __future__ import annotations

import re

from rapidfuzz.distance import Indel

from rag.news import tokens as tk
from rag.news.tokens import Day, Token

_WORDS = re.compile(r"\w+(?:[.,’'-]\w+)*|[$£€%]")
_LEAST_ALIKE = 0.85
"""Share of the characters of both that are the same, in the same order."""
_WHEN = tk.DAYS | frozenset("today yesterday tomorrow tonight last next previous ago".split())
_DENYING = (*tk.DENYING, "il", "im", "dis")


def foldable(one: str, other: str) -> bool:
    """True if two quotes are nearly the same, and do not ``differ``.

    >>> foldable("The big ship sank off the coast of Spain.", "The ship sank off the coast of Spain.")
    True
    """
    alike = Indel.normalized_similarity(tk.folded(one), tk.folded(other), processor=str.casefold)
    return alike >= _LEAST_ALIKE and not differ(one, other)


def differ(one: str, other: str) -> bool:
    """True if two texts that say nearly the same differ in a number, a name, a date or a negation.

    Numbers are compared in full, with their unit and with "about" or "more than"; spelled out or
    not is the same. A name that only one of the two gives in full differs: it may be another's. So
    does a word that stands elsewhere: "3 hurt, 5 killed" is not "3 killed, 5 hurt".

    >>> differ("They will not pay $3,000.", "They won't pay three thousand dollars.")
    False
    >>> differ("Anna Lind will pay.", "Anne Lind will pay.")
    True
    """
    ours, theirs = tk.tokens(tk.folded(one)), tk.tokens(tk.folded(other))
    if _counted(ours) != _counted(theirs):
        return True
    telling, their_telling = _telling(ours), _telling(theirs)
    forms, their_forms = _forms(ours, telling), _forms(theirs, their_telling)
    gone: set[int] = set()
    come: set[int] = set()
    for step in Indel.opcodes(forms, their_forms):
        if step.tag == "delete":
            gone.update(range(step.src_start, step.src_end))
        elif step.tag == "insert":
            come.update(range(step.dest_start, step.dest_end))
    if gone & telling or come & their_telling:
        return True
    moved = {forms[at] for at in gone if _is_plain(ours[at])} & {their_forms[at] for at in come}
    away, new = {ours[at].low for at in gone}, {theirs[at].low for at in come}
    return bool(moved) or any(
        prefix + plain in denied
        for prefix in _DENYING
        for plains, denied in ((away, new), (new, away))
        for plain in plains
    )


def variant(one: str, place: tuple[int, int], other: str) -> tuple[int, int] | None:
    """What a copy of a text has in the place of some words, where it has something else there and
    is foldable but for that; as (start, end) in the copy.

    >>> text = "The storm killed 12 people in Oslo on Monday."
    >>> copy = "The storm has killed 15 people in Oslo on Monday."
    >>> start, end = variant(text, (17, 19), copy)
    >>> copy[start:end]
    '15'
    >>> variant(text, (17, 19), "The storm killed 15 people in Rome on Monday.") is None
    True
    >>> other = "The storm killed 12 people in Oslo on Friday."
    >>> other[slice(*variant(text, (35, 44), other))]
    'on Friday'
    """
    ours, theirs = list(_WORDS.finditer(one)), list(_WORDS.finditer(other))
    inside = [n for n, w in enumerate(ours) if w.start() < place[1] and place[0] < w.end()]
    if not inside:
        return None
    first, last = inside[0], inside[-1] + 1
    begin, end = 0, len(theirs)
    lows, their_lows = [w.group().lower() for w in ours], [w.group().lower() for w in theirs]
    for step in Indel.opcodes(lows, their_lows):
        if step.tag != "equal":
            continue
        shift = step.dest_start - step.src_start
        if step.src_start <= first:
            begin = min(step.src_end, first) + shift
        if step.src_end >= last:
            end = min(end, max(step.src_start, last) + shift)
    if begin >= end:
        return None
    start, stop = theirs[begin].start(), theirs[end - 1].end()
    if other[start:stop] == one[slice(*place)]:
        return None
    if not foldable(_without(one, place), _without(other, (start, stop))):
        return None
    return start, stop


def _without(text: str, place: tuple[int, int]) -> str:
    return f"{text[: place[0]]}…{text[place[1] :]}"


def _is_plain(word: Token) -> bool:
    """True for what is compared neither as a number nor as a day."""
    return word.is_content and word.is_word and not tk.is_month(word)


def _counted(words: list[Token]) -> tuple[list[tuple[str, str, str]], list[Day]]:
    """The numbers with unit and comparator, and the days of months, in order."""
    amounts, days = tk.amounts(words)
    return [(amount.value, amount.unit, amount.comparator) for amount in amounts], days


def _telling(words: list[Token]) -> set[int]:
    """Where the names, the negations and the words for days stand."""
    names = {at for start, end in tk.names(words) for at in range(start, end)}
    return names | {
        at
        for at, word in enumerate(words)
        if word.low in tk.NOT or word.key in tk.REFUSING or word.low in _WHEN
    }


def _forms(words: list[Token], telling: set[int]) -> list[str]:
    """What is compared: "raises" is "raised", but Williams is not William."""
    return [word.low if at in telling else word.key for at, word in enumerate(words)]
