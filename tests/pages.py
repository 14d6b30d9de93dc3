"""A chat page served for the tests, and a browser to look at it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import ROOT

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
REQUIRED = os.environ.get("RAG_REQUIRE_BROWSER") == "1"
NO_BROWSER = not Path(CHROMIUM).exists() and not REQUIRED
WHY_NOT = "no Chromium here: install Debian's chromium to run the browser tests"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Server:
    """A page that is being served."""

    url: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def serve(
    index: Path, *arguments: str, port: int | None = None, **environment: str
) -> Iterator[Server]:
    """The page over an index, in a process of its own, until the block ends."""
    port = port or free_port()
    log = index.parent / f"log-{port}.txt"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--index", str(index), *arguments],
            cwd=ROOT,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(480):
                try:
                    urllib.request.urlopen(url, timeout=1).read()
                    break
                except urllib.error.HTTPError:
                    break  # it asks for a password
                except OSError:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.25)
            yield Server(url, port, log, process)
        finally:
            process.terminate()
            process.wait(20)


class Watched:
    """A browser page that notes what it asks of other hosts, and what goes wrong in it."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options)
        self.page = self.context.new_page()
        self.outbound: list[str] = []
        self.errors: list[str] = []
        own = (url.split("?")[0], "data:", "blob:")
        self.page.on(
            "request", lambda r: None if r.url.startswith(own) else self.outbound.append(r.url)
        )
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.goto(url)

    def close(self) -> None:
        """Close it; fails if anything was noted."""
        self.context.close()
        assert self.outbound == []
        assert self.errors == []


def wait_for_page(page: Any) -> None:
    """Until the question can be typed."""
    page.wait_for_selector("#rag-question textarea")


def replies(page: Any) -> Any:
    """Our messages, in order."""
    return page.locator("#rag-chat [data-testid=bot]")


def ask(page: Any, question: str) -> str:
    """Type a question, press Enter; returns the answer's text."""
    before = replies(page).count()
    page.fill("#rag-question textarea", question)
    page.keyboard.press("Enter")
    return next_reply(page, before)


def next_reply(page: Any, before: int) -> str:
    """The text of the message that follows ``before`` others."""
    page.wait_for_function(
        "n => document.querySelectorAll('#rag-chat [data-testid=bot] p').length && "
        "document.querySelectorAll('#rag-chat [data-testid=bot]').length > n",
        arg=before,
    )
    return str(replies(page).nth(before).inner_text())


def open_tab(page: Any, name: str) -> None:
    """Choose a tab by its name."""
    page.get_by_role("tab", name=name).click()
