"""Does a sentence deny, doubt or turn round what its sources say?

Negation is compared word by word: what a "not" bears on (its focus) must be what one in the
sources covers, and the other way round. "May" and "plans to" must not become a fact, nor a fact
the future, nor "rose" "fell".
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from itertools import accumulate
from typing import NamedTuple

from rag.answering.beside import Match, Side
from rag.news import tokens as tk
from rag.news.tokens import Token

_ONLY = frozenset("only just merely simply".split())
_LIGHT = frozenset("longer yet ever one body be have do any such much so that to".split())
_NO_ADVERBS = frozenset(
    "apply reply supply rely imply comply multiply rally ally family fly july italy".split()
)
_HEDGES = {
    tk.key_of(word): level
    for level, words in (
        (2, "may might could possible possibly perhaps maybe alleged allegedly accuse reportedly suspect "
            "consider propose believe suggest"),
        (1, "can will would shall should must"),
    )
    for word in words.split()
}  # fmt: skip
_OPINIONS = frozenset(map(tk.key_of, "believe think suggest".split()))
"""Words that make what follows no fact, the first ones more so."""
_HEDGING_TO = frozenset(
    map(tk.key_of, "plan expect likely want hope seek intend aim attempt try appear seem threaten offer agree "
        "ask invite request urge order demand".split())
)  # fmt: skip
"""They do so before "to"."""
_AHEAD = frozenset(map(tk.key_of, "plan expect schedule upcoming due intend going".split())) - {
    "go"
}
_MOST = frozenset("first only most best worst record least".split())
_COMPARISONS = frozenset("more fewer less better worse higher lower earlier later".split())


def _form(word: str) -> str:
    """What a table of opposites compares: the key, but "more" is none of "many"."""
    return word if word in _COMPARISONS else tk.base_of(word)


_OPPOSITES = [
    [frozenset(map(_form, side.split())) for side in pair.split(" | ")]
    for pair in (
        "rise increase grow growth climb gain jump surge soar up raise hike | "
        "fall decrease decline drop down plunge slump shrink dip slip tumble cut reduce",
        "more greater | fewer less",
        "higher high | lower low",
        "better | worse",
        "win victory beat defeat | lose loss",
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
        "guilty convict | innocent acquit",
        "male man boy father son brother husband | female woman girl mother daughter sister wife",
        "praise welcome applaud | criticise criticize condemn blame slam",
        "confirm admit acknowledge | deny dispute",
        "arrest detain jail imprison | release free",
        "hire appoint | fire dismiss sack",
        "accept agree | decline",
        "create add | destroy remove",
        "strengthen strong | weaken weak",
        "improve | worsen",
        "uphold | overturn strike reverse",
        "expand widen | narrow",
        "succeed success | fail failure",
        "alive survive rescue save | dead die kill",
        "import | export",
        "love like | hate dislike",
        "attack invade | defend",
        "borrow | lend",
        "majority | minority",
        "maximum | minimum",
        "old older | young younger",
        "rich | poor",
        "hot warm | cold cool",
        "present | absent",
        "safe | dangerous unsafe",
        "possible | impossible",
        "protect shield | harm hurt damage endanger",
        "true | false",
    )
]


class _Governor(NamedTuple):
    """A word that negates or hedges, the scope it does so in, and the focus it bears on.

    The focus is the first content word after it, or, where its clause ends there ("they do
    not"), the last before it, which then is its scope; None if there is neither.
    """

    at: int
    start: int
    end: int
    focus: int | None


def turned(match: Match) -> Iterator[str]:
    """Why the sentence says another thing than its sources, as far as single words show it."""
    said, source = match.said, match.source
    ours = _governors(said, _negators(said, source))
    theirs = _governors(source, _negators(source, said))
    negated = _covered(said, ours), _covered(source, theirs)
    alike = [
        any(negated[0][i] % 2 == negated[1][p] % 2 for p in places)
        for i, places in enumerate(match.at)
    ]
    yield from _negation_added(match, ours, theirs, alike)
    yield from _negation_dropped(match, ours, theirs, alike)
    yield from _only(match)
    yield from _hedging(match)
    yield from _opposites(match, negated)
    yield from _turned_round(match)


def _negation_added(
    match: Match, ours: list[_Governor], theirs: list[_Governor], alike: list[bool]
) -> Iterator[str]:
    said, source = match.said, match.source
    clauses = {source.clause_ends[governor.at] for governor in theirs}
    if any(map(_is_bare, theirs)):
        return
    for governor in ours:
        at, start, end, focus = governor
        if _says_most(said, range(at, end), source) or (theirs and _is_bare(governor)):
            continue
        shown = f"“{said.words[at].text}” is added: "
        if focus is not None and match.at[focus]:
            if not alike[focus]:
                yield f"{shown}no source negates “{said.words[focus].text}”"
            continue
        # The word it bears on is a synonym: something else it covers must be negated, or stand
        # in a clause that is.
        if focus is not None and _has_denied(source, said.words[focus]):
            continue
        known = [i for i in range(start, end) if match.at[i]]
        if not theirs or (
            known
            and not any(
                alike[i] or clauses & {source.clause_ends[p] for p in match.at[i]} for i in known
            )
        ):
            yield f"{shown}no source says so"


def _has_denied(side: Side, word: Token) -> bool:
    """True for "unauthorized" where the word is "authorized"."""
    return any(
        prefix + form in side.keys | side.lows
        for prefix in tk.DENYING
        for form in (word.low, word.key)
    )


def _is_bare(governor: _Governor) -> bool:
    """True for "was not among them": it bears on nothing after it, and any negation may match."""
    return governor.focus is not None and governor.focus < governor.at


def _negation_dropped(
    match: Match, ours: list[_Governor], theirs: list[_Governor], alike: list[bool]
) -> Iterator[str]:
    source = match.source
    back: dict[int, list[int]] = defaultdict(list)
    for i, places in enumerate(match.at):
        for p in places:
            back[p].append(i)
    denied = {p for g in ours if g.focus is not None for p in match.at[g.focus]}
    for at, start, end, focus in theirs:
        if focus is None or any(start <= p < end for p in denied) or (ours and focus < at):
            continue
        if _has_denied(match.said, source.words[focus]):
            continue
        dropped = bool(back[focus]) and not any(alike[i] for i in back[focus])
        if not back[focus] and not ours:  # … the same of its clause, told in other words
            inside = [p for p in range(start, min(end, start + 15)) if _bears(source.words[p])]
            kept = [i for p in inside for i in back[p]]
            dropped = len(kept) >= max(2, len(inside) / 2)
        if dropped:
            word, bears_on = source.words[at].text, source.words[focus].text
            yield f"“{word}” is missing: the source negates “{bears_on}”"


def _negators(side: Side, other: Side) -> list[int]:
    return [at for at in range(len(side.words) - 1) if _negates(side, at, other)]


def _negates(side: Side, at: int, other: Side) -> bool:
    word, following = side.words[at], side.words[at + 1].low
    if word.low == "no" and following == ".":  # "No. 2"
        return not any(w.low[0].isdigit() for w in side.words[at + 2 : at + 3])
    if word.low == "nor" and "neither" in side.lows_of(at - 12, at):
        return False
    if word.low in tk.NOT:
        return not (following in _ONLY or _is_idiom(side, at))
    if (word.low, following) in (("rather", "than"), ("instead", "of"), ("yet", "to")):
        return True
    refuses = (
        word.key in tk.REFUSING
        or word.low == "unlikely"
        or (word.key == "declin" and following == "to")
    )
    # The same verb on both sides is an ordinary word.
    return refuses and word.key not in other.keys


def _is_idiom(side: Side, at: int) -> bool:
    """True for "no matter" and "no doubt", and for "no more than", which only compares."""
    no, following, then = (
        side.words[i].low for i in (at, at + 1, min(at + 2, len(side.words) - 1))
    )
    if following in ("matter", "doubt"):
        return no == "no"
    return following in ("more", "fewer", "less") and then == "than" and no in ("no", "not")


def _governors(side: Side, places: Iterable[int]) -> list[_Governor]:
    found = []
    for at in places:
        end = side.clause_ends[at + 1]
        after = range(at + 1, min(end, at + 12))
        focus = next((i for i in after if _bears(side.words[i])), None)
        if focus is not None:
            found.append(_Governor(at, at + 1, end, focus))
            continue
        before = range(at - 1, max(-1, at - 6), -1)
        focus = next((i for i in before if _bears(side.words[i])), None)
        start, end = (at + 1, end) if focus is None else (focus, at)
        found.append(_Governor(at, start, end, focus))
    return found


def _bears(word: Token) -> bool:
    light = word.low in _LIGHT or (word.low.endswith("ly") and word.low not in _NO_ADVERBS)
    return word.is_content and word.is_word and not light


def _covered(side: Side, governors: Iterable[_Governor]) -> list[int]:
    """For each word in how many scopes it is."""
    steps = [0] * (len(side.words) + 1)
    for governor in governors:
        steps[governor.start] += 1
        steps[governor.end] -= 1
    return list(accumulate(steps))


def _says_most(said: Side, scope: range, source: Side) -> bool:
    """True for "no deal was bigger than" where the source has "the biggest": no such thing, but
    more than it, or before it."""
    compares = {"than", "before", "ever", "since", "previous"} & said.lows_of(
        scope.start, scope.stop
    )
    return bool(compares) and sum(map(_is_most, source.words)) > sum(map(_is_most, said.words))


def _is_most(word: Token) -> bool:
    low = word.low
    return low in _MOST or (low.endswith("est") and len(low) > 5)


def _only(match: Match) -> Iterator[str]:
    """ "Only" for "not only", or the other way round."""
    (ours, bare), (theirs, their_bare) = map(_count_only, (match.said, match.source))
    if (ours and not theirs) or (theirs and not ours and bare > their_bare):
        yield "“not only” and “only” say different things"


def _count_only(side: Side) -> tuple[int, int]:
    """How often a side says "not only", or its like; how often "only" without the "not"."""
    before = [side.words[at - 1].low for at, w in enumerate(side.words) if at and w.low in _ONLY]
    bound = sum(low in tk.NOT or low == "than" for low in before)
    return bound, len(before) - bound


def _hedging(match: Match) -> Iterator[str]:
    """ "Did" for "may do"; "will do" for "did"."""
    said, source = match.said, match.source
    ours = {w.key: 1 for w in said.words if w.key in tk.REFUSING}
    ours |= {w.key: level for w in said.words if (level := _level(w))}
    # "About selling" states no fact.
    back = {
        places[0]
        for places, word in zip(match.at, said.words, strict=True)
        if len(places) == 1 and not word.low.endswith("ing")
    }
    places = [
        at
        for at, word in enumerate(source.words)
        if word.key in _HEDGES or (_level(word) and "to" in source.lows_of(at + 1, at + 3))
    ]
    theirs = _governors(source, places)
    strongest = max(ours.values(), default=0)
    for at, _, _, focus in theirs:
        word = source.words[at]
        told = focus is not None and focus > at and focus in back
        # Who says so gives an opinion.
        told = told and not (word.key in _OPINIONS and "say" in said.keys)
        if told and word.key not in ours and strongest < _level(word):
            yield f"“{word.text}” is missing: the source does not say it as a fact"
    covered = _covered(source, theirs)
    if source.keys & _AHEAD:
        return
    for governor in _governors(said, (at for at in range(len(said.words)) if _is_will(said, at))):
        known = () if governor.focus is None else match.at[governor.focus]
        if known and not any(covered[p] or _looks_ahead(source, p) for p in known):
            word = said.words[governor.at]
            yield f"“{word.text}” is added: the source does not speak of the future"


def _level(word: Token) -> int:
    """How far from a fact a hedge makes what follows; 0 for other words."""
    return _HEDGES.get(word.key, 2 if word.key in _HEDGING_TO else 0)


def _is_will(side: Side, at: int) -> bool:
    """True for "will", not for Will."""
    word = side.words[at]
    return word.low in ("will", "shall") and not (at and word.text[0].isupper())


def _looks_ahead(side: Side, at: int) -> bool:
    """True for "to close" and "is closing"."""
    return "to" in side.lows_of(at - 3, at) or side.words[at].low.endswith("ing")


def _opposites(match: Match, negated: tuple[list[int], list[int]]) -> Iterator[str]:
    said, source = (
        _forms(side, n) for side, n in zip((match.said, match.source), negated, strict=True)
    )
    for pair in [*_OPPOSITES, *_prefixed(match.said.lows | match.source.lows)]:
        for one, other in (pair, pair[::-1]):
            here, same, opposite = said.keys() & one, source.keys() & one, source.keys() & other
            if not here or not opposite:
                continue
            if same:
                yield from _crossed(match, one, other)
            elif not said.keys() & other:
                (word, our_parity), (against, parity) = said[min(here)], source[min(opposite)]
                if our_parity == parity:
                    yield f"“{word}” is the opposite of “{against}” in the source"


def _prefixed(lows: Set[str]) -> Iterator[list[frozenset[str]]]:
    """A word and the one that only a prefix makes its opposite: "hurt", "unhurt"."""
    for low in lows:
        for prefix in tk.DENYING:
            plain = low.removeprefix(prefix)
            if plain != low and len(plain) > 3 and plain in lows:
                yield [frozenset([_form(low)]), frozenset([_form(plain)])]


def _forms(side: Side, negated: list[int]) -> dict[str, tuple[str, int]]:
    """The forms of a side's words, each with a word of it and whether that is negated."""
    return {
        _form(word.low): (word.text, negated[at] % 2)
        for at, word in enumerate(side.words)
        # "More than 70" is compared as a number.
        if word.is_word and not (word.low in _COMPARISONS and side.key_at(at + 1) == "than")
    }


def _crossed(match: Match, one: frozenset[str], other: frozenset[str]) -> Iterator[str]:
    """Where the sources say both "sales rose" and "profits fell": "profits rose"."""
    said, source = match.said, match.source
    same, opposite = (
        [p for p, word in enumerate(source.words) if _form(word.low) in forms]
        for forms in (one, other)
    )
    for i, word in enumerate(said.words):
        if _form(word.low) not in one or not word.text.islower():
            continue
        following = {_form(w.low) for w in said.words[i + 1 : i + 3]}
        if following & other:  # "directly or indirectly"
            continue
        before = range(i - 1, max(-1, i - 5), -1)
        left = next((j for j in before if said.words[j].is_content), None)
        if left is None or _form(said.words[left].low) in one | other:
            continue
        gaps = [(_gap(opposite, p), _gap(same, p)) for p in match.at[left]]
        near = [against < along for against, along in gaps if against < 4]
        if near and all(near):
            yield f"the sources do not say “{said.words[left].text} … {word.text}”"


def _gap(places: list[int], p: int) -> int:
    """How far the nearest of the sorted places is."""
    at = bisect(places, p)
    return min(abs(p - q) for q in places[max(0, at - 1) : at + 1])


def _turned_round(match: Match) -> Iterator[str]:
    """ "Before" for "after" with the same things on the same sides of it."""
    said, source = match.said, match.source
    for i, word in enumerate(said.words):
        if word.low not in ("before", "after") or word.low in source.lows:
            continue
        sides = range(i - 1, max(-1, i - 8), -1), range(i + 1, min(len(said.words), i + 8))
        left, right = (next((match.at[j][0] for j in side if match.at[j]), 0) for side in sides)
        other = "after" if word.low == "before" else "before"
        if other in source.lows_of(left, right):
            yield f"the sources say “{other}”, not “{word.low}”"
