"""A sentence taken apart, so that two can be compared: words, amounts, dates, names, scopes.

No tagger and no parser: closed lists of function words, and the few marks that end a clause. What
is compared is a word's ``key``, the stem of its base form ("fell", "falls": "fall").
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from rag.index.lexical import STOPWORDS, stem
from rag.index.normalise import normalise

_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|\d{1,2}:\d\d"
    r"|[$£€¥]|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)*|%"
    r"|[^\W\d_]+(?:'[^\W\d_]+)*\.?"
    r"|[,;:!?.()\"\[\]+]|(?<!\w)-+|-+(?!\w)"
)
_LONG_DASH = re.compile("—|--")
_CONTRACTED = (
    (re.compile(r"\bwon't\b", re.I), "will not"),
    (re.compile(r"\b(?:can't|cannot)\b", re.I), "can not"),
    (re.compile(r"n't\b", re.I), " not"),
    (re.compile(r"'ll\b", re.I), " will"),
    (re.compile(r"'(?:ve|re|m|d)\b", re.I), " "),
)
_IRREGULAR = """said say told tell fell fall fallen fall rose rise risen rise won win lost lose went go gone go
took take taken take gave give given give came come became become began begin begun begin made make
got get gotten get saw see seen see knew know known know left leave held hold kept keep met meet paid pay
led lead ran run sent send sold sell bought buy brought bring thought think sought seek fought fight
caught catch taught teach built build spent spend lent lend found find stood stand understood understand
wrote write written write spoke speak spoken speak broke break broken break chose choose chosen choose
drove drive driven drive grew grow grown grow threw throw thrown throw flew fly flown fly drew draw
drawn draw shot shoot struck strike stricken strike hung hang swore swear sworn swear wore wear worn wear
stole steal stolen steal froze freeze frozen freeze forgot forget forgotten forget hid hide hidden hide
shook shake shaken shake heard hear felt feel slept sleep swept sweep dealt deal meant mean sat sit
dug dig sank sink sunk sink sang sing sung sing swam swim died die dying die death die lying lie
children child men man women woman people person lives life wives wife better good best good
fewer few less little more many most many had have has have did do does do done do was be were be is be are be
been be being be hit hit showed show shown show laid lay beat beat beaten beat defeat beat defeats beat defeated beat
bit bite bitten bite blew blow blown blow ate eat eaten eat fed feed fled flee rode ride ridden ride
stuck stick tore tear torn tear slid slide swung swing bent bend bound bind overcame overcome upheld uphold
undertook undertake proven prove hurt hurt overthrew overthrow withdrew withdraw withdrawn withdraw""".split()
_BASE = dict(zip(_IRREGULAR[::2], _IRREGULAR[1::2], strict=True))
_SAYING = frozenset(
    "say tell add note state explain announce report claim warn argue insist stress tweet write "
    "declare reiterate emphasise emphasize remark comment label describe testify acknowledge affirm assert maintain".split()
)
FUNCTION = (
    STOPWORDS
    | frozenset(
        """am im the its itself himself herself themselves myself ourselves yourself also just still even
    very too yet then again however meanwhile both each either every other another own same only already
    now here there up out off over down through during against among between within upon toward towards
    since until while although though because as like per via amid despite including according above
    below under before after across along around behind beside besides beyond inside near onto outside
    throughout might may must shall ought not no nor neither none never without have having does doing did
    done get gets got getting than more most less least much many few several lot lots all any some
    mr mrs ms mx one's et al""".split()
    )
) - {"tell", "give"}  # fmt: skip
PREPOSITIONS = frozenset(
    "of in on at to from by with for against about into over under after before during between among "
    "near through toward towards via as than behind beyond outside inside since until across".split()
)
_PARTICLES = frozenset("van von der den de di da del la le bin ibn al el".split())
"""They stand within names: "Maya van Rossum"."""
DETERMINERS = frozenset(
    "the a an his her its their our my this that these those former then".split()
)
PRONOUNS = frozenset("he she it they who".split())
JOINTS = frozenset(
    "and but or nor so yet while whereas when where which who whose whom that because although though if "
    "as after before since until unless".split()
)
"""Words at which a new clause or phrase of its own may begin."""
_SCOPE_ENDS = frozenset(
    ", ; : . ! ? ( ) - [ ] but while because although though which who whereas".split()
)
_NEW_CLAUSE = frozenset(
    "that no not never nobody none nothing neither without he she they it we i you will would is was are were has had have can could may might".split()
)

NOT = frozenset(
    "not no never none nobody nothing neither nor without non hardly barely scarcely nowhere".split()
)
DENYING = ("un", "non", "in", "ir")
"""What makes of a word its opposite, where both words stand there."""

_UNITS = {
    word: names.split()[0]
    for names in (
        "percent % pct", "point points", "dollar dollars $ usd", "euro euros €", "pound pounds £ lbs lb",
        "yen ¥", "cents", "rupee rupees", "yuan renminbi", "ruble rubles rouble roubles", "peso pesos",
        "mile miles", "kilometer kilometers kilometre kilometres km", "meter meters metre metres",
        "foot feet ft", "inch inches", "yard yards", "acre acres", "hectare hectares", "ton tons",
        "tonne tonnes", "kilogram kilograms kg kilo kilos", "gram grams", "ounce ounces", "gallon gallons",
        "liter liters litre litres", "degree degrees", "mph", "kph", "second seconds", "minute minutes",
        "hour hours", "day days", "week weeks", "month months", "year years", "decade decades",
        "century centuries", "season seasons", "am a.m", "pm p.m", "times", "megawatt megawatts", "gigawatt gigawatts",
    )
    for word in names.split()
}  # fmt: skip
_OFTEN = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year", "annual": "year",
          "annually": "year", "hourly": "hour"}  # fmt: skip
TIMES = frozenset("second minute hour day week month season year decade century".split())
_SCALES = {
    "hundred": 2, "thousand": 3, "k": 3, "million": 6, "m": 6, "mn": 6, "billion": 9, "bn": 9,
    "b": 9, "trillion": 12, "tn": 12,
}  # fmt: skip
_SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), 2
    )
}
_ORDINALS = {
    word: number
    for number, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),
        1,
    )
}
_LOOSE = frozenset("dozens hundreds thousands millions billions trillions half quarter".split())
MONTHS = (
    "January February March April May June July August September October November December".split()
)
_MONTHS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}
DAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_SUMS = frozenset("add adds added adding sum comes come".split())
_COMPARATORS = {
    phrase: kind
    for kind, phrases in {
        "more than": "more than;over;above;greater than;older than;higher than;longer than;larger than;"
        "exceeding;exceeded;exceeds;upwards of;in excess of;topped",
        "at least": "at least;no fewer than;no less than;not less than;a minimum of",
        "less than": "less than;fewer than;younger than;lower than;shorter than;smaller than;under;below;shy of",
        "up to": "up to;at most;no more than;not more than;as many as;as much as;a maximum of",
        "nearly": "nearly;almost;close to;approaching;just under;just shy of;just below",
        "about": "about;around;roughly;approximately;some;an estimated;estimated",
    }.items()
    for phrase in phrases.split(";")
}


class Token(NamedTuple):
    """A word, number or mark: as written, lower-case without accents, and what is compared;
    ``is_content`` if it says about what, not only how."""

    text: str
    low: str
    key: str
    is_content: bool = False

    @property
    def is_word(self) -> bool:
        """True for words of any script, not for numbers and marks."""
        return self.low[:1].isalpha()

    @property
    def possessive(self) -> bool:
        """True for "Trump's"."""
        return "'" in self.text


class Amount(NamedTuple):
    """A number: its digits in full, its unit or "", its comparator or "", its tokens' range."""

    value: str
    unit: str
    comparator: str
    start: int
    end: int


class Day(NamedTuple):
    """A month, with a day of it or None."""

    month: int
    day: str | None


@functools.cache
def ordinary() -> frozenset[str]:
    """Words that news mostly writes small; by ``tests/benchmarks/ordinary_words.py``."""
    path = Path(__file__).with_name("ordinary.txt")
    return frozenset(path.read_text(encoding="utf-8").split())


def folded(text: str) -> str:
    """The text with quote marks, dashes and white space folded; a long dash stands apart.

    >>> folded("“No”,  she said—twice")
    '"No", she said - twice'
    """
    return normalise(_LONG_DASH.sub(" - ", text)).text


def tokens(text: str) -> list[Token]:
    """Words, numbers and marks of a folded text, contractions written out.

    >>> [t.low for t in tokens("The U.S. won't pay Trump's $3,000.")]
    ['the', 'us', 'will', 'not', 'pay', 'trump', '$', '3,000', '.']
    """
    for pattern, written in _CONTRACTED:
        text = pattern.sub(written, text)
    found = []
    for match in _TOKEN.finditer(text):
        found += _token(match.group())
    return found


def _token(text: str) -> list[Token]:
    if not text[0].isalpha():
        return [Token(text, text, text, text[0].isdigit())]
    stop = []
    if text.endswith(".") and "." not in text[:-1]:
        text, stop = text[:-1], [Token(".", ".", ".")]
    low = text.lower()
    if not low.isascii():
        low = "".join(c for c in unicodedata.normalize("NFKD", low) if not unicodedata.combining(c))
    low = low.split("'")[0].replace(".", "") or text
    if low.endswith("days") and low[:-1] in DAYS:
        low = low[:-1]
    return [Token(text, low, key_of(low), low not in FUNCTION), *stop]


@functools.lru_cache(maxsize=50_000)
def key_of(low: str) -> str:
    """What is compared of a lower-case word.

    >>> key_of("fell"), key_of("falling"), key_of("told")
    ('fall', 'fall', 'say')
    """
    base = base_of(low)
    return "say" if base in _SAYING_STEMS and not low.endswith("ly") else base


def base_of(low: str) -> str:
    """The stem of a word's base form, of one that tells who speaks, too."""
    return stem(_BASE.get(low, low))


_SAYING_STEMS = frozenset(stem(word) for word in _SAYING)
REFUSING = frozenset(
    map(
        key_of,
        "refuse deny reject fail lack prevent stop ban forbid prohibit unable impossible cease halt".split(),
    )
)
"""Keys of words that deny what follows them."""


def shared(one: str, other: str) -> int:
    """How many letters two words begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def related(one: str, other: str) -> bool:
    """True for keys of one family, which share most of their letters.

    >>> related("migrant", "migrat"), related("contain", "continu")
    (True, False)
    """
    same = shared(one, other)
    return one == other or (same >= 4 and same >= 0.65 * max(len(one), len(other)))


def amounts(words: Sequence[Token]) -> tuple[list[Amount], list[Day]]:
    """The numbers, and the months with their days, in order. A year is a number."""
    found: list[Amount] = []
    days: list[Day] = []
    at = 0
    while at < len(words):
        month = _month(words, at)
        if month:
            day, at = _day(words, at, found)
            days.append(Day(month, day))
            continue
        amount = _amount(words, at)
        if amount is None:
            at += 1
        else:
            found.append(amount)
            at = max(amount.end, at + 1)
    return found, days


def is_month(token: Token) -> bool:
    """True for the name of a month, and for what is written like one."""
    return token.text[0].isupper() and token.low in _MONTHS


def _month(words: Sequence[Token], at: int) -> int:
    token = words[at]
    if not is_month(token):
        return 0
    # "May" and "March" are words too where a sentence begins.
    near = [*words[at + 1 : at + 2], *words[max(0, at - 1) : at]]
    if (
        at == 0
        and token.low in ("may", "march", "mar")
        and not any(t.low[0].isdigit() for t in near)
    ):
        return 0
    return _MONTHS[token.low]


def _day(words: Sequence[Token], at: int, found: list[Amount]) -> tuple[str | None, int]:
    """The day beside the month at ``at``, taken from ``found`` if before it; where to go on."""
    after = at + 1
    if after < len(words) and words[after].low == ".":
        after += 1
    if after < len(words) and re.fullmatch(r"[0-3]?\d", words[after].low):
        end = after + 1
        if end < len(words) and words[end].low in ("st", "nd", "rd", "th"):
            end += 1
        return str(int(words[after].low)), end
    last = found[-1] if found else None
    if last and last.unit in ("", "th") and re.fullmatch(r"[0-3]?\d", last.value):
        between = [t.low for t in words[last.end : at]]
        if between in ([], ["of"]):
            return found.pop().value, after
    return None, after


def _amount(words: Sequence[Token], at: int) -> Amount | None:
    start, unit = at, ""
    if words[at].low in "$£€¥" and at + 1 < len(words):
        unit = _UNITS[words[at].low]
        at += 1
    read = _number(words, at)
    if read is None:
        return None
    value, end = read
    if value.isalpha():  # "hundreds", "half"
        return Amount(value, "", "", start, end)
    if words[at].low == "twice":
        return Amount(value, "times", "", start, end)
    suffix = words[end].low if end < len(words) else ""
    if suffix in ("st", "nd", "rd", "th"):
        return Amount(value, "th", "", start, end + 1)
    if words[at].low in _ORDINALS:
        return Amount(value, "th", "", start, end)
    if suffix == "s" and value.endswith("0"):
        return Amount(value, "decade", "", start, end + 1)
    unit = unit or _unit_after(words, end)
    return Amount(value, unit, _comparator(words, start, end, unit), start, end)


def _number(words: Sequence[Token], at: int) -> tuple[str, int] | None:
    """The digits in full of the number that begins at ``at``, and where it ends."""
    low = words[at].low
    if low[0].isdigit():
        if ":" in low or low.count(".") > 1:
            return low, at + 1
        whole, _, part = low.replace(",", "").partition(".")
        end = at + 1
    elif low == "twice":
        return "2", at + 1
    elif low in _LOOSE:
        return low, at + 1
    elif low in _SMALL or low in _TENS or low in _ORDINALS:
        number = _SMALL.get(low, 0) + _TENS.get(low, 0) + _ORDINALS.get(low, 0)
        end = at + 1
        unit = words[end].low if end < len(words) else ""
        if low in _TENS and (_SMALL.get(unit, 0) or _ORDINALS.get(unit, 0)) in range(1, 10):
            number, end = number + (_SMALL.get(unit, 0) or _ORDINALS.get(unit, 0)), end + 1
        whole, part = str(number), ""
    elif low in ("million", "billion", "trillion", "hundred", "thousand", "dozen"):
        whole, part, end = "1", "", at
    else:
        return None
    if end < len(words) and words[end].low == "dozen" and whole.isascii():
        return str(12 * int(whole)) if len(whole) < 4 else whole, end + 1
    zeros = 0
    while end < len(words) and words[end].low in _SCALES:
        zeros += _SCALES[words[end].low]
        end += 1
    whole = (whole + part[:zeros].ljust(zeros, "0")).lstrip("0") or "0"
    part = part[zeros:].rstrip("0")
    return whole + ("." + part if part else ""), end


def _unit_after(words: Sequence[Token], end: int) -> str:
    """The unit that the number before ``end`` counts: "%", "per cent", "straight years"."""
    for token, following in zip(
        words[end : end + 3], [*words[end + 1 : end + 4], None], strict=False
    ):
        if token.low == "per" and following and following.low == "cent":
            return "percent"
        if token.low == "percentage" and following and following.low.startswith("point"):
            return "point"
        if token.low in _UNITS and token.low not in "$£€¥":
            return _UNITS[token.low]
        if not token.is_word or token.low in FUNCTION or token.low in _SMALL:
            return ""
    return ""


def units(lows: Iterable[str]) -> set[str]:
    """The units that words name, with or without a number; "second" alone may be a rank."""
    return {
        (_UNITS | _OFTEN)[low]
        for low in lows
        if low != "second" and (low in _UNITS or low in _OFTEN)
    }


def _comparator(words: Sequence[Token], start: int, end: int, unit: str) -> str:
    before = [t.low for t in words[max(0, start - 4) : start]]
    while before and before[-1] in ("the", "another", "a") and before[-3:-1] != ["minimum", "of"]:
        before.pop()
    for size in (3, 2, 1):
        phrase = " ".join(before[-size:]) if len(before) >= size else ""
        kind = _COMPARATORS.get(phrase, "")
        # "over three days" is a stretch of time.
        if kind and not (phrase == "up to" and before[:-2] and before[-3] in _SUMS):
            return "over" if phrase == "over" and unit in TIMES else kind
    after = [t.low for t in words[end : end + 4]]
    if after[:1] == ["+"] or after[:2] == ["or", "more"] or after[1:3] == ["or", "more"]:
        return "at least"
    return ""


def names(words: Sequence[Token], known: Set[str] = frozenset()) -> Iterator[tuple[int, int]]:
    """Ranges of the names: runs of words with a capital, months and weekdays left out.

    An ordinary word with a capital where a sentence begins is one only if it is ``known``.
    """
    start = None
    for at, token in enumerate([*words, Token(".", ".", ".")]):
        inside = token.is_word and _is_name(words, at, known)
        if token.low in _PARTICLES and start is not None and at + 1 < len(words):
            inside = _is_name(words, at + 1, known)
        if start is not None and (not inside or words[at - 1].possessive):
            yield start, at
            start = None
        if inside and start is None:
            start = at


def _is_name(words: Sequence[Token], at: int, known: Set[str]) -> bool:
    token = words[at]
    if not token.text[0].isupper() or token.low in DAYS or _month(words, at):
        return False
    before = words[at - 1].low if at else "."
    # A title within a sentence ('the "Friends" star') begins none.
    first = before in (".", ":", "?", "!", "(") or (
        before == '"' and not (at > 1 and words[at - 2].is_word)
    )
    if token.low in FUNCTION or token.low in _SMALL:
        return len(token.text) > 1 and token.text.isupper() and not first
    return (
        not first or token.low in known or token.low not in ordinary() or token.text[1:].isupper()
    )


def clause_marks(words: Sequence[Token]) -> list[bool]:
    """For each token whether the reach of a negation or of "may" ends there."""
    after = [w.low for w in words[1:]] + [""]
    return [
        w.low in _SCOPE_ENDS or (w.low in ("and", "or") and following in _NEW_CLAUSE)
        for w, following in zip(words, after, strict=True)
    ]
