"""Shared parts of the tests: the seeds, an index over them, and quick small indexes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rag

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ROOT / "seeds"


@pytest.fixture(scope="session")
def seeds_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index over the seeds, built once. Read it; do not change it."""
    folder = tmp_path_factory.mktemp("seeds") / "index"
    rag.build_index(SEEDS, folder)
    return folder


@pytest.fixture(scope="session")
def assistant(seeds_index: Path) -> Iterator[rag.Assistant]:
    """An assistant over the seeds."""
    with rag.Assistant.open(seeds_index) as opened:
        yield opened


@pytest.fixture
def new_index(tmp_path: Path, seeds_index: Path) -> Path:
    """A folder for an index that already has the prepared networks, which take seconds to make."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("encoders", "readers"):
        if (seeds_index / name).is_dir():
            shutil.copytree(seeds_index / name, folder / name, copy_function=os.link)
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[[dict[str, str | bytes]], Path]:
    """Write files into a corpus folder: ``corpus({"a.txt": "text or bytes"})``; returns it."""

    def write(files: dict[str, str | bytes]) -> Path:
        folder = tmp_path / "corpus"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return write
