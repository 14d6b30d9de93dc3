"""An answer in a chat model's words, of which only what its sources support is kept.

The model sees numbered sentences and says which of them each of its own rests on. The code puts
in the quotes, checks every sentence against the sentences it rests on, and where the model gave
no numbers, or wrong ones, looks for a source that supports it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.answering.compose import Draft, citation_of
from rag.answering.prose import unsupported
from rag.datatypes import Article, ChatModelError, Citation
from rag.llm.model import ChatModel
from rag.llm.prompt import SYSTEM, Source, request
from rag.llm.reply import Written, sentences
from rag.reader import Reading

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
class Refused:
    """A sentence of the model that is not supported, and why."""

    text: str
    why: str


def write(
    question: str,
    standalone: str,
    readings: Sequence[Reading],
    fetch: Callable[[str], Article | None],
    model: ChatModel,
    *,
    least: float,
    most: int,
    refused: list[Refused],
) -> Iterator[Draft]:
    """Drafts that grow by a supported sentence each; none if nothing the model wrote holds.

    Args:
        question: As asked.
        standalone: As understood.
        readings: Best first; at least one.
        fetch: Gives the stored article of a doc_id; None if it is gone or altered.
        model: Writes.
        least: The least confidence at which an answer is given.
        most: Most source sentences to show.
        refused: Gets what was left out.

    Raises:
        ChatModelError: The model failed, or its reply held nothing to read.
    """
    sources = _sources(readings, fetch, most)
    prompt = request(
        question, standalone, [Source(c.quote, c.outlet, c.published) for c, _ in sources]
    )
    if not sources:
        raise ChatModelError(f"{model.name} was not asked: no sentence found is fit to be shown it")
    draft = _Draft(sources, least)
    read = 0
    for written in sentences(model.reply(SYSTEM, prompt)):
        read += 1
        if read > _MOST_SENTENCES:
            break
        why = draft.add(written)
        if why:
            refused.append(Refused(written.text, why))
        elif draft.answers:
            yield draft.as_draft()
    if not read:
        raise ChatModelError(f"{model.name} wrote no answer from the sentences it was shown")


def _sources(
    readings: Sequence[Reading], fetch: Callable[[str], Article | None], most: int
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
            new = citation_of(len(found) + 1, reading, article, alone=alone)
            if not any(_overlap(new, old) for old, _ in found):
                if not _addresses_machines(new.quote):
                    found.append((new, reading.confidence))
                break
    return found


def _addresses_machines(text: str) -> bool:
    """True if a sentence tells programs that read the article what to do. A person may be shown it
    as a quote; a model is not, and nothing it writes can rest on it."""
    return bool(_MACHINE.search(text) and _TOLD.search(text))


def _overlap(one: Citation, other: Citation) -> bool:
    return one.doc_id == other.doc_id and one.start < other.end and other.start < one.end


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

    def as_draft(self) -> Draft:
        citations = tuple(
            dataclasses.replace(self._sources[at][0], number=number)
            for number, at in enumerate(self._used, start=1)
        )
        confidence = max(self._sources[at][1] for at in self._used)
        return Draft(" ".join(self._sentences), None, citations, confidence)
