"""The readers, on what was held back from training by article, and on near misses that people wrote.

Every figure is given for the span reader (``spans``) and the simpler one (``sentences``). Nothing
measured here is used to choose or fit anything: of the seeds' questions, only the test half is.
Intervals are bootstrapped over articles where questions come from articles, else over questions.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bench_collections
import numpy as np
from sklearn.metrics import roc_auc_score

import rag
from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Article, Hit, Passage
from rag.evaluation.abstention import answered_at_risk
from rag.evaluation.answers import exact_match, stands_in, token_f1
from rag.evaluation.intervals import interval
from rag.index.filter import Filter
from rag.index.opened import OpenIndex
from rag.models.embed import model_folder
from rag.models.span_network import TITLE_TOKENS
from rag.reader import Reader, Reading, open_reader
from rag.reader.datasets import held_back, read_squad_form
from rag.reader.spans import headline
from rag.retrieve.search import search
from rag.settings import PACKAGED_MODEL, Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
READERS = ("spans", "sentences")
LIMIT = 600
"""Most questions of one collection, drawn at random."""

Number = dict[str, object]


def number(
    values: Sequence[float],
    groups: Sequence[str] | None = None,
    statistic: Callable[[np.ndarray], float] | None = None,
) -> Number:
    """A statistic of rows (their mean, unless another is given) with n and a 95 % bootstrap
    interval over the groups of rows, or over rows; ``value`` None without rows."""
    array = np.array(values)
    if not len(array):
        return {"n": 0, "value": None, "interval_95": None}
    calculate = statistic or (lambda rows: float(np.mean(array[rows])))
    labels = np.array(groups if groups is not None else range(len(array)))
    members = [np.flatnonzero(labels == label) for label in dict.fromkeys(labels.tolist())]
    found = interval(
        len(members), lambda drawn: calculate(np.concatenate([members[i] for i in drawn]))
    )
    return {
        "n": len(array),
        "value": round(calculate(np.arange(len(array))), 4),
        "interval_95": [round(bound, 4) for bound in found] if found else None,
    }


def auroc(
    labels: Sequence[bool], scores: Sequence[float], groups: Sequence[str] | None = None
) -> Number:
    """Area under the ROC curve."""
    y, x = np.array(labels), np.array(scores)

    def calculate(rows: np.ndarray) -> float:
        return float("nan") if len(set(y[rows])) < 2 else float(roc_auc_score(y[rows], x[rows]))

    return number(labels, groups, calculate)


def measure(data: Path) -> dict[str, object]:
    """All of it; the index of the held-back paragraphs is built in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        collection = bench_collections.new_wiki(data)
        (work / "corpus.jsonl").write_text(
            "".join(
                json.dumps({"id": d.id, "title": d.title, "text": d.text}) + "\n"
                for d in collection.documents
            )
        )
        rag.build_index(work / "corpus.jsonl", work / "index")
        rag.build_index(ROOT / "seeds", work / "seeds")
        results: dict[str, object] = {}
        for name in READERS:
            settings = load_settings(reader=name)
            index = OpenIndex(work / "index", settings)
            reader = open_reader(index, settings)
            results[name] = {
                "gold": {n: gold_read(reader, index, data, n)
                         for n in ("squadshifts_new_wiki", "newsqa_438")},
                "open": open_retrieval(index, reader, collection, settings.hits),
                "near_miss": near_misses(index, reader, data),
                "seeds": seeds(OpenIndex(work / "seeds", settings), settings),
            }  # fmt: skip
            if name == "spans":
                results["reading"] = reading_time(index, reader, collection)
        return results


def gold_read(reader: Reader, index: OpenIndex, data: Path, name: str) -> dict[str, Number]:
    """Exact match and token F1 (SQuAD's definition) of the short answer, or of the best sentence
    where there is none, with the gold paragraph (encyclopedia) or article (news) read whole."""
    pieces = WordPieces(model_folder(PACKAGED_MODEL) / "tokenizer.json")
    asked = [
        (article, example)
        for article, examples in read_squad_form(data / "train" / f"{name}.json.gz", name)
        if held_back(article.doc_id)
        for example in examples
    ]
    random.Random(3).shuffle(asked)
    articles_by_id = {article.doc_id: article for article, _ in asked}
    cut = {
        doc_id: cut_passages(article, pieces, max_tokens=128)
        for doc_id, article in articles_by_id.items()
    }
    exact, f1, articles = [], [], []
    for article, example in asked[:LIMIT]:
        begin, end = 0, len(article.text)
        if name != "newsqa_438":
            first = example.spans[0][0]
            begin = max(0, article.text.rfind("\n\n", 0, first))
            end = article.text.find("\n\n", first)
        read = [p for p in cut[article.doc_id] if p.span.start < end and begin < p.span.end]
        readings = _read(index, reader, example.question, read)
        guess = ""
        if readings:
            guess = (readings[0].short or readings[0].sentence).text
        golds = [article.text[s:e] for s, e in example.spans]
        exact.append(exact_match(guess, golds))
        f1.append(token_f1(guess, golds))
        articles.append(article.doc_id)
    return {"exact": number(exact, articles), "f1": number(f1, articles)}


def _read(
    index: OpenIndex, reader: Reader, question: str, passages: Sequence[Passage]
) -> list[Reading]:
    """Given passages read as if retrieved, ranked by nearness."""
    vector, *others = index.networks.encoder.encode([question, *(p.span.text for p in passages)])
    nearness = [float(other @ vector) for other in others]
    order = sorted(range(len(passages)), key=lambda i: -nearness[i])
    hits = [
        Hit(passages[i], rank, nearness[i], ("dense",), nearness[i])
        for rank, i in enumerate(order, start=1)
    ]
    return reader.read(question, vector, hits)


@dataclass(frozen=True)
class Asked:
    """The best reading of one question, judged."""

    confidence: float
    document: bool
    quote: bool


def _asked(readings: Sequence[Reading], question: bench_collections.Question) -> Asked:
    if not readings:
        return Asked(0.0, False, False)
    best = readings[0]
    document = best.sentence.doc_id in question.relevant
    holds = any(stands_in(answer, best.sentence.text) for answer in question.answers)
    return Asked(best.confidence, document, document and holds)


def open_retrieval(
    index: OpenIndex, reader: Reader, collection: bench_collections.Collection, k: int
) -> dict[str, Number]:
    """Questions asked of all held-back paragraphs, and again with every passage taken away that is
    of the paragraph that answers or holds the words of an accepted answer, so that half of them
    have no answer."""
    found: list[bool] = []
    articles: list[str] = []
    whole: list[Asked] = []
    without: list[Asked] = []
    for question in collection.questions[:LIMIT]:
        vector = index.networks.encoder.encode([question.text])[0]
        hits = search(index, question.text, vector, k=3 * k, filter=Filter())
        found.append(hits[0].passage.span.doc_id in question.relevant)
        articles.append(question.id.split("#")[0])
        whole.append(_asked(reader.read(question.text, vector, hits[:k]), question))
        others = [
            hit
            for hit in hits
            if hit.passage.span.doc_id not in question.relevant
            and not any(stands_in(answer, hit.passage.span.text) for answer in question.answers)
        ]
        # Ranked as they would have come: a gap at the first place would give the label away.
        rest = [dataclasses.replace(hit, rank=r) for r, hit in enumerate(others[:k], start=1)]
        without.append(_asked(reader.read(question.text, vector, rest), question))
    confidence = np.array([one.confidence for one in (*whole, *without)])
    right = np.array([one.quote for one in (*whole, *without)])
    answerable = np.arange(len(right)) < len(whole)
    given = confidence >= reader.threshold(load_settings().error_rate)

    def at_risk(rows: np.ndarray) -> float:
        return answered_at_risk(confidence[rows], right[rows], answerable[rows], 0.1)

    twice = articles + articles
    given_to = [a for a, shown in zip(twice, given, strict=True) if shown]
    return {
        "retrieved@1": number(found, articles),
        "passage@1": number([one.document for one in whole], articles),
        "quote@1": number([one.quote for one in whole], articles),
        "answerable_auroc": auroc(answerable.tolist(), confidence.tolist(), twice),
        "answered_at_10_wrong": number(confidence.tolist(), twice, at_risk),
        "answered_by_default": number(given[answerable].tolist(), articles),
        "wrong_by_default": number((~right)[given].tolist(), given_to),
    }


def near_misses(index: OpenIndex, reader: Reader, data: Path) -> Number:
    """Answerable or not, on ``eval/squad2_sample_250``: the confidence with the context read."""
    pieces = WordPieces(model_folder(PACKAGED_MODEL) / "tokenizer.json")
    with gzip.open(data / "eval" / "squad2_sample_250.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    scores = []
    for row in rows:
        passages = cut_passages(Article(row["id"], "", row["context"]), pieces, max_tokens=128)
        readings = _read(index, reader, row["question"], passages)
        scores.append(readings[0].confidence if readings else 0.0)
    return auroc([bool(row["answers"]) for row in rows], scores)


def seeds(index: OpenIndex, settings: Settings) -> Number:
    """Answerable or not, over the half of the seeds' question set that nothing was fitted on."""
    lines = (ROOT / "tests" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == "test"]
    with rag.Assistant.open(index.folder, settings=settings) as assistant:
        scores = [
            assistant.answer(row["question"], [tuple(t) for t in row.get("history", [])]).confidence
            for row in rows
        ]
    return auroc([bool(row["doc_ids"]) for row in rows], scores)


def reading_time(
    index: OpenIndex, reader: Reader, collection: bench_collections.Collection
) -> dict[str, object]:
    """Milliseconds to read the five and the ten best passages of questions not asked before, the
    word pieces that are read (each passage with its title, padded to a multiple of 16), and the operations that
    takes."""
    pieces = WordPieces(model_folder(PACKAGED_MODEL) / "tokenizer.json")
    results: dict[str, object] = {}
    peak = matrix_rate()
    for k in (5, 10):
        asked = []
        for question in collection.questions[:240]:
            vector = index.networks.encoder.encode([question.text])[0]
            hits = search(index, question.text, vector, k=k, filter=Filter())
            asked.append((question.text, vector, hits))
        for one in asked[:120]:  # prepares the kernels of each shape
            reader.read(*one)
        times, rows, operations = [], [], []
        for text, vector, hits in asked[120:]:
            started = time.perf_counter()
            reader.read(text, vector, hits)
            times.append(time.perf_counter() - started)
            asked_pieces = len(pieces.spans([text])[0]) + 3
            passages = pieces.spans([hit.passage.span.text for hit in hits])
            named = pieces.spans([headline(hit.passage.title) for hit in hits])
            titles = [min(len(n), TITLE_TOKENS) + bool(n) for n in named]
            lengths = [
                -(-(len(p) + t + asked_pieces) // 16) * 16
                for p, t in zip(passages, titles, strict=True)
            ]
            rows.append(sum(lengths))
            # Six layers of 12 × 384² weights, two operations each; attention, both its products.
            operations.append(sum(n * 6 * (2 * 12 * 384**2 + 4 * 384 * n) for n in lengths))
        seconds = statistics.median(times)
        gflop = statistics.median(operations) / 1e9
        results[str(k)] = {
            "median_ms": round(1000 * seconds, 1),
            "word_pieces": round(statistics.median(rows)),
            "gflop": round(gflop, 1),
            "share_of_peak": round(gflop / seconds / peak, 2),
            "n": len(times),
        }
    results["peak_gflop_per_s"] = round(peak)
    return results


def matrix_rate(size: int = 2048) -> float:
    """Thousand million operations a second of torch's best bfloat16 matrix product here."""
    import torch

    a = torch.randn(size, size, dtype=torch.bfloat16)
    times = []
    for _ in range(12):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times) / 1e9
