"""The records that travel through the pipeline, and the errors it raises.

Records are frozen and know nothing of the libraries around them. Offsets are Unicode code points
into ``Article.text``, half-open. Ranks start at 1; a higher score is better.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any


class RagError(Exception):
    """Base of every error meant for the person: one line that ends with what to do."""


class CorpusError(RagError):
    """The corpus cannot be read: missing, unreadable, or nothing in it is an article."""


class IndexNotFoundError(RagError):
    """There is no index at this place."""


class IndexMismatchError(RagError):
    """The index was made by another version, model or corpus than the one asked for."""


class IndexWriteError(RagError):
    """The index cannot be written: disk full, folder read-only, another build at work."""


class ModelUnavailableError(RagError):
    """A model's files are missing, altered, or cannot be loaded."""


class ChatModelError(RagError):
    """A chat model gave no reply that can be used; the extractive answer stands in."""


class QuestionSetError(RagError):
    """A question set is malformed."""


class PageError(RagError):
    """The chat page cannot start."""


def text_sha256(text: str) -> str:
    """SHA-256 of the text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class Article:
    """One article, stored once and unaltered.

    Attributes:
        doc_id: Path relative to the corpus root, or the record's id.
        title: The headline; where the text has none, the first words of its first sentence.
        text: The whole text; newlines are ``\\n``, nothing else is changed.
        outlet: Name of the publishing site or paper, where the article says it.
        published: Publication date, where the article says it; never guessed.
        url: Link to the original, where given.
        sha256: Hash of ``text``; computed if left empty.
        source_sha256: Hash of the bytes the text was decoded from (the file, or the JSONL line).
        metadata: Other fields of the record, as given.

    Raises:
        ValueError: ``sha256`` is given and is not the hash of ``text``.
    """

    doc_id: str
    title: str
    text: str
    outlet: str | None = None
    published: date | None = None
    url: str | None = None
    sha256: str = ""
    source_sha256: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        actual = text_sha256(self.text)
        if self.sha256 and self.sha256 != actual:
            raise ValueError(f"article {self.doc_id!r}: text has hash {actual}, not {self.sha256}")
        object.__setattr__(self, "sha256", actual)


@dataclass(frozen=True, slots=True)
class Span:
    """A slice of an article: ``article.text[start:end] == text``.

    Raises:
        ValueError: The offsets do not fit the text's length, or the text is empty.
    """

    doc_id: str
    start: int
    end: int
    text: str

    def __post_init__(self) -> None:
        if not (0 <= self.start < self.end and self.end - self.start == len(self.text)):
            raise ValueError(
                f"span {self.start}:{self.end} of {self.doc_id!r} does not fit a text of "
                f"{len(self.text)} characters"
            )

    @classmethod
    def cut(cls, article: Article, start: int, end: int) -> Span:
        """The span ``article.text[start:end]``; raises ValueError if it does not lie inside."""
        return cls(article.doc_id, start, end, article.text[start:end])

    def overlaps(self, other: Span) -> bool:
        """True if the two share at least one character of one article."""
        return self.doc_id == other.doc_id and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence-aligned span of an article: the unit that is embedded and retrieved.

    ``sentences`` are the (start, end) of its sentences in the article, in order.
    """

    passage_id: str
    span: Span
    title: str
    outlet: str | None = None
    published: date | None = None
    url: str | None = None
    sentences: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage.

    Attributes:
        rank: From 1.
        score: Fused score; higher is better, comparable only within one ranking.
        found_by: ``("dense",)``, ``("lexical",)`` or both.
        similarity: Cosine of question and passage in [-1, 1]; None if only lexical search saw it.
    """

    passage: Passage
    rank: int
    score: float
    found_by: tuple[str, ...]
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who is reported to have said what. Every ``…_at`` is a (start, end) into ``Article.text``,
    and the string beside it is that slice.

    Attributes:
        speaker: The fullest form in which the article names or describes the speaker
            ("Abdul Qahar Balkhi", "the ministry spokesperson").
        mention_at: Who the verb's subject is, as written there ("He", "Khan"); ``speaker_at`` if
            the full form stands there itself.
        verb: "said", "has made it clear", "according to".
        said: (start, end) of what was said.
        direct: True if ``said`` stands in quotation marks; else it is told in the outlet's words.
        via: Who else is named as its reporter ("Khaama.com"); None if the article reports it
            itself.
        within: The speech in which this one stands, for a quotation inside a quotation.
    """

    speaker: str
    speaker_at: tuple[int, int]
    mention_at: tuple[int, int]
    verb: str
    verb_at: tuple[int, int]
    said: tuple[int, int]
    direct: bool
    via: str | None = None
    via_at: tuple[int, int] | None = None
    within: Attribution | None = None

    def in_words(self) -> str:
        """Who says it, as a line for the person: "according to Balkhi, reported by Khaama.com"."""
        how = "in the words of" if self.direct else "according to"
        told = f", as told by {self.within.speaker}" if self.within else ""
        via = f", reported by {self.via}" if self.via else ""
        return f"{how} {self.speaker}{told}{via}"


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and where it stands; ``sha256`` is the hash of the article's whole text, ``answer``
    the (start, end) of the short answer inside the quote, as offsets into the article.
    ``attribution`` is who is reported to say it, ``speaker`` that person's name; both None where
    the outlet speaks in its own voice. ``also_in`` are nearly the same words in other articles,
    folded into this one. ``lead`` is a line of ours that stands before the quote, where an answer
    is composed of several: it is no quote and states nothing."""

    number: int
    doc_id: str
    start: int
    end: int
    quote: str
    title: str
    outlet: str | None
    published: date | None
    url: str | None
    sha256: str
    speaker: str | None = None
    answer: tuple[int, int] | None = None
    attribution: Attribution | None = None
    also_in: tuple[Citation, ...] = ()
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A differing answer, with the citations that carry it. ``relation`` is how it stands to the
    answer it differs from: ``conflict``; ``later`` or ``earlier`` where every article of the one
    was published after, or before, every article of the other."""

    text: str
    short_answer: str | None
    citations: tuple[Citation, ...]
    relation: str = "conflict"

    def in_words(self) -> str:
        """How it stands to the answer, as a line for the person."""
        days = [citation.published for citation in self.citations if citation.published]
        if self.relation == "later" and days:
            return f"A later article differs ({min(days):%-d %B %Y})"
        if self.relation == "earlier" and days:
            return f"An earlier article differs ({max(days):%-d %B %Y})"
        return "A differing answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person gets. ``text`` is empty exactly when ``abstained``.

    Attributes:
        text: Plain text with ``[1]`` markers that refer to ``citations``.
        short_answer: A slice of a cited quote, where one could be singled out.
        reason: Why it abstained: ``empty_question``, ``not_in_corpus``, ``filtered_out``,
            ``unverified``; None if it answered.
        confidence: In [0, 1]: the estimated probability that the answer given (or, when
            abstaining, the answer withheld) is right.
        hits: The nearest passages, best first; kept also when abstaining.
        model: ``extractive``, or the chat model's name.
        seconds: Wall-clock time spent answering.
        standalone: The question as understood after a conversation.
        notes: Lines for the person: fallbacks taken, what a filter left out.
    """

    question: str
    text: str
    short_answer: str | None
    citations: tuple[Citation, ...]
    abstained: bool
    reason: str | None
    confidence: float
    hits: tuple[Hit, ...]
    model: str
    seconds: float
    standalone: str
    alternatives: tuple[Alternative, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.abstained != (not self.text) or self.abstained != (self.reason is not None):
            raise ValueError("an answer has a text, or it abstains with a reason; never both")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where pasted words and the nearest text of the corpus part.

    Attributes:
        kind: ``number``, ``negation`` or ``words``.
        quoted: The words as pasted; empty if the pasted text lacks them.
        stored: The words as stored; empty if the stored text lacks them.
    """

    kind: str
    quoted: str
    stored: str


@dataclass(frozen=True, slots=True)
class QuoteMatch:
    """Whether, where and how exactly the corpus holds pasted words.

    Attributes:
        status: ``exact`` (up to declared, reversible normalisation), ``altered`` (a near text
            exists, and differs), ``stitched`` (parts from several places), ``absent``.
        citations: The places, as exact slices: for ``altered`` those of the nearest text, for
            ``stitched`` one of each part.
        differences: What differs from the nearest text; empty unless ``altered``.
    """

    status: str
    citations: tuple[Citation, ...]
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """Quotes on a topic, in order of publication.

    Attributes:
        citations: Of articles with a date, oldest first, numbered from 1.
        undated: Of articles without one, numbered on.
        notes: Lines for the person: what a filter left out, why there is nothing.

    Raises:
        ValueError: A quote of ``citations`` has no date or is older than the one before it, or
            one of ``undated`` has a date.
    """

    query: str
    citations: tuple[Citation, ...]
    undated: tuple[Citation, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        days = [citation.published for citation in self.citations]
        known = [day for day in days if day is not None]
        if known != days or known != sorted(known):
            raise ValueError("a timeline's quotes are dated, and oldest first")
        if any(citation.published is not None for citation in self.undated):
            raise ValueError("a quote with a date stands among those without")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or record that did not become an article, and why."""

    path: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a build did. ``articles`` and ``passages`` count what the index now holds;
    ``added``, ``changed`` and ``removed`` count articles."""

    articles: int
    passages: int
    added: int
    changed: int
    removed: int
    skipped: tuple[Skipped, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of ``doctor``; ``mend`` is the command that mends it, empty if all is well."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """What a corpus holds, in numbers.

    Attributes:
        articles: How many there are.
        by_outlet: (outlet, articles), most first; the outlet is None where it is not stated.
        by_month: ("2025-03", articles) for each month that has any, in order.
        undated: Articles without a date.
        copies: Stories that more than one article tells in nearly the same words.
        copied: Articles that tell one of them.
    """

    articles: int
    by_outlet: tuple[tuple[str | None, int], ...]
    by_month: tuple[tuple[str, int], ...]
    undated: int
    copies: int
    copied: int

    def in_words(self) -> str:
        """The same in a line.

        >>> Overview(3, (("Ystad Post", 2), (None, 1)), (("2025-03", 2),), 1, 1, 2).in_words()
        '3 articles from 1 outlet; 1 without a date; 1 story told by 2 of them in nearly the same words.'
        """
        outlets = sum(outlet is not None for outlet, _ in self.by_outlet)
        first = counted(self.articles, "article")
        parts = [f"{first} from {counted(outlets, 'outlet')}" if outlets else first]
        if self.undated:
            parts.append(f"{self.undated:,} without a date")
        if self.copies:
            stories = counted(self.copies, "story", "stories")
            parts.append(f"{stories} told by {self.copied:,} of them in nearly the same words")
        return "; ".join(parts) + "."


def counted(count: int, noun: str, nouns: str = "") -> str:
    """A number with its noun: "1 story", "1,200 stories"."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def as_json(value: Any) -> Any:
    """A record as JSON values, with exactly its field names; dates in ISO form."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    return value
