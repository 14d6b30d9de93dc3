"""Write ``recorded_answers.jsonl``: what the product answers to each question over the seeds.

    python tests/record_answers.py

Run it after a change that is meant to change answers, and look at the difference.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import rag

HERE = Path(__file__).parent


def main() -> None:
    rows = [json.loads(line) for line in (HERE / "questions.jsonl").open(encoding="utf-8")]
    tally: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    with tempfile.TemporaryDirectory() as folder:
        rag.build_index(HERE.parent / "seeds", folder)
        with (
            rag.Assistant.open(folder) as assistant,
            (HERE / "recorded_answers.jsonl").open("w", encoding="utf-8") as out,
        ):
            for row in rows:
                answer = assistant.answer(
                    row["question"], [tuple(turn) for turn in row.get("history", [])]
                )
                right = any(
                    c.doc_id == q["doc_id"] and q["start"] < c.end and c.start < q["end"]
                    for c in answer.citations
                    for q in row["quotes"]
                )
                record = {
                    "id": row["id"],
                    "abstained": answer.abstained,
                    "right": right,
                    "short_answer": answer.short_answer,
                    "confidence": round(answer.confidence, 2),
                    "citations": [[c.doc_id, c.start, c.end] for c in answer.citations],
                }
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
                short = (answer.short_answer or "").lower()
                hit = any(
                    short and (a.lower() in short or short in a.lower()) for a in row["answers"]
                )
                answerable = bool(row["doc_ids"])
                counts = tally[row["split"], "answerable" if answerable else "unanswerable"]
                for i, value in enumerate((1, not answer.abstained, right, bool(short), hit)):
                    counts[i] += value
    print("split, kind: questions, answered, quote right, short answer given, short answer right")
    for key, counts in sorted(tally.items()):
        print(*key, counts)


if __name__ == "__main__":
    main()
