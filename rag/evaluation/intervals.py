"""How sure a score is: bootstrap intervals and the paired randomisation test, by SciPy.

Questions are the unit that is drawn. Seeds are fixed, so the same records give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

RESAMPLES = 2_000
_SWAPS = 20_000
"""Random swaps for a mean, where they are cheap: the smallest p-value is one in so many."""
_SEED = 17
_BATCH = 4_000_000  # numbers held at once

Statistic = Callable[[np.ndarray], float]


def mean_interval(values: np.ndarray) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval of a mean; None for fewer than two values."""
    from scipy.stats import bootstrap

    if len(values) < 2:
        return None
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH // len(values)),
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return float(found.low), float(found.high)


def interval(count: int, statistic: Statistic) -> tuple[float, float] | None:
    """The same for any statistic of a question set.

    Args:
        count: Questions in the set, n.
        statistic: Takes row numbers, shape (n,), as drawn with replacement; gives a number, or
            NaN where it is not defined for what was drawn: such draws are left out.
    """
    if count < 2:
        return None
    rng = np.random.default_rng(_SEED)
    drawn = [statistic(rng.integers(count, size=count)) for _ in range(RESAMPLES)]
    defined = [value for value in drawn if not math.isnan(value)]
    if not defined:
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def randomisation_p(count: int, difference: Callable[[np.ndarray], float]) -> float:
    """Two-sided p-value of a paired randomisation test.

    Args:
        count: Questions that both runs have, n.
        difference: Takes a boolean array, shape (n,): for which questions the two runs swap their
            results; gives the difference of the scores. NaN: not defined for these swaps.

    Returns:
        The share of random swaps, the one observed among them, whose difference is at least as
        large: in (0, 1].

    Source: Smucker, Allan & Carterette, CIKM 2007, https://doi.org/10.1145/1321440.1321528
    """
    observed = abs(difference(np.zeros(count, dtype=bool)))
    rng = np.random.default_rng(_SEED)
    found = np.array(
        [abs(difference(rng.random(count) < 0.5)) for _ in range(RESAMPLES)], dtype=float
    )
    found = found[~np.isnan(found)]
    return float((1 + np.count_nonzero(found >= observed - 1e-12)) / (1 + len(found)))


def mean_difference_p(differences: np.ndarray) -> float:
    """``randomisation_p`` of the mean of paired differences, by SciPy's permutation test."""
    from scipy.stats import permutation_test

    if not differences.any():
        return 1.0
    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_SWAPS,
        batch=max(1, _BATCH // len(differences)),
        rng=np.random.default_rng(_SEED),
    )
    return float(found.pvalue)
