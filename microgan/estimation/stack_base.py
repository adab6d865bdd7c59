"""The filter that comes before a network: chosen from stacks, applied to stacks or their parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from microgan.datasets.normalization import PERCENTILES
from microgan.estimation import depth_filter
from microgan.estimation.densities import to_density
from microgan.estimation.stack_filters import choose_blur_left, fit_middles
from microgan.metrics.sharpness import find_focal_plane
from microgan.simulation.fitted_microscope import (
    AXIAL, LATERAL, NONNEGATIVE_3D, SIGMA, Light, StackBase)

# Of a part that is filtered alone, so that it hardly differs from the whole: pixels, and times
# the widest blur within a slice.
_LEAST_MARGIN_PX, _MARGIN_BLURS, _MOST_MARGIN_PX = 16, 6, 96


def choose_base(stacks: Sequence[np.ndarray], *, step_px: float,
                focal_plane: int | None = None) -> StackBase:
    """Fit a microscope to stacks, and choose the filter that undoes its blur.

    Args:
        stacks: (Z, Y, X) each, any real type, of one depth, focused in the same slice; at least
            16 pixels a side.
        step_px: distance between slices, in pixels of a slice.
        focal_plane: from 0, in all stacks; None for the sharpest of each.

    Returns:
        The 3D non-negative filter.

    Source:
        ours.

    Example:
        >>> from microgan.simulation.z_stacks import simulate_stack
        >>> stack, _ = simulate_stack(seed=1, part="train", index=0, size_px=48)
        >>> base = choose_base([stack], step_px=1)
        >>> base.name, base.num_slices, apply_base(base, stack, levels_of(stack)).shape
        ('3D non-negative', 29, (29, 48, 48))
    """
    num_slices = len(stacks[0])
    fit = fit_middles(stacks, step_px=step_px)
    focal_planes = [find_focal_plane(stack) if focal_plane is None else focal_plane
                    for stack in stacks]
    left_px = choose_blur_left(stacks, focal_planes, (0, num_slices), fit)
    return StackBase(NONNEGATIVE_3D, float(left_px), num_slices, fit)


def levels_of(stack: np.ndarray) -> tuple[float, float]:
    """Return the intensities of a whole stack that tell dark and full light."""
    low, high = np.percentile(stack, PERCENTILES)
    return float(low), float(high)


def apply_base(base: StackBase, part: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """Sharpen a stack, or a part with `base_margin_px` around what is wanted.

    Args:
        base: from `choose_base`.
        part: (Z, Y, X), any real type, of all slices; taken to go on mirrored.
        levels: of the whole stack, from `levels_of`.

    Returns:
        float32 (Z, Y, X), intensities.
    """
    density = np.empty(part.shape, np.float32)
    for image, target in zip(part, density):  # float64 for a slice at a time
        target[:], to_intensity = _to_density(image, base.fit.light, levels)
    sharp = depth_filter.nonnegative_filter(density, base.fit, base.left_px)
    for image in sharp:
        image[:] = to_intensity(base.fit.shown * image.astype(np.float64))
    return sharp


def blur_by_base(base: StackBase, volume: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """Return what the fitted microscope shows of a sharpened stack, without noise.

    Args:
        base: whose microscope it is.
        volume: (Z, Y, X), intensities; blurred as `apply_base` leaves it.
        levels: of the measured stack, from `levels_of`.

    Returns:
        float64 (Z, Y, X), intensities.
    """
    density, to_intensity = _to_density(volume, base.fit.light, levels)
    again = depth_filter.blur_again(density / base.fit.shown, base.fit, base.left_px)
    return to_intensity(again.astype(np.float64))


def base_margin_px(base: StackBase) -> int:
    """Return how far, within slices, the filter of a part must see beyond its borders."""
    widest_px = max(base.fit.blurs(base.num_slices)[name] for name in (SIGMA, LATERAL))
    return int(min(_LEAST_MARGIN_PX + _MARGIN_BLURS * widest_px, _MOST_MARGIN_PX))


def describe_base(base: StackBase, stacks: Sequence[np.ndarray]) -> str:
    """Say in words what was fitted to stacks, one line each, and what they hardly tell."""
    fit, blurs = base.fit, base.fit.blurs(base.num_slices)
    is_bright_field = fit.light != Light.EMITTED
    begin, end = (float(np.clip(limit + 1, 1, base.num_slices)) for limit in fit.tissue)
    words = "; ".join(
        f"{name} {blurs[name]:.2g} pixels (+- {100 * fit.relative_errors[name]:.0f} %)"
        for name in (SIGMA, LATERAL, AXIAL))
    noise = 100 * np.sqrt(fit.noise_variance)
    unit = ("of the light without absorption" if is_bright_field else
            f"of the brightest {_brightest(stacks) or 1:.3g} grey levels")
    if not is_bright_field:
        noise /= _brightest(stacks) or 1
    lines = [
        f"Fitted microscope ({'bright field' if is_bright_field else 'fluorescence'}): focused "
        f"at slice {fit.microscope.focal_plane + 1:.1f} of {base.num_slices}; {words}; sample in "
        f"slices {begin:.0f} to {end:.0f}; noise {noise:.2g} % {unit}.",
        f"What the {base.name} filter makes of the stacks, seen by this microscope again, is "
        f"{misfit(base, stacks):.1f} standard deviations of the noise away from them, about 1 if "
        "the fit lacks nothing."]
    if fit.undetermined:
        lines.append(f"The stacks hardly tell the {' and the '.join(fit.undetermined)}: what is "
                     "usual was taken. More or larger stacks tell more.")
    return "\n".join(lines)


def misfit(base: StackBase, stacks: Sequence[np.ndarray]) -> float:
    """Return how far filtered stacks, seen by the fitted microscope again, are from the stacks.

    Root mean square over the sample, of the density, in standard deviations of the noise.
    """
    errors = []
    inside = slice(*(int(np.clip(round(limit), 0, base.num_slices)) for limit in base.fit.tissue))
    for stack in stacks:
        levels = levels_of(stack)
        density, _ = _to_density(apply_base(base, stack, levels), base.fit.light, levels)
        again = depth_filter.blur_again(density / base.fit.shown, base.fit, base.left_px)
        errors.append(np.square(again - _to_density(stack, base.fit.light, levels)[0])[inside])
    return float(np.sqrt(np.mean(errors) / max(base.fit.noise_variance, 1e-12)))


def _to_density(part: np.ndarray, light: Light, levels: tuple[float, float]
                ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """As `to_density`, of a part of the stack with these levels."""
    return to_density(part, light, like=np.array(levels)[[0 if light == Light.EMITTED else 1]])


def _brightest(stacks: Sequence[np.ndarray]) -> float:
    return float(np.median([high - low for low, high in map(levels_of, stacks)]))
