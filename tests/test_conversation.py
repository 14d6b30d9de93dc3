"""Follow-ups are completed from the turns before them; what stands alone is left as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag.answering.conversation import Turn, understand
from rag.answering.phrases import Sort, Sorter, phrases
from rag.datatypes import Answer
from rag.index.lexical import Postings, words
from rag.index.opened import OpenIndex
from rag.settings import load_settings

POSTINGS = Postings.build(
    [
        "The military equipment left in Kabul is worth seven billion dollars, Balkhi said.",
        "Pakistan backs the American plan to take the weapons back from Tarvinok.",
    ]
)
WORTH = ("How much is the equipment worth?", "$7 billion")
DEMAND = ("What did Trump demand?", "the return of the equipment")
SPOKESMAN = ("Who speaks for the ministry?", "Abdul Qahar Balkhi")
TALKS = ("Where were the talks held?", "Doha")


@pytest.fixture(scope="module")
def sorter(seeds_index: Path) -> Sorter:
    return Sorter(OpenIndex(seeds_index, load_settings()).networks.encoder.encode)


def asked(question: str, history: list[Turn], sorter: Sorter) -> str:
    return understand(question, history, POSTINGS, sorter).text


def answered(question: str, standalone: str, short: str | None) -> Answer:
    return Answer(
        question=question,
        text="It is so. [1]",
        short_answer=short,
        citations=(),
        abstained=False,
        reason=None,
        confidence=0.9,
        hits=(),
        model="extractive",
        seconds=0.1,
        standalone=standalone,
    )


@pytest.mark.parametrize(
    ("turn", "question", "standalone"),
    [
        (SPOKESMAN, "What did he say about mining?", "What did Abdul Qahar Balkhi say about mining?"),
        (("Whose demand was it?", "Donald Trump’s"), "Why did he make it?",
         "Why did Donald Trump make it?"),
        (SPOKESMAN, "what is his view", "what is Abdul Qahar Balkhi’s view"),
        (DEMAND, "Did he threaten the Taliban?", "Did Trump threaten the Taliban?"),
        (WORTH, "And who wants it back?", "Who wants the equipment back?"),
        (TALKS, "Who met there?", "Who met in Doha?"),
        (DEMAND, "Why?", "Why did Trump demand the return of the equipment?"),
        (WORTH, "When was that?", "When is the equipment worth $7 billion?"),
        (WORTH, "Who said so?", "Who said how much is the equipment worth?"),
        (SPOKESMAN, "Since when?", "Since when was it that Abdul Qahar Balkhi speaks for the ministry?"),
        (DEMAND, "And Biden?", "What did Biden demand?"),
        (("How many people live in Texas?", "30 million"), "What about Florida?",
         "How many people live in Florida?"),
        (("What did Balkhi say about mining?", "It is open."), "And about prisoners?",
         "What did Balkhi say about prisoners?"),
    ],
)  # fmt: skip
def test_a_follow_up_is_put_in_full(
    turn: tuple[str, str], question: str, standalone: str, sorter: Sorter
) -> None:
    understood = understand(question, [turn], POSTINGS, sorter)
    assert understood.text == standalone
    assert understood.leans
    assert understood.before.startswith(turn[0])


@pytest.mark.parametrize(
    ("question", "standalone"),
    [
        ("Who captured the ISIS operative in Pakistan?", None),
        ("Did Biden say he would run again?", None),
        ("did biden say he would run again", None),
        ("And what did Khan say on Thursday about American weapons?",
         "What did Khan say on Thursday about American weapons?"),
        ("OK, how old is Serena Williams?", "How old is Serena Williams?"),
        ("What did Trump say about his plan?", None),
    ],
)  # fmt: skip
def test_a_change_of_subject_carries_nothing_over(
    question: str, standalone: str | None, sorter: Sorter
) -> None:
    understood = understand(question, [WORTH, SPOKESMAN], POSTINGS, sorter)
    assert understood.text == (standalone or question)
    assert (understood.leans, understood.before) == (False, "")


def test_a_turn_refers_to_the_one_before_it(sorter: Sorter) -> None:
    history: list[Turn] = [DEMAND, ("And Biden?", "nothing")]
    assert asked("And Pakistan?", history, sorter) == "What did Pakistan demand?"


def test_an_earlier_answer_counts_as_it_was_understood(sorter: Sorter) -> None:
    earlier = answered("And Biden?", "What did Biden demand?", "an inquiry")
    assert asked("When?", [earlier], sorter) == "When did Biden demand an inquiry?"


def test_a_follow_up_is_mended_before_it_is_completed(sorter: Sorter) -> None:
    understood = understand("And who has his milatary gear?", [SPOKESMAN], POSTINGS, sorter)
    assert understood.text == "Who has Abdul Qahar Balkhi’s military gear?"
    assert understood.notes == ("Read “milatary” as “military”.",)


@pytest.mark.parametrize("history", [[], [("", "Ask something.")], [(" ?", "")]])
def test_without_an_earlier_question_nothing_is_invented(
    history: list[Turn], sorter: Sorter
) -> None:
    assert set(words(asked("Who met there?", history, sorter))) <= {"who", "met", "there"}


@settings(deadline=None, max_examples=60)
@given(
    st.text(max_size=60),
    st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), max_size=3),
)
def test_any_text_is_understood_somehow(sorter: Sorter, question: str, history: list[Turn]) -> None:
    understood = understand(question, history, POSTINGS, sorter)
    assert understood.leans or understood.before == ""


def test_an_endless_history_is_cut(sorter: Sorter) -> None:
    endless: list[Turn] = [("who sank the Harbour ferry " * 90_000, "Anna Lind said so. " * 90_000)]
    understood = understand("Why?", endless * 30, POSTINGS, sorter)
    assert understood.leans
    assert len(understood.text) + len(understood.before) < 10_000


def test_every_change_of_subject_over_the_seeds_stands_as_it_is(sorter: Sorter) -> None:
    lines = Path(__file__).with_name("conversations.jsonl").read_text(encoding="utf-8").splitlines()
    turns = [json.loads(line) for line in lines]
    changes = [turn for turn in turns if turn["changes_subject"]]
    kept = [
        set(words(asked(turn["question"], turn["history"], sorter))) <= set(words(turn["question"]))
        for turn in changes
    ]
    assert (len(turns), len(changes), sum(kept)) == (40, 13, 13)


def test_a_follow_up_is_answered_from_the_articles(assistant: rag.Assistant) -> None:
    history = [("Who speaks for the Taliban foreign ministry?", "Abdul Qahar Balkhi")]
    answer = assistant.answer("What did he say about mining?", history, error_rate=1.0)
    assert answer.standalone == "What did Abdul Qahar Balkhi say about mining?"
    assert "US companies investing in mining operations" in answer.citations[0].quote


# --- phrases ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What did Trump demand from the Taliban, and why?", ["Trump", "demand", "the Taliban"]),
        ("has any country recognised the taliban government", ["any country", "the taliban government"]),
        ("Did the Bank of England raise rates to 1.25%?", ["the Bank of England", "raise rates", "1.25%"]),
        ("", []),
    ],
)  # fmt: skip
def test_phrases_of_a_question(text: str, found: list[str]) -> None:
    assert [phrase.text for phrase in phrases(text)] == found
    assert all(text[p.start : p.end] == p.text for p in phrases(text))


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("Abdul Qahar Balkhi", Sort.PERSON),
        ("Meghan Markle", Sort.PERSON),
        ("Syria", Sort.PLACE),
        ("Los Angeles", Sort.PLACE),
        ("the European Union", Sort.ORGANISATION),
        ("the hostages", Sort.GROUP),
        ("military equipment", Sort.THING),
        ("Thursday", Sort.DATE),
        ("$750 billion", Sort.NUMBER),
    ],
)
def test_names_that_nobody_listed_are_told_apart(text: str, sort: Sort, sorter: Sorter) -> None:
    assert sorter.sort(text) is sort
