"""Disagreement: are differing answers shown as such, and is none made up where there is one answer?

``ramdocs``
    RAMDocs (``eval/ramdocs_250``): each question with its own few documents, as articles, that give
    one or two right answers, wrong ones, or none. All are in one index; a filter, by an outlet that
    is made up for each question, leaves it its own.
``rgb``
    RGB's questions on news (``eval/rgb_en_fact``): the true texts, the same with another answer put
    in, and texts that do not answer, all of all questions in one corpus.
``swapped`` (development)
    Questions on encyclopedia paragraphs kept for calibration, over the articles that are not held
    back; for every second one its paragraph is there once more with another answer put in. The
    others have one answer.

    python tests/benchmarks/bench_disagree.py --data ../shared/data --set swapped
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import rag
from rag.datatypes import Answer, Citation
from rag.evaluation.answers import stands_in
from rag.evaluation.intervals import interval
from rag.reader.candidates import candidates
from rag.reader.datasets import for_calibration, held_back, read_squad_form
from rag.reader.question import Kind, parse

ROOT = Path(__file__).resolve().parents[2]
SETS = ("ramdocs", "rgb")
_SEED = 7
_SWAPPED = 300
_KINDS = (Kind.PERSON, Kind.NAME, Kind.PLACE, Kind.DATE, Kind.MONEY, Kind.NUMBER, Kind.OTHER)
_MOST_WORDS = 4


@dataclass(frozen=True)
class Case:
    """A question; ``gold`` answers are right, each in any of its forms, ``wrong`` ones stand in
    documents, too. ``sides``:
    the documents that give each of the answers that contradict each other; fewer than two: the
    question has one answer."""

    question: str
    gold: tuple[tuple[str, ...], ...]
    wrong: tuple[str, ...] = ()
    sides: tuple[frozenset[str], ...] = ()
    outlet: str | None = None


@dataclass(frozen=True)
class Corpus:
    """Documents by id, and the questions asked of them."""

    documents: dict[str, str]
    cases: list[Case] = field(default_factory=list)


def ramdocs(data: Path) -> Corpus:
    """Each question's documents are of an outlet of its own."""
    corpus = Corpus({})
    with gzip.open(data / "eval" / "ramdocs_250.jsonl.gz", "rt", encoding="utf-8") as stream:
        for number, line in enumerate(stream):
            row = json.loads(line)
            outlet = f"q{number}"
            by_answer: dict[str, set[str]] = {}
            for n, one in enumerate(row["documents"]):
                name = f"{outlet}/{n}.txt"
                corpus.documents[name] = one["text"]
                if one["type"] != "noise":
                    by_answer.setdefault(one["answer"], set()).add(name)
            sides = tuple(frozenset(names) for names in by_answer.values())
            gold = tuple((answer,) for answer in row["gold_answers"])
            wrong = tuple(row["wrong_answers"])
            if len(gold) + len(wrong) == 1:
                sides = sides[:1]
            corpus.cases.append(Case(row["question"], gold, wrong, sides, outlet))
    return corpus


def rgb(data: Path) -> Corpus:
    """One corpus of all texts."""
    corpus = Corpus({})
    with (data / "eval" / "rgb_en_fact.json").open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            sides = []
            for kind in ("positive", "positive_wrong", "negative"):
                names = set()
                for n, text in enumerate(_flat(row[kind])):
                    name = f"{row['id']}-{kind}-{n}.txt"
                    corpus.documents[name] = text
                    names.add(name)
                sides.append(frozenset(names))
            gold, wrong = (_answers(row["answer"]),), _answers(row["fakeanswer"])
            corpus.cases.append(Case(row["query"], gold, wrong, tuple(sides[:2])))
    return corpus


def _flat(texts: Sequence[object]) -> Iterator[str]:
    for text in texts:
        if isinstance(text, str):
            yield text
        else:
            yield from _flat(text)  # type: ignore[arg-type]


def _answers(given: object) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(_flat(given))  # type: ignore[arg-type]


def swapped(data: Path) -> Corpus:
    """One corpus for development; nothing in it is held back for measuring."""
    rng = random.Random(_SEED)
    corpus, asked, pool = Corpus({}), [], {kind: [] for kind in _KINDS}
    for article, examples in read_squad_form(
        data / "train" / "squadshifts_new_wiki.json.gz", "squadshifts_new_wiki"
    ):
        if held_back(article.doc_id):
            continue
        corpus.documents[article.doc_id] = article.text
        for example in examples:
            kind = parse(example.question).kind
            if kind in _KINDS:
                answer = article.text[slice(*example.spans[0])]
                pool[kind].append(answer)
                if for_calibration(article.doc_id):
                    asked.append((article, example, kind, answer))
    rng.shuffle(asked)
    for n, (article, example, kind, answer) in enumerate(asked[:_SWAPPED]):
        gold = (tuple(dict.fromkeys(article.text[s:e] for s, e in example.spans)),)
        if n % 2:
            corpus.cases.append(Case(example.question, gold))
            continue
        start, end = example.spans[0]
        begin = article.text.rfind("\n\n", 0, start) + 2 if "\n\n" in article.text[:start] else 0
        stop = article.text.find("\n\n", end)
        paragraph = article.text[begin : stop if stop >= 0 else None]
        other = _other(answer, kind, pool[kind], paragraph, rng)
        if other is None:
            continue
        name = f"swapped/{n}"
        corpus.documents[name] = re.sub(
            rf"\b{re.escape(answer)}\b", lambda _, put=other: put, paragraph
        )
        sides = (frozenset({article.doc_id}), frozenset({name}))
        corpus.cases.append(Case(example.question, gold, (other,), sides))
    return corpus


def _other(
    answer: str, kind: Kind, pool: Sequence[str], paragraph: str, rng: random.Random
) -> str | None:
    """Another answer of the kind: a number changed, or another question's answer of that length."""
    digits = [m for m in re.finditer(r"\d[\d,.]*\d|\d", answer)]
    if kind in (Kind.MONEY, Kind.NUMBER, Kind.DATE):
        if not digits:
            return None
        found = rng.choice(digits)
        plain = found.group().replace(",", "")
        if "." in plain:
            return None
        value = int(plain)
        changed = value + rng.randint(1, 9) if len(plain) == 4 else value * rng.randint(2, 5) + 1
        text = f"{changed:,}" if "," in found.group() else str(changed)
        return answer[: found.start()] + text + answer[found.end() :]
    length = len(answer.split())
    if kind is Kind.OTHER:
        fit = [o for o in pool if o not in paragraph and len(o.split()) == length]
        return rng.choice(fit) if fit and length <= _MOST_WORDS else None
    fit = [o for o in pool if o not in paragraph and abs(len(o.split()) - length) <= 1
           and o[:1].isupper() and list(candidates(Kind.NAME, f"to {o}"))]  # fmt: skip
    return rng.choice(fit) if fit and answer[:1].isupper() else None


def _sides_shown(answer: Answer) -> list[Sequence[Citation]]:
    return [answer.citations, *(one.citations for one in answer.alternatives)]


def measure(data: Path, name: str, error_rate: float | None = None) -> dict[str, object]:
    """The figures of a set, each {"n", "value", "interval_95"}; rates in [0, 1].

    ``gold_shown``: of the gold answers, those standing in a quote shown. ``fair``: of the answers
    shown, those that are gold or stand beside one that differs. ``top_gold``, ``top_fair``: the
    same for the first answer alone. ``both_shown``: of the questions on which two sides were among
    the passages read, those for which quotes of both are shown as differing. ``false_conflict``: of
    the questions with one answer, those with a differing one shown. ``answered``.
    """
    rows: dict[str, list[float]] = {
        key: [] for key in ("gold_shown", "top_gold", "fair", "top_fair", "both_shown",
                            "false_conflict", "answered")
    }  # fmt: skip
    corpus = {"ramdocs": ramdocs, "rgb": rgb, "swapped": swapped}[name](data)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "corpus.jsonl").write_text(
            "".join(
                json.dumps({"id": doc, "text": text, "outlet": doc.split("/")[0]}) + "\n"
                for doc, text in corpus.documents.items()
                if text.strip()
            )
        )
        rag.build_index(work / "corpus.jsonl", work / "index")
        with rag.Assistant.open(work / "index", llm="") as assistant:
            for case in corpus.cases:
                outlets = None if case.outlet is None else [case.outlet]
                answer = assistant.answer(case.question, outlets=outlets, error_rate=error_rate)
                _score(case, answer, rows)
    return {key: _number(values) for key, values in rows.items()}


def measure_all(data: Path) -> dict[str, object]:
    """Every set that is for measuring."""
    return {name: measure(data, name) for name in SETS}


def _score(case: Case, answer: Answer, rows: dict[str, list[float]]) -> None:
    sides = [] if answer.abstained else _sides_shown(answer)
    quotes = [c.quote for side in sides for c in side]
    first = [c.quote for side in sides[:1] for c in side]
    rows["answered"].append(float(bool(sides)))
    for gold in case.gold:
        rows["gold_shown"].append(
            float(any(stands_in(form, quote) for form in gold for quote in quotes))
        )
        rows["top_gold"].append(
            float(any(stands_in(form, quote) for form in gold for quote in first))
        )
    for at, side in enumerate(sides):
        right = any(stands_in(f, c.quote) for gold in case.gold for f in gold for c in side)
        rows["fair"].append(float(right or len(sides) > 1))
        if at == 0:
            rows["top_fair"].append(float(right))
    if len(case.sides) < 2:
        if sides:
            rows["false_conflict"].append(float(len(sides) > 1))
        return
    read = {hit.passage.span.doc_id for hit in answer.hits}
    if sum(bool(side & read) for side in case.sides) >= 2:
        shown = [
            {n for n, docs in enumerate(case.sides) for c in side if c.doc_id in docs}
            for side in sides
        ]
        rows["both_shown"].append(float(len(shown) > 1 and len(set().union(*shown)) > 1))


def _number(values: Sequence[float]) -> dict[str, object]:
    if not values:
        return {"n": 0, "value": None, "interval_95": None}
    found = interval(len(values), lambda drawn: sum(values[i] for i in drawn) / len(drawn))
    return {
        "n": len(values),
        "value": round(sum(values) / len(values), 4),
        "interval_95": [round(bound, 4) for bound in found] if found else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT / ".." / "shared" / "data")
    parser.add_argument("--set", choices=(*SETS, "swapped"), required=True)
    parser.add_argument("--error-rate", type=float)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.data, options.set, options.error_rate)
    if options.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:15} {value}")


if __name__ == "__main__":
    main()
