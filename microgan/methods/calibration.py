"""True intensities for restored images, and how wrong they are; fitted per task."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from microgan.datasets.error_bounds import COVERAGE, ErrorBounds
from microgan.generator_file import GeneratorInfo
from microgan.datasets.middle import middle
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.restoration.trust import spread_over_mirrors
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


def with_error_bounds(model: keras.Model, info: GeneratorInfo,
                      parts: Callable[[str], tuple[Pairs, Pairs]]) -> GeneratorInfo:
    """Measure how wrong each task's restored images are.

    Args:
        model: the generator.
        info: its description, calibrated if it will be. Earlier bounds are replaced.
        parts: task -> pairs of the training and of the validation, each degraded and clean
            images; the middle of large ones is used. A part without pairs is empty.

    Returns:
        The same with `error_bounds`; see `ErrorBounds.fit`.
    """
    restore = InMemoryRestorer(model, info)
    restore_once = InMemoryRestorer(model, replace(info, test_time_augmentation=False))
    bounds = {}
    for name in info.tasks:
        known = []
        for pairs in parts(name):
            degraded, clean = ([middle(image) for image in images] for images in pairs)
            known.append((restore(name, degraded) if degraded else [], clean, spread_over_mirrors(
                functools.partial(restore_once, name), degraded) if degraded else []))
        fitted = ErrorBounds.fit(known[0], known[1])
        if fitted is not None:
            bounds[name] = fitted
            width = significant(float(np.median(fitted(np.concatenate(
                [np.ravel(spread) for spread in known[1][2]])))), 3)
            print(f"{name}: {100 * COVERAGE:.0f} % of the true intensities are expected within an "
                  f"interval around the restored ones, of {width} to either side at the median.")
    return replace(info, error_bounds=bounds)
