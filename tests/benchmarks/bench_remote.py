"""An index in Milvus and PostgreSQL beside the embedded one: the same answers, at what price?

A sample of the news of 2022 is indexed by both, and the quiz questions of that year are asked of
both, warm. Milvus is Milvus Lite, a server of its own on loopback, written in Python: what it takes
says little of Milvus; what the product adds by going over the wire it does say.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bench

import rag
from rag.settings import Settings, load_settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import milvus_server
import postgres

ARTICLES = 300
_SEED = 3


def measure(data: Path, articles: int | None = None) -> dict[str, Any]:
    """Articles a second into each, answer times, and how many questions get the same citations
    (``agreement``) and the same first passages (``same_first_5``); what differs, to be looked into."""
    if not postgres.FOUND:
        return {"skipped": postgres.WHY_NOT}
    packed = data / "eval" / "realtimeqa_2022.articles.jsonl.gz"
    with gzip.open(packed, "rt", encoding="utf-8") as stream:
        lines = random.Random(_SEED).sample(stream.readlines(), articles or ARTICLES)
    with gzip.open(packed.with_name("realtimeqa_2022.questions.jsonl.gz"), "rt") as stream:
        questions = [json.loads(line)["question"] for line in stream]
    with tempfile.TemporaryDirectory() as name, postgres.serving() as store:
        folder = Path(name)
        (folder / "news.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / "one.txt").write_text("The networks are prepared with the first article.")
        with milvus_server.serving(folder / "milvus") as url:
            embedded = load_settings(index=folder / "index")
            remote = load_settings(index=url, store=store, local=folder / "index")
            # Preparing the networks is no part of either.
            rag.build_index(folder / "one.txt", embedded.index, settings=embedded)
            found = {}
            for label, settings in (("embedded", embedded), ("remote", remote)):
                report = rag.build_index(
                    folder / "news.jsonl", settings.index, replace=True, settings=settings
                )
                found[label] = {
                    "passages": report.passages,
                    "articles_per_s": round(report.articles / report.seconds, 1),
                }
            answers = {label: asked(one, questions) for label, one in
                       (("embedded", embedded), ("remote", remote))}  # fmt: skip
    for label, (_, _, seconds) in answers.items():
        found[label]["answer"] = bench.spread(seconds)
    (here, first_here, _), (there, first_there, _) = answers["embedded"], answers["remote"]
    return found | {
        "articles": len(lines),
        "questions": len(questions),
        "agreement": share(here, there),
        "same_first_5": share(first_here, first_there),
        "differing": [
            {"question": question, "embedded": one, "remote": other}
            for question, one, other in zip(questions, here, there, strict=True)
            if one != other
        ],
    }


def share(one: list[Any], other: list[Any]) -> float:
    """Of two lists, how much is the same at the same place."""
    return round(sum(a == b for a, b in zip(one, other, strict=True)) / len(one), 4)


def asked(settings: Settings, questions: list[str]) -> tuple[list[Any], ...]:
    """(citations, first five passages, seconds) of each question; the first is asked twice."""
    citations, passages, seconds = [], [], []
    with rag.Assistant.open(settings.index, settings=settings) as assistant:
        assistant.answer(questions[0])
        for question in questions:
            started = time.perf_counter()
            answer = assistant.answer(question)
            seconds.append(time.perf_counter() - started)
            citations.append([(c.doc_id, c.start, c.end) for c in answer.citations])
            passages.append([hit.passage.passage_id for hit in answer.hits[:5]])
    return citations, passages, seconds
