"""The chat page in Chromium, over loopback: how soon a question can be typed, what moves under it.

Needs Debian's Chromium, as the browser tests do.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import rag

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pages

LOADS = 5
QUESTION = "How much is the equipment left in Afghanistan worth?"
WATCH = """
window.shifts = [];
new PerformanceObserver(list => window.shifts.push(...list.getEntries().map(e => e.value)))
  .observe({type: 'layout-shift', buffered: true});
"""


def measure() -> dict[str, float | int]:
    """Medians over loads by a warm server, each with an empty browser cache, and answers."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        index = Path(folder) / "index"
        rag.build_index(pages.ROOT / "seeds", index)
        browser = playwright.chromium.launch(
            executable_path=pages.CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        with pages.serve(index) as server:
            # The first load and answer warm the server and are no part of the figures.
            loads = [_load(browser, server.url) for _ in range(LOADS + 1)][1:]
        browser.close()
    return {
        "loads": LOADS,
        **{name: round(statistics.median(load[name] for load in loads), 3) for name in loads[0]},
    }


def _load(browser: object, url: str) -> dict[str, float]:
    """Seconds to the first paint and until the question is typed; the cumulative layout shift while
    its answer comes, what moves within half a second of the key included."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.add_init_script(WATCH)
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.fill("#rag-question textarea", QUESTION)  # waits until it is there, visible and enabled
    usable = time.perf_counter() - started
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.wait_for_timeout(2_000)  # what moves while the page loads is another matter
    page.evaluate("window.shifts.length = 0")
    page.press("#rag-question textarea", "Enter")
    page.wait_for_selector("#rag-sources .rag-card")
    page.wait_for_timeout(1_000)
    shifted = sum(page.evaluate("window.shifts"))
    context.close()
    return {"first_paint_s": painted / 1000, "usable_s": usable, "layout_shift": shifted}
