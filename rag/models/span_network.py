"""The span reader's network: its windows, its weights, and its prepared form.

The network is the packaged encoder's six layers, trained on (``rag.reader.train``), with a layer
that scores each token as start and as end of the answer. ``reader.safetensors`` beside this module
holds the trained weights in 16 bits; the word embeddings are the packaged model's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rag.datatypes import ModelUnavailableError
from rag.models.light import convert, file_sha256, form_sha256, has_form, load_form, new_form

MAX_TOKENS = 256
QUESTION_TOKENS = 48
MAX_ANSWER_TOKENS = 40
NETWORK = Path(__file__).with_name("reader.safetensors")
_PROBES = (
    ("Who signed the treaty?", "The treaty was signed by Anna Lind in Oslo on 3 May 1998."),
    ("How much did it cost?", "Nobody could say. The bridge, opened in 2004, cost $12 million."),
)


def assemble(question: list[int], passage: list[int], tokenizer: Any) -> list[int]:
    """``[CLS] question [SEP] passage [SEP]``; a passage too long for the window is cut off.

    A passage as the product cuts it always fits (200 tokens and a question of 48 at most).
    """
    room = MAX_TOKENS - len(question) - 3
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    return [cls, *question, sep, *passage[:room], sep]


def build_network(folder: Path) -> Any:
    """The encoder in ``folder`` with a layer that gives each token a start and an end score;
    embeddings frozen, no attention dropout. Called with ids, mask and token types."""
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = AutoModel.from_pretrained(
                folder, add_pooling_layer=False, attention_probs_dropout_prob=0.0
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
    sums = starts[:, None] + ends[None, :]
    allowed = np.triu(np.ones_like(sums, dtype=bool)) & ~np.triu(
        np.ones_like(sums, dtype=bool), MAX_ANSWER_TOKENS
    )
    sums = np.where(allowed, sums, -np.inf)
    i, j = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return float(sums[i, j]), int(i), int(j)


def network_sha256() -> str:
    """Hash of the packaged weights.

    Raises:
        ModelUnavailableError: They are missing.
    """
    if not NETWORK.is_file():
        raise ModelUnavailableError(
            f"the reader's weights {NETWORK} are missing; install rag again, or set "
            "RAG_READER=sentences to read without them."
        )
    return file_sha256(NETWORK)


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
    return form_sha256(folder)


def _check_form(network: Any, light: Any, base_model: Path) -> None:
    """Both forms must find the same span in every probe, with scores within half a unit."""
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base_model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for question, text in _PROBES:
        asked = tokenizer.encode(question, add_special_tokens=False).ids
        window = assemble(asked, tokenizer.encode(text, add_special_tokens=False).ids, tokenizer)
        ids = np.array([window])
        mask, kinds = np.ones_like(ids), np.zeros_like(ids)
        kinds[0, len(asked) + 2 :] = 1
        with torch.no_grad():
            full = network(*(torch.from_numpy(a) for a in (ids, mask, kinds)))[0].numpy()
        short = light([ids, mask, kinds])[0][0]
        inside = slice(len(asked) + 2, len(window) - 1)
        same = best_span(*full[inside].T)[1:] == best_span(*short[inside].T)[1:]
        if not same or np.abs(full - short).max() > 0.5:
            raise ModelUnavailableError(
                "the reader's prepared form differs from its weights; report this with the output "
                "of python -m rag doctor."
            )
