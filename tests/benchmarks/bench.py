"""Measure speed, memory and fidelity; write ``results.json`` and the table in the README.

    make bench                       (or python tests/benchmarks/bench.py [--only PART])

Parts: ``seeds`` and ``profile`` (need nothing), ``page`` (needs Chromium), ``sentences``,
``reader``, ``speech``, ``disagree``, ``conversation``, ``model``, ``lookup``, ``indexing``,
``versions`` (needs git's history, too), ``growth``, ``serving``, ``remote`` (needs PostgreSQL,
too), ``news`` and ``retrieval`` (need the data folder: ``../shared/data``, or the one named by RAG_BENCH_DATA; they say so where it is missing;
of ``retrieval`` the collection ``seeds`` needs nothing). Times are wall-clock on this machine; peers
run in the same run. ``news``, ``lookup`` and ``serving`` take about half an hour each, ``growth``
more than one, and ``retrieval``, which compares with peers on each of ``--collections``, up to one.
What is finished is written at once.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_collections
import bench_conversation
import bench_disagree
import bench_growth
import bench_indexing
import bench_model
import bench_profile
import bench_sentences
import bench_serving
import bench_speech
import bench_versions
import readme

import rag

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results.json"
QUOTED_ANSWERS = 10_000


def data_folder() -> Path | None:
    folder = Path(os.environ.get("RAG_BENCH_DATA", ROOT / ".." / "shared" / "data"))
    return folder if (folder / "train").is_dir() else None


def wall(command: list[str], repeats: int) -> float:
    """Median seconds of a whole process, after one run to warm the disk cache."""
    times = []
    for turn in range(repeats + 1):
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        if turn:
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "median_ms": round(1000 * statistics.median(ordered), 1),
        "p95_ms": round(1000 * ordered[int(0.95 * (len(ordered) - 1))], 1),
        "n": len(ordered),
    }


def bench_seeds() -> dict[str, object]:
    """Cold starts beside the LangChain tutorial pipeline, indexing from nothing, warm answers."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder) / "index")
        build = [python, "-m", "rag", "index", "--index", index]
        started = time.perf_counter()
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        from_nothing = time.perf_counter() - started
        unchanged = wall(build, 5)
        ask = [python, "-m", "rag", "ask", "How much is the equipment worth?", "--index", index]
        cold = wall(ask, 7)
        peer = wall([python, str(HERE / "peer_langchain.py")], 3)
        light = wall([python, "-c", "import rag"], 7) - wall([python, "-c", "pass"], 7)
        rows = [json.loads(line) for line in (ROOT / "tests" / "questions.jsonl").open()]
        with rag.Assistant.open(index) as assistant:
            for row in rows:
                assistant.answer(row["question"])
            times = []
            for row in rows:
                started = time.perf_counter()
                assistant.answer(row["question"])
                times.append(time.perf_counter() - started)
    return {
        "index_from_nothing_s": round(from_nothing, 1),
        "index_unchanged_s": round(unchanged, 2),
        "cold_ask_s": round(cold, 2),
        "langchain_cold_first_hit_s": round(peer, 2),
        "langchain_over_ours": round(peer / cold, 1),
        "import_rag_s": round(light, 3),
        "warm_answer": spread(times),
    }


def bench_sentence_boundaries(data: Path) -> dict[str, float]:
    return bench_sentences.measure(data)


def bench_reader(data: Path) -> dict[str, object]:
    import bench_reader as reader

    return reader.measure(data)


def measure_lookup(data: Path) -> dict[str, object]:
    import bench_lookup  # which imports this module

    return bench_lookup.measure(data)


def measure_remote(data: Path) -> dict[str, object]:
    import bench_remote  # which imports this module

    return bench_remote.measure(data)


def news_questions(articles: list[dict[str, str]], count: int) -> list[str]:
    """Questions by rule: a headline as it stands, or the first half of a sentence."""
    from rag.corpus.sentences import sentence_spans

    rng = random.Random(11)
    questions = []
    while len(questions) < count:
        article = rng.choice(articles)
        if len(questions) % 2:
            questions.append(f"What is known about {article['title'].rstrip('.?! ')}?")
            continue
        spans = sentence_spans(article["text"][:20_000])
        start, end = rng.choice(spans)
        words = article["text"][start:end].split()
        if 8 <= len(words) <= 60:
            questions.append(" ".join(words[: max(6, len(words) // 2)]) + " …?")
    return questions


def bench_news(data: Path, sample: int | None = None) -> dict[str, object]:
    """The 4,578 news articles of 2022, or a random sample of them: indexing, then answers whose
    every quote is compared with its slice."""
    packed = data / "eval" / "realtimeqa_2022.articles.jsonl.gz"
    with tempfile.TemporaryDirectory() as folder:
        corpus, index = Path(folder) / "news.jsonl", Path(folder) / "index"
        with gzip.open(packed, "rt", encoding="utf-8") as stream:
            lines = stream.readlines()
        if sample is not None:
            lines = random.Random(3).sample(lines, sample)
        corpus.write_text("".join(lines), encoding="utf-8")
        articles = [json.loads(line) for line in lines]
        program = (
            "import resource, sys, rag; "
            f"report = rag.build_index({str(corpus)!r}, {str(index)!r}); "
            "print(report.articles, report.passages, report.seconds, len(report.skipped), "
            "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
        )
        count, passages, seconds, skipped, memory = done.stdout.split()
        disk = sum(f.stat().st_size for f in index.rglob("*") if f.is_file())
        texts: dict[str, str] = {}
        times, quotes, wrong, abstained = [], 0, 0, 0
        with rag.Assistant.open(index) as assistant:
            texts = {a.doc_id: a.text for a in assistant.articles()}
            for question in news_questions(articles, QUOTED_ANSWERS):
                started = time.perf_counter()
                answer = assistant.answer(question)
                times.append(time.perf_counter() - started)
                abstained += answer.abstained
                for citation in answer.citations:
                    quotes += 1
                    wrong += texts[citation.doc_id][citation.start : citation.end] != citation.quote
        return {
            "articles": int(count),
            "passages": int(passages),
            "skipped": int(skipped),
            "index_s": round(float(seconds)),
            "passages_per_s": round(int(passages) / float(seconds), 1),
            "index_peak_mb": int(memory),
            "index_disk_mb": round(disk / 1e6),
            "answers": len(times),
            "abstained": abstained,
            "quotes": quotes,
            "quotes_that_differ": wrong,
            "answer": spread(times),
            "answer_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def machine() -> str:
    with open("/proc/cpuinfo") as stream:
        text = stream.read()
    flags = next(line for line in text.split("\n") if line.startswith("flags"))
    known = {"amx_bf16": "with AMX bfloat16", "avx512_bf16": "with AVX-512 bfloat16, no AMX"}
    kind = next((words for flag, words in known.items() if flag in flags), "without bfloat16")
    return f"{os.cpu_count()} cores {kind}, {platform.system()}, Python {platform.python_version()}"


def record(value: object, *place: str) -> None:
    """Put a result in its place in ``results.json``, as the file is now, and into the README."""
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results.setdefault("machine", {})[place[0]] = machine()
    part = results
    for name in place[:-1]:
        part = part.setdefault(name, {})
    part[place[-1]] = value
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    readme.update()
    print(json.dumps({".".join(place): value}, indent=2), flush=True)


def collection_names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in bench_collections.NAMES]:
        raise argparse.ArgumentTypeError(
            f"no collection {', '.join(unknown)}; there are {', '.join(bench_collections.NAMES)}"
        )
    return names


def main() -> None:
    parts = {
        "sentences": bench_sentence_boundaries,
        "reader": bench_reader,
        "speech": bench_speech.measure,
        "disagree": bench_disagree.measure_all,
        "conversation": bench_conversation.measure,
        "model": bench_model.measure,
        "lookup": measure_lookup,
        "indexing": bench_indexing.measure,
        "versions": bench_versions.measure,
        "growth": bench_growth.measure,
        "serving": bench_serving.measure_news,
        "remote": measure_remote,
        "news": lambda data: bench_news(data, options.articles),
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=("seeds", "profile", "page", *parts, "retrieval"))
    parser.add_argument("--articles", type=int, help="news: only so many, drawn at random")
    parser.add_argument(
        "--collections",
        type=collection_names,
        default=list(bench_collections.NAMES),
        metavar="NAME,…",
        help=f"retrieval: of {', '.join(bench_collections.NAMES)}",
    )
    parser.add_argument(
        "--realtimeqa-articles",
        type=int,
        default=bench_collections.ARTICLES,
        help="retrieval: articles in the corpus of realtimeqa; 0: all",
    )
    options = parser.parse_args()
    only = options.only
    data = data_folder()
    if only in (None, "seeds"):
        record(bench_seeds(), "seeds")
    if only in (None, "profile"):
        record(bench_profile.measure(ROOT / "index"), "profile")
    if only in (None, "page"):
        import bench_page

        if bench_page.pages.NO_BROWSER:
            print(f"page: skipped; {bench_page.pages.WHY_NOT}")
        else:
            record(bench_page.measure(), "page")
    for name, part in parts.items():
        if only not in (None, name):
            continue
        if data is None:
            print(f"{name}: skipped; put the data in ../shared/data or name it by RAG_BENCH_DATA")
            continue
        record(part(data), name)
    if only in (None, "retrieval"):
        import bench_retrieval

        bench_retrieval.measure(
            options.collections,
            data,
            lambda name, found: record(found, "retrieval", name),
            articles=options.realtimeqa_articles,
        )


if __name__ == "__main__":
    main()
