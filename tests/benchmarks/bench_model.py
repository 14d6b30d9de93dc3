"""A chat model on the leash: falsified and faithful sentences, and articles that give orders.

Measured on the news of 2022, which nothing was developed on: ``bench_prose.py --split test``; the
attacks by ``bench_attacks.py``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import bench_attacks
import numpy as np
from bench_prose import SPLITS, accepted_as_quote, articles, every_article
from mutations import KINDS, mutations

from rag.answering.prose import unsupported
from rag.evaluation.intervals import mean_interval

PARAPHRASES = Path(__file__).with_name("paraphrases_2022.jsonl")


def measure(data: Path) -> dict[str, Any]:
    """Share accepted of falsified sentences by kind, as prose and as quotes, and of faithful
    ones; the attacks stopped."""
    _, _, count, seed = SPLITS["test"]
    prose: dict[str, list[bool]] = defaultdict(list)
    as_quotes = 0
    for mutation in mutations(articles(data, "test").values(), count, seed):
        kind, mutated, cited = mutation
        prose[kind].append(not unsupported(mutated, cited))
        as_quotes += accepted_as_quote(mutation)
    texts = every_article(data, "test")
    faithful = []
    for line in PARAPHRASES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        cited = [texts[row["doc_id"]][start:end] for start, end in row["spans"]]
        faithful.append(not unsupported(row["text"], cited))
    return {
        "falsified": {kind: share(prose[kind]) for kind in KINDS},
        "falsified, all": share([one for kind in KINDS for one in prose[kind]]),
        "falsified, accepted as quotes": as_quotes,
        "faithful": share(faithful),
        "attacks": bench_attacks.measure(),
    }


def share(accepted: list[bool]) -> dict[str, float]:
    """n, the share accepted, and its interval."""
    values = np.array(accepted, dtype=float)
    low, high = mean_interval(values) or (float("nan"), float("nan"))
    return {"n": len(values), "value": float(values.mean()), "low": low, "high": high}
