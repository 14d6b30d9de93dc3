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
from dataclasses import dataclass, field, replace
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
from rag.reader.standalone import standalone
from rag.reader.windows import Group, Window
from rag.retrieve.fuse import reciprocal_rank_fusion

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
        titled: How many windows hold the title of their article.
        ranked: Of a file, how many of the passages that the product would rank first, and that do
            not answer, stand beside the one that does.
        standalone: Of the questions on CNN articles that presume their article, how many are
            made to stand alone.
    """

    shares: Mapping[str, float]
    qamr: int
    subjqa: int
    altered: float
    reported: bool
    titled: float = 0.0
    ranked: Mapping[str, int] = field(default_factory=dict)
    standalone: float = 0.0


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


THIRD = Mixture(
    shares={
        "squadshifts_new_wiki": 2.0,
        "squadshifts_reddit": 0.7,
        "squadshifts_amazon_reviews": 0.3,
        "newsqa_438": 4.0,
        "quoref_perturbed": 2.0,
    },
    qamr=25_000,
    subjqa=4_000,
    altered=0.35,
    reported=True,
    titled=0.85,
    ranked={"squadshifts_new_wiki": 3, "newsqa_438": 2},
    standalone=0.5,
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
        groups += source.groups(name, mixture, rng)
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
    return [g if rng.random() < mixture.titled else _untitled(g) for g in groups]


def _untitled(group: Group) -> Group:
    return tuple(replace(window, title="") for window in group)


def _beginning(article: Article, examples: list[Example]) -> tuple[Article, list[Example]]:
    """The article's first characters, and a few of the questions that they answer."""
    text = article.text[:10_000]
    answered = [e for e in examples if all(end <= len(text) for _, end in e.spans)]
    return Article(article.doc_id, article.title, text), answered[:40]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its article with its passages and the numbers of those, the answers in lower
    case, and questions asked of the article near this one."""

    example: Example
    article: Article
    own: list[Passage]
    numbers: range
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
        self._all = [p for own in self._passages for p in own]
        texts = [p.span.text for p in self._all]
        self._postings = Postings.build(texts)
        self._encoder = encoder
        self._vectors = encoder.encode(texts)

    def groups(self, name: str, mixture: Mixture, rng: random.Random) -> Iterator[Group]:
        """The groups of every question of the file, as often as the mixture says."""
        first = 0
        for (article, examples), own in zip(self._articles, self._passages, strict=True):
            numbers = range(first, first + len(own))
            first = numbers.stop
            for number, example in enumerate(examples):
                answers = frozenset(article.text[s:e].lower() for s, e in example.spans)
                near = [e.question for e in examples[max(0, number - 30) : number + 30]]
                for _ in range(int(mixture.shares.get(name, 1.0) + rng.random())):
                    whole = None
                    if name == "newsqa_438" and rng.random() < mixture.standalone:
                        whole = standalone(example.question, article.text, answers, rng)
                    asked = _Asked(
                        example if whole is None else replace(example, question=whole),
                        article, own, numbers, answers, near,
                    )  # fmt: skip
                    # A question that presumes its article may be answered by any other's.
                    among = numbers if name == "newsqa_438" else range(len(self._all))
                    ranked = mixture.ranked.get(name, 0)
                    yield from self._of(asked, ranked, among, mixture.altered, rng)

    def _of(
        self, asked: _Asked, ranked: int, among: range, changed: float, rng: random.Random
    ) -> Iterator[Group]:
        example, text = asked.example, asked.article.text
        holding = [p for p in asked.own if _inside(p, example.spans)]
        passage = rng.choice(holding) if holding else None
        windows = []
        if passage is not None:
            windows.append(_window(example.question, passage, _inside(passage, example.spans)))
        if ranked:
            best = self._best(asked, among)
            for wrong in rng.sample(best, min(ranked, len(best))):
                windows.append(_window(example.question, wrong))
        for kind, chance in _CHANCES:
            if rng.random() < chance and (kind == "without" or not ranked):
                other = self._wrong(kind, asked, passage, rng)
                if other is not None:
                    windows.append(other)
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
                yield (_window(question, passage),)

    def _wrong(
        self, kind: str, asked: _Asked, passage: Passage | None, rng: random.Random
    ) -> Window | None:
        """A passage that does not answer; None where there is none of this kind."""
        question = asked.example.question
        if kind == "without":
            if passage is None:
                return None
            left = without_answer(asked.article, passage, asked.example.spans)
            if left is None or _mentions(left, asked.answers):
                return None
            return Window(question, left, (), title=passage.title)
        passages = asked.own
        if kind != "sibling":
            if kind == "lexical":
                scores = self._postings.scores(question)
            else:
                scores = self._vectors @ self._encoder.encode([question])[0]
            passages = [self._all[int(i)] for i in np.argsort(-scores, kind="stable")[:_CANDIDATES]]
        wrong = [p for p in passages if not _mentions(p.span.text, asked.answers)]
        return _window(question, rng.choice(wrong)) if wrong else None

    def _best(self, asked: _Asked, among: range) -> list[Passage]:
        """The passages that do not answer among the first ``_CANDIDATES`` of those with the numbers
        ``among``, ranked as the product ranks them: nearness and BM25, fused."""
        own = slice(among.start, among.stop)
        vector = self._encoder.encode([asked.example.question])[0]
        rankings = []
        for scores in (
            self._vectors[own] @ vector,
            self._postings.scores(asked.example.question)[own],
        ):
            order = np.argsort(-scores, kind="stable")[: 4 * _CANDIDATES]
            rankings.append([among.start + int(i) for i in order])
        first = [number for number, _ in reciprocal_rank_fusion(rankings)[:_CANDIDATES]]
        passages = [self._all[number] for number in first]
        return [p for p in passages if not _mentions(p.span.text, asked.answers)]


def _quiz_groups(data: Path, pieces: WordPieces, rng: random.Random) -> Iterator[Group]:
    """The quiz's questions with the passage of their articles that shares most words with the
    question and holds the answer, and one that does not hold it."""
    for question, answer, articles in datasets.read_quiz(data):
        passages = [
            p
            for article in articles
            for p in cut_passages(article, pieces, max_tokens=rng.choice(PASSAGE_SIZES))
        ]
        scores = Postings.build(p.span.text for p in passages).scores(question)
        ranking = [passages[int(row)] for row in np.argsort(-scores, kind="stable")]
        words = re.compile(rf"\b{re.escape(answer)}\b", re.IGNORECASE)
        right = next((p for p in ranking if words.search(p.span.text)), None)
        wrong = next((p for p in ranking if not words.search(p.span.text)), None)
        if right is not None:
            spans = tuple(m.span() for m in words.finditer(right.span.text))
            others = () if wrong is None else (_window(question, wrong),)
            yield (_window(question, right, spans), *others)


def _window(question: str, passage: Passage, answers: tuple[tuple[int, int], ...] = ()) -> Window:
    return Window(question, passage.span.text, answers, title=passage.title)


def _inside(passage: Passage, spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Those of an article's spans that the passage holds whole, as offsets within it."""
    base = passage.span.start
    return tuple((s - base, e - base) for s, e in spans if base <= s and e <= passage.span.end)


def _mentions(text: str, answers: frozenset[str]) -> bool:
    lowered = text.lower()
    return any(answer in lowered for answer in answers)
