"""Ingesting on many machines, by Ray Data: the corpus is read where the ingest was started; cut,
embedded and written wherever there is room.

Ray hands out batches of articles as fast as they are taken, and hands one out again if the process
or the machine that had it dies: a batch written twice is written once (see ``remote_build``). Each
machine needs this package, and to reach Milvus and PostgreSQL under the addresses given.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pickle import loads
from typing import Any

from rag.corpus.chunk import WordPieces
from rag.corpus.files import FileStat, read_articles
from rag.datatypes import IndexWriteError, RagError, Skipped
from rag.index.build import Progress, told
from rag.index.milvus import Collection
from rag.index.prepared import open_encoder
from rag.index.remote import store_place
from rag.index.remote_build import Changes, embedded, write
from rag.index.sources import max_article_bytes
from rag.index.store import StoreWriter, refusal
from rag.models.embed import Encoder, find_model
from rag.settings import Settings

_CONNECT_SECONDS = 10
Row = dict[str, Any]
"""What goes from stage to stage, a batch: ``records``, pickled (b"" once they are written), and how
many ``articles``. The last row holds the Changes, and no article."""


def spread(
    changes: Changes,
    files: list[FileStat | Skipped],
    url: str,
    settings: Settings,
    progress: bool | Progress,
) -> Changes:
    """Write what of the corpus is to be written, on the cluster of ``settings.workers``; returns
    the changes as they were found. ``progress`` is told of articles written. Call while ``joined``.
    """
    changes.refusal = refusal  # for PostgreSQL; the writer's own cannot be sent
    settings = settings.model_copy(update={"local": settings.local.resolve()})
    found: list[Changes] = []
    for _ in told(_written(_rows(changes, files, url, settings), found), files, progress):
        pass
    [changes] = found
    return changes


def _written(rows: Iterable[Row], found: list[Changes]) -> Iterator[None]:
    for row in rows:
        if not row["articles"]:
            found.append(loads(row["records"]))
        yield from [None] * row["articles"]


@contextmanager
def joined(settings: Settings) -> Iterator[None]:
    """Be part of the cluster ``settings.workers``, as before or until the block ends.

    Raises:
        IndexWriteError: Ray is not installed or cannot be reached, or the store is no PostgreSQL.
        RagError: What a worker failed with.
    """
    if not store_place(settings)[0].startswith("postgresql"):
        raise IndexWriteError(
            "many workers write to PostgreSQL alone; set RAG_STORE=postgresql://user:password@"
            "host/database, or leave out --workers."
        )
    address = settings.workers
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray.data import DataContext
        from ray.exceptions import RayError
    except ModuleNotFoundError as error:
        raise IndexWriteError(
            f"ingesting on many workers needs {error.name}, which is not installed; run "
            "pip install 'rag[ray]', or leave out --workers."
        ) from error
    was_joined = ray.is_initialized()
    if not was_joined:
        try:
            if address != "ray":  # Ray itself would try for minutes
                host, _, port = address.removeprefix("ray://").rpartition(":")
                socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
            ray.init(
                None if address == "ray" else address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (OSError, RuntimeError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise IndexWriteError(
                f"cannot join the Ray cluster {address} ({first}); start it with ray start, or "
                "correct --workers."
            ) from error
    context = DataContext.get_current()
    context.target_max_block_size = 1  # a batch of ours is what is handed out
    context.enable_progress_bars = context.print_on_execution_start = False
    context.raise_original_map_exception = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    except RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, RagError):
            # Ray adds lines of its own to it.
            raise type(cause)(str(cause).splitlines()[0]) from error
        raise IndexWriteError(
            f"the Ray cluster failed ({str(error).strip().splitlines()[-1]}); run python -m rag "
            "index again: it goes on where it was."
        ) from error
    finally:
        if not was_joined:
            ray.shutdown()


def _rows(
    changes: Changes, files: list[FileStat | Skipped], url: str, settings: Settings
) -> Iterator[Row]:
    import pyarrow
    import ray
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    kept = ray.put((changes, files))  # a million digests are not sent with each message

    class Corpus(Datasource):  # type: ignore[misc]
        def get_read_tasks(self, *_: object, **__: object) -> list[Any]:
            def read() -> Iterator[Any]:
                sent, listed = ray.get(kept)
                for row in _read(sent, listed, settings):
                    yield pyarrow.table({name: [value] for name, value in row.items()})

            return [ReadTask(read, BlockMetadata(None, None, None, None))]

        def estimate_inmemory_data_size(self) -> None:
            return None

    corpus = ray.data.read_datasource(
        Corpus(),
        override_num_blocks=1,
        num_cpus=0,
        label_selector={"ray.io/node-id": ray.get_runtime_context().get_node_id()},
    )
    # One batch at a time on each machine: the encoder uses all its processors.
    sizes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    whole = min(size for size in sizes if size)
    cut = corpus.map(functools.partial(_embed, settings=settings), num_cpus=whole)
    written = cut.map(functools.partial(_write, url=url, settings=settings), num_cpus=whole)
    rows: Iterator[Row] = iter(written.iter_rows())
    return rows


def _pickled(value: object) -> bytes:
    from ray import cloudpickle  # which knows read-only mappings

    pickled: bytes = cloudpickle.dumps(value)
    return pickled


def _read(changes: Changes, files: list[FileStat | Skipped], settings: Settings) -> Iterator[Row]:
    items = read_articles(files, max_bytes=max_article_bytes(settings))
    for batch in changes.batches(items):
        yield {"records": _pickled(batch), "articles": len(batch)}
    yield {"records": _pickled(changes), "articles": 0}


def _embed(row: Row, *, settings: Settings) -> Row:
    if not row["articles"]:
        return row
    tokenizer, encoder = _model(settings)
    batch = loads(row["records"])
    cut = embedded(batch, tokenizer, encoder, max_tokens=settings.passage_tokens)
    return row | {"records": _pickled(cut)}


@functools.cache
def _model(settings: Settings) -> tuple[WordPieces, Encoder]:
    """Kept by the worker's process for its next batches."""
    model = find_model(settings.embed_model)
    return WordPieces(model.tokenizer), open_encoder(model, settings.local, questions=False)


def _write(row: Row, *, url: str, settings: Settings) -> Row:
    if not row["articles"]:
        return row
    with (
        closing(Collection(url, settings, writing=True)) as collection,
        StoreWriter(*store_place(settings)) as store,
    ):
        write(collection, store, loads(row["records"]))
    return row | {"records": b""}
