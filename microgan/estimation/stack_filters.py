"""Sharpen z-stacks without training: the filters that a network must beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.fft import dctn, idctn

from microgan.datasets.middle import middle
from microgan.estimation import depth_filter
from microgan.estimation.densities import BRIGHTEST_PERCENTILE, to_density
from microgan.estimation.microscope_fit import fit_microscope
from microgan.metrics.defocus import estimate_transfer, interpolate_transfer
from microgan.metrics.sharpness import find_focal_plane, mean_absolute_gradient
from microgan.simulation.fitted_microscope import NONNEGATIVE_3D, SIGMA, Light, MicroscopeFit

WIENER, RICHARDSON_LUCY, EXTENDED = "Wiener", "Richardson-Lucy", "extended depth of field"
LINEAR_3D, RICHARDSON_LUCY_3D = "3D linear", "3D Richardson-Lucy"
_BY_SLICE = (WIENER, RICHARDSON_LUCY, EXTENDED)
# The choice of a setting needs no more than so many stacks and pixels.
_NUM_STACKS = 4
_SIDE_PX = 256
_NOISE_TO_SIGNAL = (0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4)
_WIENER_WORDS, _LEFT_WORDS = "noise to signal {:g}", "a blur of {:.2g} pixels left"
_LEFT_PX = (0.7, 1.0, 1.4)  # blur that may be left, if that in focus is less
# Richardson-Lucy divides: without a ground, of this share of the contrast, empty places explode,
# since measured transfers ring.
_GROUND = 0.07

Sharpen = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class StackFilter:
    """A filter with its setting chosen.

    Args:
        name: of the method.
        setting: what was chosen, for the reader.
        sharpen: a stack (Z, Y, X) of any real type and its focal plane, from 0, to
            float64 (Z, Y, X).
    """

    name: str
    setting: str
    sharpen: Sharpen


def fit_middles(stacks: Sequence[np.ndarray], *, step_px: float) -> MicroscopeFit:
    """Fit a microscope to as much of stacks as it takes; see `fit_microscope`.

    In `Light.SHADED` it also measures how much contrast sharp samples are shown with: that of the
    slices in focus.
    """
    middles = [middle(stack, _SIDE_PX) for stack in stacks]
    fit = fit_microscope(middles, step_px=step_px)
    if fit.light != Light.SHADED:
        return fit
    focus = int(np.clip(round(fit.microscope.focal_plane), 0, len(stacks[0]) - 1))
    ratios = []
    for stack in middles[:_NUM_STACKS]:
        density, _ = to_density(stack, fit.light)
        sharp = depth_filter.nonnegative_filter(density, fit, fit.microscope.sigma_um)
        ratios.append(density[focus].std() / max(float(sharp[focus].std()), 1e-9))
    return replace(fit, shown=float(np.clip(np.median(ratios), 0.01, 1)))


def fit_stack_filters(stacks: Sequence[np.ndarray], focal_planes: Sequence[int],
                      tissue: tuple[int, int], fit: MicroscopeFit) -> list[StackFilter]:
    """Measure what the microscope does to slices, and choose each filter's setting.

    The setting chosen is that with which the slices come nearest to being as sharp as the focal
    plane; no sharp volume is needed.

    Args:
        stacks: (Z, Y, X) each, of one depth, at least 16 pixels a side; never those to test on.
        focal_planes: index in each stack.
        tissue: first and one past the last slice that count.
        fit: of the same stacks, from `fit_middles`.

    Returns:
        `WIENER` and `RICHARDSON_LUCY`, slice by slice; `EXTENDED`; and `LINEAR_3D`,
        `NONNEGATIVE_3D` and `RICHARDSON_LUCY_3D`, for stacks that are focused in the same slice
        as these.

    Source:
        ours.

    Example:
        >>> stack = np.random.default_rng(0).normal(100, 9, (5, 16, 16))
        >>> fit = fit_middles([stack], step_px=1)
        >>> for each in fit_stack_filters([stack], [2], (0, 5), fit):
        ...     print(each.name)
        Wiener
        Richardson-Lucy
        extended depth of field
        3D linear
        3D non-negative
        3D Richardson-Lucy
    """
    cropped = [middle(stack, _SIDE_PX) for stack in stacks]
    transfer = estimate_transfer(cropped, focal_planes)

    def by_slice(restore: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
                 ) -> Callable[[float], Sharpen]:
        def with_setting(setting: float) -> Sharpen:
            return lambda stack, focal_plane: restore(
                stack, _of_slices(transfer, len(stack), focal_plane), setting)
        return with_setting

    methods: Mapping[str, tuple[str, Callable[[float], Sharpen], Sequence[float]]] = {
        WIENER: (_WIENER_WORDS, by_slice(wiener), _NOISE_TO_SIGNAL),
        RICHARDSON_LUCY: ("{:g} iterations", by_slice(
            lambda stack, passed, count: richardson_lucy(stack, passed, int(count), fit.light)),
            (2, 4, 8, 16, 32)),
        EXTENDED: ("window of {:g} pixels", lambda window: lambda stack, _: extended_focus(
            stack, window), (1, 2, 4, 8)),
        LINEAR_3D: (_LEFT_WORDS, lambda left: lambda stack, _: linear_3d(
            stack, fit, left), _blurs_left(fit)),
        NONNEGATIVE_3D: (_LEFT_WORDS, lambda left: lambda stack, _: nonnegative_3d(
            stack, fit, left), _blurs_left(fit)),
        RICHARDSON_LUCY_3D: ("{:g} iterations", lambda count: lambda stack, _: (
            richardson_lucy_3d(stack, fit, int(count))), (4, 8, 16, 32))}
    filters = []
    for name, (words, method, settings) in methods.items():
        slices = tissue if name in _BY_SLICE else _in_sample(tissue, fit)
        chosen = _sharpest_match(settings, method, cropped[:_NUM_STACKS],
                                 focal_planes[:_NUM_STACKS], slices)
        filters.append(StackFilter(name, words.format(chosen), method(chosen)))
    return filters


@dataclass(frozen=True)
class ChosenFilter:
    """A filter fitted to the stack that it is for.

    Args:
        name: `NONNEGATIVE_3D` or `WIENER`.
        setting: what was chosen, for the reader.
        sharpen: the stack (Z, Y, X) to float64 (Z, Y, X).
    """

    name: str
    setting: str
    sharpen: Callable[[np.ndarray], np.ndarray]


def choose_filter(stack: np.ndarray, *, step_px: float) -> ChosenFilter:
    """Fit a filter to a stack that stands alone.

    Args:
        stack: (Z, Y, X), any real type, at least 3 slices of 16 x 16.
        step_px: distance between slices, in pixels of a slice.

    Returns:
        The 3D non-negative filter if the stack tells how its blur grows, within slices and across
        them; else Wiener's filter of each slice.
    """
    cropped = middle(stack, _SIDE_PX)
    fit = fit_middles([stack], step_px=step_px)
    every = (0, len(stack))
    if fit.undetermined in ((), (SIGMA,)):
        focal_plane = int(np.clip(round(fit.microscope.focal_plane), 0, len(stack) - 1))
        left = choose_blur_left([stack], [focal_plane], every, fit)
        return ChosenFilter(NONNEGATIVE_3D, _LEFT_WORDS.format(left),
                            lambda each: nonnegative_3d(each, fit, left))
    focal_plane = find_focal_plane(stack)
    transfer = _of_slices(estimate_transfer([cropped], [focal_plane]), len(stack), focal_plane)
    ratio = _sharpest_match(_NOISE_TO_SIGNAL, lambda ratio: lambda each, _: wiener(
        each, transfer, ratio), [cropped], [focal_plane], every)
    return ChosenFilter(WIENER, _WIENER_WORDS.format(ratio),
                        lambda each: wiener(each, transfer, ratio))


def choose_blur_left(stacks: Sequence[np.ndarray], focal_planes: Sequence[int],
                     tissue: tuple[int, int], fit: MicroscopeFit) -> float:
    """Choose the blur, in pixels, that 3D filters leave, on the middle of a few stacks.

    Args:
        stacks: as for `fit_stack_filters`, as are the next three.
        focal_planes: likewise.
        tissue: likewise.
        fit: likewise.
    """
    return _sharpest_match(
        _blurs_left(fit), lambda left: lambda stack, _: linear_3d(stack, fit, left),
        [middle(stack, _SIDE_PX) for stack in stacks[:_NUM_STACKS]], focal_planes[:_NUM_STACKS],
        _in_sample(tissue, fit))


def _in_sample(tissue: tuple[int, int], fit: MicroscopeFit) -> tuple[int, int]:
    """Return the slices of the tissue in which the fitted sample lies, or all of the tissue."""
    first, end = max(tissue[0], round(fit.tissue[0])), min(tissue[1], round(fit.tissue[1]) + 1)
    return (first, end) if first < end else tissue


def wiener(stack: np.ndarray, transfer: np.ndarray, noise_to_signal: float) -> np.ndarray:
    """Undo the blur of each slice by Wiener's filter of white noise and signal.

    Args:
        stack: (Z, Y, X), any real type.
        transfer: float (Z, R), by slice and ring of frequency, from `estimate_transfer`.
        noise_to_signal: above 0.

    Returns:
        float64 (Z, Y, X), of the same mean.
    """
    sharp = np.empty(stack.shape)
    for image, passed, target in zip(stack, transfer, sharp):
        gain = interpolate_transfer(passed, _frequency(image.shape))
        gain *= (1 + noise_to_signal) / (np.square(gain) + noise_to_signal)
        target[:] = _filtered(image, gain)
    return sharp


def richardson_lucy(stack: np.ndarray, transfer: np.ndarray, num_iterations: int,
                    light: Light) -> np.ndarray:
    """Undo the blur of each slice by the method of Richardson and Lucy.

    In bright field it works on optical density or shade, which are at least 0 as emission is.

    Args:
        stack: (Z, Y, X), any real type.
        transfer: float (Z, R), by slice and ring of frequency, from `estimate_transfer`.
        num_iterations: at least 1.
        light: what the microscope blurs.

    Returns:
        float64 (Z, Y, X).

    Source:
        Richardson 1972, Lucy 1974. Departs: starts from the measured slice.
    """
    density, to_intensity = to_density(stack, light)
    ground = _ground(density)
    for image, passed in zip(density, transfer):
        measured = np.maximum(image, 0) + ground
        gain = interpolate_transfer(passed, _frequency(image.shape))
        estimate = measured
        for _ in range(num_iterations):
            ratio = measured / np.maximum(_filtered(estimate, gain), ground / 100)
            estimate = np.maximum(estimate * _filtered(ratio, gain), 0)
        image[:] = estimate - ground
    return to_intensity(density)


def extended_focus(stack: np.ndarray, window_px: float) -> np.ndarray:
    """Compose one image of the sharpest places of all slices, and show it at every depth.

    Args:
        stack: (Z, Y, X), any real type.
        window_px: standard deviation of the window in which sharpness is measured.

    Returns:
        float64 (Z, Y, X), all slices equal.

    Source:
        the energy of the Laplacian, Subbarao and Tyan 1998.
    """
    energy, composed = np.full(stack.shape[1:], -1.0), np.zeros(stack.shape[1:])
    for image in stack:
        smooth = ndimage.gaussian_laplace(image.astype(np.float64), 1)
        found = ndimage.gaussian_filter(np.square(smooth), window_px)
        composed = np.where(found > energy, image, composed)
        energy = np.maximum(found, energy)
    return np.broadcast_to(composed, stack.shape).copy()


def linear_3d(stack: np.ndarray, fit: MicroscopeFit, left_px: float) -> np.ndarray:
    """Undo the blur by `depth_filter.linear_filter`, on the density.

    Args:
        stack: (Z, Y, X), any real type.
        fit: of stacks that are focused in the same slice.
        left_px: standard deviation of the blur that is left.

    Returns:
        float64 (Z, Y, X).
    """
    density, to_intensity = to_density(stack, fit.light)
    found = depth_filter.linear_filter(density, fit, left_px)
    return to_intensity(fit.shown * found.astype(np.float64))


def nonnegative_3d(stack: np.ndarray, fit: MicroscopeFit, left_px: float) -> np.ndarray:
    """Undo the blur by `depth_filter.nonnegative_filter`; arguments as for `linear_3d`."""
    density, to_intensity = to_density(stack, fit.light)
    density = density.astype(np.float32)  # large stacks take much memory
    found = depth_filter.nonnegative_filter(density, fit, left_px)
    return to_intensity(fit.shown * found.astype(np.float64))


def richardson_lucy_3d(stack: np.ndarray, fit: MicroscopeFit, num_iterations: int
                       ) -> np.ndarray:
    """Undo the blur by `depth_filter.richardson_lucy`; arguments as for `linear_3d`."""
    density, to_intensity = to_density(stack, fit.light)
    found = depth_filter.richardson_lucy(density, fit, num_iterations, ground=_ground(density))
    return to_intensity(fit.shown * found.astype(np.float64))


def _blurs_left(fit: MicroscopeFit) -> list[float]:
    """Return the blurs that a linear filter may leave, pixels: never less than that in focus."""
    in_focus = fit.microscope.sigma_um
    return [in_focus, *(left for left in _LEFT_PX if left > in_focus)]


def _ground(density: np.ndarray) -> float:
    return max(_GROUND * float(np.percentile(density, BRIGHTEST_PERCENTILE)), 1e-9)


def _sharpest_match(settings: Sequence[float], method: Callable[[float], Sharpen],
                    stacks: Sequence[np.ndarray], focal_planes: Sequence[int],
                    tissue: tuple[int, int]) -> float:
    """Return the setting with which slices come nearest to the focal plane's sharpness."""
    errors = [_sharpness_error(method(setting), stacks, focal_planes, tissue)
              for setting in settings]
    return settings[int(np.argmin(errors))]


def _sharpness_error(sharpen: Sharpen, stacks: Sequence[np.ndarray], focal_planes: Sequence[int],
                     tissue: tuple[int, int]) -> float:
    """Return how far slices are from the focal plane's sharpness: mean logarithm of ratios."""
    errors = []
    for stack, focal_plane in zip(stacks, focal_planes):
        wanted = mean_absolute_gradient(stack[focal_plane])
        sharp = sharpen(stack, focal_plane)
        errors += [abs(np.log(max(mean_absolute_gradient(image), 1e-9) / max(wanted, 1e-9)))
                   for image in sharp[slice(*tissue)]]
    return float(np.mean(errors))


def _of_slices(transfer: np.ndarray, depth: int, focal_plane: int) -> np.ndarray:
    """Choose a stack's slices from a transfer by offset; beyond its ends the last one counts."""
    offsets = np.arange(depth) - focal_plane + len(transfer) // 2
    return transfer[np.clip(offsets, 0, len(transfer) - 1)]


def _frequency(shape: tuple[int, ...]) -> np.ndarray:
    """Return the frequency of each coefficient of a cosine transform, cycles per pixel."""
    height, width = shape
    return np.hypot(np.arange(height)[:, np.newaxis] / height, np.arange(width) / width) / 2


def _filtered(image: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Apply a filter as if the image went on mirrored beyond its borders."""
    return np.asarray(idctn(dctn(image.astype(np.float64)) * gain))
