"""The text of a PDF, whose lines are joined to paragraphs again."""

from __future__ import annotations

import io
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rag.corpus.extract.extracted import Extracted, ExtractionError, document_title, joined

MAX_PAGES = 1_000
"""An article has ten, an issue of a paper a hundred; each costs about 25 ms."""

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
    | {"\uf001": "fi", "\uf002": "fl"}  # in Times New Roman and its like
)
"""Shapes that a font has for letters which touch; no writer typed them."""
_BULLETS = frozenset("•‣●◦▪■\uf0b7")
_SENTENCE_END = re.compile(r"[.!?…:][”’\"')\]»]*$")
_BROKEN_WORD = re.compile(
    r"(\w[\w’'-]*)(-| ?[\u2010\u00ad])$"  # drawn by itself, a hyphen may seem to stand apart
)
_COMPOUNDS = frozenset("two three four five eight nine well self half".split())
"""Words that begin compounds and are no syllable of another word."""
_BOLD = re.compile(r"bold|black|heavy|demi", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:[-’']\w+)*")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a PDF page; ``along`` and ``down`` are where it begins, in points, as read.

    ``size`` and ``bold`` are of most of its characters.
    """

    text: str
    page: int
    along: float
    down: float
    size: float
    bold: bool


def read_pdf(data: bytes, max_chars: int) -> Extracted:
    """The text and title of a PDF; stops at ``max_chars`` characters of a page's text."""
    if b"%PDF-" not in data[:1024]:
        raise ExtractionError("malformed", "no PDF: it does not begin as one")
    if b"%%EOF" not in data[-2048:]:
        raise ExtractionError("malformed", "its end is missing; it may have been cut off")
    import pypdf
    from pypdf.errors import DependencyError

    reader = pypdf.PdfReader(io.BytesIO(data))
    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise ExtractionError("encrypted", "it is locked with a password")
    except (DependencyError, NotImplementedError) as error:
        raise ExtractionError("encrypted", f"its lock cannot be opened ({error})") from error
    if len(reader.pages) > MAX_PAGES:
        raise ExtractionError("oversized", f"{len(reader.pages)} pages, limit {MAX_PAGES}")
    lines: list[_Line] = []
    room = max_chars
    for number, page in enumerate(reader.pages):
        found = _pdf_lines(page, number, room)
        lines += found
        room -= sum(len(line.text) for line in found)
    text = joined(_pdf_paragraphs(lines))
    if not text:
        raise ExtractionError("empty", "no text in it; it may be scanned pages")
    return Extracted(text, document_title(reader.metadata and reader.metadata.title))


def _pdf_lines(page: Any, number: int, room: int) -> list[_Line]:
    """The lines of a page that hold text, in the order they are drawn in.

    Raises:
        ExtractionError: ``oversized``; over ``room`` characters.
    """
    lines: list[_Line] = []
    parts: list[str] = []
    styles = Counter[tuple[float, bool]]()  # characters in each
    place = (0.0, 0.0)
    length = 0

    def end_line() -> None:
        text = " ".join("".join(parts).split()).translate(_LIGATURES)
        if text:
            lines.append(_Line(text, number, *place, *styles.most_common(1)[0][0]))
        parts.clear()
        styles.clear()

    def visit(text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
        nonlocal length, place
        length += len(text)
        if length > room:
            raise ExtractionError("oversized", "too much text")
        along, down, size = _place(cm, tm, size)
        for index, part in enumerate(text.split("\n")):
            if index:
                end_line()
            if part.strip():
                place = place if styles else (along, down)
                bold = _BOLD.search(str((font or {}).get("/BaseFont"))) is not None
                styles[size, bold] += len(part.strip())
            parts.append(part)

    page.extract_text(visitor_text=visit)
    end_line()
    if length > room:  # pypdf passes over errors in parts of a page
        raise ExtractionError("oversized", "too much text")
    return lines


def _place(cm: list[float], tm: list[float], size: float) -> tuple[float, float, float]:
    """Where text begins: how far along its line, how far down, and its size, all in points.

    ``cm`` and ``tm`` are the PDF's matrices (a b c d e f); text may run in any direction.

    >>> _place([1, 0, 0, 1, 0, 0], [1, 0, 0, 1, 72, 700], 12)
    (72.0, -700.0, 12.0)
    """
    a, b = tm[0] * cm[0] + tm[1] * cm[2], tm[0] * cm[1] + tm[1] * cm[3]
    c, d = tm[2] * cm[0] + tm[3] * cm[2], tm[2] * cm[1] + tm[3] * cm[3]
    x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
    y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
    length = math.hypot(a, b) or 1.0
    return (x * a + y * b) / length, (x * b - y * a) / length, size * math.hypot(c, d)


def _pdf_paragraphs(lines: list[_Line]) -> Iterator[str]:
    """Lines joined to paragraphs, words that a line end parts made whole."""
    words = _whole_words(lines)
    leading = _leading(lines)
    widest = Counter[tuple[int, int]]()
    for line in lines:
        key = (line.page, round(line.size))
        widest[key] = max(widest[key], len(line.text))
    text = ""
    for i, line in enumerate(lines):
        if i and _continues(lines[i - 1], line, leading, widest[line.page, round(line.size)]):
            text = _join_lines(text, line.text, words)
        else:
            yield text
            text = line.text
    yield text


def _whole_words(lines: list[_Line]) -> set[str]:
    """The document's words in lower case, but for those that a line end may part."""
    words: set[str] = set()
    parted = False
    for line in lines:
        found = _WORD.findall(line.text)[parted:]
        parted = _BROKEN_WORD.search(line.text) is not None
        words.update(word.casefold() for word in found[: len(found) - parted])
    return words


def _leading(lines: list[_Line]) -> dict[int, float]:
    """For each size of type, the distance in points from a line to the next in a paragraph.

    That is the smallest distance that is common (a fifth of all): larger ones part paragraphs.
    """
    distances: dict[int, Counter[float]] = {}
    for above, line in itertools.pairwise(lines):
        distance = line.down - above.down
        if above.page == line.page and 0.5 * line.size < distance < 3 * line.size:
            distances.setdefault(round(line.size), Counter())[round(distance, 1)] += 1
    return {
        size: min(d for d, n in counts.items() if n >= 0.2 * max(counts.values()))
        for size, counts in distances.items()
    }


def _continues(above: _Line, line: _Line, leading: dict[int, float], widest: int) -> bool:
    """True if ``line`` goes on with the paragraph of the line ``above`` it.

    A paragraph parted after a full stop does little harm; a heading joined to a sentence, or a
    sentence parted, would spoil a quote. So a full stop is what the weaker signs need.
    """
    if abs(above.size - line.size) > 0.1 * max(above.size, line.size):
        return False
    ended = bool(_SENTENCE_END.search(above.text))
    if line.text[0] in _BULLETS:
        return False
    distance = line.down - above.down
    usual = leading.get(round(line.size), 1.2 * line.size)
    if above.page != line.page or not -0.5 * line.size < distance < 3 * line.size:
        # The next page or column.
        return not ended and (line.text[0].islower() or bool(_BROKEN_WORD.search(above.text)))
    if distance > 1.3 * usual:
        return False
    if above.bold != line.bold:  # a heading, unless a sentence runs on
        return not ended and line.text[0].islower()
    indented = line.along - above.along > 0.6 * line.size
    short = len(above.text) < 0.9 * widest
    return not (ended and (indented or short))


def _join_lines(text: str, line: str, words: set[str]) -> str:
    """``line`` after ``text``: with a space, or with none where a line end parts a word.

    Typeset text has more words that are parted than words with a hyphen of their own. So a hyphen
    goes unless something speaks for it: the word has another one, a capital or digit is beside it,
    or the document (``words``, in lower case) writes it elsewhere, or both halves as words.

    >>> _join_lines("an inter-", "national body", {"body"})
    'an international body'
    >>> _join_lines("a snow-", "covered road", {"snow", "covered"})
    'a snow-covered road'
    """
    broken = _BROKEN_WORD.search(text[-200:])
    if broken is None or not line[0].isalnum():
        glued = re.search(r"\w[—–/]$", text[-2:]) is not None and line[0].isalnum()
        return text + ("" if glued else " ") + line
    head, hyphen = broken.groups()
    found = _WORD.match(line)
    rest = found.group() if found else ""
    if rest in {"and", "or", "to"}:  # "first- and second-class"
        return text + " " + line
    if hyphen != "-":  # a sign of its own, which programs put in
        return text[: -len(hyphen)] + line
    first, second = head.casefold(), rest.casefold()
    if first + second in words:
        return text[:-1] + line
    if "-" in head or "-" in rest or head[-1].isdigit() or not line[0].islower():
        return text + line
    if f"{first}-{second}" in words or first in _COMPOUNDS or {first, second} <= words:
        return text + line
    return text[:-1] + line
