"""Mean and variance of what is seen part by part."""

from __future__ import annotations

from typing import Any

import numpy as np


class Moments:
    """Mean and variance of many parts together, in float64."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0

    def add(self, mean: np.ndarray, variance: np.ndarray, count: int) -> None:
        """Take in a part of `count` values.

        Source:
            Chan, Golub, LeVeque 1979, eq. 2.1, the parallel variance.
        """
        mean, variance = mean.astype(np.float64), variance.astype(np.float64)
        both = self._count + count
        difference = mean - self._mean
        self._squares = (self._squares + variance * count
                         + difference ** 2 * self._count * count / both)
        self._mean = self._mean + difference * count / both
        self._count = both

    @property
    def mean(self) -> np.ndarray:
        """Of all parts."""
        return self._mean

    @property
    def deviation(self) -> np.ndarray:
        """Of all parts."""
        return np.sqrt(self._squares / self._count)
