"""The chat page in a real browser (Debian's Chromium, driven by Playwright)."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import SEEDS, link_networks
from pages import (
    CHROMIUM,
    NO_BROWSER,
    WHY_NOT,
    Server,
    Watched,
    ask,
    next_reply,
    open_tab,
    replies,
    serve,
    wait_for_page,
)

import rag
from rag.evaluation.questions import read_questions

pytestmark = pytest.mark.skipif(NO_BROWSER, reason=WHY_NOT)
WORTH = "How much is the equipment left in Afghanistan worth?"
HOSTILE = (
    "Harbour gets a new crane\n\n<script>window.hacked = 1</script> The harbour master of Ystad is "
    "Kurt Lund, **bold** as he is. <img src=x onerror='window.hacked = 1'> "
    "![pixel](http://192.0.2.7/p.png) He spoke of <b>cranes</b> & [links](http://192.0.2.7/).\n"
)
DATED = [
    {"id": "old", "title": "Ferry prices", "outlet": "Ystad Post", "published": "2023-05-02",
     "text": "A ticket for the ferry to Rønne costs 40 crowns, the ferry company said on Monday. "
             "Nobody complained.", "url": "https://ystadpost.example/ferry"},
    {"id": "new", "title": "Ferry prices rise", "outlet": "Rønne Tidende", "published": "2025-02-11",
     "text": "A ticket for the ferry to Rønne costs 55 crowns, the ferry company said on Tuesday. "
             "Everybody complained."},
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, seeds_index: Path) -> Path:
    """An index of the seeds, one hostile article and two with outlets and dates."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(SEEDS, folder / "corpus")
    (folder / "corpus" / "hostile.txt").write_text(HOSTILE)
    lines = [json.dumps(record) + "\n" for record in DATED]
    (folder / "corpus" / "dated.jsonl").write_text("".join(lines))
    built = link_networks(seeds_index, folder / "index")
    rag.build_index(folder / "corpus", built)
    return built


@pytest.fixture(scope="module")
def server(index: Path) -> Iterator[Server]:
    with serve(index, GRADIO_TEMP_DIR=str(index.parent / "temp")) as found:
        yield found
        assert "question" not in found.log.read_text().lower()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()


@pytest.fixture
def page(browser, server) -> Iterator[object]:
    """A fresh page; fails at the end if it asked anything of another host or logged an error."""
    watched = Watched(browser, server.url)
    wait_for_page(watched.page)
    yield watched.page
    watched.close()


def place_of(link) -> tuple[str, int, int]:
    """The article and the place that a marker or card names."""
    text = link.get_attribute("href") or link.get_attribute("data-ref")
    doc_id, start, end, *_ = text.removeprefix("#quote:").split(":")
    return unquote(doc_id), int(start), int(end)


def test_the_empty_page_says_what_it_is_for(page):
    assert "exact, checked quotes" in page.inner_text("#rag-title")
    assert "Every answer is made of exact quotes" in page.inner_text("#rag-chat")
    assert "sources of an answer appear here" in page.inner_text("#rag-sources")


def test_an_example_question_is_answered(page):
    page.locator("#rag-chat button.example").first.click()
    page.wait_for_selector("#rag-sources .rag-card")
    assert "[1]" in next_reply(page, 0)


def test_a_marker_opens_the_article_at_the_quoted_words(page):
    reply = ask(page, WORTH)
    assert reply.startswith("$7 billion")
    assert page.locator("#rag-chat .rag-quoted mark").first.inner_text() == "$7 billion"
    marker = page.locator("#rag-chat a.rag-ref").first
    assert marker.inner_text() == "[1]"
    doc_id, start, end = place_of(marker)
    text = (SEEDS / doc_id).read_text(encoding="utf-8")
    marker.click()
    page.wait_for_selector("#rag-article .rag-mark")
    assert page.locator("#rag-article .rag-mark").text_content() == text[start:end]
    assert "$7 billion" in text[start:end]
    assert page.locator("#rag-article .rag-text").text_content() == text
    assert page.locator("#rag-article .rag-mark").is_visible()


def test_a_card_opens_the_same_place_and_the_article_closes_again(page):
    ask(page, WORTH)
    card = page.locator("#rag-sources .rag-card").first
    doc_id, start, end = place_of(card)
    quote = (SEEDS / doc_id).read_text(encoding="utf-8")[start:end]
    assert quote in card.inner_text()
    card.click()
    page.wait_for_selector("#rag-article .rag-mark")
    assert page.locator("#rag-article .rag-mark").text_content() == quote
    page.locator("#rag-article .rag-close").click()
    page.wait_for_selector("#rag-article .rag-mark", state="detached")


def test_the_keyboard_alone_opens_a_source_and_comes_back(page):
    ask(page, "What would the Taliban be open to US companies investing in?")
    page.locator("#rag-chat a.rag-ref").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#rag-article .rag-mark")
    assert "mining operations" in page.locator("#rag-article .rag-mark").inner_text()
    page.wait_for_function("document.activeElement.classList.contains('rag-text')")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.classList.contains('rag-ref')")
    assert page.locator("#rag-article .rag-mark").count() == 0


def test_what_is_not_in_the_corpus_is_declined_with_the_nearest_passages(page):
    reply = ask(page, "Who won the football world cup in 1998?")
    assert reply.startswith("Not in the corpus")
    assert "No passage has the words “football”, “cup”, “1998”." in reply
    assert "Try the words an article would use" in reply
    assert "They are no answer" in page.inner_text("#rag-sources")
    assert page.locator("#rag-sources .rag-card").count() >= 1
    page.locator("#rag-chat a.rag-ref").first.click()
    page.wait_for_selector("#rag-article .rag-mark")


def test_different_answers_stand_apart(page):
    reply = ask(page, "How much does a ticket for the ferry to Rønne cost?")
    assert "The articles differ" in reply
    assert {"40 crowns" in reply, "55 crowns" in reply} == {True}


def test_a_filter_restricts_the_answer_and_stays_in_this_browser(browser, server, page):
    page.locator("#rag-settings button").first.click()
    page.fill("#rag-from input", "2025-01-01")
    page.keyboard.press("Enter")
    reply = ask(page, "How much does a ticket for the ferry to Rønne cost?")
    assert "55 crowns" in reply
    assert "40 crowns" not in reply
    assert "without a date" in reply
    page.fill("#rag-from input", "2026-01-01")
    page.keyboard.press("Enter")
    reply = ask(page, "How much does a ticket for the ferry to Rønne cost?")
    assert reply.startswith("Not within the filter")
    page.wait_for_function("Object.keys(localStorage).includes('rag-settings')")
    page.reload()
    wait_for_page(page)
    page.locator("#rag-settings button").first.click()
    page.wait_for_function(
        "document.querySelector('#rag-from input')?.value.startsWith('2026-01-01')"
    )
    other = Watched(browser, server.url)
    wait_for_page(other.page)
    other.page.locator("#rag-settings button").first.click()
    assert other.page.input_value("#rag-from input") == ""
    other.close()


def test_markup_inside_an_article_is_shown_as_text(page):
    reply = ask(page, "Who is the harbour master of Ystad?")
    assert "<script>window.hacked = 1</script>" in reply
    assert "**bold**" in reply
    page.locator("#rag-sources .rag-card").first.click()
    page.wait_for_selector("#rag-article .rag-mark")
    assert page.locator("#rag-article .rag-text").text_content() == HOSTILE
    assert page.evaluate("window.hacked") is None
    assert page.locator("#rag-chat img[src*='192.0.2.7'], .rag-article img").count() == 0


def test_markup_in_a_question_is_shown_as_text(page):
    question = "<img src=x onerror='window.hacked = 2'> weapons & R&D &lt;?"
    ask(page, question)
    assert page.locator("#rag-chat [data-testid=user]").last.inner_text() == question
    assert page.evaluate("window.hacked") is None


def test_an_empty_question_gets_a_kind_word(page):
    assert ask(page, "?").startswith("Please type a question")


def test_a_question_can_be_asked_again_edited_and_taken_back(page):
    ask(page, WORTH)
    page.get_by_role("button", name="Retry").last.click()
    page.wait_for_function("document.querySelectorAll('#rag-chat [data-testid=bot] p').length > 0")
    assert next_reply(page, 0).startswith("$7 billion")
    page.get_by_role("button", name="Edit").first.click()
    page.locator("#rag-chat textarea").fill("Who is the harbour master of Ystad?")
    page.get_by_role("button", name="Submit").first.click()
    page.wait_for_function(
        "document.querySelector('#rag-chat [data-testid=bot]')?.innerText.includes('Kurt Lund')"
    )
    assert replies(page).count() == 1
    page.get_by_role("button", name="Undo").last.click()
    page.wait_for_function("!document.querySelector('#rag-chat [data-testid=bot]')")
    assert page.input_value("#rag-question textarea") == "Who is the harbour master of Ystad?"
    assert page.locator("#rag-sources .rag-card").count() == 0


def test_a_conversation_is_exported(page):
    ask(page, WORTH)
    with page.expect_download() as download:
        page.click("#rag-export")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "conversation.md"
    assert f"## {WORTH}" in text
    assert "**$7 billion**" in text
    assert re.search(r"^1\. “The Taliban in Afghanistan .*\$7 billion\.”$", text, re.MULTILINE)


def test_a_message_is_copied_as_its_words(browser, server):
    watched = Watched(browser, server.url, permissions=["clipboard-read", "clipboard-write"])
    page = watched.page
    wait_for_page(page)
    ask(page, WORTH)
    page.get_by_role("button", name="Copy message").last.click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.length > 0)")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("$7 billion\n\n“The Taliban in Afghanistan has rejected")
    assert "$7 billion.” [1]\n\n" in copied
    assert "<" not in copied
    watched.close()


def test_a_rating_becomes_a_test_question(page, index):
    ask(page, WORTH)
    page.get_by_role("button", name="Like", exact=True).last.click()
    page.wait_for_selector("#rag-rating-send")
    page.get_by_label("Comment").fill("good <b>one</b>")
    page.click("#rag-rating-send")
    page.wait_for_selector("#rag-rating-send", state="hidden")
    with rag.Assistant.open(index) as assistant:
        [question] = read_questions(index / "feedback" / "questions.jsonl", assistant.article)
    assert (question.question, question.answers) == (WORTH, ("$7 billion",))
    [line] = (index / "feedback" / "questions.jsonl").read_text().splitlines()
    assert json.loads(line)["comment"] == "good <b>one</b>"


def test_pasted_words_are_looked_up(page):
    open_tab(page, "Look up a quote")
    text = DATED[0]["text"]
    page.fill("#rag-look-up textarea", text.replace("40", "400"))
    page.click("#rag-look-up-button")
    page.wait_for_selector("#rag-found .rag-altered")
    assert "Number" in page.inner_text("#rag-found .rag-differences")
    assert "400" in page.inner_text("#rag-found del")
    page.locator("#rag-found .rag-card").first.click()
    page.wait_for_selector("#rag-found-article .rag-mark")
    assert page.locator("#rag-found-article .rag-mark").text_content() in text
    page.fill("#rag-look-up textarea", "costs 40 crowns, the ferry company said on Monday")
    page.click("#rag-look-up-button")
    page.wait_for_selector("#rag-found .rag-exact")


def test_other_cited_places_of_the_article_are_marked_more_faintly(page):
    open_tab(page, "Look up a quote")
    # Two stretches of one article with its middle left out.
    page.fill(
        "#rag-look-up textarea",
        "The harbour master of Ystad is Kurt Lund, He spoke of <b>cranes</b> & [links]",
    )
    page.click("#rag-look-up-button")
    page.wait_for_selector("#rag-found .rag-stitched")
    places = [place_of(card) for card in page.locator("#rag-found .rag-card").all()]
    assert len({doc_id for doc_id, *_ in places}) == 1
    page.locator("#rag-found .rag-card").first.click()
    page.wait_for_selector("#rag-found-article .rag-mark")
    (_, start, end), (_, first, last) = places
    assert page.locator("#rag-found-article .rag-mark").text_content() == HOSTILE[start:end]
    assert page.locator("#rag-found-article .rag-also").text_content() == HOSTILE[first:last]


def test_a_topic_is_drawn_on_a_time_axis(page):
    open_tab(page, "Timeline")
    page.fill("#rag-topic input", "ticket for the ferry to Rønne")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rag-timeline .rag-point")
    assert "2 May 2023 – 11 February 2025" in page.inner_text("#rag-timeline .rag-span")
    days = page.locator("#rag-timeline .rag-day").all_inner_texts()
    assert days == ["2 May 2023", "11 February 2025"]
    first, second = (page.locator("#rag-timeline .rag-point").nth(n) for n in range(2))
    assert first.bounding_box()["x"] < second.bounding_box()["x"]
    first.focus()
    page.keyboard.press("ArrowRight")
    assert second.evaluate("e => e === document.activeElement")
    assert "55 crowns" in page.inner_text("#rag-timeline .rag-lit")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rag-timeline-article .rag-mark")
    _, start, end = place_of(second)
    mark = page.locator("#rag-timeline-article .rag-mark").text_content()
    assert mark == DATED[1]["text"][start:end]
    page.locator("#rag-topic-filter button").first.click()
    page.locator("#rag-topic-outlets input").click()
    page.get_by_role("option", name="Ystad Post").click()
    page.wait_for_function("document.querySelectorAll('#rag-timeline .rag-point').length === 1")
    assert page.locator("#rag-timeline .rag-day").all_inner_texts() == ["2 May 2023"]
    page.fill("#rag-topic-from input", "2024-01-01")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rag-timeline >> text=No sentence of these articles is on this topic.")


def test_an_uploaded_article_answers_until_it_is_removed(page, index, tmp_path):
    story = tmp_path / "lighthouse.txt"
    story.write_text(
        "Lighthouse keeper named\n\nThe keeper of the lighthouse at Sandhammaren is Maja Ek, the "
        "coast authority said on Friday. She begins in June.\n"
    )
    question = "Who is the keeper of the lighthouse at Sandhammaren?"
    assert ask(page, question).startswith("Not in the corpus")
    open_tab(page, "Articles")
    page.wait_for_selector("#rag-articles-table .virtual-row")
    assert not page.locator("#rag-articles-next").is_visible()  # there is one page of articles
    page.set_input_files("#rag-upload input[type=file]", story)
    page.wait_for_function(
        "document.querySelector('#rag-upload-result')?.innerText.includes('lighthouse.txt')",
        timeout=60_000,
    )
    assert "uploads/lighthouse.txt" in page.inner_text("#rag-articles-table")
    assert list((index.parent / "temp").rglob("*.txt")) == []  # Gradio's copy
    open_tab(page, "Ask")
    assert ask(page, question).startswith("Maja Ek")
    open_tab(page, "Articles")
    page.locator("#rag-remove-file input").click()
    page.get_by_role("option", name="lighthouse.txt").click()
    page.click("#rag-remove")
    page.click("#rag-remove-yes")
    page.wait_for_function(
        "!document.querySelector('#rag-articles-table').innerText.includes('lighthouse.txt')",
        timeout=60_000,
    )
    open_tab(page, "Ask")
    assert ask(page, question).startswith("Not in the corpus")


def test_an_evaluation_runs_in_the_page(page, tmp_path):
    questions = [
        {"id": "q1", "question": WORTH, "answers": ["$7 billion"]},
        {"id": "q2", "question": "Who won the football world cup in 1998?", "answers": []},
    ]
    file = tmp_path / "two.jsonl"
    file.write_text("".join(json.dumps(q) + "\n" for q in questions))
    open_tab(page, "Evaluation")
    page.set_input_files("#rag-eval-file input[type=file]", file)
    page.click("#rag-eval-run")
    page.wait_for_selector("#rag-eval-report iframe", timeout=60_000)
    report = page.frame_locator("#rag-eval-report iframe")
    assert "answerable questions answered right" in report.locator("body").inner_text()


def test_in_the_dark_the_page_is_dark(browser, server):
    watched = Watched(browser, f"{server.url}/?__theme=dark")
    wait_for_page(watched.page)
    ask(watched.page, WORTH)
    lightness = (
        "(e) => Math.max(...getComputedStyle(e).backgroundColor.match(/[0-9.]+/g).slice(0, 3))"
    )
    assert watched.page.locator("#rag-sources .rag-card").first.evaluate(lightness) < 80
    watched.close()


def test_on_a_phone_nothing_overflows_and_a_source_comes_into_view(browser, server):
    watched = Watched(browser, server.url, viewport={"width": 390, "height": 844}, has_touch=True)
    page = watched.page
    wait_for_page(page)
    ask(page, WORTH)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#rag-chat a.rag-ref").first.tap()
    page.wait_for_selector("#rag-article .rag-mark")
    page.wait_for_function(
        "(() => { const box = document.querySelector('#rag-article .rag-mark')"
        ".getBoundingClientRect(); return box.top >= 0 && box.top < innerHeight; })()"
    )
    page.locator(".overflow-menu > button").tap()
    page.locator(".overflow-dropdown button", has_text="Articles").tap()
    page.wait_for_selector("#rag-articles-table .virtual-row")
    inside = page.locator("#rag-articles-table").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert inside[0] >= 640 > inside[1]  # scrolled sideways in itself
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.close()


def test_the_corpus_in_numbers_and_an_article_without_a_date(page):
    open_tab(page, "Corpus")
    page.wait_for_selector("#rag-corpus .rag-bars")
    assert "6 articles from" in page.inner_text("#rag-corpus")
    assert (
        page.locator("#rag-corpus .rag-bars tr", has_text="Ystad Post").inner_text().endswith("1")
    )
    # The first dated article is of May 2023, the last of March 2025.
    assert page.locator("#rag-corpus .rag-months li").count() == 23
    assert "No two articles are nearly the same." in page.inner_text("#rag-stories")
    page.locator("#rag-undated summary").click()
    page.locator("#rag-undated .rag-card", has_text="Harbour gets a new crane").click()
    page.wait_for_selector("#rag-corpus-article .rag-text")
    assert page.locator("#rag-corpus-article .rag-text").text_content() == HOSTILE
    page.keyboard.press("Escape")
    page.wait_for_selector("#rag-corpus-article .rag-text", state="detached")
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_a_screen_reader(browser, server, theme):
    import axe_core_python

    script = next(Path(axe_core_python.__file__).parent.rglob("axe.min.js")).read_text()
    watched = Watched(browser, f"{server.url}/?__theme={theme}")
    page = watched.page
    wait_for_page(page)
    ask(page, WORTH)
    page.locator("#rag-chat a.rag-ref").first.click()
    page.wait_for_selector("#rag-article .rag-mark")
    page.locator("#rag-settings button").first.click()
    page.get_by_role("button", name="Dislike").last.click()
    page.wait_for_selector("#rag-rating-send")
    open_tab(page, "Timeline")
    page.fill("#rag-topic input", "ticket for the ferry to Rønne")
    page.keyboard.press("Enter")
    page.locator("#rag-timeline .rag-point").first.click()
    page.wait_for_selector("#rag-timeline-article .rag-mark")
    page.locator("#rag-topic-filter button").first.click()
    page.evaluate(script)
    found = []
    for name in ("Ask", "Look up a quote", "Timeline", "Articles", "Corpus", "Evaluation"):
        open_tab(page, name)
        page.wait_for_timeout(400)
        result = page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
        )
        found += [
            (name, violation["id"], node["target"], node["html"][:120])
            for violation in result["violations"]
            for node in violation["nodes"]
        ]
    assert found == []
    watched.close()


def test_eight_people_get_their_own_answers(browser, server):
    asked = {
        WORTH: "$7 billion",
        "Who is the harbour master of Ystad?": "Kurt Lund",
        "Who won the football world cup in 1998?": "Not in the corpus",
        "What would the Taliban be open to US companies investing in?": "mining operations",
    }
    # Two to a context: a browser opens only six connections to a host for all pages of one.
    contexts = [browser.new_context() for _ in range(4)]
    pages = [context.new_page() for context in contexts for _ in range(2)]
    people = [(page, *item) for page, item in zip(pages, list(asked.items()) * 2, strict=True)]
    for page, question, _ in people:
        page.goto(server.url)
        wait_for_page(page)
        page.fill("#rag-question textarea", question)
    for page, *_ in people:
        page.locator("#rag-question textarea").press("Enter")
    for page, question, expected in people:
        assert expected in next_reply(page, 0)
        assert page.locator("#rag-chat [data-testid=user]").all_inner_texts() == [question]
        assert replies(page).count() == 1
    for context in contexts:
        context.close()


def test_a_page_stays_usable_when_the_server_is_killed_and_started_again(browser, index):
    with serve(index) as first:
        watched = Watched(browser, first.url)
        page = watched.page
        wait_for_page(page)
        ask(page, WORTH)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(10)
        with serve(index, port=first.port):
            reply = ask(page, "Who is the harbour master of Ystad?")
            assert "Kurt Lund" in reply
            assert replies(page).count() == 2
            page.locator("#rag-chat a.rag-ref").first.click()
            page.wait_for_selector("#rag-article .rag-mark")
            assert "$7 billion" in page.locator("#rag-article .rag-mark").inner_text()
        watched.context.close()  # the lost connection is an error in its console


def test_a_public_page_takes_nothing_in_and_asks_for_the_password_set(browser, index):
    with serve(index, "--public", RAG_USER="anna", RAG_PASSWORD="s3cret") as server:
        watched = Watched(browser, server.url)
        page = watched.page
        for password in ("wrong", "s3cret"):
            page.goto(server.url)
            page.get_by_label("username").fill("anna")
            page.get_by_label("password").fill(password)
            page.get_by_role("button", name="Login").click()
            if password == "wrong":
                page.wait_for_selector("text=Incorrect")
        wait_for_page(page)
        assert ask(page, WORTH).startswith("$7 billion")
        names = page.get_by_role("tab").all_inner_texts()
        assert names == ["Ask", "Look up a quote", "Timeline", "Articles", "Corpus"]
        open_tab(page, "Articles")
        page.wait_for_selector("#rag-articles-table")
        for part in ("#rag-upload", "#rag-remove", "#rag-reindex"):
            assert page.locator(part).count() == 0
        watched.context.close()  # the wrong password is an error in its console
        assert watched.outbound == []
