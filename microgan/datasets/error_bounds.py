"""How wrong restored images are, by how far restorations of mirror images disagree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

COVERAGE = 0.9
_NUM_BINS = 10
_MOST_POINTS = 64
# Narrowest half-width, as a share of the widest: errors are divided by it.
_NARROWEST = 1e-3

# Restored and clean images, and the spread over mirror images, each (Y, X).
Restorations = tuple[Sequence[np.ndarray], Sequence[np.ndarray], Sequence[np.ndarray]]


@dataclass(frozen=True)
class ErrorBounds:
    """Half-widths of intervals around restored intensities that hold 90 % of the true ones.

    All numbers are in the intensities of clean images.

    Args:
        spreads: at which they are known, at least one, 0 or more, increasing.
        half_widths: of each spread, positive and not falling.

    Call arguments:
        spread: over mirror images, any shape.

    Returns:
        The half-width at each pixel, float32: interpolated, and constant beyond both ends.

    Raises:
        ValueError: the numbers are not as above.
    """

    spreads: tuple[float, ...]
    half_widths: tuple[float, ...]

    def __post_init__(self) -> None:
        both = (self.spreads, self.half_widths)
        if not (0 < len(self.spreads) == len(self.half_widths) <= _MOST_POINTS
                and all(0 <= number < 1e39 for numbers in both for number in numbers)
                and all(one < other for one, other in zip(self.spreads, self.spreads[1:]))
                and all(one <= other for one, other in zip(self.half_widths,
                                                           self.half_widths[1:]))
                and self.half_widths[0] > 0):
            raise ValueError(f"{both!r} are not bounds of errors")

    def __call__(self, spread: np.ndarray) -> np.ndarray:
        return np.interp(spread, self.spreads, self.half_widths).astype(np.float32)

    @classmethod
    def fit(cls, learned: Restorations, held_out: Restorations) -> ErrorBounds | None:
        """Fit half-widths to learned pairs, and scale them to pairs that were held out.

        How the error grows with the spread is told by the many pixels of the learned pairs. On
        them the network errs too little, so each held-out image tells the factor that makes
        the intervals hold 90 % of its pixels. The mean factor and its standard error are taken,
        at least 1: for two images, that is the larger.

        Args:
            learned: of pairs that the network was trained on.
            held_out: of others.

        Returns:
            None where either has no image, or nothing is wrong anywhere.

        Source:
            ours, after conformalised quantile regression (Romano, Patterson and Candès 2019,
            arXiv:1905.03222), where held-out pixels are drawn independently. Those of an image
            are not: so images count, not pixels.
        """
        if not learned[0] or not held_out[0]:
            return None
        restored, clean, spread = (_pooled(images) for images in learned)
        error = np.abs(clean - restored)
        edges = np.quantile(spread, np.linspace(0, 1, _NUM_BINS + 1)[1:-1])
        numbers = np.digitize(spread, edges)
        points: dict[float, float] = {}
        widest = 0.0
        for number in np.unique(numbers):
            here = numbers == number
            widest = max(widest, float(np.quantile(error[here], COVERAGE)))
            points[float(np.median(spread[here]))] = widest
        if not widest:
            return None
        half_widths = np.maximum(list(points.values()), _NARROWEST * widest)
        shape = cls(tuple(points), tuple(map(float, half_widths)))
        factors = [float(np.quantile(np.abs(truth - image) / shape(map_), COVERAGE))
                   for image, truth, map_ in zip(*held_out)]
        error_of_mean = np.std(factors, ddof=1) / math.sqrt(len(factors)) if factors[1:] else 0.0
        factor = max(1.0, float(np.mean(factors) + error_of_mean))
        return cls(shape.spreads, tuple(factor * width for width in shape.half_widths))

    def to_json(self) -> dict[str, list[float]]:
        """Return plain JSON."""
        return {name: list(numbers) for name, numbers in vars(self).items()}

    @classmethod
    def from_json(cls, content: Any) -> ErrorBounds:
        """Reverse `to_json`.

        Raises:
            ValueError: `content` is not what that gives.
        """
        if not (isinstance(content, dict) and set(content) == set(cls.__dataclass_fields__)
                and all(isinstance(numbers, list)
                        and all(type(number) in (int, float) for number in numbers)
                        for numbers in content.values())):
            raise ValueError(f"{content!r} are not bounds of errors")
        return cls(**{name: tuple(map(float, numbers)) for name, numbers in content.items()})


def _pooled(images: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(image) for image in images]).astype(np.float64)
