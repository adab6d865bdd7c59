"""From image to restored image with a trained generator."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from microgan.runtime.amounts import interval, percent, significant
from microgan.runtime.batching import PIXELS_PER_BATCH, refuse_not_finite
from microgan.datasets.enlarged import EnlargedPixels, enlarged_shape
from microgan.datasets.missing import is_missing
from microgan.datasets.normalization import PERCENTILES, IntensityRange, TaskNormalization
from microgan.errors import UserError, out_of_memory_errors, see
from microgan.generator_file import EMBEDDED, GeneratorInfo, load_generator, read_info
from microgan.runtime import memory
from microgan.runtime.precision import choose_precision
from microgan.restoration.checks import (
    as_image, as_pixels, check_call, check_load, check_size, check_target, check_task,
    choose_augmentation, why_not_onnx)
from microgan.restoration.loaded_from import LoadedFrom, absolute_path, file_checksum
from microgan.restoration.kept_pixels import (
    check_pixels, keep_missing, read_filled, refuse_unless_held)
from microgan.restoration.planes import Planes, WritablePixels, percentiles, to_type
from microgan.restoration.pretrained import SEEN_NONE, fit_to_image
from microgan.restoration.stored_images import Pixels, choose_axes
from microgan.runtime.startup import import_tensorflow_quietly, refuse_forked

if TYPE_CHECKING:
    import keras

    from microgan.restoration.familiarity import Familiarity
    from microgan.restoration.filtered_stacks import FittedBlurrer
    from microgan.restoration.onnx_network import OnnxNetwork
    from microgan.restoration.tiled_network import TiledNetwork

    Network = TiledNetwork | OnnxNetwork

Report = Callable[[str], Any]


class _Access(NamedTuple):
    """How the planes of an image are read for the network, and results written.

    Each is called with a plane's place and a part of it. `missing` returns which pixels were
    not measured; it is None if all were.
    """

    read: Callable[..., np.ndarray]
    write: Callable[..., None]
    missing: Callable[..., np.ndarray] | None


# Sides of tiles to choose from; each step halves the pixels in 2D.
_SIDES = (2048, 1448, 1024, 724, 512, 362, 256, 181, 128, 90, 64)
# At most for networks without norms: larger tiles make them no faster.
_ENOUGH_BYTES = 1.2e9
_ENOUGH_BYTES_AFTER_FILTER = 0.6e9  # beside the filtered stack
# Fewer grey levels than this between dark and bright would destroy a restored image.
_MIN_LEVELS = 16
# An image is on another scale if less than this share of its range was learned, or if it spans
# less than this share of the learned range: 8 bits of 12 span a sixteenth, a dim image more.
_LEAST_INSIDE = 0.5
_LEAST_SPAN = 0.05


def load_restorer(path: str | os.PathLike[str], *, precision: str = "auto",
                  tile: int | None = None,
                  test_time_augmentation: bool | None = None,
                  backend: str = "tensorflow") -> Restorer:
    """Load a trained generator as a function from image to restored image.

    Args:
        path: the `generator.h5` of a run folder, or "embedded" for the one that comes with
            microgan, pretrained on simulated images.
        precision: "float32", "mixed_bfloat16", or "auto" for the faster one on this hardware.
        tile: largest side of a tile of a large image, in pixels; None for what free memory
            allows.
        test_time_augmentation: average over mirror images: more precise, four times the
            work; None for the training's choice.
        backend: "tensorflow", or "onnx" for ONNX Runtime, which starts in a second, without
            TensorFlow, and computes in float32 on the CPU; for generators without instance
            norms. Results agree to 1e-4 of the intensity range with TensorFlow's in float32.

    Raises:
        UserError: the file is missing, not a microgan generator or one without test-time
            augmentation; an argument has the wrong type; ONNX Runtime is not installed, or
            cannot restore by this generator; or this process was forked, so that TensorFlow
            cannot run in it.
    """
    check_load(path, precision, tile, backend)
    network: keras.Model | OnnxNetwork
    if backend == "onnx":
        info = choose_augmentation(read_info(path, method=None), test_time_augmentation)
        reason = why_not_onnx(info, precision)
        if reason is not None:
            raise UserError(f"{reason}.")
        from microgan.restoration.onnx_network import OnnxNetwork

        network, precision = OnnxNetwork(path, info), "float32"
    else:
        network, info = load_for_restoring(path, precision=precision,
                                           test_time_augmentation=test_time_augmentation)
    familiarity = None
    if os.fspath(path) == EMBEDDED:
        from microgan.restoration.familiarity import Familiarity

        familiarity = Familiarity.of_embedded()
    loaded_from = LoadedFrom(absolute_path(path), file_checksum(path), choose_precision(precision),
                             tile, info.test_time_augmentation, backend)
    return Restorer(network, info, tile=tile, familiarity=familiarity, loaded_from=loaded_from)


def load_for_restoring(path: str | os.PathLike[str], *, precision: str,
                       test_time_augmentation: bool | None) -> tuple[keras.Model, GeneratorInfo]:
    """Load a generator's network from image to restored image, and its description.

    Args and errors as in `load_restorer`.
    """
    import_tensorflow_quietly()
    model, info = load_generator(path, method=None, precision=precision)
    info = choose_augmentation(info, test_time_augmentation)
    if info.method == "zse_gan":
        model = model.get_layer("sharpen")
    return model, info


def load_blurrer(path: str | os.PathLike[str], *, precision: str = "auto",
                 tile: int | None = None) -> Restorer | FittedBlurrer:
    """Load what blurs a sharpened stack again: half of a ZSE-GAN generator, or its microscope.

    Args and errors as in `load_restorer`; generators of other methods are refused.
    """
    info = read_info(path, method="zse_gan")
    if info.base is not None:
        from microgan.restoration.filtered_stacks import FittedBlurrer

        return FittedBlurrer(info)
    import_tensorflow_quietly()
    model, info = load_generator(path, method="zse_gan", precision=precision)
    backwards = {task: TaskNormalization(ranges.clean, ranges.degraded)
                 for task, ranges in info.normalization.items()}
    return Restorer(model.get_layer("blur"), dataclasses.replace(info, normalization=backwards),
                    tile=tile)


class Restorer:
    """Applies a generator to every plane, or volume, of an image of any size and order of axes.

    Args:
        model: `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, or as
            `TiledNetwork` takes it; or an `OnnxNetwork`.
        info: its description.
        tile: largest side of a tile, in pixels; None for what free memory allows.
        familiarity: for a generator without tasks, compares images with those that it was
            pretrained on; None if they are unknown.
        loaded_from: so that other processes can load it, too; None if they cannot.

    Call arguments:
        image: integers or real floating-point numbers, with a Y and an X axis of at least
            16 pixels: an array, or what numpy converts to one, such as a list of images of
            one size.
        axes: one letter per axis; None for YX with two axes and ZYX with three. Colours are
            channels C, each restored as a plane, such as YXC.
        task: whose intensity constants to use. None for those of a generator's only task,
            otherwise for the image's own 0.1 and 99.9 percentiles. A generator that adds
            several defects needs it; one that was pretrained for any image has no tasks, and
            keeps the image's brightness and contrast on a scale of some pixels.
        nodata: value of pixels that were not measured, such as the borders of stitched
            images; may be NaN. They are kept as they are, count in no percentile, and are
            filled in from around them for the network.
        seed: of the noise of a generator that adds defects; it differs between the planes of
            an image.
        report: called with a line of text for what the user should know: intensities unlike
            the learned ones, percentiles used as constants, clipped or kept pixels, tiles.

    Returns:
        The restored image, shape and type of `image`, clipped to what the type can hold;
        integers are rounded. If the generator was trained with `upsample`, Y and X are longer.

    Raises:
        UserError: the task is unknown, or the axes do not fit; the image is not an array of
            numbers, too small, not finite, beyond what cameras measure, or constant and
            without constants; the result is not finite; or this process was forked.

    A measured degradation model is applied to whole planes, which must fit in memory.
    Calls from several threads wait for each other. A restorer cannot be sent to another
    process: load it there. `restore_dask` does so for images of any size.
    """

    def __init__(self, model: keras.Model | OnnxNetwork, info: GeneratorInfo, *,
                 tile: int | None = None, familiarity: Familiarity | None = None,
                 loaded_from: LoadedFrom | None = None) -> None:
        self.info = info
        self.tile = tile
        self.loaded_from = loaded_from
        self._loaded_in = os.getpid()
        # Statistics and random states are the network's: one image at a time.
        self._lock = threading.RLock()
        self._network = _tiled(model, info)
        self._familiarity = familiarity
        self._max_pixels = self._network.max_pixels
        free = memory.free_bytes() / 2
        if self._network.num_passes == 1:  # larger tiles would only be larger
            free = min(free, _ENOUGH_BYTES if info.base is None else _ENOUGH_BYTES_AFTER_FILTER)
        self._max_pixels = min(self._max_pixels, int(free / self._network.bytes_per_pixel))

    def __reduce__(self) -> Any:
        raise UserError("A restorer cannot be sent to another process. Call load_restorer in each "
                        "process, started by multiprocessing.get_context('spawn').")

    def __call__(self, image: Any, *, axes: str | None = None, task: str | None = None,
                 nodata: float | None = None, seed: int = 0,
                 report: Report = print) -> np.ndarray:
        array = as_image(image)
        restored = np.empty(self.shape_of_result(array.shape, axes), array.dtype)
        self.restore_into(restored, array, axes=axes, task=task, nodata=nodata, seed=seed,
                          report=report)
        return restored

    def shape_of_result(self, shape: Sequence[int], axes: str | None = None) -> tuple[int, ...]:
        """Return the shape of a restored image: larger along Y and X if it is enlarged.

        Raises:
            UserError: the axes do not fit.
        """
        return tuple(shape) if self.info.upsample == 1 else enlarged_shape(
            shape, choose_axes(tuple(shape), axes), self.info.upsample)

    @property
    def num_passes(self) -> int:
        """Number of passes over an image of several tiles: 1 if each tile stands alone."""
        return self._network.num_passes

    @property
    def margin(self) -> tuple[int, ...]:
        """Pixels on either side that a restored pixel depends on, along each axis."""
        return self._network.margin

    @property
    def multiple(self) -> tuple[int, ...]:
        """Pixels from one place to the next at which a tile may begin, along each axis."""
        return self._network.multiple

    def restore_dask(self, image: Any, *, axes: str | None = None,
                     task: str | None = None) -> Any:
        """Restore a Dask array lazily, block by block, on any scheduler or cluster.

        Blocks overlap by what the network sees, so the result is that of the whole image. Each
        process loads the generator once, from the file that this restorer was loaded from;
        nothing is reported.

        Args:
            image: Dask array of any size, or what Dask makes one of; as in a call.
            axes, task: as in a call.

        Returns:
            Dask array of the image's shape and type. Its chunks are one plane, or volume, each,
            cut to at most `tile` or 1024 pixels a side, or what the network sees if that is
            more.

        Raises:
            UserError: as a call; or the result depends on the whole image, as with instance
                norms, a CIN-GAN generator, the embedded one or without constants of a task; or
                Dask (`pip install 'microgan[dask]'`) is not installed.

        Source:
            ours.
        """
        from microgan.restoration.dask_arrays import restore_lazily

        return restore_lazily(self, image, axes=axes, task=task)

    def restore_into(self, target: WritablePixels, image: Pixels, *, axes: str | None = None,
                     task: str | None = None, nodata: float | None = None, seed: int = 0,
                     report: Report = print,
                     progress: Callable[[float], Any] = lambda share: None) -> None:
        """Restore an image that need not fit in memory.

        Args:
            target: receives the result part by part; of the shape of the result and any type.
            image, axes, task, nodata, seed, report: as in a call.
            progress: called with the share that is done, 0 to 1.

        Raises:
            UserError: as a call; or there is not enough memory for the smallest tile, or the
                target does not fit.
        """
        refuse_forked(self._loaded_in)
        image = as_pixels(image)
        check_call(axes, nodata, seed)
        axes = choose_axes(image.shape, axes)
        if self.info.upsample > 1:
            if nodata is not None:
                raise UserError("This generator enlarges images, which would mix measured pixels "
                                "with missing ones. Leave out --nodata, and crop the image.")
            image = EnlargedPixels(image, axes, self.info.upsample)
        if self.info.base is not None and nodata is not None:
            raise UserError("This generator's filter mixes measured pixels with missing ones. "
                            "Leave out --nodata, and crop the stack.")
        check_target(target, image)
        check_task(self.info, task)
        planes = Planes(image.shape, axes, self.info.axes)
        check_size(planes.shape)
        dtype = np.dtype(target.dtype)
        num_missing = check_pixels(image, nodata)
        before, after = self.ranges(image, task, nodata, report)
        name = task or next(iter(self.info.tasks), "")
        model = self.info.degradation.get(name)
        read_plane = functools.partial(planes.read, image)
        filtered = None
        if self.info.base is not None:
            from microgan.restoration.filtered_stacks import FilteredStacks  # loads much of scipy

            filtered = FilteredStacks(self.info.base, planes, image)
        if nodata is not None and num_missing:
            refuse_unless_held(nodata, dtype)
            (level,) = percentiles(image, nodata, (50,))
            pixels = "1 pixel" if num_missing == 1 else f"{num_missing} pixels"
            report(f"Kept {pixels} ({_share(num_missing, image)}) of {nodata:.15g}, missing data.")
        elif nodata is not None and not math.isnan(nodata):
            report(f"No pixel is --nodata={nodata:.15g}.")
        num_clipped = 0

        def read_whole(place: tuple[int, ...], where: tuple[slice, ...]) -> np.ndarray:
            if nodata is None or not num_missing:
                return read_plane(place, where)
            return read_filled(functools.partial(read_plane, place), where, planes.shape, nodata,
                               level)

        @functools.lru_cache(1)
        def degraded(place: tuple[int, ...]) -> np.ndarray:
            """Apply the measured model to a plane: whole, so that tiles do not show."""
            assert model is not None
            random = np.random.default_rng([seed, planes.places.index(place)])
            values = after.normalize(model.apply(random, read_whole(place, planes.everything)))
            refuse_not_finite(values)
            return values

        def read(place: tuple[int, ...], where: tuple[slice, ...]) -> np.ndarray:
            if model is not None:
                return degraded(place)[where]
            if filtered is not None:
                return before.normalize(filtered.read(place, where))
            return before.normalize(read_whole(place, where))

        fit = None
        if not self.info.tasks and self.info.axes == "YX":
            with self._lock:
                fit = fit_to_image(self._network, before, read, planes, self._familiarity, report)
            after = fit.intensities
        refuse_other_type(after, dtype)

        def write(place: tuple[int, ...], where: tuple[slice, ...], values: np.ndarray) -> None:
            nonlocal num_clipped
            restored = (fit.undo(values, read_plane(place, where)) if fit is not None
                        else after.undo(values))
            if nodata is None or not num_missing:
                converted, beyond = to_type(restored, dtype)
            else:
                measured = read_plane(place, where)
                restored[is_missing(measured, nodata)] = 0  # in the range of every type
                converted, beyond = to_type(restored, dtype)
                keep_missing(converted, measured, nodata)
            num_clipped += beyond
            planes.write(target, place, where, converted)

        def missing(place: tuple[int, ...], where: tuple[slice, ...]) -> np.ndarray:
            return is_missing(read_plane(place, where), nodata)

        access = _Access(read, write, missing if num_missing else None)
        with self._lock:
            start = 0
            while start < len(planes.places):
                clipped_before = num_clipped
                try:
                    if self.info.uses_network(name):
                        start += self._restore_next(planes, start, access, task, seed, report,
                                                    progress)
                    else:
                        place = planes.places[start]
                        write(place, planes.everything, read(place, planes.everything))
                        start += 1
                        progress(start / len(planes.places))
                except out_of_memory_errors() as error:
                    num_clipped = clipped_before
                    self._use_less_memory(planes.shape, report, error)
        if num_clipped:
            report(describe_clipped(num_clipped, image, target.dtype))

    def _restore_next(self, planes: Planes, start: int, access: _Access, task: str | None,
                      seed: int, report: Report, progress: Callable[[float], Any]) -> int:
        """Restore as many planes as the network takes at once; return their number."""
        network, side = self._network, self._side(planes.shape)
        index = self.info.tasks.index(task) if task in self.info.tasks else 0
        is_whole = network.grid_size(planes.shape, side)[0] == 1
        by_passes = access.missing is not None and network.num_passes > 1
        if is_whole and not by_passes:
            at_once = max(1, min(self._max_pixels, PIXELS_PER_BATCH) // math.prod(planes.shape))
            numbers = range(start, min(start + at_once, len(planes.places)))
            images = np.stack([access.read(planes.places[number], planes.everything)
                               for number in numbers])
            batch = network.restore_batch(images, numbers, index, seed)
            for number, values in zip(numbers, batch):
                access.write(planes.places[number], planes.everything, values)
            progress(numbers.stop / len(planes.places))
            return len(numbers)
        num_steps = network.num_steps(planes.shape, side, has_missing=by_passes)
        if start == 0 and not is_whole:
            passes = f", {network.num_passes} passes" if network.num_passes > 1 else ""
            report(f"Restoring tiles of {side} pixels a side{passes}.")
        place = planes.places[start]
        steps = network.restore(
            functools.partial(access.read, place), functools.partial(access.write, place),
            planes.shape, side, number=start, task=index, seed=seed,
            missing=access.missing and functools.partial(access.missing, place))
        for step, _ in enumerate(steps, 1):
            progress((start + step / num_steps) / len(planes.places))
        return 1

    def _side(self, shape: Sequence[int]) -> int:
        """Return the largest side of a tile that memory allows, up to the whole image."""
        sides = [max(shape), *_SIDES] if self.tile is None else [self.tile, *_SIDES]
        for side in sides:
            count, pixels = self._network.grid_size(shape, side)
            gain = self._network.whole_gain if count == 1 else 1
            if side <= sides[0] and pixels <= min(gain * self._max_pixels,
                                                  self._network.max_pixels):
                return side
        return _SIDES[-1]

    def _use_less_memory(self, shape: Sequence[int], report: Report, error: Exception) -> None:
        _, of_tile = self._network.grid_size(shape, self._side(shape))
        _, smallest = self._network.grid_size(shape, _SIDES[-1])
        pixels = min(self._max_pixels, max(PIXELS_PER_BATCH, of_tile))
        if pixels <= smallest:
            raise UserError("There is not enough memory for the smallest tile. Close other "
                            "programs or use a smaller network.") from error
        self._max_pixels = pixels // 2
        report(f"Out of memory: continuing with tiles of {self._side(shape)} pixels a side.")

    def ranges(self, image: Pixels, task: str | None, nodata: float | None,
               report: Report) -> tuple[IntensityRange, IntensityRange]:
        """Return the intensities that are -1 and 1 before and after the network."""
        low, high = percentiles(image, nodata)
        if task or len(self.info.tasks) == 1:
            task = task or self.info.tasks[0]
            before, after = self.info.ranges(task)
            if _is_other_scale(low, high, before):
                report(f"Warning: intensities run from {interval(low, high)}, but '{task}' was "
                       f"learned on {interval(before.low, before.high)}: the result means "
                       "little. Was the image converted to another type or scale? "
                       + see("Wrong brightness"))
            return before, after
        if low == high:
            remedy = (f"Name the task: --task={' or --task='.join(self.info.tasks)}."
                      if self.info.tasks else "There is nothing to restore.")
            raise UserError(
                f"The image is {significant(low, 6)} nearly everywhere, so its own percentiles "
                f"give no intensity range. {remedy}")
        if not self.info.tasks:
            report(SEEN_NONE)
            return IntensityRange(low, high), IntensityRange(low, high)
        report(f"No task named: the image's own {PERCENTILES[0]} and {PERCENTILES[1]} "
               f"percentiles, {significant(low, 6)} and {significant(high, 6)}, replace a "
               f"task's intensity constants. Known tasks: {', '.join(self.info.tasks)}.")
        return IntensityRange(low, high), IntensityRange(low, high)


def _tiled(model: keras.Model | OnnxNetwork, info: GeneratorInfo) -> Network:
    """Return what applies a network tile by tile."""
    if hasattr(model, "restore_batch"):
        return model
    from microgan.restoration.tiled_network import TiledNetwork

    return TiledNetwork(model, test_time_augmentation=info.test_time_augmentation)


def describe_clipped(count: int, image: Pixels, dtype: Any) -> str:
    """Tell how many pixels of a restored image a type could not hold."""
    pixels = "1 pixel" if count == 1 else f"{count} pixels"
    return (f"{pixels} ({_share(count, image)}) went beyond what {dtype} can hold and "
            f"{'was' if count == 1 else 'were'} clipped.")


def _share(count: int, image: Pixels) -> str:
    return percent(count / math.prod(image.shape))


def refuse_other_type(restored: IntensityRange, dtype: np.dtype) -> None:
    """Raise `UserError` for integers that cannot hold or resolve most of a restored image."""
    if dtype.kind not in "iu":
        return
    limits = np.iinfo(dtype)
    span = restored.high - restored.low
    inside = min(restored.high, limits.max) - max(restored.low, limits.min)
    if span >= _MIN_LEVELS and inside >= span / 2:
        return
    raise UserError(
        "Restored images range from "
        f"{interval(restored.low, restored.high)}, which {dtype} cannot "
        f"{'resolve' if span < _MIN_LEVELS else 'hold'}. Write float32: --output_type=float32, or "
        "from Python pass the image as float32.")


def _is_other_scale(low: float, high: float, learned: IntensityRange) -> bool:
    """Whether an image from `low` to `high` is unlike all training images."""
    inside = min(high, learned.high) - max(low, learned.low)
    return (inside < _LEAST_INSIDE * (high - low)
            or 0 < high - low < _LEAST_SPAN * (learned.high - learned.low))
