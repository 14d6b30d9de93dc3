"""What an assistant works with, kept open until the last question that uses it is answered."""

from __future__ import annotations

import threading
from typing import Any

from rag.answering.phrases import Sorter
from rag.index.opened import OpenIndex
from rag.reader import Reader, open_reader
from rag.settings import Settings


class Resources:
    """An open index with what reads and writes over it, closed when retired and no longer used."""

    def __init__(self, index: OpenIndex, settings: Settings) -> None:
        self.index = index
        self._settings = settings
        self._reader: Reader | None = None
        self._sorter: Sorter | None = None
        self._users = 0
        self._retired = False
        self._lock = threading.Lock()

    @property
    def reader(self) -> Reader:
        """The reader that the settings name, opened when it is first needed."""
        with self._lock:
            if self._reader is None:
                self._reader = open_reader(self.index, self._settings)
            return self._reader

    @property
    def sorter(self) -> Sorter:
        """Tells people from places in a conversation; made with the first follow-up."""
        with self._lock:
            if self._sorter is None:
                self._sorter = Sorter(self.index.encoder.encode)
            return self._sorter

    def encoder(self) -> Any:
        """The question encoder, if it has been loaded: the next generation can use it again."""
        return self.index.loaded_encoder()

    def enter(self) -> None:
        """Count a user."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Count one less."""
        with self._lock:
            self._users -= 1
            close = self._retired and self._users == 0
        if close:
            self.index.close()

    def retire(self) -> None:
        """Close once nobody uses it."""
        with self._lock:
            self._retired = True
            close = self._users == 0
        if close:
            self.index.close()


class Use:
    """Keeps a state open for the length of a ``with`` block."""

    def __init__(self, state: Resources) -> None:
        self._state = state
        state.enter()

    def __enter__(self) -> Resources:
        return self._state

    def __exit__(self, *_: object) -> None:
        self._state.leave()
