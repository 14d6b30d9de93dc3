"""The panel that opens an article at the words that were clicked."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import RagError
from rag.page import render
from rag.page.message import failure, read_address

_FOLDER = Path(__file__).parent
# What Gradio has no component for: links inside a message, scrolling to a mark, the focus.
_LINKS_JS = (_FOLDER / "links.js").read_text(encoding="utf-8")
_PANEL_JS = (_FOLDER / "panel.js").read_text(encoding="utf-8")


def article_panel(*, elem_id: str) -> gr.HTML:
    """Where an article opens; empty at first."""
    return gr.HTML("", js_on_load=_PANEL_JS, elem_id=elem_id)


def card_list(
    assistant: Assistant, panel: gr.HTML, value: str, *, elem_id: str, links_of: str = ""
) -> gr.HTML:
    """Cards that open their articles in ``panel``; so do the links in the element whose id is
    ``links_of``. No state is kept here: a click names its place."""
    script = _LINKS_JS.replace("LINKS_OF", links_of)
    cards = gr.HTML(value, js_on_load=script, elem_id=elem_id)

    def open_article(event: gr.EventData) -> str:
        given = event._data if isinstance(event._data, dict) else {}
        place = read_address(str(given.get("ref", "")))
        if place is None:
            return ""
        others = [read_address(str(ref)) for ref in list(given.get("also") or [])[:100]]
        try:
            found = assistant.article(place.doc_id)
        except RagError as error:
            return failure(str(error))
        return render.article(place, found, [other for other in others if other is not None])

    cards.click(open_article, None, panel, api_visibility="private", show_progress="hidden")
    return cards
