"""The text of the corpus that is most like pasted words, and what differs.

Likeness never passes as a match: what is found here is another text than the pasted one.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from rapidfuzz.distance import Indel

from rag.answering.places import Window, window, windows
from rag.datatypes import Article, Citation, Difference
from rag.index.grams import LONGEST, WORD, grams, words
from rag.index.store import Store

_UNLIKE = 0.4
"""So many of the pasted words and marks, as a share, may differ from the text that is named as
their origin. It only chooses between ``altered`` and ``absent``; neither is a match."""
_SHORT = 9
"""Of fewer words too few threes are left by a changed one to find its place by."""
_PIECE = 4
"""So many words in a row are looked for together: few articles have them by chance."""
_MOST_PIECES = 24
_MOST_VOTES = 200
"""Of the articles that have a piece the first so many are looked at: it tells little if more have
it."""
_MOST_ALIGNED = 24
_MOST_TRIED = 100
_MOST_RUNS = 6
_FEW = 3
_TOKEN = re.compile(r"[$£€¥]?\d+(?:[.,]\d+)*(?:%|[^\W\d_]+)?|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]")
_NEGATIONS = frozenset(
    "not no never none nobody nothing neither nor without cannot hardly barely isn't aren't wasn't "
    "weren't don't doesn't didn't won't wouldn't can't couldn't shouldn't hasn't haven't hadn't "
    "deny denies denied refuse refuses refused reject rejects rejected unlikely".split()
)
_NUMBER_WORDS = frozenset(
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty "
    "sixty seventy eighty ninety hundred thousand million billion trillion half double twice dozen "
    "percent first second third".split()
)

_BETWEEN = r"[\W_]+"

_Change = tuple[int, int, int, int]
"""Pasted tokens from, to; tokens of the stored stretch from, to, in place of them."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """A stretch of an article, and what must be changed in it to make it the pasted words.

    Attributes:
        text: The stretch, normalised.
        citation: Where it stands.
        differences: At least one.
        distance: How many words and marks differ.
        longest_gap: Most words and marks of the stretch that one difference leaves out.
    """

    text: str
    citation: Citation
    differences: tuple[Difference, ...]
    distance: int
    longest_gap: int


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The words and marks of a normalised text, in lower case, with their offsets in it."""

    text: str
    tokens: list[str]
    spans: list[tuple[int, int]]

    @classmethod
    def of(cls, text: str, start: int = 0, end: int = sys.maxsize) -> _Tokens:
        matches = list(_TOKEN.finditer(text, start, end))
        return cls(text, [m.group().lower() for m in matches], [m.span() for m in matches])

    def index(self, offset: int) -> int:
        """The first token that begins at an offset or after it."""
        return bisect_left(self.spans, (offset, offset))

    def __getitem__(self, some: slice) -> str:
        spans = self.spans[some]
        return self.text[spans[0][0] : spans[-1][1]] if spans else ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A stretch that may hold a text like the pasted words.

    Attributes:
        window: The stretch.
        at: An offset in it.
        pasted_at: The offset in the pasted words that it would be beside.
        least: How many words must differ.
    """

    window: Window
    at: int
    pasted_at: int
    least: int


@dataclass(frozen=True, slots=True)
class _Alignment:
    """Tokens ``first`` to ``last`` of a stretch beside the pasted ones."""

    window: Window
    stored: _Tokens
    first: int
    last: int
    changes: list[_Change]

    @property
    def distance(self) -> int:
        return sum(max(b - a, d - c) for a, b, c, d in self.changes)

    @property
    def text(self) -> str:
        return self.stored[self.first : self.last]


def nearest(store: Store, wanted: str, most: int = sys.maxsize) -> Nearest | None:
    """The text whose words are most like the pasted ones, if at most 40 % of them differ.

    Of texts in which as many words differ, the one whose letters differ least.

    Args:
        store: Where to look.
        wanted: A normalised text.
        most: How many words and marks may differ.
    """
    pasted = _Tokens.of(wanted)
    spans = [match.span() for match in WORD.finditer(wanted)]
    if len(spans) < LONGEST:
        return None
    most = min(most, int(_UNLIKE * len(pasted.tokens)))
    best: tuple[int, int] | None = None
    chosen: _Alignment | None = None
    for candidate in islice(_candidates(store, wanted, spans), _MOST_ALIGNED):
        if candidate.least > most or (best is not None and best[0] < candidate.least):
            break
        for found in _alignments(candidate, pasted):
            if found.distance <= most:
                unlike = found.distance, Indel.distance(wanted, found.text)
                if best is None or unlike < best:
                    best, chosen = unlike, found
    return _described(chosen, pasted) if chosen is not None else None


def _candidates(store: Store, wanted: str, spans: list[tuple[int, int]]) -> Iterator[_Candidate]:
    """Where a text like the pasted words may stand, the most promising first."""
    some = words(wanted)
    if len(some) < _SHORT:
        yield from _one_changed(store, some, wanted, spans)
    length = _PIECE if len(some) >= _SHORT else min(LONGEST, len(some) - 1)
    every = grams(some, min(length, LONGEST))
    step = 1 + (len(some) - length) // _MOST_PIECES
    firsts = range(0, len(some) - length + 1, step)
    pieces = [every[first : first + max(1, length - LONGEST + 1)] for first in firsts]
    for row, mask, missing in islice(_voted(store, pieces), _MOST_ALIGNED):
        runs = _runs([first for bit, first in enumerate(firsts) if mask >> bit & 1], length)
        article = store.article_at(row)
        for found, at, start in islice(_around(article, wanted, spans, runs), _FEW):
            # A changed word is in as many pieces as begin within the length of one.
            yield _Candidate(found, at, start, -(-missing // -(-length // step)))


def _voted(store: Store, pieces: list[list[str]]) -> Iterator[tuple[int, int, int]]:
    """(row, the pieces that its article may have, how many it cannot have), those with most first.

    Args:
        store: Where to look.
        pieces: The grams of some words in a row; the pieces found are the bits of a number.

    Articles that have the same ones may be copies: of these a few are given.
    """
    votes: defaultdict[int, int] = defaultdict(int)
    uncertain = 0
    for bit, piece in enumerate(pieces):
        rows = list(store.with_grams(piece, _MOST_VOTES))
        for row in rows:
            votes[row] |= 1 << bit
        if len(rows) == _MOST_VOTES:
            uncertain |= 1 << bit
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for row, mask in votes.items():
        if len(alike[mask]) < _FEW:
            alike[mask].append(row)
    for mask in sorted(alike, key=lambda m: (-m.bit_count(), alike[m])):
        if mask.bit_count() >= len(pieces) // 8:
            missing = len(pieces) - (mask | uncertain).bit_count()
            yield from ((row, mask, missing) for row in alike[mask])


def _runs(firsts: list[int], length: int) -> list[tuple[int, int]]:
    """The runs of words that overlapping grams with these first words cover, the longest first.

    >>> _runs([0, 1, 2, 5, 9], 3)
    [(0, 5), (5, 8), (9, 12)]
    """
    runs: list[tuple[int, int]] = []
    for first in firsts:
        if runs and first < runs[-1][1]:
            runs[-1] = (runs[-1][0], first + length)
        else:
            runs.append((first, first + length))
    return sorted(runs, key=lambda run: run[0] - run[1])


def _around(
    article: Article, wanted: str, spans: list[tuple[int, int]], runs: list[tuple[int, int]]
) -> Iterator[tuple[Window, int, int]]:
    """The stretches about places where a run of the pasted words stands: with the offset of the run
    there, and in the pasted words.

    A run that stands nowhere is halved, since its grams may come from several places.
    """
    todo = deque(runs[:_FEW])
    slack = _slack(wanted)
    found = False
    for _ in range(_MOST_RUNS):
        if not todo:
            break
        first, last = todo.popleft()
        start, end = spans[first][0], spans[last - 1][1]
        here = False
        near = windows(article, wanted[start:end], start + slack, len(wanted) - end + slack)
        for one in islice(near, _FEW):
            at = one.text.find(wanted[start:end])
            if at >= 0:
                found = here = True
                yield one, at, start
        if not here and last - first > LONGEST:
            middle = (first + last) // 2
            todo.extend([(first, middle), (middle, last)])
    first, last = runs[0]
    if not found and 2 * (last - first) > len(spans):
        yield from _in_any_case(article, wanted, spans[first:last])


def _in_any_case(
    article: Article, wanted: str, spans: list[tuple[int, int]]
) -> Iterator[tuple[Window, int, int]]:
    """As ``_around``, for words in a row in other letters or with other marks between them."""
    pattern = _spelled([wanted[start:end] for start, end in spans])
    if match := re.search(pattern, article.text, re.IGNORECASE):
        start = spans[0][0]
        yield *_beside(article, match.start(), wanted, start), start


def _beside(article: Article, at: int, wanted: str, start: int) -> tuple[Window, int]:
    """The stretch that would hold the pasted words if their offset ``start`` lay at an offset of an
    article, and where in it that is."""
    slack = _slack(wanted)
    around = window(article, at, start + slack, len(wanted) - start + slack)
    return around, len(window(article, at, start + slack, 0).text)


def _one_changed(
    store: Store, some: list[str], wanted: str, spans: list[tuple[int, int]]
) -> Iterator[_Candidate]:
    """Where the words stand with one of them missing, replaced or not there before.

    Whichever it is, the words before it and those after it stand there as they are.
    """
    count = len(some)
    tries = []
    for at in range(count):
        for last, first in ((at, at + 1), (at, at)):
            runs = [run for run in (range(last), range(first, count)) if run]
            if len(runs[0]) < count:
                both = [
                    gram
                    for run in runs
                    for gram in grams(some[run.start : run.stop], min(len(run), LONGEST))
                ]
                if rows := list(store.with_grams(both, _MOST_TRIED)):
                    tries.append((len(rows), rows, runs))
    read = 0
    for _, rows, runs in sorted(tries, key=lambda one: one[0]):
        pattern = _with_gap([[wanted[slice(*spans[i])] for i in run] for run in runs])
        skipped = spans[runs[0].start][0]
        for row in rows:
            read += 1
            if read > _MOST_TRIED:
                return
            article = store.article_at(row)
            if match := pattern.search(article.text):
                yield _Candidate(*_beside(article, match.start(), wanted, skipped), skipped, 1)


def _with_gap(runs: list[list[str]]) -> re.Pattern[str]:
    """Runs of words in a text that is not normalised, with at most one word between them."""
    gap = rf"{_BETWEEN}(?:[\w.,'’]+{_BETWEEN})?"
    pattern = gap.join(map(_spelled, runs))
    first = runs[0][0][0]
    return re.compile(rf"[{first.lower()}{first.upper()}]{pattern[len(first) :]}\b")


def _spelled(some: list[str]) -> str:
    """Words in a row in a text that is not normalised."""
    return _BETWEEN.join(re.escape(word).replace("'", r"[^\w\s]") for word in some)


def _alignments(candidate: _Candidate, pasted: _Tokens) -> Iterator[_Alignment]:
    """The stretches that agree with the pasted tokens: as many tokens from where they might begin,
    and from the first that agrees to the last, each with as many beyond as were pasted."""
    count = len(pasted.tokens)
    slack = _slack(pasted.text)
    begin = candidate.at - candidate.pasted_at
    end = begin + len(pasted.text) + slack
    stored = _Tokens.of(candidate.window.text, max(0, begin - slack), end)
    here = stored.index(candidate.at) - pasted.index(candidate.pasted_at)
    ranges = {(max(0, here), min(len(stored.tokens), here + count))}
    if equal := [c for c in Indel.opcodes(pasted.tokens, stored.tokens) if c.tag == "equal"]:
        first = equal[0].dest_start - equal[0].src_start
        last = equal[-1].dest_end + count - equal[-1].src_end
        ranges.add((max(0, first), min(len(stored.tokens), last)))
    for first, last in sorted(ranges):
        if first < last:
            changes = _changes(pasted.tokens, stored.tokens[first:last])
            yield _Alignment(candidate.window, stored, first, last, changes)


def _slack(wanted: str) -> int:
    """How many characters more than the pasted ones are looked at on either side."""
    return 40 + len(wanted) // 4


def _changes(pasted: list[str], stored: list[str]) -> list[_Change]:
    """What must be replaced, put in or taken out."""
    changes: list[_Change] = []
    for code in Indel.opcodes(pasted, stored):
        piece = (code.src_start, code.src_end, code.dest_start, code.dest_end)
        if code.tag == "equal":
            continue
        if changes and (changes[-1][1], changes[-1][3]) == (piece[0], piece[2]):
            # Neighbouring insertions and deletions are one replacement.
            changes[-1] = (changes[-1][0], piece[1], changes[-1][2], piece[3])
        else:
            changes.append(piece)
    return changes


def _described(found: _Alignment, pasted: _Tokens) -> Nearest:
    stored = _Tokens.of(found.text)
    changes = found.changes or _other_case(pasted, stored)
    start = found.stored.spans[found.first][0]
    return Nearest(
        text=found.text,
        citation=found.window.citation(start, start + len(found.text)),
        differences=tuple(
            Difference(_kind(pasted.tokens[a:b], stored.tokens[c:d]), pasted[a:b], stored[c:d])
            for a, b, c, d in changes
        ),
        distance=found.distance,
        longest_gap=max(d - c for _, _, c, d in changes),
    )


def _other_case(pasted: _Tokens, stored: _Tokens) -> list[_Change]:
    """The words that differ in case; all of them if it is only their spacing that differs."""
    count = len(pasted.tokens)
    some = [(i, i + 1, i, i + 1) for i in range(count) if pasted[i : i + 1] != stored[i : i + 1]]
    return some or [(0, count, 0, count)]


def _kind(quoted: list[str], stored: list[str]) -> str:
    tokens = set(quoted) ^ set(stored)
    if any(any(c.isdigit() for c in token) or token in _NUMBER_WORDS for token in tokens):
        return "number"
    if any(token in _NEGATIONS or token.endswith("n't") for token in tokens):
        return "negation"
    return "words"
