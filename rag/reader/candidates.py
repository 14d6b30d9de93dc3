"""Short answers a sentence offers, by kind: amounts, dates, names, places, as offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.index.lexical import STOPWORDS, stem, words
from rag.reader.question import Kind, Question

_SCALE = r"(?:\s*(?:hundred|thousand|million|billion|trillion|bn|mn|m|k)\b)"
_ABOUT = (
    r"(?:(?:about|around|nearly|almost|over|under|roughly|approximately|some|more\s+than|"
    r"less\s+than|at\s+least|up\s+to)\s+)?"
)
_DIGITS = r"\d+(?:,\d{3})*(?:\.\d+)?"
_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|"
    r"hundred|thousand|million|billion|dozens?|hundreds|thousands|millions|billions|half|both)"
)
_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|"
    r"Aug(?:ust|\.)?|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_CAPITAL = r"(?:[A-Z][\w’'-]*[\w]|[A-Z]\.(?:[A-Z]\.)*|[A-Z])"
_NAME = rf"{_CAPITAL}(?:(?:\s+(?:of|de|al|bin|van|von|der|the)\s+|[\s-]){_CAPITAL})*"

_MONEY = re.compile(
    rf"{_ABOUT}(?:(?:US|A|C)?[$£€¥]\s?{_DIGITS}{_SCALE}?|{_DIGITS}{_SCALE}?\s*(?:dollars?|euros?|"
    rf"pounds?|cents?|rupees?|yuan|yen|rubles?|afghanis?)\b|(?:{_NUMBER_WORD}\s+)?(?:thousands|millions|"
    r"billions|trillions)\s+of\s+dollars)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    rf"{_ABOUT}(?:{_DIGITS}{_SCALE}?(?:\s*(?:%|percent|per\s+cent))?|\b{_NUMBER_WORD}(?:[\s-]"
    rf"{_NUMBER_WORD})*(?:\s+(?:percent|per\s+cent))?\b)(?:[\s-](?:years?|months?|weeks?|days?|hours?|minutes?|"
    r"decades?|miles?|kilomet\w+|met(?:er|re)s?|feet|pounds?|tons?|times|people|points?))?",
    re.IGNORECASE,
)
_DATE = re.compile(
    rf"\b(?:{_WEEKDAY},?\s+)?(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?|\d{{1,2}}\s+{_MONTH}"
    rf"(?:\s+\d{{4}})?|{_MONTH},?\s+\d{{4}})\b|\b(?:1[5-9]|20)\d\d(?:s\b|\b)|\b{_WEEKDAY}(?:\s+"
    r"(?:morning|afternoon|evening|night))?\b|\b(?:last|next|this|earlier\s+this|later\s+this|"
    r"the\s+previous)\s+(?:year|month|week|summer|winter|spring|fall|autumn|decade|century|night)\b|"
    r"\b(?:yesterday|today|tomorrow|tonight)\b|\b\d{1,2}(?::\d{2})?\s*[ap]\.m\.|"
    r"\b(?:over|in|during|for)\s+the\s+(?:past|last)\s+\w+\s+(?:years|decades|months|weeks|days)\b",
)
_NAME_RUN = re.compile(_NAME)
_PLACE = re.compile(
    rf"\b(?:in|at|from|near|to|inside|across|within|outside|of)\s+(?:the\s+)?({_NAME})"
)
_REASON = re.compile(
    r"\b(?:because(?:\s+of)?|due\s+to|owing\s+to|as\s+a\s+result\s+of|in\s+order\s+to|so\s+that|"
    r"citing|amid|to\s+(?!the\b|a\b|an\b|his\b|their\b|its\b|[A-Z])\w+)\s+[^.;]{8,}",
)
_NO_NAME = frozenset(
    "The A An This That These Those He She They It We I You His Her Their Its Our In On At By For "
    "From With And But Or If When While As After Before Since Despite However Meanwhile Following "
    "Although There Here What Who Why How Where Which Some Many Most All Both Each No Not".split()
)


def _matches(pattern: re.Pattern[str], sentence: str) -> Iterator[tuple[int, int]]:
    group = 1 if pattern.groups else 0
    for match in pattern.finditer(sentence):
        start, end = match.span(group)
        text = sentence[start:end].rstrip(" ,;:")
        if text:
            yield start, start + len(text)


def names(sentence: str) -> Iterator[tuple[int, int]]:
    """Runs of capitalised words; a word that only begins the sentence is left out of its run."""
    for start, end in _matches(_NAME_RUN, sentence):
        first = sentence[start:end].split()[0]
        while first in _NO_NAME:
            rest = sentence[start + len(first) : end]
            start = end - len(rest.lstrip())
            if start >= end:
                break
            first = sentence[start:end].split()[0]
        text = sentence[start:end]
        for possessive in ("’s", "'s", "’", "'"):
            if text.endswith(possessive):
                end -= len(possessive)
                break
        if end - start > 1 and (start > 0 or " " in sentence[start:end] or text.isupper()):
            yield start, end


def candidates(kind: Kind, sentence: str) -> list[tuple[int, int]]:
    """Spans in the sentence that could answer a question of this kind; [] for kinds that no
    pattern describes.

    >>> text = "The gear, valued at about $7 billion, was left in Kabul in 2021."
    >>> [text[s:e] for s, e in candidates(Kind.MONEY, text)]
    ['about $7 billion']
    >>> [text[s:e] for s, e in candidates(Kind.DATE, text)]
    ['2021']
    """
    if kind is Kind.MONEY:
        return list(_matches(_MONEY, sentence))
    if kind is Kind.NUMBER:
        dates = list(_matches(_DATE, sentence))
        return [
            (s, e)
            for s, e in _matches(_NUMBER, sentence)
            if not any(s < date_end and date_start < e for date_start, date_end in dates)
        ]
    if kind is Kind.DATE:
        return list(_matches(_DATE, sentence))
    if kind in (Kind.PERSON, Kind.NAME, Kind.LIST):
        return list(names(sentence))
    if kind is Kind.PLACE:
        return list(_matches(_PLACE, sentence))
    if kind is Kind.REASON:
        return list(_matches(_REASON, sentence))
    return []


def new_candidates(question: Question, sentence: str) -> list[tuple[int, int]]:
    """Candidates that the question does not already name."""
    asked = set(question.terms) | question.names
    fresh = []
    for start, end in candidates(question.kind, sentence):
        own = {stem(word) for word in words(sentence[start:end]) if word not in STOPWORDS}
        if own and not own <= asked:
            fresh.append((start, end))
    return fresh


def short_answer(question: Question, sentence: str) -> tuple[int, int] | None:
    """The candidate that can be singled out, or None.

    With several candidates the one nearest to the question's own words in the sentence is taken;
    a tie singles out none. Names are taken only if there is one, because nearness says little
    about who did what.
    """
    fresh = new_candidates(question, sentence)
    if question.kind in (Kind.REASON, Kind.LIST):
        return None
    if len(fresh) == 1:
        return fresh[0]
    if len(fresh) < 2 or question.kind in (Kind.PERSON, Kind.NAME, Kind.PLACE):
        return None
    asked = set(question.terms)
    places = [
        match.start()
        for match in re.finditer(r"[\w’'.]+", sentence)
        if any(stem(word) in asked for word in words(match.group()))
    ]
    if not places:
        return None

    def distance(span: tuple[int, int]) -> float:
        gaps = sorted(min(abs(p - span[0]), abs(p - span[1])) for p in places)
        return sum(gaps[:2]) / len(gaps[:2])

    ranked = sorted(fresh, key=distance)
    return ranked[0] if distance(ranked[0]) < distance(ranked[1]) else None
