"""Build or update an index: read the corpus, embed what is new, publish in one step.

Incremental: an unchanged corpus is recognised from file sizes and times, without reading it or
loading a model; otherwise only added and changed articles are cut and embedded. The work is done
in a new generation beside the old one; until the manifest is replaced nothing has changed, so a
killed, failed or interrupted build leaves the old index as it was. One that was killed or
interrupted is gone on with by the next build of the same corpus with the same settings.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import portalocker

from rag.corpus.files import scan
from rag.datatypes import (
    CorpusError,
    IndexMismatchError,
    IndexNotFoundError,
    IndexReport,
    IndexWriteError,
    Skipped,
)
from rag.index.building import Build, FromFile, find_unfinished, forms_in_place
from rag.index.generation import delete_unused, generation_folder, writer_lock
from rag.index.manifest import Manifest, check_fits, read_manifest
from rag.index.progress import Progress
from rag.index.sources import corpus_root, files_unchanged, relative_root, scan_all, write_stats
from rag.index.store import Store
from rag.index.write_errors import write_errors
from rag.models.embed import find_model
from rag.settings import Settings, index_place, load_settings

_RETRY_SECONDS = 0.1


def build_index(
    corpus: str | os.PathLike[str] = "seeds",
    index: str | os.PathLike[str] = "index",
    *,
    replace: bool = False,
    progress: bool | Progress = False,
    wait: float = 0.0,
    settings: Settings | None = None,
) -> IndexReport:
    """Bring ``index`` up to date with ``corpus`` and with ``index/uploads/``.

    Args:
        corpus: Folder of .txt, .md, .jsonl, .html, .pdf and .docx files, or one such file.
        index: Folder of the index; made if missing. What is not ours in it is left alone. Or the
            URL of a Milvus server; then the settings name the article store, and ``wait`` and
            ``uploads/`` do not apply.
        replace: Allow an index of another corpus root to be replaced.
        progress: True: draw a progress bar on stderr. A function is called for each article with
            the number of articles dealt with so far (those left out count) and how many there are,
            or None where records are not counted beforehand; what it raises ends the build.
        wait: Seconds to wait for another build of this index to finish.
        settings: Defaults to those of the environment.

    Raises:
        CorpusError: The corpus is missing, unreadable, or holds no article.
        IndexMismatchError: The index belongs to another corpus root and ``replace`` is False.
        IndexWriteError: The index cannot be written: read-only, disk full, another build.
        ModelUnavailableError: The embedding model is missing or altered.
    """
    settings = settings or load_settings()
    root, folder = Path(corpus), index_place(index)
    if isinstance(folder, str):
        from rag.index.remote_build import ingest

        return ingest(root, folder, replace=replace, progress=progress, settings=settings)
    if settings.workers:
        raise IndexWriteError(
            f"the index in {folder} is built by this process alone; give --index the URL of a "
            "Milvus server to build by many, or leave out --workers (RAG_WORKERS)."
        )
    if not folder.exists():
        scan(root)  # a corpus that cannot be read leaves no empty folder behind
    with writing(folder, wait=wait):
        return update(root, folder, replace=replace, progress=progress, settings=settings).report


@contextmanager
def writing(index: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the one writer's place of an index, as ``writer_lock``; if another process or thread
    has it, wait up to ``wait`` seconds.

    Raises:
        IndexWriteError: It is still held then, or the folder cannot be written.
    """
    until = time.monotonic() + wait
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(writer_lock(index))
                break
            except IndexWriteError as error:
                busy = isinstance(error.__cause__, portalocker.AlreadyLocked)
                if not busy or time.monotonic() >= until:
                    raise
            time.sleep(_RETRY_SECONDS)
        yield


@dataclass(frozen=True, slots=True)
class Update:
    """What a build did; ``uploads`` by name in ``uploads/``, empty if no file had changed."""

    report: IndexReport
    uploads: Mapping[str, FromFile]


def update(
    root: Path,
    folder: Path,
    *,
    replace: bool = False,
    progress: bool | Progress = False,
    settings: Settings,
) -> Update:
    """``build_index`` for who holds the writer's place already (see ``writing``)."""
    started = time.perf_counter()
    # Scanned only now: what another build has seen while this one waited, this one sees too.
    scanned_ns = time.time_ns()
    files = scan_all(root, folder)
    with write_errors(folder):
        old = _old_manifest(folder, root, replace=replace, settings=settings)
        forms = old is not None and forms_in_place(folder, old, settings)
        current = _current_generation(folder)
        if old is not None and forms and files_unchanged(folder, old, files):
            delete_unused(folder, keep={current})
            return Update(_report(folder, old, Counter(), started), {})
        place = relative_root(root, folder)
        unfinished = find_unfinished(folder, old, place, settings)
        delete_unused(folder, keep={current, unfinished})
        with Build(folder, old, settings, corpus_root=place, unfinished=unfinished) as build:
            counts = build.read(files, progress=progress)
            if build.articles == 0:
                raise CorpusError(no_article(root, build.skipped))
            manifest = build.publish()
        write_stats(folder, manifest, files, scanned_ns)
        delete_unused(folder, keep={manifest.generation})
        return Update(_report(folder, manifest, counts, started), build.from_uploads())


def _current_generation(index: Path) -> str | None:
    """The generation in use, also of an index that this version cannot read."""
    try:
        found = json.loads((index / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    generation = found.get("generation") if isinstance(found, dict) else None
    return generation if isinstance(generation, str) else None


def _old_manifest(index: Path, root: Path, *, replace: bool, settings: Settings) -> Manifest | None:
    """The manifest to build upon; None: build from nothing."""
    try:
        manifest = read_manifest(index)
    except (IndexNotFoundError, IndexMismatchError):
        return None
    if corpus_root(index, manifest) != root.resolve():
        if not replace:
            raise IndexMismatchError(
                f"the index in {index} was built from {corpus_root(index, manifest)}, not from "
                f"{root.resolve()}; give another --index, or add --replace to give up the old one."
            )
        return None
    try:
        check_fits(manifest, settings, index)
    except IndexMismatchError:
        return None
    if replace and find_model(settings.embed_model).sha256 != manifest.embedding.sha256:
        return None
    sound = generation_folder(index, manifest.generation) / "store.sqlite"
    return manifest if sound.is_file() else None


def no_article(root: Path, skipped: list[Skipped]) -> str:
    """Why there is nothing to build, as a line."""
    reasons = ", ".join(f"{n} {r}" for r, n in Counter(s.reason for s in skipped).most_common())
    found = f"{len(skipped)} skipped: {reasons}" if skipped else "it is empty"
    return (
        f"no article found in {root} ({found}); put .txt, .md, .jsonl, .html, .pdf or .docx files "
        "there."
    )


def _report(index: Path, manifest: Manifest, counts: Counter[str], started: float) -> IndexReport:
    with closing(Store(generation_folder(index, manifest.generation) / "store.sqlite")) as store:
        skipped = store.skipped()
    return IndexReport(
        articles=manifest.articles,
        passages=manifest.passages,
        added=counts["added"],
        changed=counts["changed"],
        removed=counts["removed"],
        skipped=skipped,
        seconds=time.perf_counter() - started,
    )
