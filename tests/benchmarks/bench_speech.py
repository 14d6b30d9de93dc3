"""Who said it: speakers found by ``rag.news.speech`` against quotations labelled by hand.

    python tests/benchmarks/bench_speech.py [--labels FILE] [--data FOLDER] [--show]

A line of a label file: ``doc_id`` (the article's address), ``sha256`` of its text, ``start`` and
``end`` of the words said (between the marks; of reported speech, the told clause), ``direct``,
``speaker`` as fully as the article names them (null: nobody, as for a scare quote or a title),
``also`` (other forms that are right) and ``speaker_at``. The rules were written on
``quotations_2023.jsonl``, in rounds (``round``): each was drawn, labelled and scored before what it
showed was mended. ``quotations_2022.jsonl`` is for measuring alone, and its failures are never
printed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rag.corpus.sentences import sentence_spans
from rag.datatypes import text_sha256
from rag.evaluation.intervals import mean_interval
from rag.news.speech import same_speaker, speech_at, speeches

HERE = Path(__file__).resolve().parent
LABELS = {
    "2023": ("quotations_2023.jsonl", "train/news_text.jsonl.gz"),
    "2022": ("quotations_2022.jsonl", "eval/realtimeqa_2022.articles.jsonl.gz"),
}
Label = dict[str, Any]


def labelled(data: Path, year: str) -> Iterator[tuple[Label, str]]:
    """Each label of a year with its article's text; ValueError if the text is another."""
    name, news = LABELS[year]
    labels = [json.loads(line) for line in (HERE / name).read_text().splitlines()]
    wanted = {label["doc_id"] for label in labels}
    with gzip.open(data / news, "rt", encoding="utf-8") as stream:
        records = map(json.loads, stream)
        texts = {r["url"]: r["text"] for r in records if r["url"] in wanted}
    for label in labels:
        text = texts[label["doc_id"]]
        if text_sha256(text) != label["sha256"]:
            raise ValueError(f"{label['doc_id']}: not the text that was labelled")
        yield label, text


def found_speaker(label: Label, text: str) -> str | None:
    """Who the rules say speaks; of words in quotation marks only direct speech counts, since a
    title inside a told clause is still nobody's quotation."""
    found = speeches(text, sentence_spans(text))
    if label["direct"]:
        found = [speech for speech in found if speech.direct]
    speech = speech_at(found, label["start"], label["end"])
    return None if speech is None else speech.speaker


def is_right(label: Label, speaker: str | None) -> bool:
    if speaker is None or label["speaker"] is None:
        return speaker is None and label["speaker"] is None
    return any(same_speaker(speaker, name) for name in (label["speaker"], *label["also"]))


def share(values: list[bool]) -> dict[str, object]:
    interval = mean_interval(np.array(values, dtype=float))
    return {
        "n": len(values),
        "share": round(float(np.mean(values)), 4) if values else None,
        "interval": interval and [round(bound, 4) for bound in interval],
    }


def measure(data: Path, year: str = "2022", show: bool = False) -> dict[str, object]:
    """Shares right, with 95 % bootstrap intervals: of all labels, of direct and of reported
    speech; precision (of those given a speaker) and recall (of those that have one)."""
    rows = []
    for label, text in labelled(data, year):
        speaker = found_speaker(label, text)
        rows.append((label, speaker, is_right(label, speaker)))
        if show and year != "2022" and not rows[-1][2]:
            place = text[max(0, label["start"] - 150) : label["start"]], label, speaker
            said = text[label["start"] : label["end"]][:150]
            print(f"{place[0]} [[{said}]] {text[label['end'] : label['end'] + 120]}")
            print(f"  wanted {label['speaker']!r}, found {speaker!r}\n")
    return {
        "right": share([right for *_, right in rows]),
        "direct": share([right for label, _, right in rows if label["direct"]]),
        "reported": share([right for label, _, right in rows if not label["direct"]]),
        "precision": share([right for _, speaker, right in rows if speaker is not None]),
        "recall": share([right for label, _, right in rows if label["speaker"] is not None]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--year", choices=LABELS, default="2023")
    parser.add_argument("--data", type=Path, default=os.environ.get("RAG_BENCH_DATA"))
    parser.add_argument("--show", action="store_true", help="print what is wrong (2023 only)")
    options = parser.parse_args()
    data = options.data or HERE.parents[1] / ".." / "shared" / "data"
    print(json.dumps(measure(data, options.year, options.show), indent=2))


if __name__ == "__main__":
    main()
