"""``report.html`` and ``times.html``: one file each, nothing fetched."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np

from rag.evaluation.plots import calibration_plot, risk_coverage_plot, slowest_plot, types_plot
from rag.evaluation.records import Record, Score
from rag.evaluation.scores import ALL_MEASURES, Decisions, TypeRow, score_text

SLOWEST = 20


def _render(template_name: str, **values: Any) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = resources.files("rag.evaluation")
    # Questions and articles are text: everything but our own plots and styles is escaped.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((folder / template_name).read_text(encoding="utf-8"))
    plots = {key: Markup(svg) for key, svg in values.pop("plots").items()}
    return template.render(plots=plots, **values)


def report_page(
    name: str,
    records: Sequence[Record],
    scores: Mapping[str, tuple[Score, ...]],
    types: Sequence[TypeRow],
) -> str:
    """The report: plots, scores, and every question that went wrong, quote beside gold."""
    decisions = Decisions.of(records)
    return _render(
        "report.html.jinja",
        name=name,
        records=records,
        scores=scores,
        measures=ALL_MEASURES,
        score_text=score_text,
        headline=_headline(records),
        failures=_failures(records),
        plots={
            "risk_coverage": risk_coverage_plot(decisions),
            "calibration": calibration_plot(decisions),
            "types": types_plot(types),
        },
    )


def times_page(records: Sequence[Record], seconds: Mapping[str, float]) -> str:
    """The times: their spread, and the slowest questions."""
    slowest = sorted(records, key=lambda r: -seconds[r.id])[:SLOWEST]
    return _render(
        "times.html.jinja",
        count=len(seconds),
        median=1000 * statistics.median(seconds.values()),
        p95=1000 * float(np.percentile(list(seconds.values()), 95)),
        plots={
            "slowest": slowest_plot([r.question for r in slowest], [seconds[r.id] for r in slowest])
        },
    )


def _headline(records: Sequence[Record]) -> dict[str, tuple[int, int]]:
    """(how many, of how many) for the tiles on top."""
    asked = [r for r in records if r.answerable]
    without = [r for r in records if not r.answerable]
    given = [r for r in records if not r.abstained]
    quotes = [q for r in given if r.given for q in r.given.quotes]
    return {
        "answerable questions answered right": (sum(_right(r) for r in asked), len(asked)),
        "questions without an answer declined": (sum(r.abstained for r in without), len(without)),
        "answers given that are right": (sum(_right(r) for r in given), len(given)),
        "quotes that are exact slices": (sum(q.exact for q in quotes), len(quotes)),
    }


def _right(record: Record) -> bool:
    return not record.abstained and record.guess_right


def _failures(records: Sequence[Record]) -> dict[str, list[Record]]:
    """What went wrong, by how, surest first."""
    ordered = sorted(records, key=lambda r: (-r.confidence, r.id))
    return {
        "Answered, but the corpus has no answer": [
            r for r in ordered if not r.abstained and not r.answerable
        ],
        "Answered wrongly": [
            r for r in ordered if not r.abstained and r.answerable and not r.guess_right
        ],
        "Declined, though it had the right quote": [
            r for r in ordered if r.abstained and r.answerable and r.guess_right
        ],
        "Declined, and had no right quote": [
            r for r in ordered if r.abstained and r.answerable and not r.guess_right
        ],
    }
