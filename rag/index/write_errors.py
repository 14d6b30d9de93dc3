"""What goes wrong while an index is written, as one line that says what to do."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.datatypes import IndexWriteError


@contextmanager
def write_errors(index: Path) -> Iterator[None]:
    """Turn what a full disk or a read-only folder raises, in any library, into one line."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise _as_write_error(error, index) from error
    except Exception as error:
        # Chroma reports its SQLite's trouble as an InternalError with the cause as text.
        if type(error).__module__.startswith("chromadb"):
            raise _as_write_error(error, index) from error
        raise


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_SPACE_TEXT = ("disk is full", "disk i/o error", *(os.strerror(n).lower() for n in _NO_SPACE))
"""As SQLite, Chroma and ``shutil.copytree`` say it, whose errors carry no number."""


def _as_write_error(error: BaseException, index: Path) -> IndexWriteError:
    text = str(error).lower()
    if getattr(error, "errno", None) in _NO_SPACE or any(words in text for words in _NO_SPACE_TEXT):
        return IndexWriteError(
            f"no space left while writing the index in {index} ({error}); free some space and run "
            "python -m rag index again. The index as it was before still works."
        )
    return IndexWriteError(
        f"cannot write the index in {index} ({error}); make the folder writable and run "
        "python -m rag index again. The index as it was before still works."
    )
