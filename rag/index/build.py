"""Build or update an index: read the corpus, embed what is new, publish in one step.

Incremental: an unchanged corpus is recognised from file sizes and times, without reading it or
loading a model; otherwise only added and changed articles are cut and embedded. The work is done
in a new generation beside the old one; until the manifest is replaced nothing has changed, so a
killed, failed or interrupted build leaves the old index as it was.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import portalocker

from rag.corpus.chunk import WordPieces, cut_passages, embedding_text
from rag.corpus.files import JSONL_SUFFIXES, FileStat, read_articles, scan
from rag.datatypes import (
    Article,
    CorpusError,
    IndexMismatchError,
    IndexNotFoundError,
    IndexReport,
    IndexWriteError,
    ModelUnavailableError,
    Passage,
    Skipped,
)
from rag.index.generation import (
    copy_generation,
    delete_unused,
    generation_folder,
    new_generation,
    writer_lock,
)
from rag.index.lexical import Postings
from rag.index.manifest import (
    FORMAT,
    EmbeddingInfo,
    Manifest,
    ReaderInfo,
    check_fits,
    chunker_info,
    encoder_folder,
    library_versions,
    read_manifest,
    reader_folder,
    write_manifest,
)
from rag.index.rows import write_rows
from rag.index.sources import (
    UPLOADS,
    corpus_digest,
    corpus_root,
    files_unchanged,
    max_article_bytes,
    relative_root,
    scan_all,
    write_stats,
)
from rag.index.store import Store, StoreWriter, article_digest
from rag.index.vectors import Collection
from rag.models.embed import (
    DocumentEncoder,
    Encoder,
    LightEncoder,
    ModelFiles,
    find_model,
    model_folder,
    prepare_light,
)
from rag.models.light import has_form
from rag.models.span_network import network_sha256, prepare_reader
from rag.settings import PACKAGED_MODEL, Settings, index_place, load_settings

_BATCH_PASSAGES = 512
_RETRY_SECONDS = 0.1

_Item = TypeVar("_Item")
Progress = Callable[[int, int | None], None]
"""Told how many articles have been dealt with, and how many there are if that is known."""


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
        progress: True: draw progress bars on stderr. A function is called after each article with
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
class FromFile:
    """What became of an uploaded file: how many articles the index has from it, and what in it
    was left out."""

    articles: int
    skipped: tuple[Skipped, ...]


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
    with _write_errors(folder):
        old = _old_manifest(folder, root, replace=replace, settings=settings)
        delete_unused(folder, keep=_current_generation(folder))
        forms = old is not None and _forms_in_place(folder, old, settings)
        if old is not None and forms and files_unchanged(folder, old, files):
            return Update(_report(folder, old, Counter(), started), {})
        with _Build(folder, old, settings, progress=progress) as build:
            counts = build.read(files, max_bytes=max_article_bytes(settings))
            if build.articles == 0:
                raise CorpusError(no_article(root, build.skipped))
            manifest = build.publish(relative_root(root, folder))
        write_stats(folder, manifest, files, scanned_ns)
        delete_unused(folder, keep=manifest.generation)
        return Update(_report(folder, manifest, counts, started), build.from_uploads())


def _upload_name(file: FileStat | Skipped | None, uploads: Path) -> str | None:
    """A file's path in ``uploads/``; None if it is not there."""
    if not isinstance(file, FileStat) or not file.doc_id.startswith(f"{UPLOADS}/"):
        return None
    # The corpus may have a folder of this name, too.
    if not file.path.is_relative_to(uploads):
        return None
    return file.path.relative_to(uploads).as_posix()


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


def _forms_in_place(index: Path, manifest: Manifest, settings: Settings) -> bool:
    """True if the prepared networks that the manifest names are there, and are those of this
    version."""
    embedding, reader = manifest.embedding, manifest.reader
    if embedding.light_sha256 and not has_form(encoder_folder(index, embedding.sha256)):
        return False
    if settings.reader != "spans":
        return True
    return (
        reader is not None
        and reader.sha256 == network_sha256()
        and has_form(reader_folder(index, reader.sha256))
    )


def no_article(root: Path, skipped: list[Skipped]) -> str:
    """Why there is nothing to build, as a line."""
    reasons = ", ".join(f"{n} {r}" for r, n in Counter(s.reason for s in skipped).most_common())
    found = f"{len(skipped)} skipped: {reasons}" if skipped else "it is empty"
    return (
        f"no article found in {root} ({found}); put .txt, .md, .jsonl, .html, .pdf or .docx files "
        "there."
    )


def _report(index: Path, manifest: Manifest, counts: Counter[str], started: float) -> IndexReport:
    store = Store(generation_folder(index, manifest.generation) / "store.sqlite")
    try:
        skipped = store.skipped()
    finally:
        store.close()
    return IndexReport(
        articles=manifest.articles,
        passages=manifest.passages,
        added=counts["added"],
        changed=counts["changed"],
        removed=counts["removed"],
        skipped=skipped,
        seconds=time.perf_counter() - started,
    )


@contextmanager
def _write_errors(index: Path) -> Iterator[None]:
    """Turn what a full disk or a read-only folder raises, in any library, into one line."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise _as_write_error(error, index) from error
    except Exception as error:
        # Chroma reports its SQLite's trouble as an InternalError with the cause as text.
        if type(error).__module__.startswith("chromadb"):
            raise _as_write_error(error, index) from error
        raise


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_SPACE_TEXT = ("disk is full", "disk i/o error", *(os.strerror(n).lower() for n in _NO_SPACE))
"""As SQLite, Chroma and ``shutil.copytree`` say it, whose errors carry no number."""


def _as_write_error(error: BaseException, index: Path) -> IndexWriteError:
    text = str(error).lower()
    if getattr(error, "errno", None) in _NO_SPACE or any(words in text for words in _NO_SPACE_TEXT):
        return IndexWriteError(
            f"no space left while writing the index in {index} ({error}); free some space and run "
            "python -m rag index again. The index as it was before still works."
        )
    return IndexWriteError(
        f"cannot write the index in {index} ({error}); make the folder writable and run "
        "python -m rag index again. The index as it was before still works."
    )


class _Reading(list[FileStat | Skipped]):
    """Files that remember which of them is being read."""

    current: FileStat | Skipped | None = None

    def __iter__(self) -> Iterator[FileStat | Skipped]:
        for self.current in super().__iter__():
            yield self.current


class _Build:
    """One build: opens a new generation at the first change, and throws it away on failure."""

    def __init__(
        self,
        index: Path,
        old: Manifest | None,
        settings: Settings,
        *,
        progress: bool | Progress,
    ) -> None:
        self._index = index
        self._old = old
        self._settings = settings
        self._progress = progress
        self._folder: Path | None = None
        self._generation = ""
        self._store: StoreWriter | None = None
        self._collection: Collection | None = None
        self._model: ModelFiles | None = None
        self._encoder: Encoder | None = None
        self._light_sha256: str | None = None
        self._tokenizer: WordPieces | None = None
        self._waiting: list[Passage] = []
        self._digests: dict[str, str] = {}
        self._uploaded: dict[str, str] = {}  # doc_id -> file in uploads/
        self._skipped_uploads: defaultdict[str, list[Skipped]] = defaultdict(list)
        self.skipped: list[Skipped] = []
        self.articles = 0

    def __enter__(self) -> _Build:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._collection is not None:
            self._collection.close()
            self._collection = None
        published = _current_generation(self._index) == self._generation
        if error is not None and self._folder is not None and not published:
            shutil.rmtree(self._folder, ignore_errors=True)

    def read(self, files: list[FileStat | Skipped], *, max_bytes: int) -> Counter[str]:
        """Read the corpus, write what differs from the old generation; returns counts of added,
        changed and removed articles."""
        counts: Counter[str] = Counter()
        before = self._old_digests()
        reading = _Reading(files)
        for item in told(read_articles(reading, max_bytes=max_bytes), files, self._progress):
            upload = _upload_name(reading.current, self._index / UPLOADS)
            if isinstance(item, Skipped):
                self.skipped.append(item)
                if upload is not None:
                    self._skipped_uploads[upload].append(item)
                continue
            self.articles += 1
            if upload is not None:
                self._uploaded[item.doc_id] = upload
            digest = article_digest(item)
            self._digests[item.doc_id] = digest
            known = before.pop(item.doc_id, None)
            if known == digest:
                continue
            counts["added" if known is None else "changed"] += 1
            self._put(item, replaces=known is not None)
        if self.articles:
            for doc_id in before:
                counts["removed"] += 1
                self._remove(doc_id)
            self._embed_waiting()
        return counts

    def from_uploads(self) -> dict[str, FromFile]:
        """What became of each uploaded file that was read, by name in ``uploads/``."""
        articles = Counter(self._uploaded.values())
        return {
            name: FromFile(articles[name], tuple(self._skipped_uploads.get(name, ())))
            for name in {*articles, *self._skipped_uploads}
        }

    def publish(self, corpus_root: str) -> Manifest:
        """Derive postings and arrays, then make the new generation the current one. Without any
        change the old one stays, but for the list of skipped files, that of uploaded articles and
        the prepared networks."""
        if self._folder is None and self._old is not None and not self._needs_forms():
            with self._old_store() as store:
                assert store is not None
                listed_before = store.skipped(), store.uploaded()
            if listed_before == (tuple(self.skipped), self._uploaded):
                return self._old
        store_writer, collection = self._open()
        assert self._folder is not None
        store_writer.set_skipped(self.skipped)
        store_writer.set_uploaded(self._uploaded)
        store_writer.tell_stories()
        store_writer.close()
        store = Store(self._folder / "store.sqlite")
        try:
            postings = Postings.build(row[4] for row in store.passage_rows())
            postings.save(self._folder / "bm25")
            exact = postings.size <= self._settings.exact_search_limit
            write_rows(self._folder, store, collection if exact else None)
            held = collection.count()
        finally:
            store.close()
        if held != postings.size:
            raise IndexWriteError(
                f"Chroma holds {held} passages, the store {postings.size}; "
                "run python -m rag index again."
            )
        manifest = Manifest(
            format=FORMAT,
            generation=self._generation,
            corpus_root=corpus_root,
            corpus_digest=corpus_digest(self._digests),
            chunker=chunker_info(self._settings),
            embedding=self._embedding_info(),
            reader=self._reader_info(),
            libraries=library_versions(),
            articles=self.articles,
            passages=postings.size,
            exact_search=exact,
        )
        collection.close()
        self._collection = None
        write_manifest(self._index, manifest)
        return manifest

    def _old_folder(self) -> Path | None:
        return generation_folder(self._index, self._old.generation) if self._old else None

    def _old_digests(self) -> dict[str, str]:
        with self._old_store() as store:
            return store.digests() if store else {}

    @contextmanager
    def _old_store(self) -> Iterator[Store | None]:
        folder = self._old_folder()
        store = Store(folder / "store.sqlite") if folder else None
        try:
            yield store
        finally:
            if store:
                store.close()

    def _open(self) -> tuple[StoreWriter, Collection]:
        """The new generation's store and collection; made, as a copy of the old, when first
        asked for."""
        if self._store is None or self._collection is None:
            self._generation, self._folder = new_generation(self._index)
            old = self._old_folder()
            if old is not None:
                copy_generation(old, self._folder)
            self._store = StoreWriter(self._folder / "store.sqlite")
            self._collection = Collection(self._folder / "chroma", create=True)
        return self._store, self._collection

    def _put(self, article: Article, *, replaces: bool) -> None:
        model = self._find_model()
        if self._tokenizer is None:
            self._tokenizer = WordPieces(model.tokenizer)
        if replaces:
            self._remove(article.doc_id)
        store, _ = self._open()
        passages = cut_passages(article, self._tokenizer, max_tokens=self._settings.passage_tokens)
        store.add(article, passages)
        self._waiting.extend(passages)
        if len(self._waiting) >= _BATCH_PASSAGES:
            self._embed_waiting()

    def _remove(self, doc_id: str) -> None:
        store, collection = self._open()
        collection.delete(store.remove(doc_id))

    def _embed_waiting(self) -> None:
        if not self._waiting:
            return
        assert self._tokenizer is not None
        _, collection = self._open()
        texts = [embedding_text(passage, self._tokenizer) for passage in self._waiting]
        collection.add(self._waiting, self._load_encoder().encode(texts))
        self._waiting.clear()

    def _find_model(self) -> ModelFiles:
        if self._model is None:
            self._model = find_model(self._settings.embed_model)
            if self._old is not None and self._old.embedding.sha256 != self._model.sha256:
                raise ModelUnavailableError(
                    f"the weights of {self._model.name} changed since the index was built; "
                    "run python -m rag index --replace to build it anew."
                )
        return self._model

    def _load_encoder(self) -> Encoder:
        if self._encoder is None:
            model = self._find_model()
            folder = encoder_folder(self._index, model.sha256)
            known = self._old.embedding.light_sha256 if self._old else None
            self._light_sha256 = prepare_light(model, folder, known=known)
            if self._light_sha256 is None:
                self._encoder = DocumentEncoder(model)
            else:
                self._encoder = LightEncoder(folder, model.tokenizer, sha256=self._light_sha256)
            longest = self._settings.passage_tokens + chunker_info(self._settings).title_tokens + 4
            if 0 < self._encoder.max_tokens < longest:
                raise ModelUnavailableError(
                    f"{self._settings.embed_model} reads {self._encoder.max_tokens} tokens, a "
                    f"passage with its title has up to {longest}; lower RAG_PASSAGE_TOKENS."
                )
        return self._encoder

    def _needs_forms(self) -> bool:
        return self._old is None or not _forms_in_place(self._index, self._old, self._settings)

    def _embedding_info(self) -> EmbeddingInfo:
        if self._old is not None and self._encoder is None and not self._needs_forms():
            return self._old.embedding
        model, encoder = self._find_model(), self._load_encoder()
        return EmbeddingInfo(
            model=model.name,
            sha256=model.sha256,
            dimension=encoder.dimension,
            light_sha256=self._light_sha256,
        )

    def _reader_info(self) -> ReaderInfo | None:
        if self._settings.reader != "spans":
            return self._old.reader if self._old else None
        sha256 = network_sha256()
        light = prepare_reader(model_folder(PACKAGED_MODEL), reader_folder(self._index, sha256))
        return ReaderInfo(sha256=sha256, light_sha256=light)


def told(
    items: Iterator[_Item],
    files: list[FileStat | Skipped],
    progress: bool | Progress,
) -> Iterator[_Item]:
    """The items, with word of each to whoever wants to know how far the build is."""
    # The number of articles is known beforehand only where a file is one article.
    one_each = not any(
        isinstance(f, FileStat) and f.path.suffix.lower() in JSONL_SUFFIXES for f in files
    )
    total = len(files) if one_each else None
    if progress is False:
        yield from items
    elif progress is True:
        from tqdm import tqdm

        yield from tqdm(items, desc="indexing", unit=" articles", total=total, leave=False)
    else:
        for done, item in enumerate(items, start=1):
            yield item
            progress(done, total)
