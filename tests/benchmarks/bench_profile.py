"""Where the time goes: a cold ``python -m rag ask`` and a warm answer, stage by stage.

    python tests/benchmarks/bench_profile.py

Stages are timed one after the other in a process of their own, so each stands alone; the command
line runs some of them beside each other, and its whole is given too. Beside each stage stands its
limit, the time that the work would take if nothing but the machine held it up: bytes at the rate at
which this machine reads a file it has in memory, operations at that of its bfloat16 matrix product.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

QUESTION = "How many weapons does the Taliban say were left behind?"
REPEATS = 5
_HERE = Path(__file__).resolve()
ROOT = _HERE.parents[2]


def cold_stages(index: Path) -> dict[str, float]:
    """Seconds of each stage of a first question, in this process."""
    found, last = {}, time.perf_counter()

    def done(stage: str) -> None:
        nonlocal last
        now = time.perf_counter()
        found[stage], last = now - last, now

    from rag.settings import load_settings

    settings = load_settings()
    done("settings")
    import sqlalchemy  # noqa: F401

    done("import SQLAlchemy")
    from rag.assistant import Assistant

    done("import the rest")
    from rag.models.light import _openvino

    _openvino()
    done("import OpenVINO")
    assistant = Assistant(index, settings)
    done("open the index")
    networks = assistant._use()._state.index.networks
    _ = networks.encoder
    done("load the encoder")
    _ = networks.reader
    done("load the reader")
    assistant.answer(QUESTION)
    done("answer")
    return found


def warm_stages(index: Path, questions: list[str]) -> dict[str, float]:
    """Milliseconds of each stage of an answer, the mean over the questions, in this process."""
    import rag.assistant
    import rag.evidence
    import rag.reader.spans
    import rag.resources
    from rag.models.span_network import LightSpanNetwork

    total: defaultdict[str, float] = defaultdict(float)

    def timed(stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                total[stage] += time.perf_counter() - started

        return run

    with rag.Assistant.open(index) as assistant:
        for question in questions[:20]:
            assistant.answer(question)
        rag.resources.Resources.vector = timed(
            "encode the question", rag.resources.Resources.vector
        )
        rag.evidence.search = timed("search", rag.evidence.search)
        rag.reader.spans.SpanReader.read = timed("read", rag.reader.spans.SpanReader.read)
        LightSpanNetwork.score = timed("network", LightSpanNetwork.score)
        rag.assistant.compose = timed("compose, attribute", rag.assistant.compose)
        rag.assistant.checked = timed("check the quotes", rag.assistant.checked)
        started = time.perf_counter()
        for question in questions:
            assistant.answer(question)
        whole = time.perf_counter() - started
    stages = dict(total)
    network = stages.pop("network")
    stages["read: weigh what the network found"] = stages.pop("read") - network
    stages["read: the network"] = network
    stages["understand, sides, notes"] = whole - sum(stages.values())
    return {stage: 1_000 * seconds / len(questions) for stage, seconds in stages.items()}


def limits(index: Path) -> dict[str, float]:
    """What the stages cannot be quicker than: seconds to read both forms' bytes, milliseconds of
    matrix products for a question of 16 word pieces and for five passages of 144."""
    import bench_reader

    from rag.index.manifest import encoder_folder, read_manifest, reader_folder

    manifest = read_manifest(index)
    assert manifest.reader is not None
    forms = [
        encoder_folder(index, manifest.embedding.sha256) / "network.bin",
        reader_folder(index, manifest.reader.sha256) / "network.bin",
    ]
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        size = sum(len(form.read_bytes()) for form in forms)
        seconds.append(time.perf_counter() - started)
    rate = bench_reader.matrix_rate()

    def product_ms(texts: int, tokens: int) -> float:
        return texts * tokens * 6 * (2 * 12 * 384**2 + 4 * 384 * tokens) / rate / 1e6

    return {
        "form_mb": round(size / 1e6, 1),
        "read_forms_s": round(min(seconds), 3),
        "question_ms": round(product_ms(1, 16), 2),
        "five_passages_ms": round(product_ms(5, 144), 1),
        "matrix_gflop_per_s": round(rate),
    }


def measure(index: Path) -> dict[str, Any]:
    """Both profiles over an index of the seeds, and the limits."""
    import bench  # not above: what it imports is what a cold start is timed at

    command = [sys.executable, str(_HERE), "--index", str(index), "--stage"]
    runs = [
        json.loads(subprocess.run([*command, "cold"], capture_output=True, check=True).stdout)
        for _ in range(REPEATS)
    ]
    warm = json.loads(subprocess.run([*command, "warm"], capture_output=True, check=True).stdout)
    start = bench.wall([sys.executable, "-c", "pass"], REPEATS)
    ask = [sys.executable, "-m", "rag", "ask", QUESTION]
    return {
        "cold_s": {
            "start Python": round(start, 3),
            **{stage: round(statistics.median(r[stage] for r in runs), 3) for stage in runs[0]},
        },
        "cold_whole_s": round(bench.wall(ask, REPEATS), 2),
        "warm_ms": {stage: round(ms, 2) for stage, ms in warm.items()},
        "limits": limits(index),
    }


def main() -> None:
    """Print the profile, or one stage's times."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, default=ROOT / "index")
    parser.add_argument("--stage", choices=("cold", "warm"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage == "cold":
        found: dict[str, Any] = cold_stages(given.index)
    elif given.stage == "warm":
        lines = (ROOT / "tests" / "questions.jsonl").open(encoding="utf-8")
        found = warm_stages(given.index, [json.loads(line)["question"] for line in lines])
    else:
        found = measure(given.index)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
