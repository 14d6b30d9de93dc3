"""Boundary precision and recall of ``rag.corpus.sentences`` on sentences labelled by hand.

The labels (``sentence_labels.jsonl``) are offsets into articles of ``train/news_text``; the text
itself is copyrighted and not part of the product. Boundaries at line ends are left out of the
score, because every segmenter gets them right. Run by ``make bench``.
"""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

from rag.corpus.sentences import sentence_spans

LABELS = Path(__file__).with_name("sentence_labels.jsonl")


def measure(data: Path) -> dict[str, float]:
    """Precision, recall and F1 over mid-line boundaries, and characters a second."""
    labels = [json.loads(line) for line in LABELS.read_text().splitlines()]
    wanted = {label["url"] for label in labels}
    texts = {}
    with gzip.open(data / "train" / "news_text.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            record = json.loads(line)
            if record["url"] in wanted:
                texts[record["url"]] = record["text"]
    right = found = gold = 0
    for label in labels:
        window = texts[label["url"]][label["start"] : label["end"]]
        truth = _inside(window, {end - label["start"] for end in label["ends"]})
        guess = _inside(window, {end for _, end in sentence_spans(window)})
        right += len(truth & guess)
        found += len(guess)
        gold += len(truth)
    started = time.perf_counter()
    for text in texts.values():
        sentence_spans(text)
    seconds = time.perf_counter() - started
    precision, recall = right / found, right / gold
    return {
        "boundaries": gold,
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / (precision + recall), 4),
        "characters_per_second": round(sum(map(len, texts.values())) / seconds),
    }


def _inside(window: str, ends: set[int]) -> set[int]:
    """The ends after which the line goes on."""
    return {end for end in ends if window[end:].split("\n", 1)[0].strip()}
