"""The measures: hand-worked values, properties, and other implementations."""

from __future__ import annotations

import itertools
import math
import shutil

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.evaluation.abstention import (
    answered_at_risk,
    aurc,
    calibration_bins,
    calibration_error,
    decision_score,
    declining_precision,
    declining_recall,
    risk_coverage,
    threshold_at_risk,
)
from rag.evaluation.answers import exact_match, normalise_answer, quote_hit, stands_in, token_f1
from rag.evaluation.compare import holm
from rag.evaluation.intervals import interval, mean_difference_p, mean_interval, randomisation_p
from rag.evaluation.ranking import MEASURES, score_rankings

# Questions of SQuAD's development set with the exact match and F1 that its official script gives.
SQUAD = [
    ("Jurassic Period", ["jurassic period"], 1.0, 1.0),
    ("Rijn", ["rhijn"], 0.0, 0.0),
    ('"duty"', ["duty"], 1.0, 1.0),
    ("dreadnought battleships, and ocean liners", ["ocean liners"], 0.0, 4 / 7),
    ("the Denver Broncos", ["Denver Broncos", "Carolina Panthers"], 1.0, 1.0),
    ("", ["Denver Broncos"], 0.0, 0.0),
]


@pytest.mark.parametrize(("given_", "gold", "exact", "f1"), SQUAD, ids=[s[0] for s in SQUAD])
def test_squad_examples(given_, gold, exact, f1):
    assert exact_match(given_, gold) == exact
    assert token_f1(given_, gold) == pytest.approx(f1)


def test_typographic_marks_are_punctuation_too():
    # Here we differ from SQuAD's script, which keeps the dash of news and would score 0.
    assert exact_match("24–10", ["24-10"]) == 1


def test_two_empty_answers_are_equal_and_no_gold_scores_nothing():
    assert (exact_match("The.", [""]), token_f1("a", ["the"])) == (1.0, 1.0)
    assert (exact_match("yes", []), token_f1("yes", [])) == (0.0, 0.0)


words = st.lists(st.sampled_from(["taliban", "the", "7", "billion", "a", "US"]), max_size=6)


@given(words, words)
def test_f1_is_symmetric_and_blind_to_order(ours, theirs):
    def bag_f1() -> float:
        # Another way: strike common words off one by one.
        left = [w.lower() for w in theirs if w.lower() not in {"a", "the"}]
        mine = [w.lower() for w in ours if w.lower() not in {"a", "the"}]
        total, same = len(left) + len(mine), 0
        for word in mine:
            if word in left:
                left.remove(word)
                same += 1
        return 2 * same / total if total else 1.0

    score = token_f1(" ".join(ours), [" ".join(theirs)])
    assert score == pytest.approx(bag_f1())
    assert score == token_f1(" ".join(theirs), [" ".join(reversed(ours))])
    assert normalise_answer(normalise_answer(" ".join(ours))) == normalise_answer(" ".join(ours))


@pytest.mark.parametrize(
    ("answer", "text", "stands"),
    [
        ("$7 billion", "valued at about $7 billion.", True),
        ("7 billion", "valued at about $7 billion", True),
        ("7 billion", "worth 1.7 billion", False),
        ("7 billion", "worth 1,7 billion", False),
        ("$40 million", "paid $400 million", False),
        ("34", "rose 3.4%", False),
        ("3.4", "rose 3.4%", True),
        ("2", "2.5 percent", False),
        ("2", "in Group 2. Then", True),
        ("will raise", "will not raise", False),
        ("the Taliban’s aim", "The Taliban's  aim is", True),
        ("ISIS", "ISIS-K said", True),
        ("raise", "raised", False),
        ("The", "anything", False),
        ("US", "he told us that", False),
        ("US", "the US envoy", True),
        ("WHO", "Who said so?", False),
        ("$7 billion", "worth US$7 billion", True),
        ("U.S.", "the U.S. envoy", True),
        ("…", "anything", False),
    ],
)
def test_an_answer_stands_in_a_quote_as_whole_words_and_numbers(answer, text, stands):
    assert stands_in(answer, text) is stands


def test_a_list_is_hit_by_as_much_as_is_shown():
    gold, quotes = ["China", "Pakistan", "Russia"], ["China and Russia agreed.", "Iran did not."]
    assert quote_hit(gold, quotes, all_of_them=True) == pytest.approx(2 / 3)
    assert quote_hit(gold, quotes, all_of_them=False) == 1
    assert quote_hit(gold, [], all_of_them=False) == quote_hit(gold, [], all_of_them=True) == 0


def test_retrieval_measures_worked_by_hand():
    qrels = {"one": {"a": 1, "b": 1, "n": 0}, "none": {"n": 0}, "lost": {"z": 1}}
    scores = score_rankings(qrels, {"one": ["x", "a", "y", "u", "v", "b"], "none": ["n"]})
    ideal = 1 + 1 / math.log2(3)
    assert {name: scores[name]["one"] for name in MEASURES} == pytest.approx(
        {
            "Success@1": 0,
            "Success@5": 1,
            "Success@10": 1,
            "R@10": 1,
            "RR": 1 / 2,
            "nDCG@10": (1 / math.log2(3) + 1 / math.log2(7)) / ideal,
        }
    )
    for name in MEASURES:
        assert set(scores[name]) == {"one", "lost"}
        assert scores[name]["lost"] == 0


def test_graded_relevance_weighs_in_ndcg_alone():
    scores = score_rankings({"q": {"a": 1, "b": 4}}, {"q": ["a", "b"]})
    expected = (1 + 4 / math.log2(3)) / (4 + 1 / math.log2(3))
    assert scores["nDCG@10"]["q"] == pytest.approx(expected)
    assert scores["Success@1"]["q"] == 1


def test_a_document_ranked_twice_is_refused():
    with pytest.raises(ValueError, match="'q' names a document twice"):
        score_rankings({"q": {"a": 1}}, {"q": ["a", "b", "a"]})
    assert score_rankings({}, {}) == {name: {} for name in MEASURES}


ranked = st.permutations([f"d{i}" for i in range(14)])
relevant = st.sets(st.sampled_from([f"d{i}" for i in range(18)]), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(ranked, relevant)
def test_retrieval_measures_agree_with_the_textbook(ranking, gold):
    scores = score_rankings({"q": dict.fromkeys(gold, 1)}, {"q": ranking})
    places = [rank for rank, doc in enumerate(ranking, start=1) if doc in gold]
    dcg = sum(1 / math.log2(1 + rank) for rank in places if rank <= 10)
    ideal = sum(1 / math.log2(1 + rank) for rank in range(1, min(10, len(gold)) + 1))
    textbook = {
        "Success@1": float(any(rank <= 1 for rank in places)),
        "Success@5": float(any(rank <= 5 for rank in places)),
        "Success@10": float(any(rank <= 10 for rank in places)),
        "R@10": sum(rank <= 10 for rank in places) / len(gold),
        "RR": 1 / places[0] if places else 0.0,
        "nDCG@10": dcg / ideal,
    }
    assert {name: scores[name]["q"] for name in MEASURES} == pytest.approx(textbook, abs=1e-4)


def test_the_providers_of_ir_measures_agree_with_each_other():
    rng = np.random.default_rng(3)
    docs = [f"d{i}" for i in range(30)]
    qrels = {str(q): {d: 1 for d in rng.choice(docs, 4, replace=False)} for q in range(25)}
    rankings = {q: list(rng.permutation(docs)) for q in qrels}
    ours = score_rankings(qrels, rankings)
    runs = {q: {d: float(-i) for i, d in enumerate(r)} for q, r in rankings.items()}
    assert ir_measures.msmarco.supports(ir_measures.RR @ 10)
    # MS MARCO's script knows RR@10 alone: compare where the first relevant one is in reach.
    theirs = {
        m.query_id: m.value
        for m in ir_measures.msmarco.iter_calc([ir_measures.RR @ 10], qrels, runs)
    }
    within = {q: v for q, v in ours["RR"].items() if v >= 0.1}
    assert len(within) > 15
    assert {q: theirs[q] for q in within} == pytest.approx(within)
    if shutil.which("perl"):
        graded = {q: {d: 1 + int(rng.integers(2)) for d in docs_} for q, docs_ in qrels.items()}
        binary = ir_measures.gdeval.iter_calc([ir_measures.nDCG(dcg="exp-log2") @ 10], qrels, runs)
        assert {m.query_id: m.value for m in binary} == pytest.approx(ours["nDCG@10"], abs=1e-4)
        assert score_rankings(graded, rankings)["nDCG@10"] != ours["nDCG@10"]


# Four questions, surest first: right, wrong, right, wrong; the last two are declined.
CONFIDENCE = np.array([0.9, 0.8, 0.3, 0.1])
RIGHT = np.array([True, False, True, False])
ANSWERABLE = np.array([True, False, True, True])
ABSTAINED = np.array([False, False, True, True])


def test_risk_and_coverage_by_hand():
    coverage, risk = risk_coverage(CONFIDENCE, RIGHT)
    assert list(coverage) == [0.25, 0.5, 0.75, 1]
    assert list(risk) == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(CONFIDENCE, RIGHT) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_declining_by_hand():
    assert declining_precision(ABSTAINED, ANSWERABLE) == 0
    assert declining_recall(ABSTAINED, ANSWERABLE) == 0
    assert decision_score(ABSTAINED, RIGHT, ANSWERABLE) == pytest.approx((1 / 3 + 0) / 2)
    none = np.zeros(4, dtype=bool)
    assert math.isnan(declining_precision(none, ANSWERABLE))
    assert math.isnan(declining_recall(ABSTAINED, ~none))
    assert math.isnan(decision_score(ABSTAINED, RIGHT, ~none))


def test_the_share_answered_at_a_risk_by_hand():
    # At 0.3 and above three are answered, one wrong: a third. At 0.9 one, none wrong.
    assert threshold_at_risk(CONFIDENCE, RIGHT, 0.10) == 0.9
    assert threshold_at_risk(CONFIDENCE, RIGHT, 0.34) == 0.3
    assert threshold_at_risk(CONFIDENCE, RIGHT, 0.5) == 0.1
    assert answered_at_risk(CONFIDENCE, RIGHT, ANSWERABLE, 0.10) == pytest.approx(1 / 3)
    assert answered_at_risk(CONFIDENCE, RIGHT, ANSWERABLE, 0.34) == pytest.approx(2 / 3)
    assert threshold_at_risk(CONFIDENCE, ~RIGHT, 0.4) == math.inf
    assert answered_at_risk(CONFIDENCE, ~RIGHT, ANSWERABLE, 0.4) == 0
    assert math.isnan(answered_at_risk(CONFIDENCE, RIGHT, np.zeros(4, dtype=bool), 0.1))


def test_calibration_by_hand():
    confidence = np.array([0.95, 0.91, 0.2, 1.0])
    right = np.array([True, False, False, True])
    bins = calibration_bins(confidence, right)
    assert [n for *_, n in bins] == [1, 3]
    assert bins[1][:3] == pytest.approx((0.9, (0.95 + 0.91 + 1) / 3, 2 / 3))
    expected = (1 * 0.2 + 3 * abs(2.86 / 3 - 2 / 3)) / 4
    assert calibration_error(confidence, right) == pytest.approx(expected)


questions = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.9, 1.0]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=12,
)


def arrays(rows):
    confidence = np.array([c for c, _, _ in rows])
    answerable = np.array([a for _, _, a in rows])
    right = np.array([r for _, r, _ in rows]) & answerable
    return confidence, right, answerable


@given(questions, st.randoms())
def test_the_order_of_the_questions_changes_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))
    for measure in (
        lambda c, r, a: aurc(c, r),
        lambda c, r, a: calibration_error(c, r),
        lambda c, r, a: answered_at_risk(c, r, a, 0.1),
    ):
        one, other = measure(*arrays(rows)), measure(*arrays(shuffled))
        assert one == pytest.approx(other, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(questions.filter(lambda rows: len(rows) <= 6))
def test_aurc_is_the_mean_over_every_order_of_equal_confidences(rows):
    confidence, right, _ = arrays(rows)
    areas = []
    for order in itertools.permutations(range(len(rows))):
        if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order)):
            wrong = np.cumsum(~right[list(order)])
            areas.append((wrong / np.arange(1, len(rows) + 1)).mean())
    assert aurc(confidence, right) == pytest.approx(np.mean(areas))


@given(questions)
def test_the_threshold_keeps_its_risk_and_no_lower_one_does(rows):
    confidence, right, _ = arrays(rows)
    threshold = threshold_at_risk(confidence, right, 0.25)
    for at in np.unique(confidence):
        given_ = confidence >= at
        within = (~right[given_]).mean() <= 0.25 + 1e-9
        assert within == (at == threshold) or at > threshold
        assert not (within and at < threshold)


@given(questions)
def test_always_answering_and_always_declining_cannot_win(rows):
    _, right, answerable = arrays(rows)
    if answerable.all() or not answerable.any():
        return
    everything, nothing = np.zeros(len(rows), dtype=bool), np.ones(len(rows), dtype=bool)
    assert decision_score(everything, right, answerable) <= 0.5
    assert decision_score(nothing, right, answerable) == 0.5
    assert decision_score(~answerable, answerable, answerable) == 1


def test_the_interval_of_a_mean_is_about_that_of_the_normal_distribution():
    values = np.random.default_rng(5).random(400)
    low, high = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.004)
    assert mean_interval(np.array([1.0])) is None
    assert mean_interval(np.array([1.0, 1.0, 1.0])) == (1.0, 1.0)


def test_the_interval_of_any_statistic_agrees_with_that_of_the_mean():
    values = np.random.default_rng(6).random(300)
    ours = interval(len(values), lambda rows: float(values[rows].mean()))
    assert ours == pytest.approx(mean_interval(values), abs=0.006)
    assert interval(1, lambda rows: 0.0) is None
    assert interval(5, lambda rows: math.nan) is None


def test_the_randomisation_test_counts_every_swap_of_a_small_set():
    # Differences 1, 1, 1: of the 8 sign patterns 2 have a mean of 1 or -1.
    assert mean_difference_p(np.array([1.0, 1.0, 1.0])) == pytest.approx(2 / 8)
    assert mean_difference_p(np.zeros(5)) == 1
    differences = np.array([0.5, 0.2, -0.1, 0.4, 0.3, 0.1, 0.2])
    patterns = [abs(np.dot(signs, differences)) for signs in itertools.product([1, -1], repeat=7)]
    exact = np.mean(np.array(patterns) >= abs(differences.sum()) - 1e-9)
    assert mean_difference_p(differences) == pytest.approx(exact)
    by_swaps = randomisation_p(7, lambda swap: float(np.where(swap, -1, 1) @ differences))
    assert by_swaps == pytest.approx(exact, abs=0.02)


def test_a_difference_of_nothing_is_not_significant():
    assert randomisation_p(50, lambda swap: 0.0) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert max(adjusted) <= 1
    for i, j in itertools.combinations(range(len(p_values)), 2):
        if p_values[i] < p_values[j]:
            assert adjusted[i] <= adjusted[j]
