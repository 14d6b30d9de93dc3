"""An index in Milvus and an article store by URL, open for reading.

Nothing of it is kept in the process that a second one would miss: what an ingest has finished is
told by a number in the store (``version``), which is looked at before each question. An ingest
writes passages to the collection before the store names them and takes them out after, so whatever
the store names is found; what is found and not named is passed over.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from rag.datatypes import IndexMismatchError, IndexNotFoundError, Passage
from rag.index.filter import Filter
from rag.index.index import Key
from rag.index.manifest import ChunkerInfo, chunker_info
from rag.index.milvus import Collection
from rag.index.networks import Networks
from rag.index.prepared import open_encoder, open_network
from rag.index.store import Store
from rag.models.embed import ModelFiles, find_model
from rag.settings import Settings

FORMAT = 1
"""Raise it when the collection or the facts change shape."""
PENDING = "pending:"
"""Facts whose names begin so note batches that were begun (see ``rag.index.remote_build``)."""


class Made(BaseModel):
    """What a corpus was ingested with, kept with the store and with the collection: they belong
    together if it is the same, down to ``id``, which is drawn when they are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    id: str
    chunker: ChunkerInfo
    model: str
    sha256: str
    dimension: int


def store_place(settings: Settings) -> tuple[str, str]:
    """(URL, schema) of the article store.

    Raises:
        IndexNotFoundError: The settings name none.
    """
    url = settings.store.get_secret_value()
    if not url:
        raise IndexNotFoundError(
            "an index in Milvus needs an article store; set RAG_STORE to "
            "postgresql://user:password@host/database or sqlite:///file."
        )
    return url, settings.collection


def read_made(found: Any, url: str) -> Made:
    """What the store's fact ``made`` says.

    Raises:
        IndexMismatchError: It is of another version.
    """
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise IndexMismatchError(
            f"the corpus of {url} has format {dict(found or {}).get('format')}, this version reads "
            f"{FORMAT}; run python -m rag index --replace."
        )
    return Made.model_validate(found)


def check_made(made: Made, model: ModelFiles, settings: Settings, url: str) -> None:
    """Compare with what this version and these settings would make.

    Raises:
        IndexMismatchError: Another model, other weights or another chunker.
    """
    again = "run python -m rag index --replace"
    if made.model != model.name:
        raise IndexMismatchError(
            f"the corpus of {url} was made with embedding model {made.model}, the settings say "
            f"{model.name}; set RAG_EMBED_MODEL back, or {again}."
        )
    if made.sha256 != model.sha256:
        raise IndexMismatchError(
            f"the corpus of {url} was made with other weights of {made.model} "
            f"({made.sha256[:12]}…) than are installed here ({model.sha256[:12]}…); install the "
            f"same on every machine, or {again}."
        )
    if made.chunker != chunker_info(settings):
        raise IndexMismatchError(
            f"the corpus of {url} was cut with {made.chunker}, this is {chunker_info(settings)}; "
            f"set RAG_PASSAGE_TOKENS back, or {again}."
        )


def check_together(made: Made, collection: Collection) -> None:
    """Whether the collection is the one that the store's passages went into.

    Raises:
        IndexMismatchError: It is not, or there is none.
    """
    found = collection.made()
    where = f"{collection.name} at {collection.url}"
    if found is None:
        raise IndexMismatchError(
            f"the article store holds a corpus, Milvus no collection {where}; correct RAG_INDEX, "
            "RAG_STORE or RAG_COLLECTION, or run python -m rag index --replace."
        )
    if found != made.model_dump_json():
        raise IndexMismatchError(
            f"the collection {where} and the article store do not belong together; correct "
            "RAG_INDEX, RAG_STORE or RAG_COLLECTION, or run python -m rag index --replace."
        )


class RemoteIndex:
    """Store and collection of a corpus, and the question encoder of this machine. Thread-safe.

    Raises:
        IndexNotFoundError: Milvus or the store cannot be reached or refuse the password, or there
            is no corpus.
        IndexMismatchError: Another model, chunker or version; not ingested whole; store and
            collection do not belong together.
        ModelUnavailableError: The embedding model is missing or altered.
    """

    def __init__(self, url: str, settings: Settings, *, networks: Networks | None = None) -> None:
        """``networks``: used if they are of the same model."""
        self._settings = settings
        self._model = find_model(settings.embed_model)
        made = Networks(
            (settings.local, self._model),
            functools.partial(open_encoder, self._model, settings.local, questions=True),
            functools.partial(open_network, settings.local),
        )
        self.networks = networks if networks and networks.models == made.models else made
        self.store = Store(*store_place(settings))
        try:
            self.collection = Collection(url, settings)
        except BaseException:
            self.store.close()
            raise
        try:
            self._version = self.store.fact("version")
            self._check(url)
        except BaseException:
            self.close()
            raise

    def _check(self, url: str) -> None:
        found = self.store.fact("made")
        if found is None:
            raise IndexNotFoundError(
                "the article store holds no corpus; run python -m rag index --corpus FOLDER."
            )
        made = read_made(found, url)
        check_made(made, self._model, self._settings, url)
        if not self.store.fact("complete"):
            raise IndexMismatchError(
                f"the corpus of {url} is not ingested whole; wait for the ingest that is at work, "
                "or run python -m rag index again, which goes on where the last one stopped."
            )
        check_together(made, self.collection)
        self.collection.load()

    def dense(self, vector: np.ndarray, depth: int, filter: Filter) -> dict[Key, float]:
        """Passages nearest to a vector, best first, each with its cosine."""
        found = _ordered(self.collection.nearest(vector, depth, filter))
        return {_key(passage_id): cosine for passage_id, cosine in found}

    def lexical(self, query: str, depth: int, filter: Filter) -> list[Key]:
        """Passages best by BM25, best first."""
        found = _ordered(self.collection.best(query, depth, filter))
        return [_key(passage_id) for passage_id, _ in found]

    def passages(self, keys: Sequence[Key]) -> dict[Key, Passage]:
        """The passages that the store names."""
        names = {_passage_id(key): key for key in keys}
        found = self.store.named_passages(list(names))
        return {names[passage.passage_id]: passage for passage in found}

    @property
    def words(self) -> Store:
        """The terms of the corpus."""
        return self.store

    @functools.cached_property
    def outlets(self) -> Sequence[str]:
        """Every outlet's name."""
        return self.store.outlets()

    @functools.cached_property
    def articles(self) -> int:
        """How many articles there are."""
        return self._counts[0]

    @property
    def undated(self) -> int:
        """How many of them have no date."""
        return self._counts[1]

    @functools.cached_property
    def _counts(self) -> tuple[int, int]:
        return self.store.article_counts()

    def days(self) -> tuple[date, date] | tuple[None, None]:
        """The first and the last day of publication; None, None if no article has one."""
        return self.store.days()

    def is_current(self) -> bool:
        """False once an ingest has finished, or begun to replace the corpus, since the opening."""
        return bool(self.store.fact("version") == self._version)

    def close(self) -> None:
        """Close the connections."""
        self.store.close()
        self.collection.close()


def _key(passage_id: str) -> Key:
    """A passage_id that sorts by article and place, as the embedded index has its passages."""
    doc_id, _, place = passage_id.rpartition("#")
    start, _, end = place.partition("-")
    return doc_id, int(start), int(end)


def _passage_id(key: Key) -> str:
    assert isinstance(key, tuple)
    doc_id, start, end = key
    return f"{doc_id}#{start}-{end}"


def _ordered(found: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """A ranking with what has equal scores in the order of the keys: Milvus leaves it open."""
    places = dict.fromkeys(score for _, score in found)
    ranks = {score: rank for rank, score in enumerate(places)}
    return sorted(found, key=lambda item: (ranks[item[1]], _key(item[0])))
