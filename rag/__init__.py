"""Answers from a corpus of news articles, made of exact, checked quotes.

``import rag`` is light: names are resolved on first use, and the heavy libraries (torch,
chromadb, langchain, gradio) are imported only inside what needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.assistant import Assistant, answer
    from rag.datatypes import (
        Alternative,
        Answer,
        Article,
        Citation,
        CorpusError,
        Difference,
        Hit,
        IndexMismatchError,
        IndexNotFoundError,
        IndexReport,
        IndexWriteError,
        ModelUnavailableError,
        Overview,
        Passage,
        QuestionSetError,
        QuoteMatch,
        RagError,
        Skipped,
        Span,
        Timeline,
    )
    from rag.evaluation.evaluate import evaluate
    from rag.evaluation.report import Report
    from rag.index.build import build_index

__version__ = "0.1.0"

_HOMES = {
    "Assistant": "rag.assistant",
    "Report": "rag.evaluation.report",
    "answer": "rag.assistant",
    "build_index": "rag.index.build",
    "evaluate": "rag.evaluation.evaluate",
}
_RECORDS = (
    "Alternative Answer Article Citation CorpusError Difference Hit IndexMismatchError "
    "IndexNotFoundError IndexReport IndexWriteError ModelUnavailableError Overview Passage "
    "QuestionSetError QuoteMatch RagError Skipped Span Timeline"
).split()
_HOMES |= dict.fromkeys(_RECORDS, "rag.datatypes")

__all__ = [
    "Alternative",
    "Answer",
    "Article",
    "Assistant",
    "Citation",
    "CorpusError",
    "Difference",
    "Hit",
    "IndexMismatchError",
    "IndexNotFoundError",
    "IndexReport",
    "IndexWriteError",
    "ModelUnavailableError",
    "Overview",
    "Passage",
    "QuestionSetError",
    "QuoteMatch",
    "RagError",
    "Report",
    "Skipped",
    "Span",
    "Timeline",
    "answer",
    "build_index",
    "evaluate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
