"""Writes ``rag/news/ordinary.txt``: words that news mostly writes small within a sentence.

    python tests/benchmarks/ordinary_words.py DATA_FOLDER

A capital at the start of a sentence says nothing; with this list "Researchers" there is a word and
"Trump" a name. Counts of single words only, no text.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from pathlib import Path

LEAST, MOST_CAPITAL = 30, 0.6
_INSIDE = re.compile(r"(?<=[a-z,] )([A-Za-z][a-z]+)(?![A-Za-z’'-])")


def main() -> None:
    small: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    path = Path(sys.argv[1]) / "train" / "news_text.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            found = set(_INSIDE.findall(json.loads(line)["text"]))
            small.update(word for word in found if word.islower())
            capital.update(word.lower() for word in found if not word.islower())
    kept = sorted(
        w for w, n in small.items() if n >= LEAST and len(w) > 1 and capital[w] <= MOST_CAPITAL * n
    )
    target = Path(__file__).parents[2] / "rag" / "news" / "ordinary.txt"
    target.write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
