"""Read a corpus: a folder of text, Markdown, JSONL, HTML, PDF and Word files, or one such file.

Files are walked in a stable order (folders and names sorted by code point). What cannot become
an article is yielded as ``Skipped`` with a named reason; one bad file never stops the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

from rag.corpus.decode import NotTextError, decode, normalise_newlines
from rag.corpus.extract import READERS
from rag.corpus.extract.extracted import ExtractionError
from rag.corpus.extract.process import ExtractionProcess
from rag.corpus.header import Header, parse_date, read_header
from rag.datatypes import Article, CorpusError, Skipped

TEXT_SUFFIXES = frozenset({".txt", ".text"})
MARKDOWN_SUFFIXES = frozenset({".md", ".markdown"})
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})
EXTRACTED_SUFFIXES = frozenset(READERS)
_KNOWN_FIELDS = frozenset({"id", "url", "title", "text", "source", "outlet", "published"})


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file of the corpus and what tells cheaply whether it changed since it was last read."""

    doc_id: str
    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int


def scan(root: Path) -> list[FileStat | Skipped]:
    """Every regular file under ``root`` in reading order, without opening any.

    Hidden files and folders are passed over. Folders that cannot be listed, links to folders
    (which may lead round in a circle), special files and names that are no Unicode are returned
    as ``Skipped``.

    Raises:
        CorpusError: ``root`` is missing or cannot be listed.
    """
    try:
        mode = root.stat().st_mode
    except OSError as error:
        raise CorpusError(
            f"cannot read the corpus {root} ({error.strerror}); besides .html, .pdf or .docx files "
            "you can give a folder of .txt, .md or .jsonl files with --corpus."
        ) from error
    if not stat.S_ISDIR(mode):
        return [_stat_file(root, root.name)]
    found: list[FileStat | Skipped] = []
    failures: list[OSError] = []
    for folder, subfolders, names in os.walk(root, onerror=failures.append):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [
            Skipped(path.relative_to(root).as_posix(), "link", "a link to a folder is not followed")
            for path in (Path(folder, name) for name in subfolders)
            if path.is_symlink()
        ]
        for name in sorted(names):
            if name.startswith("."):
                continue
            path = Path(folder, name)
            found.append(_stat_file(path, path.relative_to(root).as_posix()))
    for failure in failures:
        if failure.filename == str(root):
            raise CorpusError(
                f"cannot list the corpus folder {root} ({failure.strerror}); "
                "make it readable and run again."
            )
        found.append(Skipped(str(failure.filename), "unreadable", failure.strerror or ""))
    return found


def _stat_file(path: Path, doc_id: str) -> FileStat | Skipped:
    try:
        doc_id.encode("utf-8")
    except UnicodeEncodeError:
        return Skipped(os.fsencode(path).decode("utf-8", "replace"), "bad_name", "not Unicode")
    try:
        info = path.stat()
    except OSError as error:
        return Skipped(doc_id, "unreadable", error.strerror or "")
    if not stat.S_ISREG(info.st_mode):
        return Skipped(doc_id, "not_a_file", "a device, pipe or socket")
    return FileStat(doc_id, path, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


@dataclass(slots=True)
class Position:
    """How far a reading has come: which file is being read, and how many bytes of all were."""

    file: FileStat | Skipped | None = None
    bytes_read: int = 0


def read_articles(
    files: list[FileStat | Skipped], *, max_bytes: int, position: Position | None = None
) -> Iterator[Article | Skipped]:
    """The articles of scanned files, in order; each text and each id only once. ``position`` is
    kept up to date with what was handed out.

    Skipped with reason: ``unsupported`` (file type), ``oversized`` (more than ``max_bytes``, as it
    lies or of text; too many pages), ``empty``, ``binary``, ``undecodable``, ``unreadable``,
    ``malformed`` (JSONL records; HTML, PDF and Word files), ``no_text`` (JSONL records),
    ``encrypted`` and ``too_slow`` (PDF, Word and HTML files), ``duplicate`` (same text as an
    earlier article), ``duplicate_id``.
    """
    with ExtractionProcess() as process:
        yield from _without_copies(files, max_bytes, process, position or Position())


def _without_copies(
    files: list[FileStat | Skipped],
    max_bytes: int,
    process: ExtractionProcess,
    position: Position,
) -> Iterator[Article | Skipped]:
    first_with: dict[str, str] = {}
    seen_ids: set[str] = set()
    for file in files:
        position.file = file
        if isinstance(file, Skipped):
            yield file
            continue
        for item in _read_file(file, max_bytes, process, position):
            if isinstance(item, Article):
                if item.doc_id in seen_ids:
                    yield Skipped(item.doc_id, "duplicate_id", f"in {file.doc_id}")
                    continue
                if item.sha256 in first_with:
                    earlier = first_with[item.sha256]
                    yield Skipped(item.doc_id, "duplicate", f"same text as {earlier}")
                    continue
                # Only what is kept counts: a text or id that was skipped may still come.
                seen_ids.add(item.doc_id)
                first_with[item.sha256] = item.doc_id
            yield item


def _read_file(
    file: FileStat, max_bytes: int, process: ExtractionProcess, position: Position
) -> Iterator[Article | Skipped]:
    suffix = file.path.suffix.lower()
    try:
        if suffix in JSONL_SUFFIXES:
            yield from _read_jsonl(file, max_bytes, position)
            return
        position.bytes_read += file.size
        if suffix in TEXT_SUFFIXES | MARKDOWN_SUFFIXES:
            yield _read_text(file, max_bytes, markdown=suffix in MARKDOWN_SUFFIXES)
        elif suffix in EXTRACTED_SUFFIXES:
            yield _extract(file, suffix, max_bytes, process)
        else:
            yield Skipped(file.doc_id, "unsupported", f"file type {suffix or '(none)'}")
    except OSError as error:
        yield Skipped(file.doc_id, "unreadable", error.strerror or str(error))


def _read_text(file: FileStat, max_bytes: int, *, markdown: bool) -> Article | Skipped:
    if file.size > max_bytes:
        return Skipped(file.doc_id, "oversized", f"{file.size} bytes, limit {max_bytes}")
    data = file.path.read_bytes()
    try:
        text = decode(data)
    except NotTextError as error:
        return Skipped(file.doc_id, error.reason, str(error))
    if not text.strip():
        return Skipped(file.doc_id, "empty")
    header = read_header(text, markdown=markdown)
    return Article(
        doc_id=file.doc_id,
        title=header.title,
        text=text,
        outlet=header.outlet,
        published=header.published,
        url=header.url,
        source_sha256=hashlib.sha256(data).hexdigest(),
    )


def _extract(
    file: FileStat, suffix: str, max_bytes: int, process: ExtractionProcess
) -> Article | Skipped:
    if file.size > max_bytes:
        return Skipped(file.doc_id, "oversized", f"{file.size} bytes, limit {max_bytes}")
    data = file.path.read_bytes()
    try:
        found = process.extract(data, suffix, max_chars=max_bytes)
    except ExtractionError as error:
        return Skipped(file.doc_id, error.reason, str(error))
    other = {"author": found.author, "published": found.dated}
    return Article(
        doc_id=file.doc_id,
        title=found.title,
        text=found.text,
        outlet=found.outlet,
        published=found.published,
        url=found.url,
        source_sha256=hashlib.sha256(data).hexdigest(),
        metadata=MappingProxyType({name: value for name, value in other.items() if value}),
    )


def _read_jsonl(file: FileStat, max_bytes: int, position: Position) -> Iterator[Article | Skipped]:
    before = position.bytes_read
    with file.path.open("rb") as stream:
        number = 0
        found = False
        # A bounded readline: a file without line ends must not be read into memory whole.
        while line := stream.readline(max_bytes + 1):
            position.bytes_read = before + stream.tell()
            number += 1
            place = f"{file.doc_id}:{number}"
            if len(line) > max_bytes and not line.endswith(b"\n"):
                found = True
                yield Skipped(place, "oversized", f"record over {max_bytes} bytes")
                while (rest := stream.readline(max_bytes)) and not rest.endswith(b"\n"):
                    pass
                continue
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                found = True
                try:
                    item = _read_record(line.strip(), place)
                except RecursionError:
                    item = Skipped(place, "malformed", "nested too deeply")
                yield item
        if not found:
            yield Skipped(file.doc_id, "empty")


def _read_record(line: bytes, place: str) -> Article | Skipped:
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Skipped(place, "undecodable", "JSONL must be UTF-8")
    except ValueError as error:  # also for a number of thousands of digits
        return Skipped(place, "malformed", f"no JSON: {error}")
    if not isinstance(record, dict):
        return Skipped(place, "malformed", "not a JSON object")
    text = record.get("text")
    if not isinstance(text, str):
        return Skipped(place, "no_text", "field text is missing or no string")
    if not text.strip():
        return Skipped(place, "empty")
    try:
        json.dumps(record, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return Skipped(place, "undecodable", "half a surrogate pair")
    if "\x00" in text:
        return Skipped(place, "binary", "zero characters in text")
    text = normalise_newlines(text)
    own = _record_header(record, text)
    return Article(
        doc_id=_record_id(record) or place,
        title=own.title,
        text=text,
        outlet=own.outlet,
        published=own.published,
        url=own.url,
        source_sha256=hashlib.sha256(line).hexdigest(),
        metadata=MappingProxyType(_other_fields(record)),
    )


def _record_id(record: dict[str, object]) -> str | None:
    for name in ("id", "url"):
        value = record.get(name)
        if isinstance(value, str | int | float) and str(value).strip():
            return str(value)
    return None


def _record_header(record: dict[str, object], text: str) -> Header:
    """The record's own fields; what they leave out is read from the text."""

    def field(*names: str) -> str | None:
        for name in names:
            value = record.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
        return None

    from_text = read_header(text)
    return Header(
        title=field("title") or from_text.title,
        outlet=field("source", "outlet") or from_text.outlet,
        published=_published(record) or from_text.published,
        url=field("url"),
    )


def _published(record: dict[str, object]) -> date | None:
    for name in ("published", "date"):
        value = record.get(name)
        if isinstance(value, str) and (found := parse_date(value)) is not None:
            return found
    return None


def _other_fields(record: dict[str, object]) -> dict[str, str]:
    """The fields we do not know, as text; a publication date that could not be read, too."""
    other = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in record.items()
        if key not in _KNOWN_FIELDS
    }
    if record.get("published") and _published(record) is None:
        other["published"] = str(record["published"])
    return other
