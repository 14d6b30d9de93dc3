"""Shared parts of the tests: the seeds, an index over them, and quick small indexes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import postgres
import pytest
from sqlalchemy import event

import rag
from rag.index.store import Store

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ROOT / "seeds"
TEXTS = {
    "bridge.txt": "Springfield opens its bridge\n\nThe mayor of Springfield opened the bridge over "
    "the river on Monday. It cost $12 million and took four years.\n",
    "ferry.txt": "Ferry service ends\n\nThe ferry between the two islands stopped on Friday. Its "
    "captain, Anna Lind, said that passengers had stayed away.\n",
    "school.txt": "Pupils learn the xylophone\n\nEvery pupil of the village school now plays the "
    "xylophone. The teacher bought forty instruments with the prize.\n",
}
_NETWORKS = ("encoders", "readers")


def link_networks(old: Path, new: Path) -> Path:
    """Make ``new`` a folder for an index that has the prepared networks of ``old``: they take
    seconds to make, and nothing changes them."""
    new.mkdir(parents=True, exist_ok=True)
    for name in _NETWORKS:
        if (old / name).is_dir():
            shutil.copytree(old / name, new / name, copy_function=os.link)
    return new


def copy_index(old: Path, new: Path) -> None:
    """Copy an index; the prepared networks are linked."""
    shutil.copytree(old, new, ignore=shutil.ignore_patterns(*_NETWORKS))
    link_networks(old, new)


def build_small(folder: Path, texts: dict[str, str], seeds_index: Path) -> Path:
    """``corpus``, the texts, and ``index`` over it in ``folder``; returns it."""
    (folder / "corpus").mkdir()
    for name, text in texts.items():
        (folder / "corpus" / name).write_text(text)
    rag.build_index(folder / "corpus", link_networks(seeds_index, folder / "index"))
    return folder


def copy_small(built: Path, folder: Path) -> Path:
    """What ``build_small`` made, once more in ``folder``: the index names its corpus relative to
    itself."""
    shutil.copytree(built / "corpus", folder / "corpus")
    copy_index(built / "index", folder / "index")
    return folder


def plans(store: Store, asked: Callable[[], object]) -> list[list[str]]:
    """SQLite's own plan of each statement that ``asked`` makes it run, a line a step."""
    ran: list[tuple[str, Any]] = []
    event.listen(
        store._engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, given, *_: ran.append((statement, given)),
    )
    asked()
    with store._engine.connect() as connection:
        return [
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]
            for query, given in ran.copy()
        ]


class Wrapped:
    """An assistant to make worse."""

    def __init__(self, assistant: rag.Assistant) -> None:
        self.assistant = assistant

    def answer(self, question, history=(), **options):
        return self.assistant.answer(question, history, **options)

    def search(self, query, k=10, **options):
        return self.assistant.search(query, k, **options)

    def article(self, doc_id):
        return self.assistant.article(doc_id)


class Remembered(Wrapped):
    """One that does not do the same work twice: whole sets are asked again and again here."""

    def __init__(self, assistant: rag.Assistant) -> None:
        super().__init__(assistant)
        self.known = {}

    def answer(self, question, history=(), **options):
        return self._once(self.assistant.answer, question, tuple(history), **options)

    def search(self, query, k=10, **options):
        return list(self._once(self.assistant.search, query, k, **options))

    def _once(self, method, *arguments, **options):
        options = {name: value for name, value in options.items() if value is not None}
        key = (method.__name__, arguments, tuple(sorted(options.items())))
        if key not in self.known:
            self.known[key] = method(*arguments, **options)
        return self.known[key]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of an empty database, password and all; each test takes schemas of its own."""
    if not postgres.FOUND and not postgres.REQUIRED:
        pytest.skip(postgres.WHY_NOT)
    with postgres.serving() as url:
        yield url


Place = tuple[str | Path, str | None]
_schemas = count()


@pytest.fixture(scope="session")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Place]:
    """Where to put a store, another with each call: in a file, as an index in a folder does."""
    return lambda: (tmp_path_factory.mktemp("store") / "store.sqlite", None)


@pytest.fixture(scope="session")
def new_schema(postgresql: str) -> Callable[[], Place]:
    """The same, in PostgreSQL."""
    return lambda: (postgresql, f"corpus {next(_schemas)}")


@pytest.fixture(scope="session", params=["new_file", "new_schema"], ids=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest) -> Callable[[], Place]:
    """First the one, then the other."""
    made: Callable[[], Place] = request.getfixturevalue(request.param)
    return made


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


@pytest.fixture(scope="session")
def remembered(assistant: rag.Assistant) -> Remembered:
    """The same, with what it has answered already."""
    return Remembered(assistant)


@pytest.fixture
def new_index(tmp_path: Path, seeds_index: Path) -> Path:
    """A folder for an index that already has the prepared networks."""
    return link_networks(seeds_index, tmp_path / "index")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, seeds_index: Path) -> Path:
    """``corpus`` (the three TEXTS) and ``index`` over it. Copy it; do not change."""
    return build_small(tmp_path_factory.mktemp("built"), TEXTS, seeds_index)


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Path:
    """A copy of ``built`` to work on; its name has a space."""
    return copy_small(built, tmp_path / "a place")


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
