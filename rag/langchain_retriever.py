"""The assistant's retrieval as a LangChain retriever."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from rag.assistant import Assistant
from rag.datatypes import Hit
from rag.index.vectors import passage_metadata


class PassageRetriever(BaseRetriever):  # type: ignore[misc]
    """Hybrid search over an open index; one ``Document`` a passage, best first."""

    assistant: Any
    k: int = 8

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        assistant: Assistant = self.assistant
        return [as_document(hit) for hit in assistant.search(query, k=self.k)]


def as_document(hit: Hit) -> Document:
    """A hit as a LangChain document."""
    return Document(
        id=hit.passage.passage_id,
        page_content=hit.passage.span.text,
        metadata={
            **passage_metadata(hit.passage),
            "rank": hit.rank,
            "score": hit.score,
            "found_by": list(hit.found_by),
        },
    )
