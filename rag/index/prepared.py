"""The prepared networks of a folder, made where they are missing.

For an index in Milvus: what was prepared where it was ingested is not on every machine that asks.
"""

from __future__ import annotations

from pathlib import Path

from rag.index.build import writing
from rag.index.manifest import encoder_folder, reader_folder
from rag.models.embed import (
    DocumentEncoder,
    Encoder,
    LightEncoder,
    ModelFiles,
    QuestionEncoder,
    model_folder,
    prepare_light,
)
from rag.models.light import form_sha256, has_form
from rag.models.span_network import LightSpanNetwork, network_sha256, prepare_reader
from rag.settings import PACKAGED_MODEL

_WAIT = 120.0
"""Seconds to wait for another process that prepares the same."""


def open_encoder(model: ModelFiles, folder: Path, *, questions: bool) -> Encoder:
    """The encoder of questions or of passages.

    Raises:
        IndexWriteError: The folder cannot be written, and the encoder is not in it.
        ModelUnavailableError: The model cannot be loaded.
    """
    light = encoder_folder(folder, model.sha256)
    if model.name != PACKAGED_MODEL:
        return QuestionEncoder(model) if questions else DocumentEncoder(model)
    if not has_form(light):
        with writing(folder, wait=_WAIT):
            prepare_light(model, light, known=form_sha256(light) if has_form(light) else None)
    return LightEncoder(light, model.tokenizer)


def open_network(folder: Path) -> LightSpanNetwork:
    """The packaged reading network.

    Raises:
        IndexWriteError, ModelUnavailableError: As for ``open_encoder``.
    """
    light, tokens = reader_folder(folder, network_sha256()), model_folder(PACKAGED_MODEL)
    if not has_form(light):
        with writing(folder, wait=_WAIT):
            prepare_reader(tokens, light)
    return LightSpanNetwork(light, tokens / "tokenizer.json", light_sha256=form_sha256(light))
