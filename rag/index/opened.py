"""An index that is open for reading: one generation of it, pinned until closed."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import numpy as np

from rag.datatypes import IndexMismatchError, IndexNotFoundError
from rag.index.generation import acquire_current
from rag.index.lexical import Postings
from rag.index.manifest import Manifest, check_fits, encoder_folder, read_manifest
from rag.index.rows import Rows, load_rows
from rag.index.store import Store
from rag.index.vectors import Collection
from rag.models.embed import (
    Encoder,
    LightEncoder,
    QuestionEncoder,
    find_model,
    model_folder,
)
from rag.settings import Settings


class OpenIndex:
    """Store, rows, postings and question encoder of the current generation. Thread-safe.

    Raises:
        IndexNotFoundError: There is no index in the folder.
        IndexMismatchError: Another format, chunker or model, or files are missing or damaged.
        ModelUnavailableError: The question encoder is missing or altered.
    """

    def __init__(self, folder: Path, settings: Settings, *, encoder: Encoder | None = None) -> None:
        """``encoder``: that of an earlier generation, used again if the model is the same."""
        self.folder = folder
        self.manifest, self._generation, self._lock_file = acquire_current(folder)
        try:
            check_fits(self.manifest, settings, folder)
            self.store = Store(self._generation / "store.sqlite")
            self.rows: Rows = load_rows(self._generation)
            size = len(self.rows.passage)
            self.postings = Postings.load(self._generation / "bm25", size)
            if size != self.manifest.passages:
                raise ValueError(f"{size} rows for {self.manifest.passages} passages")
        except (OSError, ValueError, EOFError, LookupError, sqlite3.Error) as error:
            self._lock_file.close()
            raise IndexMismatchError(
                f"the index in {folder} is damaged ({error}); delete {folder}/manifest.json and "
                "run python -m rag index."
            ) from error
        except IndexMismatchError:
            self._lock_file.close()
            raise
        self._encoder = encoder
        self._collection: Collection | None = None
        self._load_lock = threading.Lock()

    @property
    def encoder(self) -> Encoder:
        """The question encoder, loaded on first use."""
        with self._load_lock:
            if self._encoder is None:
                self._encoder = _load_encoder(self.folder, self.manifest)
            return self._encoder

    def loaded_encoder(self) -> Encoder | None:
        """The question encoder, or None if no question has needed it yet."""
        return self._encoder

    @property
    def collection(self) -> Collection:
        """The Chroma collection, opened on first use: small indexes are searched without it."""
        with self._load_lock:
            if self._collection is None:
                self._collection = Collection(self._generation / "chroma")
            return self._collection

    @property
    def chroma_folder(self) -> Path:
        """Where the Chroma collection of this generation lies."""
        return self._generation / "chroma"

    def is_current(self) -> bool:
        """False once a build has published another generation (or the manifest is gone)."""
        with contextlib.suppress(IndexNotFoundError, IndexMismatchError):
            return read_manifest(self.folder).generation == self.manifest.generation
        return False

    def find(self, passage_ids: list[str]) -> np.ndarray:
        """Rows of passages by passage_id, shape (n,)."""
        numbers = self.store.passage_numbers(passage_ids)
        return np.searchsorted(self.rows.passage, numbers)

    def close(self) -> None:
        """Let go of the files; the generation may then be deleted."""
        self.store.close()
        if self._collection is not None:
            self._collection.close()
        self._lock_file.close()


def _load_encoder(folder: Path, manifest: Manifest) -> Encoder:
    embedding = manifest.embedding
    if embedding.light_sha256 is not None:
        return LightEncoder(
            encoder_folder(folder, embedding.sha256),
            model_folder(embedding.model) / "tokenizer.json",
            sha256=embedding.light_sha256,
        )
    model = find_model(embedding.model)
    if model.sha256 != embedding.sha256:
        raise IndexMismatchError(
            f"the weights of {embedding.model} changed since the index in {folder} was built; "
            "run python -m rag index --replace."
        )
    return QuestionEncoder(model)
