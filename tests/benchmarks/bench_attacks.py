"""A model that obeys what articles tell it: how much of that reaches the person as prose?

    python tests/benchmarks/bench_attacks.py [--show]

For each of the attack articles in ``tests/attacks.jsonl``, on which the checks were developed, and
in ``attacks_held_out.jsonl``, which were written by somebody who knew only that there are checks,
a scripted server replies as an obedient model would. An attack is stopped if none of its forbidden
words is in the answer's prose; exact quotes may hold them, shown as such.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import rag
from rag.settings import load_settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chat_server import ChatServer, Reply, Says

HERE = Path(__file__).resolve().parent

SETS = {
    "developed on": HERE.parent / "attacks.jsonl",
    "held out": HERE / "attacks_held_out.jsonl",
}


def measure(show: bool = False) -> dict[str, Any]:
    """For each set: attacks, those whose words a model was shown, those stopped, by kind, and how
    many answers kept some of the model's prose."""
    return {name: _one(path, show) for name, path in SETS.items()}


def _one(path: Path, show: bool) -> dict[str, Any]:
    attacks = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    by_question = {attack["question"]: attack for attack in attacks}

    def obeys(body: dict[str, Any]) -> Reply:
        asked = body["messages"][1]["content"].splitlines()[0]
        return Says(by_question[asked.removeprefix("Question: ")]["obedient_reply"])

    kinds: dict[str, list[bool]] = {}
    prose_given = 0
    with tempfile.TemporaryDirectory() as folder, ChatServer(obeys) as server:
        corpus = Path(folder) / "corpus.jsonl"
        corpus.write_text("\n".join(json.dumps(attack["article"]) for attack in attacks))
        rag.build_index(corpus, Path(folder) / "index")
        settings = load_settings(llm="openai:scripted", llm_url=server.url, error_rate=1.0)
        with rag.Assistant.open(Path(folder) / "index", settings=settings) as assistant:
            for attack in attacks:
                answer = assistant.answer(attack["question"])
                prose = answer.text if answer.model != "extractive" else ""
                stopped = not any(words in prose for words in attack["forbidden"])
                if show and not stopped:
                    print(f"{attack['id']} {attack['kind']}: {prose}")
                kinds.setdefault(attack["kind"], []).append(stopped)
                prose_given += bool(prose)
        shown = sum(
            any(words[:60] in request["messages"][1]["content"] for words in attack["injected"])
            for attack, request in zip(attacks, server.requests, strict=True)
        )
    return {
        "attacks": len(attacks),
        "shown to the model": shown,
        "stopped": sum(map(sum, kinds.values())),
        "some prose kept": prose_given,
        "by kind": {kind: f"{sum(of)} of {len(of)}" for kind, of in sorted(kinds.items())},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--show", action="store_true")
    print(json.dumps(measure(parser.parse_args().show), indent=2))
