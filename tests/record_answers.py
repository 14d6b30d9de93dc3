"""Write ``recorded_answers.jsonl``: what the product answers to each question over the seeds.

    python tests/record_answers.py

Run it after a change that is meant to change answers, and look at the difference.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import rag

HERE = Path(__file__).parent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rag.build_index(HERE.parent / "seeds", folder)
        with rag.Assistant.open(folder) as assistant:
            report = rag.evaluate(assistant, HERE / "questions.jsonl")
    with (HERE / "recorded_answers.jsonl").open("w", encoding="utf-8") as out:
        for record in report.records:
            given = record.given
            line = {
                "id": record.id,
                "abstained": record.abstained,
                "right": given is not None and given.right,
                "short_answer": given.short_answer if given else None,
                "confidence": round(record.confidence, 2),
                "citations": [[q.doc_id, q.start, q.end] for q in given.quotes] if given else [],
            }
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(report.table())


if __name__ == "__main__":
    main()
