"""Sources, articles and look-ups as HTML. Article text is data: all of it is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from rag.datatypes import Article, Citation, QuoteMatch
from rag.page.message import Place, Said, address, as_html

FetchArticle = Callable[[str], Article | None]

WHOLE = (0, 0)
"""Start and end of a place that is an article from its beginning, nothing in it marked."""
NO_SOURCES = (
    '<p class="rag-empty">The sources of an answer appear here: each quote with its headline, '
    "outlet and date. Click one to read it in its article.</p>"
)
_GONE = (
    '<p class="rag-note" role="status">This article is no longer in the index, or has changed. '
    "Ask again.</p>"
)
_SHOWN_OF_PASSAGE = 260
_STATUS = {
    "exact": ("Exact", "The corpus has these words."),
    "altered": ("Altered", "The corpus does not have these words. The nearest text differs:"),
    "stitched": ("Stitched", "The corpus has these words only in parts, from several places."),
    "absent": ("Absent", "The corpus has nothing like these words."),
}
_DIFFERENCE = {"number": "Number", "negation": "Negation", "words": "Words"}


def sources(said: Said | None, fetch: FetchArticle) -> str:
    """Cards of what a message cites; of the nearest passages where it declines."""
    if said is None:
        return NO_SOURCES
    places = said.nearest if said.abstained else said.cited
    cards = [_card(place, fetch(place.doc_id), cited=not said.abstained) for place in places]
    if not cards:
        return NO_SOURCES
    head = "<p class='rag-note'>The nearest passages. They are no answer.</p>"
    return ("" if not said.abstained else head) + "".join(cards)


def _card(place: Place, article: Article | None, *, cited: bool) -> str:
    """A button that opens a place."""
    if article is None or not fits(place, article):
        return _GONE
    text = article.text[place.start : place.end]
    if cited:
        shown = f"“{_marked(text, place)}”"
        badge = f'<span class="rag-number" aria-hidden="true">{as_html(place.label)}</span>'
        label = f"Source {place.label}"
    else:
        if len(text) > _SHOWN_OF_PASSAGE:
            text = text[:_SHOWN_OF_PASSAGE].rsplit(" ", 1)[0] + " …"
        shown, badge, label = as_html(text), "", "Passage"
    return (
        f'<button type="button" class="rag-card" data-ref="{as_html(address(place))}">'
        f'<span class="rag-hidden">{as_html(label)}: </span>{badge}'
        f'<span class="rag-quote">{shown}</span>'
        f'<span class="rag-source">{source_line(article.title, article.outlet, article.published)}'
        "</span></button>"
    )


def _marked(text: str, place: Place) -> str:
    """A quote with its short answer marked."""
    if place.answer is None:
        return as_html(text)
    start, end = (offset - place.start for offset in place.answer)
    if not 0 <= start < end <= len(text):
        return as_html(text)
    return f"{as_html(text[:start])}<mark>{as_html(text[start:end])}</mark>{as_html(text[end:])}"


def article_card(doc_id: str, title: str, outlet: str | None, published: date | None) -> str:
    """A button that opens an article at its beginning."""
    return (
        '<button type="button" class="rag-card" '
        f'data-ref="{as_html(address(Place("", doc_id, *WHOLE)))}">'
        f"{source_line(title, outlet, published)}</button>"
    )


def fits(place: Place, article: Article) -> bool:
    """Whether the article has such a place."""
    return 0 <= place.start < place.end <= len(article.text)


def source_line(title: str, outlet: str | None, published: date | None) -> str:
    """Headline, outlet and day, as HTML."""
    parts = [f"<b>{as_html(title)}</b>", as_html(outlet or "outlet not stated"), day(published)]
    return " · ".join(parts)


def day(published: date | None) -> str:
    """A day as people write it.

    >>> day(date(2025, 3, 30)), day(None)
    ('30 March 2025', 'no date')
    """
    return published.strftime("%-d %B %Y") if published else "no date"


def article(place: Place, found: Article | None, others: Sequence[Place] = ()) -> str:
    """An article with a place marked (none if it is ``WHOLE``), and more faintly the others that
    lie in it; an explanation if it is not there any more."""
    whole = (place.start, place.end) == WHOLE
    if found is None or not (whole or fits(place, found)):
        return _GONE
    faint = sorted(
        {
            (other.start, other.end)
            for other in others
            if other.doc_id == place.doc_id
            and fits(other, found)
            and (other.end <= place.start or place.end <= other.start)
        }
    )
    body, at = [], 0
    for start, end in sorted([*faint, (place.start, place.end)]):
        if start < at:
            continue  # two of the others overlap: the first stands for both
        words = as_html(found.text[start:end])
        main = start == place.start
        mark = (
            f'<mark class="rag-mark">{words}</mark>'
            if main
            else f'<mark class="rag-also">{words}</mark>'
        )
        body += [as_html(found.text[at:start]), mark]
        at = end
    body.append(as_html(found.text[at:]))
    marked = "" if whole else f", characters {place.start}–{place.end}"
    link = ""
    if found.url and found.url.startswith(("https://", "http://")):
        link = (
            f' · <a href="{as_html(found.url)}" target="_blank" '
            'rel="noopener noreferrer">original</a>'
        )
    return (
        '<article class="rag-article"><header>'
        '<button type="button" class="rag-close" aria-label="Close the article">×</button>'
        f"{source_line(found.title, found.outlet, found.published)}{link}"
        f"<br><small>{as_html(found.doc_id)}{marked}</small></header>"
        '<div class="rag-text" tabindex="0" role="region" aria-label="Article text">'
        f"{''.join(body)}</div></article>"
    )


def look_up(match: QuoteMatch) -> str:
    """What a look-up found: its status in words, what differs, and the places."""
    head, explained = _STATUS[match.status]
    parts = [
        f'<p class="rag-status rag-{match.status}"><b>{head}.</b> {explained}</p>',
    ]
    if match.differences:
        rows = "".join(
            f"<tr><td>{_DIFFERENCE.get(d.kind, as_html(d.kind))}</td>"
            f"<td><del>{as_html(d.quoted) or '—'}</del></td>"
            f"<td><ins>{as_html(d.stored) or '—'}</ins></td></tr>"
            for d in match.differences
        )
        parts.append(
            '<table class="rag-differences"><thead><tr><th>What</th><th>Pasted</th>'
            f"<th>In the corpus</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    stored = [d.stored for d in match.differences if d.stored]
    parts += [_found(citation, stored) for citation in match.citations]
    return "".join(parts)


def _found(citation: Citation, stored: Sequence[str]) -> str:
    """A place that a look-up found, as a card; what the pasted words lack or alter is marked."""
    words = as_html(citation.quote)
    for piece in sorted(set(map(as_html, stored)), key=len, reverse=True):
        words = words.replace(piece, f"<mark>{piece}</mark>", 1) if "<mark>" not in words else words
    place = Place(str(citation.number), citation.doc_id, citation.start, citation.end)
    source = source_line(citation.title, citation.outlet, citation.published)
    return (
        f'<button type="button" class="rag-card" data-ref="{as_html(address(place))}">'
        f'<span class="rag-number" aria-hidden="true">{citation.number}</span>'
        f'<span class="rag-quote">“{words}”</span>'
        f'<span class="rag-source">{source} · {as_html(citation.doc_id)}, characters '
        f"{citation.start}–{citation.end}</span></button>"
    )
