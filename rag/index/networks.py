"""The networks that an open index asks: the encoder of questions, and the packaged reader."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Hashable
from pathlib import Path

from rag.datatypes import IndexMismatchError, RagError
from rag.index.manifest import Manifest, encoder_folder, reader_folder
from rag.models.embed import Encoder, LightEncoder, QuestionEncoder, find_model, model_folder
from rag.models.span_network import LightSpanNetwork, network_sha256
from rag.settings import PACKAGED_MODEL


class Networks:
    """Each is loaded when it is first asked for; ``load`` begins before. Thread-safe.

    They belong to the models, not to one state of an index: the next one with the same ``models``
    uses them again.
    """

    def __init__(
        self,
        models: Hashable,
        encoder: Callable[[], Encoder],
        reader: Callable[[], LightSpanNetwork],
    ) -> None:
        self.models = models
        self._load_encoder = encoder
        self._load_reader = reader
        self._encoder: Encoder | None = None
        self._reader: LightSpanNetwork | None = None
        self._encoder_lock = threading.Lock()
        self._reader_lock = threading.Lock()

    @property
    def encoder(self) -> Encoder:
        """The encoder of questions.

        Raises:
            IndexMismatchError: Its weights changed since the index was built.
            ModelUnavailableError: It is missing or altered.
        """
        with self._encoder_lock:
            if self._encoder is None:
                self._encoder = self._load_encoder()
            return self._encoder

    @property
    def reader(self) -> LightSpanNetwork:
        """The packaged reading network, in its prepared form.

        Raises:
            IndexMismatchError: The index was prepared for another network.
            ModelUnavailableError: The form is missing or altered.
        """
        with self._reader_lock:
            if self._reader is None:
                self._reader = self._load_reader()
            return self._reader

    def load(self, *, reader: bool) -> None:
        """Begin to load the encoder, and the ``reader``, in the background: for who will need them
        but has other things to do first."""
        # No daemon: exit waits, or it would meet a half-made network.
        threading.Thread(target=self._load, args=(reader,)).start()

    def _load(self, reader: bool) -> None:
        # What cannot be loaded is tried again, and raises, where it is asked for.
        with contextlib.suppress(RagError):
            _ = self.encoder
            if reader:
                _ = self.reader


def networks_of(folder: Path, manifest: Manifest) -> Networks:
    """Those of the embedded index with this manifest."""
    return Networks(
        (folder, manifest.embedding, manifest.reader),
        functools.partial(_load_encoder, folder, manifest),
        functools.partial(_load_reader, folder, manifest),
    )


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


def _load_reader(folder: Path, manifest: Manifest) -> LightSpanNetwork:
    sha256, info = network_sha256(), manifest.reader
    if info is None or info.sha256 != sha256:
        raise IndexMismatchError(
            f"the index in {folder} was prepared for another reader; run python -m rag index."
        )
    return LightSpanNetwork(
        reader_folder(folder, sha256),
        model_folder(PACKAGED_MODEL) / "tokenizer.json",
        light_sha256=info.light_sha256,
    )
