"""Records hold their own invariants: what does not fit cannot exist."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag.datatypes as records
from rag.datatypes import Answer, Article, RagError, Span, text_sha256

ARTICLE = Article("a.txt", "Ferries", "Ferries left the port.")


def answer(**changes: Any) -> Answer:
    fields: dict[str, Any] = {
        "question": "Who left?",
        "text": "Ferries left. [1]",
        "short_answer": None,
        "citations": (),
        "abstained": False,
        "reason": None,
        "confidence": 0.5,
        "hits": (),
        "model": "extractive",
        "seconds": 0.1,
        "standalone": "Who left?",
    }
    return Answer(**(fields | changes))


def test_the_hash_of_a_text_is_that_of_its_utf8() -> None:
    # sha256 of the three bytes "abc", from FIPS 180-4's example
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert text_sha256("abc") == expected
    assert text_sha256("é") == hashlib.sha256(b"\xc3\xa9").hexdigest()
    assert Article("a", "t", "abc").sha256 == expected
    assert Article("a", "t", "abc", sha256=expected).sha256 == expected


def test_an_article_with_the_hash_of_another_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"article 'a': text has hash \w{64}, not 00"):
        Article("a", "t", "abc", sha256="00")


@settings(deadline=None, max_examples=100)
@given(st.text(min_size=1, max_size=30), st.integers(-5, 40), st.integers(-5, 40))
def test_a_span_is_cut_exactly_where_it_lies_inside(text: str, start: int, end: int) -> None:
    article = Article("a", "t", text)
    if 0 <= start < end <= len(text):
        span = Span.cut(article, start, end)
        assert (span.doc_id, span.start, span.end) == ("a", start, end)
        assert article.text[span.start : span.end] == span.text
    else:
        with pytest.raises(ValueError, match="does not fit"):
            Span.cut(article, start, end)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [(0, 3, "ab"), (0, 1, "ab"), (2, 2, ""), (3, 2, ""), (-1, 1, "ab")],
    ids=["text too short", "text too long", "empty", "backwards", "negative start"],
)
def test_a_span_that_does_not_fit_its_text_cannot_exist(start: int, end: int, text: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Span("a", start, end, text)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 9), st.integers(1, 6), st.integers(0, 9), st.integers(1, 6))
def test_spans_overlap_where_they_share_a_character(s1: int, n1: int, s2: int, n2: int) -> None:
    one, two = Span("a", s1, s1 + n1, "x" * n1), Span("a", s2, s2 + n2, "x" * n2)
    shared = set(range(s1, s1 + n1)) & set(range(s2, s2 + n2))
    assert one.overlaps(two) == two.overlaps(one) == bool(shared)
    assert not one.overlaps(dataclasses.replace(two, doc_id="b"))


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ""},
        {"abstained": True},
        {"reason": "not_in_corpus"},
        {"abstained": True, "reason": "not_in_corpus"},
        {"abstained": True, "text": ""},
    ],
    ids=[
        "neither text nor abstention",
        "abstention with text, no reason",
        "text with a reason",
        "abstention with text",
        "abstention without reason",
    ],
)
def test_an_answer_has_a_text_or_abstains_with_a_reason(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="never both"):
        answer(**changes)


def test_an_abstaining_answer_has_no_text_and_a_reason() -> None:
    abstaining = answer(text="", abstained=True, reason="not_in_corpus")
    assert (abstaining.text, abstaining.reason) == ("", "not_in_corpus")
    assert (abstaining.alternatives, abstaining.notes) == ((), ())


RECORDS = [record for record in vars(records).values() if dataclasses.is_dataclass(record)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_record_is_frozen_and_slotted(record: Any) -> None:
    assert record.__dataclass_params__.frozen
    assert "__slots__" in vars(record)


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ARTICLE.text = "Another text."  # type: ignore[misc]
    with pytest.raises(TypeError):
        ARTICLE.metadata["a"] = "b"  # type: ignore[index]


CONTRACT = {
    "Article": "doc_id title text outlet published url sha256",
    "Span": "doc_id start end text",
    "Passage": "passage_id span title outlet published url",
    "Hit": "passage rank score found_by",
    "Citation": "number doc_id start end quote title outlet published url sha256 speaker",
    "Answer": "question text short_answer citations abstained reason confidence hits model "
    "seconds standalone alternatives notes",
    "QuoteMatch": "status citations differences",
    "IndexReport": "articles passages added changed removed skipped seconds",
}
"""Public names of the architecture: fields may be added, never renamed."""


@pytest.mark.parametrize("name", CONTRACT)
def test_no_public_field_is_missing(name: str) -> None:
    fields = {field.name for field in dataclasses.fields(getattr(records, name))}
    assert set(CONTRACT[name].split()) - fields == set()


@pytest.mark.parametrize(
    "name",
    [
        "CorpusError",
        "IndexNotFoundError",
        "IndexMismatchError",
        "ModelUnavailableError",
        "QuestionSetError",
    ],
)
def test_every_error_for_the_person_is_a_rag_error(name: str) -> None:
    assert issubclass(getattr(records, name), RagError)
