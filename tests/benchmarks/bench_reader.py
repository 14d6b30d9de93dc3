"""The span reader on articles held back from training: exact match and token F1 by the SQuAD
definition (https://rajpurkar.github.io/SQuAD-explorer/), the gold article being read whole."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np

from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Hit
from rag.evaluation.answers import exact_match, token_f1
from rag.models.embed import model_folder
from rag.models.span_network import prepare_reader
from rag.reader.spans import SpanReader
from rag.reader.train import held_back, read_squad_form
from rag.settings import PACKAGED_MODEL


def measure(data: Path, limit: int = 1_200) -> dict[str, object]:
    """EM and F1 (percent) with the gold paragraph (encyclopedia) or article (news) read."""
    base = model_folder(PACKAGED_MODEL)
    pieces = WordPieces(base / "tokenizer.json")
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        prepare_reader(base, Path(folder) / "reader")
        reader = SpanReader(Path(folder) / "reader", base / "tokenizer.json")
        for name in ("squadshifts_new_wiki", "newsqa_438"):
            exact, f1 = [], []
            for article, examples in read_squad_form(data / "train" / f"{name}.json.gz", name):
                if not held_back(article.doc_id):
                    continue
                passages = cut_passages(article, pieces, max_tokens=128)
                for example in examples:
                    begin, end = 0, len(article.text)
                    if name != "newsqa_438":
                        first = example.spans[0][0]
                        begin = max(0, article.text.rfind("\n\n", 0, first))
                        end = article.text.find("\n\n", first)
                    read = [p for p in passages if p.span.start < end and begin < p.span.end]
                    hits = [Hit(p, i, 0.0, ("dense",), 0.0) for i, p in enumerate(read, 1)]
                    guess = _short(reader, example.question, hits)
                    golds = [article.text[s:e] for s, e in example.spans]
                    exact.append(exact_match(guess, golds))
                    f1.append(token_f1(guess, golds))
                    if len(f1) == limit:
                        break
                if len(f1) == limit:
                    break
            half = 1.96 * statistics.pstdev(f1) / len(f1) ** 0.5
            results[name] = {
                "n": len(f1),
                "exact": round(100 * statistics.fmean(exact), 1),
                "f1": round(100 * statistics.fmean(f1), 1),
                "f1_half_interval_95": round(100 * half, 1),
            }
    return results


def _short(reader: SpanReader, question: str, hits: list[Hit]) -> str:
    """The network's best span over all passages, by its own score alone."""
    if not hits:
        return ""
    scene = reader.scene(question, np.zeros(384), hits)
    best = int(np.argmax(scene.features[:, 0]))
    short = scene.shorts[best]
    hit, start, end = scene.sentences[best]
    if short is None:
        short = (start, end)
    base = hit.passage.span.start
    return hit.passage.span.text[short[0] - base : short[1] - base]
