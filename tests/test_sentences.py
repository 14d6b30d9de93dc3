"""Sentence boundaries: what ends a sentence in news and what does not."""

from __future__ import annotations

import pytest
from conftest import SEEDS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.corpus.sentences import sentence_spans


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Mr. Smith met Dr. Jones at St. Mary’s.", "They left."],
        ["Gen. Lee and Lt. Col. Ray spoke.", "They agreed."],
        ["Acme Inc. bought Foo Corp. last year.", "It paid $2.5 million."],
        ["On Sept. 30 it fell.", "In Jan. 2024 it rose."],
        ["No. 5 won the race.", "The rest went home."],
        ["Rep. Ann Lee (D-Calif.) spoke.", "She left."],
        ["It was a dog vs. cat fight.", "He knew."],
        ["He earned a Ph.D. in 1999.", "He left."],
        ["J. K. Rowling wrote it.", "George W. Bush read it."],
        ["The U.S. Senate voted.", "The U.N. said so."],
        ["He lives in the U.S.", "She does not."],
        ["The vote is at 9.30 a.m. on Monday.", "It ends at 5 p.m. Friday."],
        ["It ended at 5 p.m.", "The crowd left."],
        ["Prices rose 3.4 percent.", "Wages fell 0.5 percent."],
        ["The price is $1.50.", "The cost is £2."],
        ["“We agreed,” he said.", "“It is over.”", "She left."],
        ["“Is it over?” she asked.", "No one answered."],
        ["He said: “Go.”", "They went."],
        ["(It rained.)", "They left."],
        ["He paused…", "Then he went on."],
        ["He paused … and went on.", "She waited."],
        ["See https://www.example.com/a.b?c=D for more.", "It is long."],
        ["Visit www.example.org.", "It helps."],
        ["What now?", "Nobody knows!", "Yes."],
        ["She said no.", "He left."],
    ],
    ids=lambda sentences: sentences[0],
)
def test_sentences_end_where_a_reader_ends_them(sentences: list[str]) -> None:
    assert split(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["The talks ended.", "The army left the city."],
        ["She said yes!", "Then she left."],
        ["“The talks ended.”", "Khan said so."],
        ["It was agreed on Sept. 30.", "“We agreed,” he said."],
    ],
    ids=lambda sentences: sentences[0],
)
def test_a_missing_space_after_a_full_stop_still_ends_the_sentence(sentences: list[str]) -> None:
    assert split("".join(sentences)) == sentences


@pytest.mark.parametrize("text", ["The file is app.py now.", "He spoke to U.S.A officials."])
def test_a_full_stop_inside_a_word_ends_nothing(text: str) -> None:
    assert split(text) == [text]


def test_a_line_end_ends_a_sentence_and_blank_lines_hold_none() -> None:
    assert split("A headline\n\n  Ferries left. They \t\ncame back ") == [
        "A headline",
        "Ferries left.",
        "They",
        "came back",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\n"])
def test_nothing_but_white_space_holds_no_sentence(text: str) -> None:
    assert sentence_spans(text) == []


newsy = st.lists(
    st.sampled_from(
        "The U.S. Gen. Lee said “yes.” No. 5 won? Sept. 30 a.m. p.m. it rained… He left! 3.4 % "
        "www.example.org. (D-Calif.) J. K. ended.Next ‘so’ … ... \n \t  \u00a0 ’ » security.”Khan "
        "é 日本。 \u200b".split(" ")
    ),
    max_size=40,
).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=200) | newsy)
@example("a\x1cb. C\x85d.\u2028E")
@example("He said.\u00a0“Go.”\r\nThey went.")
def test_spans_cover_all_but_white_space_in_order_without_overlap(text: str) -> None:
    spans = sentence_spans(text)
    last = 0
    for start, end in spans:
        assert last <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip() != ""
        assert "\n" not in text[start:end]
        assert text[last:start].strip() == ""
        last = end
    assert text[last:].strip() == ""


def test_the_seeds_split_into_whole_sentences() -> None:
    for path in sorted(SEEDS.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        for sentence in split(text):
            assert not sentence.endswith((" U.S.", "Gen.", "Mr."))
            assert sentence[0].isupper() or sentence[0] in "“$"
