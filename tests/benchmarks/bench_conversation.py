"""Follow-ups: are they understood? Scores of conversations with history, without, with the
question before put in front, and with the standalone form that a person wrote.

    python tests/benchmarks/bench_conversation.py SET.jsonl --corpus FOLDER_OR_JSONL [--show]

A turn is right if the best answer found, however doubtful, quotes a gold sentence; a change of
subject is right if nothing was carried over. The sets are ``tests/conversations.jsonl`` over the
seeds, and ``conversations_2022.jsonl`` here, over the news of 2022: see ``bench.py``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import rag
from rag.evaluation.intervals import mean_interval
from rag.index.lexical import words

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
                "n": len(values), "right": values.mean(), "low": low, "high": high
            }  # fmt: skip
        if form == FORMS[0]:
            kept = [set(words(r[3].standalone)) <= set(words(r[3].question)) for r in rows if r[0]]
            found["changes of subject left as they stand"] = {
                "n": len(kept),
                "right": np.mean(kept),
            }
    return found


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
