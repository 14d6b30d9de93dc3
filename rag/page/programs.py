"""What the page offers to programs, by ``gradio_client`` and as MCP tools: answer, search, locate.

Gradio makes the tools' descriptions from the docstrings and types here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import RagError, as_json

_MOST = 100


def add_programs(assistant: Assistant) -> None:
    """Offer the three functions under their names; nothing else of the page is public."""

    def answer(
        question: str,
        history: list[list[str]] | None = None,
        outlets: list[str] | None = None,
        published_from: str | None = None,
        published_to: str | None = None,
        as_of: str | None = None,
        error_rate: float | None = None,
    ) -> dict[str, Any]:
        """Answer a question from the corpus in exact, checked quotes, or decline.

        Args:
            question: Any text.
            history: Earlier turns, oldest first, each a question and its answer.
            outlets: Only articles of these outlets.
            published_from: Only articles of this day (2025-03-30) or later.
            published_to: Only articles of this day or earlier.
            as_of: Answer as if articles published after this day did not exist.
            error_rate: Tolerated share of wrong answers, 0 to 1; less declines more.

        Returns:
            The Answer record: text, short_answer, citations with exact quotes, abstained, reason,
            confidence, hits and more.
        """
        with _told():
            turns = [(str(turn[0]), str(turn[1])) for turn in history or [] if len(turn) == 2]
            found = assistant.answer(
                question,
                turns,
                outlets=outlets,
                published_from=published_from,
                published_to=published_to,
                as_of=as_of,
                error_rate=error_rate,
            )
            return dict(as_json(found))

    def search(
        query: str,
        k: int = 10,
        outlets: list[str] | None = None,
        published_from: str | None = None,
        published_to: str | None = None,
    ) -> list[dict[str, Any]]:
        """Find the passages nearest to a query, best first.

        Args:
            query: Any text.
            k: How many, 1 to 100.
            outlets: Only articles of these outlets.
            published_from: Only articles of this day (2025-03-30) or later.
            published_to: Only articles of this day or earlier.

        Returns:
            Hit records: passage (span with doc_id, start, end and text; title, outlet, published,
            url), rank, score.
        """
        with _told():
            if k > _MOST:
                raise RagError(f"k must be at most {_MOST}, got {k}.")
            hits = assistant.search(
                query, k, outlets=outlets, published_from=published_from, published_to=published_to
            )
            return [as_json(hit) for hit in hits]

    def locate(quote: str) -> dict[str, Any]:
        """Learn whether, where and how exactly the corpus has pasted words.

        Args:
            quote: The words.

        Returns:
            The QuoteMatch record: status (exact, altered, stitched, absent), citations with the
            places as exact slices, differences (numbers, negations, words).
        """
        with _told():
            return dict(as_json(assistant.locate(quote)))

    for function in (answer, search, locate):
        gr.api(function, api_name=function.__name__)


@contextmanager
def _told() -> Iterator[None]:
    """Errors that a person can mend reach the program as one line."""
    try:
        yield
    except RagError as error:
        raise gr.Error(str(error), print_exception=False) from error
