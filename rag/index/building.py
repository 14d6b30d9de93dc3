"""One build at work: a new generation is written batch by batch, then published in one step.

Whatever was written when the process is killed or interrupted, the next build of the same goes on
from there (see ``rag.index.unfinished``). Any other failure throws the generation away.
"""

from __future__ import annotations

import itertools
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from rag.corpus.chunk import WordPieces
from rag.corpus.files import FileStat, Position, read_articles
from rag.datatypes import Article, IndexWriteError, ModelUnavailableError, Skipped
from rag.index import stages
from rag.index.generation import copy_generation, generation_folder, new_generation
from rag.index.lexical import Postings
from rag.index.manifest import (
    FORMAT,
    EmbeddingInfo,
    Manifest,
    ReaderInfo,
    chunker_info,
    encoder_folder,
    library_versions,
    reader_folder,
    write_manifest,
)
from rag.index.progress import Following, Progress
from rag.index.rows import write_rows
from rag.index.sources import UPLOADS, corpus_digest, max_article_bytes
from rag.index.stages import Embedded, embedded_beside, in_batches
from rag.index.store import Store, StoreWriter, article_digest
from rag.index.unfinished import Plan, VectorLog, finished, read_plan, write_plan
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
from rag.settings import PACKAGED_MODEL, Settings


@dataclass(frozen=True, slots=True)
class FromFile:
    """What became of an uploaded file: how many articles the index has from it, and what in it
    was left out."""

    articles: int
    skipped: tuple[Skipped, ...]


def forms_in_place(index: Path, manifest: Manifest, settings: Settings) -> bool:
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


def find_unfinished(
    index: Path, old: Manifest | None, corpus_root: str, settings: Settings
) -> str | None:
    """A generation that a killed build left and that a build now would make in the same way."""
    root = index / "generations"
    for folder in root.iterdir() if root.is_dir() else ():
        plan = read_plan(folder)
        if (
            plan is not None
            and plan.format == FORMAT
            and plan.base == (old.generation if old else None)
            and plan.corpus_root == corpus_root
            and plan.chunker == chunker_info(settings)
            and plan.libraries == library_versions()
            and plan.embedding.model == settings.embed_model
            and plan.embedding.sha256 == find_model(settings.embed_model).sha256
        ):
            return folder.name
    return None


class Build:
    """One build. Opens a generation at the first change: the one left ``unfinished``, or a new one
    made as a copy of the old."""

    def __init__(
        self,
        index: Path,
        old: Manifest | None,
        settings: Settings,
        *,
        corpus_root: str,
        unfinished: str | None,
    ) -> None:
        self._index = index
        self._old = old
        self._settings = settings
        self._corpus_root = corpus_root
        self._generation = unfinished
        self._folder: Path | None = None
        self._store: StoreWriter | None = None
        self._collection: Collection | None = None
        self._log: VectorLog | None = None
        self._following: Following | None = None
        self._light_known = old.embedding.light_sha256 if old else None
        self._model: ModelFiles | None = None
        self._encoder: Encoder | None = None
        self._light_sha256: str | None = None
        self._digests: dict[str, str] = {}
        self._replaced: set[str] = set()
        self._uploaded: dict[str, str] = {}  # doc_id -> file in uploads/
        self._skipped_uploads: defaultdict[str, list[Skipped]] = defaultdict(list)
        self.skipped: list[Skipped] = []

    @property
    def articles(self) -> int:
        """How many articles the corpus has."""
        return len(self._digests)

    def __enter__(self) -> Build:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            if self._store is not None:
                self._store.__exit__(kind, error, tb)
            for held in (self._log, self._collection, self._following):
                if held is not None:
                    held.close()
        finally:
            # Interrupted is no failure: the next build goes on.
            if isinstance(error, Exception) and self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def read(
        self, files: list[FileStat | Skipped], *, progress: bool | Progress = False
    ) -> Counter[str]:
        """Read the corpus and write what differs; returns counts of added, changed and removed
        articles, compared with the old generation."""
        before = _digests(self._old_folder())
        written = dict(before)
        if self._generation is not None:
            self._open()
            written = _digests(self._folder)
        counts: Counter[str] = Counter()
        position = Position()
        following = self._following = Following(progress, files, position)
        articles = self._differing(files, position, following, before, written, counts)
        batches = following.wait(in_batches(articles, stages.BATCH_CHARACTERS))
        first = next(batches, None)
        if first is not None:  # only then is a model needed
            encoder = self._load_encoder()
            for batch in embedded_beside(
                itertools.chain([first], batches),
                WordPieces(self._find_model().tokenizer),
                encoder,
                max_tokens=self._settings.passage_tokens,
            ):
                self._write(batch)
                following.written(sum(len(one.article.text) for one in batch))
        counts["removed"] = len(before.keys() - self._digests.keys())
        if self._digests and written:
            self._remove(list(written))
        return counts

    def _differing(
        self,
        files: list[FileStat | Skipped],
        position: Position,
        following: Following,
        before: dict[str, str],
        written: dict[str, str],
        counts: Counter[str],
    ) -> Iterator[Article]:
        """What is to be written; ``written`` keeps what the corpus no longer has."""
        reading = read_articles(
            files, max_bytes=max_article_bytes(self._settings), position=position
        )
        for item in following.read(reading):
            upload = _upload_name(position.file, self._index / UPLOADS)
            if isinstance(item, Skipped):
                self.skipped.append(item)
                if upload is not None:
                    self._skipped_uploads[upload].append(item)
                continue
            if upload is not None:
                self._uploaded[item.doc_id] = upload
            digest = self._digests[item.doc_id] = article_digest(item)
            known = before.get(item.doc_id)
            if known != digest:
                counts["added" if known is None else "changed"] += 1
            there = written.pop(item.doc_id, None)
            if there != digest:
                if there is not None:
                    self._replaced.add(item.doc_id)
                following.will_write()
                yield item

    def from_uploads(self) -> dict[str, FromFile]:
        """What became of each uploaded file that was read, by name in ``uploads/``."""
        articles = Counter(self._uploaded.values())
        return {
            name: FromFile(articles[name], tuple(self._skipped_uploads.get(name, ())))
            for name in {*articles, *self._skipped_uploads}
        }

    def publish(self) -> Manifest:
        """Derive postings and arrays, then make the new generation the current one. Without any
        change the old one stays, but for the list of skipped files, that of uploaded articles and
        the prepared networks."""
        if self._folder is None and self._old is not None and not self._needs_forms():
            old = generation_folder(self._index, self._old.generation)
            with closing(Store(old / "store.sqlite")) as store:
                listed_before = store.skipped(), store.uploaded()
            if listed_before == (tuple(self.skipped), self._uploaded):
                return self._old
        if self._following is not None:
            self._following.finishing()
        store_writer, collection, _ = self._open()
        assert self._folder is not None
        assert self._generation is not None
        store_writer.set_skipped(self.skipped)
        store_writer.set_uploaded(self._uploaded)
        store_writer.tell_stories()
        store_writer.close()
        self._store = None
        with closing(Store(self._folder / "store.sqlite")) as store:
            postings = Postings.build(row[4] for row in store.passage_rows())
            postings.save(self._folder / "bm25")
            held = collection.count()
            if held != postings.size:
                raise IndexWriteError(
                    f"Chroma holds {held} passages, the store {postings.size}; "
                    "run python -m rag index again."
                )
            halved = held > self._settings.exact_search_limit
            write_rows(self._folder, store, collection, halved=halved)
        manifest = Manifest(
            format=FORMAT,
            generation=self._generation,
            corpus_root=self._corpus_root,
            corpus_digest=corpus_digest(self._digests),
            chunker=chunker_info(self._settings),
            embedding=self._embedding_info(),
            reader=self._reader_info(),
            libraries=library_versions(),
            articles=self.articles,
            passages=postings.size,
        )
        collection.close()
        self._collection = None
        finished(self._folder)
        write_manifest(self._index, manifest)
        self._folder = None
        return manifest

    def _old_folder(self) -> Path | None:
        return generation_folder(self._index, self._old.generation) if self._old else None

    def _open(self) -> tuple[StoreWriter, Collection, VectorLog]:
        """What the generation is written into."""
        if self._store is None or self._collection is None or self._log is None:
            old = self._old_folder()
            if self._generation is None:
                embedding = self._embedding_info()
                self._generation, self._folder = new_generation(self._index)
                if old is not None:
                    copy_generation(old, self._folder)
                self._store = StoreWriter(self._folder / "store.sqlite")
                write_plan(
                    self._folder,
                    Plan(
                        format=FORMAT,
                        base=self._old.generation if self._old else None,
                        corpus_root=self._corpus_root,
                        chunker=chunker_info(self._settings),
                        embedding=embedding,
                        libraries=library_versions(),
                    ),
                )
                self._collection = Collection(self._folder / "chroma", create=True)
                self._log = VectorLog(self._folder, embedding.dimension)
            else:
                self._folder = generation_folder(self._index, self._generation)
                plan = read_plan(self._folder)
                assert plan is not None
                self._light_known = plan.embedding.light_sha256
                self._store = StoreWriter(self._folder / "store.sqlite")
                self._log = VectorLog(self._folder, plan.embedding.dimension)
                shutil.rmtree(self._folder / "chroma", ignore_errors=True)
                if old is not None:
                    shutil.copytree(old / "chroma", self._folder / "chroma")
                self._collection = Collection(self._folder / "chroma", create=True)
                with closing(Store(self._folder / "store.sqlite")) as store:
                    _fill(self._collection, store, self._log)
        return self._store, self._collection, self._log

    def _write(self, batch: list[Embedded]) -> None:
        store, collection, log = self._open()
        gone, ids = [], []
        for one in batch:
            if one.article.doc_id in self._replaced:
                gone += store.remove(one.article.doc_id)
            ids += store.add(one.article, one.passages)
        vectors = np.concatenate([one.vectors for one in batch])
        log.add(ids, vectors)
        store.commit()
        collection.delete(gone)
        collection.add([passage for one in batch for passage in one.passages], vectors)

    def _remove(self, doc_ids: list[str]) -> None:
        store, collection, _ = self._open()
        gone = [name for doc_id in doc_ids for name in store.remove(doc_id)]
        store.commit()
        collection.delete(gone)

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
            self._light_sha256 = prepare_light(model, folder, known=self._light_known)
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
        return self._old is None or not forms_in_place(self._index, self._old, self._settings)

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


def _upload_name(file: FileStat | Skipped | None, uploads: Path) -> str | None:
    """A file's path in ``uploads/``; None if it is not there."""
    if not isinstance(file, FileStat) or not file.doc_id.startswith(f"{UPLOADS}/"):
        return None
    # The corpus may have a folder of this name, too.
    if not file.path.is_relative_to(uploads):
        return None
    return file.path.relative_to(uploads).as_posix()


def _digests(generation: Path | None) -> dict[str, str]:
    """The digests of a generation's articles, by doc_id."""
    if generation is None:
        return {}
    with closing(Store(generation / "store.sqlite")) as store:
        return store.digests()


def _fill(collection: Collection, store: Store, log: VectorLog) -> None:
    """Make a collection, as the old generation has it or empty, one of the store's passages."""
    names = {row[0]: row[1] for row in store.passage_rows()}
    collection.delete(sorted(collection.ids().difference(names.values())))
    for numbers, vectors in log.pages():
        last = {int(number): at for at, number in enumerate(numbers) if number in names}
        if last:
            collection.add(store.passages(list(last)), vectors[list(last.values())])
