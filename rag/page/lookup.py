"""The tab that looks up a quote."""

from __future__ import annotations

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import RagError
from rag.page import render
from rag.page.message import failure
from rag.page.reading import article_panel, card_list

_HINT = (
    '<p class="rag-empty">Paste words from a text. You learn whether the corpus has exactly these '
    "words, where, and if not, what differs: a number, a “not”, a word.</p>"
)


def build_look_up(assistant: Assistant) -> None:
    """The parts of the tab and what they do."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            box = gr.Textbox(
                label="Words to look up",
                placeholder="Paste a quote",
                lines=3,
                max_lines=12,
                elem_id="rag-look-up",
            )
            button = gr.Button("Look up", variant="primary", elem_id="rag-look-up-button")
            below = gr.Column()
        with gr.Column(scale=2, min_width=320):
            panel = article_panel(elem_id="rag-found-article")
        with below:
            found = card_list(assistant, panel, _HINT, elem_id="rag-found")

    def look_up(quote: str) -> str:
        if not quote.strip():
            return _HINT
        try:
            return render.look_up(assistant.locate(quote))
        except RagError as error:
            return failure(str(error))

    for event in (button.click, box.submit):
        event(look_up, box, found, api_visibility="private", show_progress="hidden")
