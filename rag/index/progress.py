"""How far a build is: told to a function, or drawn as a bar on stderr.

An article counts once it is written. Those that are cut or encoded meanwhile are not done yet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from rag.corpus.files import JSONL_SUFFIXES, FileStat, Position
from rag.datatypes import Article, Skipped

Progress = Callable[[int, int | None], None]
"""Told how many articles have been dealt with, and how many there are if that is known."""

_Item = TypeVar("_Item")
_BAR = "{desc} {percentage:3.0f}%{postfix}, {remaining} left |{bar}|"


def told(
    items: Iterator[_Item], files: list[FileStat | Skipped], progress: bool | Progress
) -> Iterator[_Item]:
    """The items, each done when it has been dealt with: for who writes them elsewhere."""
    total = _articles_known(files)
    if progress is False:
        yield from items
    elif progress is True:
        from tqdm import tqdm

        yield from tqdm(items, desc="indexing", unit=" articles", total=total, leave=False)
    else:
        for done, item in enumerate(items, start=1):
            yield item
            progress(done, total)


def _articles_known(files: list[FileStat | Skipped]) -> int | None:
    """The number of articles, known beforehand only where a file is one article."""
    one_each = not any(
        isinstance(f, FileStat) and f.path.suffix.lower() in JSONL_SUFFIXES for f in files
    )
    return len(files) if one_each else None


class Following:
    """Follows one build. ``read`` each item, ``wait`` for each batch that is to be written and say
    ``written`` when it is; ``close`` at the end."""

    def __init__(
        self, progress: bool | Progress, files: list[FileStat | Skipped], position: Position
    ) -> None:
        self._progress = progress
        self._position = position
        self._total = _articles_known(files)
        self._bytes = sum(f.size for f in files if isinstance(f, FileStat))
        self._read = self._done = self._unwritten = self._characters = 0
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._started = time.monotonic()
        self._bar: Any = None
        if progress is True:
            from tqdm import tqdm

            self._bar = tqdm(total=self._bytes, bar_format=_BAR, leave=False, postfix="reading")
            self._bar.set_description_str("indexing")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def read(self, items: Iterator[Article | Skipped]) -> Iterator[Article | Skipped]:
        """The items, counted; those before which none is unwritten are done when dealt with."""
        for item in items:
            self._read += 1
            yield item
            if not self._unwritten:
                self._tell(self._read, self._position.bytes_read)

    def will_write(self) -> None:
        """The item read last is to be written."""
        self._unwritten += 1

    def wait(self, batches: Iterator[list[Article]]) -> Iterator[list[Article]]:
        """The batches; what was read so far is done when this one is written."""
        for batch in batches:
            self._waiting.append((self._read, self._position.bytes_read, len(batch)))
            yield batch

    def written(self, characters: int) -> None:
        """The next of the batches that wait is written; of so many characters of article."""
        read, bytes_read, articles = self._waiting.popleft()
        self._unwritten -= articles
        self._characters += characters
        self._tell(read, bytes_read)

    def finishing(self) -> None:
        """All articles are written; what is derived from them all is made."""
        if self._bar is not None:
            self._bar.set_description_str("finishing")

    def _tell(self, done: int, bytes_read: int) -> None:
        if self._bar is not None:
            rate = self._characters / (time.monotonic() - self._started)
            self._bar.set_postfix_str(f"{done:,} articles, {rate:,.0f} characters/s", refresh=False)
            self._bar.update(bytes_read - self._bar.n)
        elif callable(self._progress):
            for count in range(self._done + 1, done + 1):
                self._progress(count, self._total)
        self._done = done
