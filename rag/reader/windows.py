"""What the span network is trained on: a question with a passage, as token ids."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rag.models.span_network import MAX_TOKENS, assemble, opening, padded

BATCH = 32
"""Windows in a batch, about: a group is never parted."""

_POOL = 50 * BATCH


@dataclass(frozen=True, slots=True)
class Window:
    """A question and a passage. ``answers`` are spans within the passage's text that answer, any
    of which is right; empty: it holds no answer. ``somewhere``: the answer is some part of them,
    nobody said which. ``title``: of the article; "" for none."""

    question: str
    text: str
    answers: tuple[tuple[int, int], ...]
    somewhere: bool = False
    title: str = ""


Group = tuple[Window, ...]
"""Windows of one question, whose scores are normalised together."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A window as token ids; ``first`` is where the passage begins in ``ids``, ``starts`` and
    ``ends`` are positions of right answers, position 0 standing for "no answer here"."""

    ids: list[int]
    first: int
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def encode(window: Window, tokenizer: Any) -> Encoded | None:
    """The window as token ids; None if it has answers and all were cut off."""
    before = opening(window.question, window.title, tokenizer)
    context = tokenizer.encode(window.text, add_special_tokens=False)
    ids = assemble(before, context.ids, tokenizer)
    if not window.answers:
        return Encoded(ids, len(before), (0,), (0,))
    room = MAX_TOKENS - len(before) - 1
    shift = len(before)
    starts, ends = [], []
    for start, end in window.answers:
        inside = [i for i, (s, e) in enumerate(context.offsets[:room]) if s < end and e > start]
        if inside and context.offsets[inside[-1]][1] >= end:
            places = [i + shift for i in inside]
            starts += places if window.somewhere else places[:1]
            ends += places if window.somewhere else places[-1:]
    if not starts:
        return None
    return Encoded(ids, len(before), tuple(starts), tuple(ends))


def encode_groups(groups: Sequence[Group], tokenizer: Any) -> list[list[Encoded]]:
    """Each group's windows as token ids, in order; groups that nothing is left of are dropped."""
    encoded = []
    for group in groups:
        windows = [found for window in group if (found := encode(window, tokenizer)) is not None]
        if windows:
            encoded.append(windows)
    return encoded


def batches(groups: Sequence[list[Encoded]], rng: random.Random) -> list[list[list[Encoded]]]:
    """Batches of groups of like length, in random order, so that little is padding."""
    found: list[list[list[Encoded]]] = []
    for begin in range(0, len(groups), _POOL):
        pool = sorted(groups[begin : begin + _POOL], key=lambda g: max(len(w.ids) for w in g))
        batch: list[list[Encoded]] = []
        for group in pool:
            if batch and sum(map(len, batch)) + len(group) > BATCH:
                found.append(batch)
                batch = []
            batch.append(group)
        found.append(batch)
    rng.shuffle(found)
    return found


def collate(batch: Sequence[list[Encoded]]) -> dict[str, np.ndarray]:
    """Padded arrays of a batch.

    Returns:
        ``input_ids``, ``attention_mask``, ``token_type_ids``: shape (windows, longest);
        ``gold``: bool, shape (windows, longest, 2), the right starts and ends; ``allowed``: bool,
        shape (windows, longest), where an answer may begin or end (the passage, and position 0);
        ``group``: shape (windows,), the number of each window's group.
    """
    windows = [(number, window) for number, group in enumerate(batch) for window in group]
    ids, mask, kinds = padded([w.ids for _, w in windows], [w.first for _, w in windows])
    gold, allowed = np.zeros((*ids.shape, 2), dtype=bool), np.zeros(ids.shape, dtype=bool)
    for row, (_, window) in enumerate(windows):
        allowed[row, window.first : len(window.ids) - 1] = True
        allowed[row, 0] = True
        gold[row, list(window.starts), 0] = True
        gold[row, list(window.ends), 1] = True
    group = np.array([number for number, _ in windows], dtype=np.int64)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": kinds,
        "gold": gold,
        "allowed": allowed,
        "group": group,
    }
