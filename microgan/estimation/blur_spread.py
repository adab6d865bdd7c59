"""Tell whether blur differs from image to image by more than chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from scipy import stats

# Natural logarithms of factors on the blur's variances, and their spread before any is measured.
LOG_FACTORS = np.linspace(-3.0, 3.0, 61)
_PRIOR_SPREAD = 1.5
_CHANCE = 0.01
# Standard deviation of the logs that no number of images tells from 0.
_LEAST_SPREAD = 0.05
# Where chance alone does more, single images tell too little.
_MOST_BY_CHANCE = 0.35
_FEWEST = 4
_IMAGES_PER_OUTLIER = 10
_NUM_ROUNDS = 2

Fit = TypeVar("Fit")


def likeliest(chi_squared: np.ndarray) -> np.ndarray:
    """Return the log factor at which each image's chi-squared is least, given the prior.

    Args:
        chi_squared: (images, `LOG_FACTORS`).
    """
    cost = chi_squared + np.square(LOG_FACTORS / _PRIOR_SPREAD)
    least = np.clip(cost.argmin(axis=1), 1, len(LOG_FACTORS) - 2)
    before, at, after = (cost[np.arange(len(cost)), least + step] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend > 0, (before - after) / np.where(bend > 0, 2 * bend, 1.0), 0.0)
    return LOG_FACTORS[least] + np.clip(shift, -1, 1) * (LOG_FACTORS[1] - LOG_FACTORS[0])


def spread_factors(found: np.ndarray, by_chance: np.ndarray) -> np.ndarray:
    """Return by which factors the blur's variances of images differ; 1 if it may be chance.

    Args:
        found: (images,) log factors as measured.
        by_chance: (others,) of images that all have the same blur.

    Returns:
        (images,) of geometric mean 1, drawn together so that their logs vary by what exceeds
        chance.

    Source:
        ours; whether they vary by more is asked by an F-test (p < 0.01), of all images and without
        those that differ most, since a single image that shows something else is no spread.

    Example:
        >>> spread_factors(np.array([-0.1, 0.2, 0.0]), np.array([0.1, -0.2, 0.1, 0.0])).tolist()
        [1.0, 1.0, 1.0]
    """
    if min(len(found), len(by_chance)) < _FEWEST:
        return np.ones(len(found))
    share = max(len(found) // _IMAGES_PER_OUTLIER, 1) / len(found)
    if max(_chance(found, by_chance), _chance(*(_without_outliers(each, share) for each in (
            found, by_chance)))) >= _CHANCE:
        return np.ones(len(found))
    exceeding = 1 - _expected(by_chance) / found.var(ddof=1)
    return np.exp(np.sqrt(exceeding) * (found - found.mean()))


def _chance(found: np.ndarray, by_chance: np.ndarray) -> float:
    return float(stats.f.sf(found.var(ddof=1) / _expected(by_chance), len(found) - 1,
                            len(by_chance) - 1))


def _expected(by_chance: np.ndarray) -> float:
    return float(by_chance.var(ddof=1)) + _LEAST_SPREAD ** 2


def _without_outliers(values: np.ndarray, share: float) -> np.ndarray:
    nearest = np.argsort(np.abs(values - np.median(values)))
    return values[nearest[:len(values) - round(share * len(values))]]


def fit_with_factors(fit: Callable[[np.ndarray], Fit], fit_plainly: Callable[[], Fit],
                     measure: Callable[[Fit], tuple[np.ndarray, np.ndarray]], num_images: int
                     ) -> tuple[Fit, np.ndarray]:
    """Fit what images have in common, and in turn by which factors their blur differs.

    Args:
        fit: given such factors, (images,).
        fit_plainly: for blur of one strength, with nothing that may stand for its spread.
        measure: from a fit to log factors of the images, and of images with one blur.
        num_images: of which there are factors.

    Returns:
        The fit, and the factors that it was given: all 1 where blur does not differ, or where
        single images tell too little.
    """
    factors = np.ones(num_images)
    fitted = fit(factors)
    differing = spread_factors(*measure(fitted))
    if np.ptp(differing):
        found, by_chance = measure(fit_plainly())
        is_known = by_chance.std() < _MOST_BY_CHANCE
        differing = spread_factors(found, by_chance) if is_known else factors
    for _ in range(_NUM_ROUNDS):
        if not np.ptp(differing):
            break
        factors, fitted = differing, fit(differing)
        differing = spread_factors(*measure(fitted))
    return fitted, factors
