"""Turning the pages of a list. The page's number is kept in the browser and comes with each event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

QUIET = {"api_visibility": "private", "show_progress": "hidden"}


class Pager:
    """Previous, number, next; ``outputs`` are what ``shown`` gives new values."""

    def __init__(self, name: str) -> None:
        # "hidden", not False: what is not in the browser at all does not take a new value. Each for
        # itself: a row's "hidden" is lost when its tab is opened.
        hidden = {"visible": "hidden"}
        with gr.Row(equal_height=True):
            self._previous = gr.Button(
                "Previous", size="sm", elem_id=f"rag-{name}-previous", **hidden
            )
            # Any number will do: who shows the list takes the nearest page there is.
            self.number = gr.Number(1, label="Page", elem_id=f"rag-{name}-page", **hidden)
            self._next = gr.Button("Next", size="sm", elem_id=f"rag-{name}-next", **hidden)
        self.outputs = [self.number, self._previous, self._next]

    def shown(self, number: int, pages: int) -> list[Any]:
        """Page ``number`` of ``pages``, from 1; nothing to turn if there is one."""
        shown = {"visible": True if pages > 1 else "hidden"}
        return [
            gr.update(value=number, label=f"Page (of {pages:,})", **shown),
            gr.update(**shown),
            gr.update(**shown),
        ]

    def turns(self, show: Callable[..., list[Any]], inputs: list[Any], outputs: list[Any]) -> None:
        """Have ``show`` called with the inputs and the page's number, which comes last."""
        inputs = [*inputs, self.number]
        self.number.submit(show, inputs, outputs, **QUIET)
        for button, step in ((self._previous, -1), (self._next, 1)):
            button.click(_step(show, step), inputs, outputs, **QUIET)


def _step(show: Callable[..., list[Any]], step: int) -> Callable[..., list[Any]]:
    return lambda *given: show(*given[:-1], (given[-1] or 1) + step)


def nearest(number: float | None, total: int, size: int) -> tuple[int, int]:
    """(the page nearest to ``number`` that there is, how many there are), for ``total`` items.

    >>> nearest(9, 41, 20), nearest(None, 0, 20)
    ((3, 3), (1, 1))
    """
    pages = max(1, -(-total // size))
    return int(min(max(1, number or 1), pages)), pages
