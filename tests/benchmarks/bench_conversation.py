"""Follow-ups: are they understood? Scores of conversations with history, without, with the
question before put in front, and with the standalone form that a person wrote.

    python tests/benchmarks/bench_conversation.py SET.jsonl --corpus FOLDER_OR_JSONL [--show]

A turn is right if the best answer found, however doubtful, quotes a gold sentence. The sets,
written by hand, are ``tests/conversations.jsonl`` over the seeds, whose ``dev`` half the rules were
made with, and ``conversations_2022.jsonl`` here, over 541 articles of the news of 2022 (those that
the turns are on, and 500 drawn at random), which nothing was made with.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import rag
from rag.evaluation.intervals import mean_interval
from rag.index.lexical import words

HERE = Path(__file__).resolve().parent
DISTRACTORS = 500
FORMS = ("as a conversation", "no history", "the last question before it", "written by hand")


def asked(turn: dict[str, Any], form: str) -> tuple[str, list[tuple[str, str]]]:
    """(question, history) of a turn in a form."""
    history = [(q, a) for q, a in turn["history"]]
    return {
        "as a conversation": (turn["question"], history),
        "no history": (turn["question"], []),
        "the last question before it": (f"{history[-1][0]} {turn['question']}", []),
        "written by hand": (turn["standalone"], []),
    }[form]


def right(answer: rag.Answer, turn: dict[str, Any]) -> bool:
    """True if a quote shown overlaps a gold one by half."""
    return any(
        c.doc_id == q["doc_id"]
        and min(c.end, q["end"]) - max(c.start, q["start"]) >= (q["end"] - q["start"]) / 2
        for c in answer.citations
        for q in turn["quotes"]
    )


def scores(assistant: rag.Assistant, turns: list[dict[str, Any]], show: bool) -> dict[str, Any]:
    """For each form, n and share right of the turns that lean on earlier ones and of changes of
    subject, and how many changes of subject were left as they stand."""
    found: dict[str, Any] = {}
    for form in FORMS:
        rows = []
        for turn in turns:
            question, history = asked(turn, form)
            answer = assistant.answer(question, history, error_rate=1.0)
            rows.append(
                (turn["changes_subject"], bool(turn["quotes"]), right(answer, turn), answer)
            )
            if show and form == FORMS[0]:
                print(f"{'right' if rows[-1][2] else 'WRONG' if turn['quotes'] else 'none '} "
                      f"{turn['kind']:9} {turn['history'][-1]} {turn['question']}\n"
                      f"      -> {answer.standalone}\n         {turn['standalone']}\n"
                      f"         {answer.short_answer} / {turn['answers']}")  # fmt: skip
        for name, change in (("follow-ups", False), ("changes of subject", True)):
            values = np.array([r[2] for r in rows if r[0] is change and r[1]], dtype=float)
            low, high = mean_interval(values) or (np.nan, np.nan)
            found[f"{form}, {name}"] = {
                "n": len(values), "value": float(values.mean()), "low": low, "high": high
            }  # fmt: skip
        if form == FORMS[0]:
            kept = [set(words(r[3].standalone)) <= set(words(r[3].question)) for r in rows if r[0]]
            found["changes of subject left as they stand"] = {
                "n": len(kept),
                "value": float(np.mean(kept)),
            }
    return found


def measure(data: Path) -> dict[str, Any]:
    """``scores`` of the unseen half over the seeds, and of the set over the news."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path, corpus in (
            ("seeds", HERE.parent / "conversations.jsonl", HERE.parents[1] / "seeds"),
            ("news", HERE / "conversations_2022.jsonl", Path(folder) / "news.jsonl"),
        ):
            turns = [json.loads(line) for line in path.open(encoding="utf-8")]
            turns = [turn for turn in turns if turn["split"] == "test"]
            if name == "news":
                write_news(data, turns, corpus)
            rag.build_index(corpus, Path(folder) / name)
            with rag.Assistant.open(Path(folder) / name) as assistant:
                found[name] = scores(assistant, turns, False)
    return found


def write_news(data: Path, turns: list[dict[str, Any]], path: Path) -> None:
    """The articles that turns are on, and ``DISTRACTORS`` others."""
    wanted = {q["doc_id"] for turn in turns for q in turn["quotes"]}
    wanted |= {doc_id for turn in turns for doc_id in turn["doc_ids"]}
    with gzip.open(data / "eval" / "realtimeqa_2022.articles.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream]
    random.Random(3).shuffle(rows)
    others = [row for row in rows if row["url"] not in wanted][:DISTRACTORS]
    kept = [row for row in rows if row["url"] in wanted] + others
    path.write_text("".join(json.dumps(row | {"id": row["url"]}) + "\n" for row in kept))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("questions", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--split")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    turns = [json.loads(line) for line in args.questions.open()]
    turns = [turn for turn in turns if args.split in (None, turn["split"])]
    with tempfile.TemporaryDirectory() as folder:
        rag.build_index(args.corpus, folder)
        with rag.Assistant.open(folder) as assistant:
            for name, values in scores(assistant, turns, args.show).items():
                print(name, {k: round(float(v), 3) for k, v in values.items()})


if __name__ == "__main__":
    main()
