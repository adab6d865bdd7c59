"""Mean and variance accumulated part by part."""

from __future__ import annotations

from typing import Any

import numpy as np


class Moments:
    """Mean and variance of many parts together, in float64."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0

    def add(self, mean: np.ndarray, variance: np.ndarray, count: int) -> None:
        """Add a part of `count` values; one without values changes nothing.

        Source:
            Chan, Golub, LeVeque 1979, eq. 2.1, the parallel variance.
        """
        if not count:
            return
        mean, variance = mean.astype(np.float64), variance.astype(np.float64)
        both = self.count + count
        difference = mean - self._mean
        self._squares = (self._squares + variance * count
                         + difference ** 2 * self.count * count / both)
        self._mean = self._mean + difference * count / both
        self.count = both

    @property
    def mean(self) -> np.ndarray:
        """Of all parts."""
        return self._mean

    @property
    def deviation(self) -> np.ndarray:
        """Of all parts."""
        return np.sqrt(self._squares / self.count)
