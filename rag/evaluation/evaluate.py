"""Ask every question of a set, judge what comes back, and score it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Protocol

from rag.datatypes import Answer, Article, Citation, Hit, QuestionSetError, RagError
from rag.evaluation.answers import exact_match, quote_hit, token_f1
from rag.evaluation.questions import Question, check_questions, read_questions
from rag.evaluation.ranking import score_rankings
from rag.evaluation.records import Outcome, Record, Shown
from rag.evaluation.report import Report

DEPTH = 50
"""Passages retrieved to rank ten articles."""

Place = tuple[str, int, int]
"""(doc_id, start, end) of a passage."""


class Answerer(Protocol):
    """What is evaluated: ``rag.Assistant``, or anything with these of its methods."""

    def answer(
        self,
        question: str,
        history: Sequence[tuple[str, str]] = (),
        *,
        as_of: date | str | None = None,
        error_rate: float | None = None,
    ) -> Answer:
        """An answer; with ``error_rate`` 1 the best it has, however doubtful."""
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
    progress: bool | Callable[[int, int], None] = False,
) -> Report:
    """Measure an assistant on a question set.

    Args:
        assistant: Open, over the corpus that the questions are about.
        questions: A JSONL file (fields: see the README), or questions in memory. Those whose right
            answer nobody has said yet are left out; the report's name says how many.
        split: Only the questions with this ``split``.
        progress: True draws a progress bar on stderr; a function is called with (questions done,
            of how many) before the first question and after each. What it raises ends the
            evaluation.

    Returns:
        A report whose every number but the times is the same for the same assistant and questions.

    Raises:
        QuestionSetError: The question set is empty or has bad lines, all of which are named; for
            none of its questions is it said what is right; or a question cannot be asked.
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
    asked, name = _judged(asked, name)
    seconds: dict[str, float] = {}
    records: list[Record] = []
    rankings: dict[str, list[Place]] = {}
    # The first answer loads the models, which is no part of any question's time.
    assistant.answer("Who said what?")
    for question in _followed(asked, progress):
        try:
            started = time.perf_counter()
            answer = assistant.answer(question.question, question.history, as_of=question.as_of)
            seconds[question.id] = time.perf_counter() - started
            best = answer
            if answer.reason in {"not_in_corpus", "filtered_out"}:
                best = assistant.answer(
                    question.question, question.history, as_of=question.as_of, error_rate=1.0
                )
            query = answer.standalone or question.question
            hits = assistant.search(query, k=DEPTH, as_of=question.as_of)
        except RagError as error:
            raise QuestionSetError(
                f"question {question.id!r} cannot be asked, nothing was evaluated: {error}"
            ) from error
        spans = [hit.passage.span for hit in hits]
        rankings[question.id] = [(span.doc_id, span.start, span.end) for span in spans]
        records.append(_judge(question, answer, best, assistant, rankings[question.id]))
    retrieval = _score_retrieval(asked, rankings)
    records = [
        dataclasses.replace(record, scores={**record.scores, **retrieval[record.id]})
        for record in records
    ]
    return Report.of(name, records, seconds)


def _only(questions: list[Question], split: str) -> list[Question]:
    chosen = [question for question in questions if question.split == split]
    if not chosen:
        known = ", ".join(sorted({q.split for q in questions if q.split}))
        there = f"the splits are: {known}" if known else "no question has one: leave it out"
        raise QuestionSetError(f"no question has the split {split!r}; {there}.")
    return chosen


def _judged(questions: list[Question], name: str) -> tuple[list[Question], str]:
    """The questions of which somebody has said what is right, and the set's name, which says how
    many others were left out."""
    judged = [question for question in questions if question.judged]
    left_out = len(questions) - len(judged)
    if not judged:
        raise QuestionSetError(
            f"{name} has nothing to score: nobody has said what is right for any of its questions "
            f"({left_out} with answers null); write the answers into the set, [] where the corpus "
            "does not hold one."
        )
    if left_out:
        name = f"{name}, {left_out} left out (nobody has said what is right)"
    return judged, name


def _followed(
    questions: list[Question], progress: bool | Callable[[int, int], None]
) -> Iterator[Question]:
    """The questions, with their progress shown."""
    if isinstance(progress, bool):
        yield from _bar(questions) if progress else questions
        return
    progress(0, len(questions))
    for done, question in enumerate(questions, start=1):
        yield question
        progress(done, len(questions))


def _bar(questions: list[Question]) -> Iterable[Question]:
    from tqdm import tqdm

    return tqdm(questions, desc="asking", unit=" questions", leave=False)  # type: ignore[no-any-return]


def _judge(
    question: Question,
    answer: Answer,
    best: Answer,
    assistant: Answerer,
    ranking: Sequence[Place],
) -> Record:
    outcome = _outcome(question, best, assistant)
    given = None if answer.abstained else outcome
    return Record(
        id=question.id,
        type=question.type,
        question=question.question,
        answerable=question.answerable,
        history=question.history,
        as_of=question.as_of.isoformat() if question.as_of else None,
        gold_answers=question.answers,
        gold_doc_ids=question.doc_ids,
        gold_quotes=tuple((q.doc_id, q.start, q.end, q.text) for q in question.quotes),
        abstained=answer.abstained,
        reason=answer.reason,
        confidence=round(answer.confidence, 6),
        given=given,
        withheld=outcome if answer.abstained and not best.abstained else None,
        nearest=tuple(ranking[:10]),
        scores=_scores(question, given),
    )


def _outcome(question: Question, answer: Answer, assistant: Answerer) -> Outcome:
    others = [citation for other in answer.alternatives for citation in other.citations]
    quotes = tuple(_shown(question, c, assistant) for c in (*answer.citations, *others))
    listed = question.type == "list"
    texts = [quote.quote for quote in quotes[: len(answer.citations)]]
    # The answer itself must be right; what an alternative quotes is judged as a quote alone.
    own = quotes[: len(answer.citations)]
    right = any(quote.gold for quote in own)
    if question.answers and (listed or not question.quotes):
        hit = quote_hit(question.answers, texts, all_of_them=listed) == 1
        right = hit and (right or not question.quotes)
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
        short = given.short_answer if given else None
        gold = [", ".join(question.answers)] if listed else question.answers
        scores["quote hit"] = quote_hit(question.answers, shown, all_of_them=listed)
        # No short answer is no match, not even of a gold "A", of which SQuAD leaves nothing.
        scores["exact match"] = exact_match(short, gold) if short else 0.0
        scores["token F1"] = token_f1(short, gold) if short else 0.0
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
    questions: Sequence[Question], rankings: Mapping[str, Sequence[Place]]
) -> dict[str, dict[str, float]]:
    """The retrieval measures of each question that has them."""
    relevant = {q.id: dict.fromkeys(q.doc_ids, 1) for q in questions if q.answerable}
    by_article = {
        key: list(dict.fromkeys(doc_id for doc_id, _, _ in places))
        for key, places in rankings.items()
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


def _quotes_found(question: Question, places: Sequence[Place]) -> list[str]:
    """A ranking of gold quotes: each passage stands for those it is the first to overlap, one
    after the other, else for itself. So that passages may be cut differently and scores compare."""
    ranking: dict[str, None] = {}
    for doc_id, start, end in places:
        overlapped = {
            _gold_name(question, i): None
            for i, q in enumerate(question.quotes)
            if doc_id == q.doc_id and start < q.end and q.start < end
        }
        fresh = {name: None for name in overlapped if name not in ranking}
        ranking.update(fresh or {f"passage {doc_id}:{start}-{end}": None})
    return list(ranking)
