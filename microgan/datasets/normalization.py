"""Convert intensities to network values and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microgan.errors import UserError

PERCENTILES = (0.1, 99.9)
# Below this, restored images do not follow the clean ones.
_LEAST_CORRELATION = 0.3


@dataclass(frozen=True)
class IntensityRange:
    """The intensities that become -1 and 1; others are not clipped.

    Args:
        low: intensity that becomes -1, in the image's own units.
        high: intensity that becomes 1; larger than `low`.

    Raises:
        UserError: the range is empty, or its ends or length are not finite in 32 bits.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        limits = np.finfo(np.float32)
        if not (max(abs(self.low), abs(self.high)) <= limits.max
                and self.high - self.low >= limits.tiny):
            raise UserError(
                "A normalisation range needs two finite numbers, the smaller one first, as of "
                f"images that are not constant. Received: low={self.low}, high={self.high}.")

    def normalize(self, image: np.ndarray) -> np.ndarray:
        """Map intensities to float32 network values, `low` to -1 and `high` to 1."""
        with np.errstate(over="ignore"):  # the network's output is checked for infinity
            return (2 * self.to_unit(image) - 1).astype(np.float32)

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Map network values back to intensities, float64."""
        return (values.astype(np.float64) + 1) / 2 * (self.high - self.low) + self.low

    def to_unit(self, image: np.ndarray) -> np.ndarray:
        """Map intensities to float64 with `low` at 0 and `high` at 1."""
        return (image.astype(np.float64) - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class TaskNormalization:
    """The intensity ranges of one task.

    Args:
        degraded: range of the degraded images.
        clean: range of the clean images, used in training.
        calibrated: intensities of a trained network's -1 and 1; None for those of `clean`.
    """

    degraded: IntensityRange
    clean: IntensityRange
    calibrated: IntensityRange | None = None

    @property
    def restored(self) -> IntensityRange:
        """Return the range that undoes the normalisation of a network's output."""
        return self.calibrated or self.clean

    def calibrate(self, restored: Sequence[np.ndarray],
                  clean: Sequence[np.ndarray]) -> TaskNormalization:
        """Fit scale and offset of the network's output to clean images by least squares.

        A fit to a few images may not suit others. So the change is scaled by the share that
        suits each image best when fitted to the others.

        Args:
            restored: images that the network has not been trained on, normalisation undone by
                the range `clean`.
            clean: images of the same sizes.

        Returns:
            The same with `calibrated`; without it where the images disagree on the change, for
            a single image, or for a correlation below 0.3, as of an untrained network.

        Source:
            ours; for the gain, see docs/recipe.md.
        """
        share = _share_by_leaving_one_out(restored, clean)
        (variance, covariance), (_, variance_of_clean) = np.cov(_pooled(restored), _pooled(clean))
        if not share or covariance <= _LEAST_CORRELATION * np.sqrt(variance * variance_of_clean):
            return replace(self, calibrated=None)
        scale, offset = _fit(restored, clean)
        scale, offset = 1 + share * (scale - 1), share * offset
        return replace(self, calibrated=IntensityRange(
            float(scale * self.clean.low + offset), float(scale * self.clean.high + offset)))

    def to_json(self) -> dict[str, list[float]]:
        """Return plain JSON: `{"degraded": [low, high], "clean": ...}`, `"calibrated"` if any."""
        return {name: [ranges.low, ranges.high] for name, ranges in vars(self).items() if ranges}

    @classmethod
    def from_json(cls, content: dict[str, list[float]]) -> TaskNormalization:
        """Build from the result of `to_json`.

        Raises:
            ValueError or UserError: `content` is something different.
        """
        if not isinstance(content, dict) or not (
                {"degraded", "clean"} <= set(content) <= set(cls.__dataclass_fields__)):
            raise ValueError(f"{content!r} are not normalisation ranges")
        for numbers in content.values():
            if not (isinstance(numbers, list) and len(numbers) == 2
                    and all(type(each) in (int, float) and abs(each) < 1e39
                            for each in numbers)):
                raise ValueError(f"{numbers!r} is not a normalisation range of two numbers")
        return cls(**{name: IntensityRange(*numbers) for name, numbers in content.items()})


def _share_by_leaving_one_out(restored: Sequence[np.ndarray], clean: Sequence[np.ndarray]
                              ) -> float:
    """Return the share, 0 to 1, of the change fitted to the other images that suits each best.

    By least squares, weighting each image by its error without a change.
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
    """Fit scale and offset from restored to clean by least squares; scale 1 if all is constant."""
    x, y = _pooled(restored), _pooled(clean)
    (variance, covariance), _ = np.cov(x, y)
    scale = covariance / variance if variance > 0 else 1.0
    return float(scale), float(y.mean() - scale * x.mean())


def _pooled(images: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([image.ravel() for image in images]).astype(np.float64)


def fit_min_max(images: Iterable[np.ndarray]) -> IntensityRange:
    """Return the range from the smallest to the largest intensity of all `images`.

    Source:
        MicroscopyGAN as published: min-max of the training subset, per task.
    """
    extremes = [(float(image.min()), float(image.max())) for image in images]
    return IntensityRange(min(low for low, _ in extremes), max(high for _, high in extremes))


def fit_percentiles(images: Iterable[np.ndarray]) -> IntensityRange:
    """Return the range from the 0.1 to the 99.9 percentile of all pixels of `images`.

    Source:
        CARE's percentile normalisation (Weigert et al. 2018), with percentiles that keep thin
        bright structures: a filament covers a few per cent of an image.
    """
    pixels = np.concatenate([image.ravel() for image in images])
    low, high = np.percentile(pixels, PERCENTILES)
    return IntensityRange(float(low), float(high))
