"""The tab where people ask: conversation, sources, settings, rating, export.

No state is kept in the process: the conversation and the settings come with each event from the
browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import RagError
from rag.page import message, render
from rag.page.export import as_markdown
from rag.page.feedback import Rated, store_feedback
from rag.page.message import Said
from rag.page.reading import article_panel, card_list
from rag.settings import Settings

Message = dict[str, Any]
_WELCOME = (
    "Ask about the articles. Every answer is made of exact quotes; what the corpus does not hold "
    "is declined."
)
_KEPT = "rag-settings"
_DOWNLOAD_JS = """
(text) => {
  if (!text) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'text/markdown'}));
  link.download = 'conversation.md';
  link.click();
  URL.revokeObjectURL(link.href);
}
"""


def build_ask(
    page: gr.Blocks, assistant: Assistant, settings: Settings, examples: list[str]
) -> None:
    """The parts of the tab and what they do."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            chat = gr.Chatbot(
                label="Conversation",
                show_label=False,
                height="58vh",
                render_markdown=False,
                latex_delimiters=[],
                buttons=["copy"],
                editable="user",
                layout="bubble",
                placeholder=_WELCOME,
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
            rating = _Rating(assistant, settings, chat)
            steering = _steering(page, assistant, settings)
            export = gr.Button("Export the conversation", size="sm", elem_id="rag-export")
            exported = gr.Textbox(visible="hidden", label="Exported", elem_id="rag-exported")
        with gr.Column(scale=2, min_width=320):
            gr.Markdown("### Sources")
            # The article opens above the cards: where the eye is, and nothing scrolls away.
            opened = article_panel(elem_id="rag-article")
            cards = card_list(
                assistant, opened, render.NO_SOURCES, elem_id="rag-sources", links_of="rag-chat"
            )

    def shown(messages: list[Message]) -> str:
        said = message.turns(_plain(messages))
        return render.sources(said[-1][1] if said else None, assistant.article)

    def answer(messages: list[Message], steer: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """The last message answered. First what was typed stands there and the button stops."""
        waiting = gr.Textbox(value="", submit_btn=False, stop_btn=True)
        yield waiting, messages, gr.skip(), ""
        for reply, last in _replies(assistant, messages, steer):
            replied = [*messages, {"role": "assistant", "content": reply}]
            ready = gr.Textbox(submit_btn=True, stop_btn=False) if last else gr.skip()
            yield ready, replied, shown(replied), gr.skip()

    def ask(question: str, messages: list[Message], *steer: Any) -> Iterator[tuple[Any, ...]]:
        content = message.as_typed(question)
        yield from answer([*messages, {"role": "user", "content": content}], steer)

    def choose(
        messages: list[Message], event: gr.SelectData, *steer: Any
    ) -> Iterator[tuple[Any, ...]]:
        yield from ask(str(event.value["text"]), messages, *steer)

    def again(
        messages: list[Message], event: gr.RetryData, *steer: Any
    ) -> Iterator[tuple[Any, ...]]:
        yield from answer(messages[: _index(event) + 1], steer)

    def edit(messages: list[Message], event: gr.EditData, *steer: Any) -> Iterator[tuple[Any, ...]]:
        yield from ask(message.typed(_text(event.value)), messages[: _index(event)], *steer)

    def undo(messages: list[Message], event: gr.UndoData) -> tuple[str, list[Message], str, str]:
        at = _index(event)
        left = messages[:at]
        return message.typed(_text(messages[at]["content"])), left, shown(left), ""

    done = [box, chat, cards, opened]
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    running = [
        box.submit(ask, [box, chat, *steering], done, **private),
        chat.example_select(choose, [chat, *steering], done, **private),
        chat.retry(again, [chat, *steering], done, **private),
        chat.edit(edit, [chat, *steering], done, **private),
    ]
    chat.undo(undo, [chat], done, **private)
    box.stop(
        lambda: gr.Textbox(submit_btn=True, stop_btn=False), None, box, cancels=running, **private
    )
    chat.clear(lambda: (render.NO_SOURCES, ""), None, [cards, opened], **private)
    chat.like(rating.begin, [chat], rating.parts, **private)
    export.click(
        lambda messages: as_markdown(message.turns(_plain(messages)), assistant.article),
        [chat], [exported], **private,
    ).then(None, [exported], None, js=_DOWNLOAD_JS)  # fmt: skip


def _replies(
    assistant: Assistant, messages: list[Message], steer: tuple[Any, ...]
) -> Iterator[tuple[str, bool]]:
    """The reply to the last message as it grows, and whether it is whole."""
    asked = message.typed(_text(messages[-1]["content"]))
    history = [(question, _spoken(one)) for question, one in message.turns(_plain(messages[:-1]))]
    reply = ""
    try:
        for found in assistant.stream(asked, history, **_options(steer)):
            reply = message.message(found)
            if found.model != "extractive":  # such a one is whole, and comes below
                yield reply, False
    except RagError as error:
        reply = message.failure(str(error))
    yield reply, True


def _steering(
    page: gr.Blocks, assistant: Assistant, settings: Settings
) -> list[gr.components.Component]:
    """The settings, kept in the browser: outlets, first day, last day, the day it is
    asked on, passages, tolerated errors, and in whose words."""
    rates = {
        0.1: "Only when sure",
        0.2: "When fairly sure",
        0.35: "Even when unsure",
        1.0: "Always",
    }
    rates.setdefault(settings.error_rate, "As set up")
    choices = [
        (f"{words} (about {rate:.0%} wrong)".replace("%", " %") if rate < 1 else words, rate)
        for rate, words in sorted(rates.items())
    ]
    with gr.Accordion("Settings", open=False, elem_id="rag-settings"):
        outlets = gr.Dropdown(
            assistant.outlets(),
            multiselect=True,
            label="Only these outlets",
            info="None chosen: all of them.",
            elem_id="rag-outlets",
        )
        with gr.Row():
            first = gr.DateTime(
                include_time=False, type="string", label="Published from", elem_id="rag-from"
            )
            last = gr.DateTime(
                include_time=False, type="string", label="Published to", elem_id="rag-to"
            )
            as_of = gr.DateTime(
                include_time=False,
                type="string",
                label="As of",
                elem_id="rag-as-of",
                info="As if later articles did not exist; “last week” counts from here.",
            )
        depth = gr.Slider(
            1, 20, settings.hits, step=1, label="Passages read for an answer", elem_id="rag-hits"
        )
        rate = gr.Radio(
            choices, value=settings.error_rate, label="Answer", elem_id="rag-error-rate"
        )
        wording = gr.Radio(
            [("In exact quotes alone", "quotes"), (f"In the words of {settings.llm}", "model")],
            value="model" if settings.llm else "quotes",
            label="Answers",
            info="Each sentence of it is checked against the quotes it rests on.",
            visible=bool(settings.llm),
            elem_id="rag-wording",
        )
    parts: list[gr.components.Component] = [outlets, first, last, as_of, depth, rate, wording]
    # A fixed secret: what is kept is no secret, and must outlive this process.
    kept = gr.BrowserState(None, storage_key=_KEPT, secret=_KEPT)

    def restore(values: Any) -> list[Any]:
        known = assistant.outlets()
        if not isinstance(values, list) or len(values) != len(parts):
            return [gr.Dropdown(choices=known), *[gr.skip()] * (len(parts) - 1)]
        chosen = [name for name in values[0] or [] if name in known]
        tolerated = values[5] if values[5] in rates else settings.error_rate
        wanted = values[6] if settings.llm else "quotes"
        return [gr.Dropdown(choices=known, value=chosen), *values[1:5], tolerated, wanted]

    page.load(restore, kept, parts, api_visibility="private", show_progress="hidden")
    gr.on(
        [part.change for part in parts],
        lambda *values: list(values), parts, kept,
        api_visibility="private", show_progress="hidden",
    )  # fmt: skip
    return parts


def _options(steer: tuple[Any, ...]) -> dict[str, Any]:
    """The settings as keyword arguments of ``answer``."""
    outlets, first, last, as_of, depth, rate, wording = steer
    return {
        "outlets": outlets or None,
        "published_from": _day(first),
        "published_to": _day(last),
        "as_of": _day(as_of),
        "hits": int(depth),
        "error_rate": float(rate),
        "extractive": wording == "quotes",
    }


def _day(value: Any) -> str | None:
    """A day as the date picker sends it, perhaps with a time."""
    return str(value).strip()[:10] or None if value else None


class _Rating:
    """The form that opens under the conversation when an answer is called right or wrong."""

    def __init__(self, assistant: Assistant, settings: Settings, chat: gr.Chatbot) -> None:
        self._assistant = assistant
        self._settings = settings
        with gr.Group(visible=False, elem_classes="rag-rating") as self._form:
            self._title = gr.Markdown()
            self._which = gr.JSON(visible="hidden", label="Rated")
            self._right = gr.Textbox(label="The right answer, if you know it", max_lines=2)
            self._declined = gr.Checkbox(label="The articles do not answer this at all")
            self._comment = gr.Textbox(label="Comment", max_lines=4)
            with gr.Row():
                send = gr.Button("Send", variant="primary", size="sm", elem_id="rag-rating-send")
                cancel = gr.Button("Cancel", size="sm")
        self.parts = [self._form, self._title, self._which, self._right, self._declined]
        fields = [self._which, self._right, self._declined, self._comment]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        send.click(self._send, [chat, *fields], [self._form, self._comment], **private)
        cancel.click(lambda: gr.Group(visible=False), None, self._form, **private)

    def begin(self, messages: list[Message], event: gr.LikeData) -> list[Any]:
        """Open the form for the message that was rated."""
        said = message.turns(_plain(messages[: _index(event) + 1]))
        if not said or not said[-1][1].rateable:
            gr.Info("Only answers, and “not in the corpus”, can be rated.")
            return [gr.skip()] * len(self.parts)
        up = event.liked is True
        title = "You called this answer **right**." if up else "You called this answer **wrong**."
        return [
            gr.Group(visible=True),
            title,
            {"index": _index(event), "up": up},
            gr.Textbox(value="", visible=not up),
            gr.Checkbox(value=False, visible=not up),
        ]

    def _send(
        self, messages: list[Message], which: Any, right: str, declined: bool, comment: str
    ) -> tuple[Any, ...]:
        try:
            index, liked = int(which["index"]), bool(which["up"])
            said = message.turns(_plain(messages[: index + 1]))
            question, rated = said[-1]
        except (TypeError, KeyError, ValueError, IndexError):
            gr.Warning("Choose the answer to rate once more.")
            return gr.Group(visible=False), gr.skip()
        try:
            thanks = store_feedback(
                self._settings.folder,
                Rated(
                    question=question,
                    history=tuple((q, _spoken(one)) for q, one in said[:-1]),
                    short_answer=rated.short_answer,
                    places=tuple((p.doc_id, p.start, p.end) for p in rated.cited),
                    abstained=rated.abstained,
                ),
                liked=liked,
                right_answer=right,
                declined_is_right=declined,
                comment=comment,
                settings=self._settings,
                fetch=self._assistant.article,
            )
        except RagError as error:
            gr.Warning(str(error))
            return gr.skip(), gr.skip()
        gr.Info(thanks)
        return gr.Group(visible=False), ""


def _spoken(said: Said) -> str:
    """What a turn answered, for the next question to lean on."""
    return "\n\n".join([said.short_answer or "", *said.quotes]).strip() or said.text


def _index(event: Any) -> int:
    """Which message an event is about."""
    return int(event.index if isinstance(event.index, int) else event.index[0])


def _plain(messages: list[Message]) -> list[tuple[str, str]]:
    """(role, content) of each message."""
    return [(str(m["role"]), _text(m["content"])) for m in messages]


def _text(content: Any) -> str:
    """A message's content; Gradio sends a string or a list of parts."""
    if isinstance(content, dict):
        content = [content]
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
