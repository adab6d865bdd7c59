"""Tell whether images get darker towards their corners."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from microgan.estimation.measured_defect import Estimate

_CHANCE, _BEYOND_INTERVAL = 0.01, 0.05
_LEAST_FALL, _LEAST_IMAGES = 0.05, 3
_MOST_OF_CLEAN = 0.5  # where clean images lose more themselves, what is lost besides is unsure


def corner_fall(degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray], *,
                are_pairs: bool = False) -> Estimate | None:
    """Return by which share degraded images are darker in the corners than clean ones.

    Brightness is taken to change with the square of the distance from the middle, and zero grey
    levels to be dark: an offset hides a part. Leaving out an image at a time tells what chance
    does.

    Args:
        degraded: real (Y, X) each.
        clean: of the same kind of sample, of other places or the same.
        are_pairs: of the same, in the same order.

    Returns:
        0 as bright as the middle, 1 dark; None if it is under 5 % or may be chance (t-test,
        p > 0.01), or if there are under three images.

    Source:
        ours.

    Example:
        >>> y, x = np.mgrid[-1:1:40j, -1:1:40j]
        >>> flat = np.random.default_rng(0).gamma(9.0, 9.0, (10, 40, 40))
        >>> print(corner_fall(flat * (1 - 0.2 * (y ** 2 + x ** 2)), flat))
        0.402 (0.36 to 0.443)
    """
    (fall, without), (usual, usual_without) = map(_falls, (degraded, clean))
    number = min(len(without), len(usual_without))
    if number < _LEAST_IMAGES or usual > _MOST_OF_CLEAN:
        return None
    if are_pairs:
        variance = _jackknife_variance((1 - without) / (1 - usual_without))
    else:
        variance = ((_jackknife_variance(without) + _jackknife_variance(usual_without))
                    / (1 - usual) ** 2)
    lost = 1 - (1 - fall) / (1 - usual)
    beyond, reach = math.sqrt(variance) * stats.t.isf(
        np.array([_CHANCE, _BEYOND_INTERVAL]) / 2, number - 1)
    if lost < max(_LEAST_FALL, beyond):
        return None
    return Estimate(lost, lost - reach, min(lost + reach, 1.0))


def _falls(images: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the share lost from the middle to the corners, of all images and without each."""
    lines = np.array([_line(image) for image in images])
    middle, lost = np.vstack([lines.sum(axis=0), lines.sum(axis=0) - lines]).T
    shares = lost / np.maximum(middle, 1e-12)
    return float(shares[0]), shares[1:]


def _jackknife_variance(without_each: np.ndarray) -> float:
    return float((len(without_each) - 1) * np.var(without_each))


def _line(image: np.ndarray) -> np.ndarray:
    """Return the brightness of the middle, and what is lost from there to the corners."""
    # A sum of what rows and columns say: no array as large as the image.
    products, squares, usual = 0.0, 0.0, 0.0
    for axis, length in enumerate(image.shape):
        distance = np.linspace(-1, 1, length) ** 2 / 2
        centred = distance - distance.mean()
        products += centred @ image.mean(axis=1 - axis, dtype=np.float64) / length
        squares += centred @ centred / length
        usual += distance.mean()
    slope = products / squares
    return np.array([image.mean(dtype=np.float64) - slope * usual, -slope])
