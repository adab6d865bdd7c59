"""Intensities to network values and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microgan.errors import UserError

PERCENTILES = (0.1, 99.9)
# Below, restored images do not follow the clean ones.
_LEAST_CORRELATION = 0.3


@dataclass(frozen=True)
class IntensityRange:
    """The intensities that become -1 and 1; what lies outside goes beyond, unclipped.

    Args:
        low: intensity that becomes -1, in the image's own units.
        high: intensity that becomes 1; larger than `low`.

    Raises:
        UserError: the range is empty, or its ends or length are no numbers in 32 bits.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        limits = np.finfo(np.float32)
        if not (max(abs(self.low), abs(self.high)) <= limits.max
                and self.high - self.low >= limits.tiny):
            raise UserError(
                "A normalisation range needs two finite numbers, the first the smaller, as of "
                f"images that are not constant. Received: low={self.low}, high={self.high}.")

    def normalize(self, image: np.ndarray) -> np.ndarray:
        """Map intensities to float32 network values, `low` to -1 and `high` to 1."""
        scaled = (image.astype(np.float64) - self.low) / (self.high - self.low)
        with np.errstate(over="ignore"):  # what a network makes of infinity is checked
            return (2 * scaled - 1).astype(np.float32)

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Map network values back to intensities, float64."""
        return (values.astype(np.float64) + 1) / 2 * (self.high - self.low) + self.low

    def to_unit(self, image: np.ndarray) -> np.ndarray:
        """Map intensities to float64 with `low` at 0 and `high` at 1."""
        return (image.astype(np.float64) - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class TaskNormalization:
    """The ranges of one task: degraded and clean images have their own.

    Args:
        degraded: of the degraded images.
        clean: of the clean images, in which a network learns.
        calibrated: intensities that a trained network's -1 and 1 are; None for those of
            `clean`.
    """

    degraded: IntensityRange
    clean: IntensityRange
    calibrated: IntensityRange | None = None

    @property
    def restored(self) -> IntensityRange:
        """What undoes the normalisation of a network's output."""
        return self.calibrated or self.clean

    def calibrate(self, restored: Sequence[np.ndarray],
                  clean: Sequence[np.ndarray]) -> TaskNormalization:
        """Fit the network's output to clean images, scale and offset by least squares.

        A few images may by chance ask for what others would not. How much of the change is made
        is what serves each image best when the change is fitted to the others.

        Args:
            restored: images that the network has not learned, normalisation undone by
                `clean`'s range.
            clean: images of the same sizes.

        Returns:
            The same with `calibrated`; without it where the images do not agree on a change,
            a single one among them, or the pixels' correlation is below 0.3, as of a network
            that has not learned anything.

        Source:
            ours; what it gains is in docs/recipe.md.
        """
        share = _share_by_leaving_one_out(restored, clean)
        x = np.concatenate([image.ravel() for image in restored]).astype(np.float64)
        y = np.concatenate([image.ravel() for image in clean]).astype(np.float64)
        (variance, covariance), (_, variance_of_clean) = np.cov(x, y)
        if not share or covariance <= _LEAST_CORRELATION * np.sqrt(variance * variance_of_clean):
            return replace(self, calibrated=None)
        scale, offset = _fit(restored, clean)
        scale, offset = 1 + share * (scale - 1), share * offset
        return replace(self, calibrated=IntensityRange(
            float(scale * self.clean.low + offset), float(scale * self.clean.high + offset)))

    def to_json(self) -> dict[str, list[float]]:
        """As plain JSON: `{"degraded": [low, high], "clean": [low, high]}`.

        With `"calibrated": [low, high]` where there is one.
        """
        return {name: [ranges.low, ranges.high] for name, ranges in vars(self).items() if ranges}

    @classmethod
    def from_json(cls, content: dict[str, list[float]]) -> TaskNormalization:
        """The reverse of `to_json`.

        Raises:
            ValueError or UserError: `content` is not what that gives.
        """
        if not isinstance(content, dict) or not (
                {"degraded", "clean"} <= set(content) <= set(cls.__dataclass_fields__)):
            raise ValueError(f"{content!r} are no normalisation ranges")
        for numbers in content.values():
            if not (isinstance(numbers, list) and len(numbers) == 2
                    and all(type(each) in (int, float) and abs(each) < 1e39
                            for each in numbers)):
                raise ValueError(f"{numbers!r} is no normalisation range of two numbers")
        return cls(**{name: IntensityRange(*numbers) for name, numbers in content.items()})


def _share_by_leaving_one_out(restored: Sequence[np.ndarray], clean: Sequence[np.ndarray]
                              ) -> float:
    """The share, 0 to 1, of the change fitted to the other images that serves each one best.

    By least squares, every image's error beside what it is without a change.
    """
    if len(restored) < 2:
        return 0.0
    wanted = needed = 0.0
    for index, (image, truth) in enumerate(zip(restored, clean)):
        scale, offset = _fit(*([other for number, other in enumerate(images) if number != index]
                               for images in (restored, clean)))
        image = image.astype(np.float64)
        change, error = (scale - 1) * image + offset, truth - image
        weight = 1 / max(float(np.mean(error ** 2)), np.finfo(np.float64).tiny)
        wanted += weight * float(np.mean(error * change))
        needed += weight * float(np.mean(change ** 2))
    return min(max(wanted / needed, 0.0), 1.0) if needed > 0 else 0.0


def _fit(restored: Sequence[np.ndarray], clean: Sequence[np.ndarray]) -> tuple[float, float]:
    """Scale and offset from restored to clean by least squares; scale 1 where all is constant."""
    x, y = (np.concatenate([image.ravel() for image in images]).astype(np.float64)
            for images in (restored, clean))
    (variance, covariance), _ = np.cov(x, y)
    scale = covariance / variance if variance > 0 else 1.0
    return float(scale), float(y.mean() - scale * x.mean())


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
