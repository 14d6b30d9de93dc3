"""The command line: ``python -m rag COMMAND``.

A RagError is one line on stderr and exit code 1; wrong usage exits 2; abstaining is a success.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import logging
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.datatypes import (
    Answer,
    Citation,
    Hit,
    IndexReport,
    Overview,
    QuoteMatch,
    RagError,
    Timeline,
    as_json,
)
from rag.settings import Settings, load_settings

if TYPE_CHECKING:
    from rag.assistant import Assistant
    from rag.index.store import Listed

_WIDTH = 92
_SHOWN = 10
"""Outlets, stories and articles that an overview names."""
_REASONS = {
    "empty_question": "There is no question to answer.",
    "not_in_corpus": "Not in the corpus: no passage answers this well enough to be quoted.",
    "filtered_out": "Not within the filter: the corpus may answer this, but not with this filter.",
    "unverified": "Withheld: the quote could not be verified against the stored article.",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        # Whatever the terminal's encoding, a quote must not stop the program.
        sys.stdout.reconfigure(errors="replace")
    try:
        settings = load_settings(
            corpus=getattr(options, "corpus", None),
            index=getattr(options, "index", None),
            llm=getattr(options, "llm", None),
            workers=getattr(options, "workers", None),
        )
        if settings.log_questions:
            logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        code: int = options.run(options, settings)
        sys.stdout.flush()
        return code
    except RagError as error:
        print(f"rag: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output went away (as `head` does): no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if options.run is _index else ""
        print(f"rag: interrupted{goes_on}", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rag", description="Answers from news articles, in exact quotes."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Any, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.add_argument(
            "--index", help="folder of the index, or URL of a Milvus server (default: index)"
        )
        added.set_defaults(run=run)
        return added

    def filtered(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--outlet", action="append", help="only this outlet (may be given again)"
        )
        added.add_argument(
            "--from", dest="published_from", metavar="DATE", help="published on or after"
        )
        added.add_argument(
            "--to", dest="published_to", metavar="DATE", help="published on or before"
        )
        added.add_argument("--as-of", metavar="DATE", help="as if later articles did not exist")

    def worded(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--llm",
            metavar="PROVIDER:MODEL",
            help="chat model that words the answers, such as ollama:llama3.2 (default: none)",
        )

    index = command("index", _index, "build the index, or bring it up to date")
    index.add_argument("--corpus", type=Path, help="folder or file of articles (default: seeds)")
    index.add_argument(
        "--replace", action="store_true", help="replace an index that was built from another corpus"
    )
    index.add_argument(
        "--workers",
        metavar="ADDRESS",
        help="ingest into Milvus and PostgreSQL on a Ray cluster; ray: the one this machine is in",
    )
    index.add_argument("--json", action="store_true", help="print the report as JSON")
    ask = command("ask", _ask, "answer a question in exact quotes")
    ask.add_argument("question")
    filtered(ask)
    ask.add_argument(
        "--error-rate",
        type=float,
        metavar="SHARE",
        help="tolerated share of wrong answers among those given; 1: always answer",
    )
    ask.add_argument("--json", action="store_true", help="print the Answer as JSON")
    worded(ask)
    search = command("search", _search, "list the nearest passages")
    search.add_argument("query")
    search.add_argument("-k", type=int, default=10, help="how many (default: 10)")
    search.add_argument("--json", action="store_true", help="print a Hit as JSON, one a line")
    timeline = command("timeline", _timeline, "quotes on a topic, in order of publication")
    timeline.add_argument("query")
    filtered(timeline)
    timeline.add_argument(
        "--speaker", action="append", help="only words of this person (may be given again)"
    )
    timeline.add_argument("-k", type=int, default=50, help="most quotes (default: 50)")
    timeline.add_argument("--json", action="store_true", help="print the Timeline as JSON")
    locate = command("locate", _locate, "find pasted words: whether, where and how exactly")
    locate.add_argument("quote")
    locate.add_argument("--json", action="store_true", help="print the QuoteMatch as JSON")
    corpus = command("corpus", _corpus, "what the corpus holds: outlets, months, copies, no date")
    corpus.add_argument("--json", action="store_true", help="print the Overview as JSON")
    evaluate = command("evaluate", _evaluate, "measure the answers on a question set")
    evaluate.add_argument("questions", type=Path, help="JSONL, an object a line (see the README)")
    evaluate.add_argument("--out", type=Path, help="folder for report.html, records and scores")
    evaluate.add_argument("--split", help="only the questions with this split")
    evaluate.add_argument("--json", action="store_true", help="print the scores as JSON")
    worded(evaluate)
    compare = command("compare", _compare, "is run B better or worse than run A?")
    compare.add_argument("run_a", type=Path, help="an --out folder of evaluate")
    compare.add_argument("run_b", type=Path, help="another, over the same questions")
    compare.add_argument("--json", action="store_true", help="print the Comparison as JSON")
    chat = command("chat", _chat, "open the chat page")
    worded(chat)
    chat.add_argument("--corpus", type=Path, help="built into an index first, if there is none")
    chat.add_argument("--host", help="address to bind to (default: 127.0.0.1)")
    chat.add_argument("--port", type=int, help="port (default: 7860)")
    chat.add_argument(
        "--public",
        action="store_true",
        default=None,
        help="for strangers: no uploads, removal or evaluation; bounded queue and feedback",
    )
    chat.add_argument(
        "--share",
        action="store_true",
        default=None,
        help="make a public link through Gradio's servers (off by default)",
    )
    command("doctor", _doctor, "check the installation and the index")
    return parser


def _index(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index.build import build_index

    report = build_index(
        settings.corpus,
        settings.index,
        replace=options.replace,
        progress=sys.stderr.isatty(),
        settings=settings,
    )
    if options.json:
        _print_json(report)
    else:
        print(_report_text(report, settings.index))
    return 0


def _open(settings: Settings) -> Assistant:
    """An assistant whose networks load while everything else is imported."""
    networks = None
    gc.disable()  # what is imported stays: looking through it for garbage takes a tenth of a second
    try:
        if isinstance(settings.index, Path):
            from rag.index.manifest import read_manifest
            from rag.index.networks import networks_of

            networks = networks_of(settings.index, read_manifest(settings.index))
            networks.load(reader=settings.reader == "spans")
        from rag.assistant import Assistant

        return Assistant(settings.index, settings, networks=networks)
    finally:
        gc.enable()


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    with _open(settings) as assistant:
        answer = assistant.answer(
            options.question,
            as_of=options.as_of,
            outlets=options.outlet,
            published_from=options.published_from,
            published_to=options.published_to,
            error_rate=options.error_rate,
        )
    if options.json:
        _print_json(answer)
    else:
        print(answer_text(answer))
    return 0


def _search(options: argparse.Namespace, settings: Settings) -> int:
    from rag.assistant import Assistant

    with Assistant.open(settings.index, settings=settings, llm="") as assistant:
        hits = assistant.search(options.query, k=options.k)
    for hit in hits:
        if options.json:
            _print_json(hit)
        else:
            print(_hit_text(hit))
    if not hits and not options.json:
        print("No passage found.")
    return 0


def _timeline(options: argparse.Namespace, settings: Settings) -> int:
    from rag.assistant import Assistant

    with Assistant.open(settings.index, settings=settings, llm="") as assistant:
        found = assistant.timeline(
            options.query,
            k=options.k,
            outlets=options.outlet,
            speakers=options.speaker,
            published_from=options.published_from,
            published_to=options.published_to,
            as_of=options.as_of,
        )
    if options.json:
        _print_json(found)
    else:
        print(timeline_text(found))
    return 0


def _locate(options: argparse.Namespace, settings: Settings) -> int:
    from rag.assistant import Assistant

    with Assistant.open(settings.index, settings=settings, llm="") as assistant:
        match = assistant.locate(options.quote)
    if options.json:
        _print_json(match)
    else:
        print(match_text(match))
    return 0


def _corpus(options: argparse.Namespace, settings: Settings) -> int:
    from rag.assistant import Assistant

    with Assistant.open(settings.index, settings=settings, llm="") as assistant:
        found = assistant.overview()
        if options.json:
            _print_json(found)
        else:
            print(overview_text(found, assistant.copy_groups(_SHOWN), assistant.undated(_SHOWN)))
    return 0


def _evaluate(options: argparse.Namespace, settings: Settings) -> int:
    from rag.assistant import Assistant
    from rag.evaluation.evaluate import evaluate

    if options.out is not None:
        # Said before an hour of asking, but not made yet: a bad question set leaves nothing behind.
        there = next(path for path in (options.out, *options.out.parents) if path.exists())
        if not (there.is_dir() and os.access(there, os.W_OK)):
            raise RagError(f"--out {options.out} is no folder to write to; name another.")
    with Assistant.open(settings.index, settings=settings) as assistant:
        report = evaluate(
            assistant, options.questions, split=options.split, progress=sys.stderr.isatty()
        )
    if options.json:
        _print_json(report.as_dict())
    else:
        print(report.table())
    if options.out is not None:
        report.save(options.out)
        if not options.json:
            print(f"\nThe report is {options.out / 'report.html'}.")
    return 0


def _compare(options: argparse.Namespace, settings: Settings) -> int:
    from rag.evaluation.compare import compare
    from rag.evaluation.records import read_records

    comparison = compare(read_records(options.run_a), read_records(options.run_b))
    if options.json:
        _print_json(comparison)
    else:
        print(comparison.table())
    return 0


def _chat(options: argparse.Namespace, settings: Settings) -> int:
    from rag.page.launch import launch

    launch(
        load_settings(
            corpus=options.corpus,
            index=options.index,
            host=options.host,
            port=options.port,
            public=options.public,
            share=options.share,
            llm=options.llm,
        )
    )
    return 0


def _doctor(options: argparse.Namespace, settings: Settings) -> int:
    from rag.index.doctor import examine

    sound = True
    checks = examine(settings.index, settings)
    if settings.llm:
        from rag.llm.model import check_chat_model

        checks = itertools.chain(checks, [check_chat_model(settings)])
    for check in checks:
        sound = sound and check.ok
        print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}")
        if check.mend:
            print(f"     mend it with: {check.mend}")
    return 0 if sound else 1


def _print_json(record: Any) -> None:
    print(json.dumps(as_json(record), ensure_ascii=False))


def _wrap(text: str, indent: str = "", first: str | None = None) -> str:
    """A paragraph; ``first`` stands before its first line in place of ``indent``."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def source_line(title: str, outlet: str | None, published: date | None, doc_id: str) -> str:
    """Headline, outlet and date of a source, as far as known, and where it is stored."""
    known = [title, outlet or "", published.strftime("%-d %B %Y") if published else ""]
    return " · ".join(part for part in [*known, doc_id] if part)


def _citation_text(citation: Citation, indent: str = "", *, quoted: bool = False) -> str:
    place = f"{citation.doc_id}:{citation.start}-{citation.end}"
    source = source_line(citation.title, citation.outlet, citation.published, place)
    lines = [f"{indent}[{citation.number}] {source}"]
    if quoted:
        lines.append(_wrap(f"“{citation.quote}”", "    "))
    if citation.attribution:
        lines.append(f"{indent}    {citation.attribution.in_words()}")
    for other in citation.also_in:
        place = f"{other.doc_id}:{other.start}-{other.end}"
        also = source_line(other.title, other.outlet, other.published, place)
        lines.append(f"{indent}    also in: {also}")
    return "\n".join(lines)


def answer_text(answer: Answer) -> str:
    """An answer for a terminal: the short answer, the quotes, their sources."""
    parts = []
    if answer.standalone != answer.question:
        parts.append(_wrap(f"Understood as: {answer.standalone}"))
    if answer.abstained:
        parts.append(_REASONS[answer.reason or "not_in_corpus"])
        if answer.hits:
            nearest = [_hit_text(hit, brief=True) for hit in answer.hits[:3]]
            parts.append("Nearest passages (not an answer):\n" + "\n".join(nearest))
    else:
        if answer.alternatives:
            parts.append("The articles differ. Nothing here decides between them.")
        if answer.short_answer:
            parts.append(f"→ {answer.short_answer}")
        parts.extend(_wrap(paragraph) for paragraph in answer.text.split("\n\n"))
        worded = answer.model != "extractive"
        parts.append("\n".join(_citation_text(c, quoted=worded) for c in answer.citations))
        for other in answer.alternatives:
            parts.append(f"{other.in_words()}: {other.short_answer or ''}".rstrip(": "))
            parts.extend(_wrap(paragraph) for paragraph in other.text.split("\n\n"))
            parts.append("\n".join(_citation_text(citation) for citation in other.citations))
        parts.append(f"Confidence {answer.confidence:.0%}, {answer.seconds:.2f} s, {answer.model}.")
    parts.extend(_wrap(f"Note: {note}") for note in answer.notes)
    return "\n\n".join(parts)


def _hit_text(hit: Hit, *, brief: bool = False) -> str:
    span = hit.passage.span
    text = " ".join(span.text.split())
    if brief and len(text) > 180:
        text = text[:180].rsplit(" ", 1)[0] + " …"
    place = f"{span.doc_id}:{span.start}-{span.end}"
    head = f"{hit.rank}. {source_line(hit.passage.title, hit.passage.outlet, hit.passage.published, place)}"
    found = "" if brief else f" ({' + '.join(hit.found_by)}, score {hit.score:.4f})"
    return f"{head}{found}\n{_wrap(text, '   ')}"


def match_text(match: QuoteMatch) -> str:
    """A look-up for a terminal."""
    heads = {
        "exact": "Exact: the corpus has these words.",
        "altered": "Altered: the corpus has no such words; the nearest text differs.",
        "stitched": "Stitched: the corpus has these words only in parts, from several places.",
        "absent": "Absent: the corpus has nothing like these words.",
    }
    lines = [heads[match.status]]
    for difference in match.differences:
        quoted, stored = difference.quoted or "(nothing)", difference.stored or "(nothing)"
        lines.append(f"  {difference.kind}: pasted “{quoted}”, stored “{stored}”")
    for citation in match.citations:
        lines.append(_wrap(f"“{citation.quote}”", "  "))
        lines.append(_citation_text(citation, "  "))
    return "\n".join(lines)


def timeline_text(found: Timeline) -> str:
    """A timeline for a terminal: a day, a bar, the quotes; the gaps between days in words."""
    lines = []
    last: date | None = None
    for citation in found.citations:
        day = citation.published
        assert day is not None  # its record sees to that
        if last is not None and day > last:
            lines += [_BAR, f"{'':{_DAY}} ┊  {_apart((day - last).days)}", _BAR]
        elif last is not None:
            lines.append(_BAR)
        lines.append(_event_text(citation, "" if day == last else f"{day:%-d %b %Y}", "●"))
        last = day
    if found.undated:
        lines += ["", "Without a date:"] if lines else ["Without a date:"]
    for citation in found.undated:
        lines.append(_event_text(citation, "", "○"))
    notes = [_wrap(f"Note: {note}") for note in found.notes]
    return "\n\n".join(["\n".join(lines)] * bool(lines) + notes)


_DAY = 11
"""Width of the column of days ("30 Mar 2025")."""
_BAR = f"{'':{_DAY}} │"


def _event_text(citation: Citation, day: str, point: str) -> str:
    bar = f"{_BAR}  "
    lines = [_wrap(f"“{citation.quote}”", bar, f"{day:>{_DAY}} {point}  ")]
    lines.append(_citation_text(citation, bar))
    return "\n".join(lines)


def _apart(days: int) -> str:
    """A stretch of time in one unit, rounded.

    >>> _apart(1), _apart(59), _apart(60), _apart(800)
    ('1 day', '59 days', '2 months', '2 years')
    """
    for length, unit in ((365.25, "year"), (30.4375, "month")):
        if days / length >= 1.95:
            return f"{days / length:.0f} {unit}s"
    return "1 day" if days == 1 else f"{days} days"


def overview_text(
    found: Overview, groups: Sequence[Sequence[Listed]], undated: Sequence[Listed]
) -> str:
    """An overview for a terminal, with the stories and the undated articles that are named."""
    outlets = [(outlet or "not stated", count) for outlet, count in found.by_outlet]
    parts = [
        found.in_words(),
        _bars("By outlet", outlets[:_SHOWN], len(outlets)),
        _bars("By month", found.by_month, len(found.by_month))
        if found.by_month
        else "By month: no article has a date.",
    ]
    if groups:
        lines = [f"Copies of one story ({found.copies:,}):"]
        for group in groups:
            lines += [f"  {len(group)} articles", *("    " + _listed_text(one) for one in group)]
        parts.append(_and_more(lines, found.copies - len(groups)))
    if undated:
        lines = [f"No date ({found.undated:,}):", *("  " + _listed_text(one) for one in undated)]
        parts.append(_and_more(lines, found.undated - len(undated)))
    return "\n\n".join(parts)


def _bars(head: str, counts: Sequence[tuple[str, int]], total: int) -> str:
    most = max(count for _, count in counts)
    lines = [
        f"  {name[:40]:40} {count:8,} {'█' * max(1, round(30 * count / most))}"
        for name, count in counts
    ]
    return _and_more([f"{head}:", *lines], total - len(counts))


def _listed_text(listed: Listed) -> str:
    return source_line(listed.title, listed.outlet, listed.published, listed.doc_id)


def _and_more(lines: list[str], more: int) -> str:
    return "\n".join([*lines, f"  … and {more:,} more"] if more > 0 else lines)


def _report_text(report: IndexReport, index: Path | str) -> str:
    lines = [
        f"{report.articles} articles, {report.passages} passages in {index} "
        f"({report.added} added, {report.changed} changed, {report.removed} removed) "
        f"in {report.seconds:.1f} s."
    ]
    if report.skipped:
        reasons = Counter(skipped.reason for skipped in report.skipped)
        counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        lines.append(f"{len(report.skipped)} skipped: {counted}.")
        for skipped in report.skipped[:10]:
            detail = f" ({skipped.detail})" if skipped.detail else ""
            lines.append(f"  {skipped.path}: {skipped.reason}{detail}")
        if len(report.skipped) > 10:
            lines.append(f"  … and {len(report.skipped) - 10} more")
    return "\n".join(lines)


if __name__ == "__main__":
    code = main()
    gc.freeze()  # or exit looks through everything for garbage, twice as long as it takes otherwise
    sys.exit(code)
