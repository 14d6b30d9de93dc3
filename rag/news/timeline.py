"""What the articles say on a topic, in order of publication: exact quotes, one or two an article.

A sentence is on the topic by three signs added up: the share of the topic's words that it holds,
its embedding's nearness to the topic, and (half) that of its passage. Some is taken off where the
passage lacks a name of the topic. The sum decides both which sentence of an article is quoted and,
against a floor, whether any is.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from rag.datatypes import Article, Attribution, Citation, Hit, Timeline
from rag.index.english import term_weight
from rag.index.lexical import terms, words
from rag.news.folding import foldable
from rag.reader.features import cut, held, with_antecedent
from rag.reader.question import parse

PASSAGES = 4
"""So many passages are looked through for each quote wanted: an article has several."""
FLOOR = 1.3
"""Least score to be quoted. Fitted with the weights on 564 sentences for 50 topics, read one by
one (600 articles of 2023 and the seeds): of those above it 95 % are on the topic, of those on the
topic 90 % are above it."""
STRONG = 1.9
"""Least score of an article's second quote."""
_PASSAGE = 0.5
_NAMES = 0.4
"""Taken off the score, times the share of the topic's names that passage and headline lack:
without it, anybody's indictment is near to "Trump indictment"."""
_FRAGMENT = 0.3
"""Taken off the score of a headline, a question or a line of a list: no statement."""
_NO_COSINE = 0.15
"""Stands in for the nearness of a passage that only lexical search found; about the least one."""
_LEAST_HOPE = FLOOR - 0.6
"""A sentence with less before its own nearness is counted in will hardly reach the floor."""
_TRIED = 2
"""So many sentences of an article are embedded: what takes the time."""
_STATEMENT = re.compile(r"[.!…。][\"'”’»)\]]*$")
_FEW_WORDS = 6
_MOST_CHARS = 700
_NAMED = 12
"""So many of those there are, are named where the one asked for is not there."""

Encode = Callable[[Sequence[str]], np.ndarray]
Fetch = Callable[[str], Article | None]
Attribute = Callable[[Article, int, int], Attribution | None]


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a hit, as (start, end) in its article, and its score so far."""

    hit: Hit
    start: int
    end: int
    score: float

    @property
    def doc_id(self) -> str:
        return self.hit.passage.span.doc_id


def timeline(
    query: str,
    vector: np.ndarray,
    hits: Sequence[Hit],
    *,
    encode: Encode,
    fetch: Fetch,
    attribute: Attribute,
    most: int,
    speakers: Iterable[str] | None = None,
) -> Timeline:
    """The quotes on a topic, oldest first.

    Args:
        query: The topic.
        vector: Its embedding, shape (dimension,), length 1.
        hits: Passages that may be on it, best first.
        encode: Gives vectors of sentences, shape (n, dimension), length 1.
        fetch: Gives the stored article of a doc_id; None if it is gone or altered.
        attribute: Who says the words at (article, start, end); None for the outlet's own voice.
        most: So many sentences at most are encoded, and so many quotes at most come of them.
        speakers: Only words of these people: their names or whole words of them, in any case.

    Returns:
        Quotes numbered in the order shown; near-identical ones folded into the earliest. Nothing
        where no sentence reaches ``FLOOR``, and a note that says so.
    """
    wanted = None if speakers is None else [speakers] if isinstance(speakers, str) else [*speakers]
    sentences = _hopeful(query, hits)
    articles = {doc_id: fetch(doc_id) for doc_id in dict.fromkeys(s.doc_id for s in sentences)}
    lost = [doc_id for doc_id, article in articles.items() if article is None]
    sound = {doc_id: article for doc_id, article in articles.items() if article is not None}
    sentences = [s for s in sentences if s.doc_id in sound]

    def said(sentence: _Sentence) -> Attribution | None:
        return attribute(sound[sentence.doc_id], sentence.start, sentence.end)

    if wanted is not None:
        near = {doc_id for doc_id, article in sound.items() if _any_named(wanted, article.text)}
        sentences = [s for s in sentences if s.doc_id in near and _by(wanted, said(s))]
    sentences = _in_turn(sentences)
    chosen = _chosen(_scored(sentences, vector, encode, most))
    quotes = [_citation(s, sound[s.doc_id], said(s)) for s in chosen]
    found = in_order(query, quotes)
    notes = [*_lost_note(lost), *_full_note(sentences, most)]
    if not quotes:
        notes.append("No sentence of these articles is on this topic.")
    if wanted is not None and not quotes:
        # Who is quoted on it is known only without the filter.
        everybody = timeline(
            query, vector, hits, encode=encode, fetch=fetch, attribute=attribute, most=most
        )
        notes[-1] = _nobody_note(wanted, everybody)
    return dataclasses.replace(found, notes=(*notes, *found.notes))


def in_order(query: str, quotes: Iterable[Citation]) -> Timeline:
    """A timeline of quotes in any order: dated ones by day, undated ones apart, near-identical
    ones folded into the first of them, numbered anew."""
    # A day may be 9999-12-31: what has no date comes last for certain.
    ordered = sorted(
        quotes, key=lambda c: (c.published is None, c.published or date.min, c.doc_id, c.start)
    )
    kept: list[Citation] = []
    for quote in ordered:
        same = next((n for n, known in enumerate(kept) if foldable(known.quote, quote.quote)), None)
        if same is None:
            kept.append(quote)
        elif kept[same].doc_id != quote.doc_id:
            kept[same] = dataclasses.replace(kept[same], also_in=(*kept[same].also_in, quote))
    numbered = [
        dataclasses.replace(
            quote,
            number=number,
            also_in=tuple(dataclasses.replace(other, number=number) for other in quote.also_in),
        )
        for number, quote in enumerate(kept, start=1)
    ]
    undated = tuple(quote for quote in numbered if quote.published is None)
    return Timeline(
        query, tuple(q for q in numbered if q.published), undated, tuple(_undated_note(undated))
    )


def _hopeful(query: str, hits: Sequence[Hit]) -> list[_Sentence]:
    """The sentences that may be on the topic by their words and their passages."""
    # "how old" asks for a number, but "old ferry" is a topic.
    about = parse(query).terms if query.endswith("?") else terms(query)
    weights = {term: term_weight(term) for term in about}
    names = _names(query, hits)
    found = []
    for hit in hits:
        near = _NO_COSINE if hit.similarity is None else hit.similarity
        around = held(f"{hit.passage.title} {hit.passage.span.text}")
        base = _PASSAGE * near - _NAMES * (1 - around.covered(names))
        if not weights or base + around.covered(weights) < _LEAST_HOPE:
            continue
        text, offset = hit.passage.span.text, hit.passage.span.start
        for start, end in hit.passage.sentences:
            whole = text[with_antecedent(hit, start) - offset : end - offset]
            score = base + held(whole).covered(weights)
            score -= _FRAGMENT * _is_fragment(text[start - offset : end - offset])
            if score >= _LEAST_HOPE:
                found.append(_Sentence(hit, start, end, score))
    return found


def _in_turn(sentences: Iterable[_Sentence]) -> list[_Sentence]:
    """The best ``_TRIED`` of each article: the best of all articles before the second of any."""
    rounds: dict[str, int] = Counter()
    turns = []
    for sentence in sorted(sentences, key=lambda s: (-s.score, s.doc_id, s.start)):
        turns.append((rounds[sentence.doc_id], sentence))
        rounds[sentence.doc_id] += 1
    turns.sort(key=lambda turn: turn[0])
    return [sentence for turn, sentence in turns if turn < _TRIED]


def _names(query: str, hits: Sequence[Hit]) -> dict[str, float]:
    """The words of a topic, stemmed, that are names: they have a capital in the topic, and never
    lack it in the hits. Each with the weight 1."""
    capital = {word for word in re.findall(r"\w+", query) if word[0].isupper()}
    texts = " ".join(hit.passage.span.text for hit in hits)
    common = {word for word in capital if re.search(rf"\b{re.escape(word.lower())}\b", texts)}
    return dict.fromkeys((stem for word in capital - common for stem in terms(word)), 1.0)


def _is_fragment(text: str) -> bool:
    return _STATEMENT.search(text) is None or len(text.split()) < _FEW_WORDS


def _scored(
    sentences: Sequence[_Sentence], vector: np.ndarray, encode: Encode, most: int
) -> list[_Sentence]:
    """The first ``most`` sentences with their nearness added; those that reach the floor."""
    some = sentences[:most]
    if not some:
        return []
    cosines = encode([cut(s.hit, s.start, s.end).text for s in some]) @ vector
    scored = [
        dataclasses.replace(s, score=s.score + float(cosine))
        for s, cosine in zip(some, cosines, strict=True)
    ]
    return [s for s in scored if s.score >= FLOOR]


def _chosen(sentences: Sequence[_Sentence]) -> list[_Sentence]:
    """The best sentence of each article, and a strong one from another passage."""
    by_article: dict[str, list[_Sentence]] = {}
    for sentence in sorted(sentences, key=lambda s: (-s.score, s.start)):
        by_article.setdefault(sentence.doc_id, []).append(sentence)
    chosen = []
    for best, *others in by_article.values():
        elsewhere = (
            s
            for s in others
            if s.score >= STRONG and s.hit.passage.passage_id != best.hit.passage.passage_id
        )
        chosen += [best, *itertools.islice(elsewhere, 1)]
    return chosen


def _citation(sentence: _Sentence, article: Article, said: Attribution | None) -> Citation:
    """The sentence as a quote, with the one before it where it opens with a pronoun."""
    start = with_antecedent(sentence.hit, sentence.start)
    if sentence.end - start > _MOST_CHARS:
        start = sentence.start
    return Citation(
        number=1,
        doc_id=article.doc_id,
        start=start,
        end=sentence.end,
        quote=article.text[start : sentence.end],
        title=article.title,
        outlet=article.outlet,
        published=article.published,
        url=article.url,
        sha256=article.sha256,
        speaker=said.speaker if said else None,
        attribution=said,
    )


def _named(name: str, text: str) -> bool:
    """Whether a name stands in a text, as whole words in any case.

    >>> _named("khan", "Shafqat Ali Khan"), _named("khan", "Khanna"), _named(" ", "Khan")
    (True, False, False)
    """
    asked = " ".join(words(name))
    return bool(asked) and f" {asked} " in f" {' '.join(words(text))} "


def _any_named(names: Iterable[str], text: str) -> bool:
    return any(_named(name, text) for name in names)


def _by(names: Iterable[str], said: Attribution | None) -> bool:
    return said is not None and _any_named(names, said.speaker)


def _nobody_note(wanted: Sequence[str], everybody: Timeline) -> str:
    """Says that the people asked for are not quoted on the topic, and who is."""
    asked = " or ".join(f"“{name}”" for name in wanted) or "nobody"
    quotes = (*everybody.citations, *everybody.undated)
    if not quotes:
        return "No sentence of these articles is on this topic, whoever says it."
    counted = Counter(quote.speaker for quote in quotes if quote.speaker)
    if not counted:
        return f"No words of {asked} on this topic: the quotes on it name no speaker."
    names = [name for name, _ in counted.most_common()]
    return f"No words of {asked} on this topic; quoted on it: {listed(names)}."


def listed(names: Sequence[str]) -> str:
    """Names in a row, the first ``_NAMED`` of them.

    >>> listed(["CNN", "The Week"]), listed([str(n) for n in range(14)])[-13:]
    ('CNN, The Week', '11 and 2 more')
    """
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _undated_note(undated: Sequence[Citation]) -> list[str]:
    if not undated:
        return []
    what = (
        "1 quote, from an article" if len(undated) == 1 else f"{len(undated)} quotes, of articles"
    )
    return [f"{what} without a date, listed apart."]


def _lost_note(lost: Sequence[str]) -> list[str]:
    if not lost:
        return []
    return [
        f"Left out, being altered since it was indexed: {', '.join(lost)}; run python -m rag doctor."
    ]


def _full_note(sentences: Sequence[_Sentence], most: int) -> list[str]:
    """Says when articles were left unread."""
    articles = {s.doc_id for s in sentences}
    if len(articles) <= most:
        return []
    return [f"The {most} most promising of {len(articles)} articles were read; ask for more."]
