"""The page: its tabs, its look, and what it offers to programs."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from rag.assistant import Assistant
from rag.page.articles import build_articles
from rag.page.ask import build_ask
from rag.page.corpus import build_corpus
from rag.page.evaluation import build_evaluation
from rag.page.lookup import build_look_up
from rag.page.programs import add_programs
from rag.page.timeline import build_timeline
from rag.settings import Settings

STYLE = Path(__file__).with_name("style.css")
_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "Menlo", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """System fonts only: nothing is fetched from elsewhere. Where Soft's colours are too near each
    other to be read by everybody (WCAG AA), others of the same hues."""
    soft = gr.themes.Soft(primary_hue="blue", neutral_hue="slate", font=_FONTS, font_mono=_MONO)
    return soft.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*primary_800",
        block_title_text_color="*primary_800",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_300",
        # Soft leaves fields white on white.
        input_border_width="1px",
        input_border_color="*neutral_400",
        input_border_color_dark="*neutral_500",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_700",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_active_dark="*primary_300",
        link_text_color_visited_dark="*primary_300",
        link_text_color_visited="*primary_700",
        link_text_color="*primary_700",
    )


def build(assistant: Assistant, settings: Settings, examples: list[str]) -> gr.Blocks:
    """The page over an open assistant."""
    count = assistant.article_count()
    noun = "article" if count == 1 else "articles"
    with gr.Blocks(
        title="Ask the articles",
        analytics_enabled=False,
        fill_width=True,
        # Question sets, packed runs and uploads broken off: looked at hourly, kept for a day.
        delete_cache=(3_600, 86_400),
    ) as page:
        gr.Markdown(
            f"# Ask the articles\nAnswers from {count:,} {noun}, in exact, checked quotes. "
            "What the corpus does not hold is declined.",
            elem_id="rag-title",
        )
        with gr.Tabs(elem_id="rag-tabs"):
            with gr.Tab("Ask"):
                build_ask(page, assistant, settings, examples)
            with gr.Tab("Look up a quote"):
                build_look_up(assistant)
            with gr.Tab("Timeline"):
                build_timeline(assistant)
            with gr.Tab("Articles"):
                build_articles(assistant, settings)
            with gr.Tab("Corpus") as corpus:
                build_corpus(assistant, corpus)
            if not settings.public:
                with gr.Tab("Evaluation"):
                    build_evaluation(assistant, settings)
        add_programs(assistant)
    return page
