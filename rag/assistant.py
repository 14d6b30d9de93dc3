"""The assistant: wires question, retrieval, reading, composing and checking together."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rag.answering.compose import compose, compose_parts
from rag.answering.conversation import Turn, Understood, understand
from rag.answering.locate import locate
from rag.answering.sides import sides
from rag.answering.spelling import unheard
from rag.answering.verify import checked
from rag.datatypes import (
    Answer,
    Article,
    Hit,
    IndexMismatchError,
    IndexNotFoundError,
    Overview,
    QuoteMatch,
    RagError,
    Skipped,
    Timeline,
)
from rag.evidence import age_note, filter_notes, find, gather
from rag.index.filter import Filter, read_filter
from rag.index.index import open_index
from rag.index.networks import Networks
from rag.index.store import Listed
from rag.llm.model import open_chat_model
from rag.news.timeline import PASSAGES, timeline
from rag.reader import Reader
from rag.resources import Resources, Use
from rag.settings import Settings, index_place, load_settings

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

_log = logging.getLogger("rag")
_LARGER_RATES = (0.2, 0.35)
"""Error rates that the page offers, but for the strictest and for "always"."""
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


class Assistant:
    """Answers questions over one index. Thread-safe; a context manager.

    Between questions it notices when a build has published a new index, and uses that.
    """

    def __init__(
        self, index: Path | str, settings: Settings, *, networks: Networks | None = None
    ) -> None:
        """``networks``: those of the index, where somebody has begun to load them."""
        self._place = index
        self._settings = settings
        self._chat_model = open_chat_model(settings)
        self._lock = threading.Lock()
        self._state: Resources | None = Resources(
            open_index(index, settings, networks=networks), settings
        )

    @classmethod
    def open(
        cls,
        index: str | os.PathLike[str] = "index",
        *,
        settings: Settings | None = None,
        llm: str | None = None,
    ) -> Assistant:
        """Open an index for asking.

        Args:
            index: Its folder, or the URL of a Milvus server.
            settings: In place of those of the environment.
            llm: In place of the setting: the chat model that words the answers ("ollama:llama3.2");
                "" for none.

        Raises:
            IndexNotFoundError: There is none in the folder.
            IndexMismatchError: It was made by another version, model or chunker.
            ModelUnavailableError: The chat model cannot be opened.
        """
        settings = settings or load_settings()
        if llm is not None:
            settings = settings.model_copy(update={"llm": llm})
        return cls(index_place(index), settings)

    def __enter__(self) -> Assistant:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index. Questions being answered finish first; later ones are refused."""
        with self._lock:
            state, self._state = self._state, None
        if state is not None:
            state.retire()

    def answer(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        as_of: date | str | None = None,
        outlets: Iterable[str] | None = None,
        published_from: date | str | None = None,
        published_to: date | str | None = None,
        error_rate: float | None = None,
        hits: int | None = None,
        extractive: bool = False,
    ) -> Answer:
        """Answer from the corpus in exact quotes, or abstain with a reason.

        Args:
            question: Any text; an empty one gives an abstention.
            history: Earlier turns, oldest first: (question, answer) or ``Answer``.
            as_of: Answer as if articles published later did not exist.
            outlets: Only articles of these outlets (case does not matter).
            published_from, published_to: Inclusive bounds on the publication date. With any date
                bound, articles without a date are left out, and a note says how many.
            error_rate: In place of the setting: the tolerated share of wrong answers among those
                given, in [0, 1]. 1 shows the best found, however doubtful.
            hits: In place of the setting: how many passages are read, 1 to 100.
            extractive: Quotes alone, though a chat model is set.

        Raises:
            RagError: The question is too long, a date cannot be read, the bounds cross, or
                ``error_rate`` or ``hits`` is out of range.
        """
        *_, last = self.stream(
            question,
            history,
            as_of=as_of,
            outlets=outlets,
            published_from=published_from,
            published_to=published_to,
            error_rate=error_rate,
            hits=hits,
            extractive=extractive,
        )
        return last

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        as_of: date | str | None = None,
        outlets: Iterable[str] | None = None,
        published_from: date | str | None = None,
        published_to: date | str | None = None,
        error_rate: float | None = None,
        hits: int | None = None,
        extractive: bool = False,
    ) -> Iterator[Answer]:
        """The same as ``answer``, as checked answers that grow: a chat model's sentence by
        sentence, an extractive one at once, whole. The last one stands."""
        started = time.perf_counter()
        filter = read_filter(as_of, outlets, published_from, published_to)
        tolerated = self._settings.error_rate if error_rate is None else error_rate
        if not 0 <= tolerated <= 1:
            raise RagError(
                f"error_rate must be between 0 and 1, got {error_rate}; 0.1 is one in ten."
            )
        depth = self._settings.hits if hits is None else hits
        if not 1 <= depth <= 100:
            raise RagError(f"hits must be between 1 and 100, got {hits}; 5 is the usual number.")
        question = self._clean(question)
        if self._settings.log_questions:
            _log.info("question: %s", question)
        with self._use() as state:
            if not re.search(r"\w", question):
                yield _abstain(question, "empty_question", started)
                return
            answers = self._answers(
                state, question, history, filter, tolerated, depth, started, extractive
            )
            for answer in answers:
                yield checked(answer, state.index.store.sound_article)

    def _answers(
        self,
        state: Resources,
        question: str,
        history: Sequence[Turn],
        filter: Filter,
        error_rate: float,
        depth: int,
        started: float,
        extractive: bool,
    ) -> Iterator[Answer]:
        index = state.index
        understood = understand(question, history, index.words, state.sorter if history else None)
        least = state.reader.threshold(error_rate)
        evidence = gather(state, understood, filter, depth, least)
        hits, notes = evidence.hits, evidence.notes
        if not hits:
            reason = "filtered_out" if filter.active or evidence.shut_out else "not_in_corpus"
            yield _abstain(question, reason, started, understood, notes=notes)
            return
        fetch = index.store.sound_article
        if evidence.parts:
            draft = compose_parts(evidence.parts, fetch, state.attribution)
        else:
            draft = compose(
                evidence.asked,
                evidence.readings,
                fetch,
                state.attribution,
                index.store.copies,
                least=least,
                latest=evidence.latest,
            )
        if draft.reason is not None:
            reason = draft.reason
            if reason == "not_in_corpus" and (
                evidence.shut_out or self._answered_without(state, understood, filter, depth, least)
            ):
                reason = "filtered_out"
            if reason == "not_in_corpus":
                notes += _unheard_note(unheard(understood.asked, index.words))
                notes += _withheld_note(draft.confidence, error_rate, state.reader)
            yield _abstain(question, reason, started, understood, hits, notes, draft.confidence)
            return
        cited = [*draft.citations, *(c for one in draft.alternatives for c in one.citations)]
        notes += age_note(cited, filter, latest=evidence.latest)
        found = Answer(
            question=question,
            text=draft.text,
            short_answer=draft.short_answer,
            citations=draft.citations,
            abstained=False,
            reason=None,
            confidence=draft.confidence,
            hits=tuple(hits),
            model="extractive",
            seconds=time.perf_counter() - started,
            standalone=understood.text,
            alternatives=draft.alternatives,
            notes=tuple(notes),
        )
        model = None if extractive else self._chat_model
        if model is None:
            yield found
        else:
            from rag.answering.write import worded

            yield from worded(
                found,
                evidence.readings,
                fetch,
                state.attribution,
                model,
                self._settings,
                least=least,
                started=started,
            )

    def _answered_without(
        self, state: Resources, understood: Understood, filter: Filter, depth: int, least: float
    ) -> bool:
        """Whether the whole corpus would have answered what a filter's articles do not."""
        if not filter.active:
            return False
        found = gather(state, understood, Filter(as_of=filter.as_of), depth, least)
        return sides(found.asked, found.readings, least).confidence >= least

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        as_of: date | str | None = None,
        outlets: Iterable[str] | None = None,
        published_from: date | str | None = None,
        published_to: date | str | None = None,
    ) -> list[Hit]:
        """The k best passages for a query, best first; [] for an empty query.

        Raises:
            RagError: ``k`` is not positive, or as for ``answer``.
        """
        if k < 1:
            raise RagError(f"k must be at least 1, got {k}; give how many passages you want.")
        filter = read_filter(as_of, outlets, published_from, published_to)
        query = self._clean(query)
        if not re.search(r"\w", query):
            return []
        with self._use() as state:
            return find(state, Understood(query, query), filter, k)

    def timeline(
        self,
        query: str,
        *,
        k: int = 50,
        outlets: Iterable[str] | None = None,
        speakers: Iterable[str] | None = None,
        published_from: date | str | None = None,
        published_to: date | str | None = None,
        as_of: date | str | None = None,
    ) -> Timeline:
        """What the articles say on a topic, in order of publication, in exact quotes.

        Args:
            query: The topic: words, or a question.
            k: So many sentences are weighed closely, and so many quotes come of them at most.
            speakers: Only words of these people: their names, or whole words of them.

        The others are as for ``answer``. Where there is nothing to show, ``notes`` say why.

        Raises:
            RagError: ``k`` is not positive, or as for ``answer``.
        """
        if k < 1:
            raise RagError(f"k must be at least 1, got {k}; give how many quotes you want at most.")
        filter = read_filter(as_of, outlets, published_from, published_to)
        query = self._clean(query)
        if not re.search(r"\w", query):
            return Timeline(query, (), notes=("There is no topic to look for.",))
        with self._use() as state:
            index = state.index
            found = timeline(
                query,
                index.networks.encoder.encode([query])[0],
                find(state, Understood(query, query), filter, PASSAGES * k),
                encode=index.networks.encoder.encode,
                fetch=index.store.sound_article,
                attribute=state.attribution,
                most=k,
                speakers=speakers,
            )
            notes = [*filter_notes(state, filter), *found.notes]
            if index.articles == index.undated and not filter.by_date:
                notes.insert(0, "No article of the corpus has a date, so there is no time axis.")
            return dataclasses.replace(found, notes=tuple(notes))

    def locate(self, quote: str) -> QuoteMatch:
        """Whether, where and how exactly the corpus has pasted words (see ``QuoteMatch``)."""
        with self._use() as state:
            return locate(state.index.store, quote)

    def articles(self, limit: int | None = None) -> list[Article]:
        """Every article, or the first ``limit``, ordered by doc_id."""
        with self._use() as state:
            return list(state.index.store.articles(limit))

    def article_count(self) -> int:
        """How many articles the index holds."""
        with self._use() as state:
            return state.index.articles

    def article(self, doc_id: str) -> Article | None:
        """One article, or None.

        Raises:
            IndexMismatchError: What is stored is not what was indexed.
        """
        with self._use() as state:
            try:
                return state.index.store.article(doc_id)
            except ValueError as error:
                raise IndexMismatchError(
                    f"the index in {self._place} is damaged ({error}); run python -m rag doctor."
                ) from error

    def listing(
        self, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[int, list[Listed]]:
        """(how many articles match, ``limit`` of them from ``offset`` on), ordered by doc_id; see
        ``Store.listing``. No text is read."""
        with self._use() as state:
            return state.index.store.listing(search, limit, offset)

    def skipped(self) -> tuple[Skipped, ...]:
        """What the last build left out, and why."""
        with self._use() as state:
            return state.index.store.skipped()

    def outlets(self) -> list[str]:
        """Every outlet's name, sorted."""
        with self._use() as state:
            return state.index.store.outlets()

    def overview(self) -> Overview:
        """How many articles there are, by outlet, by month, without a date and in copies."""
        with self._use() as state:
            return state.index.store.overview()

    def copy_groups(self, limit: int = 20, offset: int = 0) -> list[list[Listed]]:
        """Stories told by several articles in nearly the same words; see ``Store.copy_groups``."""
        with self._use() as state:
            return state.index.store.copy_groups(limit, offset)

    def undated(self, limit: int = 50) -> list[Listed]:
        """The first ``limit`` articles without a date, ordered by doc_id."""
        with self._use() as state:
            return state.index.store.undated(limit)

    def as_retriever(self, k: int = 8) -> BaseRetriever:
        """A LangChain retriever over this assistant: ``Document``s of passage texts with
        doc_id, start, end, title, outlet, published, url, score and found_by as metadata."""
        from rag.langchain_retriever import PassageRetriever

        return PassageRetriever(assistant=self, k=k)

    def _clean(self, question: str) -> str:
        """The question without control and zero-width characters, white space folded."""
        limit = self._settings.max_question_chars
        if len(question) > 50 * limit:
            question = question[: 50 * limit]
        cleaned = "".join(
            " " if c.isspace() or unicodedata.category(c) in _INVISIBLE else c for c in question
        )
        cleaned = " ".join(cleaned.split())
        if len(cleaned) > limit:
            raise RagError(
                f"the question has over {limit} characters; shorten it "
                "(to look up pasted words, use locate)."
            )
        return cleaned

    def _use(self) -> Use:
        """The current index, kept open while a question is answered."""
        with self._lock:
            state = self._state
            if state is None:
                raise RagError("this assistant is closed; open another with Assistant.open.")
            if not state.index.is_current():
                try:
                    opened = open_index(self._place, self._settings, networks=state.index.networks)
                except IndexNotFoundError:
                    # The manifest was deleted under us: what we have open still answers.
                    return Use(state)
                self._state = Resources(opened, self._settings)
                state.retire()
                state = self._state
            return Use(state)


def _abstain(
    question: str,
    reason: str,
    started: float,
    understood: Understood | None = None,
    hits: Sequence[Hit] = (),
    notes: Sequence[str] = (),
    confidence: float = 0.0,
) -> Answer:
    return Answer(
        question=question,
        text="",
        short_answer=None,
        citations=(),
        abstained=True,
        reason=reason,
        confidence=confidence,
        hits=tuple(hits),
        model="extractive",
        seconds=time.perf_counter() - started,
        standalone=understood.text if understood else question,
        notes=tuple(notes),
    )


def _unheard_note(missing: Sequence[str]) -> list[str]:
    """Says which words of a declined question stand nowhere in the corpus."""
    if not missing:
        return []
    listed = ", ".join(f"“{word}”" for word in missing[:5])
    return [f"No passage has the word{'s' if len(missing) > 1 else ''} {listed}."]


def _withheld_note(confidence: float, error_rate: float, reader: Reader) -> list[str]:
    """Says which of the page's error rates would show the answer that was withheld."""
    for rate in _LARGER_RATES:
        if error_rate < rate and confidence >= reader.threshold(rate):
            return [f"An answer that is only {confidence:.0%} sure was withheld; tolerating about "
                    f"{rate:.0%} wrong answers (an error rate of {rate}) shows it."]  # fmt: skip
    return []


_default: dict[Path | str, Assistant] = {}
_default_lock = threading.Lock()


def answer(question: str, history: Sequence[Turn] = (), **options: Any) -> Answer:
    """Answer one question over ``./index``, building it from ``./seeds`` if there is none.

    Takes the keyword arguments of ``Assistant.answer``; the index stays open for the next call.
    """
    settings = load_settings()
    place = settings.index.resolve() if isinstance(settings.index, Path) else settings.index
    with _default_lock:
        assistant = _default.get(place)
        if assistant is None:
            try:
                assistant = Assistant.open(place, settings=settings)
            except IndexNotFoundError:
                if isinstance(place, str):
                    raise
                from rag.index.build import build_index

                build_index(settings.corpus, place, settings=settings)
                assistant = Assistant.open(place, settings=settings)
            _default[place] = assistant
    return assistant.answer(question, history, **options)
