"""Another extractive question-answering model than the packaged one: a folder or a hub name.

It is run by transformers, from the local disk alone, and takes seconds to load.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from rag.datatypes import ModelUnavailableError
from rag.models.embed import model_folder
from rag.models.light import file_sha256
from rag.models.span_network import SpanScores, joined

_MAX_TOKENS = 384
_OVERLAP = 96


class QAModelNetwork:
    """A ``SpanNetwork`` over any model that transformers loads for question answering.

    Raises:
        ModelUnavailableError: It is not on the disk, cannot be loaded, or was not trained to
            answer questions.
    """

    def __init__(self, name: str) -> None:
        from safetensors import SafetensorError
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.name = name
        try:
            folder = model_folder(name)
        except ModelUnavailableError as error:
            raise ModelUnavailableError(
                f"reader {name} is neither spans nor sentences, nor a folder, nor a model in the "
                f"local hub cache; name another, or download it first (hf download {name})."
            ) from error
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model, loading = AutoModelForQuestionAnswering.from_pretrained(
                folder, local_files_only=True, output_loading_info=True
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ModelUnavailableError(
                f"reader {name} cannot be loaded as a question-answering model ({reason}); name "
                "another, or set RAG_READER=spans."
            ) from error
        fast = self._tokenizer.is_fast and self._tokenizer.cls_token_id is not None
        if loading["missing_keys"] or not fast:
            raise ModelUnavailableError(
                f"reader {name} is no extractive question-answering model (its answer layer is "
                "missing, or its tokenizer gives no offsets or no [CLS]); name another, or set "
                "RAG_READER=spans."
            )
        self._model.eval()
        weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
        self.sha256 = file_sha256(weights[0])
        limit = getattr(self._model.config, "max_position_embeddings", _MAX_TOKENS) or _MAX_TOKENS
        self._length = min(_MAX_TOKENS, limit - 2, self._tokenizer.model_max_length)
        self._lock = threading.Lock()

    def score(self, question: str, texts: Sequence[str], titles: Sequence[str]) -> list[SpanScores]:
        """See ``SpanNetwork``; such models were not trained with titles and do not get them."""
        import torch

        if not texts:
            return []
        # The tokenizer is not thread-safe either: a call changes how it truncates.
        with self._lock, torch.inference_mode():
            most = self._length // 3
            asked = self._tokenizer.encode(question, add_special_tokens=False)
            if len(asked) > most:
                question = self._tokenizer.decode(asked[:most])
            windows = self._tokenizer(
                [question] * len(texts),
                list(texts),
                truncation="only_second",
                max_length=self._length,
                stride=min(_OVERLAP, self._length // 4),
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
                padding=True,
                return_tensors="pt",
            )
            numbers = windows.pop("overflow_to_sample_mapping").tolist()
            offsets = windows.pop("offset_mapping").tolist()
            given = self._model(**windows)
        starts, ends = (logits.float().numpy() for logits in (given.start_logits, given.end_logits))
        found: list[list[SpanScores]] = [[] for _ in texts]
        for row, number in enumerate(numbers):
            inside = [i for i, part in enumerate(windows.sequence_ids(row)) if part == 1]
            first = windows["input_ids"][row].tolist().index(self._tokenizer.cls_token_id)
            found[number].append(
                SpanScores(
                    tuple((s, e) for s, e in (offsets[row][i] for i in inside)),
                    np.asarray(starts[row, inside]),
                    np.asarray(ends[row, inside]),
                    float(starts[row, first] + ends[row, first]),
                )
            )
        return [joined(parts) for parts in found]
