"""Networks in a form that is ready in a fraction of a second: OpenVINO, without torch.

A form is written once, while indexing, from the network in torch, and checked against it by whoever
writes it. Where the processor computes in bfloat16 the form runs in it, else in float32.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.datatypes import ModelUnavailableError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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


def load_form(folder: Path, what: str, sha256: str | None = None, *, in_bulk: bool = False) -> Any:
    """Load a form; call the result with its arrays, shape (texts, tokens).

    Args:
        what: What it is, for the error: "encoder".
        sha256: Hash the weights must have; None: not checked.
        in_bulk: Each core works on arrays of its own, for most texts a second; else all cores work
            on the same, for the quickest answer.

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
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32"}
    if in_bulk:
        # Not bound to their cores: what reads and writes beside needs some of each.
        options |= {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": False}
    try:
        return core.compile_model(str(form_files(folder)[0]), "CPU", options)
    except RuntimeError as error:
        raise ModelUnavailableError(
            f"the {what} in {folder} cannot be loaded ({error}); {again}."
        ) from error


def _openvino() -> Any:
    """OpenVINO without its telemetry: it falls back to a stub where that package is missing."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
