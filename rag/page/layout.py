"""The page's parts and what they do. No state is kept in the process: history comes with each
question from the browser, and a click on a card names the place it opens."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import RagError
from rag.page import render

STYLE = Path(__file__).with_name("style.css")
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "Menlo", "Consolas", "monospace"]

# A card is a button; a click (or Enter) hands its place to Python.
_CARDS_JS = """
element.addEventListener('click', (event) => {
  const card = event.target.closest('.rag-card');
  if (card) trigger('click', {doc: card.dataset.doc, start: card.dataset.start, end: card.dataset.end});
});
"""
_ARTICLE_JS = """
watch('value', () => {
  const mark = element.querySelector('#rag-mark');
  if (!mark) return;
  const box = mark.closest('.rag-article');
  box.scrollTop = mark.offsetTop - box.offsetTop - box.clientHeight / 3;
  box.scrollIntoView({block: 'nearest'});
});
"""

Message = dict[str, Any]


def theme() -> gr.themes.Base:
    """System fonts only: nothing is fetched from elsewhere."""
    return gr.themes.Soft(primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=MONO)


def build(assistant: Assistant, examples: list[str]) -> gr.Blocks:
    """The page over an open assistant."""
    count = assistant.article_count()
    noun = "article" if count == 1 else "articles"
    with gr.Blocks(title="Ask the articles", analytics_enabled=False, fill_height=True) as page:
        gr.Markdown(
            f"# Ask the articles\nAnswers from {count:,} {noun}, in exact, checked quotes. "
            "What the corpus does not hold is declined.",
            elem_id="rag-title",
        )
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=320):
                chat = gr.Chatbot(
                    label="Conversation",
                    show_label=False,
                    height="62vh",
                    # Article text is shown as text: no Markdown, no HTML, no LaTeX in it.
                    render_markdown=False,
                    latex_delimiters=[],
                    buttons=["copy"],
                    layout="bubble",
                    placeholder="Ask about the articles. Every answer is made of exact quotes.",
                    examples=[{"text": question} for question in examples],
                    elem_id="rag-chat",
                )
                box = gr.Textbox(
                    placeholder="Type a question and press Enter",
                    label="Question",
                    show_label=False,
                    lines=1,
                    max_lines=4,
                    submit_btn=True,
                    autofocus=True,
                    elem_id="rag-question",
                )
            with gr.Column(scale=2, min_width=320):
                gr.Markdown("### Sources")
                cards = gr.HTML(render.sources(None), js_on_load=_CARDS_JS, elem_id="rag-sources")
                opened = gr.HTML("", js_on_load=_ARTICLE_JS, elem_id="rag-article")

        def ask(question: str, messages: list[Message]) -> tuple[str, list[Message], str, str]:
            history = _history(messages)
            said = [*messages, {"role": "user", "content": render.as_text(question)}]
            try:
                answer = assistant.answer(question, history)
            except RagError as error:
                text = render.as_text(str(error))
                return "", [*said, {"role": "assistant", "content": text}], "", ""
            text = render.as_text(render.answer_message(answer))
            reply = {"role": "assistant", "content": text}
            return "", [*said, reply], render.sources(answer), ""

        def choose(messages: list[Message], event: gr.SelectData) -> Any:
            return ask(str(event.value["text"]), messages)

        def open_article(event: gr.EventData) -> Any:
            place = event._data or {}
            try:
                doc_id, start, end = str(place["doc"]), int(place["start"]), int(place["end"])
            except (KeyError, ValueError):
                return gr.skip()
            return render.article(assistant.article(doc_id), start, end)

        done = [box, chat, cards, opened]
        box.submit(ask, [box, chat], done, api_visibility="private", show_progress="hidden")
        chat.example_select(choose, [chat], done, api_visibility="private")
        chat.clear(
            lambda: (render.sources(None), ""), None, [cards, opened], api_visibility="private"
        )
        cards.click(open_article, None, opened, api_visibility="private", show_progress="hidden")
    return page


def _history(messages: list[Message]) -> list[tuple[str, str]]:
    """Earlier turns as (question, answer) pairs."""
    turns = []
    question: str | None = None
    for message in messages:
        text = _plain(message["content"])
        if message["role"] == "user":
            question = text
        elif question is not None:
            turns.append((question, text))
            question = None
    return turns


def _plain(content: Any) -> str:
    """A message's text as it was typed; Gradio sends a string or a list of parts."""
    if not isinstance(content, str):
        content = "\n".join(str(p.get("text", "")) for p in content if isinstance(p, dict))
    return unescape(content)
