"""Images as PNG files, pixel for pixel, to be compared on a run's page."""

from __future__ import annotations

from typing import NamedTuple

import imagecodecs
import numpy as np

from microgan.datasets.error_bounds import ErrorBounds
from microgan.datasets.normalization import TaskNormalization
from microgan.evaluation.figures import display_limits


class Comparison(NamedTuple):
    """Images of one place, of one size.

    Args:
        name: of the place, such as task and file.
        pictures: PNG files by what they show.
    """

    name: str
    pictures: dict[str, bytes]


def compare(name: str, degraded: np.ndarray, restored: np.ndarray | None,
            clean: np.ndarray | None, normalization: TaskNormalization,
            spread: np.ndarray | None = None, bounds: ErrorBounds | None = None) -> Comparison:
    """Draw images on one intensity scale, and where the restored one is wrong.

    Black to white is the 0.5 to 99.5 percentile of the clean image, or without one of the
    degraded image; in the error and in the half-widths of its interval, black is none and white
    half of that range, in the spread an eighth.

    Args:
        name: of the place.
        degraded: (Y, X), as measured.
        restored: like `degraded`, or None.
        clean: like `degraded`, or None if unknown.
        normalization: the task's constants.
        spread: of restorations, in the intensities of clean images, or None.
        bounds: of errors of this spread, drawn in its place; None if unknown.

    Source:
        ours.
    """
    images = {"degraded": normalization.degraded.to_unit(degraded)}
    if restored is not None:
        images["restored"] = normalization.clean.to_unit(restored)
    if clean is not None:
        images["clean"] = normalization.clean.to_unit(clean)
    low, high = display_limits(images["degraded" if clean is None else "clean"])
    pictures = {kind: to_png(image, low, high) for kind, image in images.items()}
    if restored is not None and clean is not None:
        error = np.abs(images["restored"] - images["clean"])
        pictures["error"] = to_png(error, 0, (high - low) / 2)
    if spread is not None:
        unit = normalization.clean.high - normalization.clean.low
        if bounds is None:
            pictures["spread"] = to_png(spread / unit, 0, (high - low) / 8)
        else:
            pictures["interval"] = to_png(bounds(spread) / unit, 0, (high - low) / 2)
    return Comparison(name, pictures)


def to_png(image: np.ndarray, low: float, high: float) -> bytes:
    """Write an image (Y, X) as a grey PNG, a pixel for a pixel, black at `low`."""
    scaled = np.clip((np.asarray(image, np.float64) - low) / (high - low), 0, 1)
    return bytes(imagecodecs.png_encode(np.round(255 * scaled).astype(np.uint8)))
