"""Beside an earlier version, in turns: a cold ask, warm answers, indexing.

    python tests/benchmarks/bench_versions.py [--before COMMIT]

The earlier one is taken out of the repository's history. Each measure is of whole processes or of
public functions, which both have. Both build their own index of the seeds, and index the same news
with their networks prepared.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import bench_indexing

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
BEFORE = "e232ea6"
"""The last version before speed was worked on: what the README calls before."""
ROUNDS, ASKS, ARTICLES = 2, 5, 100
QUESTION = "How much is the equipment worth?"


def measure(data: Path, before: str = BEFORE) -> dict[str, Any]:
    """Medians of both; says so where the history lacks the commit (a shallow clone)."""
    there = subprocess.run(["git", "cat-file", "-e", f"{before}^{{commit}}"], cwd=ROOT)
    if there.returncode:
        return {"skipped": f"commit {before} is not in this clone"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        packed = subprocess.run(
            ["git", "archive", before], cwd=ROOT, check=True, capture_output=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder / "version", filter="data")
        roots = {"before": folder / "version", "now": ROOT}
        characters = bench_indexing.write_news(data, ARTICLES, folder / "news.jsonl")
        for name, root in roots.items():
            _run(root, "-m", "rag", "index", "--index", folder / name / "seeds")
            (folder / name / "prepared").mkdir()
            _run(root, HERE, "--step", "prepare", "--folder", folder / name / "prepared")
        found: dict[str, dict[str, list[float]]] = {name: {} for name in roots}
        for _ in range(ROUNDS):
            for name, root in roots.items():
                for measured, values in _round(root, folder, name).items():
                    found[name].setdefault(measured, []).extend(values)
    return {
        "before_commit": before,
        "articles": ARTICLES,
        "characters": characters,
        **{
            name: {measured: statistics.median(values) for measured, values in one.items()}
            for name, one in found.items()
        },
    }


def _round(root: Path, folder: Path, name: str) -> dict[str, list[float]]:
    seeds, copy = folder / name / "seeds", folder / name / "round"
    cold = []
    for _ in range(ASKS):
        started = time.perf_counter()
        _run(root, "-m", "rag", "ask", QUESTION, "--index", seeds)
        cold.append(time.perf_counter() - started)
    warm = json.loads(_run(root, HERE, "--step", "warm", "--folder", seeds))
    shutil.copytree(folder / name / "prepared", copy)
    news = folder / "news.jsonl"
    index = json.loads(_run(root, HERE, "--step", "index", "--folder", copy, "--news", news))
    shutil.rmtree(copy)
    return {"cold_s": cold, "warm_ms": warm, "index_s": [index]}


def _run(root: Path, *arguments: object) -> bytes:
    """What a process that imports the version in ``root`` prints."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=root,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ).stdout


def _step(step: str, folder: Path, news: Path | None) -> Any:
    """Run with one version's ``rag``: whatever imports more of it, as ``bench_serving`` does, an
    earlier one may lack."""
    import rag

    if step == "warm":
        rows = (ROOT / "tests" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        questions = [json.loads(row)["question"] for row in rows]
        with rag.Assistant.open(folder) as assistant:
            for question in questions[:20]:
                assistant.answer(question)
            times = []
            for question in questions:
                started = time.perf_counter()
                assistant.answer(question)
                times.append(1_000 * (time.perf_counter() - started))
        return times
    corpus = folder / "corpus.jsonl"
    # An index belongs to one corpus: the news take the place of the sentence that prepared it.
    if news is None:
        corpus.write_text('{"id": "prepare", "text": "One sentence is enough."}\n')
    else:
        corpus.write_bytes(news.read_bytes())
    return rag.build_index(corpus, folder / "index").seconds


def main() -> None:
    """Print the medians, or do one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", default=BEFORE)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--step", choices=("prepare", "warm", "index"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--news", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        found = _step(given.step, given.folder, given.news)
    else:
        import bench  # not with the earlier version, which lacks what it imports

        found = measure(given.data or bench.data_folder(), given.before)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
