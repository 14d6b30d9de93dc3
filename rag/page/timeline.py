"""The tab that shows what was written on a topic, in order: points on a time axis, and the quotes.

The axis is proportional: a point stands where its day does between the first and the last. Points
that would cover each other are stacked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, date, timedelta
from typing import Any

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import Citation, RagError, Timeline
from rag.page.message import Place, address, as_html, failure
from rag.page.reading import article_panel, card_list
from rag.page.render import day, source_line

_HINT = (
    '<p class="rag-empty">Type a topic. You see what the articles say on it, in exact quotes, '
    "oldest first, each point of the axis on its day of publication.</p>"
)
_POINT = 6.8
"""Width of a point in hundredths of the axis on a phone."""
_MOST_STACKED = 6
_MOST_TICKS = 5
_STEPS = (
    *((days, "days") for days in (1, 2, 7, 14)),
    *((months, "months") for months in (1, 2, 3, 6)),
    *((years * power, "years") for power in (1, 10, 100, 1000) for years in (1, 2, 5)),
)
"""Distances between ticks, rising."""


def build_timeline(assistant: Assistant) -> None:
    """The parts of the tab and what they do."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            box = gr.Textbox(
                label="Topic",
                placeholder="Type a topic and press Enter",
                max_lines=1,
                elem_id="rag-topic",
            )
            button = gr.Button("Show", variant="primary", elem_id="rag-topic-button")
            with gr.Accordion("Filter", open=False, elem_id="rag-topic-filter"):
                with gr.Row():
                    outlets = _names("Only these outlets", "rag-topic-outlets")
                    speakers = _names("Only words of", "rag-topic-speakers")
                with gr.Row():
                    first = _day_box("Published from", "rag-topic-from")
                    last = _day_box("Published to", "rag-topic-to")
            below = gr.Column()
        with gr.Column(scale=2, min_width=320, elem_classes="rag-beside"):
            panel = article_panel(elem_id="rag-timeline-article")
        with below:
            shown = card_list(assistant, panel, _HINT, elem_id="rag-timeline")

    def show(query: str, *chosen: Any) -> tuple[str, Timeline | None]:
        if not query.strip():
            return _HINT, None
        by_outlet, by_speaker, since, until = chosen
        try:
            found = assistant.timeline(
                query,
                outlets=by_outlet or None,
                speakers=by_speaker or None,
                published_from=since or None,
                published_to=until or None,
            )
        except RagError as error:
            return failure(str(error)), None
        return as_page(found), found

    def anew(query: str, since: Any, until: Any) -> tuple[str, Any, Any, str]:
        html, found = show(query, None, None, since, until)
        quotes = [] if found is None else [*found.citations, *found.undated]
        named = (_most_first(getattr(q, part) for q in quotes) for part in ("outlet", "speaker"))
        return html, *(gr.update(choices=names, value=[]) for names in named), ""

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    gr.on(
        [box.submit, button.click],
        anew, [box, first, last], [shown, outlets, speakers, panel], **private,
    )  # fmt: skip
    gr.on(
        [outlets.input, speakers.input, first.change, last.change],
        lambda *values: show(*values)[0], [box, outlets, speakers, first, last], shown, **private,
    )  # fmt: skip


def _names(label: str, elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        [],
        multiselect=True,
        label=label,
        info="None chosen: all of them.",
        min_width=200,
        elem_id=elem_id,
    )


def _day_box(label: str, elem_id: str) -> gr.DateTime:
    return gr.DateTime(
        include_time=False, type="string", label=label, min_width=200, elem_id=elem_id
    )


def _most_first(names: Iterable[str | None]) -> list[str]:
    return [name for name, _ in Counter(name for name in names if name).most_common()]


def as_page(found: Timeline) -> str:
    """A timeline as HTML: a line that counts, the axis, the quotes, the notes."""
    parts = [f'<p class="rag-note" role="status">{as_html(note)}</p>' for note in found.notes]
    if found.citations:
        parts += [axis(found.citations), _quotes(found.citations)]
    if found.undated:
        parts += ['<h3 class="rag-undated">Without a date</h3>', _quotes(found.undated)]
    return "".join(parts)


def axis(citations: Sequence[Citation]) -> str:
    """The axis of dated quotes, oldest first, as HTML; all that stands in it is in per cent of
    its width, so it fits any."""
    days = [citation.published for citation in citations if citation.published]
    first, last = days[0], days[-1]
    rows: list[float] = []
    """Where the last point of each row stands."""
    points: list[str] = []
    hidden: dict[float, int] = {}
    for citation, published in zip(citations, days, strict=True):
        at = place_of(published, first, last)
        row = next((n for n, end in enumerate(rows) if at - end >= _POINT), len(rows))
        if row == _MOST_STACKED:
            near = next((place for place in hidden if at - place < 2 * _POINT), at)
            hidden[near] = hidden.get(near, 0) + 1
            continue
        rows[row : row + 1] = [at]
        label = " · ".join(filter(None, [day(published), citation.outlet, citation.title]))
        points.append(
            f'<button type="button" class="rag-point" data-ref="{_ref(citation)}" '
            f'tabindex="{-1 if points else 0}" style="left:{at:.2f}%;--row:{row}" '
            f'title="{as_html(label)}" aria-label="{citation.number}: {as_html(label)}">'
            f"{citation.number}</button>"
        )
    points += [
        f'<span class="rag-more" style="left:{at:.2f}%;--row:{_MOST_STACKED}">+{count}</span>'
        for at, count in hidden.items()
    ]
    marks = "".join(
        f'<span style="left:{place_of(at, first, last):.2f}%">{label}</span>'
        for at, label in ticks(first, last)
    )
    height = min(len(rows), _MOST_STACKED) + bool(hidden)
    count = "1 quote" if len(citations) == 1 else f"{len(citations)} quotes"
    span = day(first) if first == last else f"{day(first)} – {day(last)}"
    return (
        f'<div class="rag-axis"><p class="rag-span"><b>{count}</b>, {span}</p>'
        f'<div class="rag-points" role="toolbar" aria-label="Time axis, {count}, {span}" '
        f'style="--rows:{height}">{"".join(points)}</div>'
        f'<div class="rag-ticks" aria-hidden="true">{marks}</div></div>'
    )


def place_of(at: date, first: date, last: date) -> float:
    """Where a day stands between two others, in hundredths of the way; 50 if they are one.

    >>> place_of(date(2025, 3, 2), date(2025, 3, 1), date(2025, 3, 5))
    25.0
    """
    return 100 * (at - first).days / (last - first).days if first < last else 50.0


def ticks(first: date, last: date) -> list[tuple[date, str]]:
    """At most ``_MOST_TICKS`` round days from first to last, as near to each other as that
    allows, with their labels.

    >>> [label for _, label in ticks(date(2022, 11, 20), date(2023, 2, 3))]
    ['Dec 2022', 'Jan 2023', 'Feb 2023']
    """
    if first == last:
        return [(first, day(first))]
    for step, unit in _STEPS:
        days = _round_days(first, last, step, unit)
        if len(days) <= _MOST_TICKS:
            break
    form = {"days": "%-d %b", "months": "%b %Y", "years": "%Y"}[unit]
    return [(at, at.strftime(form)) for at in days]


def _round_days(first: date, last: date, step: int, unit: str) -> list[date]:
    """Every ``step``-th day from the first on; or the firsts of every ``step``-th month or year
    that lie between. Gives up after one more than ``_MOST_TICKS``."""
    days: list[date] = []
    if unit == "days":
        count = min((last - first).days // step, _MOST_TICKS)
        return [first + timedelta(step * n) for n in range(count + 1)]
    month = first.year * 12 + first.month - 1
    length = step if unit == "months" else 12 * step
    month += -month % length
    while len(days) <= _MOST_TICKS and month // 12 <= MAXYEAR:
        at = date(month // 12, month % 12 + 1, 1)
        if at > last:
            break
        days += [at] if at >= first else []
        month += length
    return days


def _quotes(citations: Sequence[Citation]) -> str:
    return f'<ol class="rag-events">{"".join(map(_quote, citations))}</ol>'


def _quote(citation: Citation) -> str:
    """A quote as a card that opens its article, and links to the articles that say the same."""
    says = ""
    if citation.speaker:
        via = citation.attribution.via if citation.attribution else None
        reported = f", reported by {as_html(via)}" if via else ""
        says = f'<span class="rag-says">says: <b>{as_html(citation.speaker)}</b>{reported}</span>'
    when = f'<span class="rag-day">{day(citation.published)}</span>' if citation.published else ""
    also = "".join(
        f'<button type="button" class="rag-also-in" data-ref="{_ref(other)}">also in: '
        f"{source_line(other.title, other.outlet, other.published)}</button>"
        for other in citation.also_in
    )
    return (
        f'<li><button type="button" class="rag-card" data-ref="{_ref(citation)}">'
        f'<span class="rag-number">{citation.number}</span>{when}'
        f'<span class="rag-quote">“{as_html(citation.quote)}”</span>{says}'
        f'<span class="rag-source">{_source(citation)}</span></button>{also}</li>'
    )


def _source(citation: Citation) -> str:
    return f"<b>{as_html(citation.title)}</b> · {as_html(citation.outlet or 'outlet not stated')}"


def _ref(citation: Citation) -> str:
    return as_html(address(Place("", citation.doc_id, citation.start, citation.end)))
