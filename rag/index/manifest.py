"""The manifest: what an index was made of, and which generation of it is current.

``manifest.json`` is replaced in one step (``os.replace``), so a reader sees an old index or a new
one, never half of one.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.corpus.chunk import CHUNKER_VERSION, TITLE_TOKENS
from rag.datatypes import IndexMismatchError, IndexNotFoundError
from rag.settings import Settings

FORMAT = 3
"""Raise it when the store, the arrays or the manifest change shape."""
LIBRARIES = (
    "chromadb", "bm25s", "PyStemmer", "nupunkt", "openvino", "sentence-transformers", "datasketch"
)  # fmt: skip
_NAME = "manifest.json"
_REBUILD = "run python -m rag index to build it anew"


class Part(BaseModel):
    """What is written and read as JSON; with another field than it has, it is of another version."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ChunkerInfo(Part):
    """How passages were cut."""

    version: str
    passage_tokens: int
    title_tokens: int


class EmbeddingInfo(Part):
    """Which model made the vectors; ``light_sha256`` is the hash of its light form's weights."""

    model: str
    sha256: str
    dimension: int
    light_sha256: str | None


class ReaderInfo(Part):
    """Which reading network was prepared, and the hash of its prepared form."""

    sha256: str
    light_sha256: str


class Manifest(Part):
    """Everything that must fit before an index may be read."""

    format: int
    generation: str
    corpus_root: str
    corpus_digest: str
    chunker: ChunkerInfo
    embedding: EmbeddingInfo
    reader: ReaderInfo | None
    libraries: dict[str, str]
    articles: int
    passages: int


def encoder_folder(index: Path, sha256: str) -> Path:
    """Where an index keeps the prepared form of an embedding model, by its weights' hash."""
    return index / "encoders" / sha256[:16]


def reader_folder(index: Path, sha256: str) -> Path:
    """Where an index keeps the prepared form of the reading network, by its weights' hash."""
    return index / "readers" / sha256[:16]


def chunker_info(settings: Settings) -> ChunkerInfo:
    """How passages would be cut now."""
    return ChunkerInfo(
        version=CHUNKER_VERSION,
        passage_tokens=settings.passage_tokens,
        title_tokens=TITLE_TOKENS,
    )


def library_versions() -> dict[str, str]:
    """Versions of the libraries that shape the files of an index."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def read_manifest(index: Path) -> Manifest:
    """Read and check the shape of an index's manifest.

    Raises:
        IndexNotFoundError: There is none.
        IndexMismatchError: It is of another format, or damaged.
    """
    path = index / _NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise IndexNotFoundError(
            f"no index in {index}; run python -m rag index --corpus FOLDER --index {index}."
        ) from error
    except OSError as error:
        raise IndexNotFoundError(
            f"cannot read the index in {index} ({error.strerror}); make it readable."
        ) from error
    except ValueError as error:
        raise IndexMismatchError(f"{path} is damaged; {_REBUILD}.") from error
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise IndexMismatchError(
            f"the index in {index} has format {found}, this version reads {FORMAT}; {_REBUILD}."
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        raise IndexMismatchError(f"{path} is damaged; {_REBUILD}.") from error


def check_fits(manifest: Manifest, settings: Settings, index: Path) -> None:
    """Compare with what this version and these settings would build.

    Raises:
        IndexMismatchError: Another model or another chunker; the line says expected and found.
    """
    if manifest.embedding.model != settings.embed_model:
        raise IndexMismatchError(
            f"the index in {index} was made with embedding model {manifest.embedding.model}, the "
            f"settings say {settings.embed_model}; {_REBUILD}, or set RAG_EMBED_MODEL back."
        )
    wanted = chunker_info(settings)
    if manifest.chunker != wanted:
        raise IndexMismatchError(
            f"the index in {index} was cut by chunker {_in_words(manifest.chunker)}, this is "
            f"{_in_words(wanted)}; {_REBUILD}."
        )


def _in_words(info: ChunkerInfo) -> str:
    return f"{info.version} ({info.passage_tokens} tokens, title {info.title_tokens})"


def write_manifest(index: Path, manifest: Manifest) -> None:
    """Make ``manifest`` the current one, in one step that survives a crash."""
    partial = index / f".{_NAME}.partial"
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(manifest.model_dump(), indent=2, sort_keys=True) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, index / _NAME)
