"""Do names and numbers stand where the sources have them, and clauses come from one source?

What stands around a name makes its role: the words before and behind it, its preposition, whether
it speaks; "was criticised by X" counts as "X criticised". A name that fits the role of another
better than its own has taken that one's place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from itertools import pairwise, takewhile

from rag.answering.beside import Match, Range, Side
from rag.news import tokens as tk
from rag.news.tokens import Token

_MARGIN = 1.5
"""So much better must a name fit where another stands; chosen on the development half."""
_CLOSE = 0.7
"""The order of two names tells only beside so much of the source's wording."""
_MOST_PAIRS, _MOST_PLACES, _MOST_OTHERS = 10, 6, 8
"""Names compared with each, places of a name, names that the sentence leaves out: linear time."""
_AUXILIARIES = frozenset("has have had is are was were be been will would also".split())
_SAID = frozenset("said says added adds".split())
_SKIPPED = frozenset("has have had also later then".split())
_PASSIVE = frozenset("is are was were be been being get got gets".split())
_DANGLING = tk.PREPOSITIONS | tk.DETERMINERS | _AUXILIARIES | {"no", "not", "could", "whether"}
_RUN = 2
"""Words after the first that make a run of the source's own words."""
_POINTING = frozenset("the this these its their his her".split())
_TITLES = frozenset("mr mrs ms dr sen rep gov gen lt".split())
_WEIGHTS = (1.0, 0.7, 0.4)
"""What the first, second and third content word on one side of a name count."""
_PREPOSITION, _OF, _SPEAKER = 0.8, 0.8, 3.0

Role = dict[str, float]


def misplaced(match: Match) -> Iterator[str]:
    """Which names and numbers stand where the sources have another."""
    said, source = match.said, match.source
    yield from _wrong_speakers(match)
    yield from _wrong_subjects(match)
    yield from _swapped(said, source, said.names, source.names)
    # A number takes no name's place, nor a month a weekday's.
    for places in (_amounts, _months, _weekdays):
        yield from _swapped(said, source, places(said), places(source))


def _amounts(side: Side) -> list[Range]:
    return [(amount.start, amount.end) for amount in side.amounts]


def _months(side: Side) -> list[Range]:
    return [(at, at + 1) for at, word in enumerate(side.words) if tk.is_month(word)]


def _weekdays(side: Side) -> list[Range]:
    return [(at, at + 1) for at, word in enumerate(side.words) if word.low in tk.DAYS]


def _wrong_speakers(match: Match) -> Iterator[str]:
    """Names that speak where only others do in the sources."""
    said, source = match.said, match.source
    speakers = {
        word.key for at in source.names if _speaks(source, at) for word in source.words[slice(*at)]
    }
    for at in said.names if speakers else ():
        known = {source.words[p].key for i in range(*at) for p in match.at[i]}
        if known and _speaks(said, at) and not speakers & (known | _keys(said, at)):
            yield f"the sources do not say that “{said.text_of(at)}” said it"


def _wrong_subjects(match: Match) -> Iterator[str]:
    """A name that does what the sources say of another: "Ukraine denied" for "Russia denied"."""
    said, source = match.said, match.source
    subjects = _subjects(source)
    for i, at in _subjects(said).items():
        known = [p for j in range(*at) for p in match.at[j]]
        keys = {w.key for w in said.words[slice(*at)]} | {source.words[p].key for p in known}
        places = [p for p in match.at[i] if source.words[p].key == said.words[i].key]

        def another(p: int, keys: Set[str] = keys, i: int = i) -> bool:
            start, end = subjects.get(p, (0, 0))
            same = _is_passive(source, p) == _is_passive(said, i)
            # Three words more: "Kyiv's army" may be "Kyiv" there.
            return (
                end > 0
                and same
                and not keys & {w.key for w in source.words[max(0, start - 3) : end]}
            )

        if known and places and all(map(another, places)):
            yield f"the sources do not say that “{said.text_of(at)}” {said.words[i].text}"


def _subjects(side: Side) -> dict[int, Range]:
    """For words right behind a name that is no part of a longer phrase: that name."""
    found = {}
    for start, end in side.names:
        before = side.words[start - 1] if start else Token(".", ".", ".")
        phrase = before.low in tk.PREPOSITIONS or before.low in ("and", "or", ",")
        if phrase or before.possessive or side.words[end - 1].possessive:
            continue
        at = end
        while side.words[at].low in _AUXILIARIES:
            at += 1
        if side.words[at].is_content:
            found[at] = (start, end)
    return found


def _swapped(
    said: Side, source: Side, ours: Sequence[Range], theirs: Sequence[Range]
) -> Iterator[str]:
    by_key: dict[str, list[Range]] = defaultdict(list)
    for place in theirs:
        for word in source.words[slice(*place)]:
            by_key[word.key].append(place)

    def places(keys: Set[str]) -> list[Range]:
        return list(dict.fromkeys(p for key in sorted(keys) for p in by_key[key][:_MOST_PLACES]))

    mentions = [(at, _keys(said, at)) for at in ours]
    used = {key for _, keys in mentions for key in keys}
    others = [p for p in theirs if not used & {w.key for w in source.words[slice(*p)]}][
        :_MOST_OTHERS
    ]
    for number, (one, keys) in enumerate(mentions):
        parts = {source.part[p] for p, _ in places(keys)}
        for place in others:
            if source.part[place[0]] not in parts:
                continue
            without = keys | {w.key for w in source.words[slice(*place)]}
            role = _role(said, one, without)
            own = _fit(role, source, places(keys), without)
            if _fit(role, source, [place], without) > own + _MARGIN:
                yield f"“{said.text_of(one)}” stands where the sources have “{source.text_of(place)}”"
        for other, other_keys in mentions[number + 1 : number + 1 + _MOST_PAIRS]:
            # What both have ("House Republicans", "Republican leader") tells neither from the other.
            pair = places(keys - other_keys), places(other_keys - keys)
            if _together(source, *pair) and _exchanged(
                said, source, (one, other), pair, keys | other_keys
            ):
                yield f"“{said.text_of(one)}” and “{said.text_of(other)}” have changed places"


def _together(source: Side, some: Sequence[Range], others: Sequence[Range]) -> bool:
    """True if one source has both: across sources the clauses are checked."""
    return not {source.part[a] for a, _ in some}.isdisjoint(source.part[a] for a, _ in others)


def _keys(side: Side, at: Range) -> frozenset[str]:
    """What a name or number is known by; initials tell too little."""
    return frozenset(w.key for w in side.words[slice(*at)] if len(w.key) > 1 or w.key.isdigit())


def _exchanged(
    said: Side,
    source: Side,
    pair: tuple[Range, Range],
    places: tuple[Sequence[Range], Sequence[Range]],
    without: Set[str],
) -> bool:
    """True if each of two names fits better where the sources have the other."""
    one, other = (_role(said, at, without) for at in pair)
    own = _fit(one, source, places[0], without) + _fit(other, source, places[1], without)
    cross = _fit(one, source, places[1], without) + _fit(other, source, places[0], without)
    if cross != own or not own:
        return cross > own + _MARGIN
    # "In X in Y" for "in Y in X", and "0-2" for "2-0": only their order tells.
    turned = all(p > q for p in places[0] for q in places[1])
    close = own > _CLOSE * (sum(one.values()) + sum(other.values()))
    between = said.lows_of(pair[0][1], pair[1][0])
    return close and turned and (bool(between & tk.PREPOSITIONS) or pair[0][1] == pair[1][0])


def _fit(role: Role, source: Side, places: Sequence[Range], without: Set[str]) -> float:
    """How much of a role the best of the places has."""
    return max(
        sum(min(weight, there.get(name, 0.0)) for name, weight in role.items())
        for there in (_role(source, place, without) for place in places)
    )


def _role(side: Side, at: Range, without: Set[str]) -> Role:
    """What stands around a name, and how much each counts; ``without`` are the keys compared.

    "r rise" is a word it acts on, mostly to its right, "l rise" one that acts on it.
    """
    if _speaks(side, at):
        return {"speaker": _SPEAKER}
    start, end = at
    owner, agent = side.words[end - 1].possessive, side.lows_of(start - 1, start) == {"by"}
    role: Role = {}
    for right in (True,) if owner else (False, True):
        for weight, i in zip(_WEIGHTS, _neighbours(side, at, right, without), strict=False):
            acts = right and not owner
            if _is_passive(side, i) and (right or agent):
                acts = not acts
            name = f"{'r' if acts else 'l'} {side.words[i].key}"
            role[name] = max(weight, role.get(name, 0.0))
    before = start - 1
    # In "at Dover's airport" it is the airport that "at" belongs to.
    while before >= 0 and (
        side.words[before].low in tk.DETERMINERS or side.words[before].possessive
    ):
        before -= 1
    if before >= 0 and side.words[before].low in tk.PREPOSITIONS and not owner:
        role[f"p {side.words[before].low}"] = _PREPOSITION
    # "Dover's mayor" is "the mayor of Dover".
    belongs = (
        end
        if owner
        else before - 1
        if before > 0 and side.words[before].low in ("of", "in")
        else None
    )
    if belongs is not None:
        key = side.words[belongs].key
        role[f"of {'*' if key in without else key}"] = _OF
    return role


def _speaks(side: Side, at: Range) -> bool:
    """True for the name in "X said", "X, the mayor, said", "…, said X" and "according to X"."""
    start, end = at
    words = side.words
    before = [w.low for w in words[max(0, start - 5) : start]]
    if "according" in before and not {",", "."} & set(before[before.index("according") :]):
        return True
    if before and before[-1] in tk.PREPOSITIONS - {"as"}:
        return False
    # "…," said X; but in "Y said X is" it is Y who speaks.
    verb = start - 1 - (before[-1:] == ["the"])
    if verb > 0 and words[verb].low in _SAID and not words[verb - 1].is_word:
        return True
    after = end
    if words[end].low == ",":
        commas = (i for i in range(end + 1, min(end + 14, len(words))) if words[i].low == ",")
        after = next(commas, end - 1) + 1
    while words[after].low in _SKIPPED:
        after += 1
    # "The Israeli military said": it is Israel's word.
    for _ in range(2):
        after += (
            words[after].is_content and words[after].key != "say" and words[after].text.islower()
        )
    return words[after].key == "say"


def _neighbours(side: Side, at: Range, right: bool, without: Set[str]) -> list[int]:
    """Up to three content words on one side, within the sentence, the nearest first."""
    start, end = at
    places = (
        range(end, min(len(side.words), end + 12))
        if right
        else range(start - 1, max(-1, start - 13), -1)
    )
    found: list[int] = []
    for i in places:
        word = side.words[i]
        if word.low == "." and side.words[i - 1].low not in _TITLES:
            break
        if word.is_content and word.key not in without:
            found.append(i)
            if len(found) == len(_WEIGHTS):
                break
    return found


def _is_passive(side: Side, at: int) -> bool:
    """True for "criticised" in "was criticised", also for "seen" in "was seen"."""
    word = side.words[at]
    participle = word.low.endswith(("ed", "en")) or word.low != word.key
    return (
        participle
        and not word.low.endswith("ing")
        and word.key != "say"
        and bool(side.lows_of(at - 3, at) & _PASSIVE)
    )


def spliced(match: Match) -> Iterator[str]:
    """Where the sentence goes over from one source into another within a clause, or from or into
    the middle of one."""
    said, source = match.said, match.source
    if len(set(source.part)) < 2:
        return
    yield from _glued(said, source)
    last, parts = -1, frozenset[int]()
    for i, here in _labels(match):
        if parts and not here & parts:
            one, other = said.words[last].text, said.words[i].text
            left, right = _reach(match, last, i)
            if any(map(_begins_clause, said.words[min(left, right) : max(left, right) + 1])):
                before = frozenset(source.part[p] for places in match.at[:last] for p in places)
                entered = not here & before and _breaks_in(match, right, i)
                if entered or _breaks_off(match, last, left, parts):
                    yield f"“{one} … {other}” joins parts of two sources that are not whole"
            elif not _names_who(match, last, right, i):
                yield f"“{one} … {other}” joins two sources within a clause"
        joined = any(map(_begins_clause, said.words[last + 1 : i]))
        last, parts = i, here if joined else (here & parts) or here


def _glued(said: Side, source: Side) -> Iterator[str]:
    """Words of one source in a row, and right behind them, with no joint, words of another."""
    words = said.words
    pairs: dict[tuple[str, str], set[int]] = defaultdict(set)
    for part, one, other in zip(source.part, source.words, source.words[1:], strict=False):
        pairs[one.low, other.low].add(part)
    open_runs: dict[int, int] = {}
    runs: list[tuple[int, int, int]] = []  # first word, last word, part
    for at, (one, following) in enumerate(pairwise(words)):
        here = pairs.get((one.low, following.low), set())
        for part in open_runs.keys() - here:
            runs.append((open_runs.pop(part), at, part))
        for part in here:
            open_runs.setdefault(part, at)
    runs += [(start, len(words) - 1, part) for part, start in open_runs.items()]
    runs = sorted(run for run in runs if run[1] - run[0] >= _RUN)
    for number, (start, end, part) in enumerate(runs):
        for after, last, another in runs[number + 1 : number + 1 + _MOST_PAIRS]:
            touching = another != part and end - 2 <= after <= end + 1
            apart = start + _RUN <= after and end + _RUN <= last
            edge = words[min(after, end) : max(after, end + 1) + 1]
            if touching and apart and not any(map(_begins_clause, edge)):
                yield f"“{words[end].text} … {words[last].text}” is glued to words of another source"


def _labels(match: Match) -> list[tuple[int, frozenset[int]]]:
    """For each content word that the sources have, which of them do.

    A single word, no name or number, that only another source has than those around it is left
    out: it says "the king" for "he", or happens to be there too.
    """
    words, source = match.said.words, match.source
    found = [
        (i, frozenset(source.part[p] for p in match.everywhere(i)))
        for i, places in enumerate(match.at)
        if places and words[i].key != "say"
    ]
    single = [(at, here) for at, (_, here) in enumerate(found) if len(here) == 1]
    alone = {
        at
        for (_, before), (at, here), (_, after) in zip(single, single[1:], single[2:], strict=False)
        if before == after != here and words[found[at][0]].text.islower()
    }
    return [label for at, label in enumerate(found) if at not in alone]


def _reach(match: Match, last: int, i: int) -> Range:
    """How far one source goes on word for word behind ``last``, and from where another before
    ``i``."""
    left, right = last, i
    while left + 1 < i and _runs_on(match, last, left):
        left += 1
    while right - 1 > last and _runs_on(match, i, right - 1):
        right -= 1
    return left, right


def _runs_on(match: Match, i: int, at: int) -> bool:
    """True if the word at ``at`` and the next follow each other where ``i`` has its place."""
    said, source = match.said, match.source
    return any(
        said.key_at(at) == source.key_at(p + at - i)
        and said.key_at(at + 1) == source.key_at(p + at + 1 - i)
        for p in match.at[i]
    )


def _breaks_off(match: Match, last: int, left: int, parts: Set[int]) -> bool:
    """True if a source is left for good in the middle of a phrase: "hated by", "there is no"."""
    said, source = match.said, match.source
    rest_said = list(takewhile(lambda w: not _begins_clause(w), said.words[left + 1 :]))
    if any(map(_is_joint, said.words[last + 1 : left + 1])) or any(w.is_content for w in rest_said):
        return False
    if said.words[left].low in _DANGLING:
        return True
    for p in match.at[last]:
        rest = list(
            takewhile(lambda w: not _is_joint(w), source.words[p + 1 + left - last : p + 20])
        )
        if not rest or not rest[0].is_content or sum(w.is_content for w in rest) < 2:
            return False
    later = {source.part[p] for places in match.at[last + 1 :] for p in places}
    return _runs_on(match, last, last - 1) and not later & parts


def _breaks_in(match: Match, right: int, i: int) -> bool:
    """True if a source is entered in the middle of a clause whose beginning stands nowhere."""
    said = match.said
    start = right
    while start > 0 and not _is_joint(said.words[start - 1]):
        start -= 1
    own = any(w.is_content or w.low in tk.PRONOUNS for w in said.words[start:right])
    # A phrase of time or place may come from anywhere.
    if own or said.words[right].low in tk.PREPOSITIONS or not _runs_on(match, i, i):
        return False
    return all(_skipped(match, p - (i - right)) > 1 for p in match.at[i])


def _skipped(match: Match, place: int) -> int:
    """How many content words between the beginning of its clause and a place are left out; the
    one right before it counts twice."""
    words, at = match.source.words, place
    while at > 0 and not _is_joint(words[at - 1]):
        at -= 1
    out = [w.is_content and w.key not in match.said.keys for w in words[at:place]]
    return sum(out) + any(out[-1:])


def _is_joint(word: Token) -> bool:
    return word.low in tk.JOINTS or word.low in ",;:.()-!?"


def _begins_clause(word: Token) -> bool:
    return _is_joint(word) or word.low in ("he", "she", "they")


def _names_who(match: Match, end: int, right: int, i: int) -> bool:
    """True if what comes before ``right``, where the words of the second source begin, only says
    who its pronoun is, or "the company" of its beginning."""
    said, source = match.said, match.source
    start = end
    while start > 0 and not _is_joint(said.words[start - 1]):
        start -= 1
    named = any(a <= end < b for a, b in said.names) and end - start < 5
    described = end - start < 3 and said.words[start].low in ("the", "a", "an")
    if not (named or described) or any(match.at[end + 1 : right]):
        return False
    return any(_stands_in(source, p - (i - right), named) for p in match.at[i])


def _stands_in(source: Side, place: int, named: bool) -> bool:
    """True if the clause up to a place is a pronoun with its auxiliaries, or "the company"."""
    start = place
    while start > 0 and not _is_joint(source.words[start - 1]):
        start -= 1
    opening = source.words[start:place]
    if sum(word.is_content for word in opening) > 1:
        return False
    lows = {word.low for word in opening}
    return bool(lows & tk.PRONOUNS) or (named and bool(opening) and opening[0].low in _POINTING)
