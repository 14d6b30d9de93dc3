"""Reciprocal rank fusion against the formula, written out."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.retrieve.fuse import RRF_K, reciprocal_rank_fusion

rankings = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=15), max_size=5)


@pytest.mark.parametrize(
    ("given_rankings", "k", "expected"),
    [
        ([["a", "b"], ["b", "c"]], 1, [("b", 1 / 3 + 1 / 2), ("a", 1 / 2), ("c", 1 / 3)]),
        ([["a"], []], 60, [("a", 1 / 61)]),
        ([["b", "a"], ["a", "b"]], 60, [("a", 123 / 3782), ("b", 123 / 3782)]),
        ([["c", "a", "b"]], 0, [("c", 1.0), ("a", 1 / 2), ("b", 1 / 3)]),
        ([[], []], 60, []),
        ([], 60, []),
    ],
    ids=["two rankings", "one found nothing", "tie: by key", "k of zero", "both empty", "none"],
)
def test_scores_follow_the_formula(
    given_rankings: list[list[str]], k: int, expected: list[tuple[str, float]]
) -> None:
    fused = reciprocal_rank_fusion(given_rankings, k=k)
    assert [key for key, _ in fused] == [key for key, _ in expected]
    assert [score for _, score in fused] == pytest.approx([score for _, score in expected])


def test_the_constant_is_that_of_the_paper() -> None:
    assert RRF_K == 60
    assert reciprocal_rank_fusion([["x"]]) == [("x", 1 / 61)]


@settings(deadline=None, max_examples=150)
@given(rankings, st.randoms(use_true_random=False))
@example([[0, 1, 2], [1, 2, 0], [2, 0, 1]], Random(0))
def test_the_order_of_the_rankings_does_not_matter(lists: list[list[int]], random: Random) -> None:
    shuffled = list(lists)
    random.shuffle(shuffled)
    assert reciprocal_rank_fusion(shuffled) == reciprocal_rank_fusion(lists)
    assert reciprocal_rank_fusion(lists[::-1]) == reciprocal_rank_fusion(lists)


@settings(deadline=None, max_examples=150)
@given(rankings, st.integers(0, 100))
def test_every_passage_once_best_first_within_the_bound(lists: list[list[int]], k: int) -> None:
    fused = reciprocal_rank_fusion(lists, k=k)
    keys = [key for key, _ in fused]
    assert sorted(keys) == sorted(set().union(*lists))
    assert fused == sorted(fused, key=lambda item: (-item[1], item[0]))
    for _, score in fused:
        assert 0 < score <= len(lists) / (k + 1) * (1 + 1e-12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(), unique=True, max_size=20))
def test_one_ranking_keeps_its_order(ranking: list[int]) -> None:
    assert [key for key, _ in reciprocal_rank_fusion([ranking])] == ranking


def test_a_ranking_that_repeats_a_passage_is_refused() -> None:
    with pytest.raises(ValueError, match="same passage twice"):
        reciprocal_rank_fusion([["a", "b", "a"]])


def test_a_negative_constant_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0, got -1"):
        reciprocal_rank_fusion([["a"]], k=-1)
