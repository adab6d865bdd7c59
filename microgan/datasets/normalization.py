"""Intensities to network values and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgan.errors import UserError

PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class IntensityRange:
    """The intensities that become -1 and 1; what lies outside goes beyond, unclipped.

    Args:
        low: intensity that becomes -1, in the image's own units.
        high: intensity that becomes 1; larger than `low`.

    Raises:
        UserError: the range is empty or not finite.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise UserError(
                "A normalisation range needs two finite numbers, the first the smaller, as of "
                f"images that are not constant. Received: low={self.low}, high={self.high}.")

    def normalize(self, image: np.ndarray) -> np.ndarray:
        """Map intensities to float32 network values, `low` to -1 and `high` to 1."""
        scaled = (image.astype(np.float64) - self.low) / (self.high - self.low)
        return (2 * scaled - 1).astype(np.float32)

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Map network values back to intensities, float64."""
        return (values.astype(np.float64) + 1) / 2 * (self.high - self.low) + self.low

    def to_unit(self, image: np.ndarray) -> np.ndarray:
        """Map intensities to float64 with `low` at 0 and `high` at 1."""
        return (image.astype(np.float64) - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class TaskNormalization:
    """The ranges of one task: degraded and clean images have their own."""

    degraded: IntensityRange
    clean: IntensityRange

    def to_json(self) -> dict[str, list[float]]:
        """As plain JSON: `{"degraded": [low, high], "clean": [low, high]}`."""
        return {"degraded": [self.degraded.low, self.degraded.high],
                "clean": [self.clean.low, self.clean.high]}

    @classmethod
    def from_json(cls, content: dict[str, list[float]]) -> TaskNormalization:
        """The reverse of `to_json`.

        Raises:
            ValueError or UserError: `content` is not what that gives.
        """
        ranges: list[Any] = [content.get(kind) if isinstance(content, dict) else None
                             for kind in ("degraded", "clean")]
        for numbers in ranges:
            if not (isinstance(numbers, list) and len(numbers) == 2
                    and all(type(each) in (int, float) and abs(each) < 1e100
                            for each in numbers)):
                raise ValueError(f"{numbers!r} is no normalisation range of two numbers")
        return cls(*(IntensityRange(*numbers) for numbers in ranges))


def fit_min_max(images: Iterable[np.ndarray]) -> IntensityRange:
    """Range from the smallest to the largest intensity of all `images`.

    Source:
        MicroscopyGAN as published: min-max of the training subset, per task.
    """
    extremes = [(float(image.min()), float(image.max())) for image in images]
    return IntensityRange(min(low for low, _ in extremes), max(high for _, high in extremes))


def fit_percentiles(images: Iterable[np.ndarray]) -> IntensityRange:
    """Range from the 0.1 to the 99.9 percentile of all pixels of `images`.

    Source:
        CARE's percentile normalisation (Weigert et al. 2018), with percentiles that keep
        thin bright structures: a filament covers few per cent of an image.
    """
    pixels = np.concatenate([image.ravel() for image in images])
    low, high = np.percentile(pixels, PERCENTILES)
    return IntensityRange(float(low), float(high))
