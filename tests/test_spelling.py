"""Typing errors mended; nothing else of a question is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.spelling import mend, unheard
from rag.index.lexical import Postings

POSTINGS = Postings.build(
    [
        "The military equipment left in Kabul is worth seven billion dollars, Balkhi said.",
        "Pakistan backs the American plan to take the weapons back from Tarvinok.",
    ]
)


@pytest.mark.parametrize(
    ("question", "mended", "notes"),
    [
        (
            "How much is the milatary gear worth?",
            "How much is the military gear worth?",
            ("Read “milatary” as “military”.",),
        ),
        (
            "Is the militray equipmnet worth it?",
            "Is the military equipment worth it?",
            ("Read “militray” as “military”.", "Read “equipmnet” as “equipment”."),
        ),
        (
            "Is the equpmnet worth it?",
            "Is the equipment worth it?",
            ("Read “equpmnet” as “equipment”.",),
        ),
        ("Who backs the plna?", "Who backs the plan?", ("Read “plna” as “plan”.",)),
        ("Plna of whom?", "Plan of whom?", ("Read “Plna” as “Plan”.",)),
        (
            "Where is tarvnok?",
            "Where is tarvinok?",
            ("Read “tarvnok” as “tarvinok”.",),
        ),
    ],
    ids=[
        "a wrong letter",
        "two words",
        "two edits",
        "swapped neighbours",
        "a capital stays one",
        "a name only the corpus has",
    ],
)
def test_a_typing_error_is_mended_and_said(
    question: str, mended: str, notes: tuple[str, ...]
) -> None:
    assert mend(question, POSTINGS) == (mended, notes)


@pytest.mark.parametrize(
    "question",
    [
        "What did Balkhi say about the military equipment?",
        "Does Pakistan back the American weapons plan?",
        "Is a giraffe an animal?",
        "What is a qxzvwkjq?",
        "Wat did teh man do?",
        "Is it in the xilitary?",
        "Is it in Kbaal?",
        "¿Qué pasó en Кабул?",
        "",
    ],
    ids=[
        "words of the corpus",
        "other words of it",
        "words of English",
        "near nothing",
        "too short to judge",
        "another first letter",
        "two edits in a short word",
        "another language",
        "empty",
    ],
)
def test_what_may_be_right_is_left_alone(question: str) -> None:
    assert mend(question, POSTINGS) == (question, ())


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from("military Equipment Kabul worth, BALKHI Pakistan’s backs weapons?".split())
    ).map(" ".join)
)
def test_words_that_the_corpus_holds_are_never_changed(question: str) -> None:
    assert mend(question, POSTINGS) == (question, ())


def test_words_that_no_passage_has_are_named_but_for_ordinary_ones() -> None:
    question = "What did Balkhi’s mayor call the cricket cup in Kabul?"
    assert unheard(question, POSTINGS) == ("mayor", "cricket", "cup")
