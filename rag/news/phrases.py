"""Noun phrases beside a speech verb: who its subject is, as word numbers.

Rules over words, without a parser: a phrase is followed from the verb outwards, over adverbs,
times and asides set off by commas, to where a name or a description begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rag.news import lexicon

Word = tuple[int, int, str]
"""(start, end, the word as shown): a word, a mark, or a run of ``HIDDEN`` or ``TITLE``."""
Part = tuple[int, int]
"""Word numbers (first, after last)."""
HIDDEN = "\x00"
TITLE = "\x01"
"""What the characters of a quotation, and of a quoted name of a work, are replaced by."""

_WORD = re.compile(
    rf"{HIDDEN}+|{TITLE}+|@\w+|(?:[A-Z]\.)+(?:[A-Z]\b)?|"
    r"(?:Mr|Mrs|Ms|Dr|Sens?|Reps?|Gov|Gen|Lt|Col|Maj|Sgt|Capt|Adm|Prof|Rev|Jr|Sr|St|Det|Supt)\.|"
    r"\d+(?:[.,]\d+)+|\w+(?:[’'&.-]\w+)*[’']?|[^\w\s]|\n"
)
_ENDING = re.compile(r"[’']s?$|\.$")
_POSSESSIVE = ("’s", "'s", "s’", "s'", "z’")
_LONGEST_NICKNAME = 19
_LONGEST = 16  # words of a phrase
_INDEFINITE = ("some", "many", "several", "most", "few", "both", "one", "others", "another", "two")
_NO_SUBJECT = ("i", "we", "you", "nothing")
_NOBODY = (*_NO_SUBJECT, "there", "so", "yes", "no")


def words_of(text: str, start: int, end: int) -> list[Word]:
    """The words of ``text[start:end]``, with their offsets into ``text``."""
    return [(m.start(), m.end(), m.group()) for m in _WORD.finditer(text, start, end)]


def is_capital(word: str) -> bool:
    """True if the word begins with a capital, an Arabic article aside."""
    return word[0].isupper() or word[1:3] == "l-"


def is_possessive(word: str) -> bool:
    """True for "Lind’s" and "the Bears’"."""
    return word.endswith(_POSSESSIVE)


@lru_cache(maxsize=10_000)
def bare(word: str) -> str:
    """Lower case, without the possessive or a full stop."""
    return _ENDING.sub("", word.lower())


@lru_cache(maxsize=10_000)
def can_speak(head: str) -> bool:
    """True for a noun that means a person or a body: "officials", "ministry"."""
    return bool(lexicon.BODY.match(head) or lexicon.ROLE.match(head))


def head_of(words: Sequence[Word]) -> str:
    """The word that a phrase is about: the last one before a preposition."""
    cut = (n for n, (*_, w) in enumerate(words) if n and w in lexicon.PREPOSITIONS)
    return words[next(cut, len(words)) - 1][2]


def plausible(words: Sequence[Word]) -> bool:
    """True if the phrase names or describes someone who can speak."""
    head = head_of(words)
    return is_capital(head) or head[0] == "@" or head in lexicon.PRONOUNS or can_speak(bare(head))


def skipped_left(words: Sequence[Word], j: int) -> int | None:
    """After which word the subject must end, if adverbs, times and occasions stand between it and
    ``words[j]``; None if what stands there makes the verb no statement ("did not say")."""
    while j > 0:
        if words[j - 1][2] in lexicon.BARRED or words[j - 1][2] == "To":
            return None
        before = _without_adverbial(words, j)
        if before == j:
            return j
        j = before
    return 0


def _without_adverbial(words: Sequence[Word], j: int) -> int:
    word = words[j - 1][2].lower()
    if word in lexicon.ADVERBS:
        return j - 1
    if word.endswith("ly") and word not in lexicon.NOT_ADVERBS and not is_capital(words[j - 1][2]):
        return j - 1
    if word in lexicon.DAYS and j > 1:
        j -= 1
        while j > 1 and words[j - 1][2].lower() in lexicon.DAYS | lexicon.BEFORE_DAYS:
            j -= 1
        return j
    if word == ")":
        return next((k for k in range(j - 2, max(-1, j - 25), -1) if words[k][2] == "("), j)
    if word.isdigit() and j > 1 and words[j - 2][2].lower() in ("in", "since"):
        return j - 2
    return j


def subject_before(words: Sequence[Word], i: int) -> Part | None:
    """The subject of the verb ``words[i]``, left of it."""
    j = skipped_left(words, i)
    if not j:
        return None
    last = words[j - 1][2]
    if last in ("who", "which"):
        return _phrase_ending(words, j - 2 if j > 2 and words[j - 2][2] == "," else j - 1)
    return _before_aside(words, j - 1) if last in (",", "—", "–", "-") else _phrase_ending(words, j)


def _before_aside(words: Sequence[Word], close: int) -> Part | None:
    """The subject of which an aside tells more: "Anna Lind, 54, who leads the party, said"."""
    marks = [k for k in range(close - 1, max(-1, close - 60), -1) if words[k][2] == words[close][2]]
    if not marks and close > 1 and is_capital(words[close - 1][2]):
        return _phrase_ending(words, close) if is_capital(words[close - 2][2]) else None
    # "the company, which has offices in Boston, Dallas and Austin, said"
    marks.sort(key=lambda mark: words[mark + 1][2] not in ("who", "which", "whose"))
    for mark in marks[:6]:
        aside = words[mark + 1 : close]
        if aside and aside[0][2].lower() in lexicon.AUXILIARIES | {
            "and",
            "but",
            "so",
            "or",
            "while",
        }:
            return None
        if mark == marks[0] and _is_person(aside):
            return mark + 1, close  # "the ministry's spokesman, Anna Lind, said"
        found = _phrase_ending(words, mark)
        if found is None or (found[0] and words[found[0] - 1][2] in lexicon.PREPOSITIONS):
            continue
        if words[close][2] != "," and found[0] > 1 and words[found[0] - 1][2] == ",":
            return name_ending(words, found[0] - 1) or found  # "Lind, the head of it – 54 – said"
        if mark == marks[-1] or not _is_aside(words, mark):
            return found
    return None


def _is_person(words: Sequence[Word]) -> bool:
    return (
        2 <= len(words) <= 4
        and all(is_capital(w) for *_, w in words)
        and bare(words[-1][2]) not in lexicon.ORGANISATION
        and "." not in words[0][2]
    )


def _is_aside(words: Sequence[Word], mark: int) -> bool:
    """True if what ends at the comma ``mark`` tells more of a name before the comma before it."""
    begin = mark
    while begin > 0 and words[begin - 1][2] not in (",", ";", ":", "—", "–"):
        begin -= 1
    if begin == mark or begin == 0 or words[begin - 1][2] != ",":
        return False
    opening = words[begin][2]
    if not opening[0].isdigit() and (is_capital(opening) or opening in lexicon.SUBORDINATORS):
        return False
    named = _phrase_ending(words, begin - 1)
    if named is None or not is_capital(words[named[1] - 1][2]):
        return False
    before = words[named[0] - 1][2].lower() if named[0] else ""
    return before not in lexicon.PREPOSITIONS and not words[named[0]][2].endswith(("ing", "ed"))


def _phrase_ending(words: Sequence[Word], j: int) -> Part | None:
    """The noun phrase whose last word is ``words[j - 1]``, adverbials aside."""
    j = skipped_left(words, j) or 0
    if j <= 0:
        return None
    last = words[j - 1][2]
    low = last.lower()
    if low in lexicon.PRONOUNS:
        return j - 1, j
    if low.endswith("-year-old"):
        return _description_ending(words, j)
    if (
        low in lexicon.CONTRACTED
        or not (last[0].isalpha() or last[0] == "@")
        or last[-1] in "’'"
        or low in _NO_SUBJECT
    ):
        return None
    if is_capital(last):
        if low in _INDEFINITE:
            return j - 1, j  # "Another said"
        name = name_ending(words, j)
        if name is None or not _is_described(words, name[0]):
            return name
    elif low in lexicon.NO_NOUN and low not in _INDEFINITE and words[j - 2][2] != "of":
        return None
    return _description_ending(words, j)


def _is_described(words: Sequence[Word], first: int) -> bool:
    """True in "a spokesman for Lind": the name only tells more of a description."""
    if first < 2 or words[first - 1][2] not in lexicon.PREPOSITIONS:
        return False
    owner = words[first - 2][2]
    return owner == "CEO" or can_speak(bare(owner)) or bare(owner) in lexicon.ORGANISATION


def _description_ending(words: Sequence[Word], j: int) -> Part | None:
    k = j - 1
    while k > 0 and j - k < _LONGEST and _in_description(words[k - 1][2]):
        k -= 1
    for m in range(j - 1, k - 1, -1):
        if _begins_phrase(words, m, k):
            return m, j
    while k < j and words[k][2] in lexicon.NO_NAME:
        k += 1
    if k > 2 and words[k - 1][2] == "and" and words[k - 3][2].lower() in lexicon.DETERMINERS:
        k -= 3  # "the mother and father of the child"
    last = k
    while last < j and is_capital(words[last][2]):
        last += 1
    if last - k > 1 and last < j and words[last][2] in lexicon.PREPOSITIONS:
        return k, last  # "Anna Lind in her speech"
    if k >= j or words[k][2].lower() in lexicon.PREPOSITIONS or j - k > 10:
        return (j - 1, j) if can_speak(words[j - 1][2].lower()) else None
    return k, j


def _in_description(word: str) -> bool:
    return (word[0].isalnum() or word[0] == "$") and word.lower() not in lexicon.NO_DESCRIPTION


def _begins_phrase(words: Sequence[Word], m: int, first: int) -> bool:
    """True if a determiner or an owner stands at ``m``, and nothing that belongs before it."""
    word = words[m][2]
    before = words[m - 1][2] if m > first else ""
    if before.lower() in lexicon.PREPOSITIONS | lexicon.DETERMINERS:
        return False
    if is_possessive(word):
        return not before or not is_capital(before)
    return word.lower() in lexicon.DETERMINERS


def name_ending(words: Sequence[Word], j: int) -> Part | None:
    """The run of capitalised words that ends with ``words[j - 1]``, with a "the" before it."""
    k = j - 1
    while k > 0 and j - k < _LONGEST and _joins_name(words, k - 1):
        k -= 1
    while k < j and _no_part_of_name(words[k][2]):
        k += 1
    if k >= j or (words[k][2] == "The" and k == j - 1):
        return None
    owners = [n for n in range(k, j - 1) if is_possessive(words[n][2])]
    if owners:
        rest = words[owners[-1] + 1 : j]
        is_body = any(bare(w) in lexicon.ORGANISATION for *_, w in rest)
        if not is_body and (len(rest) > 1 or k == 0 or words[k - 1][2].lower() != "the"):
            k = owners[-1] + 1
    return (k - 1 if k > 0 and words[k - 1][2] == "the" else k), j


def _joins_name(words: Sequence[Word], k: int) -> bool:
    word = words[k][2]
    if is_capital(word):
        return True
    if k > 0 and is_capital(words[k - 1][2]):
        nickname = word[0] in HIDDEN + TITLE and len(word) <= _LONGEST_NICKNAME
        return nickname or word in lexicon.PARTICLES | {"of", "the", "&", "for", "and"}
    return (
        word == "the" and k > 1 and words[k - 1][2] in ("of", "for") and is_capital(words[k - 2][2])
    )


def _no_part_of_name(word: str) -> bool:
    if not is_capital(word) or word.lower() in lexicon.DAYS:
        return True
    return word in lexicon.NO_NAME and word != "The"


def source(words: Sequence[Word], end: int) -> Part | None:
    """Whom the words before ``end`` name as where something comes from: "a tip from police:"."""
    for k in range(end - 1, max(-1, end - 8), -1):
        if is_possessive(words[k][2]) and is_capital(words[k][2]) and k < end - 1:
            return k, k + 1  # "Lind’s response:"
        if words[k][2] in ("from", "by"):
            found = subject_after(words, k + 1)
            return found if found and found[1] == end else None
    return None


def subject_first(words: Sequence[Word]) -> Sequence[Word]:
    """The name or description with which a sentence begins, or goes on after its first comma."""
    comma = next((k for k in range(min(_LONGEST, len(words))) if words[k][2] == ","), -1)
    first = int(words[0][2] in ("But", "And"))
    return _first_phrase(words[first:]) or _first_phrase(words[comma + 1 :] if comma > 0 else ())


def _first_phrase(words: Sequence[Word]) -> Sequence[Word]:
    if not words:
        return ()
    k = int(words[0][2].lower() in lexicon.DETERMINERS)
    last = k
    while last < len(words) and is_capital(words[last][2]):
        last += 1
    if last > k and not is_possessive(words[last - 1][2]):
        one = last == 1 and not words[k][2].isupper()  # "Examples include"
        return () if one or words[k][2] in lexicon.NO_NAME else words[:last]
    if last == 0:
        return ()
    for end in range(last, min(last + 6, len(words) - 1)):
        if words[end][2] in lexicon.NO_NOUN:
            return ()
        if can_speak(words[end][2]) and not can_speak(words[end + 1][2]):
            return words[: end + 1]
    return ()


def subject_after(words: Sequence[Word], i: int) -> Part | None:
    """The subject that follows ``words[i - 1]``: "said Anna Lind", "according to police"."""
    k = i
    while k < len(words) and k - i < _LONGEST and _goes_on(words, i, k):
        k += 1
    if k == i:
        return None
    last, first = words[k - 1][2], words[i][2].lower()
    if last[0].islower() and (apposed := _apposed(words, k)):
        return apposed
    if first in lexicon.PRONOUNS:
        return i, i + 1
    if first in _NOBODY:
        return None
    if is_capital(last) and last[-1] not in "’'" and (name := name_ending(words[:k], k)):
        return (i, k) if first == "the" and name[0] <= i + 1 else (max(name[0], i), k)
    return (i, k) if first in lexicon.DETERMINERS or last[0].isalpha() else None


def _goes_on(words: Sequence[Word], i: int, k: int) -> bool:
    """True if a phrase that begins at ``i`` holds the word ``k``, too."""
    word = words[k][2]
    low = word.lower()
    named = k > i and is_capital(words[k - 1][2]) and not is_possessive(words[k - 1][2])
    if word[0] == HIDDEN:
        return named and len(word) <= _LONGEST_NICKNAME
    if not (word[0].isalnum() or word == "&") or low in lexicon.ENDS_SUBJECT:
        return False
    if low in lexicon.PREPOSITIONS | {"and"} and (k == i or low not in lexicon.IN_SUBJECT):
        return False
    if not named or is_capital(word) or word == "&":
        return True
    if low in lexicon.PREPOSITIONS | {"the", "and"}:
        follows = words[k + 1][2] if k + 1 < len(words) else "."
        return low in ("of", "for", "the", "and") and (is_capital(follows) or follows == "the")
    if k + 1 < len(words) and is_capital(words[k + 1][2]):
        return True  # "Panthers forward Matthew Tkachuk"
    return low.endswith("s") or low in lexicon.PARTICLES or bool(lexicon.ROLE.match(low))


def _apposed(words: Sequence[Word], k: int) -> Part | None:
    """The name that follows a description: "said his mother, Anna Lind"."""
    if k + 2 >= len(words) or words[k][2] != ",":
        return None
    last = k + 1
    while last < len(words) and is_capital(words[last][2]):
        last += 1
    ends = last == len(words) or words[last][2] in (",", ".")
    return (k + 1, last) if ends and last - k > 2 else None
