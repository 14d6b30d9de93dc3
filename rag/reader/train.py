"""Train the span reader: from raw files to weights, with one command.

    python -m rag.reader.train --data ../shared/data --work FOLDER

The body is the packaged all-MiniLM-L6-v2 encoder; one linear layer gives each word piece a start
and an end score, and the first position stands for "no answer here" (as in BERT for SQuAD 2.0,
Devlin et al. 2019). The word embeddings are frozen: they are read from the packaged model again,
so the weights shipped are the six layers alone.

Windows are passages as the product cuts them. Each question is seen with the passage that
answers it; some also with a passage that does not: another of the same article, or the best wrong
one by BM25. Articles held back (``held_back``) are never trained on. Seeds are fixed; a run is
resumed from its last checkpoint in FOLDER.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import hashlib
import json
import logging
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Article, Passage
from rag.index.lexical import Postings
from rag.models.embed import find_model
from rag.models.span_network import MAX_TOKENS, QUESTION_TOKENS, assemble, build_network
from rag.settings import PACKAGED_MODEL

_log = logging.getLogger("rag.train")
SEED = 20
BATCH = 32
PEAK_RATE = 2e-4
WARM_UP = 0.06
PASSAGE_SIZES = (96, 128, 128, 144)
SQUAD_FORM = ("squadshifts_new_wiki", "squadshifts_reddit", "squadshifts_amazon_reviews",
              "newsqa_438", "quoref_perturbed")  # fmt: skip
CHECKPOINT_EVERY = 200
HELD_BACK = Path(__file__).with_name("held_back.txt")
_QAMR_MARKS = {"``": "“", "''": "”", "-LRB-": "(", "-RRB-": ")"}


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


@dataclass(frozen=True, slots=True)
class Window:
    """What the network sees: a question and a passage; (start, end) within the passage's text,
    or None where it holds no answer."""

    question: str
    text: str
    answer: tuple[int, int] | None


def squad_entries(path: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(doc_id, entry as in the file) of each article of a SQuAD 1.1 file."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        entries = json.load(stream)["data"]
    for number, entry in enumerate(entries):
        yield f"{name}/{number}/{entry.get('title')}", entry


def read_squad_form(path: Path, name: str) -> Iterator[tuple[Article, list[Example]]]:
    """Articles with their questions from a SQuAD 1.1 file; paragraphs joined by blank lines."""
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
        title = (entry.get("title") or "untitled").replace("_", " ")
        yield Article(doc_id, title, text), examples


def read_qamr(data: Path, limit: int, rng: random.Random) -> list[Window]:
    """Questions on single sentences; rows whose answer is no run of words are left out."""
    sentences = {}
    with gzip.open(data / "qamr_sentences.tsv.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            key, text = line.rstrip("\n").split("\t")[:2]
            sentences[key] = [_QAMR_MARKS.get(word, word) for word in text.split(" ")]
    windows = []
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
                text, starts = _detokenise(words)
                span = (starts[indices[0]], starts[indices[-1]] + len(words[indices[-1]]))
                windows.append(Window(f"{question.rstrip('? ')}?", text, span))
    rng.shuffle(windows)
    return windows[:limit]


def _detokenise(words: list[str]) -> tuple[str, list[int]]:
    """Words joined as written, and where each starts."""
    text, starts = "", []
    for word in words:
        glue = not text or re.match(r"^[.,;:!?)%’”]|^'s$|^n't$", word) or text[-1] in "(“"
        text += "" if glue else " "
        starts.append(len(text))
        text += word
    return text, starts


def make_windows(data: Path, rng: random.Random, *, slice_only: bool = False) -> list[Window]:
    """All training windows, in random order."""
    pieces = WordPieces(find_model(PACKAGED_MODEL).tokenizer)
    windows: list[Window] = []
    for name in SQUAD_FORM:
        articles, passages = [], {}
        for article, examples in read_squad_form(data / f"{name}.json.gz", name):
            if held_back(article.doc_id) or for_calibration(article.doc_id):
                continue
            size = rng.choice(PASSAGE_SIZES)
            passages[article.doc_id] = cut_passages(article, pieces, max_tokens=size)
            articles.append((article, examples))
            if slice_only and len(articles) == 2:
                break
        flat = [p for group in passages.values() for p in group]
        postings = Postings.build(p.span.text for p in flat)
        # Questions on reviews are many and easy; news and encyclopedia count in full.
        share = {"squadshifts_reddit": 0.6, "squadshifts_amazon_reviews": 0.4}.get(name, 1.0)
        for article, examples in articles:
            for example in examples:
                if rng.random() < share:
                    windows.extend(
                        _windows_of(example, article, passages[article.doc_id], flat, postings, rng)
                    )
        _log.info("%s: %d windows so far", name, len(windows))
    windows += read_qamr(data, 60 if slice_only else 9_000, rng)
    rng.shuffle(windows)
    return windows


def _windows_of(
    example: Example,
    article: Article,
    own: list[Passage],
    all_passages: list[Passage],
    postings: Postings,
    rng: random.Random,
) -> Iterator[Window]:
    """The passage that answers, and with some chance one that does not."""
    answers = {article.text[s:e].lower() for s, e in example.spans}
    holding = [
        (p, span)
        for p in own
        for span in example.spans
        if p.span.start <= span[0] and span[1] <= p.span.end
    ]
    if holding:
        passage, (start, end) = rng.choice(holding)
        offset = passage.span.start
        yield Window(example.question, passage.span.text, (start - offset, end - offset))
    if rng.random() < 0.25:
        siblings = [p for p in own if not _mentions(p, answers)]
        if siblings:
            yield Window(example.question, rng.choice(siblings).span.text, None)
    elif rng.random() < 0.35:
        scores = postings.scores(example.question)
        for row in np.argsort(-scores, kind="stable")[:6]:
            wrong = all_passages[int(row)]
            if not _mentions(wrong, answers):
                yield Window(example.question, wrong.span.text, None)
                break


def _mentions(passage: Passage, answers: set[str]) -> bool:
    text = passage.span.text.lower()
    return any(answer in text for answer in answers)


def encode(window: Window, tokenizer: Any) -> tuple[list[int], int, int, int] | None:
    """(token ids, number of question tokens, start, end); start and end are token positions, 0 for
    no answer. None if the answer was cut off or does not fall on tokens."""
    question = tokenizer.encode(window.question, add_special_tokens=False).ids[:QUESTION_TOKENS]
    context = tokenizer.encode(window.text, add_special_tokens=False)
    ids = assemble(question, context.ids, tokenizer)
    room = MAX_TOKENS - len(question) - 3
    if window.answer is None:
        return ids, len(question), 0, 0
    inside = [
        i
        for i, (s, e) in enumerate(context.offsets[:room])
        if s < window.answer[1] and e > window.answer[0]
    ]
    if not inside or context.offsets[inside[-1]][1] < window.answer[1]:
        return None
    shift = len(question) + 2
    return ids, len(question), inside[0] + shift, inside[-1] + shift


def _batches(encoded: list[Any], rng: random.Random) -> list[list[Any]]:
    """Batches of windows of like length, in random order."""
    batches = []
    for start in range(0, len(encoded), 50 * BATCH):
        pool = sorted(encoded[start : start + 50 * BATCH], key=lambda item: len(item[0]))
        batches += [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
    rng.shuffle(batches)
    return batches


def collate(batch: list[Any]) -> dict[str, np.ndarray]:
    """Padded arrays of a batch, shape (windows, longest)."""
    longest = max(len(ids) for ids, *_ in batch)
    arrays = {
        name: np.zeros((len(batch), longest), dtype=np.int64)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    for row, (ids, question, *_rest) in enumerate(batch):
        arrays["input_ids"][row, : len(ids)] = ids
        arrays["attention_mask"][row, : len(ids)] = 1
        arrays["token_type_ids"][row, question + 2 : len(ids)] = 1
    return arrays


def train(data: Path, work: Path, *, slice_only: bool = False) -> Path:
    """Train from raw files; returns the path of the weights (16-bit safetensors, without the
    frozen embeddings). Resumes from ``work/checkpoint.pt``."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer

    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    model = find_model(PACKAGED_MODEL)
    tokenizer = Tokenizer.from_file(str(model.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    windows = make_windows(data / "train", rng, slice_only=slice_only)
    encoded = [e for e in (encode(w, tokenizer) for w in windows) if e is not None]
    batches = _batches(encoded, rng)
    answerable = sum(e[2] > 0 for e in encoded)
    _log.info("%d windows, %d answerable, %d steps", len(encoded), answerable, len(batches))
    network = build_network(model.folder)
    weights = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=PEAK_RATE, weight_decay=0.01)
    steps = len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / (WARM_UP * steps), max(0.0, (steps - step) / steps)),
    )
    first = 0
    checkpoint = work / "checkpoint.pt"
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        first = int(state["step"])
        _log.info("resumed at step %d", first)
    network.train()
    started, running = time.perf_counter(), 0.0
    for step in range(first, steps):
        arrays = collate(batches[step])
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        start = torch.tensor([item[2] for item in batches[step]])
        end = torch.tensor([item[3] for item in batches[step]])
        # The question's own tokens can be no answer; the first position is "none".
        allowed = (tensors["token_type_ids"] == 1) & (tensors["attention_mask"] == 1)
        allowed[:, 0] = True
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(**tensors)
        logits = logits.float().masked_fill(~allowed[:, :, None], -1e4)
        loss = (
            torch.nn.functional.cross_entropy(logits[..., 0], start)
            + torch.nn.functional.cross_entropy(logits[..., 1], end)
        ) / 2
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        running = loss.item() if step == first else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            rate = (step + 1 - first) / (time.perf_counter() - started)
            _log.info("step %d of %d, loss %.3f, %.2f steps/s", step + 1, steps, running, rate)
        if (step + 1) % CHECKPOINT_EVERY == 0:
            partial = work / "checkpoint.partial"
            torch.save(
                {
                    "network": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": step + 1,
                },
                partial,
            )
            partial.replace(checkpoint)
    shipped = {
        name: tensor.to(torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith("body.embeddings")
    }
    path = work / "reader.safetensors"
    save_file(shipped, path)
    return path


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Train the span reader.")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds train/")
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and weights")
    parser.add_argument("--slice", action="store_true", help="a few articles only, for testing")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    path = train(options.data, options.work, slice_only=options.slice)
    _log.info("weights written to %s", path)


if __name__ == "__main__":
    main()
