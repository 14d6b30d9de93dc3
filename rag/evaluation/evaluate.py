"""Ask every question of a set, judge what comes back, and score it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Protocol

from rag.datatypes import Answer, Article, Citation, Hit
from rag.evaluation.answers import exact_match, quote_hit, token_f1
from rag.evaluation.questions import Question, check_questions, read_questions
from rag.evaluation.ranking import score_rankings
from rag.evaluation.records import Outcome, Record, Shown
from rag.evaluation.report import Report

DEPTH = 50
"""Passages retrieved to rank ten articles."""


class Answerer(Protocol):
    """What is evaluated: ``rag.Assistant``, or anything with these of its methods."""

    def answer(
        self,
        question: str,
        history: Sequence[tuple[str, str]] = (),
        *,
        as_of: date | str | None = None,
        min_confidence: float | None = None,
    ) -> Answer:
        """An answer; with ``min_confidence`` 0 the best it has, however doubtful."""
        ...

    def search(self, query: str, k: int = 10, *, as_of: date | str | None = None) -> list[Hit]:
        """The k best passages, best first."""
        ...

    def article(self, doc_id: str) -> Article | None:
        """The stored article."""
        ...


def evaluate(
    assistant: Answerer,
    questions: str | os.PathLike[str] | Iterable[Question | Mapping[str, object]],
    *,
    split: str | None = None,
    progress: bool = False,
) -> Report:
    """Measure an assistant on a question set.

    Args:
        assistant: Open, over the corpus that the questions are about.
        questions: A JSONL file (fields: see the README), or questions in memory.
        split: Only the questions with this ``split``.
        progress: Draw a progress bar on stderr.

    Returns:
        A report whose every number but the times is the same for the same assistant and questions.

    Raises:
        QuestionSetError: The question set is empty or has bad lines; all are named.
    """
    if isinstance(questions, str | os.PathLike):
        asked = read_questions(questions, assistant.article)
        name = os.path.basename(questions)
    else:
        asked = check_questions(questions, assistant.article)
        name = "questions given"
    if split is not None:
        asked = _only(asked, split)
        name = f"{name}, split {split}"
    seconds: list[float] = []
    answers: list[tuple[Answer, Answer]] = []
    rankings: dict[str, list[Hit]] = {}
    # The first answer loads the models, which is no part of any question's time.
    assistant.answer(asked[0].question)
    for question in _bar(asked) if progress else asked:
        started = time.perf_counter()
        answer = assistant.answer(question.question, question.history, as_of=question.as_of)
        seconds.append(time.perf_counter() - started)
        best = answer
        if answer.reason == "not_in_corpus":
            best = assistant.answer(
                question.question, question.history, as_of=question.as_of, min_confidence=0.0
            )
        answers.append((answer, best))
        query = answer.standalone or question.question
        rankings[question.id] = assistant.search(query, k=DEPTH, as_of=question.as_of)
    retrieval = _score_retrieval(asked, rankings)
    records = [
        _judge(question, *pair, assistant, rankings[question.id], retrieval[question.id])
        for question, pair in zip(asked, answers, strict=True)
    ]
    return Report.of(name, records, dict(zip((q.id for q in asked), seconds, strict=True)))


def _only(questions: list[Question], split: str) -> list[Question]:
    from rag.datatypes import QuestionSetError

    chosen = [question for question in questions if question.split == split]
    if not chosen:
        known = ", ".join(sorted({q.split for q in questions if q.split})) or "none"
        raise QuestionSetError(f"no question has the split {split!r}; the splits are: {known}.")
    return chosen


def _bar(questions: list[Question]) -> Iterable[Question]:
    from tqdm import tqdm

    return tqdm(questions, desc="asking", unit=" questions", leave=False)  # type: ignore[no-any-return]


def _judge(
    question: Question,
    answer: Answer,
    best: Answer,
    assistant: Answerer,
    hits: list[Hit],
    retrieval: dict[str, float],
) -> Record:
    outcome = _outcome(question, best, assistant)
    given = None if answer.abstained else outcome
    return Record(
        id=question.id,
        type=question.type,
        question=question.question,
        answerable=question.answerable,
        gold_answers=question.answers,
        gold_quotes=tuple((q.doc_id, q.start, q.end, q.text) for q in question.quotes),
        abstained=answer.abstained,
        reason=answer.reason,
        confidence=round(answer.confidence, 6),
        given=given,
        withheld=outcome if answer.abstained and not best.abstained else None,
        nearest=tuple(
            (h.passage.span.doc_id, h.passage.span.start, h.passage.span.end) for h in hits[:10]
        ),
        scores=_scores(question, given) | retrieval,
    )


def _outcome(question: Question, answer: Answer, assistant: Answerer) -> Outcome:
    others = [citation for other in answer.alternatives for citation in other.citations]
    quotes = tuple(_shown(question, c, assistant) for c in (*answer.citations, *others))
    if question.quotes:
        right = any(quote.gold for quote in quotes)
    else:
        right = bool(question.answers) and (
            quote_hit(
                question.answers, [q.quote for q in quotes], all_of_them=question.type == "list"
            )
            == 1
        )
    return Outcome(answer.short_answer, quotes, right)


def _shown(question: Question, citation: Citation, assistant: Answerer) -> Shown:
    article = assistant.article(citation.doc_id)
    exact = (
        article is not None
        and 0 <= citation.start < citation.end <= len(article.text)
        and article.text[citation.start : citation.end] == citation.quote
    )
    gold = None
    if question.quotes:
        gold = any(_overlap(citation, q.doc_id, q.start, q.end) for q in question.quotes)
    return Shown(citation.doc_id, citation.start, citation.end, citation.quote, exact, gold)


def _overlap(citation: Citation, doc_id: str, start: int, end: int) -> bool:
    return citation.doc_id == doc_id and citation.start < end and start < citation.end


def _scores(question: Question, given: Outcome | None) -> dict[str, float]:
    """The measures of one question. Declining an answerable question scores 0 wherever an answer
    would be scored, so that silence does not pay."""
    scores: dict[str, float] = {}
    quotes = given.quotes if given else ()
    if quotes:
        scores["quote fidelity"] = sum(quote.exact for quote in quotes) / len(quotes)
    if not question.answerable:
        return scores
    scores["answered right"] = float(given is not None and given.right)
    if question.answers and question.type != "yesno":
        shown = [quote.quote for quote in quotes]
        listed = question.type == "list"
        short = (given.short_answer or "") if given else ""
        gold = [", ".join(question.answers)] if listed else question.answers
        scores["quote hit"] = quote_hit(question.answers, shown, all_of_them=listed)
        scores["exact match"] = exact_match(short, gold)
        scores["token F1"] = token_f1(short, gold)
    if question.quotes:
        found = [
            any(q.doc_id == doc and q.start < end and start < q.end for q in quotes)
            for doc, start, end in ((g.doc_id, g.start, g.end) for g in question.quotes)
        ]
        scores["citation recall"] = sum(found) / len(found)
        if quotes:
            scores["citation precision"] = sum(bool(q.gold) for q in quotes) / len(quotes)
    return scores


def _score_retrieval(
    questions: Sequence[Question], rankings: Mapping[str, list[Hit]]
) -> dict[str, dict[str, float]]:
    """The retrieval measures of each question that has them."""
    relevant = {q.id: dict.fromkeys(q.doc_ids, 1) for q in questions if q.answerable}
    by_article = {
        key: list(dict.fromkeys(hit.passage.span.doc_id for hit in hits))
        for key, hits in rankings.items()
    }
    gold = {q.id: {_gold_name(q, i): 1 for i in range(len(q.quotes))} for q in questions}
    by_quote = {q.id: _quotes_found(q, rankings[q.id]) for q in questions}
    scores: dict[str, dict[str, float]] = {q.id: {} for q in questions}
    for unit, qrels, run in (("article", relevant, by_article), ("quote", gold, by_quote)):
        for name, values in score_rankings(qrels, run).items():
            for key, value in values.items():
                scores[key][f"{unit} {name}"] = value
    return scores


def _gold_name(question: Question, number: int) -> str:
    quote = question.quotes[number]
    return f"{quote.doc_id}:{quote.start}-{quote.end}"


def _quotes_found(question: Question, hits: Sequence[Hit]) -> list[str]:
    """A ranking of gold quotes: each passage stands for those it is the first to overlap, else for
    itself. So that passages may be cut differently and scores still compare."""
    ranking: dict[str, None] = {}
    for hit in hits:
        span = hit.passage.span
        overlapped = [
            _gold_name(question, i)
            for i, q in enumerate(question.quotes)
            if span.doc_id == q.doc_id and span.start < q.end and q.start < span.end
        ]
        fresh = [name for name in overlapped if name not in ranking]
        ranking.update(dict.fromkeys(fresh))
        if not overlapped:
            ranking[f"passage {hit.passage.passage_id}"] = None
    return list(ranking)
