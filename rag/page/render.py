"""Records as HTML for the page. Article text is data: every piece of it is escaped here."""

from __future__ import annotations

import re
from datetime import date
from html import escape, unescape

from rag.datatypes import Answer, Article, Citation, Hit

REASONS = {
    "empty_question": "Please type a question.",
    "not_in_corpus": "Not in the corpus. No passage answers this well enough to be quoted; the "
    "nearest passages are shown under Sources. Try other words, or ask for one fact at a time.",
    "filtered_out": "Not within the filter. The corpus may answer this, but not with this filter.",
    "unverified": "Withheld. The quote could not be verified against the stored article.",
}
_NO_SOURCES = (
    '<p class="rag-empty">The sources of an answer appear here: each quote with its headline, '
    "outlet and date. Click one to read it in its article.</p>"
)
_NO_ARTICLE = ""


def confidence_words(confidence: float) -> str:
    """A confidence in words with the number behind it.

    >>> confidence_words(0.83)
    'fairly sure (83 %)'
    """
    for least, words in ((0.9, "sure"), (0.7, "fairly sure"), (0.5, "rather unsure")):
        if confidence >= least:
            return f"{words} ({confidence:.0%})".replace("%", " %")
    return f"unsure ({confidence:.0%})".replace("%", " %")


def as_text(text: str) -> str:
    """Text for a chat message, which the browser takes for HTML: written so that it is shown as
    it stands. Only what would be read as a tag or an entity is escaped, so that copying an
    ordinary message gives its own characters.

    >>> as_text("R&D <3, <b>bold</b> &lt;")
    'R&amp;D <3, &lt;b>bold&lt;/b> &amp;lt;'
    >>> as_text("R&D <3")
    'R&D <3'
    """
    if unescape(text) != text:
        text = text.replace("&", "&amp;")
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def answer_message(answer: Answer) -> str:
    """An answer as plain text for the chat."""
    parts = []
    if answer.standalone != answer.question:
        parts.append(f"Understood as: {answer.standalone}")
    if answer.abstained:
        parts.append(REASONS[answer.reason or "not_in_corpus"])
    else:
        if answer.short_answer:
            parts.append(f"→ {answer.short_answer}")
        parts.append(answer.text)
        for other in answer.alternatives:
            parts.append(f"A differing answer → {other.short_answer or ''}".rstrip("→ "))
            parts.append(other.text)
        parts.append(f"Exact quotes, checked. The reader is {confidence_words(answer.confidence)}.")
    parts.extend(answer.notes)
    return "\n\n".join(parts)


def sources(answer: Answer | None) -> str:
    """Cards of an answer's citations; of the nearest passages where it abstains."""
    if answer is None or (answer.abstained and not answer.hits):
        return _NO_SOURCES
    if answer.abstained:
        head = '<p class="rag-note">Nearest passages. They are no answer.</p>'
        return head + "".join(_passage_card(hit) for hit in answer.hits[:4])
    cards = [_citation_card(citation) for citation in answer.citations]
    for other in answer.alternatives:
        cards.append('<p class="rag-note">A differing answer</p>')
        cards.extend(_citation_card(citation) for citation in other.citations)
    return "".join(cards)


def _citation_card(citation: Citation) -> str:
    quote = escape(citation.quote)
    if citation.answer is not None:
        start, end = (offset - citation.start for offset in citation.answer)
        before, short, after = (
            citation.quote[:start],
            citation.quote[start:end],
            citation.quote[end:],
        )
        quote = f"{escape(before)}<mark>{escape(short)}</mark>{escape(after)}"
    return _card(
        f'<span class="rag-number">{citation.number}</span>',
        f"“{quote}”",
        _source(citation.title, citation.outlet, citation.published),
        citation.doc_id,
        citation.start,
        citation.end,
        label=f"Open the source of quote {citation.number}",
    )


def _passage_card(hit: Hit) -> str:
    passage = hit.passage
    text = passage.span.text
    shown = text if len(text) <= 260 else text[:260].rsplit(" ", 1)[0] + " …"
    return _card(
        "",
        escape(shown),
        _source(passage.title, passage.outlet, passage.published),
        passage.span.doc_id,
        passage.span.start,
        passage.span.end,
        label=f"Open passage {hit.rank}",
    )


def _card(
    badge: str, shown: str, source: str, doc_id: str, start: int, end: int, *, label: str
) -> str:
    """A button that opens a place; ``badge``, ``shown`` and ``source`` are HTML."""
    return (
        f'<button type="button" class="rag-card" aria-label="{escape(label, quote=True)}" '
        f'data-doc="{escape(doc_id, quote=True)}" data-start="{start}" data-end="{end}">'
        f'{badge}<span class="rag-quote">{shown}</span>'
        f'<span class="rag-source">{source}</span></button>'
    )


def _source(title: str, outlet: str | None, published: date | None) -> str:
    day = published.strftime("%-d %B %Y") if published else "no date"
    parts = [f"<b>{escape(title)}</b>", escape(outlet or "outlet not stated"), day]
    return " · ".join(parts)


def article(found: Article | None, start: int, end: int) -> str:
    """An article with ``text[start:end]`` marked; an explanation if it is not there any more."""
    if found is None or not 0 <= start < end <= len(found.text):
        return '<p class="rag-note">This article is no longer in the index. Ask again.</p>'
    before, marked, after = found.text[:start], found.text[start:end], found.text[end:]
    link = ""
    if found.url and found.url.startswith(("https://", "http://")):
        link = (
            f' · <a href="{escape(found.url, quote=True)}" target="_blank" '
            'rel="noopener noreferrer">original</a>'
        )
    return (
        f'<article class="rag-article" tabindex="0" aria-label="Article"><header>'
        f"{_source(found.title, found.outlet, found.published)}{link}"
        f"<br><small>{escape(found.doc_id)}, characters {start}–{end}</small></header>"
        f'<div class="rag-text">{escape(before)}<mark id="rag-mark">{escape(marked)}</mark>'
        f"{escape(after)}</div></article>"
    )
