"""How often the prose gate lets a falsified sentence through, and a faithful one.

    python tests/benchmarks/bench_prose.py --paraphrases FILE [--split dev|test] [--data FOLDER] [--show N]

Falsified: ``mutations.py`` on news of 2023 (dev) or 2022 (test). Faithful: paraphrases written by
hand. Words and thresholds were chosen on dev; failures of test are never printed.
"unchanged" are sentences of the same news with one space put in: what the checks refuse of them is
no change at all.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
from mutations import KINDS, Mutation, mutations

from rag.answering.prose import unsupported
from rag.answering.verify import citation_holds
from rag.corpus.sentences import sentence_spans
from rag.datatypes import Article, Citation
from rag.evaluation.intervals import mean_interval

SPLITS = {
    "dev": ("train/news_text.jsonl.gz", "2023", 1_400, 1),
    "test": ("eval/realtimeqa_2022.articles.jsonl.gz", "", 2_450, 2022),
}


def articles(data: Path, split: str) -> dict[str, str]:
    """Address to text of the split's articles."""
    name, year, _, _ = SPLITS[split]
    with gzip.open(data / name, "rt", encoding="utf-8") as stream:
        records = map(json.loads, stream)
        return {r["url"]: r["text"] for r in records if (r.get("published") or "").startswith(year)}


def every_article(data: Path, split: str) -> dict[str, str]:
    """The same, whatever the year: paraphrases say which article they are of."""
    with gzip.open(data / SPLITS[split][0], "rt", encoding="utf-8") as stream:
        return {r["url"]: r["text"] for r in map(json.loads, stream)}


def accepted_as_quote(mutation: Mutation) -> bool:
    """True if the quote gate would show the mutated text as a quote of its source."""
    _, mutated, cited = mutation
    article = Article("source", "", "\n".join(cited))
    return any(
        citation_holds(
            Citation(1, "source", start, start + length, mutated, "", None, None, None, article.sha256),
            article,
        )
        for start in {0, len(article.text) - len(cited[-1])}
        for length in {len(mutated), len(cited[0])}
    )  # fmt: skip


def row(name: str, accepted: list[bool], quoted: list[bool] | None = None) -> str:
    values = np.array(accepted, dtype=float)
    low, high = mean_interval(values) or (float("nan"),) * 2
    share = f"{100 * values.mean():5.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{name:<14}{len(values):>6}  {share:<24}" + (
        f"{sum(quoted):>4}" if quoted is not None else ""
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=SPLITS, default="dev")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--paraphrases", type=Path)
    parser.add_argument("--show", type=int, default=0, help="failures to print (dev only)")
    parser.add_argument("--seed", type=int, help="another draw of mutations (dev only)")
    given = parser.parse_args()
    show = given.show if given.split == "dev" else 0
    _, _, count, seed = SPLITS[given.split]
    seed = given.seed if given.seed is not None and given.split == "dev" else seed
    made = list(mutations(articles(given.data, given.split).values(), count, seed))
    started = time.perf_counter()
    results: dict[str, list[bool]] = defaultdict(list)
    quotes: dict[str, list[bool]] = defaultdict(list)
    for mutation in made:
        kind, mutated, cited = mutation
        passed = not unsupported(mutated, cited)
        if passed and results[kind].count(True) < show:
            print(f"{kind}: {' || '.join(cited)}\n   -> {mutated}")
        results[kind].append(passed)
        quotes[kind].append(accepted_as_quote(mutation))
    each = (time.perf_counter() - started) / len(made)
    print(f"{'falsified':<14}{'n':>6}  {'accepted [95 %]':<24}as quotes")
    for kind in KINDS:
        print(row(kind, results[kind], quotes[kind]))
    print(row("all", [*chain(*results.values())], [*chain(*quotes.values())]))
    print(f"{1000 * each:.2f} ms a sentence")
    if given.paraphrases is not None:
        faithful(given.paraphrases, every_article(given.data, given.split), show)
    unchanged(articles(given.data, given.split).values(), show)


def faithful(path: Path, texts: dict[str, str], show: int) -> None:
    """Print how many of the hand-written paraphrases are accepted, also by how they were made."""
    results: dict[str, list[bool]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        text = texts[record["doc_id"]]
        cited = [text[start:end] for start, end in record["spans"]]
        reasons = unsupported(record["text"], cited)
        if reasons and results["all"].count(False) < show:
            print(f"{record['how']}: {' || '.join(cited)}\n   -> {record['text']}\n   {reasons}")
        for name in ["all", *record["how"]]:
            results[name].append(not reasons)
    print(f"\n{'faithful':<14}{'n':>6}  accepted [95 %]")
    for name in sorted(results, key=lambda n: -len(results[n])):
        print(row(name, results[name]))


def unchanged(texts: Iterable[str], show: int) -> None:
    """Print how many sentences are accepted with nothing but ", it said" put behind them: what
    the checks refuse of the sources' own wording."""
    results = []
    for text in list(texts)[:400]:
        for start, end in sentence_spans(text)[3:6]:
            sentence = text[start:end]
            if 70 <= len(sentence) <= 260:
                reasons = unsupported(sentence + " .", [sentence])
                if reasons and results.count(False) < show:
                    print(f"unchanged: {sentence}\n   {reasons}")
                results.append(not reasons)
    print(row("\nunchanged", results))


if __name__ == "__main__":
    main()
