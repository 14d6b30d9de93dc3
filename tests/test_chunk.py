"""Passages: exact slices, whole sentences, never too long, nothing of the evidence lost."""

from __future__ import annotations

import functools

import pytest
from conftest import SEEDS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rag.corpus.chunk import WordPieces, cut_passages, embedding_texts, evidence_blocks
from rag.corpus.files import read_articles, scan
from rag.datatypes import Article
from rag.models.embed import model_folder
from rag.settings import PACKAGED_MODEL

MODEL_LIMIT = 256
"""Word pieces, special tokens included, that the packaged model reads of a text."""


@functools.cache
def pieces() -> WordPieces:
    return WordPieces(model_folder(PACKAGED_MODEL) / "tokenizer.json")


@functools.cache
def tokenizer() -> Tokenizer:
    """The same file, read by the tokenizers library alone."""
    loaded = Tokenizer.from_file(str(model_folder(PACKAGED_MODEL) / "tokenizer.json"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def tokens(text: str, *, special: bool = False) -> int:
    return len(tokenizer().encode(text, add_special_tokens=special).ids)


def seeds() -> dict[str, Article]:
    items = read_articles(scan(SEEDS), max_bytes=100_000)
    return {item.doc_id[:3]: item for item in items if isinstance(item, Article)}


plain_words = st.sampled_from("the ferry left port again while nobody watched closely".split())
odd_words = st.sampled_from(
    ["https://example.org/a/b-c_d?e=f", "café", "U.S.", "$7.5", "日本語", "각각각", "naïve\u0301"]
)
unbroken = st.integers(1, 120).map(lambda n: ("qxzjvkw" * 20)[:n])
sentence = st.lists(plain_words | odd_words | unbroken, min_size=1, max_size=60).map(
    lambda found: "So " + " ".join(found) + "."
)
texts = st.lists(
    sentence | st.just("\n") | st.just("ALSO READ: Ferries strike\n"), max_size=12
).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(
    text=texts | st.text(max_size=400),
    max_tokens=st.sampled_from([32, 128, 200]),
)
@example(text="qxzjvkw" * 14 + " e\u0301" * 80 + "/qxzjvkw" * 60, max_tokens=32)
@example(text="각" * 99 + " 각" * 99, max_tokens=32)
@example(text="日本" * 300, max_tokens=128)
@example(  # cut inside the word, its rest alone is one token more than within it
    text="Go kzdbjgqkcgdqxqbkhhfkkgcdghghhbkdgjhxjgfhgjfhkbkxcxxxbgdjjdjqqjqchfxdjx" + " now" * 5,
    max_tokens=32,
)
@example(text="a\u200b" * 95, max_tokens=32)
def test_passages_are_exact_disjoint_small_and_lose_nothing(text: str, max_tokens: int) -> None:
    article = Article("a.txt", "Ferries", text)
    passages = cut_passages(article, pieces(), max_tokens=max_tokens)
    last = 0
    covered: set[int] = set()
    for passage in passages:
        span = passage.span
        assert text[span.start : span.end] == span.text == span.text.strip()
        assert last <= span.start
        last = span.end
        assert tokens(span.text) <= max_tokens
        assert (passage.sentences[0][0], passage.sentences[-1][1]) == (span.start, span.end)
        end = span.start
        for start, stop in passage.sentences:
            assert end <= start < stop
            assert text[end:start].strip() == ""
            end = stop
            covered.update(range(start, stop))
    evidence = {
        i
        for block in evidence_blocks(article)
        for start, end in block
        for i in range(start, end)
        if not text[i].isspace()
    }
    assert evidence <= covered
    assert len({passage.passage_id for passage in passages}) == len(passages)


@settings(deadline=None, max_examples=60)
@given(
    title=st.text(max_size=300)
    | st.integers(0, 400).map(lambda n: "harbour " * n)
    | st.integers(0, 400).map(lambda n: "각" * n),
    text=sentence,
    max_tokens=st.sampled_from([128, 200]),
)
def test_title_and_passage_together_fit_the_model(title: str, text: str, max_tokens: int) -> None:
    article = Article("a.txt", title, text)
    for passage in cut_passages(article, pieces(), max_tokens=max_tokens):
        (whole,) = embedding_texts([passage], pieces())
        assert whole.endswith("\n" + passage.span.text)
        assert title.startswith(whole[: -len(passage.span.text) - 1])
        assert tokens(whole, special=True) <= MODEL_LIMIT


def test_a_short_title_stands_whole_before_the_passage() -> None:
    (passage,) = cut_passages(Article("a", "Port news", "Ferries left."), pieces(), max_tokens=64)
    assert embedding_texts([passage], pieces()) == ["Port news\nFerries left."]


def test_a_long_title_is_cut_to_48_word_pieces() -> None:
    article = Article("a", "harbour " * 100, "Ferries left.")
    (passage,) = cut_passages(article, pieces(), max_tokens=64)
    assert embedding_texts([passage], pieces()) == [("harbour " * 48).strip() + "\nFerries left."]


def test_sentences_are_spread_evenly_over_as_few_passages_as_hold_them() -> None:
    # "Ferries left port." is 4 word pieces; 12 of them are 48, which two passages of 32 hold.
    text = " ".join(["Ferries left port."] * 12)
    assert tokens("Ferries left port.") == 4
    passages = cut_passages(Article("a", "t", text), pieces(), max_tokens=32)
    assert [len(passage.sentences) for passage in passages] == [6, 6]


def test_a_sentence_that_is_too_long_is_cut_after_punctuation() -> None:
    # 30 words and a comma (31 pieces), then 20 words and a full stop: 52 pieces in all.
    text = "port " * 29 + "port, " + "ship " * 19 + "ship."
    passages = cut_passages(Article("a", "t", text), pieces(), max_tokens=32)
    assert [passage.span.text for passage in passages] == [
        "port " * 29 + "port,",
        "ship " * 19 + "ship.",
    ]


def test_repeated_text_gets_its_own_offsets() -> None:
    text = "\n".join(["Ferries left the port again today."] * 40)
    passages = cut_passages(Article("a", "t", text), pieces(), max_tokens=32)
    starts = [passage.span.start for passage in passages]
    assert starts == sorted(set(starts))
    assert sum(len(passage.sentences) for passage in passages) == 40


def test_furniture_ends_a_passage_and_is_in_none() -> None:
    text = "Ferries left.\nALSO READ: Strike on. Port shut\nThey came back.\n* * *\nAll slept."
    passages = cut_passages(Article("a", "t", text), pieces(), max_tokens=64)
    assert [p.span.text for p in passages] == ["Ferries left.", "They came back.", "All slept."]


def test_the_header_is_in_no_passage() -> None:
    text = (
        "Port Reopens Again\nMarch 30, 2025\n\nFerries left.\nThey came back.\nport.org\n2025-03-30"
    )
    article = Article("a.txt", "Port Reopens Again", text)
    passages = cut_passages(article, pieces(), max_tokens=64)
    assert [p.span.text for p in passages] == ["Ferries left.\nThey came back."]


def test_front_matter_is_in_no_passage() -> None:
    text = "---\ntitle: Port\n---\n# Port\n\nFerries left."
    passages = cut_passages(Article("a.md", "Port", text), pieces(), max_tokens=64)
    assert [p.span.text for p in passages] == ["Ferries left."]


@pytest.mark.parametrize("text", ["", "\n \n", "ALSO READ: Ferries strike", "* * *"])
def test_a_text_without_evidence_gives_no_passage(text: str) -> None:
    assert cut_passages(Article("a", "t", text), pieces(), max_tokens=64) == []


def test_a_passage_carries_its_article() -> None:
    (article,) = (a for a in seeds().values() if a.outlet)
    for passage in cut_passages(article, pieces(), max_tokens=128):
        assert passage.title == article.title
        assert (passage.outlet, passage.published) == (article.outlet, article.published)
        assert passage.passage_id == (f"{article.doc_id}#{passage.span.start}-{passage.span.end}")


def test_links_headline_and_sign_off_of_the_seeds_are_in_no_passage() -> None:
    found = seeds()
    texts = {
        number: [p.span.text for p in cut_passages(article, pieces(), max_tokens=128)]
        for number, article in found.items()
    }
    assert found["000"].text.count("ALSO READ") == 2
    everything = "\n".join(text for group in texts.values() for text in group)
    for absent in ("ALSO READ", "inauguration", "espionage", "CentralasianLIGHT", "March 30"):
        assert absent not in everything
    assert "Pakistan Backs U.S. Plan" not in everything
    assert texts["000"][0].startswith("The Taliban in Afghanistan has rejected")
    assert texts["003"][-1].endswith("complex and evolving nature of US-Taliban relations.")
