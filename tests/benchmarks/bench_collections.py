"""The test collections on which systems are compared: documents, questions, what is relevant.

Relevance is judged at the document: the article, or the paragraph where paragraphs are the corpus.
Nobody judged everything by hand except in Cranfield, so a second document that also answers counts
as wrong, for every system alike.

``seeds``
    The three articles; questions of the test half that have an answer and no history.
``new_wiki``
    Encyclopedia articles held back from training (``rag.reader.datasets.held_back``), each paragraph
    a document, relevant to the questions asked on it.
``newsqa``
    CNN articles held back from training. Nothing is dropped: many questions presume the article
    ("What did he say?") and no system can find it. The title in the file is the beginning of the
    text, cut off, so it is not used.
``cranfield``
    1,400 abstracts on aerodynamics, 225 requests of scientists, graded judgements.
``realtimeqa``
    News-quiz questions of 2022. Relevant are articles of the right week that contain the answer
    string: weak labels. The corpus is all of these and distractors drawn at random, because
    indexing all 4,578 articles takes the LangChain pipeline over half an hour on two cores.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rag.reader.datasets import held_back, squad_entries

ROOT = Path(__file__).resolve().parents[2]
MAX_QUESTIONS = 1_200
ARTICLES = 1_000
_SEED = 20

# Cleverdon's codes run the other way than gains: 1 is "a complete answer", 4 "of minimum interest",
# 5 "of no interest"; the file also has one -1 for each request, which no readme explains.
# http://fox.cs.vt.edu/VAD1/DOWN/IRCOLLS/CRANQREL.TXT
CRANFIELD_GAIN = {1: 4, 2: 3, 3: 2, 4: 1, 5: 0, -1: 0}


@dataclass(frozen=True, slots=True)
class Document:
    """``title`` is None where the source has none."""

    id: str
    title: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """``relevant``: gain of each judged document, 0 for not relevant. ``answers``: any of them
    suffices, or all are wanted; empty: what is shown is not judged."""

    id: str
    text: str
    relevant: Mapping[str, int]
    answers: tuple[str, ...] = ()
    all_answers: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents and questions; every relevant document is among the documents."""

    documents: list[Document]
    questions: list[Question]


def seeds() -> Collection:
    """The seeds and the test half of ``tests/questions.jsonl``."""
    documents = [
        Document(path.name, None, path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "seeds").glob("*.txt"))
    ]
    lines = (ROOT / "tests" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [
        Question(
            row["id"],
            row["question"],
            dict.fromkeys(row["doc_ids"], 1),
            tuple(row["answers"]),
            all_answers=row["type"] == "list",
        )
        for row in map(json.loads, lines)
        if row["split"] == "test" and row["doc_ids"] and not row.get("history")
    ]
    return Collection(documents, questions)


def squad_form(
    entries: Iterator[tuple[str, dict[str, Any]]], *, titles: bool, paragraphs: bool
) -> Collection:
    """Documents and questions of SQuAD entries as ``squad_entries`` gives them, every article.

    Args:
        titles: Whether the entries' titles are titles.
        paragraphs: Each paragraph is a document, else each article; ids are the source and the
            article's number, and ``#`` with the paragraph's number, from 0.
    """
    documents, questions = [], []
    for doc_id, entry in entries:
        article = "/".join(doc_id.split("/", 2)[:2])
        title = unquote(entry["title"]).replace("_", " ") if titles else None
        for number, paragraph in enumerate(entry["paragraphs"]):
            document = f"{article}#{number}" if paragraphs else article
            if paragraphs:
                documents.append(Document(document, title, paragraph["context"].strip()))
            for place, qa in enumerate(paragraph["qas"]):
                answers = tuple(dict.fromkeys(a["text"] for a in qa["answers"]))
                name = f"{article}#{number}/{place}"
                questions.append(Question(name, qa["question"], {document: 1}, answers))
        if not paragraphs:
            text = "\n\n".join(p["context"].strip() for p in entry["paragraphs"])
            documents.append(Document(article, title, text))
    return Collection(documents, questions)


def _held_back_of(data: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    entries = squad_entries(data / "train" / f"{name}.json.gz", name)
    return ((doc_id, entry) for doc_id, entry in entries if held_back(doc_id))


def new_wiki(data: Path) -> Collection:
    """Held-back paragraphs, all of them, and up to ``MAX_QUESTIONS`` questions drawn at random."""
    entries = _held_back_of(data, "squadshifts_new_wiki")
    found = squad_form(entries, titles=True, paragraphs=True)
    questions = list(found.questions)
    random.Random(_SEED).shuffle(questions)
    return Collection(found.documents, questions[:MAX_QUESTIONS])


def newsqa(data: Path) -> Collection:
    """Held-back CNN articles and their questions."""
    return squad_form(_held_back_of(data, "newsqa_438"), titles=False, paragraphs=False)


def smart_records(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(id, fields by letter) of each record in the SMART format, lines joined by spaces.

    A record begins with ``.I`` and its number; a line that is a dot and a capital begins a field.
    ``W``, the text, is the last field: such lines within it (records 240, 576 and 578 of Cranfield
    have some) are strays and left out.

    >>> list(smart_records(".I 7\\n.T\\nflow\\n.W\\nair flow\\n.B\\nhere .\\n"))
    [('7', {'T': 'flow', 'W': 'air flow here .'})]
    """
    for record in re.split(r"^\.I ", text, flags=re.MULTILINE)[1:]:
        number, *lines = record.splitlines()
        fields: dict[str, list[str]] = {}
        letter = ""
        for line in lines:
            if not re.fullmatch(r"\.[A-Z]\s*", line):
                fields.setdefault(letter, []).extend(line.split())
            elif letter != "W":
                letter = line[1]
                fields.setdefault(letter, [])
        yield number.strip(), {name: " ".join(words) for name, words in fields.items()}


def cranfield_questions(queries: str, judgements: str) -> list[Question]:
    """Requests with their judgements.

    The numbers in the file of requests have gaps (1, 2, 4, …, 365); the judgements count the
    requests by position, 1 to 225.
    """
    relevant: dict[str, dict[str, int]] = {}
    for line in judgements.splitlines():
        if line.strip():
            query, document, code = line.split()
            relevant.setdefault(query, {})[document] = CRANFIELD_GAIN[int(code)]
    return [
        Question(str(place), fields["W"], relevant.get(str(place), {}))
        for place, (_, fields) in enumerate(smart_records(queries), start=1)
    ]


def cranfield(data: Path) -> Collection:
    """The whole collection. The text begins with the title again; two documents (471 and 995) are
    empty and found by nobody."""

    def read(name: str) -> str:
        with gzip.open(data / "eval" / "cranfield" / f"{name}.gz", "rt") as stream:
            return stream.read()

    documents = [
        Document(number, fields["T"] or None, fields["W"])
        for number, fields in smart_records(read("cran.all.1400"))
    ]
    return Collection(documents, cranfield_questions(read("cran.qry"), read("cranqrel")))


def realtimeqa(data: Path, articles: int = ARTICLES) -> Collection:
    """The quiz, over so many articles in all (0: every article there is).

    Raises:
        ValueError: A relevant address is not among the articles.
    """
    found = {row["url"]: row for row in _lines(data / "eval" / "realtimeqa_2022.articles.jsonl.gz")}
    rows = list(_lines(data / "eval" / "realtimeqa_2022.questions.jsonl.gz"))
    wanted = {url for row in rows for url in row["support_urls"]}
    if missing := wanted - found.keys():
        raise ValueError(f"{len(missing)} support_urls are no articles, as {min(missing)}")
    rest = [url for url in found if url not in wanted]
    if articles:
        rest = random.Random(_SEED).sample(rest, min(len(rest), max(0, articles - len(wanted))))
    kept = wanted.union(rest)
    return Collection(
        [Document(u, row["title"], row["text"].strip()) for u, row in found.items() if u in kept],
        [
            Question(
                row["id"], row["question"], dict.fromkeys(row["support_urls"], 1), (row["answer"],)
            )
            for row in rows
        ],
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


NAMES = ("seeds", "new_wiki", "newsqa", "cranfield", "realtimeqa")


def loader(
    name: str, data: Path | None, articles: int = ARTICLES
) -> Callable[[], Collection] | None:
    """What loads a collection; None where its data is missing."""
    if name == "seeds":
        return seeds
    if data is None:
        return None
    if name == "realtimeqa":
        return partial(realtimeqa, data, articles)
    return partial({"new_wiki": new_wiki, "newsqa": newsqa, "cranfield": cranfield}[name], data)
