"""The prose gate: a sentence a language model wrote is shown only if its sources support it.

No model judges. Closed checks compare the sentence with the sentences it rests on: amounts and
dates, names and the places they stand in, negation, "may" and "will", opposites, quoted words,
and whether a clause was glued together from two sources. What passes may still be wrong in a way
that only the meaning of a word shows ("arrested" for "praised"): the share of words that the
sources know bounds that, and the citation lets a person look.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from rag.answering import tokens as tk
from rag.answering.tokens import Amount, Day, Token

MAX_CHARS = 2_000
"""A longer sentence is no sentence of an answer; comparing names in pairs stays cheap."""
LEAST_KNOWN = 0.6
"""Least share of the content words that the sources know; chosen on the development half."""
_LEAST_KNOWN_CLAUSE = 0.34
_NEAR = 5
Range = tuple[int, int]
_MOST_PLACES = 12
_MOST_PAIRS = 10

_NOT = frozenset("not no never none nobody nothing neither nor without non hardly barely scarcely nowhere".split())
_ONLY = frozenset("only just merely simply".split())
_COMPARING = _ONLY | frozenset("matter doubt more fewer less".split())
_REFUSING = frozenset(
    map(tk.key_of, "refuse deny reject fail lack prevent stop ban unable unlikely impossible cease halt".split())
)
_LIGHT = frozenset("longer yet ever able one body be have do any such much so that to".split())
_HEDGES = {
    tk.key_of(word): level
    for level, words in (
        (2, "may might could can possible possibly perhaps maybe alleged allegedly accuse reportedly suspect "
            "consider propose believe suggest"),
        (1, "will would shall should must"),
    )
    for word in words.split()
}  # fmt: skip
"""Words that make what follows no fact, the first ones more so."""
_HEDGING_TO = frozenset(
    map(tk.key_of, "plan expect likely want hope seek intend aim attempt try appear seem threaten offer agree "
        "ask invite request urge order demand".split())
)  # fmt: skip
"""They do so before "to"."""
_COMPARISONS = frozenset("more fewer less better worse higher lower earlier later".split())


def _form(word: str) -> str:
    """What a table of opposites compares: the key, but "more" is none of "many"."""
    return word if word in _COMPARISONS else tk.key_of(word)


_OPPOSITES = [
    tuple(frozenset(map(_form, side.split())) for side in pair.split(" | "))
    for pair in (
        "rise increase grow climb gain jump surge soar up raise grew growth hike | "
        "fall decrease decline drop down plunge slump shrink dip slip tumble cut reduce",
        "more greater | fewer less",
        "higher high | lower low",
        "better | worse",
        "win victory | lose loss defeat",
        "first | last",
        "last past previous | next coming",
        "north northern | south southern",
        "east eastern | west western",
        "open | close",
        "begin start launch | end finish stop",
        "buy purchase | sell",
        "accept approve allow permit legal | reject refuse ban illegal",
        "support back favor | oppose",
        "early | late",
        "earlier | later",
        "arrive enter join | leave exit quit",
        "best | worst",
        "above | below",
        "inside | outside",
        "guilty convict | innocent acquit",
        "male man woman's | female woman",
    )
]
_ALIASES = [
    frozenset(group.split(","))
    for group in (
        "us,usa,america,american,americans,united states",
        "uk,britain,british,united kingdom,briton,britons",
        "eu,european union", "un,united nations", "uae,emirati,emirates,united arab emirates",
        "france,french", "netherlands,dutch,holland", "spain,spanish", "denmark,danish,danes",
        "switzerland,swiss", "greece,greek,greeks", "turkey,turkish,turkiye,turks", "poland,polish",
        "ireland,irish", "scotland,scottish", "wales,welsh", "england,english", "thailand,thai",
        "philippines,philippine,filipino,filipinos", "sweden,swedish", "finland,finnish",
        "norway,norwegian", "kyiv,kiev", "gop,republican,republicans", "argentina,argentine",
        "sen,senator", "rep,representative", "gov,governor", "gen,general", "dr,doctor",
        "prof,professor", "lt,lieutenant", "sgt,sergeant", "st,saint", "mt,mount",
        "tv,television", "covid,coronavirus",
    )
]  # fmt: skip
_ALIAS_OF = {word: group for group in _ALIASES for word in group}
_NEWCOMERS = frozenset("s es n an ian i ese ish ic a ia y".split()) | {""}
"""What a name may end in beyond what it shares with another: "Russia", "Russian"; "Iraq", "Iraqi"."""
_WEAKER = {
    "": {"about"}, "about": {"", "about"}, "nearly": {"nearly", "about", "less than", "up to"},
    "more than": {"more than", "at least"}, "at least": {"at least"},
    "less than": {"less than", "up to"}, "up to": {"up to"},
}  # fmt: skip
"""For each comparator of a source those that say no more than it does; "about" may go."""


class _Side:
    """Words with what is worked out about them; ``part`` numbers the sentence each is from."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.names: list[Range] = []
        self.words: list[Token] = []
        self.part: list[int] = []
        self.amounts: list[Amount] = []
        self.days: list[Day] = []
        for number, text in enumerate(texts):
            words = tk.tokens(text)
            base = len(self.words)
            found, days = tk.amounts(words)
            self.amounts += [a._replace(start=a.start + base, end=a.end + base) for a in found]
            self.days += days
            self.words += [*words, Token(".", ".", ".")]
            self.part += [number] * (len(words) + 1)
        self.lows = {word.low for word in self.words}
        self.forms = {word.low if word.low in _COMPARISONS else word.key for word in self.words}
        self.keys = {word.key for word in self.words}

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each key stands; also where a key of four letters or more with its first four."""
        found: dict[str, list[int]] = defaultdict(list)
        for at, word in enumerate(self.words):
            found[word.key].append(at)
            if len(word.key) > 4 and word.is_content:
                found[word.key[:4] + "*"].append(at)
        return found

    @cached_property
    def clause_ends(self) -> list[int]:
        return _ends(tk.clause_marks(self.words))

    def around(self, at: int) -> frozenset[str]:
        """Keys of the content words near ``at``, itself left out."""
        near = self.words[max(0, at - _NEAR) : at] + self.words[at + 1 : at + 1 + _NEAR]
        return frozenset(w.key for w in near if w.is_content)

    def step(self, at: int, by: int) -> str:
        return self.words[at + by].key if 0 <= at + by < len(self.words) else ""


def _ends(marks: Sequence[bool]) -> list[int]:
    """For each place the next mark at or after it."""
    found = [len(marks)] * (len(marks) + 1)
    for at in range(len(marks) - 1, -1, -1):
        found[at] = at if marks[at] else found[at + 1]
    return found


class _Match:
    """A sentence beside its sources, and for each content word of it where it stands in them."""

    def __init__(self, said: _Side, source: _Side) -> None:
        self.said = said
        self.source = source
        # What is a name within one of the two is one, too, where the other begins with it.
        known = {side.words[i].low for side in (said, source) for a, b in tk.names(side.words) for i in range(a, b)}
        said.names, source.names = (list(tk.names(side.words, known)) for side in (said, source))
        self.at: list[tuple[int, ...]] = [
            self._places(i) if word.is_content else () for i, word in enumerate(said.words)
        ]

    def _places(self, i: int) -> tuple[int, ...]:
        """Places of the same word in the most similar surroundings; more than one if they tie."""
        word = self.said.words[i]
        found = self.source.places.get(word.key, [])
        if not found and len(word.key) >= 4 and word.is_word:
            near = self.source.places.get(word.key[:4] + "*", []) + self.source.places.get(word.key[:4], [])
            found = [p for p in near if tk.related(word.key, self.source.words[p].key)]
        if not found:
            found = [p for alias in _ALIAS_OF.get(word.low, ()) for p in self.source.places.get(tk.key_of(alias), [])]
        if len(found) < 2:
            return tuple(found)
        around = self.said.around(i)
        scored = [(self._likeness(i, p, around), p) for p in found[:_MOST_PLACES]]
        best = max(scored)[0]
        return tuple(p for score, p in scored if score == best)

    def _likeness(self, i: int, p: int, around: frozenset[str]) -> float:
        score = float(len(around & self.source.around(p)))
        for by in (-2, -1, 1, 2):
            score += (3 - abs(by)) * (self.said.step(i, by) == self.source.step(p, by))
        return score


def unsupported(sentence: str, cited: Sequence[str]) -> tuple[str, ...]:
    """Why a sentence is not supported by the sentences it rests on, one short line each; () if
    it is.

    >>> unsupported("Rates will rise to 5 percent.", ["The bank will not raise rates to 4 percent."])
    ('the number 5 is in no cited sentence', '“not” is missing: the source negates “raise”')
    """
    if not any(c.isalnum() for c in sentence):
        return ("the sentence says nothing",)
    plain = tk.folded(sentence)
    sources = [tk.folded(text) for text in cited]
    if plain in sources:
        return ()
    if not any(sources):
        return ("the sentence cites nothing",)
    if len(sentence) > MAX_CHARS:
        return (f"the sentence has more than {MAX_CHARS} characters",)
    match = _Match(_Side([sentence]), _Side(cited))
    found = [
        *_wrong_amounts(match.said, match.source),
        *_unknown_names(match.said, match.source),
        *_mixed_names(match.said, match.source),
        *_altered_quotes(plain, sources),
        *_negation(match),
        *_hedging(match),
        *_opposites(match.said, match.source),
        *_turned_round(match),
        *_roles(match),
        *_splices(match),
        *_unknown_words(match),
    ]
    return tuple(dict.fromkeys(found))


def _shown(amount: Amount) -> str:
    return " ".join(filter(None, (amount.comparator, amount.value, amount.unit)))


def _wrong_amounts(said: _Side, source: _Side) -> Iterator[str]:
    units, source_units = tk.units(said.lows), tk.units(source.lows)
    known = defaultdict(list)
    for amount in source.amounts:
        known[amount.value].append(amount)
    times = Counter(a.value for a in said.amounts)
    for amount in said.amounts:
        same = known.get(amount.value, [])
        if not same and amount.value == "1" and _stands_for_one(said, source, amount):
            continue
        if not same:
            yield f"the number {amount.value} is in no cited sentence"
            continue
        fitting = [
            other
            for other in same
            if amount.unit == other.unit
            or (not other.unit and amount.unit in source_units)
            or (not amount.unit and (other.unit in units or other.unit == "th" or _is_age(said, amount, other)))
            or (not other.unit and amount.unit in ("th", "year") and _is_age_or_rank(said, amount))
        ]
        if not fitting:
            yield f"the sources say {_shown(same[0])}, not {_shown(amount)}"
        elif not any(_as_strong(amount, other) for other in fitting):
            yield f"the sources say {_shown(fitting[0])}, not {_shown(amount)}"
        elif times[amount.value] > len(same):
            yield f"the number {amount.value} stands there more often than in the sources"
    for unit in sorted(units - source_units - {a.unit for a in source.amounts}):
        if not any(a.unit == unit and _is_age_or_rank(said, a) for a in said.amounts):
            yield f"no cited sentence counts in “{unit}”"
    for day in said.days:
        if not any(day.month == d.month and day.day in (None, d.day) for d in source.days):
            yield f"the date with month {day.month}, day {day.day or 'not given'} is in no cited sentence"
    ours, theirs = ([w.low for w in side.words if w.low in tk.DAYS] for side in (said, source))
    for low in sorted(set(ours)):
        if ours.count(low) > theirs.count(low):
            yield f"no cited sentence says “{low.title()}” there"


def _as_strong(amount: Amount, other: Amount) -> bool:
    return amount.comparator == other.comparator or amount.comparator in _WEAKER[other.comparator]


def _is_age(said: _Side, amount: Amount, other: Amount) -> bool:
    """True for "aged 16" beside "16-year-old"."""
    before = said.words[amount.start - 1].low if amount.start else ""
    return other.unit == "year" and before in ("aged", "age", ",", "is", "was", "and", "turned")


def _is_age_or_rank(said: _Side, amount: Amount) -> bool:
    """True for "16 years old" beside "16", and for "second" beside "No. 2"."""
    return amount.unit == "th" or "old" in _lows(said, amount.end, amount.end + 2)


def _stands_for_one(said: _Side, source: _Side, amount: Amount) -> bool:
    """True for "one man" where the source has "a man", and for "one of them"."""
    word, following = said.words[amount.start].low, said.words[amount.end]
    if word != "one":
        return False
    if following.low == "of" or not following.is_content:
        return True
    return any(
        {w.low for w in source.words[max(0, p - 3) : p]} & {"a", "an", "single", "the"}
        for p in source.places.get(following.key, [])
    )


def _unknown_names(said: _Side, source: _Side) -> Iterator[str]:
    initials = _initials(source)
    short = {w.low for w in source.words if w.text.isupper() and len(w.low) > 1}
    for start, end in said.names:
        run = said.words[start:end]
        if "".join(_letters(run)) in short:
            continue
        for at, token in enumerate(run):
            if token.low in source.lows or token.key in source.keys or token.low in tk.FUNCTION:
                continue
            if token.text.isupper() and token.low in initials:
                continue
            group = _ALIAS_OF.get(" ".join(t.low for t in run[at : at + 2])) or _ALIAS_OF.get(
                " ".join(t.low for t in run[max(0, at - 1) : at + 1])
            ) or _ALIAS_OF.get(token.low, frozenset())  # fmt: skip
            if any(set(alias.split()) <= source.lows for alias in group):
                continue
            if any(_same_people(token.low, low) for low in source.lows):
                continue
            yield f"the name “{token.text}” is in no cited sentence"


def _mixed_names(said: _Side, source: _Side) -> Iterator[str]:
    """Two names of the sources run into one: "MLB Trout" of "Trout told the MLB"."""
    homes: dict[str, set[int]] = defaultdict(set)
    for number, (start, end) in enumerate(source.names):
        for word in source.words[start:end]:
            homes[word.low].add(number)
    for start, end in said.names:
        for one, other in zip(said.words[start : end - 1], said.words[start + 1 : end], strict=True):
            rare = not {one.low, other.low} & tk.ordinary() and one.low not in _ALIAS_OF
            if rare and homes[one.low] and homes[other.low] and not homes[one.low] & homes[other.low]:
                yield f"no cited sentence has the name “{one.text} {other.text}”"


def _letters(run: Sequence[Token]) -> list[str]:
    return [t.low[0] for t in run if t.low not in tk.FUNCTION]


def _initials(source: _Side) -> set[str]:
    """What the names of the sources would be as acronyms."""
    found = set()
    words = source.words
    for start, _ in source.names:
        letters = ""
        for token in words[start : start + 8]:
            if token.is_word and token.text[0].isupper():
                letters += token.low[0]
                found.add(letters)
            elif token.low not in ("of", "the", "and", "for", "on", "to"):
                break
    return {letters for letters in found if len(letters) > 1}


def _same_people(one: str, other: str) -> bool:
    same = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        same += 1
    return same >= 4 and one[same:] in _NEWCOMERS and other[same:] in _NEWCOMERS


def _altered_quotes(plain: str, sources: Sequence[str]) -> Iterator[str]:
    same = [source.replace('"', "'") for source in sources]
    for quote in _quotes(plain):
        inner = quote.replace('"', "'").strip(" ,.;:!?'")
        if inner and not any(_is_slice(inner, source) for source in same):
            shown = inner if len(inner) < 60 else inner[:57] + "..."
            yield f"no cited sentence has the quoted words “{shown}”"


def _quotes(text: str) -> Iterator[str]:
    """What stands in quotation marks; a lone mark quotes from the start or to the end."""
    opened, last = -1, 0
    for match in re.finditer('"', text):
        at = match.start()
        if opened >= 0:
            yield text[opened:at]
            opened, last = -1, at + 1
        elif (at == 0 or not text[at - 1].isalnum() and text[at - 1] not in ".,!?") and text[at + 1 : at + 2].strip():
            opened = at + 1
        else:
            yield text[last:at]
            last = at + 1
    if opened >= 0:
        yield text[opened:]
    for match in re.finditer(r"(?<![\w'\"])'(?=\w)([^'\"]+(?:'\w+[^'\"]*)*)(?<=[\w.,!?])'(?!\w)", text):
        yield match[1]


def _is_slice(inner: str, source: str) -> bool:
    at = source.find(inner)
    while at >= 0:
        end = at + len(inner)
        if not (source[at - 1 : at].isalnum() and inner[0].isalnum()) and not (
            source[end : end + 1].isalnum() and inner[-1].isalnum()
        ):
            return True
        at = source.find(inner, at + 1)
    return False


def _governors(side: _Side, kinds: Iterable[int]) -> list[tuple[int, int, int, int | None]]:
    """For each word that negates or hedges: its place, its scope's start and end, its focus.

    The focus is the content word it bears on: the first after it, or, where its clause ends
    there ("they do not"), the last before it.
    """
    found = []
    for at in kinds:
        end = side.clause_ends[at + 1]
        focus = next((i for i in range(at + 1, min(end, at + 12)) if _bears(side.words[i])), None)
        if focus is None:
            focus = next((i for i in range(at - 1, max(-1, at - 6), -1) if _bears(side.words[i])), None)
            found.append((at, focus if focus is not None else at + 1, at if focus is not None else end, focus))
        else:
            found.append((at, at + 1, end, focus))
    return found


def _bears(word: Token) -> bool:
    return word.is_content and word.low not in _LIGHT and not (word.low.endswith("ly") and len(word.low) > 4)


def _negators(side: _Side, other: _Side) -> list[int]:
    found = []
    for at, word in enumerate(side.words[:-1]):
        following = side.words[at + 1].low
        if word.low in _NOT:
            bound = following in (_COMPARING if word.low in ("no", "not") else _ONLY)
            numbered = word.low == "no" and following == "." and side.words[at + 2 : at + 3] and side.words[at + 2].low[0].isdigit()
            if not bound and not numbered:
                found.append(at)
        elif (word.low, following) in (("rather", "than"), ("instead", "of")):
            found.append(at)
        elif word.key in _REFUSING or (word.key == "declin" and following == "to"):
            # The same verb on both sides is an ordinary word.
            if word.key not in other.keys:
                found.append(at)
    return found


def _covered(side: _Side, governors: Iterable[tuple[int, int, int, int | None]]) -> list[int]:
    """How many of the governors each word is in the scope of."""
    steps = [0] * (len(side.words) + 2)
    for _, start, end, _ in governors:
        steps[start] += 1
        steps[end] -= 1
    total, found = 0, []
    for step in steps:
        total += step
        found.append(total)
    return found


def _negation(match: _Match) -> Iterator[str]:
    said, source = match.said, match.source
    ours = _governors(said, _negators(said, source))
    theirs = _governors(source, _negators(source, said))
    negated, source_negated = _covered(said, ours), _covered(source, theirs)

    def agrees(i: int) -> bool:
        return any(negated[i] % 2 == source_negated[p] % 2 for p in match.at[i])

    near = _clauses(source, [at for at, *_ in theirs])
    for at, start, end, focus in ours:
        places = () if focus is None else match.at[focus]
        if focus is not None and places:
            if not agrees(focus) and not _says_most(said, range(at, end), source):
                yield f"“{said.words[at].text}” is added: no source negates “{said.words[focus].text}”"
            continue
        known = [i for i in range(start, end) if match.at[i]]
        if _says_most(said, range(at, end), source):
            continue
        if not theirs or (known and not any(agrees(i) or near & _clauses(source, match.at[i]) for i in known)):
            yield f"“{said.words[at].text}” is added: no source says so"
    back: dict[int, list[int]] = defaultdict(list)
    for i, places in enumerate(match.at):
        for p in places:
            back[p].append(i)
    (ours_not_only, ours_only), (theirs_not_only, theirs_only) = _not_only(said), _not_only(source)
    if (ours_not_only and not theirs_not_only) or (theirs_not_only and not ours_not_only and ours_only > theirs_only):
        yield "“not only” and “only” say different things"
    for at, start, end, focus in theirs:
        if focus is None:
            continue
        shown = f"“{source.words[at].text}” is missing: the source negates “{source.words[focus].text}”"
        if back[focus]:
            if not any(agrees(i) for i in back[focus]):
                yield shown
            continue
        inside = [p for p in range(start, min(end, start + 15)) if _bears(source.words[p])]
        kept = [i for p in inside for i in back[p]]
        if not ours and len(kept) >= 2 and len(kept) >= len(inside) / 2:
            yield shown


def _clauses(side: _Side, at: Iterable[int]) -> set[int]:
    """The clauses of the places, each named by where it ends."""
    return {side.clause_ends[p] for p in at}


def _says_most(said: _Side, scope: range, source: _Side) -> bool:
    """True for "no deal was bigger than" where the source has "the biggest": no such thing, but
    more than it, or before it."""
    compares = {"than", "before", "ever", "since", "previous"} & _lows(said, scope.start, scope.stop)
    return bool(compares) and sum(map(_is_most, source.words)) > sum(map(_is_most, said.words))


def _is_most(word: Token) -> bool:
    return word.low in ("first", "only", "most", "best", "worst", "record", "least") or (
        word.low.endswith("est") and len(word.low) > 5
    )


def _not_only(side: _Side) -> tuple[int, int]:
    """How often the side says "not only", or its like; how often "only" without the "not"."""
    firsts = [side.words[at - 1].low for at, w in enumerate(side.words) if at and w.low in _ONLY]
    return sum(low in _NOT or low == "than" for low in firsts), sum(low not in _NOT for low in firsts)


def _hedging(match: _Match) -> Iterator[str]:
    said, source = match.said, match.source
    ours = {w.key: level for w in said.words if (level := _HEDGES.get(w.key, 2 * (w.key in _HEDGING_TO)))}
    back = {p: i for i, places in enumerate(match.at) if len(places) == 1 for p in places}
    hedged = [
        at
        for at, w in enumerate(source.words)
        if w.key in _HEDGES or (w.key in _HEDGING_TO and "to" in _lows(source, at + 1, at + 3))
    ]
    governed = _governors(source, hedged)
    for at, _, _, focus in governed:
        word = source.words[at]
        if focus is None or focus < at or focus not in back or word.key in ours:
            continue
        if max(ours.values(), default=0) < _HEDGES.get(word.key, 2):
            yield f"“{word.text}” is missing: the source does not say it as a fact"
    covered = _covered(source, governed)
    future = [at for at, w in enumerate(said.words) if w.low in ("will", "shall") and not (at and w.text[0].isupper())]
    for at, _, _, focus in _governors(said, future):
        if focus is None or not match.at[focus]:
            continue
        if not any(covered[p] or "to" in _lows(source, p - 3, p) or source.words[p].low.endswith("ing") for p in match.at[focus]):
            yield f"“{said.words[at].text}” is added: the source does not speak of the future"


def _lows(side: _Side, start: int, end: int) -> set[str]:
    return {w.low for w in side.words[max(0, start) : end]}


def _shown_form(side: _Side, forms: frozenset[str]) -> str:
    return next(w.text for w in side.words if _form(w.low) in forms)


def _turned_round(match: _Match) -> Iterator[str]:
    """ "Before" for "after" with the same things on the same sides of it."""
    said, source = match.said, match.source
    for i, word in enumerate(said.words):
        if word.low not in ("before", "after") or word.low in source.lows:
            continue
        left = next((match.at[j][0] for j in range(i - 1, max(-1, i - 8), -1) if match.at[j]), None)
        right = next((match.at[j][0] for j in range(i + 1, min(len(said.words), i + 8)) if match.at[j]), None)
        other = "after" if word.low == "before" else "before"
        if left is not None and right is not None and left < right and other in _lows(source, left, right):
            yield f"the sources say “{other}”, not “{word.low}”"


def _opposites(said: _Side, source: _Side) -> Iterator[str]:
    ours, theirs = said.forms, source.forms
    for pair in _OPPOSITES:
        for one, other in (pair, pair[::-1]):
            if one & ours and not one & theirs and other & theirs and not other & ours:
                yield f"“{_shown_form(said, one)}” is the opposite of “{_shown_form(source, other)}” in the source"


def _roles(match: _Match) -> Iterator[str]:
    """Names and numbers that stand where the source has another."""
    said, source = match.said, match.source
    yield from _swapped(said, source, said.names, source.names)
    ours, theirs = ([(a.start, a.end) for a in side.amounts] for side in (said, source))
    yield from _swapped(said, source, ours, theirs)


LOG = None
_MARGIN = 0.5
"""So much better must a name fit where another stands; chosen on the development half."""


def _swapped(said: _Side, source: _Side, ours: Sequence[Range], theirs: Sequence[Range]) -> Iterator[str]:
    by_key: dict[str, list[Range]] = defaultdict(list)
    for there in theirs:
        for word in source.words[there[0] : there[1]]:
            by_key[word.key].append(there)
    mentions = [
        (here, frozenset(w.key for w in said.words[here[0] : here[1]] if len(w.key) > 1 or w.key.isdigit()))
        for here in ours
    ]

    def places(keys: frozenset[str]) -> list[Range]:
        return list(dict.fromkeys(place for key in sorted(keys) for place in by_key.get(key, ())))[:6]

    for number, (one, keys) in enumerate(mentions):
        for other, other_keys in mentions[number + 1 : number + 1 + _MOST_PAIRS]:
            same, other_same = places(keys - other_keys), places(other_keys - keys)
            if not same or not other_same:
                continue
            without = keys | other_keys
            here, there = _role(said, one, without), _role(said, other, without)
            own = _best(here, source, same, without) + _best(there, source, other_same, without)
            cross = _best(here, source, other_same, without) + _best(there, source, same, without)
            if LOG is not None: LOG.append((cross - own, cross, own, _text(said, one), _text(said, other)))
            if cross > own + _MARGIN or (cross == own > 0 and _reversed(said, one, other, same, other_same)):
                yield f"“{_text(said, one)}” and “{_text(said, other)}” have changed places"


def _reversed(said: _Side, one: Range, other: Range, same: Sequence[Range], other_same: Sequence[Range]) -> bool:
    """True if the two stand in one order only in the sources, here in the other, and are no list."""
    turned = all(p > q for p in same for q in other_same)
    return turned and bool(_lows(said, one[1], other[0]) & tk.PREPOSITIONS)


def _text(side: _Side, at: Range) -> str:
    return " ".join(w.text for w in side.words[at[0] : at[1]])


def _best(role: dict[str, float], source: _Side, places: Sequence[Range], without: frozenset[str]) -> float:
    best = 0.0
    for place in places:
        there = _role(source, place, without)
        best = max(best, sum(min(weight, there.get(name, 0.0)) for name, weight in role.items()))
    return best


_PASSIVE = frozenset("is are was were be been being get got gets".split())
_WEIGHTS = (1.0, 0.7, 0.4)


def _role(side: _Side, at: Range, without: frozenset[str]) -> dict[str, float]:
    """What stands around a name: the words it acts on or is acted on by, and its preposition."""
    start, end = at
    role: dict[str, float] = {}
    left, right = _neighbours(side, start - 1, -1, without), _neighbours(side, end, 1, without)
    by_agent = start > 0 and side.words[start - 1].low == "by"
    for on_right, found in ((False, left), (True, right)):
        for weight, i in zip(_WEIGHTS, found, strict=False):
            flips = on_right and side.words[end - 1].possessive
            if side.words[i].key != "say" and _is_passive(side, i):
                flips ^= on_right or by_agent
            name = f"{'r' if on_right != flips else 'l'} {side.words[i].key}"
            role[name] = max(weight, role.get(name, 0.0))
    if right and side.words[right[0]].key == "say" and right[0] <= end + 1 or (
        left and side.words[left[0]].key == "say" and left[0] == start - 1
        and side.words[left[0]].low != "told"
    ) or (start > 1 and side.words[start - 1].low == "to" and side.words[start - 2].low == "according"):  # fmt: skip
        role["speaker"] = 2.0
    before = start - 1
    while before >= 0 and side.words[before].low in tk._DETERMINERS:
        before -= 1
    if before >= 0 and side.words[before].low in tk.PREPOSITIONS:
        role[f"p {side.words[before].low}"] = 0.8
    # "Dover's Speed" is "Speed of Dover".
    if side.words[end - 1].possessive:
        role[f"of {_other(side.words[end], without)}"] = 0.8
    elif before > 0 and side.words[before].low == "of":
        role[f"of {_other(side.words[before - 1], without)}"] = 0.8
    return role


def _other(word: Token, without: frozenset[str]) -> str:
    return "*" if word.key in without else word.key


def _neighbours(side: _Side, at: int, by: int, without: frozenset[str]) -> list[int]:
    """Up to three content words on one side, within the sentence."""
    found: list[int] = []
    for i in range(at, max(-1, at - 12) if by < 0 else min(len(side.words), at + 12), by):
        word = side.words[i]
        if word.low == "." and side.words[i - 1].low not in ("mr", "sen", "rep", "gov", "gen", "dr"):
            break
        if word.is_content and word.key not in without:
            found.append(i)
            if len(found) == 3:
                break
    return found


def _is_passive(side: _Side, at: int) -> bool:
    word = side.words[at].low
    if not (word.endswith("ed") or word != side.words[at].key or word.endswith("en")):
        return False
    return bool(_lows(side, at - 3, at) & _PASSIVE) and not word.endswith("ing")


def _splices(match: _Match) -> Iterator[str]:
    """A clause whose words come from two sources, neither of which has them all."""
    said, source = match.said, match.source
    if len(set(source.part)) < 2:
        return
    pairs = {
        (source.part[p], source.words[p].low, source.words[p + 1].low) for p in range(len(source.words) - 1)
    }
    last, parts = -1, set[int]()
    for i, places in enumerate(match.at):
        here = {source.part[p] for p in places}
        if here and parts and not here & parts:
            # Each side reaches as far as its source goes on word for word.
            left, right = last, i
            while left + 1 < i and any((q, said.words[left].low, said.words[left + 1].low) in pairs for q in parts):
                left += 1
            while right - 1 > last and any((q, said.words[right - 1].low, said.words[right].low) in pairs for q in here):
                right -= 1
            edges = said.words[min(left, right) : max(left, right) + 1]
            if not any(map(_is_joint, edges)) and not _names_who(match, last, right, i):
                yield f"“{said.words[last].text} … {said.words[i].text}” joins two sources within a clause"
        if here:
            last, parts = i, (here & parts) or here


def _is_joint(word: Token) -> bool:
    return word.low in tk.JOINTS or word.low in ",;:.()-!?"


def _names_who(match: _Match, end: int, right: int, i: int) -> bool:
    """True if what comes before ``right``, where the words of the second source begin, only says
    who its pronoun is."""
    said, source = match.said, match.source
    start = end
    while start > 0 and not _is_joint(said.words[start - 1]):
        start -= 1
    before = {source.words[p - (i - right) - 1].low for p in match.at[i] if p > i - right}
    named = any(a <= end < b for a, b in said.names) and end - start < 5
    described = end - start < 3 and said.words[start].low in ("the", "a", "an")
    return right == end + 1 and (named or described) and bool(before & tk.PRONOUNS)


def _unknown_words(match: _Match) -> Iterator[str]:
    said = match.said
    known = total = 0
    clause: list[int] = []
    for i, word in enumerate(said.words):
        if word.is_content:
            total += 1
            known += bool(match.at[i])
            clause.append(i)
        if not word.low[0].isalnum() or i == len(said.words) - 1:
            strange = [j for j in clause if not match.at[j]]
            if len(clause) >= 3 and len(strange) > (1 - _LEAST_KNOWN_CLAUSE) * len(clause):
                yield "no cited sentence says “" + " ".join(said.words[j].text for j in clause[:6]) + "”"
            clause = []
    if not total:
        yield "the sentence says nothing"
    elif known < LEAST_KNOWN * total:
        yield f"only {known} of its {total} telling words are in the cited sentences"
