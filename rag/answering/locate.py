"""Look up pasted words: does the corpus have them, where, and how exactly?

Words are compared under the declared normalisation (``rag.index.normalise``) and, for the first
letter alone, without regard to case. The phrase index names candidates; each is then compared in
full. Likeness never passes as a match: what is not exact is ``altered``, with what differs,
``stitched``, or ``absent``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from rapidfuzz.distance import Indel

from rag.datatypes import Article, Citation, Difference, QuoteMatch
from rag.index.grams import LONGEST, WORD, grams, words
from rag.index.normalise import Normalised, fold, normalise
from rag.index.store import Store

MAX_QUOTE_CHARS = 20_000
_TOKEN = re.compile(r"[$£€¥]?\d+(?:[.,]\d+)*%?|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]")
_OPENING = re.compile(r"(?:\.\.\.|[\"'(\[\s]|- )*")
_CLOSING = re.compile(r"[\"')\].,;:\s]*(?: -)?\Z")
_MOST_PLACES = 40
_MOST_READ = 1_000
"""So many articles that have all the words are read at most, to see whether they stand in a row."""
_MOST_GRAMS = 64
_MOST_VOTES = 2_000
"""A gram that more articles have is taken to be in the first of them only: it tells little."""
_MOST_ALIGNED = 24
_MOST_ALIKE = 3
_MOST_TRIED = 200
_SHORT = 9
"""Of fewer words too few threes are left by a changed one to find its place by."""
_MIN_STITCH_WORDS = 4
"""A part of a stitched quote has at least so many words: shorter runs occur by chance."""
_NEAR = 0.6
"""Least share of the pasted words that the nearest text must have, in order, to be named as its
origin. It only chooses between ``altered`` and ``absent``; neither is a match."""
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


@dataclass(frozen=True, slots=True)
class _Words:
    """The words and marks of a normalised text, with their offsets in it."""

    tokens: list[str]
    spans: list[tuple[int, int]]


def locate(store: Store, quote: str) -> QuoteMatch:
    """Find pasted words in the corpus.

    Args:
        quote: At least one word. White space and quotation marks around it are dropped; so are,
            where the words stand nowhere with them, brackets, marks of omission, and a comma, full
            stop, colon or semicolon at its end.

    Returns:
        ``exact`` with every place (at most 40) it stands, ``altered`` with the places of the
        nearest text and what differs, ``stitched`` with the places of its parts in order, or
        ``absent``.
    """
    wanted = _without_outer_quotes(fold(quote[:MAX_QUOTE_CHARS]))
    if not WORD.search(wanted):
        return QuoteMatch("absent", ())
    articles = _Articles(store)
    bare = _bare(wanted)
    for attempt in dict.fromkeys((wanted, bare)):
        if exact := _all_places(articles, attempt):
            return QuoteMatch("exact", exact)
    altered = _nearest(articles, bare)
    if altered is None or altered.distance > 1:
        stitched = _stitched(articles, bare)
        if stitched and (altered is None or not altered.one_place_explains(len(stitched))):
            return QuoteMatch("stitched", _numbered(stitched))
    if altered is not None:
        return QuoteMatch("altered", altered.places, altered.differences)
    return QuoteMatch("absent", ())


class _Articles:
    """Articles by row, with their normalised texts, each read once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._read: dict[int, tuple[Article, str]] = {}
        self._normalised: dict[int, Normalised] = {}

    def folded(self, row: int) -> str:
        """An article's normalised text."""
        if row not in self._read:
            article = self.store.article_at(row)
            self._read[row] = (article, fold(article.text))
        return self._read[row][1]

    def citation(self, row: int, start: int, end: int) -> Citation:
        """The place that became ``folded(row)[start:end]``."""
        self.folded(row)
        article = self._read[row][0]
        if row not in self._normalised:
            self._normalised[row] = normalise(article.text)
        return _citation(article, *self._normalised[row].original(start, end))


def _without_outer_quotes(text: str) -> str:
    while len(text) > 2 and text[0] in "\"'" and text[-1] == text[0]:
        text = text[1:-1].strip()
    return text


def _bare(text: str) -> str:
    """Without the marks at its ends that a quotation puts there itself."""
    start = _OPENING.match(text).end()  # type: ignore[union-attr]  # it matches nothing, too
    return text[start : _CLOSING.search(text).start()]  # type: ignore[union-attr]


def _citation(article: Article, start: int, end: int) -> Citation:
    return Citation(
        number=1,
        doc_id=article.doc_id,
        start=start,
        end=end,
        quote=article.text[start:end],
        title=article.title,
        outlet=article.outlet,
        published=article.published,
        url=article.url,
        sha256=article.sha256,
    )


def _numbered(citations: Iterable[Citation]) -> tuple[Citation, ...]:
    return tuple(
        Citation(number, *[getattr(c, name) for name in _FIELDS])
        for number, c in enumerate(citations, start=1)
    )


_FIELDS = ("doc_id", "start", "end", "quote", "title", "outlet", "published", "url", "sha256")


def _all_places(articles: _Articles, wanted: str) -> tuple[Citation, ...]:
    """The first 40 places, ordered by article and offset."""
    found = islice(_places(articles, wanted), _MOST_PLACES)
    return _numbered(sorted(found, key=lambda c: (c.doc_id, c.start)))


def _places(articles: _Articles, wanted: str) -> Iterator[Citation]:
    """Every place where words stand exactly, up to the declared normalisation."""
    found = words(wanted)
    length = min(len(found), LONGEST)
    every = grams(found, length)
    some = [every[first] for first in _spread(len(every))]
    for row in articles.store.with_grams(some, _MOST_READ):
        text = articles.folded(row)
        for at in _occurrences(text, wanted):
            yield articles.citation(row, at, at + len(wanted))


def _spread(count: int) -> range:
    """At most ``_MOST_GRAMS`` of so many, evenly spread."""
    return range(0, count, -(-count // _MOST_GRAMS))


def _occurrences(text: str, wanted: str) -> Iterator[int]:
    """Where ``wanted`` stands in ``text`` as whole words; only its first letter may differ in
    case."""
    for first in sorted({wanted[0], wanted[0].lower(), wanted[0].upper()}):
        if len(first) != 1:
            continue
        variant = first + wanted[1:]
        at = text.find(variant)
        while at >= 0:
            if _whole(text, at, at + len(variant)):
                yield at
            at = text.find(variant, at + 1)


def _whole(text: str, start: int, end: int) -> bool:
    """True if no word or number is cut at either end.

    Cutting could change what is said: "40" out of "400" or "1.40", "can" out of "can't",
    "violent" out of "non-violent".
    """
    before, after = text[max(0, start - 4) : start], text[end : end + 2]
    if text[start].isalnum() and (before[-1:].isalnum() or before.lower().endswith("non-")):
        return False
    if text[end - 1].isalnum() and (after[:1].isalnum() or re.match(r"'[^\W\d_]", after)):
        return False
    if text[start].isdigit() and re.search(r"\d[.,]$", before):
        return False
    return not (text[end - 1].isdigit() and re.match(r"[.,]\d", after))


def _words_of(text: str) -> _Words:
    matches = list(_TOKEN.finditer(text))
    return _Words([m.group().lower() for m in matches], [m.span() for m in matches])


@dataclass(frozen=True, slots=True)
class _Nearest:
    places: tuple[Citation, ...]
    differences: tuple[Difference, ...]
    distance: int
    longest_gap: int

    def one_place_explains(self, parts: int) -> bool:
        """True if changing a few words of one place is a simpler story than stitching parts."""
        return self.distance <= 2 * parts and self.longest_gap <= _MIN_STITCH_WORDS


_Change = tuple[int, int, int, int]
"""Pasted tokens from, to; tokens of the stored stretch from, to, in place of them."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An article that may hold a text like the pasted words; ``begins`` are the places in its
    normalised text where that would begin, and ``least`` how many words must differ."""

    row: int
    begins: list[int]
    least: int


@dataclass(frozen=True, slots=True)
class _Alignment:
    """A stretch of an article's normalised text beside the pasted tokens."""

    row: int
    start: int
    end: int
    changes: list[_Change]
    same: int

    @property
    def distance(self) -> int:
        return sum(max(b - a, d - c) for a, b, c, d in self.changes)


def _nearest(articles: _Articles, wanted: str) -> _Nearest | None:
    """The text whose words are most like the pasted ones, if at least ``_NEAR`` of them agree."""
    pasted = _words_of(wanted)
    spans = [match.span() for match in WORD.finditer(wanted)]
    if len(spans) < LONGEST:
        return None
    best: tuple[int, int, _Alignment] | None = None
    for candidate in islice(_candidates(articles, wanted, spans), _MOST_ALIGNED):
        if best is not None and best[0] <= candidate.least:
            break
        text = articles.folded(candidate.row)
        for begin in candidate.begins:
            for found in _alignments(candidate.row, text, begin, pasted.tokens, len(wanted)):
                likeness = Indel.distance(wanted, text[found.start : found.end])
                if found.same >= _NEAR * len(pasted.tokens) and (
                    best is None or (found.distance, likeness) < best[:2]
                ):
                    best = found.distance, likeness, found
    return _described(articles, best[2], pasted, wanted) if best is not None else None


def _candidates(
    articles: _Articles, wanted: str, spans: list[tuple[int, int]]
) -> Iterator[_Candidate]:
    """Where a text like the pasted words may stand, the most promising first."""
    some = words(wanted)
    if len(some) < _SHORT:
        yield from _one_changed(articles, some, spans)
    length = LONGEST if len(some) >= _SHORT else 2
    firsts = _spread(len(some) - length + 1)
    every = grams(some, length)
    votes: defaultdict[int, int] = defaultdict(int)
    uncertain = 0
    for bit, first in enumerate(firsts):
        rows = list(articles.store.with_grams([every[first]], _MOST_VOTES))
        for row in rows:
            votes[row] |= 1 << bit
        if len(rows) == _MOST_VOTES:
            uncertain |= 1 << bit
    # Copies of a text have the same grams: a few of them will do.
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for row, mask in votes.items():
        if len(alike[mask]) < _MOST_ALIKE:
            alike[mask].append(row)
    enough = max(min(2, len(firsts)), len(firsts) // 8)
    for mask in sorted(alike, key=lambda m: (-m.bit_count(), alike[m])):
        if mask.bit_count() < enough:
            return
        missing = len(firsts) - (mask | uncertain).bit_count()
        runs = _runs([first for bit, first in enumerate(firsts) if mask >> bit & 1], length)
        for row in alike[mask]:
            if begins := _begins(articles.folded(row), wanted, spans, runs):
                yield _Candidate(row, begins, -(-missing // length))


def _runs(firsts: list[int], length: int) -> list[tuple[int, int]]:
    """The runs of words that grams with these first words cover, the longest first."""
    runs: list[tuple[int, int]] = []
    for first in firsts:
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], first + length)
        else:
            runs.append((first, first + length))
    return sorted(runs, key=lambda run: run[0] - run[1])


def _begins(
    text: str, wanted: str, spans: list[tuple[int, int]], runs: list[tuple[int, int]]
) -> list[int]:
    """Where the pasted words would begin for their runs to stand where they stand in a text."""
    found: list[int] = []
    for first, last in runs[:_MOST_ALIKE]:
        start, end = spans[first][0], spans[last - 1][1]
        at = text.find(wanted[start:end])
        while at >= 0 and len(found) < _MOST_ALIKE:
            found.append(at - start)
            at = text.find(wanted[start:end], at + 1)
    return found


def _one_changed(
    articles: _Articles, some: list[str], spans: list[tuple[int, int]]
) -> Iterator[_Candidate]:
    """Articles that hold the words with one of them missing, replaced or not there before.

    Whichever it is, the words before it and those after it stand there as they are.
    """
    tries = []
    for at in range(len(some)):
        for left, right in ((some[:at], some[at + 1 :]), (some[:at], some[at:])):
            runs = [run for run in (left, right) if run]
            if len(runs[0]) == len(some):
                continue
            wanted = [gram for run in runs for gram in grams(run, min(len(run), LONGEST))]
            rows = list(articles.store.with_grams(wanted, _MOST_TRIED))
            offset = 0 if left else spans[1][0]
            tries.append((len(rows), rows, offset, _with_gap(runs)))
    read = 0
    for _, rows, offset, pattern in sorted(tries, key=lambda one: one[0]):
        for row in rows:
            read += 1
            if read > _MOST_TRIED:
                return
            if match := pattern.search(articles.folded(row)):
                yield _Candidate(row, [match.start() - offset], 1)


def _with_gap(runs: list[list[str]]) -> re.Pattern[str]:
    """Runs of words with at most one word between them."""
    between = r"[\W_]+"
    gap = rf"{between}(?:[\w.,']+{between})?"
    return re.compile(
        rf"\b{gap.join(between.join(map(re.escape, run)) for run in runs)}\b", re.IGNORECASE
    )


def _alignments(
    row: int, text: str, begin: int, pasted: list[str], length: int
) -> Iterator[_Alignment]:
    """The stretches around a place that agree with the pasted tokens: as many tokens from that
    place on, and from the first that agrees to the last, each with as many beyond as were pasted.
    """
    slack = 40 + length // 4
    left = text.rfind(" ", 0, max(0, begin - slack)) + 1
    right = text.find(" ", begin + length + slack)
    spans = [m.span() for m in _TOKEN.finditer(text, left, right if right >= 0 else len(text))]
    stored = [text[start:end].lower() for start, end in spans]
    here = bisect_left(spans, (begin, begin))
    ranges = {(here, min(len(spans), here + len(pasted)))}
    if equal := [c for c in Indel.opcodes(pasted, stored) if c.tag == "equal"]:
        first = equal[0].dest_start - equal[0].src_start
        last = equal[-1].dest_end + len(pasted) - equal[-1].src_end
        ranges.add((max(0, first), min(len(spans), last)))
    for first, last in ranges:
        if first < last:
            changes, same = _changes(pasted, stored[first:last])
            yield _Alignment(row, spans[first][0], spans[last - 1][1], changes, same)


def _changes(pasted: list[str], stored: list[str]) -> tuple[list[_Change], int]:
    """What must be replaced, and how many tokens need not be."""
    changes: list[_Change] = []
    same = 0
    for code in Indel.opcodes(pasted, stored):
        piece = (code.src_start, code.src_end, code.dest_start, code.dest_end)
        if code.tag == "equal":
            same += code.src_end - code.src_start
        elif changes and (changes[-1][1], changes[-1][3]) == (piece[0], piece[2]):
            # Neighbouring insertions and deletions are one replacement.
            changes[-1] = (changes[-1][0], piece[1], changes[-1][2], piece[3])
        else:
            changes.append(piece)
    return changes, same


def _described(articles: _Articles, best: _Alignment, pasted: _Words, wanted: str) -> _Nearest:
    text = articles.folded(best.row)[best.start : best.end]
    stored = _words_of(text)
    changes = best.changes or _other_case(pasted, wanted, stored, text)
    differences = tuple(
        Difference(
            _kind(pasted.tokens[a:b], stored.tokens[c:d]),
            _stretch(wanted, pasted, a, b),
            _stretch(text, stored, c, d),
        )
        for a, b, c, d in changes
    )
    own = articles.citation(best.row, best.start, best.end)
    places = _all_places(articles, text)
    if own.doc_id not in {place.doc_id for place in places}:
        places = _numbered([own, *places[: _MOST_PLACES - 1]])
    gap = max((d - c for _, _, c, d in changes), default=0)
    return _Nearest(places, differences, best.distance, gap)


def _other_case(pasted: _Words, wanted: str, stored: _Words, text: str) -> list[_Change]:
    """The words that differ in case; all of them if it is only their spacing that differs."""
    some = [
        (i, i + 1, i, i + 1)
        for i, (one, other) in enumerate(zip(pasted.spans, stored.spans, strict=True))
        if i and wanted[slice(*one)] != text[slice(*other)]
    ]
    return some or [(0, len(pasted.spans), 0, len(stored.spans))]


def _stretch(text: str, found: _Words, first: int, last: int) -> str:
    return text[found.spans[first][0] : found.spans[last - 1][1]] if last > first else ""


def _kind(quoted: list[str], stored: list[str]) -> str:
    tokens = set(quoted) ^ set(stored)
    if any(any(c.isdigit() for c in token) or token in _NUMBER_WORDS for token in tokens):
        return "number"
    if any(token in _NEGATIONS or token.endswith("n't") for token in tokens):
        return "negation"
    return "words"


def _stitched(articles: _Articles, wanted: str) -> list[Citation] | None:
    """The places of the parts, if exact parts of at least four words make up the whole quote.

    Greedy from the left: the longest run of words that stands somewhere exactly, then the next.
    Marks of omission ("...", "[...]") between parts are passed over.
    """
    spans = [match.span() for match in WORD.finditer(wanted)]
    at = 0
    parts: list[Citation] = []
    while at < len(spans):
        found: Citation | None = None
        # The longest run that stands somewhere, by bisection from the shortest that counts.
        low, high, middle = at + _MIN_STITCH_WORDS, len(spans), at + _MIN_STITCH_WORDS
        while low <= high:
            piece = wanted[spans[at][0] : spans[middle - 1][1]]
            place = next(_places(articles, piece), None)
            if place is not None:
                found, at_end, low = place, middle, middle + 1
            elif found is None:
                return None
            else:
                high = middle - 1
            middle = (low + high) // 2
        if found is None:
            return None
        parts.append(found)
        at = at_end
    return parts if len(parts) > 1 else None
