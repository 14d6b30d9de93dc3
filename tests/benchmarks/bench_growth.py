"""What grows as a corpus does: from a thousand passages to a million.

    python tests/benchmarks/bench_growth.py [--sizes 1000,10000,…] [--keep FOLDER] [--data FOLDER]

The corpora are sentences of the 2022 news recombined. Each made article has ten, drawn from
anywhere, and the first words of an eleventh as its title; outlet and day are those of the article
that the eleventh stands in. With RAG_PASSAGE_TOKENS=32 nearly every sentence is a passage. The
articles of a smaller corpus are the first of a larger one.

Each size: one process builds the index, one answers 100 questions of the quiz of 2022 (which are
about the news that the sentences come from), one compares what Chroma's search finds with an exact
search over all vectors. An index that ``--keep`` holds already is not built again, and its build is
reported as it was measured then.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bench
import bench_serving
import numpy as np
import systems

import rag
from rag.corpus.sentences import sentence_spans
from rag.index.filter import Filter
from rag.index.opened import OpenIndex
from rag.settings import load_settings

NEWS = "eval/realtimeqa_2022.articles.jsonl.gz"
QUESTIONS = "eval/realtimeqa_2022.questions.jsonl.gz"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SENTENCES, TOKENS = 10, 32
SHORTEST, LONGEST = 60, 130
"""Of a sentence, in characters: as a rule one fits a passage of 32 word pieces, two do not."""
ASKED, WARM_UP, TOP = 100, 10, 10
PLOT = Path(__file__).resolve().parents[2] / ".github" / "growth.png"
_PASSAGES_AN_ARTICLE = 9.3
_TITLE_WORDS = 7
_SEED = 8
_PAGE = 2_000


def sentences(data: Path) -> list[tuple[str, dict[str, str]]]:
    """The news' sentences of middling length, each with its article's outlet and day."""
    found: dict[str, dict[str, str]] = {}
    with gzip.open(data / NEWS, "rt", encoding="utf-8") as stream:
        for record in map(json.loads, stream):
            source = {key: record[key] for key in ("source", "published") if record.get(key)}
            for start, end in sentence_spans(record["text"]):
                text = " ".join(record["text"][start:end].split())
                if SHORTEST <= len(text) <= LONGEST:
                    found.setdefault(text, source)
    return list(found.items())


def made(data: Path, count: int) -> Iterator[dict[str, str]]:
    """``count`` articles, the same ones at each call."""
    pool = sentences(data)
    draw = random.Random(_SEED)
    for number in range(count):
        title, source = draw.choice(pool)
        body = [draw.choice(pool)[0] for _ in range(SENTENCES)]
        yield {
            "id": f"made-{number:07}",
            "title": " ".join(title.split()[:_TITLE_WORDS]),
            "text": "\n".join(body),
            **source,
        }


def build(corpus: Path, folder: Path) -> dict[str, Any]:
    """Index a corpus in this process: seconds and most memory."""
    report = rag.build_index(corpus, folder)
    return {
        "articles": report.articles,
        "passages": report.passages,
        "build_s": round(report.seconds, 1),
        "build_peak_mb": systems.peak_mb(),
    }


def ask(folder: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Answers and bare searches in this process: milliseconds, and most memory."""
    started = time.perf_counter()
    with rag.Assistant.open(folder) as assistant:
        assistant.answer(questions[0])
        first = time.perf_counter() - started
        bench_serving.one_by_one(assistant, questions[:WARM_UP])
        answers = bench_serving.one_by_one(assistant, questions)
        peak = systems.peak_mb()
        searches = []
        for question in questions:
            started = time.perf_counter()
            assistant.search(f"{question} ")  # not a question whose vector is still known
            searches.append(1_000 * (time.perf_counter() - started))
    return {
        "first_s": round(first, 2),
        "answer": bench_serving.times(answers),
        "search": bench_serving.times(searches),
        "answer_peak_mb": peak,
    }


def agreement(folder: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Of the TOP passages nearest to each question by an exact search over all vectors, the share
    that the index's own search finds; a passage as near as the last of them counts as found."""
    index = OpenIndex(folder, load_settings())
    vectors = index.networks.encoder.encode(questions)
    best = np.full((len(questions), TOP), -1.0, dtype=np.float32)
    for page in all_vectors(index):
        cosines = np.concatenate([best, vectors @ page.T], axis=1)
        best = -np.partition(-cosines, TOP - 1, axis=1)[:, :TOP]
    shares = []
    for vector, exact in zip(vectors, best, strict=True):
        found = sorted(index.dense(vector, 100, Filter()).values(), reverse=True)[:TOP]
        shares.append(np.mean(np.array(found) >= exact.min() - 1e-5))
    index.close()
    return {
        "exact_search": len(index.rows.passage) <= load_settings().exact_search_limit,
        "agreement": round(float(np.mean(shares)), 4),
    }


def all_vectors(index: OpenIndex) -> Iterator[np.ndarray]:
    """The vectors of all passages, in pages of shape (n, dimension)."""
    names = [row[1] for row in index.store.passage_rows()]
    for start in range(0, len(names), _PAGE):
        yield index.collection.vectors_of(names[start : start + _PAGE])


def process(step: str, folder: Path, inputs: Path) -> dict[str, Any]:
    """A step in a process of its own; what it printed."""
    command = [
        sys.executable,
        __file__,
        "--step",
        step,
        "--folder",
        str(folder),
        "--inputs",
        str(inputs),
    ]
    environment = {**os.environ, "RAG_PASSAGE_TOKENS": str(TOKENS)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{step} over {folder} failed:\n{done.stderr[-2_000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(data: Path, sizes: Sequence[int] = SIZES, keep: Path | None = None) -> dict[str, Any]:
    """Every size, with a plot in ``.github/growth.png``."""
    asked = bench_serving.read_questions(data / QUESTIONS)[:ASKED]
    with tempfile.TemporaryDirectory() as scratch:
        root = keep or Path(scratch)
        questions = root / "questions.json"
        questions.write_text(json.dumps(asked), encoding="utf-8")
        rows = [measure_size(data, size, root, questions) for size in sizes]
    plot(rows)
    return {"questions": len(asked), "sizes": rows}


def plot(rows: Sequence[dict[str, Any]]) -> None:
    """Times, and memory, disk and build time, over the number of passages, on log axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    passages = [row["passages"] for row in rows]
    for label, values in (
        ("answer, median", [row["answer"]["median_ms"] for row in rows]),
        ("answer, 95th percentile", [row["answer"]["p95_ms"] for row in rows]),
        ("search alone, median", [row["search"]["median_ms"] for row in rows]),
    ):
        left.loglog(passages, values, "o-", label=label)
    for label, values in (
        ("memory while answering, MB", [row["answer_peak_mb"] for row in rows]),
        ("memory while building, MB", [row["build_peak_mb"] for row in rows]),
        ("disk, MB", [row["disk_mb"] for row in rows]),
        ("build, seconds", [row["build_s"] for row in rows]),
    ):
        right.loglog(passages, values, "o-", label=label)
    left.set_ylabel("milliseconds")
    for axes in (left, right):
        axes.set_xlabel("passages")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(PLOT, dpi=110)


def measure_size(data: Path, size: int, root: Path, questions: Path) -> dict[str, Any]:
    """One row of the table."""
    folder, built = root / f"{size}", root / f"{size}.json"
    if not built.is_file():
        corpus = root / "corpus.jsonl"
        count = round(size / _PASSAGES_AN_ARTICLE)
        with corpus.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(record) + "\n" for record in made(data, count))
        found = process("build", folder, corpus)
        found["disk_mb"] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) >> 20
        built.write_text(json.dumps(found), encoding="utf-8")
        corpus.unlink()
    row = json.loads(built.read_text(encoding="utf-8"))
    return row | process("ask", folder, questions) | process("agreement", folder, questions)


def main() -> None:
    """Print the table's rows as JSON, or do one step of a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--keep", type=Path, help="folder that holds indexes, and will")
    parser.add_argument("--data", type=Path, default=bench.data_folder())
    parser.add_argument("--step", choices=("build", "ask", "agreement"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--inputs", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step == "build":
        found = build(given.inputs, given.folder)
    elif given.step:
        asked = json.loads(given.inputs.read_text(encoding="utf-8"))
        found = (ask if given.step == "ask" else agreement)(given.folder, asked)
    else:
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
        found = measure(given.data, [int(size) for size in given.sizes.split(",")], given.keep)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
