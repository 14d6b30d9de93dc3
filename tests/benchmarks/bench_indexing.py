"""Indexing beside the LangChain tutorial pipeline: characters of article a second, in turns; and
where the time goes.

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
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import systems

ARTICLES, ROUNDS = 400, 3
NEWS = "train/news_text.jsonl.gz"


def measure(data: Path, articles: int = ARTICLES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Each round's characters a second of both, and the median of the rounds' ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        corpus, prepared = Path(scratch) / "corpus.jsonl", Path(scratch) / "prepared"
        characters = write_news(data, articles, corpus)
        prepared.mkdir()
        _process("prepare", "ours", prepared)
        found = [
            {name: _rate(name, Path(scratch), prepared, corpus, characters)
             for name in ("ours", "langchain")}
            for _ in range(rounds)
        ]  # fmt: skip
        alone = json.loads(_process_of(__file__, "--stages", corpus, "--prepared", prepared))
    return {
        "articles": articles,
        "characters": characters,
        "rounds": found,
        **alone,
        "ratio": round(statistics.median(one["ours"] / one["langchain"] for one in found), 2),
    }


def write_news(data: Path, articles: int, path: Path) -> int:
    """The first so many articles as a corpus file, texts alone; how many characters they have."""
    with gzip.open(data / NEWS, "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line in itertools.islice(stream, articles)]
    lines = (json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts))
    path.write_text("\n".join(lines), encoding="utf-8")
    return sum(map(len, texts))


def stages(corpus: Path, prepared: Path) -> dict[str, Any]:
    """What a build does, one stage after the other in this process: seconds on the clock, and of
    all cores together, of each; and what the matrix products of the encoder must take."""
    import bench_reader

    from rag.corpus.chunk import WordPieces, cut_passages, embedding_texts
    from rag.corpus.files import read_articles, scan
    from rag.datatypes import Article
    from rag.index.lexical import Postings
    from rag.index.manifest import encoder_folder
    from rag.index.rows import write_rows
    from rag.index.sources import max_article_bytes
    from rag.index.store import Store, StoreWriter
    from rag.index.vectors import Collection
    from rag.models.embed import LightEncoder, find_model
    from rag.settings import load_settings

    settings = load_settings()
    index = prepared / "index"
    model = find_model(settings.embed_model)
    encoder = LightEncoder(encoder_folder(index, model.sha256), model.tokenizer)
    pieces = WordPieces(model.tokenizer)
    encoder.encode(["A sentence, so that everything is loaded."])
    found: dict[str, dict[str, float]] = {}
    started, spent = time.perf_counter(), time.process_time()

    def done(stage: str) -> None:
        nonlocal started, spent
        found[stage] = {
            "s": round(time.perf_counter() - started, 2),
            "core_s": round(time.process_time() - spent, 2),
        }
        started, spent = time.perf_counter(), time.process_time()

    articles = [
        one
        for one in read_articles(scan(corpus), max_bytes=max_article_bytes(settings))
        if isinstance(one, Article)
    ]
    done("read, find title and day")
    tokens = settings.passage_tokens
    passages = [tuple(cut_passages(one, pieces, max_tokens=tokens)) for one in articles]
    everyone = list(itertools.chain(*passages))
    texts = embedding_texts(everyone, pieces)
    done("cut into sentences and passages")
    lengths = encoder.tokens(texts)[1].sum(axis=1)
    done("tokenise (once more within the next)")
    vectors = encoder.encode(texts)
    done("encode")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with StoreWriter(place / "store.sqlite") as writer:
            for one, own in zip(articles, passages, strict=True):
                writer.add(one, own)
            writer.commit()
            done("store articles, passages, phrases")
            writer.tell_stories()
            done("find copies")
        collection = Collection(place / "chroma", create=True)
        collection.add(everyone, vectors)
        collection.close()
        done("Chroma")
        with closing(Store(place / "store.sqlite")) as store:
            Postings.build(row[4] for row in store.passage_rows()).save(place / "bm25")
            done("BM25")
            collection = Collection(place / "chroma")
            write_rows(place, store, collection, halved=False)
            collection.close()
            done("arrays for exact search")
    width = 12 * 384**2
    operations = sum(6 * (2 * width * n + 4 * 384 * n * n) for n in map(int, lengths))
    return {
        "passages": len(everyone),
        "stages": found,
        "encode_limit_s": round(operations / bench_reader.matrix_rate() / 1e9, 1),
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
    _process_of(systems.__file__, *arguments)


def _process_of(script: str, *arguments: object) -> bytes:
    command = [sys.executable, script, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def main() -> None:
    """Print the rounds."""
    import bench

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=ARTICLES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--data", type=Path, default=bench.data_folder())
    parser.add_argument("--stages", type=Path, metavar="CORPUS", help=argparse.SUPPRESS)
    parser.add_argument("--prepared", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stages:
        print(json.dumps(stages(given.stages, given.prepared)))
    else:
        print(json.dumps(measure(given.data, given.articles, given.rounds)))


if __name__ == "__main__":
    main()
