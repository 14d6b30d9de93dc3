"""The span reader: its search over spans, its prepared form, its offsets, its absence."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Article, Check, Hit, ModelUnavailableError
from rag.index.doctor import examine
from rag.models import span_network
from rag.models.embed import model_folder
from rag.models.light import load_form
from rag.models.qa_model import QAModelNetwork
from rag.models.span_network import (
    MAX_ANSWER_TOKENS,
    NETWORK,
    LightSpanNetwork,
    SpanScores,
    assemble,
    best_span,
    build_network,
    joined,
    network_sha256,
    opening,
    padded,
    window_starts,
)
from rag.reader.spans import SpanReader, tidy
from rag.settings import PACKAGED_MODEL, load_settings

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
    return SpanReader(packaged(seeds_index))


def packaged(index) -> LightSpanNetwork:
    return LightSpanNetwork(index / "readers" / network_sha256()[:16], BASE / "tokenizer.json")


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
        start = opening(questions[4 * i], "A title" if i % 2 else "", tokenizer)
        passage = tokenizer.encode(texts[i % len(texts)], add_special_tokens=False).ids
        window = assemble(start, passage, tokenizer)
        arrays = padded([window], [len(start)])
        with torch.no_grad():
            full = network(*map(torch.from_numpy, arrays))[0].numpy()
        short = light([arrays])[0][0]
        inside = slice(len(start), len(window) - 1)
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
            assert reading.sentence.start <= reading.short.start
            assert reading.short.end <= reading.sentence.end


def test_no_passage_gives_no_reading(reader):
    assert reader.read("Who?", np.zeros(384), []) == []


@given(st.integers(1, 700), st.integers(80, 250), st.integers(0, 64))
def test_windows_cover_a_text_and_overlap(length, room, overlap):
    starts = window_starts(length, room, overlap)
    ends = [min(length, start + room) for start in starts]
    assert starts[0] == 0
    assert ends[-1] == length
    for end, start in zip(ends, starts[1:], strict=False):
        assert end - start == overlap


def test_overlapping_windows_become_one_by_the_middle_of_each():
    one = SpanScores(((0, 1), (2, 3), (4, 5)), np.array([1.0, 2, 3]), np.array([1.0, 2, 3]), 0.0)
    other = SpanScores(((4, 5), (6, 7), (8, 9)), np.array([9.0, 8, 7]), np.array([9.0, 8, 7]), 4.0)
    whole = joined([one, other])
    assert whole.offsets == ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
    # "None" is 0 in the first and 4 in the second, whose scores are lowered by half of that each.
    assert whole.starts.tolist() == [1, 2, 3, 6, 5]
    assert whole.none == 0.0


def test_a_text_longer_than_the_window_is_read_to_its_end(seeds_index):
    filler = "Rain fell on the town and nobody went out that day. " * 40
    text = f"{filler}The bridge was opened in 1932 by Anna Lind."
    [scores] = packaged(seeds_index).score("Who opened the bridge?", [text], ["A bridge"])
    _, first, last = best_span(scores.starts, scores.ends)
    assert text[scores.offsets[first][0] : scores.offsets[last][1]] == "Anna Lind"
    assert [s for s, _ in scores.offsets] == sorted({s for s, _ in scores.offsets})


def test_each_text_is_read_with_its_own_title(seeds_index):
    network = packaged(seeds_index)
    texts = ["She opened the bridge in 1932. It rained.", "It cost $12 million, the town said."]
    titles = ["Anna Lind, engineer", ""]
    together = network.score("When did Anna Lind open the bridge?", texts, titles)
    for scores, text, title in zip(together, texts, titles, strict=True):
        [alone] = network.score("When did Anna Lind open the bridge?", [text], [title])
        assert scores.offsets == alone.offsets
        assert next(text[s:e] for s, e in scores.offsets) == text.split()[0]
        assert np.abs(scores.starts - alone.starts).max() < 0.3  # batches round otherwise
        assert abs(scores.none - alone.none) < 0.6
    [untitled] = network.score("When did Anna Lind open the bridge?", texts[:1], [""])
    assert np.abs(untitled.starts - together[0].starts).max() > 0.5


@pytest.fixture(scope="module")
def other_model(tmp_path_factory) -> Path:
    """Our own network written as a model of transformers, as a person might have one."""
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, BertForQuestionAnswering

    folder = tmp_path_factory.mktemp("model")
    model = BertForQuestionAnswering.from_pretrained(BASE)
    trained = {name: tensor.float() for name, tensor in load_file(NETWORK).items()}
    renamed = {
        name.replace("body.", "bert.").replace("head.", "qa_outputs."): tensor
        for name, tensor in trained.items()
    }
    assert not model.load_state_dict(renamed, strict=False).unexpected_keys
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(BASE).save_pretrained(folder)
    return folder


def test_another_model_reads_with_the_same_offsets(seeds_index, other_model):
    theirs, ours = QAModelNetwork(str(other_model)), packaged(seeds_index)
    texts = [(SEEDS / name).read_text()[:700] for name in sorted(os.listdir(SEEDS))]
    texts.append("Das Café — 12 €. " * 5)
    untitled = [""] * len(texts)  # such a model reads no titles
    for question in ("Who said it?", "How much is the equipment worth?"):
        for one, other in zip(
            theirs.score(question, texts, untitled),
            ours.score(question, texts, untitled),
            strict=True,
        ):
            assert one.offsets == other.offsets
            assert np.abs(one.starts - other.starts).max() < 0.8  # 16-bit against 32
            assert abs(one.none - other.none) < 1.6


def test_another_model_reads_a_long_text_to_its_end(other_model):
    filler = "Rain fell on the town and nobody went out that day. " * 60
    text = f"{filler}The bridge was opened in 1932 by Anna Lind."
    [scores] = QAModelNetwork(str(other_model)).score("Who opened the bridge?", [text], [""])
    _, first, last = best_span(scores.starts, scores.ends)
    assert text[scores.offsets[first][0] : scores.offsets[last][1]] == "Anna Lind"


def test_another_model_answers_where_it_is_named(seeds_index, other_model):
    with rag.Assistant.open(seeds_index, settings=load_settings(reader=str(other_model))) as opened:
        answer = opened.answer("What did Balkhi say about mining operations?", error_rate=1.0)
    assert answer.citations
    assert any(str(other_model) in note for note in answer.notes)


def test_doctor_says_which_other_model_reads_and_whether_it_can(seeds_index, other_model):
    def reader_check(name: str) -> Check:
        settings = load_settings(reader=name)
        [found] = [c for c in examine(seeds_index, settings) if c.name == "reader"]
        return found

    sound = reader_check(str(other_model))
    assert sound.ok
    assert sound.detail.startswith(str(other_model))
    broken = reader_check(str(other_model / "nothing-here"))
    assert (broken.ok, broken.mend) == (False, "unset RAG_READER")
    assert "nothing-here" in broken.detail


@pytest.mark.parametrize("name", ["no/such-model", str(BASE), str(ROOT / "seeds")])
def test_a_model_that_cannot_answer_questions_is_refused(name):
    with pytest.raises(ModelUnavailableError, match=rf"reader {re.escape(name)}"):
        QAModelNetwork(name)


def test_a_span_across_two_sentences_brings_both():
    class Fixed:
        name, sha256 = "spans", ""

        def score(self, question, texts, titles):
            assert titles == ["A title"]
            [text] = texts
            offsets = tuple(m.span() for m in re.finditer(r"\w+|[^\w\s]", text))
            starts, ends = np.full(len(offsets), -5.0), np.full(len(offsets), -5.0)
            starts[[text[s:e] for s, e in offsets].index("ferries")] = 9
            ends[[text[s:e] for s, e in offsets].index("trains")] = 9
            return [SpanScores(offsets, starts, ends, 0.0)]

    text = "The town runs ferries. It also runs trains. Nobody pays."
    best = SpanReader(Fixed()).read("What does the town run?", np.zeros(384), hits_of(text))[0]
    assert best.sentence.text == "The town runs ferries. It also runs trains."
    assert best.short.text == "ferries. It also runs trains"


def test_altered_weights_name_the_way_out(monkeypatch, tmp_path):
    changed = bytearray(NETWORK.read_bytes())
    changed[-1] ^= 255
    (tmp_path / "reader.safetensors").write_bytes(changed)
    (tmp_path / "reader.sha256").write_bytes(NETWORK.with_suffix(".sha256").read_bytes())
    monkeypatch.setattr(span_network, "NETWORK", tmp_path / "reader.safetensors")
    with pytest.raises(ModelUnavailableError, match=r"altered.*RAG_READER=sentences"):
        network_sha256()


def test_a_missing_hash_names_the_way_out(monkeypatch, tmp_path):
    (tmp_path / "reader.safetensors").write_bytes(NETWORK.read_bytes())
    monkeypatch.setattr(span_network, "NETWORK", tmp_path / "reader.safetensors")
    with pytest.raises(ModelUnavailableError, match=r"missing.*RAG_READER=sentences"):
        network_sha256()
    (tmp_path / "reader.sha256").write_text("")
    with pytest.raises(ModelUnavailableError, match=r"altered.*RAG_READER=sentences"):
        network_sha256()


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
    assert any("sentence reader" in note for note in answer.notes)
