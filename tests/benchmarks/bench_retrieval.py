"""Ours beside what a user would write today, on test collections (``bench_collections``).

Each system (``systems``) runs as processes of its own, one after another: one that indexes, one
that answers every question, and several that open the finished index and answer one question. What
comes back is scored here: rankings by ``rag.evaluation.ranking``; what is shown by whether an
accepted answer (of a list question every one) stands within its first 300 characters.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bench_collections
import numpy as np
import systems
from bench_collections import Collection, Question

from rag.evaluation.answers import quote_hit
from rag.evaluation.intervals import mean_interval
from rag.evaluation.ranking import score_rankings

COLD_STARTS = 3
WITH_INTERVAL = ("Success@1", "nDCG@10", "quote_hit")


def measure(
    names: Sequence[str],
    data: Path | None,
    done: Callable[[str, dict[str, Any]], None],
    *,
    articles: int = bench_collections.ARTICLES,
) -> None:
    """Measure the collections named; ``done`` is called with each one's results when it is
    finished. One whose data is missing is passed over, and said."""
    for name in names:
        load = bench_collections.loader(name, data, articles)
        if load is None:
            print(f"retrieval, {name}: skipped; put the data in ../shared/data or name it by "
                  "RAG_BENCH_DATA")  # fmt: skip
            continue
        done(name, measure_collection(load()))


def measure_collection(collection: Collection) -> dict[str, Any]:
    """Every system on one collection."""
    characters = sum(len(document.text) for document in collection.documents)
    results: dict[str, Any] = {
        "documents": len(collection.documents),
        "characters": characters,
        "questions": len(collection.questions),
        "systems": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        corpus, questions = Path(folder) / "corpus.jsonl", Path(folder) / "questions.jsonl"
        write_inputs(collection, corpus, questions)
        for name in systems_for(collection):
            print(f"  {name}, {len(collection.documents)} documents …", file=sys.stderr, flush=True)
            output = run_system(name, Path(folder), corpus, questions)
            results["systems"][name] = summary(collection.questions, characters, output)
    return results


def systems_for(collection: Collection) -> list[str]:
    """All, but ``untitled`` only where titles tell what the texts do not begin with anyway."""
    titled = [d for d in collection.documents if d.title and not d.text.startswith(d.title)]
    without = 2 * len(titled) <= len(collection.documents)
    return [name for name in systems.SYSTEMS if not (without and name == "untitled")]


def write_inputs(collection: Collection, corpus: Path, questions: Path) -> None:
    """What the systems are given: no judgement, no accepted answer."""
    records = [
        {"id": d.id, "text": d.text} | ({} if d.title is None else {"title": d.title})
        for d in collection.documents
    ]
    asked = [{"id": q.id, "question": q.text} for q in collection.questions]
    for path, rows in ((corpus, records), (questions, asked)):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run_system(name: str, folder: Path, corpus: Path, questions: Path) -> dict[str, Any]:
    """Prepare, index, answer, and start cold; what ``systems`` reports and the seconds taken."""
    own = folder / name
    own.mkdir()
    indexed, answered = folder / f"{name}-index.json", folder / f"{name}-answers.json"
    has_to_prepare = hasattr(systems.SYSTEMS[name], "prepare")
    prepare_s = _seconds("prepare", name, own) if has_to_prepare else 0.0
    _seconds("index", name, own, corpus, indexed)
    _seconds("answer", name, own, questions, answered)
    first = json.loads(questions.read_text(encoding="utf-8").splitlines()[0])["question"]
    cold = [_seconds("cold", name, own, first) for _ in range(COLD_STARTS)]
    return {
        "prepare_s": prepare_s,
        "cold_start_s": statistics.median(cold),
        **json.loads(indexed.read_text()),
        **json.loads(answered.read_text()),
    }


def _seconds(*arguments: object) -> float:
    """Wall seconds of a process of ``systems.py``.

    Raises:
        RuntimeError: It failed; with the last it said.
    """
    command = [sys.executable, systems.__file__, *map(str, arguments)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:4])} failed:\n{done.stderr[-2_000:]}")
    return time.perf_counter() - started


def quote_hits(questions: Sequence[Question], shown: Mapping[str, str]) -> dict[str, float]:
    """For each question with accepted answers 1 if one stands in what is shown (if all are wanted,
    every one), else 0."""
    return {
        q.id: float(quote_hit(q.answers, [shown[q.id]], all_of_them=q.all_answers) == 1)
        for q in questions
        if q.answers
    }


def summary(
    questions: Sequence[Question], characters: int, output: Mapping[str, Any]
) -> dict[str, Any]:
    """Scores and times of one system; see ``scores`` for the former."""
    found = output["questions"]
    seconds = [row["seconds"] for row in found.values()]
    index_s = output["index_s"]
    return {
        **scores(questions, found),
        "prepare_s": round(output["prepare_s"], 1),
        "index_s": round(index_s, 1),
        "index_characters_per_s": round(characters / index_s),
        "answer_median_ms": round(1000 * statistics.median(seconds), 1),
        "answer_p95_ms": round(1000 * float(np.percentile(seconds, 95)), 1),
        "cold_start_s": round(output["cold_start_s"], 2),
        "index_peak_mb": output["index_peak_mb"],
        "answer_peak_mb": output["answer_peak_mb"],
    }


def scores(questions: Sequence[Question], found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the questions, in [0, 1], with 95 % bootstrap intervals of some.

    Args:
        found: For each question id its ``ranking`` (document ids), ``shown`` (text) and
            ``answered`` (whether the system, as it comes, would have answered).

    Returns:
        The measures of ``rag.evaluation.ranking`` over the questions with a relevant document,
        ``quote_hit`` over the ``quote_questions`` that have accepted answers (None where there are
        none), ``answered``: how many questions were, and ``intervals_95``.
    """
    qrels = {q.id: q.relevant for q in questions}
    values = {
        name: list(by_question.values())
        for name, by_question in score_rankings(
            qrels, {key: row["ranking"] for key, row in found.items()}
        ).items()
    }
    hits = quote_hits(questions, {key: row["shown"] for key, row in found.items()})
    values["quote_hit"] = list(hits.values())
    intervals = {}
    for name in WITH_INTERVAL:
        interval = mean_interval(np.array(values[name]))
        if interval is not None:
            intervals[name] = [round(bound, 4) for bound in interval]
    means = {name: round(statistics.fmean(v), 4) if v else None for name, v in values.items()}
    return {
        **means,
        "quote_questions": len(hits),
        "answered": sum(row["answered"] for row in found.values()),
        "intervals_95": intervals,
    }
