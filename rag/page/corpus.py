"""The tab that shows a corpus in numbers: outlets, months, copies of one story, missing dates.

The charts are lists and tables with bars in them, so that they are read aloud as what they are, and
follow the page's colours. Titles and outlets are text: they are escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import Overview, RagError, counted
from rag.index.store import Listed
from rag.page.message import failure
from rag.page.pager import QUIET, Pager, nearest
from rag.page.reading import article_panel, card_list
from rag.page.render import article_card

STORIES = 10
"""Stories on one page."""
MOST_ARTICLES = 50
"""Cards of one story, or of articles without a date."""
MOST_OUTLETS = 12
MOST_MONTHS = 60
"""More are drawn by year."""
_MOST_COLUMNS = 150
"""With more, years without articles are left out."""
_NAMED_MONTHS = 13
_HIGHEST = 75
"""Height of the highest column in percent: the rest is for its label."""
_YEAR_WIDTH = 5
"""Columns, about, that the number of a year takes up."""


def build_corpus(assistant: Assistant, tab: gr.Tab) -> None:
    """The parts of the tab and what they do."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            numbers = gr.HTML("", elem_id="rag-corpus")
            below = gr.Column()
        with gr.Column(scale=2, min_width=320, elem_classes="rag-beside"):
            panel = article_panel(elem_id="rag-corpus-article")
    with below:
        stories = card_list(assistant, panel, "", elem_id="rag-stories")
        pager = Pager("stories")
        undated = card_list(assistant, panel, "", elem_id="rag-undated")

    def told(number: float | None) -> list[Any]:
        try:
            found = assistant.overview()
            page, pages = nearest(number, found.copies, STORIES)
            groups = assistant.copy_groups(STORIES, (page - 1) * STORIES)
        except RagError as error:
            return [failure(str(error)), *pager.shown(1, 1)]
        return [as_stories(groups), *pager.shown(page, pages)]

    def everything() -> list[Any]:
        try:
            found = assistant.overview()
            without = assistant.undated(MOST_ARTICLES) if found.undated else []
        except RagError as error:
            return [failure(str(error)), "", *pager.shown(1, 1), ""]
        return [as_numbers(found), *told(1), as_undated(found, without)]

    outputs = [stories, *pager.outputs]
    # Whenever it is opened: an upload may have changed the index.
    tab.select(everything, None, [numbers, *outputs, undated], **QUIET)
    pager.turns(told, [], outputs)


def as_numbers(found: Overview) -> str:
    """The articles by outlet and by month, as HTML."""
    return (
        f'<p class="rag-count" role="status">{escape(found.in_words())}</p>'
        f'<div class="rag-chart"><h2>By outlet</h2>{_outlets(found)}</div>'
        f'<div class="rag-chart"><h2>By {"year" if _by_year(found) else "month"}</h2>'
        f"{_months(found)}</div>"
    )


def _outlets(found: Overview) -> str:
    if not any(outlet for outlet, _ in found.by_outlet):
        return '<p class="rag-empty">No article names its outlet.</p>'
    most = found.by_outlet[0][1]
    rows = [
        f'<tr><th scope="row">{escape(outlet or "not stated")}</th>'
        f'<td><span class="rag-bar" style="width: {100 * count / most:.1f}%"></span></td>'
        f"<td>{count:,}</td></tr>"
        for outlet, count in found.by_outlet[:MOST_OUTLETS]
    ]
    others = found.by_outlet[MOST_OUTLETS:]
    if others:  # no bar: it would dwarf the others
        rows.append(
            f'<tr><th scope="row">{counted(len(others), "other")}</th><td></td>'
            f"<td>{sum(count for _, count in others):,}</td></tr>"
        )
    return f'<table class="rag-bars"><tbody>{"".join(rows)}</tbody></table>'


def _months(found: Overview) -> str:
    if not found.by_month:
        return '<p class="rag-empty">No article has a date.</p>'
    columns = columns_of(found)
    highest, _, most = max(columns, key=lambda column: column[2])
    return '<p class="rag-note">Most in {}: {}.</p><ol class="rag-months{}">{}</ol>'.format(
        highest,
        counted(most, "article"),
        " rag-many" if len(columns) > _NAMED_MONTHS else "",
        "".join(
            f'<li title="{name}: {count:,}"><span class="rag-hidden">{name}: {count:,}</span>'
            f'<span class="rag-column" style="height: {_HIGHEST * count / most:.1f}%"></span>'
            f'<small aria-hidden="true">{label}</small></li>'
            for name, label, count in columns
        ),
    )


def _by_year(found: Overview) -> bool:
    months = [_number(month) for month, _ in found.by_month]
    return bool(months) and months[-1] - months[0] >= MOST_MONTHS


def columns_of(found: Overview) -> list[tuple[str, str, int]]:
    """(name, label or "", articles) of each month from the first to the last, or of each year."""
    if _by_year(found):
        years: dict[int, int] = {}
        for month, count in found.by_month:
            years[int(month[:4])] = years.get(int(month[:4]), 0) + count
        span = range(min(years), max(years) + 1)
        drawn = list(span) if len(span) <= _MOST_COLUMNS else list(years)
        every = -(-len(drawn) // _NAMED_MONTHS)
        return [
            (str(year), "" if at % every else str(year), years.get(year, 0))
            for at, year in enumerate(drawn)
        ]
    counts = {_number(month): count for month, count in found.by_month}
    months = range(min(counts), max(counts) + 1)
    return [
        (_day(month).strftime("%B %Y"), _label(months, at), counts.get(month, 0))
        for at, month in enumerate(months)
    ]


def _label(months: range, at: int) -> str:
    """The month's name where there is room, the year at its beginning."""
    day = _day(months[at])
    few = len(months) <= _NAMED_MONTHS
    begins = day.month == 1 or (at == 0 and (few or day.month <= 12 - _YEAR_WIDTH))
    parts = [f"{day:%b}"] * few + [str(day.year)] * begins
    return "<br>".join(parts)


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _day(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def as_stories(groups: Sequence[Sequence[Listed]]) -> str:
    """A page of the stories that several articles tell, as HTML."""
    head = "<h2>Copies of one story</h2>"
    if not groups:
        return f'{head}<p class="rag-empty">No two articles are nearly the same.</p>'
    return head + "".join(
        f'<section class="rag-story"><h3>{counted(len(group), "article")}</h3>'
        f"{_cards(group, len(group))}</section>"
        for group in groups
    )


def as_undated(found: Overview, listed: Sequence[Listed]) -> str:
    """The articles without a date, as HTML."""
    if not listed:
        return ""
    return (
        f"<details><summary>No date ({found.undated:,})</summary>"
        f"{_cards(listed, found.undated)}</details>"
    )


def _cards(listed: Sequence[Listed], total: int) -> str:
    cards = [
        article_card(one.doc_id, one.title, one.outlet, one.published)
        for one in listed[:MOST_ARTICLES]
    ]
    if total > len(cards):
        cards.append(f'<p class="rag-note">and {total - len(cards):,} more</p>')
    return "".join(cards)
