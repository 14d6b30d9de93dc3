"""When: the time a question names, as a range of days, and whether it asks for the newest.

Only times that can be dated for certain count: with a year, or relative to the day the question is
asked on. "In March" alone is some March; it is read as the last one before that day only where the
day was given.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from rag.datatypes import Article, Hit
from rag.index.lexical import STOPWORDS, stem, words

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_MONTHS["sept"] = 9
_MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_WEEKDAYS = [name.lower() for name in calendar.day_name]
_YEAR = r"(?:19|20)\d\d"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_POINT = (
    rf"(?:(?P<iso>{_YEAR}-\d\d-\d\d)|(?P<md>{_MONTH})\s+(?P<d>{_DAY})(?:,?\s+(?P<mdy>{_YEAR}))?(?!\d)|"
    rf"(?P<d2>{_DAY})\s+(?:of\s+)?(?P<dm>{_MONTH})(?:,?\s+(?P<dmy>{_YEAR}))?(?!\d)|"
    rf"(?:(?P<part>early|mid|late)[\s-]+)?(?P<m>{_MONTH})(?:,?\s+(?:of\s+)?(?P<my>{_YEAR}))?(?![\w-])|"
    rf"(?P<y>{_YEAR})(?![\w-])|(?P<rel>yesterday|today(?![’'])|(?:this|last|past|previous)\s+"
    rf"(?:week|month|year|{'|'.join(_WEEKDAYS)})))"
)


def _named(suffix: str) -> str:
    return re.sub(r"\?P<(\w+)>", rf"?P<\g<1>{suffix}>", _POINT)


_RANGE = re.compile(
    rf"\b(?:between|from)\s+{_named('_a')}\s+(?:and|to|until|through)\s+{_named('_b')}",
    re.IGNORECASE,
)
_SINGLE = re.compile(
    rf"\b(?:(?P<word>in|during|on|since|before|after|until|till|by|from|of|for|throughout|as\s+of|dated)"
    rf"\s+(?:the\s+)?(?:(?:month|year|week)\s+of\s+)?)?{_POINT}",
    re.IGNORECASE,
)
_AGO = re.compile(
    r"\b(?:(?:in|over|during|within|for)\s+)?the\s+(?:last|past)\s+(?:(?P<n>\d{1,3}|two|three|four|"
    r"five|six|seven|ten|few)\s+)?(?P<unit>day|week|month|year)s?\b",
    re.IGNORECASE,
)
_LATEST = re.compile(
    r"\b(?:latest|newest|most\s+recent(?:ly)?|current(?:ly)?|right\s+now|nowadays|at\s+present|"
    r"up[\s-]to[\s-]date|so\s+far|now)\b",
    re.IGNORECASE,
)
_PUBLISHED = re.compile(
    r"\b(?:articles?|reports?|stories|story|coverage|news)(?:\s+\w+){0,2}\s*$|"
    r"\b(?:published|reported|printed|written|dated)\s*$",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"\b(?P<word>before|after|since|until|following|prior\s+to|ahead\s+of)\s+"
    r"(?P<what>(?:the|his|her|their|its)\s+(?:[\w’'-]+\s?){1,5}?)(?=[?.!,]|$)",
    re.IGNORECASE,
)
_FULL_DATE = re.compile(
    rf"\b(?:(?P<m1>{_MONTH})\s+(?P<d1>{_DAY}),?\s+(?P<y1>{_YEAR})|"
    rf"(?P<d2>{_DAY})\s+(?:of\s+)?(?P<m2>{_MONTH}),?\s+(?P<y2>{_YEAR}))\b",
    re.IGNORECASE,
)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10, "few": 3}
_ENDS = {"before": "before", "prior": "before", "ahead": "before", "after": "after",
         "following": "after", "since": "since", "until": "until", "till": "until",
         "by": "until", "as": "until"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class When:
    """The time that a question names.

    Attributes:
        words: As it stands in the question, "" if the question only asks for the newest.
        first, last: Days, inclusive; None: no bound.
        strict: It is said of the articles ("published in March 2025"): nothing else may answer.
            Otherwise these are preferred.
        latest: The question asks for how things stand.
        impossible: A day that does not exist, as written ("30 February 2025").
    """

    words: str = ""
    first: date | None = None
    last: date | None = None
    strict: bool = False
    latest: bool = False
    impossible: str = ""

    @property
    def bounded(self) -> bool:
        """True if there is a day before or after which nothing matches."""
        return self.first is not None or self.last is not None

    def without(self, question: str) -> str:
        """The question but for the time: articles of that time need not name it."""
        bare = " ".join(question.replace(self.words, " ", 1).split()) if self.words else question
        return re.sub(r"\s+([?.!,])", r"\1", bare).strip(" ,")


def read_when(question: str, today: date, *, given: bool = False) -> When:
    """The time a question names.

    Args:
        question: As understood, standing alone.
        today: The day that "last week" is counted from.
        given: Whether the person gave that day; only then is a month without a year read.

    >>> asked = date(2025, 4, 10)
    >>> found = read_when("What did Trump say in March 2025?", asked)
    >>> found.words, str(found.first), str(found.last)
    ('in March 2025', '2025-03-01', '2025-03-31')
    >>> found = read_when("Who won last week?", asked)  # a Thursday; weeks begin on Monday
    >>> str(found.first), str(found.last)
    ('2025-03-31', '2025-04-06')
    >>> read_when("What was the 2020 election about?", asked).bounded
    False
    >>> read_when("What happened on 30 February 2025?", asked).impossible
    '30 February 2025'
    """
    latest = bool(_LATEST.search(question))
    try:
        found = _range(question, today, given) or _ago(question, today)
        found = found or _single(question, today, given)
    except _NoDayError as error:
        return When(latest=latest, impossible=str(error))
    if found is None:
        return When(latest=latest)
    at, words, first, last = found
    strict = bool(_PUBLISHED.search(question[:at]))
    return When(words, first, last, strict, latest)


class _NoDayError(ValueError):
    """A day that does not exist."""


_Bounds = tuple[int, str, date | None, date | None]


def _range(question: str, today: date, given: bool) -> _Bounds | None:
    for found in _RANGE.finditer(question):
        year = next(
            (found[name + "_b"] for name in ("mdy", "dmy", "my", "y") if found[name + "_b"]), None
        )
        begin = _days(found, "_a", today, given, int(year) if year else None)
        end = _days(found, "_b", today, given)
        if begin and end:
            if begin[0] > end[1]:
                raise _NoDayError(found.group())
            return found.start(), found.group(), begin[0], end[1]
    return None


def _ago(question: str, today: date) -> _Bounds | None:
    found = _AGO.search(question)
    if found is None:
        return None
    count = int(found["n"]) if (found["n"] or "").isdigit() else _NUMBERS.get(found["n"] or "", 1)
    days = {"day": 1, "week": 7, "month": 30, "year": 365}[found["unit"].lower()]
    return found.start(), found.group(), today - timedelta(days=count * days), today


def _single(question: str, today: date, given: bool) -> _Bounds | None:
    for found in _SINGLE.finditer(question):
        word = (found["word"] or "").split()[:1]
        relative = found["rel"] is not None
        # "The 2020 election", "of 2020": a name. "May" and "March" are words, too.
        if not relative and (not word or (word == ["of"] and found["y"])):
            continue
        if found["m"] and not found["my"] and not found["m"][0].isupper():
            continue
        days = _days(found, "", today, given)
        if days is None:
            continue
        first, last = _bounded(_ENDS.get(word[0].lower(), "") if word else "", *days)
        return found.start(), found.group(), first, last
    return None


def _bounded(end: str, first: date, last: date) -> tuple[date | None, date | None]:
    """The bounds that "before", "after", "since" or "until" makes of a stretch of days."""
    if end == "before":
        return None, first - timedelta(days=1)
    if end == "after":
        return last + timedelta(days=1), None
    if end == "since":
        return first, None
    return (None, last) if end == "until" else (first, last)


def _days(
    found: re.Match[str], suffix: str, today: date, given: bool, year: int | None = None
) -> tuple[date, date] | None:
    """The first and last day of a time that was matched; None where it cannot be dated."""
    part = {name: found[name + suffix] for name in _PARTS}
    try:
        if part["iso"]:
            day = date.fromisoformat(part["iso"])
            return day, day
        if part["rel"]:
            return _relative(part["rel"].lower(), today)
        if part["y"]:
            return date(int(part["y"]), 1, 1), date(int(part["y"]), 12, 31)
        named = part["md"] or part["dm"] or part["m"]
        month = _MONTHS[named.rstrip(".").lower()]
        said = part["mdy"] or part["dmy"] or part["my"] or year
        if not said and not given:
            return None
        number = re.sub(r"\D", "", part["d"] or part["d2"] or "")
        in_year = int(said) if said else _last_year_of(month, int(number or 1), today)
        if number:
            day = date(in_year, month, int(number))
            return day, day
        return _of_month(in_year, month, part["part"])
    except ValueError as error:
        raise _NoDayError(re.sub(r"^\w+\s(?=\d|[A-Z])", "", found.group())) from error


_PARTS = ("iso", "md", "d", "mdy", "d2", "dm", "dmy", "part", "m", "my", "y", "rel")


def _last_year_of(month: int, day: int, today: date) -> int:
    """The year in which a day without one last came."""
    return today.year if (month, day) <= (today.month, today.day) else today.year - 1


def _of_month(year: int, month: int, part: str | None) -> tuple[date, date]:
    length = calendar.monthrange(year, month)[1]
    first, last = {"early": (1, 10), "mid": (11, 20), "late": (21, length)}.get(
        (part or "").lower(), (1, length)
    )
    return date(year, month, first), date(year, month, last)


def _relative(said: str, today: date) -> tuple[date, date]:
    if said == "today":
        return today, today
    if said == "yesterday":
        return today - timedelta(days=1), today - timedelta(days=1)
    which, unit = said.split()
    back = 0 if which == "this" else 1
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 7 * back)
        return monday, min(today, monday + timedelta(days=6))
    if unit == "month":
        last = today.replace(day=1) - timedelta(days=1) if back else today
        return last.replace(day=1), last
    if unit == "year":
        year = today.year - back
        return date(year, 1, 1), min(today, date(year, 12, 31))
    day = today - timedelta(days=(today.weekday() - _WEEKDAYS.index(unit) - 1) % 7 + 1)
    return day, day


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a question counts from ("before the inauguration"): its words, the bounds it
    sets once its day is known, and what it is called."""

    words: str
    end: str
    what: str

    def when(self, day: date) -> When:
        """The time the question names, if the event was on this day."""
        first, last = _bounded(self.end, day, day)
        return When(self.words, first, last)


def read_event(question: str) -> Event | None:
    """The event at the end of a question or a clause that it counts time from, if any.

    >>> read_event("What did Trump say before the inauguration?").what
    'the inauguration'
    """
    found = _EVENT.search(question)
    if found is None:
        return None
    end = _ENDS[found["word"].split()[0].lower()]
    return Event(found.group(), end, found["what"].strip())


def event_day(event: Event, hits: Iterable[Hit]) -> tuple[date, Hit] | None:
    """The day of an event, where a sentence of the hits names it with a full date; None where none
    does, or where they differ."""
    wanted = {stem(word) for word in words(event.what) if word not in STOPWORDS}
    days: dict[date, Hit] = {}
    for hit in hits:
        span = hit.passage.span
        for start, end in hit.passage.sentences:
            sentence = span.text[start - span.start : end - span.start]
            if not wanted or not wanted <= {stem(word) for word in words(sentence)}:
                continue
            dated = list(_FULL_DATE.finditer(sentence))
            if len(dated) == 1:
                day = _full(dated[0])
                if day is not None:
                    days.setdefault(day, hit)
    return next(iter(days.items())) if len(days) == 1 else None


def _full(found: re.Match[str]) -> date | None:
    name, number, year = (
        (found["m1"], found["d1"], found["y1"])
        if found["m1"]
        else (found["m2"], found["d2"], found["y2"])
    )
    try:
        return date(int(year), _MONTHS[name.rstrip(".").lower()], int(re.sub(r"\D", "", number)))
    except ValueError:
        return None


def newest(articles: Iterable[Article | None]) -> date | None:
    """The latest day on which one of them was published; None if none has a date."""
    return max((a.published for a in articles if a and a.published), default=None)
