"""Networks in a form that is ready in a fraction of a second: OpenVINO, without torch.

A form is written once, while indexing, from the network in torch, and checked against it by whoever
writes it. Where the processor computes in bfloat16 the form runs in it, else in float32.

Each core runs batches of its own: of twenty who ask at once each waits little more than half as long
as where the cores share each batch. One who asks alone on a quiet machine waits a tenth longer.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from rag.datatypes import ModelUnavailableError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    if path.stat().st_size == 0:
        return hashlib.sha256().hexdigest()
    # All at once: a thread that hashes piece by piece waits at each for one that imports.
    with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
        return hashlib.sha256(data).hexdigest()


def form_files(folder: Path) -> tuple[Path, Path]:
    """(graph, weights) of the form in a folder."""
    return folder / "network.xml", folder / "network.bin"


def has_form(folder: Path) -> bool:
    """True if both files of a form are there."""
    return all(file.is_file() for file in form_files(folder))


def form_sha256(folder: Path) -> str:
    """Hash of a form's weights."""
    return file_sha256(form_files(folder)[1])


@contextmanager
def new_form(folder: Path) -> Iterator[Path]:
    """A folder to write a form into; put in ``folder``'s place once the block succeeds. One writer
    at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left_by_killed in folder.parent.glob("partial-*"):
        shutil.rmtree(left_by_killed, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="partial-"))
    try:
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def convert(network: Any, example: tuple[Any, ...], folder: Path) -> None:
    """Write a torch network, whose inputs are (texts, tokens) arrays like those of ``example``,
    as a form with 16-bit weights; raises OSError if it cannot be written."""
    openvino = _openvino()
    # Tracing warns of every shape it fixes; what it made is compared with the original after.
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted = openvino.convert_model(
                network,
                example_input=example,
                input=[openvino.PartialShape([-1, -1])] * len(example),
            )
    finally:
        logging.disable(logging.NOTSET)
    graph, _ = form_files(folder)
    try:
        openvino.save_model(converted, str(graph), compress_to_fp16=True)
    except RuntimeError as error:
        # It names no reason; the folder was made just now, so what is lacking is room.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(graph)) from error


class LightNetwork:
    """A form that is loaded, on every core. Thread-safe; who comes first is served first.

    ``streams``: so many batches run at once; ``width``: the last dimension of what comes out.
    """

    def __init__(self, compiled: Any) -> None:
        self.streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self.width = int(compiled.output(0).partial_shape[-1].get_length())
        self._compiled = compiled

    def __call__(self, batches: Iterable[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
        """What comes out of each batch of arrays, each of shape (texts, tokens)."""
        found = []
        running: deque[tuple[Any, tuple[np.ndarray, ...]]] = deque()
        for arrays in batches:
            if len(running) == _IN_FLIGHT:
                found.append(_output(*running.popleft()))
            request = self._compiled.create_infer_request()
            request.start_async(list(arrays), share_inputs=True)
            running.append((request, arrays))
        return found + [_output(*one) for one in running]


_IN_FLIGHT = 32
"""Batches handed over at a time: enough that no core waits for Python."""


def _output(request: Any, _shared: tuple[np.ndarray, ...]) -> np.ndarray:
    request.wait()
    return np.array(request.get_output_tensor(0).data, dtype=np.float32)


def load_form(folder: Path, what: str, sha256: str | None = None) -> LightNetwork:
    """Load a form.

    Args:
        what: What it is, for the error: "encoder".
        sha256: Hash the weights must have; None: not checked.

    Raises:
        ModelUnavailableError: It is missing, altered, or cannot be read.
    """
    if not has_form(folder):
        raise ModelUnavailableError(f"the {what} in {folder} is missing; run python -m rag index.")
    again = f"delete {folder} and run python -m rag index"
    if sha256 is not None and form_sha256(folder) != sha256:
        raise ModelUnavailableError(f"the {what} in {folder} is altered; {again}.")
    core = _openvino().Core()
    bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    wanted = {
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "PERFORMANCE_HINT": "THROUGHPUT",
        "ENABLE_CPU_PINNING": False,  # Python, beside it, needs some of each core
        # What was compiled is kept beside the form, without the weights: half the time the next
        # time. What OpenVINO finds damaged or made for another processor it compiles anew, and
        # where it may not write it does without.
        "CACHE_DIR": str(folder / "compiled"),
        "CACHE_MODE": "OPTIMIZE_SIZE",
    }
    try:
        compiled = core.compile_model(str(form_files(folder)[0]), "CPU", wanted)
    except RuntimeError as error:
        raise ModelUnavailableError(
            f"the {what} in {folder} cannot be loaded ({error}); {again}."
        ) from error
    network = LightNetwork(compiled)
    # Each core prepares itself at its first batch, a tenth of a second: here, where a question may
    # not be waiting yet.
    some = np.ones((1, 16), dtype=np.int64)
    network([(some,) * len(compiled.inputs)] * network.streams)
    return network


@functools.lru_cache(maxsize=2)
def load_tokenizer(file: Path) -> Any:
    """The tokenizer that the encoder and the reader share, without truncation or padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _openvino() -> Any:
    """OpenVINO without its telemetry: it falls back to a stub where that package is missing."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
