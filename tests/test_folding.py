"""Quotes that may be folded into one, and those that must not: by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.news.folding import differ, foldable

DIFFERING = [
    ("The bank will raise rates.", "The bank will not raise rates."),
    ("The bank will raise rates.", "The bank won't raise rates."),
    ("They were able to pay.", "They were unable to pay."),
    ("It is legal to park here.", "It is illegal to park here."),
    ("He denied the claim.", "He made the claim."),
    ("He said he did not know she left.", "He did not say he knew she left."),
    ("It costs $40 million.", "It costs $400 million."),
    ("It costs $40 million.", "It costs €40 million."),
    ("It costs $40 million.", "It costs about $40 million."),
    ("Three hurt and five killed in a crash.", "Three killed and five hurt in a crash."),
    ("He left on March 3.", "He left on March 4."),
    ("He left on Monday.", "He left on Tuesday."),
    ("It was signed last week.", "It was signed next week."),
    ("A letter from Anna Lind came.", "A letter from Anne Lind came."),
    ("A letter from Mr. Williams came.", "A letter from Mr. William came."),
    ("A letter from Lind came.", "A letter from Anna Lind came."),
    ("Troops of Iran struck Israel.", "Troops of Israel struck Iran."),
]
SAME = [
    ("12 people died in the fire, police said.", "Twelve people died in the fire, police said."),
    ("Some two ships were lost.", "Some 2 ships were lost."),
    ("Prices rose 7 percent.", "Prices rose 7%."),
    ("The U.S. won’t pay, he said.", "The US will not pay, he said."),
    ("He was born on 3 March in Oslo.", "He was born on March 3 in Oslo."),
    ("The mayor raised it again.", "The mayor raises it again."),
    ("The large ship sank off Spain.", "The big ship sank off Spain."),
    ("“It fell,” she said — twice.", '"It fell," she said - twice.'),
]


@pytest.mark.parametrize(("one", "other"), DIFFERING)
def test_what_differs_in_a_number_a_name_a_date_or_a_negation(one: str, other: str) -> None:
    assert differ(one, other)
    assert differ(other, one)
    assert not foldable(one, other)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_differs_in_nothing_of_the_kind(one: str, other: str) -> None:
    assert not differ(one, other)
    assert not differ(other, one)


def test_only_quotes_that_are_nearly_the_same_are_folded() -> None:
    one = "The large ship sank off the coast of Spain late at night."
    assert foldable(one, "The big ship sank off the coast of Spain late at night.")
    # Nothing in it differs, but the two are not the same sentence.
    assert not foldable(one, "The large ship was sold.")


@given(st.text(alphabet="abcAB 0123,.$%-'", max_size=60))
def test_a_quote_folds_with_itself(text: str) -> None:
    assert foldable(text, text)
    assert not differ(text, text)
