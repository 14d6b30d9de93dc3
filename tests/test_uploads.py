"""Articles that people add: names, limits, failures, and two people at once; real indexes on disk."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import conftest
import pytest
from conftest import ROOT, Place, build_small, copy_small, plans
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag.index.build import build_index, writing
from rag.index.doctor import examine
from rag.index.generation import generation_folder
from rag.index.manifest import read_manifest
from rag.index.store import Listed, Store, StoreWriter
from rag.index.uploads import (
    SUFFIXES,
    UploadError,
    UploadReport,
    UploadResult,
    _numbered,
    add_uploads,
    in_words,
    list_uploads,
    reindex,
    remove_upload,
    safe_name,
)
from rag.settings import Settings, load_settings

TEXTS = {name: conftest.TEXTS[name] for name in ("bridge.txt", "ferry.txt")}
KITE = "Kites over the beach\n\nA kite festival drew thousands to the beach on Sunday.\n"
CRANE = "A new crane\n\nThe harbour of Ystad has a new crane, the master Kurt Lund said.\n"
ALL = load_settings()

_WORKER = """
import json, os, resource, signal, sys
import bm25s, chromadb, openvino
from rag.index.uploads import add_uploads, remove_upload
from rag.settings import load_settings

def work(job, write):
    seen = [0]
    def watch(event, args):
        if event == job["at"][0] and any(str(arg).endswith(job["at"][1]) for arg in args[:2]):
            seen[0] += 1
            if seen[0] == job["at"][2]:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)
    if job["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"],) * 2)
    try:
        if job["remove"]:
            remove_upload(job["index"], job["remove"], load_settings())
            said = []
        else:
            report = add_uploads(job["index"], job["files"], load_settings())
            said = [[f.name, f.kept, f.message] for f in report.files]
        outcome = {"error": None, "said": said}
    except BaseException as error:
        outcome = {"error": type(error).__name__, "said": str(error)}
    os.write(write, json.dumps(outcome).encode())

print("ready", flush=True)
for line in sys.stdin:
    running = []
    for job in json.loads(line):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                work(job, write)
            finally:
                os._exit(0)
        os.close(write)
        running.append((pid, read))
        print(pid, flush=True)
    outcomes = []
    for pid, read in running:
        os.waitpid(pid, 0)
        outcomes.append(json.loads(os.read(read, 100_000) or "null"))
    print(json.dumps(outcomes), flush=True)
"""
"""Uploads in processes of their own, forked from one that has imported the libraries; a killed
one has the outcome None."""


class Workers:
    """Runs uploads as ``_WORKER`` says, all of a call at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, *jobs: dict[str, Any]) -> list[int]:
        """Start jobs; returns their process ids."""
        filled = [
            {"files": [], "remove": "", "at": ["", "", 0], "largest_file": 0} | job for job in jobs
        ]
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(filled) + "\n")
        self._process.stdin.flush()
        return [int(self._line()) for _ in jobs]

    def finish(self) -> list[Any]:
        """Wait for what was started; returns the outcomes."""
        outcomes: list[Any] = json.loads(self._line())
        return outcomes

    def run(self, *jobs: dict[str, Any]) -> list[Any]:
        self.start(*jobs)
        return self.finish()

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    running = Workers()
    yield running
    running.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, seeds_index: Path) -> Path:
    """``corpus`` (the TEXTS) and ``index`` over it. Copy it; do not change."""
    return build_small(tmp_path_factory.mktemp("uploads"), TEXTS, seeds_index)


@pytest.fixture
def index(built: Path, tmp_path: Path) -> Path:
    """A copy of the index in ``built``, with its corpus beside it."""
    return copy_small(built, tmp_path) / "index"


class Received:
    """Writes files as a server receives them; each call gives a pair for ``add_uploads``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __call__(self, name: str, content: str | bytes | list[Any]) -> tuple[str, str]:
        """A list is written as JSONL."""
        if isinstance(content, list):
            content = "".join(json.dumps(record) + "\n" for record in content)
        self._count += 1
        path = self._folder / f"received-{self._count}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name, str(path)


@pytest.fixture
def received(tmp_path: Path) -> Received:
    return Received(tmp_path)


def texts(index: Path) -> dict[str, str]:
    """Every article's text by doc_id."""
    store = Store(generation_folder(index, read_manifest(index).generation) / "store.sqlite")
    try:
        assert store.check() == []
        return {article.doc_id: article.text for article in store.articles()}
    finally:
        store.close()


def skipped(index: Path) -> set[tuple[str, str]]:
    store = Store(generation_folder(index, read_manifest(index).generation) / "store.sqlite")
    try:
        return {(s.path, s.reason) for s in store.skipped()}
    finally:
        store.close()


def in_folder(index: Path) -> set[str]:
    """Everything in ``uploads/``, hidden or not."""
    return {path.name for path in (index / "uploads").iterdir()}


def healthy(index: Path) -> bool:
    return [check.name for check in examine(index, ALL) if not check.ok] == []


def said(report: Any) -> list[tuple[str, bool, int, str]]:
    return [(f.name, f.kept, f.articles, f.message) for f in report.files]


# Names


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("kite.txt", "kite.txt"),
        ("../../x.txt", "x.txt"),
        ("/etc/passwd.txt", "passwd.txt"),
        ("C:\\a\\b.txt", "b.txt"),
        ("C:b.txt", "C_b.txt"),
        ("a/b/", "b"),
        ("", "unnamed"),
        (".", "unnamed"),
        ("..", "unnamed"),
        (".txt", "unnamed.txt"),
        (".hidden.txt", "hidden.txt"),
        ("...a.txt", "a.txt"),
        ("a.txt\0.exe", "a.txt.exe"),
        ("two\nlines\tand tab.md", "two lines and tab.md"),
        ("invoice\u202etxt.exe.pdf", "invoicetxt.exe.pdf"),
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ("half\ud800surrogate.txt", "halfsurrogate.txt"),
        ("Cafe\u0301 au lait.TXT", "Café au lait.txt"),
        ("e\u200d\u0301.txt", "é.txt"),
        ("новости.txt", "новости.txt"),
        ("東京 の 橋.Md", "東京 の 橋.md"),
        ("أخبار.jsonl", "أخبار.jsonl"),
        ("CON.txt", "_CON.txt"),
        ("nul", "_nul"),
        ("com1.old.txt", "_com1.old.txt"),
        ("console.txt", "console.txt"),
        ('a<b>:"c"|?*.txt', "a_b___c____.txt"),
        ("trailing dot. .txt.. ", "trailing dot.txt"),
        ("x" * 500 + ".txt", "x" * 108 + ".txt"),
        ("橋" * 500 + ".jsonl", "橋" * 35 + ".jsonl"),  # 35 × 3 + 6 = 111 bytes; one more is 114
        ("report.tar.gz", "report.tar.gz"),
        ("x" * 108 + ".TXT.exe", "x" * 108 + "_TXT"),
    ],
)
def test_a_name_becomes_plain_and_stays_readable(given_name: str, name: str) -> None:
    assert safe_name(given_name) == name


@given(
    st.one_of(
        st.text(st.characters(), max_size=300),
        st.builds(
            str.__add__,
            st.text(
                st.sampled_from(list("aB .-_/\\:~\0\n\u202e\u0301éＡ東🎈\ud800")), max_size=200
            ),
            st.sampled_from(["", ".", *sorted(SUFFIXES), ".TXT", ".PdF", ".exe", ".txt.", ".txt "]),
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_any_name_is_one_safe_part_of_a_path(given_name: str) -> None:
    name = safe_name(given_name)
    folder = Path("/index/uploads")
    assert Path(os.path.normpath(folder / name)) == folder / name
    assert (folder / name).parent == folder
    assert Path(name).name == name
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert not set(name) & set('/\\<>:"|?*')
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} for c in name)
    assert unicodedata.is_normalized("NFC", name)
    assert safe_name(name) == name
    suffix = Path(name).suffix
    assert suffix in SUFFIXES or suffix.lower() not in SUFFIXES
    first, second, third = itertools.islice(_numbered(name), 3)
    assert first == name
    assert (Path(second).suffix, Path(third).suffix) == (suffix, suffix)
    assert len({first, second, third}) == 3
    assert len(f"{Path(name).stem} (9999){suffix}".encode()) <= 120


# Adding


def test_added_files_are_articles_at_once_and_progress_rises(
    index: Path, received: Received
) -> None:
    before = datetime.now(UTC)
    told: list[tuple[int, int | None]] = []
    report = add_uploads(
        index,
        [received("kite.txt", KITE), received("../Harbour news.MD", f"# {CRANE}")],
        ALL,
        lambda done, total: told.append((done, total)),
    )
    assert said(report) == [
        ("kite.txt", True, 1, "Added."),
        ("Harbour news.md", True, 1, "Added, under the name Harbour news.md."),
    ]
    assert report.index is not None
    assert (report.index.articles, report.index.added) == (4, 2)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert set(texts(index)) == {*TEXTS, "uploads/kite.txt", "uploads/Harbour news.md"}
    assert in_folder(index) == {"kite.txt", "Harbour news.md"}
    newest, oldest = list_uploads(index)
    assert (newest.name, oldest.name) == ("Harbour news.md", "kite.txt")
    assert (oldest.size, newest.size) == (len(KITE), len(CRANE) + 2)
    assert before - timedelta(seconds=1) <= oldest.added < newest.added
    assert newest.added <= datetime.now(UTC) + timedelta(seconds=1)
    with rag.Assistant.open(index) as assistant:
        assert assistant.locate("A kite festival drew thousands").citations[0].doc_id == (
            "uploads/kite.txt"
        )
        assert assistant.skipped() == ()
        assert assistant.listing("KITE")[1] == [
            Listed("uploads/kite.txt", "Kites over the beach", None, None, "kite.txt")
        ]
    assert healthy(index)


def test_one_name_twice(index: Path, received: Received) -> None:
    add_uploads(index, [received("kite.txt", KITE)], ALL)
    first = read_manifest(index)
    report = add_uploads(index, [received("kite.txt", KITE)], ALL)
    assert said(report) == [("kite.txt", True, 0, "It is there already; nothing has changed.")]
    assert report.index is None
    assert read_manifest(index) == first
    # Three at once: other bytes, the first again, and the other bytes again.
    report = add_uploads(
        index,
        [received("kite.txt", CRANE), received("kite.txt", KITE), received("kite.txt", CRANE)],
        ALL,
    )
    assert said(report) == [
        ("kite (2).txt", True, 1, "Added, under the name kite (2).txt."),
        ("kite.txt", True, 0, "It is there already; nothing has changed."),
        ("kite (2).txt", True, 0, "It is there already; nothing has changed."),
    ]
    assert in_folder(index) == {"kite.txt", "kite (2).txt"}
    found = texts(index)
    assert found["uploads/kite.txt"] == KITE
    assert found["uploads/kite (2).txt"] == CRANE


def test_a_file_without_an_article_is_refused_and_not_kept(index: Path, received: Received) -> None:
    before = read_manifest(index)
    small = load_settings(max_upload_mb=0.001)
    files = [
        received("virus.exe", "MZ"),
        received("", "no name"),
        received("blank.txt", " \n"),
        received("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00"),
        received("broken.jsonl", '{"text": \n[1]\n{"title": "x"}\n\n{"text": ""}\n'),
        received("large.txt", "word " * 300),
        received("copy.md", TEXTS["ferry.txt"]),
        received(
            "records.jsonl", [{"text": t, "id": f"r{n}"} for n, t in enumerate(TEXTS.values())]
        ),
        ("gone.txt", "/nowhere/gone.txt"),
    ]
    report = add_uploads(index, files, small)
    assert report.index is None
    assert [(f.name, f.kept, f.articles) for f in report.files] == [
        ("virus.exe", False, 0),
        ("unnamed", False, 0),
        ("blank.txt", False, 0),
        ("picture.txt", False, 0),
        ("broken.jsonl", False, 0),
        ("large.txt", False, 0),
        ("copy.md", False, 0),
        ("records.jsonl", False, 0),
        ("gone.txt", False, 0),
    ]
    why = [f.message for f in report.files]
    assert why[0].startswith("Not added: files of this type are not read (.exe; give ")
    assert all(suffix in why[0] for suffix in (".txt", ".md", ".jsonl"))
    assert why[1].startswith("Not added: files of this type are not read (no type; give ")
    assert why[2] == "Not added: it is empty."
    assert why[3] == "Not added: it is not text (zero bytes)."
    assert why[4].startswith("Not added: none of its 4 records is an article: line 1: it is malf")
    assert why[4].endswith(
        "line 3: the record has no text (field text is missing or no string); and 1 more."
    )
    assert why[5] == "Not added: it is larger than 0.001 megabytes, the limit."
    assert why[6] == "Not added: the index has this text already, as ferry.txt."
    assert why[7] == "Not added: the index has all 2 articles, by text or by id."
    assert why[8] == "Not added: it did not arrive (No such file or directory); upload it again."
    assert in_folder(index) == set()
    assert read_manifest(index) == before


def test_records_left_out_of_a_kept_file_are_named(index: Path, received: Received) -> None:
    records = [
        {
            "id": "kite",
            "text": KITE,
            "title": "Kites",
            "source": "Beach Post",
            "published": "2025-06-01",
        },
        {"id": "ferry.txt", "text": "Another text under the id of an article of the corpus."},
        {"id": "same", "text": TEXTS["bridge.txt"]},
        {"title": "no text"},
        {"text": CRANE},
        {"id": "last", "text": 7},
    ]
    report = add_uploads(index, [received("news.jsonl", records)], ALL)
    (file,) = report.files
    assert (file.kept, file.articles) == (True, 2)
    assert [(s.path, s.reason) for s in file.skipped] == [
        ("ferry.txt", "duplicate_id"),
        ("same", "duplicate"),
        ("uploads/news.jsonl:4", "no_text"),
        ("uploads/news.jsonl:6", "no_text"),
    ]
    assert file.message == (
        "Added 2 articles; left out: ferry.txt: another article has the same id (in "
        "uploads/news.jsonl); same: it says the same as another article (same text as "
        "bridge.txt); line 4: the record has no text (field text is missing or no string); and 1 "
        "more."
    )
    assert texts(index)["ferry.txt"] == TEXTS["ferry.txt"]
    with rag.Assistant.open(index) as assistant:
        total, listed = assistant.listing()
        assert total == 4
        assert {(item.doc_id, item.upload) for item in listed} == {
            ("bridge.txt", None),
            ("ferry.txt", None),
            ("kite", "news.jsonl"),
            ("uploads/news.jsonl:5", "news.jsonl"),
        }
        assert listed[2] == Listed("kite", "Kites", "Beach Post", date(2025, 6, 1), "news.jsonl")


def test_nobodys_upload_takes_the_place_of_another(index: Path, received: Received) -> None:
    """Names sort a < b < z, times the other way round: the older upload keeps id and text."""
    add_uploads(
        index, [received("z.jsonl", [{"id": "X", "text": KITE}]), received("b.txt", CRANE)], ALL
    )
    thief = [
        {"id": "X", "text": "What the thief says under the id of another."},
        {"id": "uploads/b.txt", "text": "What the thief says under the name of another."},
        {"id": "Y", "text": CRANE},
        {"id": "Z", "text": "The thief has a story to tell of her own, about a lighthouse."},
    ]
    report = add_uploads(index, [received("a.jsonl", thief)], ALL)
    assert report.files[0].articles == 1
    assert texts(index) == {
        **TEXTS,
        "X": KITE,
        "uploads/b.txt": CRANE,
        "Z": "The thief has a story to tell of her own, about a lighthouse.",
    }


def test_a_copy_that_only_the_build_finds_is_removed_again(
    index: Path, received: Received, tmp_path: Path
) -> None:
    (tmp_path / "corpus" / "new.txt").write_text(KITE)  # not indexed yet
    report = add_uploads(index, [received("kite.txt", KITE), received("crane.txt", CRANE)], ALL)
    assert said(report) == [
        (
            "kite.txt",
            False,
            0,
            "Not added: it says the same as another article (same text as new.txt).",
        ),
        ("crane.txt", True, 1, "Added."),
    ]
    assert in_folder(index) == {"crane.txt"}
    assert set(texts(index)) == {*TEXTS, "new.txt", "uploads/crane.txt"}
    assert skipped(index) == set()
    assert report.index is not None
    assert (report.index.articles, report.index.added) == (4, 2)


def test_web_pages_and_what_is_no_pdf(index: Path, received: Received) -> None:
    page = (
        "<html><head><title>Lantern parade</title></head><body><nav>Home</nav><article><h1>Lantern "
        "parade</h1><p>The lantern parade of Visby drew four thousand people on Friday night.</p>"
        "<p>Its founder, Maja Berg, said that next year it will go round the whole wall.</p>"
        "</article></body></html>"
    )
    files = [received("parade.HTM", page), received("torn.pdf", b"%PDF-1.4\nand no more")]
    report = add_uploads(index, files, ALL)
    assert said(report)[0] == ("parade.htm", True, 1, "Added, under the name parade.htm.")
    assert said(report)[1][:3] == ("torn.pdf", False, 0)
    assert said(report)[1][3].startswith("Not added: it is malformed (")
    assert "Maja Berg, said that next year" in texts(index)["uploads/parade.htm"]
    assert in_folder(index) == {"parade.htm"}


# Limits


def test_limits(index: Path, received: Received) -> None:
    two = [received("kite.txt", KITE), received("crane.txt", CRANE)]
    with pytest.raises(UploadError, match=r"2 files at once.* most is 1; upload them in parts\.$"):
        add_uploads(index, two, load_settings(max_upload_files=1))
    with pytest.raises(UploadError, match=r"switched off; set RAG_UPLOADS=true"):
        add_uploads(index, two, load_settings(uploads=False))
    with pytest.raises(UploadError, match=r"switched off; set RAG_UPLOADS=true"):
        remove_upload(index, "kite.txt", load_settings(uploads=False))
    assert not (index / "uploads").exists()
    report = add_uploads(index, two, load_settings(max_uploads=1))
    assert said(report) == [
        ("kite.txt", True, 1, "Added."),
        (
            "crane.txt",
            False,
            0,
            "Not added: the number of uploaded files is limited to 1; remove one first.",
        ),
    ]
    assert in_folder(index) == {"kite.txt"}
    assert add_uploads(index, [], ALL) == UploadReport((), None)


def test_without_an_index_nothing_is_made(tmp_path: Path, received: Received) -> None:
    for call in (
        lambda: add_uploads(tmp_path / "no", [received("kite.txt", KITE)], ALL),
        lambda: remove_upload(tmp_path / "no", "kite.txt", ALL),
        lambda: reindex(tmp_path / "no", ALL),
    ):
        with pytest.raises(rag.IndexNotFoundError, match="python -m rag index"):
            call()
    assert list_uploads(tmp_path / "no") == []
    assert not (tmp_path / "no").exists()


# Links


def test_nothing_is_written_through_a_link(index: Path, received: Received, tmp_path: Path) -> None:
    uploads, outside = index / "uploads", tmp_path / "outside.dat"
    outside.write_text("outside")
    uploads.mkdir()
    (uploads / "kite.txt").symlink_to(outside)
    (uploads / "crane.txt").symlink_to(tmp_path / "nowhere.dat")
    report = add_uploads(index, [received("kite.txt", KITE), received("crane.txt", CRANE)], ALL)
    assert [f.name for f in report.files] == ["kite (2).txt", "crane (2).txt"]
    assert outside.read_text() == "outside"
    assert not (tmp_path / "nowhere.dat").exists()
    assert [u.name for u in list_uploads(index)] == ["crane (2).txt", "kite (2).txt"]
    with pytest.raises(UploadError, match="no uploaded file has this name"):
        remove_upload(index, "kite.txt", ALL)
    shutil.rmtree(uploads)
    (tmp_path / "elsewhere").mkdir()
    uploads.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UploadError, match="is a link"):
        add_uploads(index, [received("kite.txt", KITE)], ALL)
    assert list((tmp_path / "elsewhere").iterdir()) == []


# Removing and re-indexing


def test_removing(index: Path, received: Received, tmp_path: Path) -> None:
    add_uploads(index, [received("kite.txt", KITE), received("crane.txt", CRANE)], ALL)
    (index / "uploads" / ".secret.txt").write_text("hidden")
    (index / "uploads" / "sub").mkdir()
    for name in (
        "", ".", "..", "sub", ".secret.txt", "../manifest.json", "../../corpus/ferry.txt",
        "./kite.txt", str(index / "uploads" / "kite.txt"), "kite.txt\0", "KITE.TXT", "no.txt",
    ):  # fmt: skip
        with pytest.raises(UploadError, match="no uploaded file has this name; choose one"):
            remove_upload(index, name, ALL)
    assert in_folder(index) == {"kite.txt", "crane.txt", ".secret.txt", "sub"}
    told: list[int] = []
    report = remove_upload(index, "kite.txt", ALL, lambda done, total: told.append(done))
    assert (report.articles, report.added, report.changed, report.removed) == (3, 0, 0, 1)
    assert told == [1, 2, 3]
    assert in_folder(index) == {"crane.txt", ".secret.txt", "sub"}
    assert set(texts(index)) == {*TEXTS, "uploads/crane.txt"}
    # The same again may come back.
    report = add_uploads(index, [received("kite.txt", KITE)], ALL)
    assert said(report) == [("kite.txt", True, 1, "Added.")]


def test_a_failing_build_leaves_files_and_index_as_they_were(
    index: Path, received: Received, tmp_path: Path
) -> None:
    add_uploads(index, [received("kite.txt", KITE)], ALL)
    before = read_manifest(index)
    (tmp_path / "corpus").rename(tmp_path / "moved")
    with pytest.raises(rag.CorpusError, match=r"cannot read the corpus .*None of the files was ke"):
        add_uploads(index, [received("crane.txt", CRANE)], ALL)
    with pytest.raises(rag.CorpusError, match=r"cannot read the corpus .* The file was not remov"):
        remove_upload(index, "kite.txt", ALL)
    assert in_folder(index) == {"kite.txt"}
    assert (index / "uploads" / "kite.txt").read_text() == KITE
    assert read_manifest(index) == before

    def stop(done: int, total: int | None) -> None:
        raise RuntimeError("stopped")

    (tmp_path / "moved").rename(tmp_path / "corpus")
    with pytest.raises(RuntimeError, match="stopped"):
        add_uploads(index, [received("crane.txt", CRANE)], ALL, stop)
    assert in_folder(index) == {"kite.txt"}
    assert read_manifest(index) == before


def test_reindex_follows_the_corpus_and_what_was_put_into_uploads(
    index: Path, received: Received, tmp_path: Path
) -> None:
    add_uploads(index, [received("kite.txt", KITE)], ALL)
    corpus = tmp_path / "corpus"
    (corpus / "ferry.txt").write_text("The ferry runs again between the islands.")
    (corpus / "bridge.txt").unlink()
    (index / "uploads" / "by hand.txt").write_text(CRANE)
    (index / "uploads" / "kite.txt").unlink()
    # What the index still has of a deleted upload is no reason to refuse it.
    report = add_uploads(index, [received("kite again.txt", KITE)], ALL)
    assert said(report) == [("kite again.txt", True, 1, "Added.")]
    (corpus / "ferry.txt").write_text("The ferry is sold.")
    told: list[tuple[int, int | None]] = []
    done = reindex(index, ALL, lambda *how_far: told.append(how_far))
    assert (done.articles, done.added, done.changed, done.removed) == (3, 0, 1, 0)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert texts(index) == {
        "ferry.txt": "The ferry is sold.",
        "uploads/by hand.txt": CRANE,
        "uploads/kite again.txt": KITE,
    }


# Several at once, and processes that die


def test_it_waits_for_another_build_and_gives_up_at_last(index: Path, received: Received) -> None:
    file = received("kite.txt", KITE)
    with writing(index):
        with pytest.raises(
            rag.IndexWriteError, match=r"another process is building .* None of the files was kept"
        ):
            add_uploads(index, [file], ALL, wait=0.2)
        assert in_folder(index) == set()
        with pytest.raises(rag.IndexWriteError, match="The file was not removed"):
            remove_upload(index, "kite.txt", ALL, wait=0.0)
        with pytest.raises(rag.IndexWriteError, match="another process is building"):
            build_index("nowhere", index)
    reports: list[Any] = []
    with writing(index):
        waiting = threading.Thread(target=lambda: reports.append(add_uploads(index, [file], ALL)))
        waiting.start()
        time.sleep(0.5)
        assert reports == []
    waiting.join()
    assert said(reports[0]) == [("kite.txt", True, 1, "Added.")]


def test_two_processes_upload_one_name_at_once(
    index: Path, received: Received, workers: Workers
) -> None:
    outcomes = workers.run(
        {"index": str(index), "files": [received("news.txt", KITE)]},
        {"index": str(index), "files": [received("news.txt", CRANE)]},
    )
    assert [outcome["error"] for outcome in outcomes] == [None, None]
    assert {tuple(outcome["said"][0][:2]) for outcome in outcomes} == {
        ("news.txt", True),
        ("news (2).txt", True),
    }
    found = texts(index)
    assert set(found) == {*TEXTS, "uploads/news.txt", "uploads/news (2).txt"}
    assert {found["uploads/news.txt"], found["uploads/news (2).txt"]} == {KITE, CRANE}
    assert in_folder(index) == {"news.txt", "news (2).txt"}
    assert healthy(index)


_MOMENTS = [
    # (before which event on which file, is the file in uploads/ then, is it in the index)
    (("open", "/0.txt", 1), False, False),
    (("os.link", "/kite.txt", 1), False, False),
    (("os.remove", "/0.txt", 1), True, False),  # in place, its hidden name still there
    (("os.rename", "/.manifest.json.partial", 1), True, False),  # all but published
    (("open", "/.files.json.partial", 1), True, True),
]


def test_killed_upload_leaves_no_half_article(
    index: Path, received: Received, workers: Workers, tmp_path: Path
) -> None:
    for moment, in_place, indexed in _MOMENTS:
        file = received("kite.txt", KITE)
        assert workers.run({"index": str(index), "files": [file], "at": moment}) == [None], moment
        kept = (index / "uploads" / "kite.txt").read_text() if in_place else None
        assert kept == (KITE if in_place else None), moment
        assert [u.name for u in list_uploads(index)] == ["kite.txt"] * in_place, moment
        assert texts(index) == TEXTS | ({"uploads/kite.txt": KITE} if indexed else {}), moment
        if moment == _MOMENTS[2][0]:
            # The next upload of the same file finds it, and indexes it.
            report = add_uploads(index, [file], ALL)
            assert said(report) == [("kite.txt", True, 1, "Added.")]
            assert texts(index) == TEXTS | {"uploads/kite.txt": KITE}
        if in_place and moment != _MOMENTS[-1][0]:
            (index / "uploads" / "kite.txt").unlink()
            reindex(index, ALL)
    assert healthy(index)

    # While it is being received: the source is a pipe that has given a megabyte and a half.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (pid,) = workers.start({"index": str(index), "files": [("long.txt", str(pipe))]})
    with pipe.open("wb") as stream:
        stream.write(b"word " * 300_000)
        stream.flush()
        for _ in range(200):
            copies = (index / "uploads").glob(".partial-*/0.txt")
            halves = [copy for copy in copies if copy.stat().st_size > len(KITE)]
            if halves:
                break
            time.sleep(0.05)
        os.kill(pid, 9)
        assert workers.finish() == [None]
    assert halves[0].stat().st_size == 1 << 20
    assert [u.name for u in list_uploads(index)] == ["kite.txt"]

    # What is left is hidden from builds, and goes once it is old.
    left = {name for name in in_folder(index) if name.startswith(".partial-")}
    assert len(left) == 6
    assert reindex(index, ALL).articles == 3
    assert skipped(index) == set()
    for name in left:
        os.utime(index / "uploads" / name, (1_600_000_000, 1_600_000_000))
    add_uploads(index, [received("crane.txt", CRANE)], ALL)
    assert in_folder(index) == {"kite.txt", "crane.txt"}


def test_killed_removal(index: Path, received: Received, workers: Workers) -> None:
    add_uploads(index, [received("kite.txt", KITE)], ALL)
    at = ("os.rename", "/.manifest.json.partial", 1)
    assert workers.run({"index": str(index), "remove": "kite.txt", "at": at}) == [None]
    assert list_uploads(index) == []
    assert set(texts(index)) == {*TEXTS, "uploads/kite.txt"}  # the old index still works
    add_uploads(index, [received("crane.txt", CRANE)], ALL)
    assert in_folder(index) == {"crane.txt"}
    assert set(texts(index)) == {*TEXTS, "uploads/crane.txt"}


def test_full_disk_keeps_nothing(index: Path, received: Received, workers: Workers) -> None:
    before = read_manifest(index)
    file = received("kite.txt", KITE)
    for limit, start in (
        (10, "cannot write in "),  # the copy itself does not fit
        (1_000, "no space left while writing the index"),
    ):
        (outcome,) = workers.run({"index": str(index), "files": [file], "largest_file": limit})
        assert outcome["error"] == "IndexWriteError", outcome
        assert outcome["said"].startswith(start)
        assert "free some space" in outcome["said"]
        assert in_folder(index) == set()
        assert read_manifest(index) == before
    assert outcome["said"].endswith("None of the files was kept: upload them again then.")


# The list


@pytest.fixture
def store(new_place: Callable[[], Place]) -> Iterator[Store]:
    place = new_place()
    writer = StoreWriter(*place)
    for doc_id, title, outlet, published in [
        ("a_1.txt", "100% of the vote", "The Daily", date(2025, 1, 2)),
        ("b-2.txt", "Ärger im Rathaus", None, None),
        ("c.txt", "Nothing much", "ÅLAND POST", None),
        ("d.txt", "The DAILY bread", None, date(1999, 12, 31)),
    ]:
        writer.add(rag.Article(doc_id, title, f"Text of {title}", outlet, published), [])
    writer.set_uploaded({"d.txt": "bread.jsonl"})
    writer.close()
    opened = Store(*place)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["a_1.txt", "b-2.txt", "c.txt", "d.txt"]),
        ("  ", ["a_1.txt", "b-2.txt", "c.txt", "d.txt"]),
        ("daily", ["a_1.txt", "d.txt"]),
        ("The   Daily", ["a_1.txt", "d.txt"]),
        ("%", ["a_1.txt"]),
        ("_", ["a_1.txt"]),
        ("\\", []),
        ("'; DROP TABLE articles; --", []),
        ("B-2", ["b-2.txt"]),
        ("ärger", ["b-2.txt"]),
        ("ÄRGER IM", ["b-2.txt"]),
        ("åland", ["c.txt"]),
        (".TXT", ["a_1.txt", "b-2.txt", "c.txt", "d.txt"]),
        ("x" * 100_000, []),
        ("text of", []),
    ],
)
def test_listing_finds_titles_outlets_and_ids(store: Store, search: str, found: list[str]) -> None:
    total, listed = store.listing(search)
    assert (total, [item.doc_id for item in listed]) == (len(found), found)


def test_listing_a_page_at_a_time(store: Store) -> None:
    assert store.listing("", 2, 1) == (
        4,
        [
            Listed("b-2.txt", "Ärger im Rathaus", None, None),
            Listed("c.txt", "Nothing much", "ÅLAND POST", None),
        ],
    )
    assert store.listing("daily", 1, 1) == (
        2,
        [Listed("d.txt", "The DAILY bread", None, date(1999, 12, 31), "bread.jsonl")],
    )
    assert store.listing("", 10, 4) == (4, [])


@pytest.mark.parametrize("new_place", ["new_file"], indirect=True)
def test_listing_walks_no_texts(store: Store) -> None:
    """By SQLite's own plan: at 100,000 articles the texts are gigabytes, the index is megabytes."""

    def ask() -> None:
        store.listing("daily", 50, 50)
        store.listing("ärger", 50, 50)
        store.texts()

    found = plans(store, ask)
    assert len(found) == 5
    for plan in found:
        assert "COVERING INDEX articles_" in plan[0], plan


# The tab


def test_every_reason_has_its_words() -> None:
    for reason in (
        "unsupported", "oversized", "empty", "binary", "undecodable", "unreadable", "malformed",
        "no_text", "duplicate", "duplicate_id", "link", "not_a_file", "bad_name", "encrypted",
        "too_slow",
    ):  # fmt: skip
        words = in_words(rag.Skipped("a.txt", reason, "why"))
        assert words.endswith(" (why)")
        assert "_" not in words
    assert in_words(rag.Skipped("a.txt", "some_new_reason")) == "some new reason"


HOSTILE = '<img src=x onerror="alert(1)">\u202e'


def test_what_files_say_is_text_on_the_page() -> None:
    from rag.page import articles

    assert articles.row(Listed("uploads/a.txt", HOSTILE, None, None, "a.txt")) == [
        HOSTILE, "not stated", "no date", "upload", "uploads/a.txt",
    ]  # fmt: skip
    assert articles.row(Listed("x1", "Title", "Post", date(2025, 3, 30), "a.jsonl")) == [
        "Title", "Post", "2025-03-30", "upload: a.jsonl", "x1",
    ]  # fmt: skip
    assert articles.row(Listed("a.txt", "Title", None, None))[3] == "corpus"
    refused = UploadResult(HOSTILE, HOSTILE, False, 0, f"Not added: {HOSTILE}.")
    for shown in (
        articles.upload_report(UploadReport((refused,), None)),
        articles.skipped_list([rag.Skipped(HOSTILE, "malformed", HOSTILE)]),
    ):
        assert "<img" not in shown
        assert shown.count("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;") == 2
    many = articles.skipped_list([rag.Skipped(f"{n}.txt", "empty") for n in range(1_203)])
    assert many.count("<li>") == 201
    assert "and 1,003 more" in many


def test_the_tab_does_what_its_buttons_say(index: Path, received: Received, tmp_path: Path) -> None:
    from rag.page import articles

    here = load_settings(index=index)
    (tmp_path / "corpus" / "blank.txt").write_text("")
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "kite.txt").write_text(KITE)
    told: list[int] = []

    def progress(done: int, total: int | None) -> None:
        told.append(done)

    with rag.Assistant.open(index) as assistant:
        found = articles.view(assistant, "", None)
        assert (found.number, found.pages, found.skipped) == (1, 1, 0)
        assert [cells[4] for cells in found.rows] == ["bridge.txt", "ferry.txt"]
        assert ">2 articles<" in found.count

        shown = articles.upload(index, [str(tmp_path / "sent" / "kite.txt")], here, progress)
        assert "<b><bdi>kite.txt</bdi></b>: Added." in shown
        assert "3 articles now." in shown
        assert told == [1, 2, 3, 4]
        found = articles.view(assistant, "KITE", 7)
        assert (found.number, found.pages) == (1, 1)
        assert found.rows == [
            ["Kites over the beach", "not stated", "no date", "upload", "uploads/kite.txt"]
        ]
        assert ">1 of 3 articles<" in found.count
        assert found.skipped == 1
        assert "<bdi>blank.txt</bdi></b>: it is empty" in found.left_out
        ((label, value),) = articles.upload_choices(index)
        assert value == "kite.txt"
        assert label.startswith("kite.txt (1 kB, 20")

        assert "Choose a file" in articles.remove(index, None, here, progress)
        assert "no uploaded file has this name" in articles.remove(index, "../x", here, progress)
        assert "Removed. 2 articles now." in articles.remove(index, "kite.txt", here, progress)
        assert len(articles.view(assistant, "", 1).rows) == 2
        (tmp_path / "corpus" / "blank.txt").write_text(CRANE)
        shown = articles.refresh(index, here, progress)
        assert "3 articles: 1 added, 0 changed, 0 removed (" in shown
        closed = load_settings(index=index, uploads=False)
        assert 'role="alert">adding and removing articles is switched off' in articles.upload(
            index, [], closed, progress
        )


def test_paging(index: Path, tmp_path: Path) -> None:
    from rag.page import articles

    lines = [{"id": f"n{n:03}", "text": f"Story number {n} of many."} for n in range(117)]
    (tmp_path / "corpus" / "many.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
    told: list[int | None] = []
    assert reindex(index, ALL, lambda done, total: told.append(total)).articles == 119
    assert set(told) == {None}  # records are not counted beforehand
    with rag.Assistant.open(index) as assistant:
        for asked, number, first, last, rows in [
            (1, 1, 1, 50, 50), (2, 2, 51, 100, 50), (3, 3, 101, 119, 19),
            (4, 3, 101, 119, 19), (0, 1, 1, 50, 50), (-5, 1, 1, 50, 50), (1e300, 3, 101, 119, 19),
        ]:  # fmt: skip
            found = articles.view(assistant, "", asked)
            assert (found.number, found.pages, len(found.rows)) == (number, 3, rows), asked
            assert f">119 articles, {first}–{last} shown<" in found.count
        assert articles.view(assistant, "", 3).rows[0][4] == "n098"  # after bridge and ferry


@pytest.mark.parametrize(
    ("changes", "offered"), [({}, True), ({"public": True}, False), ({"uploads": False}, False)]
)
def test_who_may_change_the_articles(index: Path, changes: dict[str, bool], offered: bool) -> None:
    import gradio as gr

    from rag.page.articles import build_articles

    here: Settings = load_settings(index=index, **changes)
    with rag.Assistant.open(index) as assistant, gr.Blocks(analytics_enabled=False) as page:
        build_articles(assistant, here)
    config = page.get_config_file()
    ids = {c["props"].get("elem_id") for c in config["components"]}
    assert {"rag-articles-table", "rag-articles-search"} <= ids
    changing = {"rag-upload", "rag-upload-result", "rag-remove-file", "rag-remove", "rag-reindex"}
    assert ids & changing == (changing if offered else set())
    assert {event["api_visibility"] for event in config["dependencies"]} == {"private"}
    building = [fn for fn in page.fns.values() if fn.concurrency_id == "index"]
    assert len(building) == (3 if offered else 0)
    assert {fn.concurrency_limit for fn in building} <= {1}
