"""The networks that an open index asks: the encoder of questions, and the packaged reader."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from rag.datatypes import RagError
from rag.models.embed import Encoder
from rag.models.span_network import LightSpanNetwork


class Networks:
    """Each is loaded when it is first asked for; ``load`` begins before. Thread-safe.

    They belong to the models, not to one state of an index: the next one uses them again.
    """

    def __init__(
        self, encoder: Callable[[], Encoder], reader: Callable[[], LightSpanNetwork]
    ) -> None:
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

    def load(self) -> None:
        """Begin to load both in the background: for who will need them but has other things to do
        first."""
        threading.Thread(target=self._load, daemon=True).start()

    def _load(self) -> None:
        # What cannot be loaded is tried again, and raises, where it is asked for.
        with contextlib.suppress(RagError):
            _ = self.encoder, self.reader
