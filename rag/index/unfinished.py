"""What a killed build leaves behind so that the next one goes on from there.

A generation under work has a plan, which says what it is being made of, and a log of the vectors.
The log and then the store are written batch by batch; the store's commit says what is done. Chroma's
files may be half written when a process is killed, so a build that goes on fills Chroma anew from
the log: a tenth of the time that encoding took.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from rag.index.manifest import ChunkerInfo, EmbeddingInfo, Part

_PLAN = "plan.json"
_LOG = "vectors.log"
_PAGE = 2_000


class Plan(Part):
    """What a generation is made of. A build goes on with one whose plan it would make itself.

    ``base`` is the generation it was copied from; ``embedding`` and ``libraries`` as in a manifest.
    """

    format: int
    base: str | None
    corpus_root: str
    chunker: ChunkerInfo
    embedding: EmbeddingInfo
    libraries: dict[str, str]


def write_plan(folder: Path, plan: Plan) -> None:
    """From now on the generation in ``folder`` is one to go on with."""
    partial = folder / f".{_PLAN}.partial"
    partial.write_text(plan.model_dump_json(), encoding="utf-8")
    os.replace(partial, folder / _PLAN)


def read_plan(folder: Path) -> Plan | None:
    """The plan of a generation; None if it has none, or one of another version."""
    try:
        return Plan.model_validate_json((folder / _PLAN).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def finished(folder: Path) -> None:
    """Take away what only an unfinished generation needs."""
    for name in (_PLAN, _LOG):
        (folder / name).unlink(missing_ok=True)


class VectorLog:
    """Vectors by their passages' ids in the store, in the order they were added."""

    def __init__(self, folder: Path, dimension: int) -> None:
        self._path = folder / _LOG
        self._record = np.dtype([("passage", "<i8"), ("vector", "<f4", (dimension,))])
        self._stream = self._path.open("ab")
        # What was killed while it wrote may have left part of a record.
        self._stream.truncate(self._stream.tell() // self._record.itemsize * self._record.itemsize)

    def close(self) -> None:
        """Release the file."""
        self._stream.close()

    def add(self, passages: Sequence[int], vectors: np.ndarray) -> None:
        """Write vectors, shape (n, dimension), before the store commits the passages."""
        records = np.empty(len(passages), dtype=self._record)
        records["passage"], records["vector"] = passages, vectors
        self._stream.write(records.tobytes())
        self._stream.flush()

    def pages(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(ids, vectors of shape (n, dimension)). An id may occur again, since the store gives
        those that it did not commit once more: the last vector is the one."""
        with self._path.open("rb") as stream:
            while len(page := np.fromfile(stream, self._record, _PAGE)):
                yield page["passage"], page["vector"]
