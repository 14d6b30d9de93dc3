"""From readings to an answer: what is quoted together, what stands apart, when it abstains."""

from __future__ import annotations

from rag.answering.compose import MAX_LISTED, MAX_QUOTES, compose, numbered_on
from rag.datatypes import Article, Hit, Passage, Span
from rag.reader import Reading

ARTICLES = {
    name: Article(name, f"Title {name}", text)
    for name, text in {
        "a": "The storm killed 12 people. It was the worst in years. Ports were closed.",
        "b": "At least 12 people died in the storm. The governor spoke.",
        "c": "The storm killed 30 people, the ministry said. Roads were cut.",
        "d": "Officials counted 12 dead. Later they counted 30 dead.",
    }.items()
}


def reading(doc_id: str, sentence: str, short: str | None, confidence: float) -> Reading:
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
    return Reading(found, inside, Hit(passage, 1, 1.0, ("dense",), 0.5), confidence, confidence)


TWELVE_A = reading("a", "The storm killed 12 people.", "12", 0.9)
TWELVE_B = reading("b", "At least 12 people died in the storm.", "At least 12", 0.88)
THIRTY = reading("c", "The storm killed 30 people, the ministry said.", "30", 0.85)
QUESTION = "How many people did the storm kill?"


def draft(readings, question=QUESTION, least=0.5):
    return compose(question, readings, ARTICLES.get, min_confidence=least)


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


def test_one_article_can_disagree_with_itself():
    first = reading("d", "Officials counted 12 dead.", "12", 0.9)
    later = reading("d", "Later they counted 30 dead.", "30", 0.9)
    found = draft([first, later])
    assert found.citations[0].quote == "Officials counted 12 dead."
    assert found.alternatives[0].citations[0].quote == "Later they counted 30 dead."


def test_too_little_confidence_abstains_and_says_how_little():
    found = draft([TWELVE_A], least=0.95)
    assert (found.text, found.reason, found.confidence) == ("", "not_in_corpus", 0.9)
    assert draft([]).reason == "not_in_corpus"


def test_an_article_that_is_gone_is_never_quoted():
    gone = {name: article for name, article in ARTICLES.items() if name != "a"}
    found = compose(QUESTION, [TWELVE_A, THIRTY], gone.get, min_confidence=0.5)
    assert (found.reason, found.citations) == ("unverified", ())
    found = compose(QUESTION, [THIRTY, TWELVE_A], gone.get, min_confidence=0.5)
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
