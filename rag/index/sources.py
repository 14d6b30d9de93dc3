"""Which files an index was made of, and whether they have changed since.

Sizes and times of the files read are kept beside the index they went into, so that an unchanged
corpus is recognised without opening a file.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

from rag.corpus.files import FileStat, read_articles, scan
from rag.datatypes import Article, Skipped
from rag.index.generation import generation_folder
from rag.index.manifest import Manifest
from rag.index.store import article_digest
from rag.settings import Settings

UPLOADS = "uploads"
_FILES = "files.json"
_RACY_NS = 2_000_000_000
"""A file changed less than this before it was read may change again within one tick of its
clock: its times are not trusted, and it is read again next time (git's "racy" rule)."""


def corpus_root(index: Path, manifest: Manifest) -> Path:
    """Where the corpus of an index lies; kept relative to the index, so both can move together."""
    return (index / manifest.corpus_root).resolve()


def corpus_unchanged(index: Path, manifest: Manifest, root: Path, settings: Settings) -> bool:
    """True if no article of the corpus has changed since the index was built: going by sizes and
    times, and where these differ, by reading it; raises CorpusError if the corpus is gone."""
    files = scan_all(root, index)
    if files_unchanged(index, manifest, files):
        return True
    found = read_articles(files, max_bytes=max_article_bytes(settings))
    digests = {item.doc_id: article_digest(item) for item in found if isinstance(item, Article)}
    return corpus_digest(digests) == manifest.corpus_digest


def max_article_bytes(settings: Settings) -> int:
    """The size beyond which a file or record is skipped."""
    return int(settings.max_file_mb * 1_000_000)


def relative_root(root: Path, index: Path) -> str:
    """How a manifest names its corpus root."""
    return Path(os.path.relpath(root.resolve(), index.resolve())).as_posix()


def scan_all(root: Path, index: Path) -> list[FileStat | Skipped]:
    """The corpus in its order, then what was uploaded, oldest first and with its own prefix: of
    two articles with one id or one text the first is kept, so that nobody's upload takes the place
    of an article that is there."""
    files = scan(root)
    uploads: list[FileStat | Skipped] = []
    if (index / UPLOADS).is_dir():
        uploads = scan(index / UPLOADS)
        uploads.sort(key=lambda item: 0 if isinstance(item, Skipped) else item.mtime_ns)
    for item in uploads:
        if isinstance(item, Skipped):
            files.append(replace(item, path=f"{UPLOADS}/{item.path}"))
        else:
            files.append(replace(item, doc_id=f"{UPLOADS}/{item.doc_id}"))
    return files


def files_unchanged(index: Path, manifest: Manifest, files: list[FileStat | Skipped]) -> bool:
    """True if sizes and times say that no file changed."""
    stats = generation_folder(index, manifest.generation) / _FILES
    try:
        known = json.loads(stats.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(known == _stats(files, trusted_before=None))


def _stats(files: list[FileStat | Skipped], *, trusted_before: int | None) -> dict[str, list[int]]:
    """Size and times of each file; a time too near to the reading is written as 0."""
    stats = {}
    for item in files:
        if isinstance(item, Skipped):
            stats[f"{item.reason}:{item.path}"] = [0, 0, 0]
            continue
        ctime = item.ctime_ns
        if trusted_before is not None and ctime > trusted_before:
            ctime = 0
        stats[item.doc_id] = [item.size, item.mtime_ns, ctime]
    return stats


def write_stats(
    index: Path, manifest: Manifest, files: list[FileStat | Skipped], scanned_ns: int
) -> None:
    """Keep the sizes and times of the files read, scanned at ``scanned_ns``."""
    folder = generation_folder(index, manifest.generation)
    stats = _stats(files, trusted_before=scanned_ns - _RACY_NS)
    partial = folder / f".{_FILES}.partial"
    partial.write_text(json.dumps(stats), encoding="utf-8")
    os.replace(partial, folder / _FILES)


def corpus_digest(digests: dict[str, str]) -> str:
    """One hash over the digests of all articles, by doc_id."""
    lines = sorted(f"{doc_id}\0{digest}" for doc_id, digest in digests.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
