"""Whether two short answers say the same: one in more words, or less precisely.

Amounts are compared as ranges, since news rounds: "about $7 billion" and "$7.2 billion" do not
contradict each other, "40 people" and "38 people" do. Dates are compared field by field: a weekday
alone contradicts no day of a month.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from rag.index.lexical import STOPWORDS, stem, words

_NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    word: 10 * value
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_SCALES = {
    "dozen": 12.0, "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9,
    "trillion": 1e12, "k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "tn": 1e12,
}  # fmt: skip
_WORD = "|".join(_NUMBER_WORDS)
_AMOUNT = re.compile(
    r"(?P<marker>\b(?:about|around|some|roughly|approximately|nearly|almost|close to|estimated|"
    r"an estimated|over|more than|at least|upwards of|above|less than|under|fewer than|up to|"
    r"as many as|below)\s+)?(?P<sign>[$£€¥]\s?)?"
    rf"(?:(?P<digits>\d+(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)|(?P<word>\b(?:{_WORD})(?:[\s-](?:{_WORD}))?\b)"
    r"|(?P<article>\ban?\s(?=hundred|thousand|million|billion|trillion|dozen)))"
    r"(?:[\s-]?(?P<scale>(?:hundred|thousand|million|billion|trillion|dozen|bn|mn|tn|k|m)\b))?"
    r"|\b(?P<many>dozens|hundreds|thousands|millions|billions|trillions)\b",
    re.IGNORECASE,
)
_ABOUT = frozenset(
    "about around some roughly approximately nearly almost close estimated an".split()
)
_AT_LEAST = frozenset("over more at upwards above".split())
_SIGNS = {
    "dollar": re.compile(r"\$|\bdollar"),
    "euro": re.compile("€|\\beuro"),
    "pound": re.compile("£|\\bpound"),
    "percent": re.compile(r"%|\bper ?cent"),
}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = re.compile(
    rf"\b(?:(?P<month>{_MONTH})\s+(?P<day>{_DAY})\b(?!\s*(?:million|billion|percent|%))(?:,?\s+(?P<year>\d{{4}}))?|"
    rf"(?P<day2>{_DAY})\s+(?:of\s+)?(?P<month2>{_MONTH})\b(?:,?\s+(?P<year2>\d{{4}}))?|"
    rf"(?P<month3>{_MONTH}),?\s+(?:of\s+)?(?P<year3>\d{{4}})\b|(?P<year4>(?:1[5-9]|20)\d\d)\b(?!\s*(?:people|%))|"
    r"(?P<weekday>(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b|"
    rf"(?P<month5>(?:January|February|March|April|June|July|August|September|October|November|December)))"
)
_NEGATION = re.compile(r"\b(?:not|no|never|without|none|cannot|\w+n[’']t)\b", re.IGNORECASE)
_TITLES = frozenset(
    stem(word)
    for word in "president former mr mrs ms dr sir dame lord prime minister foreign secretary "
    "spokesman spokeswoman spokesperson senator sen representative rep governor gov general gen "
    "judge justice professor prof pope king queen prince princess chief executive ceo director "
    "coach captain chancellor mayor chairman chairwoman leader deputy vice late".split()
)
_UNITS = frozenset(
    stem(word)
    for word in "dollar dollars euro euros pound pounds percent cent people person persons".split()
)


@dataclass(frozen=True, slots=True)
class _Range:
    """The values an amount may stand for; its sign of currency or percent, "" for none; and, where
    words such as "at least" widen it, the values that stand there and how they are widened."""

    low: float
    high: float
    sign: str
    plain: tuple[float, float]
    widened: str = ""

    def meets(self, other: _Range) -> bool:
        if self.sign and other.sign and self.sign != other.sign:
            return False
        if self.widened and self.widened == other.widened:
            # "At least 12" and "at least 15" are two counts, though both may be true.
            return self.plain[0] <= other.plain[1] and other.plain[0] <= self.plain[1]
        return self.low <= other.high and other.low <= self.high


def agree(one: str, other: str) -> bool:
    """True if two short answers do not contradict each other. Which comes first makes no
    difference.

    >>> agree("Anna Lind", "the minister, Anna Lind"), agree("President Trump", "Donald Trump")
    (True, True)
    >>> agree("12", "At least 12"), agree("twelve people", "12"), agree("12", "15")
    (True, True, False)
    >>> agree("at least 12", "at least 15"), agree("more than 100", "132")
    (False, True)
    >>> agree("12", "12 million"), agree("$12", "12 %"), agree("Lind", "Holm")
    (False, False, False)
    >>> agree("billions of dollars", "about $7 billion"), agree("$7 billion", "$7.2 billion")
    (True, True)
    >>> agree("$40 million", "$400 million"), agree("40 people", "38 people")
    (False, False)
    >>> agree("2021", "30 August 2021"), agree("Thursday", "March 30"), agree("May 3", "May 4")
    (True, True, False)
    >>> agree("the U.S.", "United States"), agree("guilty", "not guilty")
    (True, False)
    """
    this, that = _read(one), _read(other)
    if this.negated != that.negated:
        return False
    if this.dates and that.dates:
        shared = this.dates.keys() & that.dates.keys()
        if any(this.dates[field] != that.dates[field] for field in shared):
            return False
        if this.only_date or that.only_date:
            return True
    if this.amounts and that.amounts:
        few, many = sorted((this.amounts, that.amounts), key=len)
        if not all(any(amount.meets(more) for more in many) for amount in few):
            return False
        return not this.names or not that.names or bool(this.names & that.names)
    if not this.stems or not that.stems:
        return one.lower() == other.lower()
    if this.stems <= that.stems or that.stems <= this.stems:
        return True
    return this.letters == that.initials or that.letters == this.initials


def comparable(one: str, other: str) -> bool:
    """True if two short answers are of one kind, so that they can contradict each other: both hold
    a number or date, or neither; both hold a name, or neither.

    >>> comparable("2017", "over burnout"), comparable("COVID-19", "coronavirus")
    (False, False)
    >>> comparable("Anna Lind", "Per Holm"), comparable("12", "fifteen")
    (True, True)
    """
    this, that = _read(one), _read(other)
    counted = [bool(read.amounts or read.dates) for read in (this, that)]
    named = [bool(read.names) for read in (this, that)]
    return counted[0] == counted[1] and (counted[0] or named[0] == named[1])


@dataclass(frozen=True, slots=True)
class _Read:
    """A short answer taken apart."""

    negated: bool
    dates: dict[str, str]
    only_date: bool
    amounts: list[_Range]
    names: set[str]
    stems: set[str]
    letters: str
    initials: str


@functools.lru_cache(maxsize=20_000)
def _read(text: str) -> _Read:
    dates, rest = _dates(text)
    bare = re.sub(r"^the\s+|[.\s]", "", text, flags=re.IGNORECASE)
    acronym = 2 <= len(bare) <= 6 and bare.isupper()
    return _Read(
        negated=bool(_NEGATION.search(text)),
        dates=dates,
        only_date=bool(dates) and not _stems(rest),
        amounts=_amounts(rest),
        names=_names(rest),
        stems=_stems(text),
        letters=bare if acronym else "-",
        initials="".join(re.findall(r"\b[A-Z]", text)),
    )


def _dates(text: str) -> tuple[dict[str, str], str]:
    """What a text says of a date, by field, and the text without it."""
    fields: dict[str, str] = {}
    for found in _DATE.finditer(text):
        for name, value in found.groupdict().items():
            if value:
                field = name.rstrip("0123456789")
                value = re.sub(r"(?:st|nd|rd|th)$", "", value) if field == "day" else value[:3]
                value = found[name] if field == "year" else value
                fields.setdefault(field, value.lower().lstrip("0"))
    return fields, _DATE.sub(" ", text)


def _amounts(text: str) -> list[_Range]:
    """The amounts a text names, in order."""
    lowered = text.lower()
    signs = [sign for sign, pattern in _SIGNS.items() if pattern.search(lowered)]
    sign = signs[0] if len(signs) == 1 else ""
    return [_range(found, sign) for found in _AMOUNT.finditer(lowered)]


def _range(found: re.Match[str], sign: str) -> _Range:
    if found["many"]:
        scale = _SCALES[found["many"].rstrip("s")]
        most = 1000 * scale - 1 if scale > 100 else 10 * scale - 1
        return _Range(scale, most, sign, (scale, most))
    scale = _SCALES[found["scale"]] if found["scale"] else 1.0
    half = 0.0
    if found["digits"]:
        value = float(found["digits"].replace(",", ""))
        decimals = len(found["digits"].partition(".")[2])
        # A scale or a decimal says that it was rounded there.
        half = 0.5 * 10**-decimals if found["scale"] or decimals else 0.0
    elif found["word"]:
        value = float(sum(_NUMBER_WORDS[part] for part in re.split(r"[\s-]", found["word"])))
    else:
        value = 1.0
    low, high = (value - half) * scale, (value + half) * scale
    marker = (found["marker"] or "").split()[:1]
    plain = (low, high)
    if marker and marker[0] in _ABOUT:
        return _Range(0.9 * low, 1.1 * high, sign, plain, "about")
    if marker and marker[0] in _AT_LEAST:
        return _Range(value * scale, 1.5 * high, sign, plain, "at least")
    if marker:
        return _Range(0.5 * low, value * scale, sign, plain, "at most")
    return _Range(low, high, sign, plain)


def _stems(text: str) -> set[str]:
    found = {stem(word) for word in words(text) if word not in STOPWORDS}
    return (found - _TITLES - _UNITS) or found


def _names(text: str) -> set[str]:
    """Stems of the capitalised words of a text, titles left out."""
    capitals = re.findall(r"\b[A-Z][\w’'-]+", text)
    return {stem(word) for name in capitals for word in words(name)} - _TITLES - {"the"}
