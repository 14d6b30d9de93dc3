"""Articles that people add: files in ``index/uploads/``, which joins every build.

A file is received under a hidden name, read once to see whether there is an article in it, put in
place without ever replacing another, and indexed, all but the first two while holding the index's
writer lock: whatever fails, either the file is kept and its articles are in the index, or neither.
A killed process leaves at most hidden files, which no build reads, or a whole file that joins the
next build. What a file is called here comes from ``safe_name``, never from the person as it stands.
"""

from __future__ import annotations

import errno
import filecmp
import itertools
import os
import re
import secrets
import shutil
import sqlite3
import stat
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rag.corpus.files import (
    EXTRACTED_SUFFIXES,
    JSONL_SUFFIXES,
    MARKDOWN_SUFFIXES,
    TEXT_SUFFIXES,
    FileStat,
    read_articles,
)
from rag.datatypes import (
    Article,
    IndexMismatchError,
    IndexReport,
    IndexWriteError,
    RagError,
    Skipped,
)
from rag.index.build import Update, update, writing
from rag.index.building import FromFile
from rag.index.generation import generation_folder
from rag.index.manifest import read_manifest
from rag.index.progress import Progress
from rag.index.sources import UPLOADS, corpus_root, max_article_bytes
from rag.index.store import Store
from rag.settings import Settings

SUFFIXES = TEXT_SUFFIXES | MARKDOWN_SUFFIXES | JSONL_SUFFIXES | EXTRACTED_SUFFIXES
"""What may be uploaded, by the end of its name."""
MAX_NAME_BYTES = 120
WAIT_SECONDS = 60.0
"""How long to wait for another build to finish."""

_NUMBER_BYTES = 8  # room for " (1001)"
_STALE_SECONDS = 3600.0
_BLOCK = 1 << 20
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)", re.IGNORECASE)
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PARTIAL, _REMOVED = ".partial-", ".removed-"
_NOT_KEPT = "None of the files was kept: upload them again then."

_WORDS = {
    "unsupported": "files of this type are not read",
    "oversized": "it is too large",
    "empty": "it is empty",
    "binary": "it is not text",
    "undecodable": "its characters cannot be read",
    "unreadable": "it cannot be opened",
    "malformed": "it is malformed",
    "encrypted": "it is encrypted",
    "too_slow": "reading it takes too long",
    "no_text": "the record has no text",
    "duplicate": "it says the same as another article",
    "duplicate_id": "another article has the same id",
    "link": "it is a link to a folder",
    "not_a_file": "it is no file",
    "bad_name": "its name cannot be read",
}


class UploadError(RagError):
    """A request to add or remove files is refused as a whole; nothing has changed."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in ``uploads/``: its name there, its size in bytes, when it was added (UTC)."""

    name: str
    size: int
    added: datetime


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What became of one file.

    Attributes:
        given: Its name, as the person gave it: anything at all.
        name: Its name in ``uploads/``; where it was not kept, the name it would have had.
        kept: False if it is not in ``uploads/``.
        articles: How many articles the index has gained from it.
        message: One line for the person, without the name. It may hold words of the file.
        skipped: What of a kept file was left out: records of a JSONL file.
    """

    given: str
    name: str
    kept: bool
    articles: int
    message: str
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What became of the files, in the order given; ``index`` is None if none called for a
    build."""

    files: tuple[UploadResult, ...]
    index: IndexReport | None


@dataclass(frozen=True, slots=True)
class _Received:
    """A file that has an article in it, not yet in place; ``articles`` as (doc_id, sha256)."""

    given: str
    name: str
    partial: Path
    articles: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A file in ``uploads/`` that the next build takes in; ``new``: put there just now."""

    file: _Received
    name: str
    new: bool


def in_words(skipped: Skipped) -> str:
    """Why something did not become an article, as the rest of a sentence.

    >>> in_words(Skipped("a.txt", "oversized", "30 bytes, limit 20"))
    'it is too large (30 bytes, limit 20)'
    >>> in_words(Skipped("a.txt", "empty"))
    'it is empty'
    """
    words = _WORDS.get(skipped.reason, skipped.reason.replace("_", " "))
    return f"{words} ({skipped.detail})" if skipped.detail else words


def safe_name(given: str) -> str:
    r"""A plain, readable file name for a name that anybody may have made up.

    The last part of a path, in Unicode's composed form, without what cannot be seen (control
    characters, marks that turn the direction of writing), with ``_`` for what some system forbids;
    never hidden, never a reserved name, never empty, its suffix in lower case if it is one of
    ``SUFFIXES``. At most 112 bytes in UTF-8, so that with a number it has at most
    ``MAX_NAME_BYTES``.

    >>> safe_name("../../etc/Käse & Brot.TXT")
    'Käse & Brot.txt'
    >>> safe_name("C:\\a\\con.md"), safe_name(".txt"), safe_name("")
    ('_con.md', 'unnamed.txt', 'unnamed')
    """
    text = "".join(
        " " if c.isspace() else c
        for c in unicodedata.normalize("NFC", given)
        if c.isspace() or unicodedata.category(c) not in _INVISIBLE
    )
    last = re.split(r"[/\\]", text.rstrip(" /\\"))[-1]
    last = " ".join(re.sub(r'[<>:"|?*]', "_", last).split()).rstrip(" .")
    # What was taken out may have stood between a letter and its accent.
    last = unicodedata.normalize("NFC", last)
    stem, dot, end = last.rpartition(".")
    suffix = f".{end.lower()}"
    if not dot or suffix not in SUFFIXES:
        stem, suffix = last, ""
    stem = stem.strip(" .") or "unnamed"
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    room = MAX_NAME_BYTES - _NUMBER_BYTES - len(suffix)
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    if not suffix and Path(stem).suffix.lower() in SUFFIXES:
        # Only the cut made it end like this: the file is of another type.
        stem = "_".join(stem.rsplit(".", 1))
    return stem + suffix


def list_uploads(index: str | os.PathLike[str]) -> list[Upload]:
    """The files in ``uploads/``, newest first: those that ``remove_upload`` takes. Links, folders
    and names that are no Unicode, put there by other means, are not among them."""
    found = sorted(_listing(Path(index) / UPLOADS), key=lambda f: f[1].st_mtime_ns, reverse=True)
    return [
        Upload(name, info.st_size, datetime.fromtimestamp(info.st_mtime, UTC))
        for name, info in found
    ]


def add_uploads(
    index: str | os.PathLike[str],
    files: Sequence[tuple[str, str | os.PathLike[str]]],
    settings: Settings,
    progress: Progress | None = None,
    *,
    wait: float = WAIT_SECONDS,
) -> UploadReport:
    """Add files to ``uploads/`` and bring the index up to date with them.

    A file is kept if the index has gained an article from it, else refused with the reason. The
    same name with the same bytes changes nothing; with other bytes it gets a number. An article
    that the index has already keeps its place: what repeats its text or its id is left out.

    Args:
        index: Folder of the index.
        files: Pairs of the name as the person gave it (anything at all) and where its bytes lie.
        settings: ``uploads``, ``max_upload_mb``, ``max_upload_files`` and ``max_uploads`` are the
            limits; the rest is for the build.
        progress: Called as by ``build_index``.
        wait: Seconds to wait for another build.

    Raises:
        UploadError: Uploads are switched off, too many files at once, or ``uploads`` is a link.
        IndexNotFoundError, IndexMismatchError: There is no index that can be read.
        RagError: The build failed, as ``build_index`` says; the line says what became of the files.
    """
    index = Path(index)
    _check_allowed(settings)
    if len(files) > settings.max_upload_files:
        raise UploadError(
            f"{len(files)} files at once, and the most is {settings.max_upload_files}; upload "
            "them in parts."
        )
    read_manifest(index)
    with _write_errors(index), ExitStack() as held:
        folder = _own_folder(index)
        # Hidden, so that no build reads it, and in the same file system as where they are to go.
        hidden = held.enter_context(tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=folder))
        received = [
            _receive(given, Path(path), Path(hidden, str(number)), settings)
            for number, (given, path) in enumerate(files)
        ]
        refused = [file for file in received if isinstance(file, UploadResult)]
        if len(refused) == len(received):
            return UploadReport(tuple(refused), None)
        with _said(_NOT_KEPT):
            held.enter_context(writing(index, wait=wait))
        return _join(index, folder, received, settings, progress)


def remove_upload(
    index: str | os.PathLike[str],
    name: str,
    settings: Settings,
    progress: Progress | None = None,
    *,
    wait: float = WAIT_SECONDS,
) -> IndexReport:
    """Delete a file of ``list_uploads`` and bring the index up to date; as ``add_uploads``.

    Raises:
        UploadError: Uploads are switched off, or no file of ``list_uploads`` has this name.
        IndexNotFoundError, IndexMismatchError: There is no index that can be read.
        RagError: The build failed; the line says whether the file is still there.
    """
    index = Path(index)
    _check_allowed(settings)
    read_manifest(index)
    kept = "The file was not removed."
    with _write_errors(index), ExitStack() as held:
        with _said(kept):
            held.enter_context(writing(index, wait=wait))
        # Only a name that is in the listing: no path, no link, no hidden file.
        if name not in {upload.name for upload in list_uploads(index)}:
            raise UploadError("no uploaded file has this name; choose one of the list.")
        folder = _own_folder(index)
        _delete_stale(folder)
        aside, before = folder / f"{_REMOVED}{secrets.token_hex(8)}", _generation(index)
        os.rename(folder / name, aside)
        try:
            done = _build(index, settings, progress)
        except BaseException as error:
            if _generation(index) == before:
                _claim(aside, folder / name)
            else:  # it failed after the new index was in place
                aside.unlink()
                kept = "The file was removed all the same."
            if isinstance(error, RagError):
                raise _with(error, kept) from error
            raise
        aside.unlink()
        return done.report


def reindex(
    index: str | os.PathLike[str],
    settings: Settings,
    progress: Progress | None = None,
    *,
    wait: float = WAIT_SECONDS,
) -> IndexReport:
    """Bring the index up to date with the corpus it was built from and with ``uploads/``.

    Raises:
        IndexNotFoundError, IndexMismatchError: There is no index that can be read.
        RagError: The build failed, as ``build_index`` says.
    """
    index = Path(index)
    read_manifest(index)
    with writing(index, wait=wait):
        return _build(index, settings, progress).report


def _listing(folder: Path) -> list[tuple[str, os.stat_result]]:
    """The regular files of a folder that are not hidden; [] if it is a link or not there."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not _is_unicode(entry.name):
                continue
            with suppress(FileNotFoundError):  # removed while we look
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(info.st_mode):
                    found.append((entry.name, info))
    return found


def _check_allowed(settings: Settings) -> None:
    if isinstance(settings.index, str):
        raise UploadError(
            "the index is in Milvus, which takes articles from python -m rag index alone; add them "
            "to its corpus."
        )
    if not settings.uploads:
        raise UploadError(
            "adding and removing articles is switched off; set RAG_UPLOADS=true and start again."
        )


def _own_folder(index: Path) -> Path:
    """``uploads/``, made if missing; raises UploadError if it is a link."""
    folder = index / UPLOADS
    if folder.is_symlink():
        raise UploadError(
            f"{folder} is a link, and nothing is written through one; put a folder in its place."
        )
    folder.mkdir(exist_ok=True)
    return folder


def _receive(
    given: str, source: Path, partial: Path, settings: Settings
) -> _Received | UploadResult:
    """Copy a file to a hidden place and read it there; refuse it if there is no article in it.

    Raises:
        OSError: The copy cannot be written.
    """
    name = safe_name(given)
    suffix = Path(name).suffix
    if suffix not in SUFFIXES:
        shown = f"{suffix or 'no type'}; give {', '.join(sorted(SUFFIXES))}"
        return _refused(given, name, f"files of this type are not read ({shown})")
    partial = partial.with_suffix(suffix)
    try:
        stream = source.open("rb")
    except OSError as error:
        return _refused(given, name, f"it did not arrive ({error.strerror}); upload it again")
    with stream, partial.open("xb") as copy:
        limit, size = int(settings.max_upload_mb * 1_000_000), 0
        while size <= limit and (block := stream.read(_BLOCK)):
            size += len(block)
            copy.write(block)
        if size > limit:
            return _refused(
                given, name, f"it is larger than {settings.max_upload_mb:g} megabytes, the limit"
            )
        copy.flush()
        os.fsync(copy.fileno())
    info = partial.stat()
    file = FileStat(f"{UPLOADS}/{name}", partial, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    articles, skipped = [], []
    for item in read_articles([file], max_bytes=max_article_bytes(settings)):
        if isinstance(item, Article):
            articles.append((item.doc_id, item.sha256))
        else:
            skipped.append(item)
    if not articles:
        return _refused(given, name, _none_of(skipped))
    return _Received(given, name, partial, tuple(articles))


def _join(
    index: Path,
    folder: Path,
    received: Sequence[_Received | UploadResult],
    settings: Settings,
    progress: Progress | None,
) -> UploadReport:
    """Put what was received in place and build; call with the writer lock."""
    _delete_stale(folder)
    before, known = _generation(index), _Known(index, folder)
    try:
        with _write_errors(index):
            found = [
                file if isinstance(file, UploadResult) else known.place(file, settings)
                for file in received
            ]
            refused = [file for file in found if isinstance(file, UploadResult)]
            if len(refused) == len(found):
                return UploadReport(tuple(refused), None)
            done = _build(index, settings, progress)
    except BaseException as error:
        kept = "The files are in the index."  # it failed after the new index was in place
        if _generation(index) == before:
            known.take_back()
            kept = _NOT_KEPT
        if isinstance(error, RagError):
            raise _with(error, kept) from error
        raise
    results, useless, report = [], [], done.report
    for file in found:
        if isinstance(file, _Placed):
            result = _result(file, done.uploads.get(file.name))
            if not result.kept:
                useless.append(folder / file.name)
            results.append(result)
        else:
            results.append(file)
    if useless:
        for path in useless:
            path.unlink()
        with _said("The other files are in the index."):
            again = _build(index, settings, None).report
        report = replace(again, added=report.added, changed=report.changed, removed=report.removed)
    return UploadReport(tuple(results), report)


class _Known:
    """What the index and ``uploads/`` hold while files are put there."""

    def __init__(self, index: Path, folder: Path) -> None:
        self._folder = folder
        manifest = read_manifest(index)
        path = generation_folder(index, manifest.generation) / "store.sqlite"
        uploaded: dict[str, str] = {}
        self._texts: dict[str, str] = {}  # hash -> doc_id
        if path.is_file():  # else the build makes a new one
            try:
                with closing(Store(path)) as store:
                    uploaded, self._texts = store.uploaded(), store.texts()
            except sqlite3.Error as error:
                raise IndexMismatchError(
                    f"the index in {index} is damaged ({error}); delete {index}/manifest.json and "
                    f"run python -m rag index. {_NOT_KEPT}"
                ) from error
        self._files = set(uploaded.values())
        # Deleted by other means: the build will drop what the index has of them.
        gone = {file for file in self._files if not (folder / file).is_file()}
        if gone:
            self._texts = {
                text: doc_id
                for text, doc_id in self._texts.items()
                if uploaded.get(doc_id) not in gone
            }
        self._ids = set(self._texts.values())
        there = _listing(folder)
        self._last_ns = max((info.st_mtime_ns for _, info in there), default=0)
        self._count = len(there)
        self._put: list[Path] = []

    def place(self, file: _Received, settings: Settings) -> _Placed | UploadResult:
        """Put a file in place, unless it is there, or has nothing new, or there are too many."""
        for name in _numbered(file.name):
            if not os.path.lexists(self._folder / name):
                break
            if _same_bytes(file.partial, self._folder / name):
                if name in self._files or self._folder / name in self._put:
                    return _present(file, name)
                return _Placed(file, name, new=False)
        known = [self._known(file, *article) for article in file.articles]
        if all(known):
            why = f"the index has all {len(known)} articles, by text or by id"
            return _refused(file.given, file.name, known[0] if len(known) == 1 else why)
        if self._count >= settings.max_uploads:
            return _refused(
                file.given,
                file.name,
                f"the number of uploaded files is limited to {settings.max_uploads}; remove one "
                "first",
            )
        # Builds read uploads by age, and of two articles with one id or text they keep the first:
        # the clock may have been set back since the last one came.
        self._last_ns = max(time.time_ns(), self._last_ns + 1)
        os.utime(file.partial, ns=(self._last_ns, self._last_ns))
        name = _put(file.partial, self._folder, file.name)
        self._put.append(self._folder / name)
        self._count += 1
        self._texts.update((text, doc_id) for doc_id, text in file.articles)
        self._ids.update(doc_id for doc_id, _ in file.articles)
        return _Placed(file, name, new=True)

    def take_back(self) -> None:
        """Delete what was put in place."""
        for path in self._put:
            path.unlink()

    def _known(self, file: _Received, doc_id: str, text: str) -> str:
        """Why an article, of this id and with this hash of its text, adds nothing; "" if it does."""
        if text in self._texts:
            return f"the index has this text already, as {self._texts[text]}"
        # An id made of the file's name is not final: the name may yet get a number.
        own = not doc_id.startswith(f"{UPLOADS}/{file.name}")
        if own and doc_id in self._ids:
            return f"the index has another article with its id, {doc_id}"
        return ""


def _put(partial: Path, folder: Path, name: str) -> str:
    """Move a file to the first free name; returns that. Nothing is ever replaced or written
    through: a link that lies there counts as a taken name."""
    for candidate in _numbered(name):
        try:
            _claim(partial, folder / candidate)
        except FileExistsError:
            continue
        return candidate
    raise AssertionError("there is always a next number")


def _claim(source: Path, target: Path) -> None:
    """Move a file to a name that must be free; raises FileExistsError if it is not."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: reserve the name, then replace what we put there.
        target.open("xb").close()
        os.replace(source, target)
    else:
        source.unlink()


def _numbered(name: str) -> Iterator[str]:
    """``kite.txt``, ``kite (2).txt``, ``kite (3).txt`` …"""
    yield name
    path = Path(name)
    for number in itertools.count(2):
        yield f"{path.stem} ({number}){path.suffix}"


def _same_bytes(one: Path, other: Path) -> bool:
    if not stat.S_ISREG(other.lstat().st_mode):
        return False  # what a link leads to is not looked at
    return filecmp.cmp(one, other, shallow=False)


def _build(index: Path, settings: Settings, progress: Progress | None) -> Update:
    root = corpus_root(index, read_manifest(index))
    return update(root, index, progress=progress or False, settings=settings)


def _generation(index: Path) -> str:
    return read_manifest(index).generation


def _delete_stale(folder: Path) -> None:
    """Delete what killed processes left; call with the writer lock."""
    for path in folder.glob(f"{_REMOVED}*"):  # made and deleted under the lock
        path.unlink()
    for path in folder.glob(f"{_PARTIAL}*"):
        with suppress(FileNotFoundError):  # its process has just ended in order
            if path.lstat().st_mtime < time.time() - _STALE_SECONDS:
                shutil.rmtree(path)


def _refused(given: str, name: str, why: str) -> UploadResult:
    return UploadResult(given, name, False, 0, f"Not added: {why}.")


def _present(file: _Received, name: str) -> UploadResult:
    message = "It is there already; nothing has changed."
    return UploadResult(file.given, name, True, 0, message)


def _result(placed: _Placed, outcome: FromFile | None) -> UploadResult:
    """What the build made of a file."""
    file, name = placed.file, placed.name
    if outcome is None and not placed.new:
        return _present(file, name)
    articles, skipped = (outcome.articles, outcome.skipped) if outcome else (0, ())
    if articles == 0:
        return replace(_refused(file.given, name, _none_of(skipped)), kept=not placed.new)
    one = "Added" if len(file.articles) + len(skipped) == 1 else f"Added {_count(articles)}"
    message = one if name == file.given else f"{one}, under the name {name}"
    if skipped:
        message += f"; left out: {_listed(skipped)}"
    return UploadResult(file.given, name, True, articles, f"{message}.", skipped)


def _none_of(skipped: Sequence[Skipped]) -> str:
    """Why a file gives no article."""
    if not skipped:
        return "there is no article in it"
    if len(skipped) == 1:
        return in_words(skipped[0])
    return f"none of its {len(skipped)} records is an article: {_listed(skipped)}"


def _listed(skipped: Sequence[Skipped]) -> str:
    """The first few records of a file that were left out, each with its reason."""
    shown = []
    for item in skipped[:3]:
        line = re.fullmatch(rf"{UPLOADS}/.+:(\d+)", item.path, re.DOTALL)
        shown.append(f"{f'line {line[1]}' if line else item.path}: {in_words(item)}")
    more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return "; ".join(shown) + more


def _count(articles: int) -> str:
    return "1 article" if articles == 1 else f"{articles:,} articles"


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _with(error: RagError, more: str) -> RagError:
    """The same error, which says besides what became of the files."""
    return type(error)(f"{error} {more}")


@contextmanager
def _said(more: str) -> Iterator[None]:
    """Add to an error what became of the files."""
    try:
        yield
    except RagError as error:
        raise _with(error, more) from error


@contextmanager
def _write_errors(index: Path) -> Iterator[None]:
    """Turn what a full disk or a read-only folder raises into one line."""
    try:
        yield
    except OSError as error:
        mend = "free some space" if error.errno in _NO_SPACE else "make the folder writable"
        raise IndexWriteError(
            f"cannot write in {index / UPLOADS} ({error.strerror or error}); {mend} and try again."
        ) from error
