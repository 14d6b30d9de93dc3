"""Does it know when it does not know? Measures over a whole question set.

Throughout, ``confidence`` is that of the answer given or, where it declined, of the answer it
withheld; ``right`` says whether that answer is right, and is False for every question that the
corpus cannot answer. All are arrays of shape (n,), a question each.
"""

from __future__ import annotations

import numpy as np

BINS = 10


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answer the k most confident questions: what share of the answers is wrong?

    Returns:
        (coverage, risk), shape (n,) each: coverage k/n for k = 1…n, and the share of wrong answers
        among those k, in [0, 1]. Where the k-th is one of several with the same confidence, the
        expected risk of taking any of them, so that the order of the input does not matter.

    Source: El-Yaniv & Wiener, JMLR 11 (2010), https://www.jmlr.org/papers/v11/el-yaniv10a.html
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = 1.0 - right[order].astype(float)
    _, group, size = np.unique(-confidence[order], return_inverse=True, return_counts=True)
    shared = (np.bincount(group, weights=wrong) / size)[group]
    answered = np.arange(1, len(wrong) + 1)
    return answered / len(wrong), np.cumsum(shared) / answered


def aurc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Area under the risk-coverage curve: the mean of its risks, in [0, 1]; lower is better.

    Source: Geifman, Uziel & El-Yaniv, ICLR 2019, https://arxiv.org/abs/1805.08206

    >>> aurc(np.array([0.9, 0.5]), np.array([True, False]))  # risks 0 and 1/2
    0.25
    """
    return float(risk_coverage(confidence, right)[1].mean())


def threshold_at_risk(confidence: np.ndarray, right: np.ndarray, risk: float) -> float:
    """The lowest threshold at which at most ``risk`` of the answers given are wrong; infinity if
    there is none. Chosen with hindsight on these questions: a bound, not a promise."""
    thresholds, group = np.unique(confidence, return_inverse=True)
    answered = np.cumsum(np.bincount(group)[::-1])[::-1]
    wrong = np.cumsum(np.bincount(group, weights=1.0 - right)[::-1])[::-1]
    within = wrong <= risk * answered + 1e-12
    return float(thresholds[np.argmax(within)]) if within.any() else float("inf")


def answered_at_risk(
    confidence: np.ndarray, right: np.ndarray, answerable: np.ndarray, risk: float
) -> float:
    """Share of the answerable questions that are answered at ``threshold_at_risk``, in [0, 1];
    NaN without answerable questions."""
    if not answerable.any():
        return float("nan")
    threshold = threshold_at_risk(confidence, right, risk)
    return float((confidence[answerable] >= threshold).mean())


def declining_precision(abstained: np.ndarray, answerable: np.ndarray) -> float:
    """Of the questions declined, the share that the corpus cannot answer; NaN if none was, or if
    there are none to decline."""
    if not abstained.any() or answerable.all():
        return float("nan")
    return float((~answerable[abstained]).mean())


def declining_recall(abstained: np.ndarray, answerable: np.ndarray) -> float:
    """Of the questions the corpus cannot answer, the share declined; NaN if there are none."""
    return float(abstained[~answerable].mean()) if (~answerable).any() else float("nan")


def decision_score(abstained: np.ndarray, right: np.ndarray, answerable: np.ndarray) -> float:
    """Mean of two shares: answerable questions answered rightly, and unanswerable ones declined.

    In [0, 1]. Always declining scores 0.5, always answering at most 0.5: neither can win. NaN
    unless the set has both kinds.
    """
    if answerable.all() or not answerable.any():
        return float("nan")
    answered_rightly = (~abstained & right)[answerable].mean()
    return float((answered_rightly + abstained[~answerable].mean()) / 2)


def calibration_bins(
    confidence: np.ndarray, right: np.ndarray
) -> list[tuple[float, float, float, int]]:
    """(lower edge, mean confidence, share right, n) of each non-empty tenth of [0, 1]."""
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        (b / BINS, float(confidence[mine].mean()), float(right[mine].mean()), int(mine.sum()))
        for b in range(BINS)
        if (mine := number == b).any()
    ]


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error with ten bins of equal width, in [0, 1]; lower is better.

    Mean over all questions of |mean confidence - share right| of the question's bin.

    Source: Naeini, Cooper & Hauskrecht, AAAI 2015, https://doi.org/10.1609/aaai.v29i1.9602
    """
    bins = calibration_bins(confidence, right)
    return sum(n * abs(mean - share) for _, mean, share, n in bins) / len(confidence)
