"""Ingest a corpus into Milvus and an article store by URL, batch by batch.

A batch is written in this order: what it touches is noted in the store, its vectors go to the
collection, its articles to the store in one transaction, and last the collection loses what the
articles no longer have. So the store never names a passage that the collection lacks, and a killed
ingest leaves a note of what was not finished: the next one settles it and goes on, for articles
that are in the store unchanged are passed over. ``write`` may be called by many workers, and more
than once with the same articles.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from rag.corpus.chunk import WordPieces
from rag.corpus.files import read_articles, scan
from rag.datatypes import (
    Article,
    CorpusError,
    IndexMismatchError,
    IndexReport,
    Skipped,
)
from rag.index import stages
from rag.index.build import no_article
from rag.index.database import one_ingest
from rag.index.manifest import chunker_info
from rag.index.milvus import Collection
from rag.index.prepared import open_encoder
from rag.index.progress import Progress, told
from rag.index.remote import (
    FORMAT,
    PENDING,
    Made,
    check_made,
    check_together,
    read_made,
    store_place,
)
from rag.index.sources import max_article_bytes
from rag.index.stages import Embedded, embedded_beside, in_batches
from rag.index.store import Store, StoreWriter, article_digest
from rag.models.embed import find_model
from rag.settings import Settings


def write(
    collection: Collection,
    store: StoreWriter,
    batch: Sequence[Embedded],
    removed: Sequence[str] = (),
) -> None:
    """Write articles, new or changed, and take out those with the doc_ids ``removed``; commits."""
    batch = sorted(batch, key=lambda one: one.article.doc_id)  # see StoreWriter
    passages = [passage for one in batch for passage in one.passages]
    names = {passage.passage_id for passage in passages}
    doc_ids = [*(one.article.doc_id for one in batch), *sorted(removed)]
    before = set(store.passage_ids(doc_ids))
    note = f"{PENDING}{uuid.uuid4()}"
    store.set_fact(note, {"articles": doc_ids, "passages": sorted(before | names)})
    store.commit()
    if passages:
        collection.upsert(passages, np.concatenate([one.vectors for one in batch if one.passages]))
    for one in batch:
        store.put(one.article, one.passages)
    for doc_id in sorted(removed):
        store.remove(doc_id)
    store.commit()
    collection.delete(sorted(before - names))
    store.forget_fact(note)
    store.commit()


class Changes:
    """What of a corpus is to be written, and what is found on the way.

    Attributes:
        before: The store's ``digests``; once all is read, of what the corpus no longer has.
        again: doc_ids of articles to be written though they are there.
        counts: Articles ``added`` and ``changed``.
        articles: How many the corpus has.
        characters: Of article text in a batch.
    """

    def __init__(
        self,
        before: dict[str, str],
        again: set[str],
        refusal: Callable[[Article], Skipped | None],
    ) -> None:
        self.before, self.again, self.refusal = before, again, refusal
        self.counts: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self.articles = 0
        self.characters = stages.BATCH_CHARACTERS

    def batches(self, items: Iterable[Article | Skipped]) -> Iterator[list[Article]]:
        """The articles to be written, so many at once."""
        return in_batches(self._differing(items), self.characters)

    def _differing(self, items: Iterable[Article | Skipped]) -> Iterator[Article]:
        for item in items:
            if isinstance(item, Article) and (refused := self.refusal(item)):
                item = refused
            if isinstance(item, Skipped):
                self.skipped.append(item)
                continue
            self.articles += 1
            known = self.before.pop(item.doc_id, None)
            if known != article_digest(item):
                self.counts["added" if known is None else "changed"] += 1
                yield item
            elif item.doc_id in self.again:
                yield item


def settle(collection: Collection, reader: Store) -> dict[str, list[str]]:
    """Take out of the collection what killed writers left there. Call while nobody writes.

    Returns:
        Their notes' names, to be forgotten once the articles noted, by doc_id, are written again.
    """
    again = {}
    for name, note in reader.facts(PENDING).items():
        named = {passage.passage_id for passage in reader.named_passages(note["passages"])}
        collection.delete(sorted(set(note["passages"]) - named))
        again[name] = list(note["articles"])
    return again


def ingest(
    corpus: Path,
    url: str,
    *,
    replace: bool = False,
    progress: bool | Progress = False,
    settings: Settings,
) -> IndexReport:
    """Bring the corpus at ``url`` up to date; arguments and errors as for ``build_index``."""
    started = time.perf_counter()
    files = scan(corpus)
    place = store_place(settings)
    model = find_model(settings.embed_model)
    # First, since it needs the local folder's one writer's place, which a store may lie in.
    encoder = open_encoder(model, settings.local, questions=False)
    wanted = Made(
        format=FORMAT,
        id=uuid.uuid4().hex,
        chunker=chunker_info(settings),
        model=model.name,
        sha256=model.sha256,
        dimension=encoder.dimension,
    )
    with ExitStack() as held:
        if settings.workers:
            from rag.index import ray_ingest

            held.enter_context(ray_ingest.joined(settings))
        held.enter_context(one_ingest(*place))
        collection = held.enter_context(closing(Collection(url, settings, writing=True)))
        store = held.enter_context(StoreWriter(*place))
        reader = held.enter_context(closing(Store(*place)))
        if replace:
            _give_up(collection, store, reader)
        elif (found := reader.fact("made")) is not None:
            check_made(read_made(found, url), model, settings, url)
        _begin(collection, store, reader, wanted, corpus)
        again = {name for noted in settle(collection, reader).values() for name in noted}
        changes = Changes(reader.digests(), again, store.refusal)
        if settings.workers:
            changes = ray_ingest.spread(changes, files, url, settings, progress)
        else:
            tokenizer, most = WordPieces(model.tokenizer), settings.passage_tokens
            items = told(
                read_articles(files, max_bytes=max_article_bytes(settings)), files, progress
            )
            batches = changes.batches(items)
            for batch in embedded_beside(batches, tokenizer, encoder, max_tokens=most):
                write(collection, store, batch)
        if changes.articles == 0:
            raise CorpusError(no_article(corpus, changes.skipped))
        _finish(collection, store, reader, changes)
        return IndexReport(
            articles=changes.articles,
            passages=reader.passage_count(),
            added=changes.counts["added"],
            changed=changes.counts["changed"],
            removed=len(changes.before),
            skipped=tuple(changes.skipped),
            seconds=time.perf_counter() - started,
        )


def _give_up(collection: Collection, store: StoreWriter, reader: Store) -> None:
    """Delete the corpus that is there."""
    if collection.made() == "":
        raise IndexMismatchError(
            f"{_foreign(collection)}; it is not replaced: choose another RAG_COLLECTION."
        )
    store.set_fact("complete", False)
    store.set_fact("version", _next_version(reader))
    store.commit()
    if collection.made() is not None:
        collection.drop()
    store.clear()
    store.forget_fact("made")
    store.commit()


def _begin(
    collection: Collection, store: StoreWriter, reader: Store, wanted: Made, corpus: Path
) -> None:
    """Make sure that store and collection are there, empty together or of one corpus."""
    found, root = reader.fact("made"), str(corpus.resolve())
    if found is None:
        if collection.made() is not None:
            raise IndexMismatchError(
                f"{_foreign(collection)}, or to another article store; correct RAG_STORE or "
                "RAG_COLLECTION."
            )
        store.set_fact("made", wanted.model_dump())
        store.set_fact("corpus_root", root)
        store.set_fact("complete", False)
        store.set_fact("version", _next_version(reader))
        store.commit()
    elif (known := reader.fact("corpus_root")) != root:
        raise IndexMismatchError(
            f"the corpus of {collection.url} was ingested from {known}, not from {root}; give that "
            "--corpus, another RAG_COLLECTION, or add --replace to give up the old one."
        )
    made = Made.model_validate(reader.fact("made"))
    if collection.made() is None and reader.article_counts()[0] == 0:
        collection.create(made.model_dump_json(), made.dimension)
    check_together(made, collection)
    collection.load()


def _foreign(collection: Collection) -> str:
    return f"the collection {collection.name} at {collection.url} belongs to another program"


def _next_version(reader: Store) -> int:
    return int(reader.fact("version") or 0) + 1


def _finish(collection: Collection, store: StoreWriter, reader: Store, changes: Changes) -> None:
    """Take out what the corpus no longer has, and derive what comes of all articles together."""
    if changes.before:
        write(collection, store, (), list(changes.before))
    # Again: of many workers one may have been killed, and another have done its work.
    for name in settle(collection, reader):
        store.forget_fact(name)
    store.set_skipped(changes.skipped)
    if changes.counts or changes.before or changes.again or not reader.fact("complete"):
        collection.flush()
        store.tell_stories()
        store.count_terms()
        store.set_fact("complete", True)
        store.set_fact("version", _next_version(reader))
    store.commit()
