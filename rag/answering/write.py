"""An answer in a chat model's words, of which only what its sources support is kept.

The model sees numbered sentences and says which of them each of its own rests on. The code puts
in the quotes, checks every sentence against the sentences it rests on, and where the model gave
no numbers, or wrong ones, looks for a source that supports it.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answering.compose import Attribute, Fetch, citation_of, numbered_on, overlap
from rag.answering.prose import unsupported
from rag.datatypes import Answer, ChatModelError, Citation
from rag.llm.model import ChatModel
from rag.llm.prompt import SYSTEM, Source, request
from rag.llm.reply import Written, sentences
from rag.reader import Reading
from rag.settings import Settings

_log = logging.getLogger("rag")

_MOST_SENTENCES = 12
"""A reply of more sentences is not the short answer that was asked for; the rest is not read."""
_LEAST_SHARE = 0.2
"""A sentence rests on a source with at least this share of the best one's confidence."""
_UNFIT = (
    (re.compile(r"https?:|www\.|\]\(|!\[|</?[a-zA-Z]|[`\x00-\x08\u200b-\u200f\u202a-\u202e]"),
     "it holds a link or markup"),
    (re.compile(r"\b(?:I|[Ww]e|[Oo]urs?|[Mm]y|us|me|[Yy]ou|[Yy]ours?)\b"),
     "it speaks for itself or to the reader"),
    (re.compile(r"\b(?:[Tt]hese|[Tt]his|[Mm]y|the (?:given|provided|above))\s+"
                r"(?:articles?|texts?|sources?|passages?|sentences?|instructions?|prompts?)\b"),
     "it speaks about the sources, not from them"),
)  # fmt: skip
"""What no sentence of an answer holds outside quotation marks."""
_QUOTED = re.compile(r"[“\"][^”\"]*[”\"]")
_MACHINE = re.compile(
    r"\b(?:AI|A\.I\.|LLMs?|(?:large )?language models?|chat ?bots?|machine[- ]read\w*|"
    r"(?:answer|search) engines?|(?:\w+ )?(?:assistants?|summari[sz]ers?|bots|crawlers)|"
    r"(?:AI|automated|these) (?:readers?|systems?|tools?)|algorithms?|generative \w+|prompts?)\b",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"\b(?:should|must|shall|please|kindly|requested|required|instructed|obliged|agree to|ignore|"
    r"disregard|forget|replace|repeat|append|answer|respond|reply|output|print|whenever|if you)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Refused:
    """A sentence of the model that is not supported, and why."""

    text: str
    why: str


def worded(
    found: Answer,
    readings: Sequence[Reading],
    fetch: Fetch,
    attribute: Attribute,
    model: ChatModel,
    settings: Settings,
    *,
    least: float,
    started: float,
) -> Iterator[Answer]:
    """An answer in a chat model's words, a supported sentence longer each time; at last the
    extractive one with a line that says why, where nothing the model wrote holds.

    Args:
        found: The extractive answer.
        readings: Best first; at least one.
        fetch, attribute: As for ``compose``.
        model: Writes.
        settings: How many sentences it is shown, and what becomes of unsupported ones.
        least: The least confidence at which an answer is given.
        started: When the question came, by ``time.perf_counter``.
    """
    refused: list[_Refused] = []
    answer: Answer | None = None
    try:
        sources = _sources(readings, fetch, attribute, settings.llm_sentences)
        for draft in _drafts(found, sources, model, least, refused):
            answer = dataclasses.replace(
                draft, model=model.name, seconds=time.perf_counter() - started
            )
            yield answer
    except ChatModelError as error:
        _log.info("%s", error)
        answer, notes = None, [f"{error}; the answer is made of quotes alone."]
    else:
        notes = [f"Nothing that {model.name} wrote is supported by its sources; quotes alone."]
    if answer is not None:
        notes = _refused_notes(refused, model, settings)
    yield dataclasses.replace(
        answer or found,
        notes=(*found.notes, *notes),
        seconds=time.perf_counter() - started,
    )


def _drafts(
    found: Answer,
    sources: Sequence[tuple[Citation, float]],
    model: ChatModel,
    least: float,
    refused: list[_Refused],
) -> Iterator[Answer]:
    """The answer as it grows; what was left out goes into ``refused``."""
    if not sources:
        raise ChatModelError(f"{model.name} was not asked: no sentence found is fit to be shown it")
    shown = [Source(c.quote, c.outlet, c.published) for c, _ in sources]
    reply = model.reply(SYSTEM, request(found.question, found.standalone, shown))
    draft = _Draft(sources, least)
    read = 0
    for written in itertools.islice(sentences(reply), _MOST_SENTENCES):
        read += 1
        why = draft.add(written)
        if why:
            refused.append(_Refused(written.text, why))
        elif draft.answers:
            yield draft.as_answer(found)
    if not read:
        raise ChatModelError(f"{model.name} wrote no answer from the sentences it was shown")


def _refused_notes(refused: Sequence[_Refused], model: ChatModel, settings: Settings) -> list[str]:
    if not refused:
        return []
    if settings.llm_unsupported == "show":
        return [f"Not supported by the articles: {one.text} ({one.why})" for one in refused]
    noun = "sentence" if len(refused) == 1 else "sentences"
    return [f"Left out, because no source supports it: {len(refused)} {noun} of {model.name}."]


def _sources(
    readings: Sequence[Reading], fetch: Fetch, attribute: Attribute, most: int
) -> list[tuple[Citation, float]]:
    """The sentences to show, none of them inside another, with their confidence."""
    found: list[tuple[Citation, float]] = []
    for reading in readings:
        if len(found) == most:
            break
        article = fetch(reading.sentence.doc_id)
        if article is None:
            continue
        # Alone, where the sentence it leans on is shown already.
        for alone in (False, True):
            new = citation_of(len(found) + 1, reading, article, attribute, alone=alone)
            if not any(overlap(new, old) for old, _ in found):
                if not _addresses_machines(new.quote):
                    found.append((new, reading.confidence))
                break
    return found


def _addresses_machines(text: str) -> bool:
    """True if a sentence tells programs that read the article what to do. A person may be shown it
    as a quote; a model is not, and nothing it writes can rest on it."""
    return bool(_MACHINE.search(text) and _TOLD.search(text))


class _Draft:
    """What of a reply has been kept so far."""

    def __init__(self, sources: Sequence[tuple[Citation, float]], least: float) -> None:
        self._sources = sources
        self._least = least
        self._used: list[int] = []
        self._sentences: list[str] = []

    @property
    def answers(self) -> bool:
        """True once a kept sentence rests on a source that may answer by itself."""
        return any(self._sources[at][1] >= self._least for at in self._used)

    def add(self, written: Written) -> str:
        """Keep a sentence, or say why not."""
        own = _QUOTED.sub("", written.text)
        for pattern, why in _UNFIT:
            if pattern.search(own):
                return why
        given = [n - 1 for n in written.numbers if 1 <= n <= len(self._sources)]
        why = self._why_not(written.text, given)
        if why:
            # Small models number wrongly what they copy rightly.
            others = (at for at in range(len(self._sources)) if [at] != given)
            found = next((at for at in others if not self._why_not(written.text, [at])), None)
            if found is None:
                return why
            given = [found]
        for at in given:
            if at not in self._used:
                self._used.append(at)
        marks = "".join(f"[{self._used.index(at) + 1}]" for at in given)
        self._sentences.append(f"{written.text} {marks}")
        return ""

    def _why_not(self, text: str, given: Sequence[int]) -> str:
        """Why a sentence does not rest on these sources; "" if it does."""
        if not given:
            return "it names no source, and none says so"
        reasons = unsupported(text, [self._sources[at][0].quote for at in given])
        if reasons:
            return reasons[0]
        best = self._sources[0][1]
        if max(self._sources[at][1] for at in given) < _LEAST_SHARE * best:
            return "what it rests on has little to do with the question"
        return ""

    def as_answer(self, found: Answer) -> Answer:
        """What is kept, in place of the extractive answer's quotes."""
        citations = tuple(
            dataclasses.replace(self._sources[at][0], number=number)
            for number, at in enumerate(self._used, start=1)
        )
        short = found.short_answer
        return dataclasses.replace(
            found,
            text=" ".join(self._sentences),
            short_answer=short if short and any(short in c.quote for c in citations) else None,
            citations=citations,
            alternatives=numbered_on(found.alternatives, citations),
            confidence=max(self._sources[at][1] for at in self._used),
        )
