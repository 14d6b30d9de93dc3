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
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rag.answering.beside import ALIAS_OF, Match, Side
from rag.answering.polarity import turned
from rag.answering.roles import misplaced, spliced
from rag.news import tokens as tk
from rag.news.tokens import Amount, Token

MAX_CHARS = 1_000
"""A longer sentence is no sentence of an answer; comparing names in pairs stays cheap."""
LEAST_KNOWN = 0.6
"""Least share of the content words that the sources know; chosen on the development half."""
_LEAST_KNOWN_CLAUSE = 0.3
"""The same of each part of the sentence between marks, so that none is all invention."""
_OFFICES = frozenset("ceo cfo coo mp".split())
_MOST_SAME = 20
_BEFORE_AGE = frozenset("aged age , is was and turned under over".split())
_SINGLE_QUOTED = re.compile(
    r"(?<![\w'\"])'(?=\w)([^'\"]{1,300}(?:'\w+[^'\"]{0,300}){0,5})(?<=[\w.,!?])'(?!\w)"
)
_NEWCOMERS = frozenset(["", *"s es n an ian i ese ish ic a ia y".split()])
"""What a name may end in beyond what it shares with another: "Russia", "Russian"; "Iraq", "Iraqi"."""
_WEAKER = {
    "": {"", "about", "over"}, "about": {"", "about"}, "nearly": {"nearly", "about", "less than", "up to"},
    "more than": {"more than", "at least", "over"}, "at least": {"at least"},
    "over": {"", "about", "over", "more than", "at least"},
    "less than": {"less than", "up to"}, "up to": {"up to"},
}  # fmt: skip
"""For each comparator of a source those that say no more than it does; "about" may go. "Over
three days" is a stretch of time, or longer than it."""


def unsupported(sentence: str, cited: Sequence[str]) -> tuple[str, ...]:
    """Why a sentence is not supported by the sentences it rests on, one short line each; () if
    it is.

    >>> unsupported("The bank will raise rates to 5%.", ["The bank will not raise rates to 4%."])
    ('the number 5 is in no cited sentence', '“not” is missing: the source negates “raise”')
    """
    if sentence in cited and sentence.strip():
        return ()
    if len(sentence) > MAX_CHARS:
        return (f"the sentence has more than {MAX_CHARS} characters",)
    plain = tk.folded(sentence)
    sources = [text for text in map(tk.folded, cited) if text]
    if not plain:
        return ("the sentence is empty",)
    if plain in sources:
        return ()
    if not sources:
        return ("the sentence cites nothing",)
    match = Match(Side([plain]), Side(sources))
    found = [
        *_wrong_amounts(match),
        *_wrong_dates(match.said, match.source),
        *_unknown_names(match.said, match.source),
        *_mixed_names(match.said, match.source),
        *_altered_quotes(plain, sources),
        *turned(match),
        *misplaced(match),
        *spliced(match),
        *_unknown_words(match),
    ]
    return tuple(dict.fromkeys(found))


def _wrong_amounts(match: Match) -> Iterator[str]:
    said, source = match.said, match.source
    known: dict[str, list[Amount]] = defaultdict(list)
    for amount in source.amounts:
        known[amount.value].append(amount)
    times = Counter(amount.value for amount in said.amounts)
    for amount in said.amounts:
        same = known[amount.value]
        if times[amount.value] > len(same) > 0:
            yield f"the number {_written(said, amount)} stands there more often than in the sources"
        yield from _wrong_amount(match, amount, same[:_MOST_SAME])
    counted = {other.unit for other in source.amounts} | tk.units(source.lows)
    counted |= {amount.unit for amount in said.amounts if _is_age_or_rank(said, amount)}
    for unit in sorted((tk.units(said.lows) & tk.TIMES) - counted):
        yield f"no cited sentence counts in “{unit}”"


def _wrong_amount(match: Match, amount: Amount, same: Sequence[Amount]) -> Iterator[str]:
    """What is wrong with an amount beside those of the same value."""
    said = match.said
    if not same:
        if not _stands_for_one(match, amount):
            yield f"the number {_written(said, amount)} is in no cited sentence"
        return
    fitting = [other for other in same if _fits_unit(match, amount, other)]
    strong = [other for other in fitting if amount.comparator in _WEAKER[other.comparator]]
    if not strong:
        other = (fitting or same)[0]
        yield f"the sources say {_shown(match.source, other)}, not {_shown(said, amount)}"
    elif not any(_counts_same(match, amount, other) for other in strong):
        yield f"the sources do not count “{said.text_of((amount.start, amount.end + 1))}”"


def _written(side: Side, amount: Amount) -> str:
    return side.text_of((amount.start, amount.end)).replace("$ ", "$")


def _shown(side: Side, amount: Amount) -> str:
    """The amount for a person: "more than 10 day", "$3 million"."""
    written = _written(side, amount)
    unit = amount.unit if written[0].isalnum() and amount.unit != "th" else ""
    return " ".join(filter(None, (amount.comparator, written, unit)))


def _fits_unit(match: Match, amount: Amount, other: Amount) -> bool:
    """True for the same unit, and where one side names it elsewhere ("between 3 and 11 years")."""
    said, source = match.said, match.source
    if amount.unit == other.unit or {amount.unit, other.unit} <= {"", "th", "times"}:
        return True
    if not other.unit:
        return amount.unit in tk.units(source.lows) or _is_age_or_rank(said, amount)
    if amount.unit:
        return False
    aged = said.lows_of(amount.start - 1, amount.start) & _BEFORE_AGE
    return (
        other.unit == "th"
        or other.unit in tk.units(said.lows)
        or bool(other.unit == "year" and aged)
    )


def _is_age_or_rank(said: Side, amount: Amount) -> bool:
    """True for "16 years old", which may be "16" elsewhere, and for "second", elsewhere "No. 2"."""
    return amount.unit == "th" or "old" in said.lows_of(amount.end, amount.end + 2)


def _counts_same(match: Match, amount: Amount, other: Amount) -> bool:
    """False for "two women" where the source has "two men" and elsewhere a woman."""
    places = match.at[amount.end] if amount.unit != "th" else ()
    named = match.source.words[other.end].is_content
    return not (places and named) or any(-2 <= p - other.end < 4 for p in places)


def _wrong_dates(said: Side, source: Side) -> Iterator[str]:
    for day in said.days:
        if not any(day.month == d.month and day.day in (None, d.day) for d in source.days):
            shown = f"{tk.MONTHS[day.month - 1]} {day.day or ''}".strip()
            yield f"the date {shown} is in no cited sentence"
    ours, theirs = (
        Counter(w.low for w in side.words if w.low in tk.DAYS) for side in (said, source)
    )
    for low in sorted(ours):
        if ours[low] > theirs[low]:
            yield f"no cited sentence says “{low.title()}” there"


def _stands_for_one(match: Match, amount: Amount) -> bool:
    """True for "one man" where the source has "a man", and for "one of them"."""
    said, source = match.said, match.source
    following = said.words[amount.end]
    if amount.value != "1" or said.words[amount.start].low != "one":
        return False
    return not following.is_content or any(
        source.lows_of(p - 3, p) & {"a", "an", "single", "the"} for p in match.at[amount.end]
    )


def _unknown_names(said: Side, source: Side) -> Iterator[str]:
    initials = _initials(source)
    acronyms = {word.low for word in source.words if word.text.isupper() and len(word.low) > 1}
    for start, end in said.names:
        run = said.words[start:end]
        if "".join(t.low[0] for t in run if t.low not in tk.FUNCTION) in acronyms:
            continue
        for at, token in enumerate(run):
            known = token.low in source.lows or token.key in source.keys or token.low in tk.FUNCTION
            known = known or (token.text.isupper() and token.low in initials)
            if not (known or _has_alias(run, at, source) or _has_people(token.low, source)):
                yield f"the name “{token.text}” is in no cited sentence"


def _initials(source: Side) -> set[str]:
    """What the names of the sources would be as acronyms."""
    found = set()
    for start, _ in source.names:
        letters = ""
        for token in source.words[start : start + 8]:
            if token.is_word and token.text[0].isupper():
                letters += token.low[0]
                found.add(letters)
            elif token.low not in ("of", "the", "and", "for", "on", "to"):
                break
    return {letters for letters in found if len(letters) > 1}


def _has_alias(run: Sequence[Token], at: int, source: Side) -> bool:
    """True for "American" where the sources have "the U.S.", also for each half of "United States"."""
    lows = [token.low for token in run]
    forms = (" ".join(lows[at : at + 2]), " ".join(lows[max(0, at - 1) : at + 1]), lows[at])
    group = next((ALIAS_OF[form] for form in forms if form in ALIAS_OF), frozenset[str]())
    return any(set(alias.split()) <= source.lows for alias in group)


def _has_people(low: str, source: Side) -> bool:
    """True for "Russian" where the sources have "Russia", and the like."""
    if len(low) < 4:
        return False
    for other in source.starting.get(low[:4], ()):
        same = tk.shared(low, other)
        if low[same:] in _NEWCOMERS and other[same:] in _NEWCOMERS:
            return True
    return False


def _mixed_names(said: Side, source: Side) -> Iterator[str]:
    """Two names of the sources run into one: "MLB Trout" of "Trout told the MLB"."""
    homes: dict[str, set[int]] = defaultdict(set)
    number = last = 0
    for start, end in source.names:
        # A nickname in quotation marks or brackets is part of the name.
        number += not (start == last + 1 and source.words[last].low in '"(')
        last = end
        for word in source.words[start:end]:
            homes[word.low].add(number)
    for start, end in said.names:
        for one, other in pairwise(said.words[start:end]):
            plain = (tk.ordinary() | _OFFICES | ALIAS_OF.keys()) & {one.low, other.low}
            apart = homes[one.low] and homes[other.low] and not homes[one.low] & homes[other.low]
            if apart and not plain:
                yield f"no cited sentence has the name “{one.text} {other.text}”"


def _altered_quotes(plain: str, sources: Sequence[str]) -> Iterator[str]:
    # A quote within a quote changes its marks.
    same = [source.replace('"', "'") for source in sources]
    for quote in _quotes(plain):
        inner = quote.replace('"', "'").strip(" ,.;:!?'")
        # Within a sentence a quote begins small, whatever it did.
        cases = {inner, inner[:1].swapcase() + inner[1:]}
        if inner and not any(_holds(source, case) for source in same for case in cases):
            shown = inner if len(inner) < 60 else inner[:57] + "..."
            yield f"no cited sentence has the quoted words “{shown}”"


def _quotes(text: str) -> Iterator[str]:
    """What stands in quotation marks; a lone mark quotes from the start or to the end."""
    opened, last = -1, 0
    for match in re.finditer('"', text):
        at = match.start()
        before = text[at - 1] if at else " "
        opens = not (before.isalnum() or before in ".,!?") and text[at + 1 : at + 2].strip()
        if opened < 0 and opens:
            opened = at + 1
        else:
            yield text[max(opened, last) : at]
            opened, last = -1, at + 1
    if opened >= 0:
        yield text[opened:]
    yield from _SINGLE_QUOTED.findall(text)


def _holds(source: str, inner: str) -> bool:
    """True if the source has these words, none of them cut."""
    before = r"(?<!\w)" if inner[0].isalnum() else ""
    after = r"(?!\w)" if inner[-1].isalnum() else ""
    return inner in source and re.search(before + re.escape(inner) + after, source) is not None


def _unknown_words(match: Match) -> Iterator[str]:
    said = match.said
    clauses: list[list[int]] = [[]]
    for i, word in enumerate(said.words):
        if word.is_content:
            clauses[-1].append(i)
        elif word.low in ("and", "but") or not word.low[0].isalnum():
            clauses.append([])
    # Names and numbers have checks of their own; "says" and "according to" are one.
    checked = {i for start, end in said.names for i in range(start, end)}
    checked |= {i for amount in said.amounts for i in range(amount.start, amount.end)}
    if "according" in match.source.lows:
        checked |= {i for i, word in enumerate(said.words) if word.key == "say"}
    for clause in clauses:
        known = sum(i in checked or bool(match.at[i]) for i in clause)
        if len(clause) >= 2 and known < _LEAST_KNOWN_CLAUSE * len(clause):
            shown = " ".join(said.words[i].text for i in clause[:6])
            yield f"no cited sentence says “{shown}”"
    content = [i for clause in clauses for i in clause]
    known = sum(i in checked or bool(match.at[i]) for i in content)
    if not content:
        yield "the sentence says nothing"
    elif known < LEAST_KNOWN * len(content):
        yield f"only {known} of its {len(content)} telling words are in the cited sentences"
