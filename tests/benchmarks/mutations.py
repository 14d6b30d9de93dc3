"""Real news sentences with one thing changed, so that they are no longer true to their source.

A language model that misreads a source does it in ways like these. Each mutation is made by rule
from a sentence of an article, never from one that already failed a check, and is yielded with the
sentences it claims to rest on. A few are harmless by chance ("A met B" with its names swapped):
they are counted as wrong all the same.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from rag.corpus.sentences import sentence_spans
from rag.index.lexical import STOPWORDS

SHORTEST, LONGEST = 70, 260
Mutation = tuple[str, str, tuple[str, ...]]
"""Kind, mutated sentence, the sentences it claims to rest on."""

_WHOLE = re.compile(r"[“\"‘A-Z0-9$£€].*[a-z].*[.!][”\"’)]*")
_FURNITURE = re.compile(
    r"sign up|newsletter|subscribe|click|follow us|read more|cookie|©|@|http|www", re.I
)
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_NAME = re.compile(
    rf"\b(?!(?:{'|'.join(w.title() for w in sorted(STOPWORDS))})\b)[A-Z][\w-]*[a-z](?: [A-Z][\w-]*[a-z])*\b"
)
_UNITS = [
    ("million", "billion"), ("billion", "trillion"), ("percent", "percentage points"),
    ("per cent", "percentage points"), ("%", " percentage points"), ("miles", "kilometers"),
    ("kilometers", "miles"), ("kilometres", "miles"), ("feet", "meters"), ("meters", "feet"),
    ("pounds", "kilograms"), ("dollars", "euros"), ("$", "€"), ("£", "$"), ("€", "£"),
    ("days", "weeks"), ("weeks", "months"), ("months", "years"), ("years", "months"),
    ("hours", "minutes"), ("minutes", "hours"), ("day", "week"), ("week", "month"),
    ("month", "year"), ("year", "month"), ("hour", "minute"), ("minute", "hour"),
]  # fmt: skip
_NUMBER = r"(?:\d[\d.,]*|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty)"
_NEGATED = re.compile(r"n['’]t\b| not\b(?! only)| never\b|(?<=\s)no (?!longer|one|matter|doubt|\.)")
_AUXILIARY = re.compile(
    r"(?<=\s)(?:is|was|are|were|will|would|can|could|should|has|have|had)(?= (?!not\b|n['’]t)[a-z])"
)
_BOUNDARY_WORDS = frozenset(
    "and but or nor so yet while when where which who whose whom that because although though if as "
    "after before since until unless with for to".split()
)


def digit(text: str, rng: random.Random) -> str | None:
    places = [m.start() for m in re.finditer(r"\d", text)]
    if not places:
        return None
    at = rng.choice(places)
    return text[:at] + rng.choice([d for d in "123456789" if d != text[at]]) + text[at + 1 :]


def drop_not(text: str, rng: random.Random) -> str | None:
    places = list(_NEGATED.finditer(text))
    if not places:
        return None
    found = rng.choice(places)
    changed = text[: found.start()] + text[found.end() :]
    # "won't" and "can't" without their endings are no words.
    return re.sub(r"\b([Cc]a)(?= )", r"\1n", re.sub(r"\b([Ww])o(?= )", r"\1ill", changed))


def add_not(text: str, rng: random.Random) -> str | None:
    places = list(_AUXILIARY.finditer(text))
    if not places:
        return None
    end = rng.choice(places).end()
    return text[:end] + " not" + text[end:]


def _is_name(text: str, match: re.Match[str]) -> bool:
    """One word with a capital at the start of a sentence may be any word."""
    if match.group() in {*_MONTHS, *_DAYS}:
        return False
    return " " in match.group() or text[: match.start()].rstrip(" ")[-1:] not in set('.!?:“"‘') | {
        ""
    }


def swap_names(text: str, rng: random.Random) -> str | None:
    names = [m for m in _NAME.finditer(text) if _is_name(text, m)]
    pairs = [
        (a, b)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if not set(a.group().split()) & set(b.group().split())
        # Members of one list have nothing but commas, conjunctions and other members between.
        and set(re.findall(r"\b[a-z]+", text[a.end() : b.start()])) - {"and", "or", "the", "s"}
    ]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    return text[: a.start()] + b.group() + text[a.end() : b.start()] + a.group() + text[b.end() :]


def swap_units(text: str, rng: random.Random) -> str | None:
    places = []
    for old, new in _UNITS:
        if old in "$£€":
            pattern = rf"(?P<unit>{re.escape(old)})(?=\d)"
        elif old == "%":
            pattern = r"(?<=\d)(?P<unit>%)"
        else:
            pattern = rf"\b{_NUMBER}(?: million| billion)?[ -](?P<unit>{old})\b"
        places += [(*m.span("unit"), new) for m in re.finditer(pattern, text, re.I)]
    if not places:
        return None
    start, end, new = rng.choice(places)
    return text[:start] + new + text[end:]


def move_date(text: str, rng: random.Random) -> str | None:
    months, days = "|".join(_MONTHS), "|".join(_DAYS)
    places: list[tuple[int, int, str]] = []
    for m in re.finditer(rf"\b(?:{months})\b(?! [a-z])", text):
        places.append((*m.span(), rng.choice([x for x in _MONTHS if x != m.group()])))
    for m in re.finditer(rf"\b(?:{days})\b", text):
        places.append((*m.span(), rng.choice([x for x in _DAYS if x != m.group()])))
    for m in re.finditer(r"\b(?:19|20)\d\d\b", text):
        places.append((*m.span(), str(int(m.group()) + rng.choice([-3, -2, -1, 1, 2, 3]))))
    for m in re.finditer(rf"(?<=\b)(?:{months}) (\d\d?)\b(?!\d)", text):
        others = [x for x in range(1, 29) if x != int(m[1])]
        places.append((*m.span(1), str(rng.choice(others))))
    if not places:
        return None
    start, end, new = rng.choice(places)
    return text[:start] + new + text[end:]


def _cuts(text: str) -> list[int]:
    """Where a middle half could begin: at a word, with no mark or conjunction on either side."""
    found = []
    for m in re.finditer(r"(?<=[a-z]) (?=([A-Za-z’'-]+) )", text):
        before = text[: m.start()].rsplit(" ", 1)[-1].lower()
        inside = 0.3 * len(text) < m.start() < 0.7 * len(text)
        if inside and before not in _BOUNDARY_WORDS and m[1].lower() not in _BOUNDARY_WORDS:
            found.append(m.start())
    return found


def splice(first: str, second: str, rng: random.Random) -> str | None:
    heads, tails = _cuts(first), _cuts(second)
    if not heads or not tails:
        return None
    return first[: rng.choice(heads)] + second[rng.choice(tails) :]


_CHANGES: dict[str, Callable[[str, random.Random], str | None]] = {
    "digit": digit,
    "drop_not": drop_not,
    "add_not": add_not,
    "swap_names": swap_names,
    "swap_units": swap_units,
    "move_date": move_date,
}
KINDS = (*_CHANGES, "splice")


def news_sentences(text: str) -> list[str]:
    """The whole sentences of an article that are long and short enough to work on."""
    found = [text[start:end] for start, end in sentence_spans(text)]
    return [
        s
        for s in found
        if SHORTEST <= len(s) <= LONGEST and _WHOLE.fullmatch(s) and not _FURNITURE.search(s)
    ]


def mutations(articles: Iterable[str], count: int, seed: int) -> Iterator[Mutation]:
    """``count`` mutations of texts, at most one of each, the kinds about equally many."""
    rng = random.Random(seed)
    texts = list(articles)
    rng.shuffle(texts)
    made: Counter[str] = Counter()
    for text in texts:
        if sum(made.values()) >= count:
            return
        sentences = news_sentences(text)
        rng.shuffle(sentences)
        # The rarest kind so far that the article allows.
        for kind in sorted(KINDS, key=lambda k: (made[k], KINDS.index(k))):
            found = _mutate(kind, sentences, rng)
            if found is not None:
                made[kind] += 1
                yield (kind, *found)
                break


def _mutate(
    kind: str, sentences: Sequence[str], rng: random.Random
) -> tuple[str, tuple[str, ...]] | None:
    if kind == "splice":
        for first, second in zip(sentences[::2], sentences[1::2], strict=False):
            mutated = splice(first, second, rng)
            if mutated is not None and mutated not in (first, second):
                return mutated, (first, second)
        return None
    for sentence in sentences:
        mutated = _CHANGES[kind](sentence, rng)
        if mutated is not None and mutated != sentence:
            return mutated, (sentence,)
    return None
