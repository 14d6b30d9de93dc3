"""The span reader's network: its windows, its weights, and its prepared form.

The network is the packaged encoder's six layers, trained on (``rag.reader.train``), with a layer
that scores each token as start and as end of the answer. ``reader.safetensors`` beside this module
holds the trained weights in 16 bits; the word embeddings are the packaged model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rag.datatypes import ModelUnavailableError
from rag.models.light import (
    LightNetwork,
    convert,
    file_sha256,
    form_sha256,
    has_form,
    load_form,
    load_tokenizer,
    new_form,
)

MAX_TOKENS = 256
QUESTION_TOKENS = 48
TITLE_TOKENS = 24
MAX_ANSWER_TOKENS = 40
NETWORK = Path(__file__).with_name("reader.safetensors")
_PROBES = (
    ("Who signed the treaty?", "", "The treaty was signed by Anna Lind in Oslo on 3 May 1998."),
    (
        "How much did the bridge cost?",
        "The new bridge",
        "Nobody could say. It was opened in 2004 and cost $12 million.",
    ),
)


_OVERLAP = 64
_SHAPE_STEP = 16
_BATCH = 4  # of 1 to 4, the quickest for both 5 and 10 passages on two cores


@dataclass(frozen=True, slots=True)
class SpanScores:
    """What a network says of one text.

    Attributes:
        offsets: (start, end) in the text of each word piece, in order.
        starts, ends: Shape (word pieces,): how well an answer starts, ends there.
        none: How well "no answer here" does, comparable with a sum of a start and an end.
    """

    offsets: tuple[tuple[int, int], ...]
    starts: np.ndarray
    ends: np.ndarray
    none: float


class SpanNetwork(Protocol):
    """Anything that scores the words of texts as answers to a question. Thread-safe."""

    name: str
    sha256: str

    def score(self, question: str, texts: Sequence[str], titles: Sequence[str]) -> list[SpanScores]:
        """The scores of each text, in one call; a long text is read in overlapping windows.

        Args:
            question: Standing alone.
            texts: The passages.
            titles: Of the article of each, "" for none: says what "he" and "the city" are. No
                answer is taken from it.
        """
        ...


class LightSpanNetwork:
    """The packaged network in OpenVINO's form.

    Raises:
        ModelUnavailableError: The prepared form is missing or altered.
    """

    name = "spans"

    def __init__(self, folder: Path, tokenizer: Path, *, light_sha256: str | None = None) -> None:
        self.sha256 = network_sha256()
        self._network = load_form(folder, "reader", light_sha256)
        self._tokenizer = load_tokenizer(tokenizer)

    def score(self, question: str, texts: Sequence[str], titles: Sequence[str]) -> list[SpanScores]:
        """See ``SpanNetwork``."""
        if not texts:
            return []
        before = {title: opening(question, title, self._tokenizer) for title in titles}
        contexts = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        pieces = []
        for number, (context, title) in enumerate(zip(contexts, titles, strict=True)):
            room = MAX_TOKENS - len(before[title]) - 1
            for begin in window_starts(len(context.ids), room, _OVERLAP):
                own = range(begin, min(begin + room, len(context.ids)))
                pieces.append((number, own, before[title]))
        windows = [
            assemble(start, contexts[number].ids[own.start : own.stop], self._tokenizer)
            for number, own, start in pieces
        ]
        firsts = [len(start) for _, _, start in pieces]
        found: list[list[SpanScores]] = [[] for _ in texts]
        for (number, own, start), scores in zip(pieces, self._run(windows, firsts), strict=True):
            offsets = tuple(contexts[number].offsets[own.start : own.stop])
            inside = scores[len(start) : len(start) + len(offsets)]
            none = float(scores[0].sum())
            found[number].append(SpanScores(offsets, inside[:, 0], inside[:, 1], none))
        return [joined(parts) for parts in found]

    def _run(self, windows: list[list[int]], firsts: list[int]) -> list[np.ndarray]:
        """Start and end scores of each window, shape (tokens, 2); its passage begins at the token
        that ``firsts`` names."""
        # Windows of like length share a batch, so that little of it is padding.
        order = sorted(range(len(windows)), key=lambda row: len(windows[row]))
        some = min(_BATCH, -(-len(windows) // self._network.streams))
        groups = [order[start : start + some] for start in range(0, len(order), some)]
        outputs = self._network(
            padded([windows[row] for row in rows], [firsts[row] for row in rows], _SHAPE_STEP)
            for rows in groups
        )
        found = {
            row: scores[: len(windows[row])]
            for rows, output in zip(groups, outputs, strict=True)
            for row, scores in zip(rows, output, strict=True)
        }
        return [found[row] for row in range(len(windows))]


def padded(
    windows: Sequence[list[int]], firsts: Sequence[int], step: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Word pieces, which of them are no padding, and which are the passage's, from the token that
    ``firsts`` names on: each of shape (windows, tokens), tokens a multiple of ``step``."""
    # Few distinct shapes: OpenVINO prepares its kernels anew for each one it has not seen.
    longest = -(-max(len(window) for window in windows) // step) * step
    ids = np.zeros((len(windows), longest), dtype=np.int64)
    mask, kinds = np.zeros_like(ids), np.zeros_like(ids)
    for row, (window, first) in enumerate(zip(windows, firsts, strict=True)):
        ids[row, : len(window)] = window
        mask[row, : len(window)] = 1
        kinds[row, first : len(window)] = 1
    return ids, mask, kinds


def window_starts(length: int, room: int, overlap: int) -> list[int]:
    """Where windows of ``room`` begin so that they cover ``length`` and overlap.

    >>> window_starts(100, 200, 64), window_starts(300, 200, 64)
    ([0], [0, 136])
    """
    return [0, *range(room - overlap, length - overlap, room - overlap)] if length > room else [0]


def joined(parts: Sequence[SpanScores]) -> SpanScores:
    """Overlapping windows of one text as one: each word piece has the scores of the window in
    which it stands farthest from an end, measured against that window's own "none"."""
    if len(parts) == 1:
        return parts[0]
    none = min(part.none for part in parts)
    kept: dict[tuple[int, int], tuple[int, float, float]] = {}
    for part in parts:
        shift = (none - part.none) / 2
        for i, place in enumerate(part.offsets):
            margin = min(i, len(part.offsets) - 1 - i)
            if place not in kept or kept[place][0] < margin:
                kept[place] = (margin, float(part.starts[i]) + shift, float(part.ends[i]) + shift)
    offsets = sorted(kept)
    scores = np.array([kept[place][1:] for place in offsets])
    return SpanScores(tuple(offsets), scores[:, 0], scores[:, 1], none)


def opening(question: str, title: str, tokenizer: Any) -> list[int]:
    """What stands before a passage: ``[CLS] question [SEP] title [SEP]``, without the last two
    where there is no title; both cut to ``QUESTION_TOKENS`` and ``TITLE_TOKENS``."""
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    asked = tokenizer.encode(question, add_special_tokens=False).ids[:QUESTION_TOKENS]
    named = tokenizer.encode(title, add_special_tokens=False).ids[:TITLE_TOKENS]
    return [cls, *asked, sep, *named, *([sep] if named else [])]


def assemble(start: list[int], passage: list[int], tokenizer: Any) -> list[int]:
    """``start passage [SEP]``; a passage too long for the window is cut off."""
    return [*start, *passage[: MAX_TOKENS - len(start) - 1], tokenizer.token_to_id("[SEP]")]


def build_network(folder: Path, *, attention: str = "sdpa") -> Any:
    """The encoder in ``folder`` with a layer that gives each token a start and an end score;
    embeddings frozen, no attention dropout. Called with ids, mask and token types.

    Args:
        attention: "sdpa", or "eager" for training: on a CPU, the backward pass of the fused one
            takes as long as everything else together.
    """
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = AutoModel.from_pretrained(
                folder,
                add_pooling_layer=False,
                attention_probs_dropout_prob=0.0,
                attn_implementation=attention,
            )
            self.head = torch.nn.Linear(384, 2)
            for weight in self.body.embeddings.parameters():
                weight.requires_grad_(False)

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            hidden = self.body(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            ).last_hidden_state
            return self.head(hidden)

    return Network()


def best_span(starts: np.ndarray, ends: np.ndarray) -> tuple[float, int, int]:
    """The span with the highest ``starts[i] + ends[j]``, i <= j < i + MAX_ANSWER_TOKENS.

    Args:
        starts, ends: Shape (tokens,), at least one token.

    Returns:
        (score, i, j); of equal spans the first.

    >>> best_span(np.array([0., 2., 1.]), np.array([3., 1., 0.]))
    (3.0, 0, 0)
    """
    beyond = np.full(MAX_ANSWER_TOKENS - 1, -np.inf, dtype=ends.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([ends, beyond]), MAX_ANSWER_TOKENS
    )
    sums = starts[:, None] + windows
    i, ahead = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return float(sums[i, ahead]), int(i), int(i + ahead)


def network_sha256() -> str:
    """Hash of the packaged weights.

    Raises:
        ModelUnavailableError: They are missing, or not those that were packaged.
    """
    mend = "install rag again, or set RAG_READER=sentences to read without them"
    if not NETWORK.is_file():
        raise ModelUnavailableError(f"the reader's weights {NETWORK} are missing; {mend}.")
    known = NETWORK.with_suffix(".sha256")
    if not known.is_file():
        raise ModelUnavailableError(f"the hash of the reader's weights {known} is missing; {mend}.")
    digest = file_sha256(NETWORK)
    if not known.read_text(encoding="ascii").startswith(f"{digest} "):
        raise ModelUnavailableError(f"the reader's weights {NETWORK} are altered; {mend}.")
    return digest


def prepare_reader(base_model: Path, folder: Path) -> str:
    """Write the OpenVINO form of the reader into ``folder``, checked against the original.

    Returns:
        The hash of the written weights.

    Raises:
        ModelUnavailableError: The packaged weights are missing, or the two forms disagree.
    """
    if has_form(folder):
        return form_sha256(folder)
    import torch
    from safetensors.torch import load_file

    network = build_network(base_model)
    trained = load_file(NETWORK)
    missing, unexpected = network.load_state_dict(
        {name: tensor.float() for name, tensor in trained.items()}, strict=False
    )
    if unexpected or any(not name.startswith("body.embeddings") for name in missing):
        raise ModelUnavailableError(
            f"the reader's weights {NETWORK} do not fit this version; install rag again."
        )
    network.eval()
    with new_form(folder) as partial:
        example = tuple(torch.ones((2, 8), dtype=torch.long) for _ in range(3))
        convert(network, example, partial)
        _check_form(network, load_form(partial, "reader"), base_model)
    load_form(folder, "reader")  # compiles it, so that the first question need not
    return form_sha256(folder)


def _check_form(network: Any, light: LightNetwork, base_model: Path) -> None:
    """Both forms must find the same span in every probe, with scores within half a unit or a
    twentieth of their range."""
    import torch

    tokenizer = load_tokenizer(base_model / "tokenizer.json")
    for question, title, text in _PROBES:
        start = opening(question, title, tokenizer)
        window = assemble(start, tokenizer.encode(text, add_special_tokens=False).ids, tokenizer)
        arrays = padded([window], [len(start)])
        with torch.no_grad():
            full = network(*(torch.from_numpy(a) for a in arrays))[0].numpy()
        short = light([arrays])[0][0]
        inside = slice(len(start), len(window) - 1)
        same = best_span(*full[inside].T)[1:] == best_span(*short[inside].T)[1:]
        if not same or np.abs(full - short).max() > max(0.5, 0.05 * np.ptp(full)):
            raise ModelUnavailableError(
                "the reader's prepared form differs from its weights; report this with the output "
                "of python -m rag doctor."
            )
