"""The report's plots, as SVG text that is the same for the same numbers."""

from __future__ import annotations

import functools
import io
import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rag.evaluation.abstention import calibration_bins, risk_coverage
from rag.evaluation.intervals import RESAMPLES
from rag.evaluation.scores import Decisions, TypeRow

_INK, _SOFT, _GOOD, _BAD = "#1f3a5f", "#9db4ce", "#2f7d5b", "#b8574a"
_GRID = np.linspace(0.02, 1, 50)


# Text stays text (system fonts), ids come from the content: same numbers, same bytes.
_STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "rag", "font.family": "sans-serif", "font.size": 10,
    "axes.edgecolor": "#888", "axes.labelcolor": "#333", "xtick.color": "#555",
    "ytick.color": "#333", "text.parse_math": False,
}  # fmt: skip


def _styled(draw: Callable[..., str]) -> Callable[..., str]:
    """Draw in our style, and leave matplotlib's settings as they were."""

    @functools.wraps(draw)
    def in_style(*arguments: Any) -> str:
        logger = logging.getLogger("matplotlib")
        level = logger.level
        # Building its font cache, the first time, is no news for the person.
        logger.setLevel(logging.ERROR)
        try:
            from matplotlib import rc_context

            with rc_context(_STYLE), warnings.catch_warnings():
                # The page's fonts have what matplotlib's own, used to measure, has not.
                warnings.filterwarnings("ignore", message="Glyph .* missing")
                return draw(*arguments)
        finally:
            logger.setLevel(level)

    return in_style


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


@_styled
def risk_coverage_plot(decisions: Decisions) -> str:
    """Share of wrong answers against share of questions answered, with a 95 % bootstrap band."""
    figure, axes = _figure(5.6, 3.6)
    coverage, risk = risk_coverage(decisions.confidence, decisions.right)
    rng, n = np.random.default_rng(17), len(coverage)
    curves = []
    for _ in range(RESAMPLES // 4):
        rows = rng.integers(n, size=n)
        drawn = risk_coverage(decisions.confidence[rows], decisions.right[rows])
        curves.append(np.interp(_GRID, *drawn))
    low, high = np.percentile(curves, [2.5, 97.5], axis=0)
    axes.fill_between(_GRID, low, high, color=_SOFT, alpha=0.45, linewidth=0)
    axes.plot(coverage, risk, color=_INK, linewidth=1.8)
    given = ~decisions.abstained
    if given.any():
        at = float(given.mean()), float((~decisions.right[given]).mean())
        axes.plot(*at, "o", color=_BAD, markersize=7)
        axes.annotate("as set", at, xytext=(7, -12), textcoords="offset points", color=_BAD)
    axes.axhline(float((~decisions.right).mean()), color="#888", linewidth=0.8, linestyle=":")
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="share of questions answered, surest first",
             ylabel="share of answers wrong")  # fmt: skip
    return _svg(figure)


@_styled
def calibration_plot(decisions: Decisions) -> str:
    """Share right against confidence, by tenths, with 95 % Wilson intervals."""
    from scipy.stats import binomtest

    figure, axes = _figure(4.4, 3.6)
    axes.plot([0, 1], [0, 1], color="#888", linewidth=0.8, linestyle=":")
    for _, mean, share, n in calibration_bins(decisions.confidence, decisions.right):
        bounds = binomtest(round(share * n), n).proportion_ci(method="wilson")
        axes.plot([mean, mean], [bounds.low, bounds.high], color=_SOFT, linewidth=2)
        axes.plot(mean, share, "o", color=_INK, markersize=4 + 6 * n / len(decisions.right))
        axes.annotate(str(n), (mean, share), xytext=(6, -10), textcoords="offset points",
                      fontsize=8, color="#555")  # fmt: skip
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="confidence", ylabel="share right")
    return _svg(figure)


@_styled
def types_plot(rows: Sequence[TypeRow]) -> str:
    """For each type of question, the share handled rightly."""
    figure, axes = _figure(10.6, 0.6 + 0.3 * len(rows))
    ordered = sorted(rows, key=lambda row: (row.right, row.type))
    names = [f"{short_label(row.type, 24)}  ({row.n})" for row in ordered]
    axes.barh(names, [1.0] * len(rows), color="#ececec", height=0.62)
    axes.barh(names, [row.right for row in ordered], color=_GOOD, height=0.62)
    for at, row in enumerate(ordered):
        axes.annotate(f"{row.right:.0%}", (row.right, at), xytext=(4, -3.5),
                      textcoords="offset points", fontsize=9, color="#333")  # fmt: skip
    axes.set(xlim=(0, 1.06), xlabel="answered right, or rightly declined")
    axes.tick_params(axis="y", length=0)
    axes.margins(y=0.01)
    return _svg(figure)


def short_label(text: str, limit: int = 60) -> str:
    """The text on one line, cut at ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


@_styled
def slowest_plot(names: Sequence[str], seconds: Sequence[float]) -> str:
    """Times of the slowest questions, in milliseconds, slowest first."""
    figure, axes = _figure(10.6, 0.6 + 0.3 * len(names))
    axes.barh(range(len(names)), [1000 * s for s in seconds], color=_INK, height=0.62)
    axes.set_yticks(range(len(names)), [short_label(name) for name in names])
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds")
    axes.tick_params(axis="y", length=0)
    return _svg(figure)
