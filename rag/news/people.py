"""The people of an article: the fullest name for "Khan", "the spokesperson" and "he".

Where two fit equally, none is taken: a name stays as it is written, a description stays a
description, and a pronoun is nobody.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from rag.news import lexicon
from rag.news.phrases import (
    Part,
    Word,
    bare,
    can_speak,
    head_of,
    is_capital,
    is_possessive,
    words_of,
)

_Who = tuple[str, str]  # first and last word of a full name, bare
_Span = tuple[int, int]  # (start, end) in the text
_MANY = 20  # people of one name; among more nobody is singled out
_NEAR = 25  # words around a name that may say what its bearer's role is
_POSSESSIVE = re.compile(r"(?<=\w)[’']s$")
_WITHIN = re.compile(r"[a-z] ([A-Z]\w+)")  # a capital that begins no sentence
_INDEFINITE = ("a", "an", "one", "another")
_HEARD = 8  # subjects and speakers that a pronoun may still mean


def same_speaker(name: str, other: str) -> bool:
    """True if both name the same person, organisation or description: without titles, the words of
    one begin or end the other, or both have the same first and last word.

    >>> same_speaker("Balkhi", "Abdul Qahar Balkhi"), same_speaker("Khan", "Shafqat Ahmad")
    (True, False)
    """
    short, long = sorted((_telling(name), _telling(other)), key=len)
    if not short:
        return False
    ends = (long[0], long[-1])
    if len(short) == 1:
        return short[0] in ends
    return (short[0], short[-1]) == ends or short in (long[-len(short) :], long[: len(short)])


def _telling(name: str) -> list[str]:
    """The words of a name that tell people apart."""
    words = [bare(w) for *_, w in words_of(name, 0, len(name)) if w[0].isalnum()]
    return [w for w in words if w not in lexicon.TITLES | lexicon.NOT_TELLING] or words


class People:
    """The persons whom ``text`` names in full.

    To be asked in the order of the text: ``heard`` is told who was a sentence's subject or spoke,
    and a pronoun is the last one of those it fits.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._full: dict[_Who, list[_Span]] = defaultdict(list)  # in order
        self._by_word: dict[str, set[_Who]] = defaultdict(set)
        self._roles: dict[str, dict[_Who, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._gender: dict[_Who, str] = {}
        self._heard: list[_Span] = []
        words = words_of(text, 0, len(text))
        names = [(*part, _who(words[slice(*part)])) for part in _full_names(words)]
        teams = {  # "the Blue Hens"
            who
            for first, _, who in names
            if first and words[first - 1][2] in ("the", "The") and who[1][-1] == "s"
        }
        for first, last, who in names:
            if who in teams:
                continue
            end = words[last - 1][1]
            while text[end - 1] in "’'" or text[end - 2 : end] in ("’s", "'s"):
                end -= 1
            self._full[who].append((words[first][0], end))
            for word in (*who, who[1].split()[0]):
                self._by_word[word].add(who)
            self._learn_roles(words, first, last, who)
        self._single = set(_WITHIN.findall(text))  # "Drake", though he has no other name
        self._fullest = {who: _longest(spans) for who, spans in self._full.items()}

    def _learn_roles(self, words: Sequence[Word], first: int, last: int, who: _Who) -> None:
        """From "spokesperson Anna Lind" and "Anna Lind, the ministry's spokesperson"."""
        roles = [bare(words[first - 1][2])] if first else []
        if last < len(words) and words[last][2] == ",":
            for *_, word in words[last + 1 : last + 9]:
                if not word[0].isalpha() or word in lexicon.PREPOSITIONS | lexicon.SUBORDINATORS:
                    break
                roles.append(bare(word))
        for role in roles:
            if role in lexicon.TITLES or lexicon.ROLE.match(role):
                near = words[max(0, first - _NEAR) : last + _NEAR]
                self._roles[_role(role)][who].update(bare(w) for *_, w in near)
                if gender := _gender_of(role):
                    self._gender.setdefault(who, gender)

    def heard(self, span: _Span) -> None:
        """Tell who was a sentence's subject, or spoke."""
        self._heard.append(span)

    def speaker(self, words: Sequence[Word]) -> _Span | None:
        """The fullest form of a subject; None for a pronoun that fits nobody."""
        first = words[0][2]
        start, end, last = words[-1]
        if owner := _POSSESSIVE.search(last):
            words = [*words[:-1], (start, end - len(owner[0]), last[: owner.start()])]
        pronoun = lexicon.NOMINATIVE.get(first.lower(), first.lower())
        if len(words) == 1 and pronoun in lexicon.PRONOUNS:
            return self._of_pronoun(pronoun)
        if first.lower() == "the" and any(w.endswith("-year-old") for *_, w in words):
            return self._of_pronoun(_gender_of(words[-1][2]) or "he") or self._of_pronoun("she")
        found = None
        if all(is_capital(w) or w in lexicon.PARTICLES for *_, w in words):
            found = self.named(words)
        elif first == "the" or is_possessive(first) or is_capital(first):
            found = self._of_role(words)
        return found or (words[0][0], words[-1][1])

    def named(self, words: Sequence[Word]) -> _Span | None:
        """The full form of a person's name; None if it is nobody's or several people's."""
        if not words or is_possessive(words[-1][2]):
            return None
        first, last = _without_titles(words, 0, len(words))
        words = words[first:last]
        if len(words) > 1:
            known = {_who(words)} & self._full.keys()
        else:
            word = bare(words[0][2])
            known = self._by_word.get(word, set())
            if len(known) <= _MANY:
                # By a first name only if it is one: "Israel" is not Israel Katz.
                given = known if word in lexicon.WOMEN | lexicon.MEN else set()
                known = {who for who in known if who[1].split()[0] == word} or given
        who = self._meant(known, words[0][0])
        return None if who is None else self._last_full(who, words[0][0])

    def _meant(self, known: set[_Who], before: int) -> _Who | None:
        """The one of several people of a name who is meant: the only one named so far, or the one
        named far more often than the others."""
        if len(known) > _MANY:
            return None
        known = {who for who in known if self._full[who][0][0] < before} or known
        often = sorted(known, key=lambda who: len(self._full[who]), reverse=True)
        if len(often) > 1 and len(self._full[often[0]]) <= 2 * len(self._full[often[1]]):
            return None
        return often[0] if often else None

    def _last_full(self, who: _Who, before: int) -> _Span:
        spans = self._fullest[who]
        return spans[max(0, bisect_right(spans, (before, len(self._text))) - 1)]

    def _of_role(self, words: Sequence[Word]) -> _Span | None:
        """Whom "the ministry spokesperson" means, if just one person is introduced so."""
        content = [bare(w) for *_, w in words if w[0].isalpha() and w.lower() != "the"]
        if not content or any(w in lexicon.PREPOSITIONS for w in content):
            return None
        holders = self._roles.get(_role(content[-1]), {})
        if len(holders) > _MANY:
            return None
        known = [who for who, near in holders.items() if near.issuperset(content[:-1])]
        return self._last_full(known[0], words[0][0]) if len(known) == 1 else None

    def _of_pronoun(self, pronoun: str) -> _Span | None:
        maybe = None
        for span in reversed(self._heard[-_HEARD:]):
            name = words_of(self._text, *span)
            fits = self._fits(name)
            if pronoun in ("it", "they"):
                return span if pronoun in fits else None  # things are many: only the last one
            if pronoun in fits and "it" in fits:
                maybe = maybe or span  # a single name, of a person or of a country
            elif pronoun in fits and name[0][2].lower() in _INDEFINITE:
                maybe = maybe or span
            elif pronoun in fits:
                self._gender.setdefault(_who(name), pronoun)
                return span
        return maybe

    def _fits(self, name: Sequence[Word]) -> tuple[str, ...]:
        """The pronouns that may stand for a speaker."""
        who, head = _who(name), head_of(name)
        if who in self._gender:
            return (self._gender[who],)
        if who in self._full:
            if who[0] in lexicon.WOMEN:
                return ("she",)
            return ("he",) if who[0] in lexicon.MEN else ("he", "she")
        if is_capital(head):
            one = len(name) == 1 and not head.isupper()
            return ("he", "she", "it", "they") if one else ("it", "they")
        return _fits_description(bare(head))

    def opening(self, words: Sequence[Word]) -> tuple[_Span, _Span] | None:
        """(full form, mention) of whoever is subject at the beginning of a sentence, or after its
        first comma."""
        comma = next((k for k in range(min(_NEAR, len(words))) if words[k][2] == ","), -1)
        first = _after_dateline(words)
        if words[0][2].lower() in lexicon.SUBORDINATORS and (named := self._subject(words, 1)):
            self.heard(named[0])  # "When Lind looks back, she …"
        return self._subject(words, first) or (
            self._subject(words, comma + 1) if comma >= first else None
        )

    def _subject(self, words: Sequence[Word], first: int) -> tuple[_Span, _Span] | None:
        if first >= len(words):
            return None
        if (pronoun := words[first][2].lower()) in ("he", "she", "they"):
            found = self._of_pronoun(pronoun)
            return found and (found, words[first][:2])
        start = first
        while first < len(words) and (
            words[first][2][0].islower() or words[first][2] in lexicon.NO_NAME
        ):
            if first - start > 5 or words[first][2] in lexicon.NO_NOUN - lexicon.DETERMINERS:
                return None
            first += 1
        if first > start + 1 and not can_speak(bare(words[first - 1][2])):
            return None  # "visitors saw Mount Hood", unlike "the spokesman Anna Lind"
        return self._name_at(words, first)

    def _name_at(self, words: Sequence[Word], first: int) -> tuple[_Span, _Span] | None:
        last = first
        while last < len(words) and (
            is_capital(words[last][2]) or words[last][2] in lexicon.PARTICLES
        ):
            last += 1
        if last == first:
            return None
        span = words[first][0], words[last - 1][1]
        if found := self.named(words[first:last]):
            return found, span
        k = next((k for k in range(last, len(words)) if not words[k][2].islower()), last)
        if last < k < last + 4 and is_capital(words[k][2]) and can_speak(words[k - 1][2]):
            return self._name_at(words, k)  # "Japanese midfielder Yui Hasegawa"
        one = last == first + 1 and words[first][2] in self._single
        return (span, span) if one and last < k else None


def _after_dateline(words: Sequence[Word]) -> int:
    """Past "PARIS, France —"."""
    dash = next((k for k in range(1, min(9, len(words))) if words[k][2] in "—–"), 0)
    return dash + 1 if dash and words[0][2].isupper() else 0


def _role(word: str) -> str:
    return "spokes" if word.startswith("spokes") else word


def _gender_of(word: str) -> str | None:
    if word.endswith(("men", "women")):
        return None
    return "she" if lexicon.SHE.search(word) else "he" if lexicon.HE.search(word) else None


def _fits_description(head: str) -> tuple[str, ...]:
    if gender := _gender_of(head):
        return (gender,)
    if lexicon.BODY.match(head):
        return ("it", "they")
    several = head.endswith(("men", "women", "people")) or re.search(r"[^s]s$", head)
    return ("they",) if several else ("he", "she")


def _who(words: Sequence[Word]) -> _Who:
    run = [bare(w) for *_, w in words if w[0].isalnum()]
    if len(run) > 2 and run[-1] in ("jr", "sr", "ii", "iii"):
        run[-2:] = [f"{run[-2]} {run[-1]}"]
    return (run[0], run[-1]) if run else ("", "")


def _longest(spans: Sequence[_Span]) -> list[_Span]:
    length = max(end - start for start, end in spans)
    return [(start, end) for start, end in spans if end - start == length]


def _full_names(words: Sequence[Word]) -> Iterator[Part]:
    """Runs of two to five capitalised words that may be a person's name, titles left out."""
    first = 0
    while first < len(words):
        if not is_capital(words[first][2]) or words[first][2] in lexicon.NO_NAME:
            first += 1
            continue
        last = first + 1
        while _continues_name(words, last):
            last += 1
        begin, end = _without_titles(words, first, last)
        run = {bare(w) for *_, w in words[begin:end]}
        if 2 <= end - begin <= 5 and run.isdisjoint(lexicon.ORGANISATION | lexicon.DAYS):
            yield begin, end
        first = last


def _continues_name(words: Sequence[Word], k: int) -> bool:
    if k >= len(words) or is_possessive(words[k - 1][2]):
        return False
    if is_capital(words[k][2]):
        return True
    follows = words[k + 1][2] if k + 1 < len(words) else "."
    return words[k][2] in lexicon.PARTICLES and is_capital(follows)


def _without_titles(words: Sequence[Word], first: int, last: int) -> Part:
    """The run of capitalised words without the titles it begins with ("US President Joe Biden")."""
    run = [bare(w) for *_, w in words[first:last]]
    title = max((n for n, word in enumerate(run[:-1]) if word in lexicon.TITLES), default=-1)
    rest = run[title + 1 :]
    if not lexicon.ORGANISATION.isdisjoint(rest):
        return first, last
    if title >= 0 and len(rest) == 1 and run[title] in lexicon.ROYAL:
        return first + title, last
    return last - len(rest), last
