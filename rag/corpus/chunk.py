"""Cut an article into passages: runs of whole sentences, sized in the embedding model's tokens.

Offsets are computed while cutting, never searched for afterwards, so repeated text cannot be
mistaken. A passage never holds furniture (link lines, share bars) or the header (headline,
dates, outlet): those end the passage before them and are in none.
"""

from __future__ import annotations

import math
import string
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from rag.corpus.furniture import is_furniture
from rag.corpus.header import header_spans
from rag.corpus.sentences import sentence_spans
from rag.datatypes import Article, Passage, Span

CHUNKER_VERSION = "1"
TITLE_TOKENS = 48
"""The title stands before each passage when it is embedded, cut to so many word pieces."""

_MOST_TOKENS_IN_WORD = 300
"""A word of over 100 characters is one unknown token; a character is at most three."""

Offsets = tuple[int, int]


class TokenSpans(Protocol):
    """The embedding model's tokenizer, as seen from here."""

    def counts(self, texts: list[str]) -> list[int]:
        """How many tokens each text has, special tokens left out."""
        ...

    def spans(self, texts: list[str]) -> list[list[Offsets]]:
        """For each text, the (start, end) of its tokens, special tokens left out."""
        ...


class WordPieces:
    """A ``tokenizers`` tokenizer file as ``TokenSpans``; nothing is truncated."""

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def counts(self, texts: list[str]) -> list[int]:
        """How many word pieces each text has."""
        # Quicker than encode_batch, but it leaves the offsets empty.
        return [
            len(found)
            for found in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ]

    def spans(self, texts: list[str]) -> list[list[Offsets]]:
        """(start, end) of every word piece of each text."""
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [list(encoding.offsets) for encoding in encodings]


def evidence_blocks(article: Article) -> list[list[Offsets]]:
    """Runs of consecutive sentences that may serve as evidence, as spans of the article."""
    text, header = article.text, header_spans(article)
    blocks: list[list[Offsets]] = [[]]
    line_start = line_end = 0
    furniture_line = False
    for start, end in sentence_spans(text):
        if start >= line_end:  # the first sentence of its line
            line_start = text.rfind("\n", 0, start) + 1
            line_end = text.find("\n", start)
            line_end = line_end if line_end >= 0 else len(text)
            furniture_line = is_furniture(text[line_start:line_end])
        # The second sentence of a link's headline does not look like furniture: its line does.
        inside_link = furniture_line and line_start < start
        in_header = any(start < e and s < end for s, e in header)
        if in_header or inside_link or is_furniture(text[start:end]):
            blocks.append([])
        else:
            blocks[-1].append((start, end))
    return [block for block in blocks if block]


def cut_passages(article: Article, tokenizer: TokenSpans, *, max_tokens: int) -> list[Passage]:
    """Cut an article into passages of at most ``max_tokens`` word pieces each.

    The sentences of a block are spread evenly over as few passages as will hold them. A sentence
    longer than a passage is cut between words, after punctuation where there is some.

    Returns:
        Passages with strictly increasing, disjoint spans; ``Passage.sentences`` are the spans of
        their sentences in the article. Empty if nothing in the article can serve as evidence.
    """
    passages = []
    for block in evidence_blocks(article):
        sized = list(_sized_sentences(article.text, block, tokenizer, max_tokens))
        for group in _spread(sized, max_tokens):
            span = Span.cut(article, group[0][0], group[-1][1])
            passages.append(
                Passage(
                    passage_id=f"{article.doc_id}#{span.start}-{span.end}",
                    span=span,
                    title=article.title,
                    outlet=article.outlet,
                    published=article.published,
                    url=article.url,
                    sentences=tuple(group),
                )
            )
    return passages


def _sized_sentences(
    text: str, block: list[Offsets], tokenizer: TokenSpans, max_tokens: int
) -> Iterator[tuple[Offsets, int]]:
    """Each sentence with its number of tokens; one that is too long comes in pieces."""
    counts = tokenizer.counts([text[start:end] for start, end in block])
    for (start, end), count in zip(block, counts, strict=True):
        if count <= max_tokens:
            yield (start, end), count
            continue
        sentence = text[start:end]
        (tokens,) = tokenizer.spans([sentence])
        for (begin, stop), size in _pieces(sentence, tokens, tokenizer, max_tokens):
            yield _strip(text, start + begin, start + stop), size


def _pieces(
    sentence: str, tokens: list[Offsets], tokenizer: TokenSpans, max_tokens: int
) -> Iterator[tuple[Offsets, int]]:
    """Spans that together make up a sentence, each with its number of tokens."""
    begin = first = 0
    while len(tokens) - first > max_tokens:
        cut = _cut_point(sentence, tokens, first, first + max_tokens)
        at = tokens[cut][0]
        yield (begin, at), cut - first
        if not _begins_word(sentence, tokens, cut):
            # Standing alone, the rest of a word has other pieces than it had within the word.
            limit = min(cut + _MOST_TOKENS_IN_WORD, len(tokens))
            ends = (i for i in range(cut + 1, limit) if _begins_word(sentence, tokens, i))
            stop = next(ends, limit)
            rest = tokenizer.spans([sentence[at : tokens[stop - 1][1]]])[0]
            tokens[cut:stop] = [(at + left, at + right) for left, right in rest]
        begin, first = at, cut
    yield (begin, len(sentence)), len(tokens) - first


def _cut_point(sentence: str, tokens: list[Offsets], first: int, limit: int) -> int:
    """Index of the first token of the next piece, in (first, limit]."""
    by_word = None
    for index in range(limit, first + (limit - first) // 2, -1):
        before = sentence[tokens[index - 1][0] : tokens[index - 1][1]]
        if _space_between(sentence, tokens, index):
            if before in {",", ";", ":", "—", "–", ")", ".", "!", "?"}:
                return index
            by_word = by_word or index
    if by_word is None:
        latest = range(limit, first, -1)
        by_word = next((i for i in latest if _begins_word(sentence, tokens, i)), None)
    return by_word or limit


def _space_between(sentence: str, tokens: list[Offsets], index: int) -> bool:
    """True if white space, and not only a dropped accent or mark, precedes a token."""
    gap = sentence[tokens[index - 1][1] : tokens[index][0]]
    return any(c in "\t\n\r" or unicodedata.category(c)[0] == "Z" for c in gap)


def _begins_word(sentence: str, tokens: list[Offsets], index: int) -> bool:
    """True if the tokenizer parts words before this token: at white space and punctuation."""
    around = sentence[tokens[index - 1][1] - 1] + sentence[tokens[index][0]]
    return _space_between(sentence, tokens, index) or any(
        c in string.punctuation or unicodedata.category(c)[0] == "P" for c in around
    )


def _strip(text: str, start: int, end: int) -> Offsets:
    """The span without white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))


def _spread(sized: list[tuple[Offsets, int]], max_tokens: int) -> Iterator[list[Offsets]]:
    """Group sentences into runs of at most ``max_tokens``, of about equal size."""
    total = sum(size for _, size in sized)
    target = total / math.ceil(total / max_tokens) if total else max_tokens
    group: list[Offsets] = []
    filled = 0
    for span, size in sized:
        if group and (filled + size > max_tokens or filled + size / 2 > target):
            yield group
            group, filled = [], 0
        group.append(span)
        filled += size
    if group:
        yield group


def embedding_texts(passages: Iterable[Passage], tokenizer: TokenSpans) -> list[str]:
    """What is embedded for each passage: the title, cut to ``TITLE_TOKENS``, then its text.

    A passage rarely repeats what its article is about; the title says it.
    """
    cut: dict[str, str] = {}
    texts = []
    for passage in passages:
        if passage.title not in cut:
            (tokens,) = tokenizer.spans([passage.title])
            end = tokens[TITLE_TOKENS - 1][1] if len(tokens) > TITLE_TOKENS else None
            cut[passage.title] = passage.title[:end]
        texts.append(f"{cut[passage.title]}\n{passage.span.text}")
    return texts
