"""What is taken out of a file: text that can be stored, and what the file declares of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from rag.corpus.decode import normalise_newlines

MAX_FIELD_CHARS = 500
"""A longer title, outlet, author or address is none."""
BLANK_LINES = re.compile(r"\n\s*\n")

_MAX_UNREADABLE_SHARE = 0.01
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class ExtractionError(ValueError):
    """No text could be taken out. ``reason`` is that of a ``Skipped``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file's text and what it declares of itself; None where it does not.

    Attributes:
        text: Paragraphs parted by one blank line; it can be encoded in UTF-8.
        title: As declared, else read from the text as from a text file's.
        dated: The date of publication as written, where that is no date we can read.
    """

    text: str
    title: str
    outlet: str | None = None
    published: date | None = None
    url: str | None = None
    author: str | None = None
    dated: str | None = None


def clean(text: str) -> str:
    """Text without what no text holds: control characters, halves of surrogate pairs.

    Raises:
        ExtractionError: ``undecodable``; over one character in a hundred is of that sort, as where
            a PDF's fonts do not say which letters their shapes are.
    """
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    kept = _CONTROLS.sub("", normalise_newlines(text)).replace("\x0b", "\n").replace("\x0c", "\n")
    unreadable = len(text) - len(kept) + kept.count("\ufffd") - text.count("\r\n")
    if unreadable > _MAX_UNREADABLE_SHARE * len(text):
        raise ExtractionError("undecodable", f"{unreadable} characters of its text are no letters")
    return kept


def joined(paragraphs: Iterable[str]) -> str:
    """One text with a blank line between the paragraphs; a blank line inside one parts it too."""
    text = clean("\n\n".join(paragraphs))
    return "\n\n".join(block.strip() for block in BLANK_LINES.split(text) if block.strip())


def field(value: object) -> str | None:
    """A declared title, name or address on one line, or None if it is no such thing."""
    if not isinstance(value, str):
        return None
    try:
        line = " ".join(clean(value).split())
    except ExtractionError:
        return None
    return line if 0 < len(line) <= MAX_FIELD_CHARS else None


_NO_TITLE = re.compile(
    # What programs write where nobody gave a title.
    r"(?i)microsoft (?:word|powerpoint)\b.*|(?:untitled|document|layout|no title)[\s\d]*"
    r"|.*\.(?:docx?|indd|qxd|rtf|odt|pdf|pages|txt|html?|tex|dvi)"
)


def document_title(value: object) -> str:
    """A title declared in a document; "" if it is none, or one that a program made up."""
    title = field(value) or ""
    return "" if _NO_TITLE.fullmatch(title) else title
