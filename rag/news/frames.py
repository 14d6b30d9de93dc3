"""Frames of speech in a sentence: a verb of saying, its subject, and which words are said.

A sentence comes as words in which quotations are hidden (``phrases.HIDDEN``), so that no verb
inside one is seen. What stands beside a verb decides whether it tells anything: "claims" may be a
noun, "added two boats" is a deed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.news import lexicon
from rag.news.phrases import (
    HIDDEN,
    Part,
    Word,
    is_capital,
    is_possessive,
    plausible,
    skipped_left,
    subject_after,
    subject_before,
)

_STARTS = lexicon.VERBS.keys() | lexicon.PHRASE_STARTS | {"according", "per", "—", "–", "-"}
_CLOSES = frozenset(",.;:—–(?!")
_ASIDES = frozenset(",—–")
_BEGINS_OWN = frozenset("and but while though although whereas ;".split())


@dataclass(frozen=True, slots=True)
class Frame:
    """A speech verb with its subject, as word numbers. ``subject`` is None if it is the subject of
    the frame before or of the sentence; ``span`` holds verb and subject; ``kind`` is the verb's
    (``lexicon.VERBS``)."""

    subject: Part | None
    verb: Part
    span: Part
    kind: str

    @property
    def inverted(self) -> bool:
        """True for "said Anna Lind"."""
        return self.subject is not None and self.subject[0] >= self.verb[1]


def frames(words: Sequence[Word]) -> Iterator[Frame]:
    """The frames of a sentence, in order."""
    seen = False
    for i, (_, _, word) in enumerate(words):
        low = word.lower()
        if low not in _STARTS and low[-2:] != "ed":
            continue
        frame = _fixed(words, i, low)
        if frame is None and (word == low or i == 0):
            frame = _with_verb(words, i, low, seen)
        if frame is not None:
            seen = True
            yield frame


def _at(words: Sequence[Word], k: int) -> str:
    """The word of a number; a full stop beyond either end."""
    return words[k][2] if 0 <= k < len(words) else "."


def _is_quotation(words: Sequence[Word], k: int) -> bool:
    return _at(words, k)[0] == HIDDEN


def _quotation_ends(words: Sequence[Word], k: int) -> bool:
    """True if a quotation ends before the word ``k``, a comma or dash aside."""
    return _is_quotation(words, k - 1) or (
        _at(words, k - 1) in ",.—" and _is_quotation(words, k - 2)
    )


def _fixed(words: Sequence[Word], i: int, word: str) -> Frame | None:
    """Forms whose subject always follows: "according to", "claimed by … to be", "█ — Lind"."""
    after = _at(words, i + 1)
    if word == "according" and after == "to":
        ends, verb = None, (i, i + 2)
    elif word in lexicon.PASSIVE and after == "by":
        ends, verb = ("to", "as"), (i, i + 2)
    elif word == "per" and (i == 0 or _at(words, i - 1) == ",") and is_capital(after):
        ends, verb = (".", ","), (i, i + 1)
    elif word in ("—", "–", "-") and (i == 0 or (i == 1 and _is_quotation(words, 0))):
        ends, verb = (".", ","), (i, i + 1)
    elif i == 0 and word in lexicon.VERBS and word.endswith(("ed", "said", "wrote")):
        ends, verb = (":", ","), (0, 1)  # "Added Lind: █"
    else:
        return None
    found = subject_after(words, verb[1])
    if found is None or (ends is not None and _at(words, found[1]) not in ends):
        return None
    return Frame(found, verb, (i, found[1]), lexicon.VERBS.get(word, "anyone"))


def _with_verb(words: Sequence[Word], i: int, word: str, seen: bool) -> Frame | None:
    phrase = _phrase(words, i)
    kind = "clause" if phrase else lexicon.VERBS.get(word)
    if kind is None and word.endswith("ed") and _at(words, i + 1) in _CLOSES:
        kind = "beside"  # "█ the coach beamed."
    if kind is None or (word in lexicon.PASSIVE and _at(words, i + 1) == "by"):
        return None
    if word.endswith("ing") and not phrase:
        return _participle(words, i, kind)
    first, end = i, i + (len(phrase) or 1)
    while first > 0 and words[first - 1][2] in ("has", "have", "had", "having"):
        first -= 1
    verb = first, end
    return _inverted(words, i, verb, kind) or _plain(words, i, verb, kind, seen)


def _plain(words: Sequence[Word], i: int, verb: Part, kind: str, seen: bool) -> Frame | None:
    """ "Anna Lind said", "and said"."""
    word, end = words[i][2].lower(), verb[1]
    if kind == "beside" and not any(_is_quotation(words, k) for k in range(max(0, i - 6), i)):
        return None
    left = skipped_left(words, i)
    if left is None or _at(words, end) in ("into", "off"):
        return None
    if _at(words, end) == "to" and _at(words, end + 1) in ("be", "have"):  # "said to be shut"
        return None
    subject = subject_before(words, i)
    if subject is None:
        return _shared(words, left, verb, kind) if seen or left else None
    begin = _modified(words, subject[0])
    beside = _quotation_ends(words, begin) and (
        word not in lexicon.BASE or _at(words, end) in _CLOSES  # not "█ Republican state Rep."
    )
    if not beside and (kind == "beside" or not _may_tell(words, subject, verb, kind)):
        return None
    if _at(words, subject[0] - 1) == "what" and not _is_quotation(words, end):
        return None  # "what he said they were"
    if is_possessive(words[subject[1] - 1][2]) and word not in ("said", "says", "told"):
        return None
    return Frame(subject, verb, (begin, end), kind)


def _phrase(words: Sequence[Word], i: int) -> tuple[str, ...]:
    if words[i][2] not in lexicon.PHRASE_STARTS:
        return ()
    follow = tuple(w for *_, w in words[i : i + 4])
    return next((p for p in lexicon.PHRASES if follow[: len(p)] == p), ())


def _participle(words: Sequence[Word], i: int, kind: str) -> Frame | None:
    """ "…, adding that", "is calling", "with the agency calling"."""
    if not _tells(words, i, i + 1):
        return None
    before = _at(words, i - 1)
    if before in ("is", "are", "was", "were") and (subject := subject_before(words, i - 1)):
        return Frame(subject, (i - 1, i + 1), (subject[0], i + 1), kind)
    subject = subject_before(words, i)
    if subject:
        first = subject[0] - (_at(words, subject[0] - 1) in lexicon.DETERMINERS)
        if _at(words, first - 1) == "with":
            return Frame((first, subject[1]), (i, i + 1), (first - 1, i + 1), kind)
    left = skipped_left(words, i)
    if not left:
        return None
    if words[left - 1][2] in lexicon.BEFORE_PARTICIPLE:
        return Frame(None, (i, i + 1), (left - 1, i + 1), kind)
    told = words[i][2] in ("saying", "stating", "arguing", "claiming")
    if (told or _is_quotation(words, i + 1)) and before[0].isalpha():
        return Frame(None, (i, i + 1), (left, i + 1), kind)
    return None


def _inverted(words: Sequence[Word], i: int, verb: Part, kind: str) -> Frame | None:
    """ "█ said Anna Lind"; "…, said Anna Lind"."""
    quoted = _quotation_ends(words, i)
    if not quoted and (_at(words, i - 1) != "," or kind == "quote" or verb[0] != i):
        return None
    found = subject_after(words, verb[1])
    if found is None:
        return None
    if kind != "anyone" and words[i][2] != "reads" and not plausible(words[slice(*found)]):
        return None
    follows = _at(words, found[1])
    if quoted:
        ends = is_tail(words, found[1], len(words)) or follows in _CLOSES
    elif words[i][2] in ("said", "says"):
        ends = follows == "." or _is_inverted_clause(words, i, found)
    else:
        ends = follows == "." and words[i][2].endswith(("ed", "wrote"))
    return Frame(found, verb, (i, found[1]), kind) if ends else None


def _is_inverted_clause(words: Sequence[Word], i: int, found: Part) -> bool:
    """Tell "boats run, said Lind, the minister" from "Lind, the minister, said Sy, 54, runs"."""
    left = subject_before(words, i)
    if is_capital(words[found[1] - 1][2]):
        if left is not None and is_capital(words[left[1] - 1][2]):
            return False
        return is_tail(words, found[1], len(words)) or _at(words, found[1]) == ","
    return left is None and _at(words, found[1]) == ","


def _shared(words: Sequence[Word], left: int, verb: Part, kind: str) -> Frame | None:
    """ "and said": the subject stands before another verb."""
    word = words[verb[1] - 1][2]
    if left == 0 or word in lexicon.BASE or words[left - 1][2] not in lexicon.JOINS_VERBS:
        return None
    if _at(words, verb[1]) == "by" or not _tells(words, verb[1] - 1, verb[1]):
        return None
    return Frame(None, verb, (left - 1, verb[1]), kind)


def _modified(words: Sequence[Word], first: int) -> int:
    """Where a subject begins with what describes it: "█ defensive tackle Harrison Phillips"."""
    begin = first
    while begin > 0 and first - begin < 10 and words[begin - 1][2][0].isalnum():
        if words[begin - 1][2].lower() in lexicon.NO_DESCRIPTION:
            return first
        begin -= 1
    return begin if begin and words[begin - 1][2][0] in HIDDEN + "," else first


def _may_tell(words: Sequence[Word], subject: Part, verb: Part, kind: str) -> bool:
    if kind != "anyone" and not plausible(words[slice(*subject)]):
        that = _at(words, verb[1]) == "that"  # "the contract states that █"
        if kind != "clause" or not _is_quotation(words, verb[1] + that):
            return False
    if words[verb[0]][2] in lexicon.TELL and _is_quotation(words, verb[1]):
        return False  # "the numbers tell █"
    return _tells(words, verb[1] - 1, verb[1])


def _tells(words: Sequence[Word], i: int, end: int) -> bool:
    """False if ``words[i]`` may be a noun, or a deed without words, and nothing told follows."""
    verb, after = words[i][2].lower(), _at(words, end)
    if verb not in lexicon.NOUNS_TOO | lexicon.FACTS or after == "that":
        return True
    if _is_quotation(words, end) or (after in (",", ":") and _is_quotation(words, end + 1)):
        return True
    if "that" in (words[k][2] for k in range(end, min(end + 3, len(words)))):
        return True
    if verb not in lexicon.FACTS or after == "to":
        return False
    return is_tail(words, end, len(words)) or _is_clause(words[end : end + 14])


def _is_clause(words: Sequence[Word]) -> bool:
    """True if a finite verb comes before the next comma."""
    for *_, word in words:
        if word in (",", ";", "who"):
            return False
        if word in lexicon.FINITE:
            return True
    return False


def is_tail(words: Sequence[Word], first: int, last: int) -> bool:
    """True if nothing that follows a verb is said: a time, a place, an occasion, or nothing."""
    if not any(w[0].isalnum() for *_, w in words[first:last]):
        return True
    if words[first][2] == "," and first + 1 < last:
        first += 1
    word = words[first][2].lower()
    return word in lexicon.TAIL or (word.endswith("ly") and len(word) > 4)


def is_passive(words: Sequence[Word], frame: Frame) -> bool:
    """True for "claimed by"."""
    return words[frame.verb[1] - 1][2] == "by"


def begins_own(words: Sequence[Word], frame: Frame) -> bool:
    """True if a frame begins words of its own, not some inside the clause before it."""
    if is_passive(words, frame):
        return False
    before = _at(words, frame.span[0] - 1)
    if frame.subject is None or before in _BEGINS_OWN or words[frame.span[0]][2] == "with":
        return True
    return before in _ASIDES and is_tail(words, frame.span[1], len(words))


def is_reporter(words: Sequence[Word], frame: Frame, free: int) -> bool:
    """True for ", Reuters reported" after words that are said already; they end at ``free``."""
    if frame.subject is None or frame.span[0] < free - 1 or is_passive(words, frame):
        return False
    between = words[free : frame.span[0]]
    return all(w in lexicon.TRIMMED for *_, w in between) and is_tail(
        words, frame.span[1], len(words)
    )


def addressee(words: Sequence[Word], frame: Frame) -> Part | None:
    """Whom "told" tells."""
    if words[frame.verb[1] - 1][2].lower() not in lexicon.TELL or frame.verb[1] != frame.span[1]:
        return None
    return subject_after(words, frame.verb[1])


def said_by(words: Sequence[Word], frame: Frame, first: int, last: int) -> list[Part]:
    """Which of the words ``first`` to ``last`` a frame says; several parts if it stands between."""
    to = addressee(words, frame)
    begin, after = frame.span[0], to[1] if to else frame.span[1]
    left = begin
    while left > first and words[left - 1][2] in lexicon.TRIMMED:
        left -= 1
    left = _apposed_from(words, first, left)
    quoted = left > first and _is_quotation(words, left - 1)
    has_left = quoted or sum(w[0].isalnum() for *_, w in words[first:left]) > 3
    if begin > first and words[begin - 1][2] in ("and", "but", "while"):
        first = begin
    if is_passive(words, frame):
        stop = next((k for k in range(after, last) if words[k][2] in ",—–.;"), last)
        return [(after, stop)]
    right = _clause_start(words, after, last)
    more = any(w[0].isalnum() or w[0] == HIDDEN for *_, w in words[right:last])
    goes_on = after < last and words[after][2] == "," and more
    if words[frame.verb[0]][2].lower() in ("according", "per"):
        if has_left:
            return [(first, last if goes_on and not quoted else left)]
        comma = next((k for k in range(after, last) if words[k][2] == ","), None)
        return [] if comma is None else [(comma + 1, last)]
    aside = begin > 0 and _at(words, begin - 1) in _ASIDES
    if has_left and frame.subject is not None and (
        quoted or frame.inverted
        or (aside and is_tail(words, after, last) and _at(words, right - 1) != "that"
            and not _is_quotation(words, after))
    ):  # fmt: skip
        return _around(words, (first, left), (after, last), quoted)
    if has_left and aside and goes_on and not _is_quotation(words, after + 1):
        return [(first, last)]
    return [(right, last)] if more else []


def _apposed_from(words: Sequence[Word], first: int, left: int) -> int:
    """Where the words before a frame that only describe its subject begin, if they follow a
    quotation: "█ Khan’s wife, Lind, said"."""
    for k in range(left, max(first, left - 12), -1):
        if _is_quotation(words, k - 1):
            return k
        word = words[k - 1][2].lower()
        if word in lexicon.NO_DESCRIPTION or word in lexicon.VERBS or word in ".;:":
            return left
    return left


def _around(words: Sequence[Word], before: Part, after: Part, quoted: bool) -> list[Part]:
    """What is said by a frame that follows it, and may stand in its midst."""
    start, last = after
    hidden = next((k for k in range(start, last) if _is_quotation(words, k)), None)
    if hidden is None:
        midst = start < last and words[start][2] == "," and not is_tail(words, start, last)
        return [(before[0], last)] if midst and not quoted else [before]
    near = hidden - start <= 4 or words[hidden - 1][2] in ",:.—–"
    return [before, (hidden, last)] if near else [before]


def _clause_start(words: Sequence[Word], first: int, last: int) -> int:
    """Where what is said begins after a verb: past "on Thursday that", "in a statement:"."""
    if first >= last or not is_tail(words, first, last):
        return first + (first < last and words[first][2] in ("that", ":", ","))
    for k in range(first, min(last, first + 16)):
        if words[k][2] in ("that", ":"):
            return k + 1
        if _is_quotation(words, k):
            return k
    while first < last and words[first][2].lower() in lexicon.TIMES:
        first += 1
    return first
