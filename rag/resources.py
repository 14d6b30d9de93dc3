"""What an assistant works with, kept open until the last question that uses it is answered."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from rag.answering.phrases import Sorter
from rag.corpus.sentences import sentence_spans
from rag.datatypes import Article, Attribution
from rag.index.index import Index
from rag.news.speech import speech_at, speeches
from rag.reader import Reader, open_reader
from rag.settings import Settings

_KEPT = 2_000
"""Of so many articles it is remembered who says what."""

_ASKED_LAST = 64
"""The vectors of so many questions are kept."""


class Resources:
    """An open index with what reads and writes over it, closed when retired and no longer used."""

    def __init__(self, index: Index, settings: Settings) -> None:
        self.index = index
        self._settings = settings
        self._reader: Reader | None = None
        self._sorter: Sorter | None = None
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()
        self._speeches: OrderedDict[str, list[Attribution]] = OrderedDict()
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
                self._sorter = Sorter(self.index.networks.encoder.encode)
            return self._sorter

    def vector(self, text: str) -> np.ndarray:
        """The embedding of a question, shape (dimension,); remembered while it is answered."""
        with self._lock:
            known = self._vectors.get(text)
        if known is None:
            known = np.asarray(self.index.networks.encoder.encode([text])[0])
            with self._lock:
                self._vectors[text] = known
                while len(self._vectors) > _ASKED_LAST:
                    self._vectors.popitem(last=False)
        return known

    def speeches(self, article: Article) -> list[Attribution]:
        """Who says what in an article; remembered for the articles asked for last."""
        with self._lock:
            known = self._speeches.get(article.sha256)
            if known is not None:
                self._speeches.move_to_end(article.sha256)
                return known
        found = speeches(article.text, sentence_spans(article.text))
        with self._lock:
            self._speeches[article.sha256] = found
            while len(self._speeches) > _KEPT:
                self._speeches.popitem(last=False)
        return found

    def attribution(self, article: Article, start: int, end: int) -> Attribution | None:
        """Who says the words from ``start`` to ``end``; None where the outlet itself does."""
        return speech_at(self.speeches(article), start, end)

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
