"""The timeline of a topic: what is quoted, in which order, and where it stands on the axis."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from html import escape

import numpy as np
import pytest
from conftest import build_small
from hypothesis import given, settings
from hypothesis import strategies as st

import rag
from rag.__main__ import main
from rag.corpus.sentences import sentence_spans
from rag.datatypes import Article, Attribution, Citation, Hit, Passage, RagError, Span, Timeline
from rag.index.lexical import terms
from rag.news.timeline import in_order, timeline
from rag.page.timeline import as_page, axis, place_of, ticks

FERRY = Article(
    "ferry.txt", "Ferry", "The ferry to the island was sold on Friday.\n\n“The ferry was too old for "
    "the open sea,” Anna Lind said.",
    "Ystad Post", date(2025, 2, 11),
)  # fmt: skip
EARLIER = Article(
    "earlier.txt", "Port", "The harbour had a good year for once. The old ferry to the island has "
    "no future, Kurt Lindgren said.", "Rønne Tidende", date(2023, 5, 2),
)  # fmt: skip
UNDATED = Article("undated.txt", "Ferries", "The ferry to the island was built in a hard winter.")
SPEAKERS = {"too old": "Anna Lind", "no future": "Kurt Lindgren"}


def vector(text: str) -> np.ndarray:
    """A bag of stems in 64 places, length 1: two texts are as near as the words they share."""
    found = np.zeros(64)
    for term in terms(text):
        found[sum(map(ord, term)) % 64] += 1
    return found / max(1.0, float(np.linalg.norm(found)))


def encode(texts):
    return np.array([vector(text) for text in texts])


def says(article: Article, start: int, end: int) -> Attribution | None:
    for words, speaker in SPEAKERS.items():
        if words in article.text[start:end]:
            return Attribution(speaker, (0, 1), (0, 1), "said", (0, 1), (start, end), direct=False)
    return None


def about(query: str, *articles: Article, lost: str = "", **options) -> Timeline:
    """The timeline over articles of one passage each."""
    hits = []
    for rank, article in enumerate(articles, start=1):
        spans = tuple(sentence_spans(article.text))
        whole = Span.cut(article, spans[0][0], spans[-1][1])
        passage = Passage(article.doc_id, whole, article.title, sentences=spans)
        hits.append(Hit(passage, rank, 1.0, ("dense",), 0.6))
    known = {article.doc_id: article for article in articles if article.doc_id != lost}
    return timeline(
        query, vector(query), hits,
        encode=encode, fetch=known.get, attribute=says, **{"most": 50} | options,
    )  # fmt: skip


def quotes(found: Timeline) -> list[str]:
    return [citation.quote for citation in (*found.citations, *found.undated)]


def quote(number: int, day: date | None, text: str, doc_id: str = "") -> Citation:
    doc_id = doc_id or f"{number}.txt"
    return Citation(number, doc_id, 0, len(text), text, "Title", "Post", day, None, "0" * 64)


def test_the_sentence_on_the_topic_is_quoted_dated_and_undated_apart():
    found = about("ferry to the island", FERRY, UNDATED, EARLIER)
    assert quotes(found) == [
        "The old ferry to the island has no future, Kurt Lindgren said.",
        "The ferry to the island was sold on Friday.",
        "The ferry to the island was built in a hard winter.",
    ]
    assert [c.published for c in found.citations] == [date(2023, 5, 2), date(2025, 2, 11)]
    assert [c.number for c in (*found.citations, *found.undated)] == [1, 2, 3]
    assert found.notes == ("1 quote, from an article without a date, listed apart.",)
    assert [c.speaker for c in found.citations] == ["Kurt Lindgren", None]


def test_a_topic_that_no_sentence_is_on_gives_a_line_and_no_quote():
    found = about("tram strike", FERRY, EARLIER)
    assert quotes(found) == []
    assert found.notes == ("No sentence of these articles is on this topic.",)


def test_a_passage_without_the_name_of_the_topic_is_not_on_it():
    bought = Article("b.txt", "Trams", "The tram to the hill was bought by Lund on Monday.")
    other = Article("o.txt", "Trams", "The tram to the hill was bought by Holm on Monday.")
    assert quotes(about("Lund bought the tram to the hill", bought, other)) == [bought.text]


def test_only_the_words_of_a_speaker_named_in_part_and_in_any_case():
    assert quotes(about("ferry", FERRY, EARLIER, speakers=["lind"])) == [
        "“The ferry was too old for the open sea,” Anna Lind said."
    ]
    assert len(quotes(about("ferry", FERRY, EARLIER, speakers=["LIND", "Kurt"]))) == 2


def test_the_words_of_a_speaker_are_found_behind_better_ones_of_the_outlet():
    lines = [f"The ferry to the island sails at {hour} on Sunday." for hour in "3456"]
    lines.append("The ferry is a bad old tub with no future, he said on Sunday.")
    article = Article("f.txt", "Ferry", "\n\n".join(["Kurt Lindgren has a ferry.", *lines]))
    assert quotes(about("ferry to the island", article, speakers=["Kurt"])) == []
    assert quotes(about("ferry", article, speakers=["Kurt"])) == lines[-1:]


def test_a_speaker_who_says_nothing_on_it_is_told_with_those_who_do():
    assert about("old ferry", FERRY, EARLIER, speakers="Holm").notes == (
        "No words of “Holm” on this topic; quoted on it: Kurt Lindgren, Anna Lind.",
    )
    assert "name no speaker" in about("ferry", UNDATED, speakers=["Lind"]).notes[0]
    assert "whoever says it" in about("tram strike", FERRY, speakers=["Lind"]).notes[0]


def test_an_altered_article_is_left_out_and_named():
    found = about("ferry to the island", FERRY, UNDATED, lost="ferry.txt")
    assert [c.doc_id for c in found.undated] == ["undated.txt"]
    assert found.notes[0].startswith("Left out, being altered since it was indexed: ferry.txt;")


def test_what_was_not_weighed_is_told():
    found = about("ferry to the island", FERRY, EARLIER, UNDATED, most=2)
    assert len(quotes(found)) == 2
    assert "The 2 most promising of 3 articles" in found.notes[0]


def test_copies_are_folded_into_the_earliest_unless_a_number_differs():
    words = "The comet passed the earth on Sunday at nine million kilometres, 3 times the moon."
    copies = [
        quote(1, None, words, "undated"),
        quote(2, date(2023, 1, 6), words.replace("passed", "passes"), "late"),
        quote(3, date(2023, 1, 5), words, "early"),
        quote(4, date(2023, 1, 7), words.replace("3", "4"), "number"),
    ]
    found = in_order("comet", copies)
    assert [c.doc_id for c in found.citations] == ["early", "number"]
    assert [c.doc_id for c in found.citations[0].also_in] == ["late", "undated"]
    assert found.undated == ()


DAYS = st.one_of(st.none(), st.dates(), st.sampled_from([date.min, date.max]))
WORDS = st.sampled_from(["a ferry sails", "no tram runs", "the mayor sings a song of old"])


@given(st.lists(st.tuples(DAYS, WORDS), max_size=12), st.randoms())
@settings(max_examples=150)
def test_every_quote_is_there_once_in_order_whatever_order_it_came_in(drawn, random):
    given_quotes = [quote(n, day, words) for n, (day, words) in enumerate(drawn)]
    found = in_order("q", given_quotes)
    shown = [*found.citations, *found.undated]
    assert [c.published for c in found.citations] == sorted(
        c.published for c in found.citations if c.published
    )
    assert all(c.published is None for c in found.undated)
    assert [c.number for c in shown] == list(range(1, len(shown) + 1))
    every = [c.doc_id for one in shown for c in (one, *one.also_in)]
    assert sorted(every) == sorted(c.doc_id for c in given_quotes)
    assert all((c.published or date.max) >= (one.published or date.max)
               for one in shown for c in one.also_in)  # fmt: skip
    random.shuffle(given_quotes)
    assert in_order("q", given_quotes) == found


def test_a_timeline_that_is_out_of_order_cannot_exist():
    old, new = quote(1, date(2020, 1, 1), "a"), quote(2, date(2021, 1, 1), "b")
    for broken in ([new, old], [quote(1, None, "a")]):
        with pytest.raises(ValueError, match="oldest first"):
            Timeline("q", tuple(broken))
    with pytest.raises(ValueError, match="among those without"):
        Timeline("q", (), (old,))


def test_over_the_seeds_each_quote_is_an_exact_slice(assistant):
    found = assistant.timeline("weapons left in Afghanistan")
    assert [c.doc_id for c in found.citations] == ["003_cde5ec266f19755c.txt"]
    assert {c.doc_id[:3] for c in found.undated} == {"000", "004"}
    for citation in (*found.citations, *found.undated):
        article = assistant.article(citation.doc_id)
        assert article.text[citation.start : citation.end] == citation.quote
        assert (citation.sha256, citation.published) == (article.sha256, article.published)


def test_over_the_seeds_nothing_is_said_of_what_is_not_there(assistant):
    for topic in ("football", "the economy of France", "women's education"):
        found = assistant.timeline(topic)
        assert quotes(found) == []
        assert "No sentence of these articles is on this topic." in found.notes


def test_filters_and_what_they_leave_out(assistant):
    dated = assistant.timeline("ISIS", published_from="2025-01-01", as_of="2025-12-31")
    assert (len(dated.citations), dated.undated) == (1, ())
    assert "The date filter left out 2 articles without a date." in dated.notes
    assert quotes(assistant.timeline("ISIS", as_of=date(2025, 3, 29))) == []
    by_outlet = assistant.timeline("ISIS", outlets=["centralasianlight.ORG"])
    assert [c.outlet for c in by_outlet.citations] == ["CentralasianLIGHT.org"]
    unknown = assistant.timeline("ISIS", outlets=["The Moon"])
    assert quotes(unknown) == []
    assert "No article is from The Moon; the outlets are CentralasianLIGHT.org." in unknown.notes


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"published_from": "2025-02-30"}, "is no date"),
        ({"published_from": "2025-02-02", "published_to": "2025-02-01"}, "swap them"),
        ({"k": 0}, "at least 1"),
    ],
)
def test_bad_input_is_refused_in_a_line(assistant, options, says):
    with pytest.raises(RagError, match=says):
        assistant.timeline("ISIS", **options)


def test_no_topic_is_no_error(assistant):
    for empty in ("", " ?! "):
        assert assistant.timeline(empty).notes == ("There is no topic to look for.",)
    assert quotes(assistant.timeline("of the and")) == []


def test_a_corpus_without_any_date_still_gives_quotes(built):
    with rag.Assistant.open(built / "index") as opened:
        found = opened.timeline("ferry between the islands")
    assert quotes(found) == ["The ferry between the two islands stopped on Friday."]
    assert found.citations == ()
    assert "No article of the corpus has a date, so there is no time axis." in found.notes


def test_the_command_line_draws_the_days_and_the_gaps(tmp_path, seeds_index, capsys):
    texts = {
        f"{year}.txt": f"Herring quota of {year}\n{year}-0{month}-01\n\nThe herring quota of {year} "
        f"was set at {year} tonnes after long talks in Kiel.\n"
        for year, month in ((2021, 3), (2023, 4))
    }
    folder = build_small(tmp_path, texts, seeds_index)
    asked = ["timeline", "herring quota", "--index", str(folder / "index")]
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(" 1 Mar 2021 ●  “The herring quota of 2021")
    assert "            ┊  2 years" in lines
    assert any(line.startswith(" 1 Apr 2023 ●") for line in lines)
    assert any("[2] Herring quota of 2023 · 1 April 2023 · 2023.txt:" in line for line in lines)
    assert main([*asked, "--json", "--to", "2022-01-01"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record) == set(rag.Timeline.__dataclass_fields__)
    assert [c["published"] for c in record["citations"]] == ["2021-03-01"]
    assert main([*asked, "--from", "soon"]) == 1
    assert capsys.readouterr().err.startswith("rag: published_from 'soon' is no date")


@given(st.dates(), st.dates())
def test_ticks_are_few_round_and_rising(one, other):
    first, last = min(one, other), max(one, other)
    marks = ticks(first, last)
    days = [at for at, _ in marks]
    assert len(days) <= 5
    assert days == sorted(set(days))
    assert all(first <= at <= last for at in days)
    if first < last and (last - first).days < 3_600:
        assert len(days) >= 2


def test_ticks_by_hand():
    assert [label for _, label in ticks(date(2024, 5, 1), date(2024, 5, 16))] == [
        "1 May", "8 May", "15 May",
    ]  # fmt: skip
    assert [label for _, label in ticks(date(1987, 2, 24), date(2023, 2, 8))] == [
        "1990", "2000", "2010", "2020",
    ]  # fmt: skip
    assert ticks(date(2025, 3, 9), date(2025, 3, 9)) == [(date(2025, 3, 9), "9 March 2025")]


@given(st.lists(st.integers(0, 400), min_size=1, max_size=40))
def test_each_point_stands_where_its_day_does_or_is_counted(offsets):
    days = [date(2024, 1, 1) + timedelta(n) for n in sorted(offsets)]
    html = axis([quote(n, day, "words") for n, day in enumerate(days, start=1)])
    points = re.findall(r'rag-point".*?left:([\d.]+)%;--row:(\d+).*?>(\d+)</button>', html)
    for left, _, number in points:
        assert float(left) == pytest.approx(
            place_of(days[int(number) - 1], days[0], days[-1]), abs=0.01
        )
    places = [(float(left), row) for left, row, _ in points]
    assert all(
        abs(a - b) > 6.7 for n, (a, row) in enumerate(places) for b, other in places[:n]
        if row == other
    )  # fmt: skip
    assert len(points) + sum(map(int, re.findall(r">\+(\d+)<", html))) == len(days)
    assert html.count('tabindex="0"') == 1


def test_what_articles_say_is_shown_as_text():
    bad = "<script>alert(1)</script> & \"quotes\" 'too'"
    said = Attribution(bad, (0, 1), (0, 1), "said", (0, 1), (0, 1), direct=False, via=bad)
    one = Citation(1, bad, 0, len(bad), bad, bad, bad, date(2025, 1, 1), None, "0" * 64, bad,
                   attribution=said, also_in=(quote(1, None, bad, bad),))  # fmt: skip
    html = as_page(Timeline(bad, (one,), (quote(2, None, bad),), (bad,)))
    assert bad not in html
    assert "<script" not in html
    assert html.count(escape(bad, quote=True)) >= 8
