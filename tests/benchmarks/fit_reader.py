"""Fit a reader (``rag.reader.features.Fitted``): its ranking, its confidence, its thresholds.

Data: questions on encyclopedia and CNN articles (``train/squadshifts_new_wiki`` and
``train/newsqa_438``) that are kept for calibration: the network was not trained on them, and they
are not those held back for measuring. Each is asked of all articles that are not held back
(those on CNN articles: of their own article), and again where it has no answer: with its whole
article taken away, and as a near miss: with every passage taken away that holds the answer's words,
or altered so that its answer is none (``rag.reader.near_miss``, which the network was trained on
too: near misses that people write are harder). ``SHARES`` says how these weigh. To these come the ``dev`` half of
``tests/questions.jsonl`` over the seeds. Nothing under ``eval/`` is read; nothing is chosen on the
``test`` half.

    python tests/benchmarks/fit_reader.py --reader spans --data ../shared/data --work FOLDER

writes ``rag/reader/spans.json`` (or ``sentences.json``). scikit-learn comes with
sentence-transformers.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import itertools
import json
import pickle
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import rag
from rag.answering.conversation import understand
from rag.answering.phrases import Sorter
from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Hit
from rag.evaluation.answers import stands_in
from rag.index.filter import Filter
from rag.index.opened import OpenIndex
from rag.models.embed import model_folder
from rag.reader import sentences, spans
from rag.reader.agree import agree
from rag.reader.datasets import for_calibration, held_back, read_squad_form
from rag.reader.features import Fitted, Logistic, confidence_features, cut, rivals, with_score
from rag.reader.near_miss import altered
from rag.retrieve.search import search
from rag.settings import PACKAGED_MODEL, load_settings

ROOT = Path(__file__).resolve().parents[2]
SETS = ("squadshifts_new_wiki", "newsqa_438")
RATES = (0.01, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
LEAST = 3
"""A threshold for an error rate rests on so many answers over the rate: 30 for one in ten."""
FOLDS = 5
SHARES = {"answerable": 1 / 2, "open": 3 / 8, "near miss": 1 / 8}
"""Of the weight: half of the questions have no answer, and of those one in four is a near miss."""
NOISE = 0.6
"""The labels of the training sets miss right answers, the more the surer the reader: of 21 answers
to answerable and open questions at a confidence over 0.57 that the labels call wrong, read by hand,
10 were right. So one at confidence p is taken as right with probability NOISE times p. The seeds'
own questions and the near misses are taken at their word."""
SEED_WEIGHT = {"spans": 4.0, "sentences": 20.0}
"""Weight of a question over the seeds against one of the training sets: they are few, and the
only ones with near misses that somebody wrote. More for the reader that has less to go by."""


@dataclass
class Case:
    """One question asked once: features of its sentences, and which of them are right."""

    question: str
    group: str
    kind: str
    features: np.ndarray
    said: list[str]
    right: np.ndarray
    weight: float


def case(reader, question, vector, hits, gold, group, kind, weight, answers=()) -> Case:
    """A sentence is right if it touches a gold span, or if its short answer says the same as an
    accepted one: articles repeat each other."""
    scene = reader.scene(question, vector, hits)
    right = []
    for (hit, s, e), short in zip(scene.sentences, scene.shorts, strict=True):
        touches = any(
            hit.passage.span.doc_id == doc and s < end and start < e for doc, start, end in gold
        )
        said = cut(hit, *short).text if short else ""
        right.append(touches or any(agree(said, answer) for answer in answers if said))
    return Case(
        question, group, kind, scene.features, scene.said(), np.array(right, dtype=bool), weight
    )


def write_corpus(data: Path, corpus: Path) -> None:
    """The articles that are not held back, as one JSONL."""
    with corpus.open("w") as stream:
        for name in SETS:
            for article, _ in read_squad_form(data / "train" / f"{name}.json.gz", name):
                if not held_back(article.doc_id):
                    record = {"id": article.doc_id, "title": article.title, "text": article.text}
                    stream.write(json.dumps(record) + "\n")


def ask(index, question, history, k):
    """(what is read for, its vector, hits), as the assistant does it."""
    sorter = Sorter(index.networks.encoder.encode) if history else None
    understood = understand(question, history, index.words, sorter)
    vector = index.networks.encoder.encode([understood.text])[0]
    hits = search(index, understood.text, vector, k=k, filter=Filter())
    return understood.asked, vector, hits


def ask_all(index, article, question, k):
    return ask(index, question, (), k)


def ask_article(index, article, question, k):
    """The same over one article: most questions on CNN articles presume theirs, and what others
    of them say on the same events is in no label."""
    passages = passages_of(article)
    vector, *others = index.networks.encoder.encode([question, *(p.span.text for p in passages)])
    nearness = [float(other @ vector) for other in others]
    order = sorted(range(len(passages)), key=lambda i: -nearness[i])[:k]
    hits = [Hit(passages[i], 1, nearness[i], ("dense",), nearness[i]) for i in order]
    return question, vector, ranked_anew(hits)


_cut = {}


def passages_of(article):
    if article.doc_id not in _cut:
        pieces = WordPieces(model_folder(PACKAGED_MODEL) / "tokenizer.json")
        _cut[article.doc_id] = cut_passages(article, pieces, max_tokens=128)
    return _cut[article.doc_id]


def ranked_anew(hits):
    """Hits of which some were taken away, as they would have come without those."""
    return [dataclasses.replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)]


def weighed(cases):
    """The cases, their weights scaled so that each kind has its share."""
    totals = {kind: sum(c.weight for c in cases if c.kind == kind) for kind in SHARES}
    scale = sum(totals.values())
    for one in cases:
        one.weight *= SHARES[one.kind] * scale / totals[one.kind]
    return cases


def training_cases(index, reader, data: Path, k: int, limit: int) -> list[Case]:
    cases = []
    for name in SETS:
        examples = [
            (article, example, [other.question for other in some])
            for article, some in read_squad_form(data / "train" / f"{name}.json.gz", name)
            if for_calibration(article.doc_id)
            for example in some
        ]
        rng = random.Random(7)
        rng.shuffle(examples)
        for article, example, others in examples[:limit]:
            asking = functools.partial(
                ask_article if name == "newsqa_438" else ask_all, index, article
            )
            text, vector, hits = asking(example.question, 3 * k)
            gold = [(example.doc_id, *span) for span in example.spans]
            answers = [article.text[s:e] for s, e in example.spans]
            group = example.doc_id
            cases.append(
                case(reader, text, vector, hits[:k], gold, group, "answerable", 1.0, answers)
            )
            begin = max(0, article.text.rfind("\n\n", 0, example.spans[0][0]))
            end = article.text.find("\n\n", example.spans[0][1])
            around = article.text[max(0, begin - 3_000) : end + 3_000]
            other = altered(
                example.question, article.text[begin:end], around, others, rng, sure=True
            )
            text, vector, hits = ask(index, example.question, (), 60)
            away = [hit for hit in hits if hit.passage.span.doc_id != example.doc_id]
            without = [("open", text, vector, ranked_anew(away[:k]))]
            if other is not None:
                without.append(("near miss", *asking(other, k)))
            if name != "newsqa_438":  # whose articles are one paragraph: nothing near would be left
                rest = [
                    hit
                    for hit in hits
                    if not any(stands_in(answer, hit.passage.span.text) for answer in answers)
                    and not (
                        hit.passage.span.doc_id == example.doc_id
                        and hit.passage.span.start < end
                        and begin < hit.passage.span.end
                    )
                ]
                without.append(("near miss", text, vector, ranked_anew(rest[:k])))
            for kind, asked, its_vector, its_hits in without:
                cases.append(case(reader, asked, its_vector, its_hits, [], group, kind, 1.0))
    return cases


def seed_cases(index, reader, split: str, k: int) -> list[Case]:
    cases = []
    for line in (ROOT / "tests" / "questions.jsonl").open():
        row = json.loads(line)
        if row["split"] == split:
            history = [tuple(turn) for turn in row.get("history", [])]
            text, vector, hits = ask(index, row["question"], history, k)
            gold = [(q["doc_id"], q["start"], q["end"]) for q in row["quotes"]]
            kind = "answerable" if row["doc_ids"] else "near miss"
            weight = SEED_WEIGHT[reader.name]
            cases.append(case(reader, text, vector, hits, gold, row["type"], kind, weight))
    return cases


def fit_ranking(cases) -> Logistic:
    """Weights that make a right sentence likeliest among the sentences of its question: a softmax
    over them (conditional logit), with a small ridge on standardised features."""
    useful = [c for c in cases if c.right.any() and not c.right.all()]
    spread = np.vstack([c.features for c in useful]).std(axis=0) + 1e-9
    total = sum(c.weight for c in useful)

    def loss(x):
        value, slope = 0.01 * (x**2).sum() * total, 0.02 * x * total
        for one in useful:
            scaled = one.features / spread
            share = np.exp(scaled @ x - (scaled @ x).max())
            share /= share.sum()
            good = share[one.right].sum() + 1e-12
            value -= one.weight * np.log(good)
            slope -= one.weight * ((np.where(one.right, share / good, 0) - share) @ scaled)
        return value / total, slope / total

    found = minimize(loss, np.zeros(len(spread)), jac=True, method="L-BFGS-B").x
    return Logistic(found / spread, 0.0)


def fit_confidence(cases, ranking, names) -> Logistic:
    """Logistic regression: is the best sentence right? Fitted twice, the second time to
    ``chance_right`` by the first."""
    read = [one for one in cases if len(one.right)]
    tops, rows = zip(*(best(one, ranking, names) for one in read), strict=True)
    labels = np.array([one.right[top] for one, top in zip(read, tops, strict=True)])
    weight = np.array([one.weight for one in read])
    features = np.vstack(rows)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    scaled = (features - mean) / spread
    model = LogisticRegression(C=0.1, max_iter=5_000).fit(scaled, labels, sample_weight=weight)
    chance = chance_right(read, labels, model.predict_proba(scaled)[:, 1])
    model = LogisticRegression(C=0.1, max_iter=5_000).fit(
        np.vstack([scaled, scaled]),
        np.repeat([True, False], len(read)),
        sample_weight=np.concatenate([weight * chance, weight * (1 - chance)]),
    )
    plain = model.coef_[0] / spread
    return Logistic(plain, float(model.intercept_[0] - (plain * mean).sum()))


def chance_right(cases, labels, confidence):
    """How likely each best sentence is right, given its label: see ``NOISE``."""
    noisy = np.array(["/" in c.group and c.kind != "near miss" for c in cases])
    return np.where(labels, 1.0, np.where(noisy, NOISE * confidence, 0.0))


def thresholds(p, chance, weight) -> tuple[tuple[float, float], ...]:
    """For each of ``RATES`` the least confidence at which no more of the answers given are wrong,
    all more confident ones included, and at least ``LEAST / rate`` answers are given, so that the
    share means something; 1.01, which is never reached, where there is none."""
    order = np.argsort(-p, kind="stable")
    given = np.cumsum(weight[order])
    wrong = np.cumsum((weight * (1 - chance))[order])
    enough = np.arange(1, len(p) + 1)
    found = []
    for rate in RATES:
        within = np.flatnonzero((wrong <= rate * given) & (enough >= LEAST / rate))
        least = float(p[order][within[-1]]) if len(within) else 1.01
        found.append((rate, round(least, 4)))
    return tuple(found)


def outcomes(cases, ranking, confidence, names):
    """Arrays over the cases: confidence of the best sentence, whether it is right by its label,
    the chance that it is, weight."""
    read = [one for one in cases if len(one.right)]
    p, right = [], []
    for one in read:
        top, row = best(one, ranking, names)
        p.append(1 / (1 + np.exp(-confidence.score(row[None])[0])))
        right.append(one.right[top])
    labels = np.array(right, dtype=bool)
    weight = np.array([one.weight for one in read])
    return np.array(p), labels, chance_right(read, labels, np.array(p)), weight


def fit_all(cases, names) -> Fitted:
    """Both regressions over all cases; the thresholds over confidences that each case got from
    regressions fitted without its article."""
    folds = {
        c.group: int(hashlib.sha256(c.group.encode()).hexdigest()[:8], 16) % FOLDS for c in cases
    }
    apart = []
    for fold in range(FOLDS):
        rest = [c for c in cases if folds[c.group] != fold]
        ranking = fit_ranking(rest)
        confidence = fit_confidence(rest, ranking, names)
        own = [c for c in cases if folds[c.group] == fold]
        if own:
            apart.append(outcomes(own, ranking, confidence, names))
    p, _, chance, weight = (np.concatenate(column) for column in zip(*apart, strict=True))
    ranking = fit_ranking(cases)
    confidence = fit_confidence(cases, ranking, names)
    return Fitted(ranking, confidence, thresholds(p, chance, weight))


def best(one, ranking, names):
    scores = ranking.score(one.features)
    top = int(np.argmax(scores))
    return top, with_score(names, one.features, scores, rivals(one.said, scores))[top]


def judge(cases, fitted, names, label):
    """Print success of the best sentence, how well confidence tells right from wrong and means
    what it says, and what the tolerated error rates come to."""
    read = [one for one in cases if len(one.right)]
    p, right, _, weight = outcomes(read, fitted.ranking, fitted.confidence, names)
    answerable = np.array([one.kind == "answerable" for one in read])
    print(f"{label}: n {len(p)}; best sentence right {right[answerable].mean():.3f} of "
          f"{answerable.sum()}; AUROC right {roc_auc_score(right, p):.3f}, answerable "
          f"{roc_auc_score(answerable, p) if not answerable.all() else float('nan'):.3f}")  # fmt: skip
    for low, high in itertools.pairwise((0, 0.2, 0.4, 0.6, 0.8, 1.01)):
        inside = (p >= low) & (p < high)
        if inside.any():
            mean = [np.average(v[inside], weights=weight[inside]) for v in (p, right)]
            print(f"    confidence {mean[0]:.2f}: right {mean[1]:.2f}, n {inside.sum()}")
    for rate in (0.05, 0.1, 0.2, 0.3):
        given = p >= fitted.threshold(rate)
        wrong = np.average(~right[given], weights=weight[given]) if given.any() else float("nan")
        print(f"    error rate {rate}: at {fitted.threshold(rate):.2f} answers "
              f"{given[answerable].mean():.2f} of the answerable, wrong {wrong:.2f}; declines "
              f"{(~given)[~answerable].mean():.2f} of the others")  # fmt: skip


def unfitted(index, settings, names):
    """The reader, good for computing features alone: any weights will do for those."""
    nothing = Fitted(*(Logistic(np.zeros(len(some)), 0.0) for some in names), ())
    if settings.reader == "sentences":
        return sentences.SentenceReader(index.networks.encoder, nothing)
    return spans.SpanReader(index.networks.reader, nothing)


def write(path: Path, names, fitted: Fitted) -> None:
    parts = zip(("ranking", "confidence"), (fitted.ranking, fitted.confidence), names, strict=True)
    written = {
        part: {
            "weights": {n: round(float(v), 4) for n, v in zip(some, model.weights, strict=True)},
            "bias": round(model.bias, 4),
        }
        for part, model, some in parts
    }
    path.write_text(json.dumps({**written, "thresholds": fitted.thresholds}, indent=2) + "\n")


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
    index = OpenIndex(args.work / "index", settings)
    reader = unfitted(index, settings, names)
    cases = training_cases(index, reader, args.data, settings.hits, args.limit)
    index = OpenIndex(args.work / "seeds-index", settings)
    reader = unfitted(index, settings, names)
    dev, test = (seed_cases(index, reader, split, settings.hits) for split in ("dev", "test"))
    (args.work / "cases.pickle").write_bytes(pickle.dumps((cases, dev, test)))
    check = {
        c.group
        for c in cases
        if int(hashlib.sha256(c.group.encode()).hexdigest()[16:20], 16) % 4 == 0
    }
    fitted = fit_all(weighed([c for c in cases if c.group not in check] + dev[::2]), features)
    judge(
        [c for c in cases if c.group in check], fitted, features, "training sets, articles left out"
    )
    judge(dev[1::2], fitted, features, "seeds, other half of dev")
    fitted = fit_all(weighed(cases + dev), features)
    judge(dev, fitted, features, "seeds, dev (fitted on)")
    judge(test, fitted, features, "seeds, test")
    write(module.WEIGHTS, names, fitted)


if __name__ == "__main__":
    main()
