"""``doctor``: a sound index passes; each kind of damage gives one failing line, and the command
on that line mends it."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import TEXTS

import rag
from rag.__main__ import main
from rag.datatypes import Check
from rag.index.doctor import examine
from rag.index.generation import generation_folder
from rag.index.manifest import encoder_folder, read_manifest
from rag.index.vectors import Collection
from rag.settings import load_settings


@pytest.fixture
def index(place: Path) -> Path:
    """A sound index to damage; its corpus lies beside it."""
    return place / "index"


def checks(index: Path) -> list[Check]:
    return list(examine(index, load_settings()))


def the_failing(index: Path) -> Check:
    (failing,) = [check for check in checks(index) if not check.ok]
    assert failing.mend
    return failing


def mend(check: Check) -> None:
    """Do what the line says, as a shell would."""
    for command in check.mend.split(" && "):
        words = shlex.split(command)
        if words[:3] == ["python", "-m", "rag"]:
            assert main(words[3:]) == 0
        else:
            assert words[0] == "rm"
            subprocess.run(words, check=True)


def anew(index: Path) -> str:
    """The command that builds from nothing; what is damaged makes no difference to it."""
    manifest, corpus = index / "manifest.json", index.parent / "corpus"
    return f"rm '{manifest}' && python -m rag index --index '{index}' --corpus '{corpus}'"


def current(index: Path) -> Path:
    return generation_folder(index, read_manifest(index).generation)


def assert_sound(index: Path) -> None:
    assert [check.name for check in checks(index) if not check.ok] == []
    with rag.Assistant.open(index) as assistant:
        assert {article.doc_id: article.text for article in assistant.articles()} == TEXTS
        assert {hit.passage.span.doc_id for hit in assistant.search("ferry")} == set(TEXTS)


def test_all_is_well(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = checks(index)
    assert [check.name for check in found if check.name != "reader"] == [
        "libraries",
        "embedding model",
        "index",
        "built with these libraries",
        "corpus",
        "article store",
        "Chroma",
        "BM25 and arrays",
        "vectors",
        "question encoder",
    ]
    assert ("reader" in {check.name for check in found}) == (load_settings().reader == "spans")
    assert all(check.ok and not check.mend for check in found)
    by_name = {check.name: check.detail for check in found}
    assert "3 articles, 3 passages" in by_name["index"]
    assert by_name["Chroma"] == "3 of 3 passages"
    assert main(["doctor", "--index", str(index)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found)
    assert all(line.startswith("ok   ") for line in lines)


def test_command_line_fails_and_shows_the_command(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (index / "manifest.json").unlink()
    assert main(["doctor", "--index", str(index)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == ["ok   ", "ok   ", "FAIL ", "     "]
    assert lines[-1].startswith("     mend it with: python -m rag index")


def test_altered_text(index: Path) -> None:
    store = sqlite3.connect(current(index) / "store.sqlite")
    changed = store.execute("UPDATE articles SET text = replace(text, 'Monday', 'Friday')")
    assert changed.rowcount == 3
    store.commit()
    store.close()
    failing = the_failing(index)
    assert failing.name == "article store"
    assert "bridge.txt" in failing.detail
    assert "ferry.txt" not in failing.detail
    assert failing.mend == anew(index)
    mend(failing)
    assert_sound(index)


def test_moved_passage(index: Path) -> None:
    store = sqlite3.connect(current(index) / "store.sqlite")
    store.execute("UPDATE passages SET start = start + 1 WHERE passage_id LIKE 'ferry%'")
    store.commit()
    store.close()
    failing = the_failing(index)
    assert failing.name == "article store"
    assert failing.detail.startswith("passage ferry.txt#")


def test_overwritten_store(index: Path) -> None:
    path = current(index) / "store.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    failing = the_failing(index)
    mend(failing)
    assert_sound(index)


def test_passage_missing_from_chroma(index: Path) -> None:
    collection = Collection(current(index) / "chroma")
    (gone,) = [name for name in collection.ids() if name.startswith("school.txt#")]
    collection.delete([gone])
    collection.close()
    failing = the_failing(index)
    assert (failing.name, failing.detail) == ("Chroma", "2 of 3 passages")
    assert failing.mend == anew(index)


def test_chroma_gone(index: Path) -> None:
    shutil.rmtree(current(index) / "chroma")
    failing = the_failing(index)
    assert failing.name == "Chroma"


def test_rows_in_another_order(index: Path) -> None:
    path = current(index) / "rows.npy"
    np.save(path, np.load(path)[::-1])
    failing = the_failing(index)
    assert failing.name == "BM25 and arrays"
    assert failing.mend == anew(index)


def test_rows_cut_short(index: Path) -> None:
    path = current(index) / "rows.npy"
    path.write_bytes(path.read_bytes()[:-5])
    failing = the_failing(index)
    assert failing.name == "index"
    assert "is damaged" in failing.detail
    assert failing.mend == anew(index)


def test_vectors_of_other_passages(index: Path) -> None:
    path = current(index) / "vectors.npy"
    np.save(path, np.load(path)[::-1])
    failing = the_failing(index)
    assert failing.name == "vectors"


def test_altered_and_missing_encoder(index: Path) -> None:
    folder = encoder_folder(index, read_manifest(index).embedding.sha256)
    content = bytearray((folder / "network.bin").read_bytes())
    content[1_000_000] ^= 1
    (folder / "network.bin").unlink()  # linked from other indexes: never written in place
    (folder / "network.bin").write_bytes(content)
    failing = the_failing(index)
    assert failing.name == "question encoder"
    assert "altered" in failing.detail
    shutil.rmtree(folder)
    failing = the_failing(index)
    assert failing.name == "question encoder"
    assert "missing" in failing.detail
    mend(failing)
    assert_sound(index)


def test_changed_corpus(index: Path) -> None:
    corpus = index.parent / "corpus"
    (corpus / "kite.txt").write_text("A kite festival drew thousands.")
    failing = the_failing(index)
    assert failing.name == "corpus"
    assert "changed" in failing.detail
    mend(failing)
    assert all(check.ok for check in checks(index))
    with rag.Assistant.open(index) as assistant:
        assert assistant.article("kite.txt") is not None


def test_touched_file_is_no_changed_corpus(index: Path) -> None:
    os.utime(index.parent / "corpus" / "ferry.txt", (1_600_000_000, 1_600_000_000))
    assert all(check.ok for check in checks(index))


def test_uploads_are_read_in_the_order_in_which_they_came(index: Path) -> None:
    (index / "uploads").mkdir()
    for name, day in (("story.txt", 2), ("copy.txt", 3)):  # the same text: the first to come counts
        path = index / "uploads" / name
        path.write_text("A kite festival drew thousands.")
        os.utime(path, (1_600_000_000 + day * 86_400,) * 2)
    rag.build_index(index.parent / "corpus", index)
    os.utime(index.parent / "corpus" / "ferry.txt", (1_600_000_000, 1_600_000_000))
    assert all(check.ok for check in checks(index))


def test_corpus_gone(index: Path) -> None:
    shutil.rmtree(index.parent / "corpus")
    failing = the_failing(index)
    assert failing.name == "corpus"
    assert "No such file" in failing.detail


def test_missing_manifest(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (index / "manifest.json").unlink()
    failing = the_failing(index)
    assert failing.name == "index"
    assert "no index in" in failing.detail
    monkeypatch.setenv("RAG_CORPUS", str(index.parent / "corpus"))
    mend(failing)
    assert_sound(index)


def test_missing_model(index: Path) -> None:
    settings = load_settings(embed_model=str(index / "no-such-model"))
    found = list(examine(index, settings))
    assert [(check.name, check.ok) for check in found] == [
        ("libraries", True),
        ("embedding model", False),
    ]
    assert found[-1].mend
