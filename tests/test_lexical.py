"""Words, terms and BM25, against a plain reading of the published formula."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.index import english
from rag.index.english import known_stem, term_weight, word_count, words_beginning
from rag.index.lexical import STOPWORDS, Postings, stem, terms, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. and the US", ["the", "us", "and", "the", "us"]),
        ("at 9 a.m. today", ["at", "9", "am", "today"]),
        ("Trump’s plan, Khan's plan", ["trump", "plan", "khan", "plan"]),
        ("1,000 and 2.5 and 1,234.50", ["1000", "and", "2.5", "and", "1234.50"]),
        ("Café Zürich naïve", ["cafe", "zurich", "naive"]),
        ("cafe\u0301", ["cafe"]),
        ("al-Qaeda ISIS-K snake_case", ["al", "qaeda", "isis", "k", "snake", "case"]),
        ("$7 billion (about)", ["7", "billion", "about"]),
        ("Москва 東京", ["москва", "東京"]),
        ("… — “”", []),
    ],
    ids=[
        "dotted abbreviation",
        "a.m.",
        "possessive",
        "numbers",
        "accents",
        "combining accent",
        "hyphens",
        "signs",
        "other scripts",
        "no word",
    ],
)
def test_what_people_write_differently_folds_to_one_word(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_terms_are_stems_of_content_words_in_order_with_repeats() -> None:
    assert terms("Were the returned weapons a weapon?") == ["return", "weapon", "weapon"]


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=80))
@example("İSTANBUL’DA U.S.A. 1,0.5 12ab ﬁre")
def test_words_are_folded_once_and_for_all(text: str) -> None:
    found = words(text)
    assert words(" ".join(found)) == found


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(max_codepoint=0x24F), max_size=60))
def test_case_makes_no_difference(text: str) -> None:
    same_case = [c for c in text if len(c.upper()) == 1 and c.upper().lower() == c.lower()]
    assert words("".join(same_case)) == words("".join(same_case).upper())


# --- BM25 --------------------------------------------------------------------------------------

VOCABULARY = ("tank", "gun", "camp", "ship", "fort", "bomb")  # each its own stem
documents = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=12), min_size=1, max_size=8)


def lucene_bm25(query: list[str], docs: list[list[str]], k1: float, b: float) -> list[float]:
    """The formula of Kamphuis et al., ECIR 2020, row "Lucene (accurate)"; each term once:
    sum of log(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * len / avg_len))
    """
    average = sum(len(doc) for doc in docs) / len(docs)
    scores = []
    for doc in docs:
        score = 0.0
        for term in set(query):
            tf = doc.count(term)
            if tf:
                df = sum(term in other for other in docs)
                idf = math.log(1 + (len(docs) - df + 0.5) / (df + 0.5))
                score += idf * tf / (tf + k1 * (1 - b + b * len(doc) / average))
        scores.append(score)
    return scores


@settings(deadline=None, max_examples=120)
@given(documents, st.lists(st.sampled_from((*VOCABULARY, "plane")), max_size=6))
@example([["tank", "tank", "gun"], [], ["gun"]], ["tank", "tank", "plane"])
def test_scores_are_those_of_the_published_formula(docs: list[list[str]], query: list[str]) -> None:
    postings = Postings.build(" ".join(doc) for doc in docs)
    expected = lucene_bm25(query, docs, k1=1.5, b=0.75)
    assert postings.scores(" ".join(query)).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_score_worked_out_by_hand() -> None:
    # N = 2, df = 1: idf = ln(1 + 1.5 / 1.5) = ln 2; lengths 2 and 2, so tf part = 1 / (1 + 1.5).
    scores = Postings.build(["The tank in the camp", "A gun and a ship"]).scores("Which tanks?")
    assert scores.tolist() == pytest.approx([math.log(2) / 2.5, 0.0], rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(documents)
def test_document_frequency_counts_passages(docs: list[list[str]]) -> None:
    postings = Postings.build(" ".join(doc) for doc in docs)
    for term in (*VOCABULARY, "plane"):
        assert postings.document_frequency(term) == sum(term in doc for doc in docs)
    assert set(postings.vocabulary()) == set().union(*docs)


@pytest.mark.parametrize(
    "texts",
    [["The tank", "gun and tank", "a ship"], ["To be or not to be.", "…"], [""], []],
    ids=["three", "only stop words", "only an empty one", "none"],
)
def test_saved_postings_open_as_they_were(texts: list[str], tmp_path: Path) -> None:
    built = Postings.build(texts)
    built.save(tmp_path / "bm25")
    opened = Postings.load(tmp_path / "bm25", len(texts))
    for query in ("tank gun", "plane", "", "the"):
        assert opened.scores(query).shape == (len(texts),)
        assert opened.scores(query).tolist() == built.scores(query).tolist()
    assert opened.document_frequency("tank") == sum("tank" in text for text in texts)
    assert set(opened.vocabulary()) == {term for text in texts for term in terms(text)}


@pytest.mark.parametrize("query", ["", "the of and", "plane", "?!"])
def test_a_query_without_a_known_term_scores_nothing(query: str) -> None:
    assert Postings.build(["The tank", "A gun"]).scores(query).tolist() == [0.0, 0.0]


# --- how common words are ----------------------------------------------------------------------


def listed(file: Path) -> dict[str, int]:
    """A table, read plainly."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {name: int(count) for name, count in (line.split("\t") for line in lines)}


COUNTS = {word: n for word, n in listed(english._WORDS).items() if word != "#articles"}


def test_the_weight_of_a_term_is_that_of_all_words_with_its_stem() -> None:
    count = sum(n for word, n in COUNTS.items() if stem(word) == "weapon")
    assert count > COUNTS["weapon"] > 0
    assert term_weight("weapon") == pytest.approx(math.log(1 + 5948 / (count + 0.5)))


def test_every_word_is_found_in_the_tables_and_no_other() -> None:
    assert len(COUNTS) > 40_000
    assert {word: word_count(word) for word in COUNTS} == COUNTS
    for word in COUNTS:
        for other in (word + "~", word[:-1] + "\t", " " + word):
            assert word_count(other) == 0
    assert word_count("") == word_count("\U0010ffff") == 0
    assert words_beginning("q") == {word: n for word, n in COUNTS.items() if word[0] == "q"}


def test_the_table_of_stems_sums_the_words_of_each() -> None:
    sums: Counter[str] = Counter()
    for word, count in COUNTS.items():
        sums[stem(word)] += count
    assert listed(english._STEMS) == sums


def test_an_unseen_term_weighs_as_much_as_the_rarest_can() -> None:
    assert not known_stem("qxzvwk")
    assert term_weight("qxzvwk") == pytest.approx(math.log(5949))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(COUNTS)))
def test_weights_lie_between_their_floor_and_that_of_an_unseen_term(word: str) -> None:
    assert known_stem(stem(word))
    assert 0.3 <= term_weight(stem(word)) < math.log(5949)


def test_stop_words_are_folded_as_words_are() -> None:
    assert all(words(word) == [word] for word in STOPWORDS)
