"""The files under ``shared/data/train``, and which of their articles are held back."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rag.corpus.header import fallback_title
from rag.datatypes import Article
from rag.reader.windows import Group, Window

SQUAD_FORM = ("squadshifts_new_wiki", "squadshifts_reddit", "squadshifts_amazon_reviews",
              "newsqa_438", "quoref_perturbed")  # fmt: skip
_TITLED = ("squadshifts_new_wiki", "quoref_perturbed")
HELD_BACK = Path(__file__).with_name("held_back.txt")
_TREEBANK = {"``": "“", "''": "”", "-LRB-": "(", "-RRB-": ")"}


def held_back(doc_id: str) -> bool:
    """Whether the article is one of those kept for measuring, about one in five, as listed in
    ``held_back.txt``.

    The list names the first two parts of a doc_id, its source and its place in the file: the
    third may hold the article's first words, which are not ours to publish, and line ends.
    """
    return "/".join(doc_id.split("/", 2)[:2]) in _held_back()


@functools.lru_cache
def _held_back() -> frozenset[str]:
    lines = HELD_BACK.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def for_calibration(doc_id: str) -> bool:
    """One article in ten is kept for fitting the confidence, apart from those held back."""
    digest = hashlib.sha256(doc_id.encode()).hexdigest()
    return not held_back(doc_id) and int(digest[8:16], 16) % 10 == 0


@dataclass(frozen=True, slots=True)
class Example:
    """A question on an article. ``spans`` are gold answers as offsets; empty: unanswerable."""

    source: str
    doc_id: str
    question: str
    spans: tuple[tuple[int, int], ...]


def squad_entries(path: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(doc_id, entry as in the file) of each article of a SQuAD 1.1 file."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        entries = json.load(stream)["data"]
    for number, entry in enumerate(entries):
        yield f"{name}/{number}/{entry.get('title')}", entry


def read_squad_form(path: Path, name: str) -> Iterator[tuple[Article, list[Example]]]:
    """Articles with their questions from a SQuAD 1.1 file; paragraphs joined by blank lines. Those
    of CNN, which the file names by their first characters, get the title that the product would
    give them; reviews and comments have none."""
    for doc_id, entry in squad_entries(path, name):
        text, examples = "", []
        for paragraph in entry["paragraphs"]:
            begin = len(text)
            text += paragraph["context"] + "\n\n"
            for qa in paragraph["qas"]:
                spans = {
                    (begin + a["answer_start"], begin + a["answer_start"] + len(a["text"]))
                    for a in qa["answers"]
                }
                examples.append(Example(name, doc_id, qa["question"], tuple(sorted(spans))))
        title = ""
        if name in _TITLED:
            title = unquote(entry.get("title") or "").replace("_", " ")
        elif name == "newsqa_438":
            title = fallback_title(text)
        yield Article(doc_id, title, text), examples


def read_qamr(data: Path, limit: int, rng: random.Random) -> list[Group]:
    """Questions on single sentences; rows whose answer is no run of words are left out."""
    sentences = {}
    with gzip.open(data / "qamr_sentences.tsv.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            key, text = line.rstrip("\n").split("\t")[:2]
            sentences[key] = text.split(" ")
    groups: list[Group] = []
    for name in ("qamr_dev", "qamr_test"):
        with gzip.open(data / f"{name}.tsv.gz", "rt", encoding="utf-8") as stream:
            for line in stream:
                key, _, _, _, _, question, answer, *_rest = line.rstrip("\n").split("\t")
                words = sentences.get(key)
                indices = sorted(int(i) for i in answer.split())
                if words is None or not indices or indices[-1] >= len(words):
                    continue
                if indices != list(range(indices[0], indices[-1] + 1)):
                    continue
                text, places = _detokenise(words)
                span = (places[indices[0]][0], places[indices[-1]][1])
                groups.append((Window(f"{question.rstrip('? ')}?", text, (span,)),))
    rng.shuffle(groups)
    return groups[:limit]


def _detokenise(words: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words joined as they would be written, and where each stands then; brackets and quotation
    marks in the treebank's spelling become characters."""
    text, places = "", []
    for word in (_TREEBANK.get(word, word) for word in words):
        glue = not text or re.match(r"^[.,;:!?)%’”]|^'s$|^n't$", word) or text[-1] in "(“"
        text += "" if glue else " "
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, places


def read_subjqa(path: Path, limit: int, rng: random.Random) -> list[Group]:
    """Questions on reviews, most of them, as people judged, not answered by the text."""
    groups: list[Group] = []
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            text, answers = row["context"], row["answers"]
            spans = tuple((a["start"], a["start"] + len(a["text"])) for a in answers)
            if all(text[s:e] == a["text"] for (s, e), a in zip(spans, answers, strict=True)):
                groups.append((Window(row["question"], text[:1_200], spans),))
    rng.shuffle(groups)
    return groups[:limit]


def read_news(path: Path, limit: int | None = None) -> Iterator[Article]:
    """The unlabelled news articles, or the first ``limit``."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for number, row in enumerate(map(json.loads, stream)):
            if number == limit:
                return
            yield Article(row["url"], row["title"], row["text"])


def read_wikiqa(folder: Path, rng: random.Random, *, wrong: int = 3) -> list[Group]:
    """Questions that people typed into a search engine, each with the sentences judged to answer
    it and up to ``wrong`` that do not."""
    columns = []
    for name in ("a.toks", "b.toks", "sim.txt", "id.txt"):
        with gzip.open(folder / f"wikiqa_train.{name}.gz", "rt", encoding="utf-8") as stream:
            columns.append([line.strip() for line in stream])
    judged: dict[str, tuple[str, list[str], list[str]]] = {}
    for question, sentence, right, key in zip(*columns, strict=True):
        _, answering, others = judged.setdefault(key, (_detokenise(question.split())[0], [], []))
        (answering if right == "1" else others).append(_detokenise(sentence.split())[0])
    return [
        _judged_group(question, right, rng.sample(others, min(wrong, len(others))))
        for question, right, others in judged.values()
    ]


def _judged_group(question: str, right: list[str], wrong: list[str]) -> Group:
    answering = [Window(question, s, ((0, len(s)),), somewhere=True) for s in right[:2]]
    return (*answering, *(Window(question, s, ()) for s in wrong))


def read_trecqa(path: Path, rng: random.Random, *, wrong: int = 3) -> list[Group]:
    """Newswire sentences with the words that answer, each with sentences that do not."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        text = stream.read()
    groups: list[Group] = []
    for block in re.findall(r"<QApairs.*?</QApairs>", text, re.DOTALL):
        asked = _TREC_PART.search(block)
        assert asked is not None
        question = _trec_text(asked[2].split("\n")[0])[0]
        parts = [(m[1], m[2].split("\n")) for m in _TREC_PART.finditer(block)]
        others = [_trec_text(lines[0])[0] for kind, lines in parts if kind == "negative"]
        for kind, lines in parts:
            if kind != "positive":
                continue
            sentence, places = _trec_text(lines[0])
            # After the words with their tags: the answers, and their places, counted from 1.
            runs = [[int(i) - 1 for i in run.split()] for run in lines[-1].split("#")]
            spans = tuple((places[run[0]][0], places[run[-1]][1]) for run in runs)
            answers = [sentence[start:end].lower() for start, end in spans]
            wrong_ones = [o for o in others if not any(a in o.lower() for a in answers)]
            drawn = rng.sample(wrong_ones, min(wrong, len(wrong_ones)))
            groups.append(
                (
                    Window(question, sentence, spans),
                    *(Window(question, other, ()) for other in drawn),
                )
            )
    return groups


_TREC_PART = re.compile(r"<(question|positive|negative)>\s*\n(.*?)\n</", re.DOTALL)


def _trec_text(line: str) -> tuple[str, list[tuple[int, int]]]:
    return _detokenise(line.split("\t"))


def read_quiz(data: Path) -> Iterator[tuple[str, str, list[Article]]]:
    """(question, answer, articles that hold the answer's words) of the news quiz: weak labels."""
    articles = {article.doc_id: article for article in read_news(data / "news_text.jsonl.gz")}
    with gzip.open(data / "newsquiz_2023.jsonl.gz", "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            found = [articles[url] for url in row["support_urls"] if url in articles]
            if found:
                yield row["question"], row["answer"], found
