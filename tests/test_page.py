"""The chat page in a real browser (Debian's Chromium, driven by Playwright)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, SEEDS

import rag

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
REQUIRED = os.environ.get("RAG_REQUIRE_BROWSER") == "1"
pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists() and not REQUIRED,
    reason="no Chromium here: install Debian's chromium to run the browser tests",
)
HOSTILE = (
    "Harbour gets a new crane\n\n<script>window.hacked = 1</script> The harbour master of Ystad is "
    "Kurt Lund, **bold** as he is. <img src=x onerror='window.hacked = 1'> "
    "![pixel](http://192.0.2.7/p.png) He spoke of <b>cranes</b> & [links](http://192.0.2.7/).\n"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, seeds_index: Path) -> Iterator[str]:
    """A page over the seeds and one hostile article."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(SEEDS, folder / "corpus")
    (folder / "corpus" / "hostile.txt").write_text(HOSTILE)
    index = folder / "index"
    index.mkdir()
    for name in ("encoders", "readers"):
        if (seeds_index / name).is_dir():
            shutil.copytree(seeds_index / name, index / name, copy_function=os.link)
    rag.build_index(folder / "corpus", index)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log").open("w+")
    server = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port), "--index", str(index)],
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(url, timeout=1).read()
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.25)
        yield url
        assert "question" not in (folder / "log").read_text().lower()
    finally:
        server.terminate()
        server.wait(20)


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
def page(browser, address) -> Iterator[object]:
    """A fresh page; fails at the end if it asked anything of another host or logged an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    opened = context.new_page()
    outbound: list[str] = []
    errors: list[str] = []
    opened.on(
        "request",
        lambda r: (
            outbound.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else 0
        ),
    )
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" else 0)
    opened.goto(address)
    opened.wait_for_selector("#rag-question textarea")
    yield opened
    assert outbound == []
    assert errors == []
    context.close()


def ask(page, question: str) -> None:
    before = page.locator("#rag-chat .message.bot, #rag-chat [data-testid=bot]").count()
    page.fill("#rag-question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "n => document.querySelectorAll('#rag-chat .message.bot, #rag-chat [data-testid=bot]').length > n",
        arg=before,
    )


def last_reply(page) -> str:
    return page.locator("#rag-chat [data-testid=bot]").last.inner_text()


def test_the_empty_page_says_what_it_is_for(page):
    assert "exact, checked quotes" in page.inner_text("#rag-title")
    assert "Every answer is made of exact quotes" in page.inner_text("#rag-chat")
    assert "sources of an answer appear here" in page.inner_text("#rag-sources")


def test_an_example_question_is_answered(page):
    page.locator("#rag-chat button.example").first.click()
    page.wait_for_selector("#rag-sources .rag-card")
    assert "[1]" in last_reply(page)


def test_a_card_opens_the_article_at_the_quoted_words(page):
    ask(page, "How much is the equipment left in Afghanistan worth?")
    assert "$7 billion" in last_reply(page)
    card = page.locator("#rag-sources .rag-card").first
    place = {key: card.get_attribute(f"data-{key}") for key in ("doc", "start", "end")}
    text = (SEEDS / str(place["doc"])).read_text(encoding="utf-8")
    quote = text[int(place["start"]) : int(place["end"])]
    assert "$7 billion" in quote
    assert quote in card.inner_text()
    card.click()
    page.wait_for_selector("#rag-mark")
    assert page.locator("#rag-mark").text_content() == quote
    assert page.locator(".rag-text").text_content() == text
    assert page.locator("#rag-mark").is_visible()


def test_the_keyboard_alone_opens_a_source(page):
    ask(page, "What would the Taliban be open to US companies investing in?")
    page.wait_for_selector("#rag-sources .rag-card")
    page.locator("#rag-sources .rag-card").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#rag-mark")
    assert "mining operations" in page.locator("#rag-mark").inner_text()


def test_what_is_not_in_the_corpus_is_declined_with_the_nearest_passages(page):
    ask(page, "Who won the football world cup in 1998?")
    assert "Not in the corpus" in last_reply(page)
    assert "They are no answer" in page.inner_text("#rag-sources")
    assert page.locator("#rag-sources .rag-card").count() >= 1


def test_markup_inside_an_article_is_shown_as_text(page):
    ask(page, "Who is the harbour master of Ystad?")
    reply = last_reply(page)
    assert "<script>window.hacked = 1</script>" in reply
    assert "**bold**" in reply
    page.wait_for_selector("#rag-sources .rag-card")
    page.locator("#rag-sources .rag-card").first.click()
    page.wait_for_selector("#rag-mark")
    assert page.locator(".rag-text").text_content() == HOSTILE
    assert page.evaluate("window.hacked") is None
    assert page.locator("#rag-chat img[src*='192.0.2.7'], .rag-article img").count() == 0


def test_markup_in_a_question_is_shown_as_text(page):
    ask(page, "<img src=x onerror='window.hacked = 2'> weapons?")
    assert page.evaluate("window.hacked") is None


def test_an_empty_question_gets_a_kind_word(page):
    ask(page, "?")
    assert "Please type a question" in last_reply(page)


def test_two_people_do_not_see_each_other(browser, address, page):
    other = browser.new_context().new_page()
    other.goto(address)
    other.wait_for_selector("#rag-question textarea")
    ask(page, "What would the Taliban be open to US companies investing in?")
    assert other.locator("#rag-sources .rag-card").count() == 0
    ask(other, "Who won the football world cup in 1998?")
    assert "mining operations" in last_reply(page)
    other.context.close()
