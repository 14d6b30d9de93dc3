"""Indexing beside the LangChain tutorial pipeline: characters of article a second, in turns.

    python tests/benchmarks/bench_indexing.py [--rounds N] [--articles N]

Whole processes of ``systems.py`` over the same news of the years up to 2023, ours and theirs in
turns, so that what else the machine does meets both. Ours has its networks prepared, as they are
once for an index folder.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import systems

ARTICLES, ROUNDS = 400, 3
NEWS = "train/news_text.jsonl.gz"


def measure(data: Path, articles: int = ARTICLES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Each round's characters a second of both, and the median of the rounds' ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        corpus, prepared = Path(scratch) / "corpus.jsonl", Path(scratch) / "prepared"
        with gzip.open(data / NEWS, "rt", encoding="utf-8") as stream:
            rows = [json.loads(line) for line in itertools.islice(stream, articles)]
        lines = (json.dumps({"id": str(n), "text": row["text"]}) for n, row in enumerate(rows))
        corpus.write_text("\n".join(lines), encoding="utf-8")
        characters = sum(len(row["text"]) for row in rows)
        prepared.mkdir()
        _process("prepare", "ours", prepared)
        found = [
            {name: _rate(name, Path(scratch), prepared, corpus, characters)
             for name in ("ours", "langchain")}
            for _ in range(rounds)
        ]  # fmt: skip
    return {
        "articles": articles,
        "characters": characters,
        "rounds": found,
        "ratio": round(statistics.median(one["ours"] / one["langchain"] for one in found), 2),
    }


def _rate(name: str, scratch: Path, prepared: Path, corpus: Path, characters: int) -> int:
    folder, out = scratch / name, scratch / "out.json"
    if name == "ours":
        shutil.copytree(prepared, folder)
    else:
        folder.mkdir()
    _process("index", name, folder, corpus, out)
    shutil.rmtree(folder)
    return round(characters / json.loads(out.read_text())["index_s"])


def _process(*arguments: object) -> None:
    command = [sys.executable, systems.__file__, *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Print the rounds."""
    import bench

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=ARTICLES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--data", type=Path, default=bench.data_folder())
    given = parser.parse_args()
    print(json.dumps(measure(given.data, given.articles, given.rounds)))


if __name__ == "__main__":
    main()
