"""When: times in questions, the articles they prefer, and what is said of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag.news.when import read_event, read_when

ASKED = date(2025, 4, 10)  # a Thursday


@pytest.mark.parametrize(
    ("question", "words", "first", "last"),
    [
        ("What happened in March 2025?", "in March 2025", "2025-03-01", "2025-03-31"),
        ("What happened in late March 2025?", "in late March 2025", "2025-03-21", "2025-03-31"),
        ("What did he say on 28 March 2025?", "on 28 March 2025", "2025-03-28", "2025-03-28"),
        ("Who spoke on Sept. 3rd, 2024?", "on Sept. 3rd, 2024", "2024-09-03", "2024-09-03"),
        ("What was known on 2025-03-28?", "on 2025-03-28", "2025-03-28", "2025-03-28"),
        ("Who resigned in 2024?", "in 2024", "2024-01-01", "2024-12-31"),
        ("Who resigned between January and March 2025?", "between January and March 2025",
         "2025-01-01", "2025-03-31"),
        ("Who came from 3 March 2025 to 5 April 2025?", "from 3 March 2025 to 5 April 2025",
         "2025-03-03", "2025-04-05"),
        ("Who spoke before March 2025?", "before March 2025", None, "2025-02-28"),
        ("Who spoke after March 2025?", "after March 2025", "2025-04-01", None),
        ("Who has spoken since 2024?", "since 2024", "2024-01-01", None),
        ("Who spoke by 30 March 2025?", "by 30 March 2025", None, "2025-03-30"),
        ("Who won last week?", "last week", "2025-03-31", "2025-04-06"),
        ("Who won this week?", "this week", "2025-04-07", "2025-04-10"),
        ("Who won last month?", "last month", "2025-03-01", "2025-03-31"),
        ("Who won yesterday?", "yesterday", "2025-04-09", "2025-04-09"),
        ("Who won last Friday?", "last Friday", "2025-04-04", "2025-04-04"),
        ("Who won in the past two weeks?", "in the past two weeks", "2025-03-27", "2025-04-10"),
    ],
)  # fmt: skip
def test_a_time_is_read_as_days(question, words, first, last):
    found = read_when(question, ASKED)
    assert (found.words, found.strict) == (words, False)
    assert [day and day.isoformat() for day in (found.first, found.last)] == [first, last]


@pytest.mark.parametrize(
    "question",
    [
        "Who won the 2020 election?",
        "How did Super Bowl 2021 end?",
        "What may happen in May?",
        "Who will march on 5th Avenue?",
        "What is today's price?",
        "Who scored in 2022-23?",
        "What happened in March?",
        "What did he say on Monday?",
    ],
)
def test_what_cannot_be_dated_is_no_time(question):
    assert not read_when(question, ASKED).bounded


def test_a_month_without_a_year_is_the_last_one_before_a_given_day():
    found = read_when("What happened in March?", ASKED, given=True)
    assert (found.first, found.last) == (date(2025, 3, 1), date(2025, 3, 31))
    found = read_when("What happened in May?", ASKED, given=True)
    assert (found.first, found.last) == (date(2024, 5, 1), date(2024, 5, 31))


def test_a_day_that_does_not_exist_is_named():
    assert read_when("Who spoke on 30 February 2025?", ASKED).impossible == "30 February 2025"
    crossed = read_when("Who spoke between May 2025 and March 2025?", ASKED)
    assert crossed.impossible == "between May 2025 and March 2025"


def test_times_of_the_articles_are_strict_and_the_newest_is_asked_for():
    assert read_when("What do articles published in 2024 say?", ASKED).strict
    assert read_when("What is the latest on the ferry?", ASKED).latest
    assert not read_when("What happened in 2024?", ASKED).latest


def test_the_question_without_its_time():
    found = read_when("What did Trump say in March 2025?", ASKED)
    assert found.without("What did Trump say in March 2025?") == "What did Trump say?"


@given(st.dates(date(1990, 1, 1), date(2030, 12, 31)), st.integers(0, 400))
def test_a_range_in_words_is_that_range(first, days):
    last = first + timedelta(days=days)
    question = f"What happened between {first:%-d %B %Y} and {last:%B %-d, %Y}?"
    found = read_when(question, ASKED)
    assert (found.first, found.last) == (first, last)


@given(st.text(max_size=120))
def test_any_text_has_a_time_or_none(question):
    found = read_when(question, ASKED, given=True)
    assert found.words in question
    assert not (found.first and found.last) or found.first <= found.last
    read_event(question)


ARTICLES = {
    "a.txt": "The ferry to Skagen will cost 40 crowns, the company said. Anna Lind leads it.\n\n"
    "Skagen Post\nMarch 3, 2025",
    "b.txt": "The ferry to Skagen will cost 55 crowns, the company said. It blamed the winter.\n\n"
    "Aalborg Times\nMarch 20, 2025",
    "c.txt": "The new harbour of Skagen opened on 10 March 2025. Thousands came to see it.\n\n"
    "Skagen Post\nApril 2, 2025",
    "d.txt": "Nobody knows who painted the lighthouse of Skagen red. The keeper asked around.\n",
}
PRICE = "How much will the ferry to Skagen cost?"


@pytest.fixture(scope="module")
def skagen(tmp_path_factory):
    root = tmp_path_factory.mktemp("skagen")
    for name, text in ARTICLES.items():
        (root / name).write_text(text)
    index = tmp_path_factory.mktemp("index")
    rag.build_index(root, index)
    with rag.Assistant.open(index) as opened:
        yield opened


def test_a_time_in_the_question_prefers_its_articles(skagen):
    early = skagen.answer("How much will the ferry to Skagen cost before 10 March 2025?")
    assert [c.doc_id for c in early.citations] == ["a.txt"]
    assert early.alternatives == ()
    [note] = [note for note in early.notes if "before 10 March 2025" in note]
    assert "published up to 9 March 2025; 1 article without a date left out" in note


def test_an_event_whose_day_the_corpus_gives_counts_as_a_time(skagen):
    before = skagen.answer("How much will the ferry to Skagen cost before the new harbour opened?")
    assert [c.doc_id for c in before.citations] == ["a.txt"]
    assert any("10 March 2025" in note for note in before.notes)


def test_other_articles_answer_where_those_of_the_time_do_not(skagen):
    found = skagen.answer("How much did the ferry cost in May 2025?", as_of="2025-06-01")
    assert any("so all were asked" in note for note in found.notes)
    assert {c.doc_id for c in found.citations} <= {"a.txt", "b.txt"}
    strict = skagen.answer("Who leads the ferry company, in articles published in 2019?")
    assert (strict.abstained, strict.reason) == (True, "filtered_out")
    assert any("3 March 2025 to 2 April 2025" in note for note in strict.notes)
    assert strict.hits


def test_as_of_hides_later_articles(skagen):
    then = skagen.answer(PRICE, as_of="2025-03-10")
    assert [c.doc_id for c in then.citations] == ["a.txt"]
    assert all(hit.passage.published <= date(2025, 3, 10) for hit in then.hits)
    assert not any("Newest article" in note for note in then.notes)  # a week old
    later = skagen.answer(PRICE, as_of="2025-09-01")
    assert "Newest article on this: 20 March 2025." in later.notes


def test_two_prices_are_an_update_by_their_dates(skagen):
    found = skagen.answer(PRICE)
    sides = [(found.short_answer, "")] + [(a.short_answer, a.relation) for a in found.alternatives]
    assert {short for short, _ in sides} == {"40 crowns", "55 crowns"}
    [(_, relation)] = sides[1:]
    assert relation == ("later" if found.citations[0].doc_id == "a.txt" else "earlier")


def test_the_latest_wins_ties(skagen):
    found = skagen.answer("What is the latest price of the ferry to Skagen?", error_rate=1)
    assert found.citations[0].doc_id == "b.txt"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"as_of": "2999-01-01"}, "lies in the future: as_of leaves out no article"),
        ({"published_from": "2999-01-01"}, "lies in the future: no article is of then"),
        (
            {"outlets": ["Skagen Pots"]},
            "No article is from Skagen Pots; the outlets are Skagen Post",
        ),
    ],
)
def test_filters_that_match_nothing_are_explained(skagen, options, says):
    assert says in " ".join(skagen.answer(PRICE, **options).notes)


def test_impossible_and_future_times_are_told(skagen):
    notes = skagen.answer(PRICE[:-1] + " on 31 April 2025?").notes
    assert any("“31 April 2025” is no time that there is" in note for note in notes)
    notes = skagen.answer(PRICE[:-1] + " in March 2099?").notes
    assert any("lies in the future" in note for note in notes)


def test_a_corpus_without_dates_says_so(tmp_path):
    root = tmp_path / "corpus"
    root.mkdir()
    (root / "d.txt").write_text(ARTICLES["d.txt"])
    rag.build_index(root, tmp_path / "index")
    with rag.Assistant.open(tmp_path / "index") as opened:
        asked = opened.answer("Who painted the lighthouse of Skagen red in March 2025?")
        assert any("No article has a date" in note for note in asked.notes)
        none = opened.answer("Who painted the lighthouse?", as_of="2025-01-01")
        assert none.reason == "filtered_out"
        assert any("ask without it" in note for note in none.notes)
