"""The tab that measures the assistant: run a question set, read its report, compare two runs.

A run is a folder of ``index/runs/`` with the files that ``python -m rag evaluate --out`` writes,
so the command line's ``compare`` reads it too. It appears there whole or not at all.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import portalocker
from gradio.processing_utils import save_file_to_cache

from rag.assistant import Assistant
from rag.datatypes import QuestionSetError, RagError
from rag.evaluation.compare import compare
from rag.evaluation.evaluate import Answerer, evaluate
from rag.evaluation.records import RECORDS_FILE, read_records
from rag.evaluation.report import Report
from rag.page.feedback import copy_feedback, feedback_count
from rag.settings import Settings

MOST_QUESTIONS = 5_000
MOST_SET_MB = 20
MOST_RUNS = 50

Progress = Callable[[int, int], None]
"""Called with (questions done, of how many)."""

_PARTIAL = ".partial"
_LOCK = ".lock"
_SHOWN_OF_MESSAGE = 2_000
_ABOUT = (
    "Measure the answers on a question set: JSONL, one object a line with `id`, `question`, "
    "`answers` and, where known, `doc_ids` and `quotes` (see the README). Or use the ratings that "
    "people gave on this page."
)
_NO_REPORT = '<p class="rag-empty">The report of a run appears here.</p>'
_NO_COMPARISON = (
    '<p class="rag-empty">Choose two runs over the same questions: is B better or worse than A?</p>'
)


def runs_folder(index: Path) -> Path:
    """Where the runs over an index are kept."""
    return index / "runs"


def kept_runs(index: Path) -> list[str]:
    """The names of the kept runs, newest first."""
    folder = runs_folder(index)
    if not folder.is_dir():
        return []
    names = [
        entry.name
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and (entry / RECORDS_FILE).is_file()
    ]
    return sorted(names, reverse=True)


def run_folder(index: Path, name: str | None) -> Path:
    """The folder of a kept run.

    Raises:
        RagError: None is named, or there is no such run. A name is looked up among the kept runs
            and never taken for a path.
    """
    if name is None:
        raise RagError("no run is chosen; choose one from the list.")
    if name not in kept_runs(index):
        raise RagError(f"there is no run {name!r} any more; reload the page and choose another.")
    return runs_folder(index) / name


def run_set(
    assistant: Answerer, index: Path, questions: Path, progress: Progress | bool = False
) -> str:
    """Evaluate a question set and keep the run; returns the run's name.

    Raises:
        QuestionSetError: The set has over ``MOST_QUESTIONS`` questions or ``MOST_SET_MB``
            megabytes, or as for ``evaluate``.
        RagError: There are ``MOST_RUNS`` runs already, or the run cannot be kept.
    """
    _check_size(questions)
    with _alone(index):
        pass  # a folder that is full or cannot be written is said now, not after an hour
    report = evaluate(assistant, questions, progress=progress)
    return keep_run(index, report, questions.stem)


def run_feedback(
    assistant: Answerer, index: Path, progress: Progress | bool = False
) -> tuple[str, int]:
    """Evaluate the stored feedback and keep the run.

    Returns:
        The run's name, and how many ratings were left out because articles have changed.

    Raises:
        QuestionSetError, RagError: As for ``run_set``; or there is no feedback.
    """
    with tempfile.TemporaryDirectory() as folder:
        questions = Path(folder) / "feedback.jsonl"
        left_out = copy_feedback(index, questions, assistant.article)
        return run_set(assistant, index, questions, progress), left_out


def keep_run(index: Path, report: Report, label: str) -> str:
    """Write a run's files to ``index/runs/<UTC time>-<label>/``; returns that folder's name.

    Args:
        label: Any text; what no file name should hold is left out of it.

    Raises:
        RagError: There are ``MOST_RUNS`` runs already, or the files cannot be written.
    """
    runs = runs_folder(index)
    with _alone(index):
        partial = runs / _PARTIAL
        try:
            if partial.exists():
                shutil.rmtree(partial)  # left by a process that was killed
            report.save(partial)
            name = _free_name(runs, f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}-{_plain(label)}")
            partial.rename(runs / name)
        except (OSError, RagError) as error:
            cause = error.__cause__ or error
            raise RagError(
                f"the run cannot be kept in {runs} ({getattr(cause, 'strerror', None) or cause}); "
                "make room there and run again."
            ) from error
    return name


def report_frame(index: Path, name: str | None) -> str:
    """A run's ``report.html`` in a frame of its own, which runs no script and reaches nothing.

    Raises:
        RagError: There is no such run, or its report cannot be read.
    """
    folder = run_folder(index, name)
    try:
        report = (folder / "report.html").read_text(encoding="utf-8")
        times = (folder / "times.html").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RagError(
            f"the report of the run in {folder} cannot be read ({error}); run the set again."
        ) from error
    # The report points at the times beside it; in the frame there is nothing beside it.
    report = report.replace('src="times.html"', f'srcdoc="{escape(times, quote=True)}"')
    report = report.replace(' href="times.html"', "")
    return (
        f'<iframe sandbox="" title="Report of {escape(str(name), quote=True)}" '
        'style="width: 100%; height: 85vh; min-height: 640px; border: 0; border-radius: 8px" '
        f'srcdoc="{escape(report, quote=True)}"></iframe>'
    )


def comparison_text(index: Path, run_a: str | None, run_b: str | None) -> str:
    """Run B against run A, as the command line's ``compare`` prints it.

    Raises:
        QuestionSetError: The runs are not over the same questions, or cannot be read.
        RagError: There is no such run.
    """
    folders = [run_folder(index, name) for name in (run_a, run_b)]
    return compare(*map(read_records, folders)).table()


def zip_run(index: Path, name: str | None, to: Path) -> Path:
    """Write a run's files as ``<name>.zip`` into the folder ``to``; returns the file's path. The
    same run gives the same bytes.

    Raises:
        RagError: There is no such run, or the file cannot be written.
    """
    folder = run_folder(index, name)
    path = to / f"{folder.name}.zip"
    try:
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.iterdir()):
                if file.is_file() and not file.is_symlink():
                    entry = zipfile.ZipInfo(f"{folder.name}/{file.name}")
                    entry.external_attr = 0o644 << 16
                    archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise RagError(
            f"the run in {folder} cannot be packed ({error.strerror}); make room and try again."
        ) from error
    return path


def build_evaluation(assistant: Assistant, settings: Settings) -> None:
    """The parts of the tab and what they do. Call inside the tab."""
    _Tab(assistant, settings.folder)


class _Tab:
    """The tab's parts, and what happens when they are used. What people choose is kept in the
    browser; the runs are on disk."""

    def __init__(self, assistant: Assistant, index: Path) -> None:
        self._assistant = assistant
        self._index = index
        runs = kept_runs(index)
        gr.Markdown(_ABOUT)
        with gr.Row(equal_height=False):
            file = gr.File(
                label="Question set (.jsonl)",
                file_types=[".jsonl"],
                height=140,
                elem_id="rag-eval-file",
            )
            with gr.Column():
                rated = gr.Button("Use the feedback given here", elem_id="rag-eval-feedback")
                start = gr.Button("Run", variant="primary", elem_id="rag-eval-run")
        use_feedback = gr.State(False)
        status = gr.HTML("", min_height=64, elem_id="rag-eval-status")
        with gr.Row(equal_height=False):
            shown = gr.Dropdown(
                runs, value=None, label="Report of", scale=3, elem_id="rag-eval-shown"
            )
            self._download = gr.DownloadButton(
                "Download this run (.zip)", interactive=False, scale=1, elem_id="rag-eval-download"
            )
        report = gr.HTML(_NO_REPORT, elem_id="rag-eval-report")
        gr.Markdown("### Compare two runs")
        with gr.Row(equal_height=False):
            run_a = gr.Dropdown(runs, value=None, label="A: before", elem_id="rag-eval-a")
            run_b = gr.Dropdown(runs, value=None, label="B: after", elem_id="rag-eval-b")
            against = gr.Button("Compare", elem_id="rag-eval-compare")
        comparison = gr.HTML(_NO_COMPARISON, elem_id="rag-eval-comparison")

        private: dict[str, Any] = {"api_visibility": "private"}
        quiet: dict[str, Any] = {**private, "show_progress": "hidden"}
        # Without a trigger: when a page is opened, by when there may be other runs.
        gr.on(None, self._known, None, [shown, run_a, run_b], **quiet)
        file.upload(lambda: (False, ""), None, [use_feedback, status], **quiet)
        rated.click(self._choose_feedback, None, [file, use_feedback, status], **quiet)
        start.click(
            self._run,
            [file, use_feedback, run_a],
            [status, shown, report, self._download, run_a, run_b],
            show_progress_on=status,
            concurrency_limit=1,
            concurrency_id="evaluation",
            **private,
        )
        shown.input(
            self._show,
            shown,
            [status, report, self._download],
            show_progress_on=report,
            **private,
        )
        against.click(self._compare, [run_a, run_b], comparison, **private)

    def _known(self) -> list[Any]:
        return [gr.Dropdown(choices=kept_runs(self._index)) for _ in range(3)]

    def _choose_feedback(self) -> tuple[Any, ...]:
        try:
            count = feedback_count(self._index)
        except RagError as error:
            return gr.skip(), False, _message(str(error))
        if not count:
            return gr.skip(), False, _message("No feedback is kept yet: rate some answers first.")
        return None, True, _message(f"{_counted(count, 'rating')} will be used. Press Run.")

    def _run(
        self,
        path: str | None,
        use_feedback: bool,
        run_a: str | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio hands it over like this
    ) -> tuple[Any, ...]:
        before = kept_runs(self._index)
        try:
            name, said = self._evaluated(
                path,
                use_feedback,
                lambda done, of: progress((done, of), desc="Asking", unit="questions"),
            )
            frame, offered = report_frame(self._index, name), self._packed(name)
        except RagError as error:
            return _message(str(error)), *[gr.skip()] * 5
        now = kept_runs(self._index)
        first = run_a if run_a in before else next(iter(before), None)
        return (
            _message(said),
            gr.Dropdown(choices=now, value=name),
            frame,
            offered,
            gr.Dropdown(choices=now, value=first),
            gr.Dropdown(choices=now, value=name),
        )

    def _evaluated(
        self, path: str | None, use_feedback: bool, progress: Progress
    ) -> tuple[str, str]:
        """The name of the run, and a sentence on it."""
        left_out = 0
        if path is not None:
            name = run_set(self._assistant, self._index, Path(path), progress)
        elif use_feedback:
            name, left_out = run_feedback(self._assistant, self._index, progress)
        else:
            raise RagError("no question set is chosen; choose a file, or use the feedback.")
        said = f"Kept as {runs_folder(self._index) / name}."
        if left_out:
            said += f" Left out: {_counted(left_out, 'rating')} of articles since changed or gone."
        return name, said

    def _show(self, name: str | None) -> tuple[Any, ...]:
        try:
            return "", report_frame(self._index, name), self._packed(name)
        except RagError as error:
            return (
                _message(str(error)),
                _NO_REPORT,
                gr.DownloadButton(value=None, interactive=False),
            )

    def _packed(self, name: str | None) -> Any:
        """The download of a run, put where Gradio serves files from."""
        with tempfile.TemporaryDirectory() as folder:
            path = zip_run(self._index, name, Path(folder))
            served = save_file_to_cache(path, self._download.GRADIO_CACHE)
        return gr.DownloadButton(value=served, interactive=True)

    def _compare(self, run_a: str | None, run_b: str | None) -> str:
        try:
            table = comparison_text(self._index, run_a, run_b)
        except RagError as error:
            return _message(str(error))
        return (
            '<pre tabindex="0" role="region" aria-label="Comparison" style="overflow-x: auto; '
            f'font-size: 0.85em; line-height: 1.45">{escape(table)}</pre>'
        )


def _message(text: str) -> str:
    """A line for the tab. One that names thousands of bad lines is cut."""
    if len(text) > _SHOWN_OF_MESSAGE:
        text = text[:_SHOWN_OF_MESSAGE] + " … (python -m rag evaluate shows all of it)"
    return f'<p class="rag-note" role="status">{escape(text)}</p>'


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _check_size(questions: Path) -> None:
    """Refuse a set that is too large for the page, before it is read."""
    try:
        size = questions.stat().st_size
        if size > MOST_SET_MB * 1_000_000:
            raise QuestionSetError(
                f"the question set has {size / 1_000_000:.1f} MB; the page takes {MOST_SET_MB} MB "
                "at most: use python -m rag evaluate."
            )
        with questions.open("rb") as stream:
            count = sum(1 for line in stream if line.strip())
    except OSError as error:
        raise QuestionSetError(
            f"the question set {questions.name} cannot be read ({error.strerror}); choose it again."
        ) from error
    if count > MOST_QUESTIONS:
        raise QuestionSetError(
            f"the set has {count:,} questions; the page takes {MOST_QUESTIONS:,} at most: use "
            "python -m rag evaluate."
        )


def _plain(label: str) -> str:
    """A label as part of a file name, on any system.

    >>> _plain("../My set (2).v1"), _plain("…")
    ('My-set-2-.v1', 'questions')
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", label).strip("-._")[:60] or "questions"


def _free_name(runs: Path, name: str) -> str:
    """The name, numbered where a run of the same second has it."""
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, MOST_RUNS + 2))
    return next(candidate for candidate in names if not (runs / candidate).exists())


@contextmanager
def _alone(index: Path) -> Iterator[None]:
    """Alone with the runs of an index, one more of which there is room for. The lock dies with
    its process.

    Raises:
        RagError: There are too many runs, or the folder cannot be written.
    """
    runs = runs_folder(index)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = (runs / _LOCK).open("a")
    except OSError as error:
        raise RagError(
            f"runs cannot be kept in {runs} ({error.strerror}); make the folder writable."
        ) from error
    with lock:
        portalocker.lock(lock, portalocker.LockFlags.EXCLUSIVE)
        if len(kept_runs(index)) >= MOST_RUNS:
            raise RagError(
                f"there are {MOST_RUNS} runs already; move some out of {runs} and run again."
            )
        yield
