"""The tab that lists the articles, says what was left out, and takes and removes uploaded files.

What files say, their names included, is shown as text: it is escaped here, or shown by components
that take no markup. No state is kept in the process: the search and the page's number come with
each event from the browser.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from rag.assistant import Assistant
from rag.datatypes import IndexReport, RagError, Skipped
from rag.index.store import Listed
from rag.index.uploads import (
    SUFFIXES,
    UploadReport,
    add_uploads,
    in_words,
    list_uploads,
    reindex,
    remove_upload,
)
from rag.page.pager import QUIET, Pager
from rag.settings import Settings

PAGE = 50
"""Articles on one page of the table."""
MOST_PAGES = 10_000_000
MOST_SKIPPED = 200
"""Files left out that are named."""

_HEADERS = ["Title", "Outlet", "Date", "From", "Id"]
_WIDTHS = ["35%", "17%", "16%", "12%", "20%"]
_TELL_SECONDS = 0.25
_NOTHING_YET = '<p class="rag-empty">What becomes of each file is said here.</p>'

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class View:
    """What the tab shows of the index.

    Attributes:
        count: How many articles there are and which are shown, as HTML.
        rows: The table's cells, as text.
        number: Which page of the table this is, from 1.
        pages: How many there are; at least 1.
        skipped: How many files were left out by the last build.
        left_out: Which and why, as HTML.
    """

    count: str
    rows: list[list[str]]
    number: int
    pages: int
    skipped: int
    left_out: str


def view(assistant: Assistant, search: str, number: float | None) -> View:
    """The page ``number`` of the articles that match ``search``; the nearest page there is. An
    index that cannot be read is said in ``count``."""
    try:
        page = int(min(max(1, number or 1), MOST_PAGES))
        total, listed = assistant.listing(search, PAGE, (page - 1) * PAGE)
        pages = max(1, -(-total // PAGE))
        if page > pages:
            page = pages
            total, listed = assistant.listing(search, PAGE, (page - 1) * PAGE)
        skipped = assistant.skipped()
        every = assistant.article_count()
    except RagError as error:
        return View(_failed(str(error)), [], 1, 1, 0, "")
    what = f"{total:,} of {_articles(every)}" if search.strip() else _articles(every)
    if len(listed) < total:
        first = (page - 1) * PAGE + 1
        what += f", {first:,}–{first + len(listed) - 1:,} shown"
    return View(
        count=f'<p class="rag-count" role="status">{what}</p>',
        rows=[row(item) for item in listed],
        number=page,
        pages=pages,
        skipped=len(skipped),
        left_out=skipped_list(skipped),
    )


def row(listed: Listed) -> list[str]:
    """The cells of an article, as ``_HEADERS`` names them."""
    origin = "corpus"
    if listed.upload is not None:
        origin = "upload"
        if not listed.doc_id.endswith(f"/{listed.upload}"):
            origin = f"upload: {listed.upload}"
    return [
        listed.title,
        listed.outlet or "not stated",
        listed.published.isoformat() if listed.published else "no date",
        origin,
        listed.doc_id,
    ]


def skipped_list(skipped: Sequence[Skipped]) -> str:
    """What the last build left out, with the reasons, as HTML."""
    lines = [f"<b>{_name(item.path)}</b>: {escape(in_words(item))}" for item in skipped]
    if len(lines) > MOST_SKIPPED:
        more = len(lines) - MOST_SKIPPED
        lines = [*lines[:MOST_SKIPPED], f"and {more:,} more"]
    return _list(lines)


def upload(index: Path, paths: Sequence[str], settings: Settings, progress: Progress) -> str:
    """Add received files, which lie at ``paths`` under the names they were given; returns what
    became of each, as HTML."""
    try:
        report = add_uploads(index, [(Path(p).name, p) for p in paths], settings, progress)
    except RagError as error:
        return _failed(str(error))
    return upload_report(report)


def upload_report(report: UploadReport) -> str:
    """What became of each file, as HTML."""
    lines = [f"<b>{_name(file.name)}</b>: {escape(file.message)}" for file in report.files]
    total = "" if report.index is None else _note(f"{_articles(report.index.articles)} now.")
    return f'<div role="status">{_list(lines)}{total}</div>'


def remove(index: Path, name: str | None, settings: Settings, progress: Progress) -> str:
    """Remove an uploaded file; returns what became of it, as HTML."""
    if name is None:
        return _note("Choose a file to remove first.")
    try:
        report = remove_upload(index, name, settings, progress)
    except RagError as error:
        return _failed(str(error))
    return _note(f"Removed. {_articles(report.articles)} now.")


def refresh(index: Path, settings: Settings, progress: Progress) -> str:
    """Re-index; returns what that changed, as HTML."""
    try:
        return _note(_changes(reindex(index, settings, progress)))
    except RagError as error:
        return _failed(str(error))


def upload_choices(index: Path) -> list[tuple[str, str]]:
    """The uploaded files as (what is shown, name), newest first."""
    return [
        (f"{file.name} ({_size(file.size)}, {file.added:%Y-%m-%d})", file.name)
        for file in list_uploads(index)
    ]


def build_articles(assistant: Assistant, settings: Settings) -> None:
    """The parts of the tab and what they do."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            table = _Table(assistant)
        if isinstance(settings.index, str):
            if not settings.public:
                gr.Markdown(
                    "The articles are in Milvus: nothing is added or removed here, but by "
                    "`python -m rag index`."
                )
        elif not settings.public and settings.uploads:
            with gr.Column(scale=2, min_width=320):
                _Changes(table, settings)


class _Table:
    """The list of articles: a search, a page at a time, and what was left out."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        # Nothing is asked of the index before the page is loaded: it may have changed by then.
        self.count = gr.HTML("", elem_id="rag-articles-count")
        self.search = gr.Textbox(
            label="Search titles, outlets and ids",
            placeholder="Search titles, outlets and ids",
            show_label=False,
            max_lines=1,
            elem_id="rag-articles-search",
        )
        self.table = gr.Dataframe(
            headers=_HEADERS,
            value=[],
            datatype="str",
            type="array",
            interactive=False,
            wrap=True,
            column_widths=_WIDTHS,
            max_height=560,
            label="Articles",
            show_label=False,
            buttons=[],
            elem_id="rag-articles-table",
        )
        self.pager = Pager("articles")
        with gr.Accordion("Left out", open=False, visible=False) as self.accordion:
            self.left_out = gr.HTML("", elem_id="rag-articles-skipped")
        self.inputs = [self.search, self.pager.number]
        self.outputs = [
            self.count,
            self.table,
            *self.pager.outputs,
            self.accordion,
            self.left_out,
        ]
        gr.on(None, lambda: self.shown("", 1), [], self.outputs, **QUIET)
        self.search.change(lambda search: self.shown(search, 1), self.search, self.outputs, **QUIET)
        self.pager.turns(self.shown, [self.search], self.outputs)

    def shown(self, search: str, number: float | None) -> list[Any]:
        """What goes into ``outputs`` for a page of the articles found."""
        found = view(self._assistant, search, number)
        return [
            found.count,
            gr.update(value=found.rows),
            *self.pager.shown(found.number, found.pages),
            gr.update(visible=found.skipped > 0, label=f"Left out ({found.skipped:,})"),
            found.left_out,
        ]


class _Changes:
    """Upload, removal and re-indexing."""

    def __init__(self, table: _Table, settings: Settings) -> None:
        self._table = table
        self._settings = settings
        gr.Markdown("### Bring your own")
        gr.HTML(
            _note(
                f"{', '.join(sorted(SUFFIXES))}; up to {settings.max_upload_mb:g} MB each, "
                f"{settings.max_upload_files} files at a time. They are kept here, and everybody "
                "who uses this page can ask about them."
            )
        )
        files = gr.File(
            file_count="multiple", label="Add articles", height=150, elem_id="rag-upload"
        )
        self.result = gr.HTML(_NOTHING_YET, min_height=70, elem_id="rag-upload-result")
        self.chosen = gr.Dropdown(
            [], value=None, label="Uploaded file", elem_id="rag-remove-file", interactive=True
        )
        with gr.Row():
            ask = gr.Button("Remove", size="sm", elem_id="rag-remove")
            again = gr.Button("Re-index", size="sm", elem_id="rag-reindex")
        with gr.Column(visible=False) as self.really:
            self.question = gr.HTML("", elem_id="rag-remove-question")
            with gr.Row():
                yes = gr.Button("Yes, remove it", variant="stop", elem_id="rag-remove-yes")
                no = gr.Button("No, keep it", elem_id="rag-remove-no")

        outputs = [self.result, self.chosen, self.really, *table.outputs]
        building = {
            "api_visibility": "private",
            "show_progress_on": [self.result],
            # One build at a time: the others wait their turn in the page's queue.
            "concurrency_id": "index",
            "concurrency_limit": 1,
        }
        gr.on(None, self._choices, [], self.chosen, **QUIET)
        files.upload(self._upload, [files, *table.inputs], [files, *outputs], **building)
        ask.click(self._ask, self.chosen, [self.really, self.question, self.result], **QUIET)
        self.chosen.input(lambda: gr.update(visible=False), None, self.really, **QUIET)
        no.click(lambda: gr.update(visible=False), None, self.really, **QUIET)
        yes.click(self._remove, [self.chosen, *table.inputs], outputs, **building)
        again.click(self._refresh, table.inputs, outputs, **building)

    def _choices(self) -> Any:
        return gr.update(choices=upload_choices(self._settings.folder), value=None)

    def _after(self, result: str, search: str, number: float | None) -> list[Any]:
        shown = self._table.shown(search, number)
        return [result, self._choices(), gr.update(visible=False), *shown]

    def _upload(
        self,
        paths: list[str] | None,
        search: str,
        number: float | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> list[Any]:
        paths = paths or []
        try:
            result = upload(self._settings.folder, paths, self._settings, _teller(progress))
        finally:
            for path in paths:  # Gradio's copies
                Path(path).unlink(missing_ok=True)
        return [None, *self._after(result, search, number)]

    def _ask(self, name: str | None) -> list[Any]:
        if name is None:
            return [gr.update(visible=False), "", _note("Choose a file to remove first.")]
        question = f"Remove <b>{_name(name)}</b> and its articles? The file is deleted."
        return [gr.update(visible=True), f'<p role="alert">{question}</p>', ""]

    def _remove(
        self,
        name: str | None,
        search: str,
        number: float | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> list[Any]:
        result = remove(self._settings.folder, name, self._settings, _teller(progress))
        return self._after(result, search, number)

    def _refresh(
        self,
        search: str,
        number: float | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> list[Any]:
        result = refresh(self._settings.folder, self._settings, _teller(progress))
        return self._after(result, search, number)


def _teller(progress: gr.Progress) -> Progress:
    """Hand on how far a build is, a few times a second."""
    last = 0.0

    def tell(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_SECONDS:
            last = time.monotonic()
            progress((done, total), desc="Indexing", unit="articles")

    return tell


def _changes(report: IndexReport) -> str:
    parts = [f"{getattr(report, name):,} {name}" for name in ("added", "changed", "removed")]
    return f"{_articles(report.articles)}: {', '.join(parts)} ({report.seconds:.1f} seconds)."


def _articles(count: int) -> str:
    return "1 article" if count == 1 else f"{count:,} articles"


def _size(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, size // 1000)} kB"


def _name(name: str) -> str:
    """A file's name as HTML; it cannot turn the direction of what follows."""
    return f"<bdi>{escape(name)}</bdi>"


def _list(lines: Sequence[str]) -> str:
    """Lines of HTML as a list."""
    return f'<ul class="rag-files">{"".join(f"<li>{line}</li>" for line in lines)}</ul>'


def _note(text: str) -> str:
    return f'<p class="rag-note" role="status">{escape(text)}</p>'


def _failed(text: str) -> str:
    return f'<p class="rag-failed" role="alert">{escape(text)}</p>'
