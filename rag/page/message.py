"""An answer as a chat message, and a chat message read back.

The browser holds the conversation and nothing else does, so a message carries all that is needed
to show its sources again, to export it or to rate it: each ``[1]`` is a link whose address names
an article and a place in it. The page's chat takes HTML; every piece of text is escaped here, and
Gradio cleans what it shows once more.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser
from urllib.parse import quote, unquote

from rag.datatypes import Answer, Citation, Hit
from rag.index.lexical import terms

NEAREST = 4
"""How many of the nearest passages a message that declines names."""

_HEADS = {
    "empty_question": "Please type a question.",
    "not_in_corpus": "Not in the corpus",
    "filtered_out": "Not within the filter",
    "unverified": "Withheld",
}
_WHY = {
    "empty_question": "",
    "not_in_corpus": "Passages come near, but none answers this well enough to be quoted.",
    "filtered_out": "The corpus may answer this, but not with this filter.",
    "unverified": "The quote could not be verified against the stored article.",
}
_TRY = {
    "not_in_corpus": "Try the words an article would use, ask for one fact at a time, or let it "
    "answer when less sure (Settings).",
    "filtered_out": "Widen the dates or choose more outlets under Settings.",
    "unverified": "Run python -m rag doctor.",
}
_DIFFER = "The articles differ. Nothing here decides between them."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a link of a message leads.

    Attributes:
        label: What the link says: "1" for a citation, a headline for a passage.
        doc_id, start, end: The article and the half-open range of code points in it.
        answer: Where in the article the short answer stands, if it has one.
    """

    label: str
    doc_id: str
    start: int
    end: int
    answer: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a message of ours says.

    Attributes:
        text: Its words, a line each paragraph.
        short_answer: The first short answer, if any.
        prose: A chat model's words, if any, with their markers.
        quotes: The quoted paragraphs, with their markers.
        cited: Where its quotes stand, in order.
        nearest: The nearest passages it names, if it declines.
        abstained: True if it declines.
        rateable: True if "right" and "wrong" mean something for a test set: not where a filter, a
            failure or an empty question is why there is no answer.
    """

    text: str
    short_answer: str | None
    prose: str | None
    quotes: tuple[str, ...]
    cited: tuple[Place, ...]
    nearest: tuple[Place, ...]
    abstained: bool
    rateable: bool


def confidence_words(confidence: float) -> str:
    """A confidence in words with the number behind it.

    >>> confidence_words(0.83)
    'Fairly sure (83 %)'
    """
    for least, words in ((0.9, "Sure"), (0.7, "Fairly sure"), (0.5, "Rather unsure")):
        if confidence >= least:
            return f"{words} ({confidence:.0%})".replace("%", " %")
    return f"Unsure ({confidence:.0%})".replace("%", " %")


def address(place: Place) -> str:
    """The address of a place, for a link.

    >>> address(Place("1", "a b.txt", 3, 9, (4, 6)))
    '#quote:a%20b.txt:3:9:4:6'
    """
    parts = [quote(place.doc_id, safe=""), str(place.start), str(place.end)]
    if place.answer is not None:
        parts += map(str, place.answer)
    return "#quote:" + ":".join(parts)


def read_address(text: str, label: str = "") -> Place | None:
    """The place that an address names; None if it is none of ours."""
    found = re.fullmatch(r"#quote:([^:]*):(\d{1,12}):(\d{1,12})(?::(\d{1,12}):(\d{1,12}))?", text)
    if found is None:
        return None
    answer = (int(found[4]), int(found[5])) if found[4] else None
    return Place(label, unquote(found[1]), int(found[2]), int(found[3]), answer)


def as_html(text: str) -> str:
    """Text, shown as it stands."""
    return escape(text, quote=True)


def as_typed(text: str) -> str:
    """A person's own words for the chat, which takes HTML: written so that they are shown as they
    stand, and with no more escapes than that needs, since editing and copying show them.

    >>> as_typed("R&D <3, <b>bold</b> &lt;")
    'R&amp;D <3, &lt;b>bold&lt;/b> &amp;lt;'
    >>> as_typed("R&D <3")
    'R&D <3'
    """
    if unescape(text) != text:
        text = text.replace("&", "&amp;")
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def typed(content: str) -> str:
    """What a person typed, of a message that ``as_typed`` wrote."""
    return unescape(content)


def message(answer: Answer) -> str:
    """An answer as a chat message."""
    parts = []
    if answer.standalone != answer.question:
        parts.append(_paragraph("rag-as", f"Understood as: {as_html(answer.standalone)}"))
    if answer.abstained:
        parts += _declined(answer)
    else:
        short = answer.short_answer
        if answer.model != "extractive":
            parts += [_paragraph("rag-short", as_html(short))] if short else []
            parts.append(_paragraph("rag-prose", _prose(answer)))
            short = None
        sides = [_side(short, answer.citations)]
        if answer.alternatives:
            parts.append(_paragraph("rag-differ", _DIFFER))
            sides += [_side(a.short_answer, a.citations, a.in_words()) for a in answer.alternatives]
            sides = [f'<div class="rag-side">{side}</div>' for side in sides]
        shown = "".join(sides)
        parts.append(f'<div class="rag-sides">{shown}</div>' if answer.alternatives else shown)
        sure = confidence_words(answer.confidence)
        by = "exact quotes, checked"
        if answer.model != "extractive":
            by = f"worded by {as_html(answer.model)}, each sentence checked · {by}"
        parts.append(_paragraph("rag-sure", f"{sure} · {by}"))
    parts += [_paragraph("rag-note", as_html(note)) for note in answer.notes]
    if answer.reason in _TRY:
        parts.append(_paragraph("rag-try", _TRY[answer.reason]))
    return "".join(parts)


def _side(short: str | None, citations: Sequence[Citation], head: str = "") -> str:
    """One answer: its short form and its quotes, each with who says it, where and when."""
    parts = [_paragraph("rag-differs", head)] if head else []
    if short:
        parts.append(_paragraph("rag-short", as_html(short)))
    for citation in citations:
        if citation.lead:
            parts.append(_paragraph("rag-lead", as_html(citation.lead)))
        parts.append(_quoted(citation))
        parts.append(_paragraph("rag-by", as_html(_by(citation))))
    return "".join(parts)


def _by(citation: Citation) -> str:
    """Who says a quote, in which outlet, on which day, and where else it stands."""
    day = citation.published.strftime("%-d %B %Y") if citation.published else "no date"
    said = citation.attribution.in_words() if citation.attribution else ""
    also = ", ".join(dict.fromkeys(other.outlet or other.title for other in citation.also_in))
    parts = [said, citation.outlet or citation.title, day, f"also in {also}" if also else ""]
    return " · ".join(part for part in parts if part)


def failure(reason: str) -> str:
    """A message that says why there is no answer."""
    return _paragraph("rag-declined", "Not answered") + _paragraph("rag-why", as_html(reason))


def _declined(answer: Answer) -> list[str]:
    reason = answer.reason or "not_in_corpus"
    parts = [_paragraph("rag-declined", _HEADS[reason])]
    why = _WHY[reason]
    if reason == "not_in_corpus" and not _near_in_words(answer):
        why = "No passage is near: none of the nearest has a word of the question."
    if why:
        parts.append(_paragraph("rag-why", why))
    if answer.hits:
        links = " · ".join(map(_near, answer.hits[:NEAREST]))
        parts.append(_paragraph("rag-nearest", f"Nearest, but no answer: {links}"))
    return parts


def _near_in_words(answer: Answer) -> bool:
    """Whether a near passage shares a content word with the question."""
    asked = set(terms(answer.standalone))
    return any(asked & set(terms(hit.passage.span.text)) for hit in answer.hits)


def _paragraph(kind: str, html: str) -> str:
    return f'<p class="{kind}">{html}</p>'


def _quoted(citation: Citation) -> str:
    """A quote with its short answer marked, and the link to its place."""
    words = as_html(citation.quote)
    if citation.answer is not None:
        start, end = (offset - citation.start for offset in citation.answer)
        before, short, after = (
            as_html(citation.quote[:start]),
            as_html(citation.quote[start:end]),
            as_html(citation.quote[end:]),
        )
        words = f"{before}<mark>{short}</mark>{after}"
    link = _link(_place(citation), f"[{citation.number}]")
    return _paragraph("rag-quoted", f"“{words}” {link}")


def _prose(answer: Answer) -> str:
    """A chat model's sentences, their numbers as links."""
    places = {str(c.number): _place(c) for c in answer.citations}
    parts = re.split(r"\[(\d+)\]", answer.text)
    return "".join(
        _link(places[part], f"[{part}]") if odd else as_html(part)
        for part, odd in zip(parts, itertools.cycle((False, True)), strict=False)
    )


def _place(citation: Citation) -> Place:
    return Place(
        str(citation.number), citation.doc_id, citation.start, citation.end, citation.answer
    )


def _near(hit: Hit) -> str:
    span = hit.passage.span
    return _link(Place("", span.doc_id, span.start, span.end), f"passage {hit.rank}")


def _link(place: Place, words: str) -> str:
    # The cleaning keeps class, title and addresses within the page, and drops the rest.
    return (
        f'<a class="rag-ref" href="{escape(address(place), quote=True)}" '
        f'title="Open the source">{as_html(words)}</a>'
    )


@dataclass
class _Reader(HTMLParser):
    """Collects the paragraphs of a message with their kinds and links."""

    paragraphs: list[tuple[str, str]] = field(default_factory=list)
    places: list[tuple[str, Place]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._kind = ""
        self._text: list[str] = []
        self._link: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "p":
            self._kind = values.get("class") or ""
        elif tag == "a":
            self._link = (values.get("href") or "", [])

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        if self._link is not None:
            self._link[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            target, words = self._link
            place = read_address(target, "".join(words).strip("[]"))
            if place is not None:
                self.places.append((self._kind, place))
            self._link = None
        elif tag == "p":
            self.finish()

    def finish(self) -> None:
        """End the paragraph at hand."""
        text = "".join(self._text)
        if text.strip():
            self.paragraphs.append((self._kind, text))
        self._kind, self._text = "", []


def read_message(html: str) -> Said:
    """What a message of ours says; any other text reads as one paragraph."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.finish()
    kinds: dict[str, list[str]] = {}
    for kind, text in reader.paragraphs:
        kinds.setdefault(kind, []).append(text)
    return Said(
        text="\n\n".join(text for _, text in reader.paragraphs),
        short_answer=kinds.get("rag-short", [None])[0],
        prose=kinds.get("rag-prose", [None])[0],
        quotes=tuple(kinds.get("rag-quoted", ())),
        cited=tuple(place for kind, place in reader.places if kind == "rag-quoted"),
        nearest=tuple(place for kind, place in reader.places if kind == "rag-nearest"),
        abstained="rag-declined" in kinds,
        rateable=kinds.get("rag-declined", [_HEADS["not_in_corpus"]]) == [_HEADS["not_in_corpus"]],
    )


def turns(messages: Sequence[tuple[str, str]]) -> list[tuple[str, Said]]:
    """(question, what was said) of each finished turn of (role, content) messages, in order."""
    found: list[tuple[str, Said]] = []
    question: str | None = None
    for role, content in messages:
        if role == "user":
            question = typed(content)
        elif question is not None:
            found.append((question, read_message(content)))
            question = None
    return found
