"""Chat messages: written as HTML, read back as what they said, exported as Markdown."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from rag.datatypes import (
    Alternative,
    Answer,
    Article,
    Citation,
    Difference,
    Hit,
    Passage,
    QuoteMatch,
    Span,
)
from rag.page import render
from rag.page.export import as_markdown
from rag.page.message import (
    Place,
    address,
    as_typed,
    confidence_words,
    failure,
    message,
    read_address,
    read_message,
    turns,
    typed,
)

TEXT = "The ferry cost $12 million & more. <b>Nobody</b> knew why. Anna Lind said it sank."
ARTICLE = Article(
    "a b/ä:1.txt",
    "Ferry <sinks>",
    TEXT,
    "Skagen “Post”",
    date(2025, 3, 30),
    "https://x.example/a?b=1&c",
)
OTHER = Article("c.txt", "Another", "It cost $13 million. So they say.")
ARTICLES = {a.doc_id: a for a in (ARTICLE, OTHER)}


def cite(number: int, article: Article, quote: str, short: str | None) -> Citation:
    start = article.text.index(quote)
    inside = None
    if short:
        begin = start + quote.index(short)
        inside = (begin, begin + len(short))
    return Citation(
        number, article.doc_id, start, start + len(quote), quote, article.title, article.outlet,
        article.published, article.url, article.sha256, answer=inside,
    )  # fmt: skip


FIRST = cite(1, ARTICLE, "The ferry cost $12 million & more.", "$12 million")
SECOND = cite(2, OTHER, "It cost $13 million.", "$13 million")


def answered(**changes) -> Answer:
    values = {
        "question": "How much?", "text": "“…” [1]", "short_answer": "$12 million",
        "citations": (FIRST,), "abstained": False, "reason": None, "confidence": 0.83, "hits": (),
        "model": "extractive", "seconds": 0.1, "standalone": "How much?",
        "alternatives": (Alternative("“…” [2]", "$13 million", (SECOND,)),),
        "notes": ("Read “mcuh” as “much”.",),
    }  # fmt: skip
    return Answer(**values | changes)


def test_a_message_says_what_the_answer_says_and_names_its_places():
    said = read_message(message(answered()))
    assert said.short_answer == "$12 million"
    assert said.quotes == (
        "“The ferry cost $12 million & more.” [1]",
        "“It cost $13 million.” [2]",
    )
    assert said.cited == (
        Place("1", "a b/ä:1.txt", 0, 34, (15, 26)),
        Place("2", "c.txt", 0, 20, (8, 19)),
    )
    assert (said.abstained, said.nearest) == (False, ())
    assert "A differing answer\n\n$13 million\n\n“It cost $13 million.” [2]" in said.text
    assert "Skagen “Post” · 30 March 2025" in said.text
    assert "Fairly sure (83 %) · exact quotes, checked" in said.text
    assert said.text.endswith("Read “mcuh” as “much”.")


def test_a_message_that_declines_says_why_and_names_the_nearest():
    span = Span.cut(ARTICLE, 0, 34)
    hit = Hit(Passage("p", span, ARTICLE.title), 1, 0.5, ("dense",))
    given_ = answered(
        text="", short_answer=None, citations=(), alternatives=(), abstained=True,
        reason="not_in_corpus", hits=(hit,), standalone="How much did it cost?",
        notes=("No passage has the word “zebra”.",),
    )  # fmt: skip
    said = read_message(message(given_))
    assert said.abstained
    assert said.cited == ()
    assert said.nearest == (Place("passage 1", "a b/ä:1.txt", 0, 34),)
    assert said.text.startswith("Understood as: How much did it cost?\n\nNot in the corpus")
    assert "Passages come near, but none answers" in said.text
    assert "“zebra”" in said.text
    assert said.rateable
    alone = read_message(message(answered(
        text="", short_answer=None, citations=(), alternatives=(), abstained=True,
        reason="not_in_corpus",
    )))  # fmt: skip
    assert "No passage is near: " in alone.text
    failed = read_message(failure("a <b> line"))
    assert (failed.text, failed.rateable) == ("Not answered\n\na <b> line", False)
    assert read_message(message(answered())).rateable


class Tags(HTMLParser):
    """The tags of some HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.add(tag)


def tags(html: str) -> set[str]:
    reader = Tags()
    reader.feed(html)
    return reader.found


# What a stored article may hold: anything but half surrogate pairs.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(deadline=None)
@given(texts, texts, texts, st.data())
def test_any_text_is_shown_as_text_and_read_back(title, body, note, data):
    article = Article("d" + title, title, body)
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start + 1, len(body)))
    quote = body[start:end]
    cited = Citation(
        1, article.doc_id, start, end, quote, title, note, None, None, article.sha256,
        answer=(start, end),
    )  # fmt: skip
    html = message(answered(citations=(cited,), alternatives=(), short_answer=quote, notes=(note,)))
    assert tags(html) <= {"p", "a", "mark"}
    said = read_message(html)
    # A parser of HTML takes CR for LF and drops NUL, as a browser does.
    clean = lambda text: text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")  # noqa: E731
    assert clean(said.quotes[0]) == clean(f"“{quote}” [1]")
    assert said.cited == (Place("1", article.doc_id, start, end, (start, end)),)
    assert tags(render.sources(said, lambda _: article)) <= {"button", "span", "b", "mark"}
    shown = render.article(said.cited[0], article, [Place("2", article.doc_id, 0, 1)])
    assert tags(shown) <= {"article", "header", "button", "b", "br", "small", "div", "mark"}


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(0, 10**9))
def test_an_address_is_read_back(doc_id, start):
    for place in (
        Place("x", doc_id, start, start + 3),
        Place("x", doc_id, start, start + 3, (start, start + 1)),
    ):
        assert read_address(address(place), "x") == place
        assert re.fullmatch(r"#quote:[\w.~%:-]*", address(place))


def test_what_is_no_address_of_ours_is_none():
    for text in ("", "#", "https://x.example", "#quote:a:1", "#quote:a:b:c", "#quote:a:1:2:3"):
        assert read_address(text) is None


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_what_a_person_types_is_read_back_and_holds_no_markup(text):
    assert typed(as_typed(text)) == text
    assert tags(as_typed(text)) == set()


def test_turns_pair_questions_with_what_was_said():
    html = message(answered())
    found = turns([
        ("user", "Unanswered"), ("user", as_typed("R&D <b>?")), ("assistant", html),
        ("user", "And then?"),
    ])  # fmt: skip
    assert [(question, said.short_answer) for question, said in found] == [
        ("R&D <b>?", "$12 million")
    ]


def test_confidence_is_said_in_words():
    shown = [confidence_words(c) for c in (0.95, 0.7, 0.55, 0.2)]
    assert shown == ["Sure (95 %)", "Fairly sure (70 %)", "Rather unsure (55 %)", "Unsure (20 %)"]


def test_an_article_shows_the_place_and_more_faintly_the_others_in_it():
    main = Place("1", ARTICLE.doc_id, 0, 9)
    others = [
        Place("2", ARTICLE.doc_id, 15, 26),
        Place("3", ARTICLE.doc_id, 5, 12),  # overlaps the main one
        Place("4", "c.txt", 30, 33),  # of another article
        Place("5", ARTICLE.doc_id, 70, 9_000),  # beyond the end
    ]
    html = render.article(main, ARTICLE, others)
    assert '<mark class="rag-mark">The ferry</mark>' in html
    assert re.findall(r'<mark class="rag-also">(.*?)</mark>', html) == ["$12 million"]
    assert "&lt;b&gt;Nobody&lt;/b&gt;" in html
    assert 'href="https://x.example/a?b=1&amp;c"' in html
    assert "30 March 2025" in html
    for bad in (Place("1", "x", 3, 3), Place("1", "x", 5, 9_000)):
        assert "no longer in the index" in render.article(bad, ARTICLE)
    assert "no longer in the index" in render.article(main, None)


def test_cards_show_quotes_with_their_short_answers():
    html = render.sources(read_message(message(answered())), ARTICLES.get)
    assert html.count("rag-card") == 2
    assert "“The ferry cost <mark>$12 million</mark> &amp; more.”" in html
    assert "outlet not stated" in html
    gone = render.sources(read_message(message(answered())), {"c.txt": OTHER}.get)
    assert gone.count("rag-card") == 1
    assert "no longer in the index" in gone
    assert "appear here" in render.sources(None, ARTICLES.get)


def test_a_look_up_shows_what_differs():
    match = QuoteMatch("altered", (FIRST,), (Difference("number", "$120", "$12"),))
    html = render.look_up(match)
    assert "<b>Altered.</b>" in html
    assert "<del>$120</del>" in html
    assert "<ins>$12</ins>" in html
    assert "<mark>$12</mark> million" in html
    assert "characters 0–34" in html
    assert "nothing like these words" in render.look_up(QuoteMatch("absent", ()))


def test_a_conversation_is_exported_with_numbered_sources():
    said = read_message(message(answered()))
    text = as_markdown([("How *much*?", said)], ARTICLES.get)
    assert text == (
        "# Conversation\n\n## How \\*much\\*?\n\n**$12 million**\n\n"
        "1. “The ferry cost $12 million \\& more.”\n"
        "   Ferry \\<sinks\\> · Skagen “Post” · 30 March 2025 (a b/ä:1.txt, characters 0–34)"
        " <https://x.example/a?b=1&c>\n\n"
        "2. “It cost $13 million.”\n"
        "   Another · outlet not stated · no date (c.txt, characters 0–20)\n"
    )
    assert "no longer in the index" in as_markdown([("?", said)], lambda _: None)
