"""The stages between an article and what an index holds of it: cut, then embed.

For every kind of index and every worker: they read no file and write none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from rag.corpus.chunk import TokenSpans, cut_passages, embedding_texts
from rag.datatypes import Article, Passage
from rag.models.embed import Encoder

BATCH_CHARACTERS = 500_000
"""Of article text in a batch; some 1,000 passages of news: enough of each length to fill the
encoder's batches with little padding, and a few seconds' work, which is what a killed build loses."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """An article, its passages and their vectors, shape (passages, dimension)."""

    article: Article
    passages: tuple[Passage, ...]
    vectors: np.ndarray


@dataclass(frozen=True, slots=True)
class _Cut:
    articles: Sequence[Article]
    passages: list[tuple[Passage, ...]]
    texts: list[str]


def in_batches(articles: Iterable[Article], characters: int) -> Iterator[list[Article]]:
    """The articles in runs of so many characters or a little more."""
    batch: list[Article] = []
    filled = 0
    for article in articles:
        batch.append(article)
        filled += len(article.text)
        if filled >= characters:
            yield batch
            batch, filled = [], 0
    if batch:
        yield batch


def embedded(
    articles: Sequence[Article], tokenizer: TokenSpans, encoder: Encoder, *, max_tokens: int
) -> list[Embedded]:
    """Cut and embed articles, all their passages at once."""
    cut = _cut(articles, tokenizer, max_tokens)
    return _joined(cut, encoder.encode(cut.texts))


def embedded_beside(
    batches: Iterable[Sequence[Article]],
    tokenizer: TokenSpans,
    encoder: Encoder,
    *,
    max_tokens: int,
) -> Iterator[list[Embedded]]:
    """``embedded`` of each batch, in order. A thread encodes one batch while the next is read and
    cut and the last one, by whoever takes it from here, is written."""
    thread = ThreadPoolExecutor(max_workers=1)
    try:
        before: tuple[_Cut, Future[np.ndarray]] | None = None
        for batch in batches:
            cut = _cut(batch, tokenizer, max_tokens)
            encoding = thread.submit(encoder.encode, cut.texts)
            if before is not None:
                yield _joined(before[0], before[1].result())
            before = cut, encoding
        if before is not None:
            yield _joined(before[0], before[1].result())
    finally:
        thread.shutdown(cancel_futures=True)


def _cut(articles: Sequence[Article], tokenizer: TokenSpans, max_tokens: int) -> _Cut:
    passages = [tuple(cut_passages(one, tokenizer, max_tokens=max_tokens)) for one in articles]
    texts = embedding_texts(itertools.chain(*passages), tokenizer)
    return _Cut(articles, passages, texts)


def _joined(cut: _Cut, vectors: np.ndarray) -> list[Embedded]:
    ends = np.cumsum([len(own) for own in cut.passages])[:-1]
    parts = np.split(vectors, ends)
    return [Embedded(*one) for one in zip(cut.articles, cut.passages, parts, strict=True)]
