"""The span reader: its search over spans, its prepared form, its offsets, its absence."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from conftest import ROOT, SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Article, Hit, ModelUnavailableError
from rag.models import span_network
from rag.models.embed import model_folder
from rag.models.light import load_form
from rag.models.span_network import (
    MAX_ANSWER_TOKENS,
    NETWORK,
    assemble,
    best_span,
    build_network,
    network_sha256,
)
from rag.reader.spans import SpanReader, tidy
from rag.settings import PACKAGED_MODEL

BASE = model_folder(PACKAGED_MODEL)
SCORES = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=150)
@given(SCORES)
def test_the_best_span_is_that_of_trying_them_all(pairs):
    starts, ends = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    score, i, j = best_span(starts, ends)
    tried = {
        (a, b): starts[a] + ends[b]
        for a in range(len(pairs))
        for b in range(a, min(len(pairs), a + MAX_ANSWER_TOKENS))
    }
    assert score == max(tried.values()) == tried[i, j]


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet="ab .,;é7\n", min_size=1, max_size=30), st.data())
def test_a_tidied_span_keeps_inside_and_cuts_no_word(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    left, right = tidy(text, start, end)
    assert 0 <= left <= right <= len(text)
    if left < right:
        assert not (left and text[left - 1].isalnum() and text[left].isalnum())
        assert not (right < len(text) and text[right - 1].isalnum() and text[right].isalnum())


@pytest.fixture(scope="module")
def reader(seeds_index) -> SpanReader:
    return SpanReader(seeds_index / "readers" / network_sha256()[:16], BASE / "tokenizer.json")


def hits_of(text: str) -> list[Hit]:
    article = Article("x.txt", "A title", text)
    passages = cut_passages(article, WordPieces(BASE / "tokenizer.json"), max_tokens=128)
    return [Hit(p, rank, 0.0, ("dense",), 0.5) for rank, p in enumerate(passages, start=1)]


def test_the_prepared_form_finds_what_the_network_finds(seeds_index):
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    network = build_network(BASE)
    trained = {name: tensor.float() for name, tensor in load_file(NETWORK).items()}
    network.load_state_dict(trained, strict=False)
    network.eval()
    light = load_form(seeds_index / "readers" / network_sha256()[:16], "reader")
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    questions = [json.loads(line)["question"] for line in (ROOT / "tests/questions.jsonl").open()]
    texts = [h.passage.span.text for p in sorted(SEEDS.iterdir()) for h in hits_of(p.read_text())]
    same = 0
    for i in range(60):
        asked = tokenizer.encode(questions[4 * i], add_special_tokens=False).ids
        passage = tokenizer.encode(texts[i % len(texts)], add_special_tokens=False).ids
        ids = np.array([assemble(asked, passage, tokenizer)])
        mask, kinds = np.ones_like(ids), np.zeros_like(ids)
        kinds[0, len(asked) + 2 :] = 1
        with torch.no_grad():
            full = network(*(torch.from_numpy(a) for a in (ids, mask, kinds)))[0].numpy()
        short = np.array(light([ids, mask, kinds])[0][0])
        inside = slice(len(asked) + 2, ids.shape[1] - 1)
        same += best_span(*full[inside].T)[1:] == best_span(*short[inside].T)[1:]
        assert np.abs(full - short).max() < 0.8
    assert same >= 57  # bfloat16 decides a few close calls the other way


def test_a_plain_fact_is_found_with_its_offsets(reader):
    text = "The bridge was opened in 1932 by Anna Lind. It cost $12 million and took nine years."
    for question, short in (
        ("Who opened the bridge?", "Anna Lind"),
        ("How much did the bridge cost?", "$12 million"),
        ("When was the bridge opened?", "1932"),
    ):
        best = reader.read(question, np.zeros(384), hits_of(text))[0]
        assert best.short is not None
        assert best.short.text == short
        assert text[best.short.start : best.short.end] == short
        assert best.sentence.start <= best.short.start < best.short.end <= best.sentence.end


@pytest.mark.parametrize(
    "text",
    ["武器は倉庫にあります。" * 40, "Оружие осталось. " * 60, "🤖 " * 300, "x" * 5_000, "a. " * 400,
     "[SEP] [CLS] hidden [MASK]. Another line."],
    ids=["Japanese", "Russian", "emoji", "one long word", "tiny sentences", "special tokens"],
)  # fmt: skip
def test_odd_passages_give_no_wrong_offset(reader, text):
    for reading in reader.read("What is [SEP] this?", np.zeros(384), hits_of(text)):
        assert text[reading.sentence.start : reading.sentence.end] == reading.sentence.text
        assert 0 <= reading.confidence <= 1
        if reading.short is not None:
            assert text[reading.short.start : reading.short.end] == reading.short.text


def test_no_passage_gives_no_reading(reader):
    assert reader.read("Who?", np.zeros(384), []) == []


def test_missing_weights_name_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(span_network, "NETWORK", tmp_path / "nowhere.safetensors")
    with pytest.raises(ModelUnavailableError, match="RAG_READER=sentences"):
        network_sha256()


def test_an_altered_prepared_reader_is_refused(seeds_index, new_index):
    rag.build_index(SEEDS, new_index)
    [weights] = (new_index / "readers").glob("*/network.bin")
    changed = bytearray(weights.read_bytes())
    changed[1000] ^= 255
    os.unlink(weights)  # a hard link to the shared one
    weights.write_bytes(changed)
    with (
        rag.Assistant.open(new_index) as opened,
        pytest.raises(ModelUnavailableError, match="altered"),
    ):
        opened.answer("What did Balkhi say about mining?")


def test_the_sentence_reader_answers_where_it_is_asked_for(new_index, monkeypatch):
    monkeypatch.setenv("RAG_READER", "sentences")
    rag.build_index(SEEDS, new_index)
    with rag.Assistant.open(new_index) as opened:
        answer = opened.answer(
            "What did Balkhi say about US companies investing in mining operations?"
        )
    assert any("mining operations" in c.quote for c in answer.citations)
