"""What the tab and the command that show a corpus in numbers say, without a browser."""

from __future__ import annotations

from datetime import date

import pytest

from rag.__main__ import overview_text
from rag.datatypes import Overview
from rag.index.store import Listed
from rag.page.corpus import MOST_ARTICLES, as_numbers, as_stories, as_undated, columns_of
from rag.page.pager import nearest


def overview(**fields: object) -> Overview:
    return Overview(**{"articles": 9, "by_outlet": (), "by_month": (), "undated": 0, "copies": 0,
                       "copied": 0} | fields)  # fmt: skip


NOTHING = overview(by_outlet=((None, 9),), undated=9)
GROUP = [
    Listed("a.txt", "<b>Ship</b> sinks", "Ystad Post", date(2025, 3, 2)),
    Listed("b c.txt", "Ship lost", None, None),
]


def test_months_between_are_drawn_and_the_year_stands_where_it_begins() -> None:
    assert columns_of(overview(by_month=(("2024-11", 2), ("2025-02", 1)))) == [
        ("November 2024", "Nov<br>2024", 2),
        ("December 2024", "Dec", 0),
        ("January 2025", "Jan<br>2025", 0),
        ("February 2025", "Feb", 1),
    ]


def test_many_months_are_named_by_the_year_alone() -> None:
    columns = columns_of(overview(by_month=(("2023-11", 2), ("2025-02", 1))))
    # The first has no room for its year: January follows too closely.
    assert [label for _, label, _ in columns] == [""] * 2 + ["2024"] + [""] * 11 + ["2025", ""]


def test_many_years_are_drawn_by_year() -> None:
    found = overview(by_month=(("2019-12", 2), ("2020-01", 3), ("2020-05", 1), ("2024-12", 4)))
    assert [(name, count) for name, _, count in columns_of(found)] == [
        ("2019", 2), ("2020", 4), ("2021", 0), ("2022", 0), ("2023", 0), ("2024", 4),
    ]  # fmt: skip
    assert "By year" in as_numbers(found)
    # A date misread as one of the first century does not draw two thousand empty years.
    assert len(columns_of(overview(by_month=(("0023-05", 1), ("2023-05", 1))))) == 2


def test_outlets_are_drawn_by_their_share_of_the_most() -> None:
    names = [f"Paper {number}" for number in range(20)]
    html = as_numbers(overview(by_outlet=(("A & B", 8), *((name, 2) for name in names))))
    assert '<th scope="row">A &amp; B</th><td><span class="rag-bar" style="width: 100.0%">' in html
    assert '<th scope="row">Paper 0</th><td><span class="rag-bar" style="width: 25.0%">' in html
    assert "<td>18</td>" in html.split("9 others")[1]


@pytest.mark.parametrize("text", [as_numbers(NOTHING), overview_text(NOTHING, [], [])])
def test_a_corpus_without_dates_or_outlets_says_so(text: str) -> None:
    assert "o article has a date." in text
    assert "No article names its outlet." in text or "not stated" in text
    assert "<ol" not in text


def test_stories_are_cards_that_open_their_articles() -> None:
    html = as_stories([GROUP])
    assert "<h3>2 articles</h3>" in html
    assert 'data-ref="#quote:a.txt:0:0"' in html
    assert "&lt;b&gt;Ship&lt;/b&gt; sinks" in html
    assert "Ship lost</b> · outlet not stated · no date" in html
    many = [Listed(str(number), "A", None, None) for number in range(MOST_ARTICLES + 3)]
    assert "and 3 more" in as_stories([many])
    assert as_undated(overview(undated=7), many[:5]).count("rag-card") == 5
    assert "and 2 more" in as_undated(overview(undated=7), many[:5])


def test_an_overview_for_a_terminal() -> None:
    found = overview(by_outlet=(("Ystad Post", 6), (None, 3)), by_month=(("2025-03", 8),),
                     undated=1, copies=3, copied=6)  # fmt: skip
    assert overview_text(found, [GROUP], GROUP[1:]).splitlines() == [
        "9 articles from 1 outlet; 1 without a date; 3 stories told by 6 of them in nearly the "
        "same words.",
        "",
        "By outlet:",
        f"  {'Ystad Post':40} {6:8} {'█' * 30}",
        f"  {'not stated':40} {3:8} {'█' * 15}",
        "",
        "By month:",
        f"  {'2025-03':40} {8:8} {'█' * 30}",
        "",
        "Copies of one story (3):",
        "  2 articles",
        "    <b>Ship</b> sinks · Ystad Post · 2 March 2025 · a.txt",
        "    Ship lost · b c.txt",
        "  … and 2 more",
        "",
        "No date (1):",
        "  Ship lost · b c.txt",
    ]


@pytest.mark.parametrize(
    ("asked", "page"), [(1, 1), (2, 2), (9, 3), (0, 1), (-4, 1), (None, 1), (float("inf"), 3)]
)
def test_any_number_turns_to_the_nearest_page(asked: float | None, page: int) -> None:
    assert nearest(asked, 41, 20) == (page, 3)
