"""True intensities for restored images: scale and offset, fitted per task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from microgan.generator_file import GeneratorInfo
from microgan.datasets.middle import middle
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.runtime.amounts import significant

if TYPE_CHECKING:
    import keras

Pairs = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]


def calibrated(model: keras.Model, info: GeneratorInfo,
               pairs: Callable[[str], Pairs]) -> GeneratorInfo:
    """Fit the intensities of each task's restored images to its clean images.

    Args:
        model: the generator.
        info: its description. An earlier calibration is replaced.
        pairs: task -> degraded and clean images; the middle of large ones is used.

    Returns:
        The same with calibrated ranges; see `TaskNormalization.calibrate`.
    """
    info = replace(info, normalization={name: replace(ranges, calibrated=None)
                                        for name, ranges in info.normalization.items()})
    restore = InMemoryRestorer(model, info)
    normalization = {}
    for name, ranges in info.normalization.items():
        degraded, clean = ([middle(image) for image in images] for images in pairs(name))
        normalization[name] = ranges.calibrate(restore(name, degraded), clean)
        fitted, before = normalization[name].calibrated, ranges.clean
        print(f"{name}: " + (
            f"restored intensities {significant(before.low, 4)} to {significant(before.high, 4)} "
            f"are calibrated to {significant(fitted.low, 4)} to {significant(fitted.high, 4)}."
            if fitted else
            "no calibration, which needs at least two validation images that agree."))
    return replace(info, normalization=normalization)
