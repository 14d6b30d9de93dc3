"""Train the span reader: from raw files to weights, with one command.

    python -m rag.reader.train --data ../shared/data --work FOLDER

The body is the packaged all-MiniLM-L6-v2 encoder; one linear layer gives each word piece a start
and an end score, and the first position stands for "no answer here" (as in BERT for SQuAD 2.0,
Devlin et al. 2019). The word embeddings are frozen: they are read from the packaged model again,
so the weights shipped are the six layers alone.

Four stages: ``recurring`` learns to find what recurs, on unlabelled news
(``rag.reader.recurring``), ``questions`` then learns from questions with answers
(``rag.reader.groups``), ``again`` goes on with more of them and with what people said in the news
(``rag.reader.reported``), and ``titled`` reads each passage with the title of its article, among
those that the product would rank first. Where a question is seen with several passages, the scores
of all their words are also normalised together, so that they compare across passages (Clark &
Gardner, ACL 2018, https://aclanthology.org/P18-1078/). What is written is the mean of the weights
before and after the last stage (Wortsman et al., CVPR 2022, https://arxiv.org/abs/2109.01903).
Articles held back are never trained on. Seeds are fixed; a run goes on from its last checkpoint
in FOLDER.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rag.corpus.chunk import WordPieces
from rag.datatypes import RagError
from rag.models.embed import Encoder, LightEncoder, find_model, prepare_light
from rag.models.light import file_sha256, form_sha256, has_form
from rag.models.span_network import build_network
from rag.reader.datasets import read_news
from rag.reader.groups import FIRST, SECOND, THIRD, Mixture, question_groups
from rag.reader.recurring import recurring_windows
from rag.reader.windows import Encoded, Group, batches, collate, encode_groups
from rag.settings import PACKAGED_MODEL

_log = logging.getLogger("rag.train")
SEED = 20
WARM_UP = 0.06
SHARED_NORM = 0.5
"""Weight of the loss over all passages of a question, beside that of each window alone."""
CHECKPOINT_EVERY = 200


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where a stage takes its questions from, and what it cuts and searches passages with."""

    data: Path
    pieces: WordPieces
    encoder: Encoder
    slice_only: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """Part of the training: what it sees, how often, its highest learning rate, and the share of
    hidden values dropped."""

    name: str
    groups: Callable[[Inputs, random.Random], list[Group]]
    epochs: int
    peak_rate: float
    dropout: float


def _recurring(inputs: Inputs, rng: random.Random) -> list[Group]:
    articles = read_news(inputs.data / "news_text.jsonl.gz", 10 if inputs.slice_only else None)
    groups: list[Group] = [(w,) for w in recurring_windows(articles, inputs.pieces, rng)]
    rng.shuffle(groups)
    return groups


def _questions(mixture: Mixture, inputs: Inputs, rng: random.Random) -> list[Group]:
    return question_groups(
        inputs.data, inputs.pieces, inputs.encoder, rng, mixture, slice_only=inputs.slice_only
    )


STAGES = (
    Stage("recurring", _recurring, epochs=1, peak_rate=3e-4, dropout=0.0),
    Stage("questions", partial(_questions, FIRST), epochs=2, peak_rate=2e-4, dropout=0.1),
    Stage("again", partial(_questions, SECOND), epochs=1, peak_rate=1.5e-4, dropout=0.1),
    Stage("titled", partial(_questions, THIRD), epochs=2, peak_rate=1.5e-4, dropout=0.1),
)


def span_loss(logits: Any, arrays: dict[str, Any]) -> Any:
    """The loss of a batch; see ``rag.reader.windows.collate`` for ``arrays``, as tensors.

    Args:
        logits: Shape (windows, tokens, 2): start and end scores.

    Returns:
        A scalar: minus the log of the probability of a right start (and end), each window
        normalised alone, plus ``SHARED_NORM`` times the same with the passages of a question
        normalised together, without "no answer here".
    """
    import torch

    outside = ~arrays["allowed"][:, :, None]
    logits = logits.float().masked_fill(outside, -1e4)
    right = logits.masked_fill(~arrays["gold"], -1e4)
    alone = (logits.logsumexp(1) - right.logsumexp(1)).mean()
    # Position 0 is "none": left out where passages are compared.
    passage, found = logits[:, 1:].logsumexp(1), right[:, 1:].logsumexp(1)
    number = arrays["group"]
    count = int(number.max()) + 1
    answered = torch.zeros(count, dtype=torch.bool)
    answered[number[arrays["gold"][:, 1:, 0].any(1)]] = True
    if not answered.any():
        return alone
    together = _grouped_logsumexp(passage, number, count) - _grouped_logsumexp(found, number, count)
    return alone + SHARED_NORM * together[answered].mean()


def _grouped_logsumexp(values: Any, number: Any, count: int) -> Any:
    """Log of the sum of exponentials over the rows of each group: (rows, 2) to (count, 2)."""
    import torch

    index = number[:, None].expand_as(values)
    highest = torch.full((count, 2), -torch.inf).scatter_reduce(0, index, values, "amax")
    highest = highest.detach()
    sums = torch.zeros(count, 2).scatter_add(0, index, (values - highest[number]).exp())
    return sums.log() + highest


def train(data: Path, work: Path, *, slice_only: bool = False, start: Path | None = None) -> Path:
    """Train from raw files; returns the path of the weights (16-bit safetensors, without the
    frozen embeddings), whose hash is written beside them. Resumes from the checkpoints in
    ``work``. With ``start``, weights written earlier, only the last stage is run, from those."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer

    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)  # the head's first weights
    model = find_model(PACKAGED_MODEL)
    tokenizer = Tokenizer.from_file(str(model.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    light = work / "encoder"
    prepare_light(model, light, known=form_sha256(light) if has_form(light) else None)
    encoder = LightEncoder(light, model.tokenizer)
    inputs = Inputs(data / "train", WordPieces(model.tokenizer), encoder, slice_only)
    network = build_network(model.folder, attention="eager")
    if start is not None:
        _load(network, start)
    for stage in STAGES if start is None else STAGES[-1:]:
        rng = random.Random(f"{SEED} {stage.name}")
        groups = stage.groups(inputs, rng)
        encoded = encode_groups(groups, tokenizer)
        steps = [batch for _ in range(stage.epochs) for batch in batches(encoded, rng)]
        count = sum(len(group) for group in encoded)
        _log.info(
            "%s: %d groups, %d windows (%d more whose answer lies beyond the window), %d steps",
            stage.name, len(encoded), count, sum(map(len, groups)) - count, len(steps),
        )  # fmt: skip
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        _run(network, stage, steps, work / f"{stage.name}.pt")
    # Half way between the last two stages: on the calibration articles better than either for the
    # encyclopedia; for CNN the network alone is not (see the model card).
    shipped = {
        name: ((before[name] + tensor) / 2).to(torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith("body.embeddings")
    }
    path = work / "reader.safetensors"
    save_file(shipped, path)
    path.with_suffix(".sha256").write_text(f"{file_sha256(path)}  {path.name}\n")
    return path


def _load(network: Any, path: Path) -> None:
    """Give the network weights as ``train`` writes them.

    Raises:
        RagError: They are missing, or another network's.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        raise RagError(f"{path} is missing; name the reader.safetensors of an earlier training.")
    weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    missing, unexpected = network.load_state_dict(weights, strict=False)
    if unexpected or any(not name.startswith("body.embeddings") for name in missing):
        raise RagError(
            f"{path} holds another network's weights; name the reader.safetensors of an earlier "
            "training."
        )


def _run(network: Any, stage: Stage, steps: list[list[list[Encoded]]], checkpoint: Path) -> None:
    """Train the network, in place, on one stage's batches, going on from the checkpoint.

    Raises:
        RagError: The checkpoint is of other data or settings.
    """
    import torch

    # The arithmetic is 16-bit throughout; the optimiser keeps the weights in 32 bits, where small
    # steps are not lost, and each step copies them over.
    masters = [p for p in network.parameters() if p.requires_grad]
    fast = copy.deepcopy(network).bfloat16().train()
    weights = [p for p in fast.parameters() if p.requires_grad]
    dropout = _Dropout(stage.dropout)
    _replace_dropout(fast, dropout)
    optimiser = torch.optim.AdamW(masters, lr=stage.peak_rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(
            (step + 1) / (WARM_UP * len(steps)), max(0.0, (len(steps) - step) / len(steps))
        ),
    )
    first, digest = 0, _digest(stage, steps)
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        if state["digest"] != digest:
            raise RagError(
                f"{checkpoint} was trained on other data or with other settings; give another "
                "--work folder, or delete it."
            )
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        dropout.set_state(state["random"])
        first = int(state["step"])
        _log.info("%s: resumed at step %d", stage.name, first)

    def save(step: int) -> None:
        unfinished = checkpoint.with_suffix(".partial")
        torch.save(
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "random": dropout.state(),
                "step": step,
                "digest": digest,
            },
            unfinished,
        )
        unfinished.replace(checkpoint)

    _copy_weights(masters, weights)
    started, running = time.perf_counter(), 0.0
    for step in range(first, len(steps)):
        arrays = {name: torch.from_numpy(array) for name, array in collate(steps[step]).items()}
        inputs = {n: arrays[n] for n in ("input_ids", "attention_mask", "token_type_ids")}
        loss = span_loss(fast(**inputs), arrays)
        loss.backward()
        for master, weight in zip(masters, weights, strict=True):
            master.grad, weight.grad = weight.grad.float(), None
        torch.nn.utils.clip_grad_norm_(masters, 1.0)
        optimiser.step()
        schedule.step()
        _copy_weights(masters, weights)
        running = loss.item() if step == first else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            rate = (step + 1 - first) / (time.perf_counter() - started)
            _log.info(
                "%s: step %d of %d, loss %.3f, %.2f steps/s",
                stage.name, step + 1, len(steps), running, rate,
            )  # fmt: skip
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == len(steps):
            save(step + 1)


def _digest(stage: Stage, steps: list[list[list[Encoded]]]) -> str:
    """Hash of what a stage learns from, and how."""
    hashed = hashlib.sha256(repr((stage.name, stage.peak_rate, stage.dropout, SEED)).encode())
    for batch in steps:
        for window in (window for group in batch for window in group):
            hashed.update(repr((window.ids, window.starts, window.ends)).encode())
    return hashed.hexdigest()


def _copy_weights(source: list[Any], target: list[Any]) -> None:
    import torch

    with torch.no_grad():
        for old, new in zip(target, source, strict=True):
            old.copy_(new)


class _Dropout:
    """Dropout drawn by NumPy: torch's own takes as long on a CPU as the layer it follows."""

    def __init__(self, share: float) -> None:
        self._threshold = round(share * 256)
        self._bits = np.random.PCG64(SEED)
        self._rng = np.random.Generator(self._bits)

    def __call__(self, hidden: Any) -> Any:
        import torch

        if not self._threshold:
            return hidden
        drawn = np.frombuffer(self._rng.bytes(hidden.numel()), dtype=np.uint8)
        kept = torch.from_numpy(drawn >= self._threshold).view(hidden.shape)
        return hidden * (kept.to(hidden.dtype) * (256 / (256 - self._threshold)))

    def state(self) -> str:
        """Where the random numbers are, as JSON."""
        return json.dumps(self._bits.state)

    def set_state(self, state: str) -> None:
        """Go on from where ``state`` was taken."""
        self._bits.state = json.loads(state)


def _replace_dropout(network: Any, dropout: _Dropout) -> None:
    import torch

    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.forward = dropout


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Train the span reader.")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds train/")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and weights")
    parser.add_argument("--slice", action="store_true", help="a few articles only, for testing")
    parser.add_argument("--start", type=Path, help="run the last stage alone, from these weights")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    _log.setLevel(logging.INFO)
    path = train(options.data, options.work, slice_only=options.slice, start=options.start)
    _log.info("weights written to %s", path)


if __name__ == "__main__":
    main()
