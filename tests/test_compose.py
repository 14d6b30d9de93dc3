"""From readings to an answer: what is quoted together, what stands apart, when it abstains."""

from __future__ import annotations

import dataclasses
import math
from datetime import date

import pytest

from rag.answering.compose import compose, compose_parts, numbered_on, relation
from rag.answering.sides import MAX_LISTED, MAX_QUOTES
from rag.datatypes import Article, Hit, Passage, Span
from rag.reader import Reading

ARTICLES = {
    name: Article(name, f"Title {name}", text)
    for name, text in {
        "a": "The storm killed 12 people. It was the worst in years. Ports were closed.",
        "b": "At least 12 people died in the storm. The governor spoke.",
        "c": "The storm killed 30 people, the ministry said. Roads were cut.",
        "d": "Officials counted 12 dead. Later they counted 30 dead.",
        "e": "Ports were not closed. Nobody left.",
        "f": "At least 12 people have died in the storm. It rained.",
        "h": "The storm that came in from the sea killed 12 people. It rained.",
        "g": "At least 15 people died in the storm. It rained.",
    }.items()
}


def reading(
    doc_id: str, sentence: str, short: str | None, confidence: float, of_share=0.0
) -> Reading:
    article = ARTICLES[doc_id]
    start = article.text.index(sentence)
    spans, at = [], 0
    for part in article.text.split(". "):
        end = min(len(article.text), at + len(part) + 1)
        spans.append((at, end))
        at = end + 1
    whole = Span.cut(article, 0, len(article.text))
    passage = Passage(f"p-{doc_id}", whole, article.title, sentences=tuple(spans))
    found = Span.cut(article, start, start + len(sentence))
    inside = None
    if short:
        begin = start + sentence.index(short)
        inside = Span.cut(article, begin, begin + len(short))
    hit = Hit(passage, 1, 1.0, ("dense",), 0.5)
    odds = math.log(confidence / (1 - confidence))
    return Reading(found, inside, hit, confidence, confidence, odds, of_share)


TWELVE_A = reading("a", "The storm killed 12 people.", "12", 0.9)
TWELVE_B = reading("b", "At least 12 people died in the storm.", "At least 12", 0.88)
THIRTY = reading("c", "The storm killed 30 people, the ministry said.", "30", 0.85)
QUESTION = "How many people did the storm kill?"


def nobody(article, start, end):
    return None


def alone(doc_id):
    return ()


def draft(readings, question=QUESTION, least=0.5, copies=alone):
    return compose(question, readings, ARTICLES.get, nobody, copies, least=least)


def test_the_same_answer_from_two_articles_is_cited_together():
    found = draft([TWELVE_A, TWELVE_B])
    assert [c.doc_id for c in found.citations] == ["a", "b"]
    assert found.short_answer == "12"
    assert found.alternatives == ()
    # Each citation says where its own short answer stands.
    texts = [ARTICLES[c.doc_id].text[slice(*c.answer)] for c in found.citations]
    assert texts == ["12", "At least 12"]


def test_a_different_answer_stands_apart_with_its_own_source():
    found = draft([TWELVE_A, THIRTY, TWELVE_B])
    assert [c.doc_id for c in found.citations] == ["a", "b"]
    [other] = found.alternatives
    assert other.short_answer == "30"
    assert [(c.doc_id, c.number) for c in other.citations] == [("c", 3)]
    assert "[3]" in other.text
    assert "30" not in found.text


def test_a_doubtful_difference_is_no_alternative():
    doubtful = reading("c", "The storm killed 30 people, the ministry said.", "30", 0.6)
    assert draft([TWELVE_A, doubtful]).alternatives == ()  # under three quarters of the first
    near = reading("c", "The storm killed 30 people, the ministry said.", "30", 0.7)
    low = reading("a", "The storm killed 12 people.", "12", 0.75)
    assert draft([low, near], least=0.72).alternatives == ()  # not sure enough to be given alone


def test_an_open_question_has_several_things_said_and_no_rivals():
    found = draft([TWELVE_A, THIRTY], question="What happened in the storm?")
    assert found.alternatives == ()
    assert [c.doc_id for c in found.citations] == ["a", "c"]


def test_quotes_are_few_and_a_list_has_more():
    many = [
        reading(doc, sentence, short, 0.9)
        for doc, sentence, short in (
            ("a", "The storm killed 12 people.", "12"),
            ("b", "At least 12 people died in the storm.", "12"),
            ("d", "Officials counted 12 dead.", "12"),
            ("c", "Roads were cut.", None),
            ("a", "Ports were closed.", None),
            ("b", "The governor spoke.", None),
        )
    ]
    assert len(draft(many).citations) == MAX_QUOTES
    listed = draft(many, question="Which things did the storm do?")
    assert len(listed.citations) == MAX_LISTED
    assert [c.number for c in listed.citations] == [1, 2, 3, 4, 5]


def test_one_article_that_says_two_things_does_not_disagree_with_itself():
    first = reading("d", "Officials counted 12 dead.", "12", 0.9)
    later = reading("d", "Later they counted 30 dead.", "30", 0.9)
    assert draft([first, later]).alternatives == ()


def test_a_rival_makes_neither_answer_less_sure():
    # Each takes half of the other's share: alone 0.9, beside the other far less.
    alone = math.log(0.9 / 0.1)
    sides = [
        dataclasses.replace(one, score=5.0, confidence=0.6, unshared=alone, of_share=2.0)
        for one in (TWELVE_A, THIRTY)
    ]
    found = draft(sides, least=0.8)
    assert round(found.confidence, 6) == 0.9
    assert [other.short_answer for other in found.alternatives] == ["30"]
    # What gives no other answer is no rival to be left out: 0.9 with a share of one half.
    third = dataclasses.replace(
        reading("b", "The governor spoke.", "The governor", 0.6), score=5.0, of_share=2.0
    )
    odds = alone + 2.0 * math.log(0.5)
    assert draft([sides[0], third]).confidence == pytest.approx(1 / (1 + math.exp(-odds)))


def test_yes_and_no_stand_apart():
    question = "Were ports closed?"
    yes = reading("a", "Ports were closed.", None, 0.9)
    no = reading("e", "Ports were not closed.", None, 0.9)
    found = draft([yes, no], question=question)
    assert [c.doc_id for c in found.citations] == ["a"]
    assert [c.doc_id for other in found.alternatives for c in other.citations] == ["e"]


def test_copies_are_folded_unless_they_differ():
    again = reading("f", "At least 12 people have died in the storm.", "At least 12", 0.88)
    found = draft([TWELVE_B, again])
    assert [c.doc_id for c in found.citations] == ["b"]
    [also] = found.citations[0].also_in
    assert (also.doc_id, also.number) == ("f", 1)
    # Another wording of it is folded where the whole articles are copies.
    longer = reading("h", "The storm that came in from the sea killed 12 people.", "12", 0.88)
    assert [c.doc_id for c in draft([TWELVE_A, longer]).citations] == ["a", "h"]
    folded = draft([TWELVE_A, longer], copies={"a": ("h",)}.__getitem__)
    assert [[c.doc_id, *(o.doc_id for o in c.also_in)] for c in folded.citations] == [["a", "h"]]
    other = reading("g", "At least 15 people died in the storm.", "At least 15", 0.88)
    assert [a.short_answer for a in draft([TWELVE_B, other]).alternatives] == ["At least 15"]


@pytest.mark.parametrize(
    ("first", "other", "relation_"),
    [
        ([3], [5], "later"),
        ([3, 4], [1, 2], "earlier"),
        ([3], [3], "conflict"),
        ([2, 6], [4], "conflict"),
        ([3], [None], "conflict"),
        ([None], [None], "conflict"),
    ],
)
def test_an_update_is_told_from_a_conflict_by_the_dates(first, other, relation_):
    [cited] = draft([TWELVE_A]).citations

    def dated(days):
        return [
            dataclasses.replace(cited, published=date(2025, 3, day) if day else None)
            for day in days
        ]

    assert relation(dated(first), dated(other)) == relation_


def test_parties_are_quoted_one_after_the_other():
    parts = [("A:", TWELVE_A), ("C:", THIRTY)]
    found = compose_parts(parts, ARTICLES.get, nobody)
    assert found.text == (
        "A:\n\n“The storm killed 12 people.” [1]\n\n"
        "C:\n\n“The storm killed 30 people, the ministry said.” [2]"
    )
    assert found.confidence == pytest.approx(0.85)
    assert compose_parts(parts, {}.get, nobody).reason == "unverified"


def test_several_articles_stand_under_lines_of_their_own():
    found = draft([TWELVE_A, THIRTY], question="What happened in the storm?")
    assert [c.lead for c in found.citations] == ["In one article:", "In another:"]
    assert found.text.startswith("In one article:\n\n“The storm killed 12 people.” [1]")


def test_too_little_confidence_abstains_and_says_how_little():
    found = draft([TWELVE_A], least=0.95)
    assert (found.text, found.reason) == ("", "not_in_corpus")
    assert found.confidence == pytest.approx(0.9)
    assert draft([]).reason == "not_in_corpus"


def test_an_article_that_is_gone_is_never_quoted():
    gone = {name: article for name, article in ARTICLES.items() if name != "a"}
    found = compose(QUESTION, [TWELVE_A, THIRTY], gone.get, nobody, alone, least=0.5)
    assert (found.reason, found.citations) == ("unverified", ())
    found = compose(QUESTION, [THIRTY, TWELVE_A], gone.get, nobody, alone, least=0.5)
    assert [c.doc_id for c in found.citations] == ["c"]
    assert found.alternatives == ()


def test_alternatives_are_numbered_on_from_other_citations():
    found = draft([TWELVE_A, THIRTY])
    (other,) = found.alternatives
    (kept,) = numbered_on(found.alternatives, [*found.citations, *draft([TWELVE_B]).citations])
    assert [c.number for c in kept.citations] == [3]
    assert kept.text == "“The storm killed 30 people, the ministry said.” [3]"
    assert (kept.short_answer, kept.citations[0].quote) == ("30", other.citations[0].quote)
    # What is quoted anyway is no alternative to it.
    assert numbered_on(found.alternatives, other.citations) == ()
