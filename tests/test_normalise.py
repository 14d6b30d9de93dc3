"""Declared normalisation: what is folded, and the way back to the original."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.index.normalise import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a \n\t\u00a0\u2009b", "a b"),
        ("\n a \n", "a"),
        ("‘it’s’ `so´ ′", "'it's' 'so' '"),
        ("“no” «yes» „ja‟", '"no" "yes" "ja"'),
        ("a‐b‑c–d—e−f", "a-b-c-d-e-f"),
        ("co\u00adop\u200berate\ufeff", "cooperate"),
        ("oﬃce ﬁre ﬆaﬀ…", "office fire staff..."),
        ("a \u200b b", "a b"),
        ("\u200b \u2060", ""),
        ("", ""),
    ],
    ids=[
        "white space",
        "ends",
        "single quotes",
        "double quotes",
        "dashes",
        "invisible",
        "ligatures",
        "invisible between spaces",
        "nothing left",
        "empty",
    ],
)
def test_what_is_declared_is_folded(text: str, expected: str) -> None:
    assert normalise(text).text == expected


@pytest.mark.parametrize("text", ["Not Now", "1,000.5", "café", "e\u0301", "İş", "a; b: c!", "½ ²"])
def test_case_digits_accents_and_punctuation_stay(text: str) -> None:
    assert normalise(text).text == text


def test_a_match_is_given_as_a_slice_of_the_original() -> None:
    original = "He  said:\n“oﬃce…”"
    found = normalise(original)
    start = found.text.index('"office..."')
    assert original[slice(*found.original(start, start + 11))] == "“oﬃce…”"


@pytest.mark.parametrize("gap", [" ", "\n \t", " \u200b ", "\u00a0\u200b\u200b\n"])
def test_a_space_stands_for_the_whole_gap(gap: str) -> None:
    found = normalise(f"a{gap}b")
    assert found.text == "a b"
    assert found.original(1, 2) == (1, 1 + len(gap))


def test_part_of_a_ligature_maps_to_the_whole_of_it() -> None:
    found = normalise("aﬃb")  # "affib": the letters at 1, 2 and 3 are one character
    assert [found.original(i, i + 1) for i in range(5)] == [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]


foldable = st.text(
    st.sampled_from("ab. \n\t\u00a0\u200b\u00ad‘’“”«–—ﬁﬃ…\ufeff") | st.characters(codec="utf-8"),
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(foldable)
@example(" \u200b \u200b a \u200b\n b\u200b ")
def test_every_character_knows_where_it_came_from(text: str) -> None:
    found = normalise(text)
    places = [found.original(i, i + 1) for i in range(len(found.text))]
    for (start, end), char in zip(places, found.text, strict=True):
        assert 0 <= start < end <= len(text)
        folded = normalise(text[start:end]).text
        # White space alone folds to nothing, as it would stand at both ends.
        assert char in folded if char != " " else folded == ""
    assert [start for start, _ in places] == sorted(start for start, _ in places)
    assert [end for _, end in places] == sorted(end for _, end in places)


@settings(deadline=None, max_examples=150)
@given(foldable, st.data())
def test_the_original_of_a_slice_normalises_to_the_slice(text: str, data: st.DataObject) -> None:
    found = normalise(text)
    if not found.text:
        return
    start = data.draw(st.integers(0, len(found.text) - 1))
    end = data.draw(st.integers(start + 1, len(found.text)))
    # The whole of a ligature stands for each of its letters: widen the slice to whole ones.
    whole = [found.original(i, i + 1) for i in range(len(found.text))]
    while start and whole[start - 1] == whole[start]:
        start -= 1
    while end < len(whole) and whole[end] == whole[end - 1]:
        end += 1
    left, right = found.original(start, end)
    assert normalise(text[left:right]).text == found.text[start:end].strip(" ")


@settings(deadline=None, max_examples=150)
@given(foldable)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@settings(deadline=None, max_examples=100)
@given(foldable)
def test_texts_that_differ_only_in_quotes_and_spaces_count_as_the_same(text: str) -> None:
    plain = text.replace("’", "'").replace("“", '"').replace("—", "-").replace("\n", " ")
    assert normalise(plain).text == normalise(text).text
