"""What the span network is asked: groups of a question with passages, some of which answer it.

Beside the passage that answers, a group often holds others that do not: another of the same
article, a wrong one that BM25 or the encoder ranks high, or the right one with the answering
sentence taken out. A question altered so that its answer no longer answers it is a group of its
own (``rag.reader.near_miss``). Passages are cut as the product cuts them.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Article, Passage
from rag.index.lexical import Postings
from rag.models.embed import Encoder
from rag.reader import datasets
from rag.reader.datasets import SQUAD_FORM, Example, for_calibration, held_back, read_squad_form
from rag.reader.near_miss import altered, without_answer
from rag.reader.reported import reported_groups
from rag.reader.windows import Group, Window

_log = logging.getLogger("rag.train")
PASSAGE_SIZES = (96, 128, 128, 144)
_CANDIDATES = 8
"""How far down a ranking wrong passages are drawn from."""
_CHANCES = (("without", 0.25), ("sibling", 0.15), ("lexical", 0.2), ("dense", 0.2))


@dataclass(frozen=True, slots=True)
class Mixture:
    """How much is taken of what.

    Attributes:
        shares: How often a question of a file is taken, once where nothing is said: those on
            reviews are many and much alike; those on news are few, and news is what the product
            reads.
        qamr, subjqa: At most so many groups of these.
        altered: Of questions, how many are asked in an altered form too.
        reported: Whether unlabelled news is asked what people said.
    """

    shares: Mapping[str, float]
    qamr: int
    subjqa: int
    altered: float
    reported: bool


FIRST = Mixture(
    shares={"squadshifts_amazon_reviews": 0.6, "newsqa_438": 2.0},
    qamr=12_000,
    subjqa=6_000,
    altered=0.35,
    reported=False,
)
SECOND = Mixture(
    shares={"squadshifts_new_wiki": 1.5, "squadshifts_amazon_reviews": 0.6, "newsqa_438": 3.0},
    qamr=40_000,
    subjqa=8_000,
    altered=0.5,
    reported=True,
)


def question_groups(
    data: Path,
    pieces: WordPieces,
    encoder: Encoder,
    rng: random.Random,
    mixture: Mixture,
    *,
    slice_only: bool = False,
) -> list[Group]:
    """Groups of every question file, in random order; ``slice_only`` takes a little of each."""
    groups: list[Group] = []
    for name in SQUAD_FORM:
        articles = [
            _beginning(article, examples) if slice_only else (article, examples)
            for article, examples in read_squad_form(data / f"{name}.json.gz", name)
            if not held_back(article.doc_id) and not for_calibration(article.doc_id)
        ]
        source = _Source(articles[:2] if slice_only else articles, pieces, encoder, rng)
        groups += source.groups(mixture.shares.get(name, 1.0), mixture.altered, rng)
        _log.info("%s: %d groups so far", name, len(groups))
    qamr = datasets.read_qamr(data, 60 if slice_only else mixture.qamr, rng)
    subjqa = datasets.read_subjqa(
        data / "subjqa.jsonl.gz", 60 if slice_only else mixture.subjqa, rng
    )
    wikiqa = datasets.read_wikiqa(data, rng)
    trecqa = datasets.read_trecqa(data / "trecqa_train.xml.gz", rng)
    quiz = [] if slice_only else list(_quiz_groups(data, pieces, rng))
    reported: list[Group] = []
    if mixture.reported:
        news = datasets.read_news(data / "news_text.jsonl.gz", 40 if slice_only else None)
        reported = list(reported_groups(news, pieces, rng))
    for name, found in (("qamr", qamr), ("subjqa", subjqa), ("wikiqa", wikiqa),
                        ("trecqa", trecqa), ("newsquiz", quiz), ("reported", reported)):  # fmt: skip
        groups += found[:60] if slice_only else found
        _log.info("%s: %d groups so far", name, len(groups))
    rng.shuffle(groups)
    return groups


def _beginning(article: Article, examples: list[Example]) -> tuple[Article, list[Example]]:
    """The article's first characters, and a few of the questions that they answer."""
    text = article.text[:10_000]
    answered = [e for e in examples if all(end <= len(text) for _, end in e.spans)]
    return Article(article.doc_id, article.title, text), answered[:40]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its article with its passages, and the answers in lower case."""

    example: Example
    article: Article
    own: list[Passage]
    answers: frozenset[str]
    near: list[str]


class _Source:
    """The articles of one file, cut and searchable."""

    def __init__(
        self,
        articles: Sequence[tuple[Article, list[Example]]],
        pieces: WordPieces,
        encoder: Encoder,
        rng: random.Random,
    ) -> None:
        self._articles = articles
        self._passages = [
            cut_passages(article, pieces, max_tokens=rng.choice(PASSAGE_SIZES))
            for article, _ in articles
        ]
        self._texts = [p.span.text for own in self._passages for p in own]
        self._postings = Postings.build(self._texts)
        self._encoder = encoder
        self._vectors = encoder.encode(self._texts)

    def groups(self, share: float, changed: float, rng: random.Random) -> Iterator[Group]:
        """The groups of every question, each taken ``share`` times on average, and ``changed`` as
        often altered."""
        for (article, examples), own in zip(self._articles, self._passages, strict=True):
            for number, example in enumerate(examples):
                answers = frozenset(article.text[s:e].lower() for s, e in example.spans)
                near = [e.question for e in examples[max(0, number - 30) : number + 30]]
                asked = _Asked(example, article, own, answers, near)
                for _ in range(int(share + rng.random())):
                    yield from self._of(asked, changed, rng)

    def _of(self, asked: _Asked, changed: float, rng: random.Random) -> Iterator[Group]:
        example, text = asked.example, asked.article.text
        holding = [p for p in asked.own if _inside(p, example.spans)]
        passage = rng.choice(holding) if holding else None
        windows = []
        if passage is not None:
            windows.append(
                Window(example.question, passage.span.text, _inside(passage, example.spans))
            )
        for kind, chance in _CHANCES:
            if rng.random() < chance:
                wrong = self._wrong(kind, asked, passage, rng)
                if wrong is not None:
                    windows.append(Window(example.question, wrong, ()))
        if windows:
            yield tuple(windows)
        if passage is not None and rng.random() < changed:
            evidence = " ".join(
                text[start:end]
                for start, end in passage.sentences
                if any(start < e and s < end for s, e in example.spans)
            )
            around = text[max(0, passage.span.start - 3_000) : passage.span.end + 3_000]
            others = [other for other in asked.near if other != example.question]
            question = altered(example.question, evidence, around, others, rng)
            if question is not None:
                yield (Window(question, passage.span.text, ()),)

    def _wrong(
        self, kind: str, asked: _Asked, passage: Passage | None, rng: random.Random
    ) -> str | None:
        """A passage that does not answer; None where there is none of this kind."""
        if kind == "without":
            if passage is None:
                return None
            found = without_answer(asked.article, passage, asked.example.spans)
            return None if found is None or _mentions(found, asked.answers) else found
        if kind == "sibling":
            texts = [p.span.text for p in asked.own]
        else:
            question = asked.example.question
            if kind == "lexical":
                scores = self._postings.scores(question)
            else:
                scores = self._vectors @ self._encoder.encode([question])[0]
            top = np.argsort(-scores, kind="stable")[:_CANDIDATES]
            texts = [self._texts[int(row)] for row in top]
        wrong = [text for text in texts if not _mentions(text, asked.answers)]
        return rng.choice(wrong) if wrong else None


def _quiz_groups(data: Path, pieces: WordPieces, rng: random.Random) -> Iterator[Group]:
    """The quiz's questions with the passage of their articles that shares most words with the
    question and holds the answer, and one that does not hold it."""
    for question, answer, articles in datasets.read_quiz(data):
        passages = [
            p.span.text
            for article in articles
            for p in cut_passages(article, pieces, max_tokens=rng.choice(PASSAGE_SIZES))
        ]
        scores = Postings.build(passages).scores(question)
        ranking = [passages[int(row)] for row in np.argsort(-scores, kind="stable")]
        words = re.compile(rf"\b{re.escape(answer)}\b", re.IGNORECASE)
        right = next((text for text in ranking if words.search(text)), None)
        wrong = next((text for text in ranking if not words.search(text)), None)
        if right is not None:
            spans = tuple(m.span() for m in words.finditer(right))
            others = () if wrong is None else (Window(question, wrong, ()),)
            yield (Window(question, right, spans), *others)


def _inside(passage: Passage, spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Those of an article's spans that the passage holds whole, as offsets within it."""
    base = passage.span.start
    return tuple((s - base, e - base) for s, e in spans if base <= s and e <= passage.span.end)


def _mentions(text: str, answers: frozenset[str]) -> bool:
    lowered = text.lower()
    return any(answer in lowered for answer in answers)
