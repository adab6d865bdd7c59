"""Tell whether one image of a pair is mirrored, rotated or stretched."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from microgan.datasets.middle import middle
from microgan.datasets.phase_correlation import LARGEST_PX, match, measure_spectrum

# Of the score: how much better the turned or stretched image must match. Of right pairs of 16
# sets, simulated and real, turned ones gained 1.25 times or less of 8 and more.
_LEAST_SCORE, _LEAST_GAIN = 7.0, 1.4
_TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mirrored along X": lambda image: image[:, ::-1],
    "mirrored along Y": lambda image: image[::-1],
    "rotated by 180 degrees": lambda image: image[::-1, ::-1],
    "rotated by 90 degrees": np.rot90,
    "rotated by 270 degrees": lambda image: np.rot90(image, 3),
    "transposed": lambda image: image.T,
    "transposed and rotated by 180 degrees": lambda image: image[::-1, ::-1].T,
}
_QUARTER_PX = 32
# By how much more or less than 1. Right pairs gained 1.08 times or less, with a difference of
# squares of 80 or less, or 1.15 times with 20 or less, or were "stretched" by less.
_LEAST_STRETCH, _MOST_STRETCH = 0.02, 0.25
_STRETCHED_GAIN, _SQUARED_GAIN = 1.1, 60.0
_PROMISING_GAIN = 1.03


class Stretch(NamedTuple):
    """Factors by which the clean image is larger than the degraded one, along Y and X."""

    along_y: float
    along_x: float


def find_turn(degraded: np.ndarray, clean: np.ndarray, score: float) -> str | None:
    """Tell how one image of a pair must be turned to match the other.

    Args:
        degraded: (Y, X).
        clean: (Y, X).
        score: of their match as they are.

    Returns:
        Such as "mirrored along X"; None where turning it makes no match.

    Source:
        ours.
    """
    side = min(*clean.shape, LARGEST_PX)
    degraded, clean = (middle(image, side) for image in (degraded, clean))
    wanted = measure_spectrum(clean)
    scores = {name: match(measure_spectrum(turn(degraded)), wanted).score
              for name, turn in _TURNS.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > max(_LEAST_SCORE, _LEAST_GAIN * score) else None


def find_stretch(degraded: np.ndarray, clean: np.ndarray, score: float) -> Stretch | None:
    """Tell by how much one image of a pair is stretched.

    Args:
        degraded: (Y, X).
        clean: (Y, X).
        score: of their match as they are.

    Returns:
        The factors; None where a stretched image matches no better.

    Source:
        ours: shifts of four quarters give the factors, and the whole image must confirm them.
    """
    degraded, clean = middle(degraded, LARGEST_PX), middle(clean, LARGEST_PX)
    if min(clean.shape) < 2 * _QUARTER_PX:
        return None
    guess = _stretch_of_quarters(degraded, clean)
    if not _LEAST_STRETCH / 2 <= max(np.abs(guess)) <= _MOST_STRETCH:
        return None
    wanted = measure_spectrum(clean)
    best, found = Stretch(1.0, 1.0), score
    # Errors of the guess are small: each finer step is tried only if the one before helped.
    for factors in ((0.0, 1.0), (0.7, 1.0, 1.4)):
        for factor_y, factor_x in itertools.product(factors, factors):
            stretch = Stretch(float(1 + factor_y * guess[0]), float(1 + factor_x * guess[1]))
            gained = match(measure_spectrum(stretched(degraded, stretch)), wanted).score
            if gained > found:
                best, found = stretch, gained
        if found < _PROMISING_GAIN * score:
            return None
    confirmed = (found > max(_LEAST_SCORE, _STRETCHED_GAIN * score)
                 and found ** 2 > score ** 2 + _SQUARED_GAIN
                 and max(abs(factor - 1) for factor in best) >= _LEAST_STRETCH)
    return best if confirmed else None


def stretched(image: np.ndarray, stretch: Stretch) -> np.ndarray:
    """Stretch an image about its middle; its size stays.

    Args:
        image: (Y, X).
        stretch: factors.

    Returns:
        float32 (Y, X); what lies outside is mirrored.
    """
    centre = (np.array(image.shape) - 1) / 2
    return ndimage.affine_transform(image.astype(np.float32), np.diag(1 / np.array(stretch)),
                                    centre - centre / stretch, order=1, mode="reflect")


def _stretch_of_quarters(degraded: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return by how much more than 1 the factors are, along Y and X."""
    half = [length // 2 for length in clean.shape]
    shifts = np.zeros((2, 2, 2))
    for row, column in np.ndindex(2, 2):
        part = (slice(row * half[0], (row + 1) * half[0]),
                slice(column * half[1], (column + 1) * half[1]))
        shifts[row, column] = match(measure_spectrum(degraded[part]),
                                    measure_spectrum(clean[part])).shift
    return np.array([(shifts[1, :, 0] - shifts[0, :, 0]).mean() / half[0],
                     (shifts[:, 1, 1] - shifts[:, 0, 1]).mean() / half[1]])
