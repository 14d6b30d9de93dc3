"""What a question asks for, what a sentence offers, and the features made of both."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.datatypes import Hit, Passage, Span
from rag.index.english import term_weight
from rag.reader.candidates import candidates, names, new_candidates, short_answer
from rag.reader.features import (
    COMMON_FEATURES,
    Fitted,
    Held,
    Logistic,
    Scene,
    common_features,
    load_fitted,
    probability,
    ranked,
    with_antecedent,
    with_score,
)
from rag.reader.question import Kind, parse


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who said it?", Kind.PERSON),
        ("Whose idea was it?", Kind.PERSON),
        ("By whom was it built?", Kind.PERSON),
        ("What is the name of the spokesman?", Kind.PERSON),
        ("Which company built it?", Kind.NAME),
        ("Where did it happen?", Kind.PLACE),
        ("In which country was it built?", Kind.PLACE),
        ("When did it end?", Kind.DATE),
        ("What year did it end?", Kind.DATE),
        ("Since when is it open?", Kind.DATE),
        ("How much did the gear cost?", Kind.MONEY),
        ("What is the price of oil?", Kind.MONEY),
        ("How much?", Kind.MONEY),
        ("How much gear was left?", Kind.NUMBER),
        ("How many died?", Kind.NUMBER),
        ("What percentage of voters agreed?", Kind.NUMBER),
        ("Why did they leave?", Kind.REASON),
        ("How come they left?", Kind.REASON),
        ("Did they leave?", Kind.YESNO),
        ("Isn’t it true?", Kind.YESNO),
        ("Which countries agreed?", Kind.LIST),
        ("Who are the leaders?", Kind.LIST),
        ("List the demands", Kind.LIST),
        ("What happened?", Kind.OTHER),
        ("How does it work?", Kind.OTHER),
        ("", Kind.OTHER),
        ("?", Kind.OTHER),
    ],
)
def test_the_kind_of_answer_is_read_from_the_words(question: str, kind: Kind) -> None:
    assert parse(question).kind is kind


@pytest.mark.parametrize(
    ("question", "core", "kind"),
    [
        ("Can you tell me who won?", "who won?", Kind.PERSON),
        ("So, could you please explain why they left?", "why they left?", Kind.REASON),
        ("Hello, when did it end?", "when did it end?", Kind.DATE),
        ("Do you know where   it is?", "where it is?", Kind.PLACE),
        ("I’d like to know how many died", "how many died", Kind.NUMBER),
        ("Can they tell?", "Can they tell?", Kind.YESNO),
        ("Hello", "Hello", Kind.OTHER),
        ("Tell me ", "Tell me", Kind.OTHER),
    ],
)
def test_a_lead_in_is_dropped(question: str, core: str, kind: Kind) -> None:
    parsed = parse(question)
    assert (parsed.text, parsed.kind) == (core, kind)


def test_terms_leave_out_words_that_shape_the_question_or_repeat_its_kind() -> None:
    # "how", "much", "is", "the", "in" shape it; "worth" only says that money is asked for
    assert parse("How much is the gear of the gears left in Kabul worth?").terms == (
        "gear",
        "left",
        "kabul",
    )


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What did Khan say about Trump’s plan?", {"khan", "trump"}),
        ("NATO did what?", {"nato"}),
        ("U.S. troops left when?", {"us"}),
        ("2021 saw what?", {"2021"}),
        ("Weapons of what kind?", set()),
        ("At 9 a.m. what happened in Kabul?", {"9", "kabul"}),
        ("what was left by the army?", set()),
    ],
    ids=["two", "capitals first", "dotted first", "digits first", "first word", "a.m.", "none"],
)
def test_names_are_words_in_capitals_or_digits(question: str, found: set[str]) -> None:
    assert parse(question).names == found


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=80))
def test_any_question_can_be_taken_apart(text: str) -> None:
    parsed = parse(text)
    assert len(set(parsed.terms)) == len(parsed.terms)
    assert all(parsed.terms)
    assert parsed.text in " ".join(text.split()) or parsed.text == text


# --- candidates --------------------------------------------------------------------------------


def offered(kind: Kind, sentence: str) -> list[str]:
    return [sentence[start:end] for start, end in candidates(kind, sentence)]


@pytest.mark.parametrize(
    ("kind", "sentence", "expected"),
    [
        (
            Kind.MONEY,
            "It cost $2.5 million, up from £300,000 and 40 euros.",
            ["$2.5 million", "£300,000", "40 euros"],
        ),
        (Kind.MONEY, "It lost billions of dollars in 20 days.", ["billions of dollars"]),
        (
            Kind.NUMBER,
            "At least 12 people of two dozen left by March 28, or 3.4 percent.",
            ["At least 12 people", "two dozen", "3.4 percent"],
        ),
        (
            Kind.DATE,
            "On Monday, March 31, 2025 at 5 p.m. it ended; in the 1990s it began.",
            ["Monday, March 31, 2025", "5 p.m.", "1990s"],
        ),
        (Kind.DATE, "He may go last year or 12 times.", ["last year"]),
        (
            Kind.PERSON,
            "The minister, Jane Mary Roe, met John Doe’s aide.",
            ["Jane Mary Roe", "John Doe"],
        ),
        (Kind.PERSON, "Nobody left.", []),
        (Kind.NAME, "NATO left with the Port of Spain team.", ["NATO", "Port of Spain"]),
        (Kind.PLACE, "He flew from New York to the Hague.", ["New York", "Hague"]),
        (
            Kind.REASON,
            "They left because of heavy rain; the port shut.",
            ["because of heavy rain"],
        ),
        (Kind.YESNO, "NATO left 5 ports in 2021.", []),
        (Kind.OTHER, "NATO left 5 ports in 2021.", []),
    ],
)
def test_a_sentence_offers_what_a_reader_would_point_at(
    kind: Kind, sentence: str, expected: list[str]
) -> None:
    assert offered(kind, sentence) == expected


@settings(deadline=None, max_examples=120)
@given(
    st.sampled_from(list(Kind)),
    st.text(max_size=60)
    | st.lists(
        st.sampled_from("The US $7 billion, in May 2021 Jane Roe’s three % : ; due to rain".split())
    ).map(" ".join),
)
def test_candidates_lie_in_the_sentence_in_order_without_overlap(kind: Kind, sentence: str) -> None:
    last = 0
    for start, end in candidates(kind, sentence):
        assert last <= start < end <= len(sentence)
        assert sentence[start:end].strip(" ,;:")
        last = end


def test_a_word_that_only_begins_the_sentence_is_no_name() -> None:
    assert list(names("Ferries left.")) == []
    assert list(names("The Ferries left.")) == [(4, 11)]


def test_what_the_question_names_itself_is_no_answer() -> None:
    sentence = "Yesterday, Jane Roe met John Doe."
    found = new_candidates(parse("Who met Jane Roe?"), sentence)
    assert [sentence[start:end] for start, end in found] == ["John Doe"]


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("How much was the fine?", "The fine was $500.", "$500"),
        (
            "How much was the fine?",
            "After a loss of $900 on ferries and on other ships, the fine was $500.",
            "$500",
        ),
        ("How much was spent?", "It was $900 or $500.", None),
        ("Who met the crew?", "Then Jane Roe and then John Doe met the crew.", None),
        ("Why did they leave?", "They left because of heavy rain.", None),
        ("What happened?", "They left in 2021.", None),
    ],
    ids=["only one", "nearest to the question", "no word near", "two names", "reason", "other"],
)
def test_a_short_answer_is_given_only_where_it_can_be_singled_out(
    question: str, sentence: str, expected: str | None
) -> None:
    span = short_answer(parse(question), sentence)
    assert (None if span is None else sentence[slice(*span)]) == expected


# --- features ----------------------------------------------------------------------------------


def hit(text: str, *, rank: int = 1, start: int = 0, similarity: float | None = 0.5) -> Hit:
    """A hit whose passage is the text, standing at ``start`` in its article."""
    span = Span("a.txt", start, start + len(text), text)
    passage = Passage("p", span, title="Port", sentences=((start, start + len(text)),))
    return Hit(passage, rank, 1.0, ("dense",), similarity)


def features_of(question: str, found: Hit) -> dict[str, float]:
    start, end = found.passage.sentences[0]
    (row,) = common_features(parse(question), [(found, start, end)], COMMON_FEATURES)
    return dict(zip(COMMON_FEATURES, row, strict=True))


def test_features_of_a_sentence_worked_out_by_hand() -> None:
    found = hit("The ferry to Malta left.", rank=4, start=10, similarity=0.25)
    row = features_of("When did the ferry to Malta sink?", found)
    ferry, malta, sink = term_weight("ferri"), term_weight("malta"), term_weight("sink")
    share = (ferry + malta) / (ferry + malta + sink)
    assert row == pytest.approx(
        {
            "passage_cosine": 0.25,
            "covered": share,
            "passage_covered": share,
            "names_covered": 1.0,
            "passage_names_covered": 1.0,
            "offers": 0.0,
            "lacks": 1.0,  # a date is asked for, and there is none
            "passage_missing": sink / 8.7,
            "first_hit": 1 / 4,
            "length": math.log(6) / 4,  # five words
        }
    )


def test_a_sentence_that_offers_the_kind_asked_for_says_so() -> None:
    row = features_of("When did the ferry sink?", hit("The ferry sank in 2021."))
    assert (row["offers"], row["lacks"]) == (1.0, 0.0)
    row = features_of("What happened?", hit("The ferry sank in 2021.", similarity=None))
    assert (row["offers"], row["lacks"], row["passage_cosine"]) == (0.0, 0.0, 0.0)


def test_a_relative_of_a_term_counts_for_less_than_the_term() -> None:
    held = Held("Official recognition of the government")
    assert held.holds("recognit") == 1.0
    assert held.holds("recognis") == 0.8  # 7 of 8 letters agree
    assert held.holds("recogxyz") == 0.0  # 5 of 8 do
    assert held.holds("ship") == 0.0
    assert held.covered({"recognis": 1.0, "ship": 3.0}) == pytest.approx(0.2)
    assert held.covered({}) == 1.0
    assert held.missing({"recognit": 5.0, "ship": 8.7}) == pytest.approx(1.0)
    assert held.missing({}) == 0.0


def test_confidence_sees_the_score_and_not_the_rank() -> None:
    features = np.array([[1.0, 0.5, 3.0], [2.0, 0.25, 4.0]])
    columns = with_score(
        ["span", "first_hit", "covered"], features, np.array([7.0, 8.0]), ~np.eye(2, dtype=bool)
    )
    assert columns[:, :3].tolist() == [[1.0, 3.0, 7.0], [2.0, 4.0, 8.0]]
    # The share of each among the two: 1/(1 + e) and e/(1 + e).
    assert np.exp(columns[:, 3]).tolist() == pytest.approx(
        [1 / (1 + math.e), math.e / (1 + math.e)]
    )


def test_a_sentence_that_opens_with_a_pronoun_begins_at_the_one_before() -> None:
    text = "Balkhi spoke. He left. Rain fell."
    span = Span("a.txt", 100, 100 + len(text), text)
    passage = Passage("p", span, title="t", sentences=((100, 113), (114, 122), (123, 133)))
    found = Hit(passage, rank=1, score=1.0, found_by=("dense",))
    assert [with_antecedent(found, start) for start in (100, 114, 123)] == [100, 100, 123]


@settings(deadline=None, max_examples=60)
@given(st.floats(-1e6, 1e6))
def test_probabilities_are_symmetric_and_within_bounds(log_odds: float) -> None:
    assert 0 < probability(log_odds) <= 1
    assert probability(log_odds) + probability(-log_odds) == pytest.approx(1)


def test_readings_come_best_first_and_ties_in_reading_order() -> None:
    hits = [
        hit("Ferries left."),
        hit("Ships sank in 2021.", rank=2, start=50),
        hit("Rain.", rank=3),
    ]
    sentences = [(found, *found.passage.sentences[0]) for found in hits]
    scene = Scene(sentences, np.array([[1.0], [2.0], [1.0]]), [None, (64, 68), None])
    readings = ranked(
        scene,
        ["span"],
        Fitted(
            Logistic(np.array([2.0]), -1.0),  # scores 1, 3 and 1
            # No feature, score, share: log-odds twice the score less 4: -2, 2, -2.
            Logistic(np.array([0.0, 2.0, 0.0]), -4.0),
            (),
        ),
    )
    assert [reading.sentence.text for reading in readings] == [
        "Ships sank in 2021.",
        "Ferries left.",
        "Rain.",
    ]
    assert [reading.score for reading in readings] == [3.0, 1.0, 1.0]
    low, high = 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))
    assert [reading.confidence for reading in readings] == pytest.approx([high, low, low])
    assert readings[0].short == Span("a.txt", 64, 68, "2021")
    assert [reading.short for reading in readings[1:]] == [None, None]


def test_a_scene_without_sentences_gives_no_reading() -> None:
    nothing = Logistic(np.zeros(1), 0.0)
    empty = Scene([], np.zeros((0, 1)), [])
    assert ranked(empty, ["span"], Fitted(nothing, nothing, ())) == []


def test_weights_of_other_features_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    ranking = {"weights": {"a": 2, "b": 3}, "bias": 1}
    confidence = {"weights": {"a": 0, "b": 0, "score": 1, "share": 0}, "bias": -1}
    parts = {"ranking": ranking, "confidence": confidence, "thresholds": [[0.1, 0.6]]}
    path.write_text(json.dumps(parts))
    fitted = load_fitted(path, ["a", "b"])
    assert fitted.ranking.score(np.array([[1.0, 1.0]])).tolist() == [6.0]
    assert fitted.confidence.score(np.array([[1.0, 1.0, 0.5, -2.0]])).tolist() == [-0.5]
    assert fitted.thresholds == ((0.1, 0.6),)
    with pytest.raises(ValueError, match="features of ranking are not"):
        load_fitted(path, ["b", "a"])


def test_a_tolerated_error_rate_becomes_a_confidence() -> None:
    nothing = Logistic(np.zeros(1), 0.0)
    fitted = Fitted(nothing, nothing, ((0.1, 0.8), (0.3, 0.4)))
    assert fitted.threshold(0.1) == pytest.approx(0.8)
    assert fitted.threshold(0.2) == pytest.approx(0.6)  # in proportion between the two
    assert fitted.threshold(1.0) == 0.0  # everything is answered
    assert fitted.threshold(0.0) > 1.0  # nothing is
    assert fitted.threshold(0.65) == pytest.approx(0.2)
