"""The quote gate lets nothing through that is not an exact slice of the recorded article."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rag.answering.verify import checked, citation_holds
from rag.datatypes import Alternative, Answer, Article, Citation

ARTICLE = Article(
    "a.txt",
    "Bank keeps rates",
    "The bank will not raise rates. It set aside $40 million. Café prices rose 5 percent.",
)


def cite(first: int, last: int, **changes: object) -> Citation:
    citation = Citation(
        1, "a.txt", first, last, ARTICLE.text[first:last], ARTICLE.title, None, None, None,
        ARTICLE.sha256,
    )  # fmt: skip
    return dataclasses.replace(citation, **changes)  # type: ignore[arg-type]


def answer(*citations: Citation, short: str | None = None, **changes: object) -> Answer:
    base = Answer(
        question="q", text="“…” [1]", short_answer=short, citations=citations, abstained=False,
        reason=None, confidence=0.9, hits=(), model="extractive", seconds=0.0, standalone="q",
    )  # fmt: skip
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def fetch(doc_id: str) -> Article | None:
    return ARTICLE if doc_id == "a.txt" else None


def test_an_exact_quote_passes_unchanged():
    draft = answer(cite(0, 30), short="will not raise")
    assert checked(draft, fetch) is draft


@pytest.mark.parametrize(
    "citation",
    [
        cite(0, 30, quote="The bank will raise rates now."),
        cite(31, 56, quote="It set aside $400 million."),
        cite(0, 30, quote="the bank will not raise rates."),
        cite(0, 30, start=1, end=31),
        cite(0, 30, doc_id="b.txt"),
        cite(0, 30, sha256="0" * 64),
        cite(0, 30, start=-84, end=-54),
        cite(0, 30, end=10_000),
    ],
    ids=["dropped not", "number", "case", "shifted", "article gone", "hash", "negative", "too far"],
)
def test_a_failing_citation_takes_the_answer_with_it(citation: Citation):
    kept = checked(answer(cite(57, 84), citation), fetch)
    assert kept.abstained
    assert kept.reason == "unverified"
    assert (kept.text, kept.short_answer, kept.citations) == ("", None, ())
    assert "doctor" in kept.notes[-1]


def test_a_short_answer_outside_every_quote_is_withheld():
    assert checked(answer(cite(0, 30), short="$40 million"), fetch).reason == "unverified"


def test_an_answer_without_a_citation_is_withheld():
    assert checked(answer(), fetch).reason == "unverified"


def test_an_article_whose_stored_text_was_altered_is_as_good_as_gone():
    with pytest.raises(ValueError, match="has hash"):
        Article("a.txt", "t", "The bank will raise rates.", sha256=ARTICLE.sha256)
    assert checked(answer(cite(0, 30)), lambda doc_id: None).reason == "unverified"


def test_a_failing_alternative_is_dropped_and_the_rest_stays():
    good = Alternative("“…” [1]", None, (cite(57, 84),))
    bad = Alternative("“…” [1]", None, (cite(57, 84, quote="Café prices rose 6 percent."),))
    kept = checked(answer(cite(0, 30), alternatives=(bad, good)), fetch)
    assert kept.alternatives == (good,)
    assert not kept.abstained


@settings(deadline=None)
@given(st.integers(0, 84), st.integers(0, 84), st.text(min_size=1, max_size=40))
def test_only_the_slice_itself_holds(start: int, end: int, quote: str):
    assume(start < end)
    forged = cite(0, 30, start=start, end=end, quote=quote)
    assert citation_holds(forged, ARTICLE) == (ARTICLE.text[start:end] == quote)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_changing_any_one_character_of_a_quote_is_caught(data: st.DataObject):
    start = data.draw(st.integers(0, 83))
    end = data.draw(st.integers(start + 1, 84))
    at = data.draw(st.integers(start, end - 1)) - start
    quote = ARTICLE.text[start:end]
    other = data.draw(st.characters().filter(lambda c: c != quote[at]))
    assert not citation_holds(cite(start, end, quote=quote[:at] + other + quote[at + 1 :]), ARTICLE)
