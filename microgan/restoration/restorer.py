"""From image to restored image with a trained generator."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.normalization import PERCENTILES, IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import MIN_SIDE_PX
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, load_generator
from microgan.restoration.image_files import from_planes, to_planes
from microgan.restoration.stored_images import choose_axes
from microgan.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    import keras

# Eight images of 256 x 256 at a time: about 0.5 GB in the published generator.
_PIXELS_PER_BATCH = 8 * 256 * 256
# Fewer grey levels than this between dark and bright would destroy a restored image.
_MIN_LEVELS = 16


def load_restorer(path: str | os.PathLike[str], *, precision: str = "auto") -> Restorer:
    """Load a trained generator as a function from image to restored image.

    Args:
        path: the `generator.h5` of a run folder.
        precision: "float32", "mixed_bfloat16", or "auto" for what the hardware multiplies
            faster.

    Raises:
        UserError: no such file, or no generator of microgan.
    """
    import_tensorflow_quietly()
    return Restorer(*load_generator(path, precision=precision))


class Restorer:
    """Applies a generator to every YX plane of an image of any axes order.

    Args:
        model: `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape.
        info: what its file says of it.

    Call arguments:
        image: integers or real floating-point numbers, with a Y and an
            X axis of at least 16 pixels.
        axes: one letter per axis; None for YX with two axes and ZYX with three.
        task: whose intensity constants to use; None for the only task of a one-task
            generator, else the image's own 0.1 and 99.9 percentiles stand in.
        report: called with a line of text for what the user should know: constants that
            were stood in for, pixels that were clipped.

    Returns:
        The restored image, shape and type of `image`, clipped to what the type can hold;
        integers are rounded.

    Raises:
        UserError: an unknown task, axes that do not fit, or an image that is too small,
            not finite, or constant and without constants.

    Source:
        ours.
    """

    def __init__(self, model: keras.Model, info: GeneratorInfo) -> None:
        self.model = model
        self.info = info

    def __call__(self, image: np.ndarray, *, axes: str | None = None, task: str | None = None,
                 report: Callable[[str], Any] = print) -> np.ndarray:
        axes = choose_axes(image.shape, axes)
        check_task(self.info, task)
        check_pixels(image)
        ranges = self._normalization(image, task, report)
        span = ranges.clean.high - ranges.clean.low
        if image.dtype.kind in "iu" and span < _MIN_LEVELS:
            raise UserError(f"The clean images of the training span only {span:g} intensities, "
                            f"which {image.dtype} cannot resolve. Convert the image to float32.")
        restored = np.stack(restore_planes(self.model, to_planes(image, axes), ranges.degraded,
                                           ranges.clean))
        restored, num_clipped = to_type(restored, image.dtype)
        if num_clipped:
            share = num_clipped / image.size
            report(f"{num_clipped} pixels ({share:.2g} of all) went beyond what {image.dtype} "
                   "can hold and were clipped.")
        return from_planes(restored, axes, image.shape)

    def _normalization(self, image: np.ndarray, task: str | None,
                       report: Callable[[str], Any]) -> TaskNormalization:
        if task is None and len(self.info.tasks) == 1:
            task = self.info.tasks[0]
        if task is not None:
            return self.info.normalization[task]
        low, high = np.percentile(image, PERCENTILES)
        if low == high:
            raise UserError(
                f"The image is {low:g} nearly everywhere, so its own percentiles give no "
                f"intensity range. Name the task: --task={' or --task='.join(self.info.tasks)}.")
        own = IntensityRange(float(low), float(high))
        report(f"No task named: the image's own {PERCENTILES[0]} and {PERCENTILES[1]} "
               f"percentiles, {low:g} and {high:g}, stand in for a task's intensity constants. "
               f"Known tasks: {', '.join(self.info.tasks)}.")
        return TaskNormalization(own, own)


def check_task(info: GeneratorInfo, task: str | None) -> None:
    """Refuse a task that the generator does not know.

    Raises:
        UserError: it does not; the message lists those it knows.
    """
    if task is not None and task not in info.tasks:
        raise UserError(f"The generator knows no task '{task}'. It was trained on "
                        f"{', '.join(info.tasks)}: choose with --task.")


def check_pixels(image: np.ndarray) -> None:
    """Refuse pixels that no generator can restore.

    Raises:
        UserError: some are NaN or infinite.
    """
    num_bad = image.size - int(np.count_nonzero(np.isfinite(image)))
    if num_bad:
        raise UserError(f"{num_bad} pixels are NaN or infinite. Mend them first.")


def restore_planes(model: keras.Model, planes: Sequence[np.ndarray] | np.ndarray,
                   degraded: IntensityRange, clean: IntensityRange) -> list[np.ndarray]:
    """Apply a generator to 2D images.

    Args:
        model: `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape.
        planes: images (Y, X) in the intensities of degraded images; sizes may differ,
            those of one size share batches.
        degraded: intensities that the generator gets as -1 and 1.
        clean: intensities that its -1 and 1 become.

    Returns:
        For each image its restoration (Y, X), float64, in the intensities of clean images,
        neither rounded nor clipped.

    Raises:
        UserError: an image has a side of less than 16 pixels.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, plane in enumerate(planes):
        by_shape.setdefault(plane.shape, []).append(index)
    restored: dict[int, np.ndarray] = {}
    for shape, indices in by_shape.items():
        if min(shape) < MIN_SIDE_PX:
            raise UserError(f"Planes of {shape[0]} x {shape[1]} pixels are too small: at least "
                            f"{MIN_SIDE_PX} x {MIN_SIDE_PX} are needed. Are the axes right?")
        batch_size = max(1, _PIXELS_PER_BATCH // (shape[0] * shape[1]))
        for start in range(0, len(indices), batch_size):
            chosen = indices[start:start + batch_size]
            batch = np.stack([degraded.normalize(planes[index]) for index in chosen])
            values = _apply()(model, batch[..., np.newaxis]).numpy()
            restored.update(zip(chosen, clean.undo(values[..., 0])))
    return [restored[index] for index in range(len(planes))]


@functools.cache
def _apply() -> Callable[..., Any]:
    """One graph per model, kept between calls and dropped with the model."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def apply(model: Any, batch: Any) -> Any:
        return model(batch, training=False)

    return apply


def to_type(values: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Convert to an image's type: clipped to what it can hold, rounded to its integers.

    Args:
        values: float64, any shape.
        dtype: integer or floating-point.

    Returns:
        The converted array, and how many values were outside the type's range.
    """
    if dtype.kind == "f":
        low, high = (float(limit) for limit in (np.finfo(dtype).min, np.finfo(dtype).max))
    else:
        values = np.rint(values)
        low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
        if high > np.iinfo(dtype).max:  # 64 bit: the limit itself is no float
            high = float(np.nextafter(high, 0))
    num_clipped = int(np.count_nonzero((values < low) | (values > high)))
    return np.clip(values, low, high).astype(dtype), num_clipped
