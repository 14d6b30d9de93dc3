"""How soon a warm assistant answers one person, and twenty who ask at once.

    python tests/benchmarks/bench_serving.py [--index FOLDER] [--questions FILE.jsonl.gz]
        [--users N]

Without an index one of some 100,000 passages is built: all news of 2022 and as many articles of the
news of the years up to 2023 as are wanted for that. The questions are the quiz of 2022.

One after the other: every question once, after a few that warm up. At once: so many threads, each
with questions of its own, the next as soon as the last is answered, so that there are always as
many questions as users. Times are of ``Assistant.answer``, in milliseconds.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import bench
import numpy as np
import systems

import rag

USERS, EACH, WARM_UP = 20, 10, 20
OF_2023 = 1_200


def one_by_one(assistant: rag.Assistant, questions: Sequence[str]) -> list[float]:
    """Milliseconds of each answer."""
    taken = []
    for question in questions:
        started = time.perf_counter()
        assistant.answer(question)
        taken.append(1_000 * (time.perf_counter() - started))
    return taken


def at_once(assistant: rag.Assistant, questions: Sequence[str], users: int) -> list[float]:
    """The same with ``users`` asking at once."""
    taken: list[list[float]] = [[] for _ in range(users)]
    begin = threading.Barrier(users)

    def ask(number: int) -> None:
        begin.wait()
        taken[number] = one_by_one(assistant, questions[number::users])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for some in taken for one in some]


def times(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and most."""
    return {
        "n": len(milliseconds),
        "median_ms": round(float(np.median(milliseconds)), 1),
        "p95_ms": round(float(np.percentile(milliseconds, 95)), 1),
        "most_ms": round(max(milliseconds), 1),
    }


def measure(index: Path, questions: Sequence[str], users: int = USERS) -> dict[str, object]:
    """One by one and at once, and the most memory that took."""
    with rag.Assistant.open(index) as assistant:
        one_by_one(assistant, questions[:WARM_UP])
        single = one_by_one(assistant, questions)
        many = at_once(assistant, (list(questions) * EACH)[: users * EACH], users)
    return {
        "passages": passages(index),
        "one": times(single),
        "users": users,
        "at_once": times(many),
        "peak_mb": systems.peak_mb(),
    }


def measure_news(data: Path) -> dict[str, object]:
    """The same over some 100,000 passages of news, in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        corpus, index = Path(scratch) / "news.jsonl", Path(scratch) / "index"
        write_news(data, corpus)
        report = rag.build_index(corpus, index)
        command = [sys.executable, __file__, "--index", str(index)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found | {
        "of": "news",
        "articles": report.articles,
        "build_s": round(report.seconds),
    }


def write_news(data: Path, corpus: Path) -> None:
    """The news of 2022 and ``OF_2023`` articles of the years up to 2023, as a JSONL file."""
    with corpus.open("w", encoding="utf-8") as out:
        for name, most in (
            ("eval/realtimeqa_2022.articles.jsonl.gz", None),
            ("train/news_text.jsonl.gz", OF_2023),
        ):
            with gzip.open(data / name, "rt", encoding="utf-8") as stream:
                out.writelines(itertools.islice(stream, most))


def passages(index: Path) -> int:
    """How many passages an index holds."""
    manifest = json.loads((index / "manifest.json").read_text(encoding="utf-8"))
    return int(manifest["passages"])


def read_questions(file: Path) -> list[str]:
    """The questions of a quiz."""
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        records = map(json.loads, stream)
        return [record.get("question") or record["question_sentence"] for record in records]


def main() -> None:
    """Print one index's times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--most", type=int, default=200)
    given = parser.parse_args()
    data = bench.data_folder()
    file = given.questions or (data and data / "eval/realtimeqa_2022.questions.jsonl.gz")
    if file is None:
        parser.error("name a file of questions, or the data folder by RAG_BENCH_DATA")
    if given.index is None:
        print(json.dumps(measure_news(file.parents[1])))
        return
    print(json.dumps(measure(given.index, read_questions(file)[: given.most], given.users)))


if __name__ == "__main__":
    main()
