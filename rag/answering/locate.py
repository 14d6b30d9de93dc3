"""Look up pasted words: does the corpus have them, where, and how exactly?

Words are compared under the declared normalisation (``rag.index.normalise``) and, for the first
letter alone, without regard to case. The phrase index names candidates; each is then compared in
full. Likeness never passes as a match: what is not exact is ``altered``, with what differs,
``stitched``, or ``absent``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Indel
from rapidfuzz.distance import Opcodes as _Opcodes

from rag.datatypes import Article, Citation, Difference, QuoteMatch
from rag.index.normalise import Normalised, normalise
from rag.index.store import Store

MAX_QUOTE_CHARS = 20_000
_TOKEN = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")
_WORD = re.compile(r"[$£€¥]?\d+(?:[.,]\d+)*%?|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]")
_CANDIDATES = 40
_SHINGLE = 3
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
        quote: At least one word; quotation marks around it and white space are dropped.

    Returns:
        ``exact`` with every place (at most 40) it stands, ``altered`` with the nearest text and
        what differs, ``stitched`` with the places of its parts in order, or ``absent``.
    """
    wanted = normalise(quote[:MAX_QUOTE_CHARS]).text.strip(" ")
    wanted = _without_outer_quotes(wanted)
    if not _TOKEN.search(wanted):
        return QuoteMatch("absent", ())
    articles = _Articles(store)
    exact = list(_exact(store, articles, wanted))
    if exact:
        return QuoteMatch("exact", _numbered(exact))
    stitched = _stitched(store, articles, wanted)
    altered = _nearest(store, articles, wanted)
    if stitched and (altered is None or altered.distance > 0):
        if altered is None or not altered.one_place_explains(len(stitched)):
            return QuoteMatch("stitched", _numbered(stitched))
    if altered is not None:
        return QuoteMatch("altered", _numbered([altered.citation]), altered.differences)
    return QuoteMatch("absent", ())


class _Articles:
    """Articles with their normalised texts, each read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[Article, Normalised]] = {}

    def get(self, doc_id: str) -> tuple[Article, Normalised]:
        if doc_id not in self._seen:
            article = self._store.article(doc_id)
            assert article is not None
            self._seen[doc_id] = (article, normalise(article.text))
        return self._seen[doc_id]


def _without_outer_quotes(text: str) -> str:
    while len(text) > 2 and text[0] in "\"'" and text[-1] == text[0]:
        text = text[1:-1].strip()
    return text


def _phrase(words: Iterable[str]) -> str:
    return '"' + " ".join(words) + '"'


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


def _numbered(citations: list[Citation]) -> tuple[Citation, ...]:
    return tuple(
        Citation(number, *[getattr(c, name) for name in _FIELDS])
        for number, c in enumerate(citations, start=1)
    )


_FIELDS = ("doc_id", "start", "end", "quote", "title", "outlet", "published", "url", "sha256")


def _exact(store: Store, articles: _Articles, wanted: str) -> Iterable[Citation]:
    """Every place where the pasted words stand exactly, up to the declared normalisation."""
    found = {}
    for doc_id in store.phrase_candidates(_phrases(wanted), _CANDIDATES):
        article, text = articles.get(doc_id)
        for at in _occurrences(text.text, wanted):
            start, end = text.original(at, at + len(wanted))
            found[doc_id, start] = _citation(article, start, end)
    return [found[key] for key in sorted(found)][:_CANDIDATES]


def _phrases(wanted: str) -> str:
    """An FTS5 query that every article holding ``wanted`` matches: its words in a row, but for
    those with letters outside ASCII, about whose ends Python and SQLite may disagree."""
    runs: list[list[str]] = [[]]
    for match in _TOKEN.finditer(wanted):
        if match.group().isascii():
            runs[-1].append(match.group())
        else:
            runs.append([])
    plain = [_phrase(run) for run in runs if run]
    return " AND ".join(plain) or _phrase(_TOKEN.findall(wanted))


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
    matches = list(_WORD.finditer(text))
    return _Words([m.group().lower() for m in matches], [m.span() for m in matches])


@dataclass(frozen=True, slots=True)
class _Nearest:
    citation: Citation
    differences: tuple[Difference, ...]
    distance: int
    longest_gap: int

    def one_place_explains(self, parts: int) -> bool:
        """True if changing a few words of one place is a simpler story than stitching parts."""
        return self.distance <= 2 * parts and self.longest_gap <= _MIN_STITCH_WORDS


def _nearest(store: Store, articles: _Articles, wanted: str) -> _Nearest | None:
    """The place whose words are most like the pasted ones, if at least ``_NEAR`` of them agree."""
    words = [token for token in _TOKEN.findall(wanted)]
    size = min(_SHINGLE if len(words) > 2 * _SHINGLE + 1 else 2, max(1, len(words) - 1))
    shingles = [words[i : i + size] for i in range(len(words) - size + 1)]
    if not shingles:
        return None
    step = max(1, len(shingles) // 60)
    query = " OR ".join(dict.fromkeys(_phrase(s) for s in shingles[::step]))
    pasted = _words_of(wanted)
    best: _Nearest | None = None
    for doc_id in store.phrase_candidates(query, _CANDIDATES):
        article, text = articles.get(doc_id)
        found = _align(article, text, pasted, wanted)
        if found is not None and (best is None or found.distance < best.distance):
            best = found
    return best


def _align(article: Article, text: Normalised, pasted: _Words, wanted: str) -> _Nearest | None:
    """The stretch of an article that agrees best with the pasted words."""
    stored = _words_of(text.text)
    window = _best_window(pasted.tokens, stored.tokens)
    if window is None:
        return None
    first, last = window
    some = stored.tokens[first:last]
    codes = Indel.opcodes(pasted.tokens, some)
    same = sum(c.src_end - c.src_start for c in codes if c.tag == "equal")
    if same < _NEAR * len(pasted.tokens):
        return None
    start, end = text.original(stored.spans[first][0], stored.spans[last - 1][1])
    differences = tuple(_differences(codes, wanted, pasted, text.text, stored, first))
    changed = sum(
        max(c.src_end - c.src_start, c.dest_end - c.dest_start) for c in codes if c.tag != "equal"
    )
    gaps = [c.dest_end - c.dest_start for c in codes if c.tag in ("insert", "replace")]
    return _Nearest(_citation(article, start, end), differences, changed, max(gaps, default=0))


def _best_window(pasted: list[str], stored: list[str]) -> tuple[int, int] | None:
    """The run of stored words, about as long as the pasted ones, that shares most of them."""
    wanted = set(pasted)
    size = len(pasted) + max(2, len(pasted) // 4)
    hits = [int(token in wanted) for token in stored]
    if not any(hits):
        return None
    total = sum(hits[:size])
    sums = [total]
    for i in range(size, len(stored)):
        total += hits[i] - hits[i - size]
        sums.append(total)
    most = max(sums)
    choices = [i for i, s in enumerate(sums) if s >= most - 1][:50]
    scored = []
    for begin in choices:
        end = min(len(stored), begin + size)
        codes = Indel.opcodes(pasted, stored[begin:end])
        equal = [c for c in codes if c.tag == "equal"]
        if equal:
            same = sum(c.src_end - c.src_start for c in equal)
            # What agrees, and as many words at its ends as were pasted there beyond it.
            first = begin + equal[0].dest_start - equal[0].src_start
            last = begin + equal[-1].dest_end + len(pasted) - equal[-1].src_end
            span = (max(0, first), min(len(stored), last))
            scored.append((-same, span[1] - span[0], span))
    return min(scored)[2] if scored else None


def _differences(
    codes: _Opcodes, wanted: str, pasted: _Words, text: str, stored: _Words, first: int
) -> Iterable[Difference]:
    changes: list[list[int]] = []
    for code in codes:
        if code.tag == "equal":
            continue
        piece = [code.src_start, code.src_end, code.dest_start, code.dest_end]
        # Neighbouring insertions and deletions are one replacement.
        if changes and changes[-1][1] == piece[0] and changes[-1][3] == piece[2]:
            changes[-1][1], changes[-1][3] = piece[1], piece[3]
        else:
            changes.append(piece)
    for a, b, c, d in changes:
        quoted = wanted[pasted.spans[a][0] : pasted.spans[b - 1][1]] if b > a else ""
        kept = text[stored.spans[first + c][0] : stored.spans[first + d - 1][1]] if d > c else ""
        yield Difference(
            _kind(pasted.tokens[a:b], stored.tokens[first + c : first + d]), quoted, kept
        )


def _kind(quoted: list[str], stored: list[str]) -> str:
    tokens = set(quoted) ^ set(stored)
    if any(any(c.isdigit() for c in token) or token in _NUMBER_WORDS for token in tokens):
        return "number"
    if any(token in _NEGATIONS or token.endswith("n't") for token in tokens):
        return "negation"
    return "words"


def _stitched(store: Store, articles: _Articles, wanted: str) -> list[Citation] | None:
    """The places of the parts, if exact parts of at least four words make up the whole quote.

    Greedy from the left: the longest run of words that stands somewhere exactly, then the next.
    Marks of omission ("...", "[...]") between parts are passed over.
    """
    spans = [match.span() for match in _TOKEN.finditer(wanted)]
    at = 0
    parts: list[Citation] = []
    while at < len(spans):
        found: Citation | None = None
        low, high = at + min(_MIN_STITCH_WORDS, len(spans) - at), len(spans)
        best_end = at
        while low <= high:  # the longest run that stands somewhere, by bisection
            middle = (low + high) // 2
            piece = wanted[spans[at][0] : spans[middle - 1][1]]
            places = list(_exact(store, articles, piece)) if len(piece) > 0 else []
            if places:
                found, best_end, low = places[0], middle, middle + 1
            else:
                high = middle - 1
        if found is None or best_end - at < _MIN_STITCH_WORDS:
            return None
        parts.append(found)
        at = best_end
    return parts if len(parts) > 1 else None
