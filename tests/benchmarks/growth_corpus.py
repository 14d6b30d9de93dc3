"""News of 2022 recombined into as many short articles as are wanted.

    python tests/benchmarks/growth_corpus.py --articles N --out FILE.jsonl [--data FOLDER]

Each made article has ten sentences of the news, drawn from anywhere, and the first words of an
eleventh as its title; outlet and day are those of the article that the eleventh stands in. With
RAG_PASSAGE_TOKENS=32 nearly every sentence is a passage. The articles of a smaller corpus are the
first of a larger one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import bench

from rag.corpus.sentences import sentence_spans

NEWS = "eval/realtimeqa_2022.articles.jsonl.gz"
SENTENCES = 10
SHORTEST, LONGEST = 60, 130
"""Of a sentence, in characters: as a rule one fits a passage of 32 word pieces, two do not."""
_TITLE_WORDS = 7
_SEED = 8


def sentences(data: Path) -> list[tuple[str, dict[str, str]]]:
    """The news' sentences of middling length, each with its article's outlet and day."""
    found = {}
    with gzip.open(data / NEWS, "rt", encoding="utf-8") as stream:
        for record in map(json.loads, stream):
            source = {key: record[key] for key in ("source", "published") if record.get(key)}
            for start, end in sentence_spans(record["text"]):
                text = " ".join(record["text"][start:end].split())
                if SHORTEST <= len(text) <= LONGEST:
                    found.setdefault(text, source)
    return list(found.items())


def made(data: Path, count: int) -> Iterator[dict[str, str]]:
    """``count`` articles, the same ones at each call."""
    pool = sentences(data)
    draw = random.Random(_SEED)
    for number in range(count):
        title, source = draw.choice(pool)
        body = [draw.choice(pool)[0] for _ in range(SENTENCES)]
        yield {
            "id": f"made-{number:07}",
            "title": " ".join(title.split()[:_TITLE_WORDS]),
            "text": "\n".join(body),
            **source,
        }


def main() -> None:
    """Write a corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=bench.data_folder())
    given = parser.parse_args()
    with given.out.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(record) + "\n" for record in made(given.data, given.articles))


if __name__ == "__main__":
    main()
