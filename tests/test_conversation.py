"""Typing errors mended, follow-ups completed; nothing else of a question is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.conversation import leans_on_history, mend, understand
from rag.datatypes import Answer
from rag.index.lexical import Postings

POSTINGS = Postings.build(
    [
        "The military equipment left in Kabul is worth seven billion dollars, Balkhi said.",
        "Pakistan backs the American plan to take the weapons back from Tarvinok.",
    ]
)


def answered(question: str, standalone: str) -> Answer:
    return Answer(
        question=question,
        text="Seven billion dollars. [1]",
        short_answer=None,
        citations=(),
        abstained=False,
        reason=None,
        confidence=0.9,
        hits=(),
        model="extractive",
        seconds=0.1,
        standalone=standalone,
    )


# --- typing errors -----------------------------------------------------------------------------


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


# --- follow-ups --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "And Pakistan?",
        "Why?",
        "When was that?",
        "What did he say?",
        "How much is it worth?",
        "What about the aircraft?",
        "But what do they want?",
        "Who said so?",
    ],
)
def test_a_question_that_points_back_leans_on_history(question: str) -> None:
    assert leans_on_history(question)


@pytest.mark.parametrize(
    "question",
    [
        "Why did Trump criticise Biden?",
        "What did Trump say about his plan?",
        "Who captured the operative?",
        "How many weapons were left in Kabul?",
        "But what did Khan say on Thursday about the handover of American weapons?",
    ],
)
def test_a_question_that_stands_alone_does_not(question: str) -> None:
    assert not leans_on_history(question)


def test_a_follow_up_gets_the_last_question_put_before_it() -> None:
    history = [("Who is Balkhi?", "A spokesman."), ("What does\n Pakistan back?  ", "A plan.")]
    understood = understand("And why?", history, POSTINGS)
    assert understood.text == "What does Pakistan back? And why?"
    assert understood.notes == ()


def test_an_earlier_answer_counts_as_it_was_understood() -> None:
    earlier = answered("How much is it worth?", "What was left in Kabul? How much is it worth?")
    understood = understand("Who said that?", [earlier], POSTINGS)
    assert understood.text == "What was left in Kabul? How much is it worth? Who said that?"


def test_a_question_that_stands_alone_ignores_history() -> None:
    question = "Why did Trump criticise Biden?"
    assert understand(question, [("Who is Balkhi?", "A spokesman.")], POSTINGS).text == question


@pytest.mark.parametrize("history", [[], [("", "Ask something.")], [(" ?", "")]])
def test_without_an_earlier_question_a_follow_up_stays_as_it_is(
    history: list[tuple[str, str]],
) -> None:
    assert understand("And Pakistan?", history, POSTINGS).text == "And Pakistan?"


def test_a_follow_up_is_mended_before_it_is_completed() -> None:
    understood = understand("And its milatary?", [("What is in Kabul?", "Gear.")], POSTINGS)
    assert understood.text == "What is in Kabul? And its military?"
    assert understood.notes == ("Read “milatary” as “military”.",)


@pytest.mark.parametrize(
    ("question", "itself"),
    [
        ("Who is its mayor?", True),
        ("When will it begin?", True),
        ("Why?", False),
        ("And Norway?", False),
    ],
)
def test_passages_are_read_for_what_the_follow_up_asks(question: str, itself: bool) -> None:
    understood = understand(question, [("When does the ferry sail?", "“At noon.” [1]")], POSTINGS)
    assert understood.text == f"When does the ferry sail? {question}"
    assert understood.asked == (question if itself else understood.text)
    assert understand(question, [], POSTINGS).asked == question
