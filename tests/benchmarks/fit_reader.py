"""Fit the regressions of a reader (``rag.reader.features``): its ranking and its confidence.

Data: questions on encyclopedia and CNN articles (``train/squadshifts_new_wiki`` and
``train/newsqa_438``) that are kept for calibration: the network was not trained on them, and they
are not those held back for measuring. Questions on the encyclopedia are asked twice: with the
corpus whole, and with the paragraph that answers taken away, so that the nearest thing left is a
near miss. To these come the ``dev`` half of ``tests/questions.jsonl`` over the seeds. Nothing
under ``eval/`` is read; nothing is chosen on the ``test`` half.

    python tests/benchmarks/fit_reader.py --reader spans --data ../shared/data --work FOLDER

writes ``rag/reader/spans.json`` (or ``sentences.json``). scikit-learn comes with
sentence-transformers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import rag
from rag.answering.conversation import understand
from rag.index.opened import OpenIndex
from rag.reader import open_reader, sentences, spans
from rag.reader.features import Logistic, confidence_features, cut, with_score
from rag.reader.train import for_calibration, held_back, read_squad_form
from rag.retrieve.search import Filter, search
from rag.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
SETS = ("squadshifts_new_wiki", "newsqa_438")
SEED_WEIGHT = {"spans": 4.0, "sentences": 20.0}
"""Weight of a question over the seeds against one of the training sets: they are few, and the
only ones with near misses that somebody wrote. More for the reader that has less to go by."""


@dataclass
class Case:
    """One question asked once: features of its sentences, and which of them are right."""

    question: str
    group: str
    features: np.ndarray
    right: np.ndarray
    texts: list[str]


def case(reader, question, vector, hits, gold, group) -> Case:
    scene = reader.scene(question, vector, hits)
    right = [
        any(hit.passage.span.doc_id == doc and s < end and start < e for doc, start, end in gold)
        for hit, s, e in scene.sentences
    ]
    texts = [cut(*sentence).text for sentence in scene.sentences]
    return Case(question, group, scene.features, np.array(right, dtype=bool), texts)


def write_corpus(data: Path, corpus: Path) -> None:
    """The articles that are not held back, as one JSONL."""
    with corpus.open("w") as stream:
        for name in SETS:
            for article, _ in read_squad_form(data / "train" / f"{name}.json.gz", name):
                if not held_back(article.doc_id):
                    record = {"id": article.doc_id, "title": article.title, "text": article.text}
                    stream.write(json.dumps(record) + "\n")


def ask(index, question, history, k):
    text = understand(question, history, index.postings).text
    vector = index.encoder.encode([text])[0]
    return text, vector, search(index, text, vector, k=k, filter=Filter())


def training_cases(index, reader, data: Path, k: int, limit: int) -> list[Case]:
    cases = []
    for name in SETS:
        examples = [
            (article, example)
            for article, some in read_squad_form(data / "train" / f"{name}.json.gz", name)
            if for_calibration(article.doc_id)
            for example in some
        ]
        random.Random(7).shuffle(examples)
        for article, example in examples[:limit]:
            text, vector, hits = ask(index, example.question, (), 3 * k)
            gold = [(example.doc_id, *span) for span in example.spans]
            cases.append(case(reader, text, vector, hits[:k], gold, example.doc_id))
            if name == "newsqa_438":
                continue  # the article is its own only paragraph: nothing near would be left
            begin = article.text.rfind("\n\n", 0, example.spans[0][0]) + 2
            end = article.text.find("\n\n", example.spans[0][1])
            rest = [
                hit
                for hit in hits
                if hit.passage.span.doc_id != example.doc_id
                or not (hit.passage.span.start < end and begin < hit.passage.span.end)
            ]
            cases.append(case(reader, text, vector, rest[:k], [], example.doc_id))
    return cases


def seed_cases(index, reader, split: str, k: int) -> list[Case]:
    cases = []
    for line in (ROOT / "tests" / "questions.jsonl").open():
        row = json.loads(line)
        if row["split"] == split:
            history = [tuple(turn) for turn in row.get("history", [])]
            text, vector, hits = ask(index, row["question"], history, k)
            gold = [(q["doc_id"], q["start"], q["end"]) for q in row["quotes"]]
            cases.append(case(reader, text, vector, hits, gold, row["type"]))
    return cases


def fit_ranking(weighted) -> Logistic:
    """Weights that make a right sentence likeliest among the sentences of its question: a softmax
    over them (conditional logit), with a small ridge on standardised features."""
    useful = [(c, w) for c, w in weighted if c.right.any() and not c.right.all()]
    spread = np.vstack([c.features for c, _ in useful]).std(axis=0) + 1e-9
    total = sum(w for _, w in useful)

    def loss(x):
        value, slope = 0.01 * (x**2).sum() * total, 0.02 * x * total
        for one, weight in useful:
            scaled = one.features / spread
            share = np.exp(scaled @ x - (scaled @ x).max())
            share /= share.sum()
            good = share[one.right].sum() + 1e-12
            value -= weight * np.log(good)
            slope -= weight * ((np.where(one.right, share / good, 0) - share) @ scaled)
        return value / total, slope / total

    found = minimize(loss, np.zeros(len(spread)), jac=True, method="L-BFGS-B").x
    return Logistic(found / spread, 0.0)


def fit_confidence(weighted, ranking, names) -> Logistic:
    """Logistic regression: is the best sentence right?"""
    x, y, w = [], [], []
    for one, weight in weighted:
        if len(one.right):
            top, row = best(one, ranking, names)
            x.append(row)
            y.append(one.right[top])
            w.append(weight)
    features = np.vstack(x)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(C=0.3, max_iter=5_000)
    model.fit((features - mean) / spread, np.array(y), sample_weight=np.array(w))
    plain = model.coef_[0] / spread
    return Logistic(plain, float(model.intercept_[0] - (plain * mean).sum()))


def fit_both(cases, seeds, seed_weight, names):
    weighted = [(c, 1.0) for c in cases] + [(c, seed_weight) for c in seeds]
    ranking = fit_ranking(weighted)
    return ranking, fit_confidence(weighted, ranking, names)


def best(one, ranking, names):
    scores = ranking.score(one.features)
    top = int(np.argmax(scores))
    return top, with_score(names, one.features, scores)[top]


def judge(cases, models, names, label):
    """Print success of the best sentence, and how well confidence tells right from wrong."""
    ranking, confidence = models
    p, right, answerable = [], [], []
    for one in cases:
        if len(one.right):
            top, row = best(one, ranking, names)
            p.append(1 / (1 + np.exp(-confidence.score(row[None])[0])))
            right.append(one.right[top])
            answerable.append(one.right.any())
    p, right, answerable = np.array(p), np.array(right), np.array(answerable)
    print(f"{label}: n {len(p)}; best sentence right {right[answerable].mean():.3f} of "
          f"{answerable.sum()}; AUROC right {roc_auc_score(right, p):.3f}, answerable "
          f"{roc_auc_score(answerable, p) if not answerable.all() else float('nan'):.3f}")  # fmt: skip
    for threshold in (0.3, 0.35, 0.4, 0.5):
        given = p >= threshold
        print(f"    at {threshold}: answers {given.mean():.2f}, right {right[given].mean():.2f}; "
              f"of the answerable {given[answerable].mean():.2f}; declines "
              f"{(~given)[~answerable].mean():.2f} of the unanswerable")  # fmt: skip


def write(path: Path, names, models) -> None:
    parts = zip(("ranking", "confidence"), models, names, strict=True)
    written = {
        part: {
            "weights": {n: round(float(v), 4) for n, v in zip(some, model.weights, strict=True)},
            "bias": round(model.bias, 4),
        }
        for part, model, some in parts
    }
    path.write_text(json.dumps(written, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reader", choices=("spans", "sentences"), default="spans")
    parser.add_argument("--data", type=Path, default=ROOT / ".." / "shared" / "data")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=400)
    args = parser.parse_args()
    settings = load_settings(reader=args.reader)
    args.work.mkdir(parents=True, exist_ok=True)
    write_corpus(args.data, args.work / "corpus.jsonl")
    rag.build_index(args.work / "corpus.jsonl", args.work / "index", settings=settings)
    rag.build_index(ROOT / "seeds", args.work / "seeds-index", settings=settings)
    module = {"spans": spans, "sentences": sentences}[args.reader]
    features = module.FEATURES
    names = (features, confidence_features(features))
    # A reader opens only with weights for its features; any will do to compute those.
    nothing = [Logistic(np.zeros(len(some)), 0.0) for some in names]
    write(module.WEIGHTS, names, nothing)
    index = OpenIndex(args.work / "index", settings)
    cases = training_cases(
        index, open_reader(index, settings), args.data, settings.hits, args.limit
    )
    index = OpenIndex(args.work / "seeds-index", settings)
    reader = open_reader(index, settings)
    dev, test = (seed_cases(index, reader, split, settings.hits) for split in ("dev", "test"))
    weight = SEED_WEIGHT[args.reader]
    check = {
        c.group
        for c in cases
        if int(hashlib.sha256(c.group.encode()).hexdigest()[16:20], 16) % 4 == 0
    }
    models = fit_both([c for c in cases if c.group not in check], dev[::2], weight, features)
    judge(
        [c for c in cases if c.group in check], models, features, "training sets, articles left out"
    )
    judge(dev[1::2], models, features, "seeds, other half of dev")
    models = fit_both(cases, dev, weight, features)
    judge(dev, models, features, "seeds, dev (fitted on)")
    judge(test, models, features, "seeds, test")
    write(module.WEIGHTS, names, models)


if __name__ == "__main__":
    main()
