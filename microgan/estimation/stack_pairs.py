"""Stacks as a measured microscope would take them, with their sharp volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy import ndimage

from microgan.estimation.densities import BRIGHTEST_PERCENTILE, to_density
from microgan.estimation.depth_filter import nonnegative_filter
from microgan.estimation.stack_filters import nonnegative_3d
from microgan.simulation.fitted_microscope import Light, MicroscopeFit
from microgan.simulation.microscope import Microscope
from microgan.simulation.random_stacks import (
    MARGIN_PX, RecordedStack, draw_place, see_slices)

# Of the blur's logarithms, besides what the fit is unsure of: its model errs, too.
_LEAST_SPREAD = 0.04
_NORMAL_90 = 1.645
_LEAST_BLUR_PX = 0.2
_BEYOND_PX = 3.0  # a sample thicker than the stack counts so far beyond its ends
# Slices by which a sample may be thinner than the fitted one, on each side.
_LEAST_THINNER, _MOST_THINNER = -1.0, 3.0
# Slices on each side of the focal plane in which the filter restores nearly all.
_NEAR_FOCUS = 4
_OWN_BRIGHTNESS, _BRIGHTNESS = (0.8, 1.2), (0.5, 1.3)


class MeasuredMicroscope:
    """A microscope, its noise and its samples, as stacks show them.

    Samples are random ones, or what the filter makes of the stacks near their focus,
    mirrored along depth to the thickness of the whole: they look like the user's own.

    Args:
        stacks: (Z, Y, X) each, any real type, of one depth and focal plane.
        fit: of the same stacks, from `fit_middles`.
        left_px: blur that the filter leaves.

    Source:
        ours.

    Example:
        >>> from microgan.estimation.stack_filters import fit_middles
        >>> from microgan.simulation.z_stacks import simulate_stack
        >>> stacks = [simulate_stack(seed=1, part="train", index=index, size_px=64)[0]
        ...           for index in range(2)]
        >>> seen = MeasuredMicroscope(stacks, fit_middles(stacks, step_px=1), 0.7)
        >>> seen.record_own(np.random.default_rng(0), 40).measured.shape
        (29, 40, 40)
    """

    def __init__(self, stacks: Sequence[np.ndarray], fit: MicroscopeFit, left_px: float) -> None:
        self._fit, self._left_px = fit, left_px
        self._num_slices = len(stacks[0])
        densities = [to_density(stack, fit.light)[0] for stack in stacks]
        self._own = [nonnegative_filter(density, fit, left_px) for density in densities]
        self._brightest = float(np.median([
            np.percentile(density, BRIGHTEST_PERCENTILE) for density in self._own]))
        # The fit knows the noise of the density, in the mean over all pixels.
        if fit.light == Light.ABSORBED:
            darkness = float(np.mean([np.exp(density).mean() for density in densities]))
            self._photons = darkness / max(fit.noise_variance, 1e-12)
        elif fit.light == Light.SHADED:
            brightness = 1 - float(np.mean([density.mean() for density in densities]))
            self._photons = brightness / max(fit.noise_variance, 1e-12)
        else:
            self._mean_light = float(np.mean([stack.mean() for stack in stacks]))
            self._dark = self._mean_light - float(np.mean([
                density.mean() for density in densities]))

    def sharpen(self, stack: np.ndarray) -> np.ndarray:
        """Apply the filter; see `nonnegative_3d`."""
        return nonnegative_3d(stack, self._fit, self._left_px)

    def record(self, rng: np.random.Generator, volume: np.ndarray, side_px: int) -> RecordedStack:
        """See a random place of a sample.

        Args:
            rng: source of everything random.
            volume: from `draw_volume`, at least `side_px` + 2 * `MARGIN_PX` voxels a side. A
                sample that would be thicker ends there.
            side_px: of the slices.
        """
        positions_px = self._draw_positions_px(rng)[:len(volume)]
        microscope = self._vary(rng)
        density = draw_place(rng, [volume], (len(positions_px), side_px, side_px))
        density = density * self._brightest * rng.uniform(*_BRIGHTNESS)
        sharp = ndimage.gaussian_filter(density, microscope.sigma_um, mode="nearest")
        return self._see(rng, density, sharp, positions_px, microscope)

    def record_own(self, rng: np.random.Generator, side_px: int) -> RecordedStack:
        """See a random place of a filtered stack; arguments as for `record`."""
        positions_px = self._draw_positions_px(rng)
        density = self._draw_own(rng, positions_px, side_px + 2 * MARGIN_PX)
        density = density * rng.uniform(*_OWN_BRIGHTNESS)
        beyond = _Beyond(**asdict(self._vary(rng)), left_um=self._left_px)
        return self._see(rng, density, density, positions_px, beyond)

    def _draw_positions_px(self, rng: np.random.Generator) -> np.ndarray:
        """Draw depths a pixel apart through a sample about as thick as the fitted one.

        Slice 0 is at 0. A sample that always ended where the fit says would teach that there is
        something in every slice up to there.
        """
        step_px = self._fit.microscope.z_step_um
        begin, end = self._fit.tissue
        most = min(_MOST_THINNER, max(0.0, (end - begin) / 4))
        begin, end = ((limit + inwards * rng.uniform(_LEAST_THINNER, most)) * step_px
                      for limit, inwards in ((begin, 1), (end, -1)))
        last = (self._num_slices - 1) * step_px
        return np.arange(np.floor(np.clip(begin, -_BEYOND_PX, last)),
                         np.ceil(np.clip(end, 0, last + _BEYOND_PX)) + 1)

    def _vary(self, rng: np.random.Generator) -> Microscope:
        """Draw a microscope within what the fit is unsure of."""
        microscope = self._fit.microscope
        names = ("sigma_um", "lateral_growth_per_um", "axial_growth_per_um")
        spreads = [max(_LEAST_SPREAD, error / _NORMAL_90)
                   for error in self._fit.relative_errors.values()]
        return replace(microscope, **{
            name: getattr(microscope, name) * float(np.exp(rng.normal(0, spread)))
            for name, spread in zip(names, spreads, strict=True)})

    def _draw_own(self, rng: np.random.Generator, positions_px: np.ndarray, side_px: int
                  ) -> np.ndarray:
        """Cut a place of a filtered stack, in one of 8 symmetries, mirrored along depth."""
        density = self._own[int(rng.integers(len(self._own)))]
        focal_plane = self._fit.microscope.focal_plane
        first = max(0.0, focal_plane - _NEAR_FOCUS)
        span = min(len(density) - 1.0, focal_plane + _NEAR_FOCUS) - first
        phases = positions_px / self._fit.microscope.z_step_um + rng.uniform(0, 2 * span)
        slices = first + np.abs(phases % (2 * span) - span)
        missing = max(0, side_px - min(density.shape[1:]))
        density = np.pad(density, ((0, 0), (0, missing), (0, missing)), mode="reflect")
        top, left = (int(rng.integers(length - side_px + 1)) for length in density.shape[1:])
        density = density[:, top:top + side_px, left:left + side_px]
        density = np.flip(density, tuple(axis for axis in (1, 2) if rng.integers(2)))
        if rng.integers(2):
            density = density.swapaxes(1, 2)
        side = np.arange(side_px)
        return np.asarray(ndimage.map_coordinates(
            density, np.meshgrid(slices, side, side, indexing="ij"), order=1, mode="nearest"))

    def _see(self, rng: np.random.Generator, density: np.ndarray, sharp: np.ndarray,
             positions_px: np.ndarray, microscope: Microscope) -> RecordedStack:
        seen, sharp, is_inside = see_slices(microscope, density, sharp, positions_px,
                                            self._num_slices)
        seen, sharp = np.maximum(seen, 0), np.maximum(sharp, 0)
        step_px = microscope.z_step_um
        if self._fit.light != Light.EMITTED:
            light, sharp_light = (
                np.exp(-density) if self._fit.light == Light.ABSORBED
                else 1 - np.minimum(density, 1) for density in (seen, self._fit.shown * sharp))
            measured = rng.poisson(light * self._photons) / self._photons
            return RecordedStack(measured, sharp_light, is_inside, step_px)
        light = seen + self._dark
        deviation = np.sqrt(self._fit.noise_variance * np.maximum(light, 0) / self._mean_light)
        measured = light + deviation * rng.normal(size=light.shape)
        return RecordedStack(measured, sharp + self._dark, is_inside, step_px)


@dataclass(frozen=True)
class _Beyond(Microscope):
    """A microscope that sees a sample in which a blur is left, which does not count twice."""

    left_um: float = 0.0

    def blur_um(self, index: int) -> tuple[float, float]:
        across, within = (float(np.sqrt(max(blur ** 2 - self.left_um ** 2, _LEAST_BLUR_PX ** 2)))
                          for blur in super().blur_um(index))
        return across, within
