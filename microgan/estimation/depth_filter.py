"""Undo a fitted microscope's blur in three dimensions: light goes back to its depth."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn

from microgan.simulation.fitted_microscope import MicroscopeFit
from microgan.estimation.slice_model import SliceModel
from microgan.simulation.microscope import Microscope

_RINGS_PER_CYCLE = 256  # one matrix for all coefficients in a ring
_LEAST_FREQUENCY = 1e-3
# The model errs: with its own noise alone, the filter would trust it too much.
_MODEL_ERROR, _NOISE_FACTOR = 0.0003, 10
_LEAST_BLUR_UM = 0.2
# Of the iterations that keep estimates above 0: so many, at this rate, converge.
_RATE, _NUM_ITERATIONS = 0.3, 10
_LEAST_SEEN = 0.05  # of a depth, below which nothing is made of it


def linear_filter(density: np.ndarray, fit: MicroscopeFit, sigma_px: float) -> np.ndarray:
    """Estimate a sample, equally sharp in all slices and directions, with the least error.

    Args:
        density: float (Z, Y, X), as the fit's microscope shows it.
        fit: of `fit_microscope`.
        sigma_px: standard deviation of the blur that is left, pixels of a slice.

    Returns:
        float32 (Z, Y, X), of each slice's mean; may fall below 0.

    Source:
        Wiener's filter, with a matrix over depths at each lateral frequency; ours.
    """
    step_px = fit.microscope.z_step_um

    def gains(frequency: np.ndarray) -> np.ndarray:
        model = SliceModel(len(density), step_px, np.maximum(frequency, _LEAST_FREQUENCY))
        passed = model.transfer(fit.microscope, fit.tissue)
        shared = model.sample_covariance(np.array(fit.log_power)) @ passed.transpose(0, 2, 1)
        measured = passed @ shared
        diagonal = np.arange(len(density))
        measured[:, diagonal, diagonal] += _NOISE_FACTOR * fit.noise_variance
        measured[:, diagonal, diagonal] *= 1 + _MODEL_ERROR
        wanted = _blur_left(model, frequency, fit, sigma_px) @ shared
        found = np.linalg.solve(measured, wanted.transpose(0, 2, 1)).transpose(0, 2, 1)
        found[frequency == 0] = np.eye(len(density))
        return np.asarray(found)

    return _RingFilter(density.shape[1:], gains)(density)


def nonnegative_filter(density: np.ndarray, fit: MicroscopeFit, sigma_px: float) -> np.ndarray:
    """Estimate a sample as `linear_filter` does, but nowhere below 0.

    Args:
        density: float (Z, Y, X), as the fit's microscope shows it.
        fit: of `fit_microscope`.
        sigma_px: standard deviation of the blur that is left, pixels of a slice.

    Returns:
        float32 (Z, Y, X), of each slice's mean; about 0 outside the sample.

    Source:
        the most probable sample of the linear filter's model among those without negative
        density, by the alternating direction method of multipliers (Boyd et al. 2011); ours.
    """
    num_slices, step_px = len(density), fit.microscope.z_step_um
    num_depths = len(SliceModel(num_slices, step_px, np.zeros(1)).depths)
    mean = float(density.mean())
    rate = _RATE / max(float(density.var(axis=(1, 2)).max()), 1e-12)

    def gains(frequency: np.ndarray) -> np.ndarray:
        """Return what the estimate takes from the slices and from an earlier estimate."""
        model = SliceModel(num_slices, step_px, np.maximum(frequency, _LEAST_FREQUENCY))
        passed = model.transfer(fit.microscope, fit.tissue)
        back = passed.transpose(0, 2, 1)
        sample = model.sample_covariance(np.array(fit.log_power))
        noise = (passed @ sample @ back)[:, range(num_slices), range(num_slices)]
        noise = _MODEL_ERROR * noise + _NOISE_FACTOR * fit.noise_variance
        known = sample - sample @ np.linalg.solve(sample + np.eye(num_depths) / rate, sample)
        seen = passed @ known
        measured = seen @ back
        measured[:, range(num_slices), range(num_slices)] += noise
        from_slices = np.linalg.solve(measured, seen).transpose(0, 2, 1)
        from_earlier = rate * (known - from_slices @ seen)
        from_slices[frequency == 0] = np.stack([np.interp(
            model.depths, np.arange(num_slices), only) for only in np.eye(num_slices)], axis=1)
        from_earlier[frequency == 0] = 0
        return np.concatenate([from_slices, from_earlier], axis=2)

    def leave(frequency: np.ndarray) -> np.ndarray:
        return _blur_left(SliceModel(num_slices, step_px, frequency), frequency, fit, sigma_px)

    update = _RingFilter(density.shape[1:], gains)
    found = np.full((num_depths, *density.shape[1:]), mean, np.float32)
    for _ in range(_NUM_ITERATIONS):
        # Nowhere below 0 is `max(found, 0)`; the rest of `found` is what pulled it lower.
        estimate = update(itertools.chain((image - mean for image in density),
                                          (np.abs(image) - mean for image in found)))
        np.minimum(found, 0, out=found)
        found += estimate
        found += mean
    return _RingFilter(density.shape[1:], leave)(np.maximum(found, 0))


def _blur_left(model: SliceModel, frequency: np.ndarray, fit: MicroscopeFit, sigma_px: float
               ) -> np.ndarray:
    """Return what leaves a blur, from depths to slices: (frequency, slice, depth)."""
    across = np.exp(-np.square(
        (model.slices[:, np.newaxis] - model.depths) * fit.microscope.z_step_um / sigma_px) / 2)
    across *= model.presence(*fit.tissue) / across.sum(axis=1, keepdims=True)
    within = np.exp(-2 * np.square(np.pi * frequency * sigma_px))
    return np.asarray(within[:, np.newaxis, np.newaxis] * across)


def richardson_lucy(density: np.ndarray, fit: MicroscopeFit, num_iterations: int, *,
                    ground: float) -> np.ndarray:
    """Estimate a sample by Richardson's and Lucy's iterations in three dimensions.

    Args:
        density: float (Z, Y, X), as the fit's microscope shows it.
        fit: of `fit_microscope`.
        num_iterations: at least 1.
        ground: above 0, added before and subtracted at the end, so that empty places are stable.

    Returns:
        float32 (Z, Y, X).

    Source:
        Richardson 1972, Lucy 1974; the forward model varies with depth.
    """
    shape = density.shape[1:]
    model = SliceModel(len(density), fit.microscope.z_step_um, np.zeros(1))

    def passed(frequency: np.ndarray) -> np.ndarray:
        return SliceModel(len(density), fit.microscope.z_step_um, frequency).transfer(
            fit.microscope, fit.tissue)

    blur = _RingFilter(shape, passed)
    back = _RingFilter(shape, lambda frequency: passed(frequency).transpose(0, 2, 1))
    seen = model.transfer(fit.microscope, fit.tissue)[0].sum(axis=0)
    factor = np.where(seen > _LEAST_SEEN, 1 / np.maximum(seen, _LEAST_SEEN), 0)
    measured = (np.maximum(density, 0) + ground).astype(np.float32)
    estimate = np.full((len(model.depths), *shape), measured.mean(), np.float32)
    for _ in range(num_iterations):
        ratio = measured / np.maximum(blur(estimate), ground / 100)
        estimate *= np.maximum(back(ratio), 0) * factor[:, np.newaxis, np.newaxis].astype(
            np.float32)
    slices = np.searchsorted(model.depths, np.arange(len(density)) - 1e-6)
    return np.asarray(estimate[slices] - ground)


@dataclass(frozen=True)
class _BlurBeyond(Microscope):
    """A microscope that sees a sample which is blurred already.

    Args:
        left_um: standard deviation of the sample's blur.
    """

    left_um: float = 0.0

    def blur_um(self, index: int) -> tuple[float, float]:
        across, within = (float(np.sqrt(max(blur ** 2 - self.left_um ** 2, _LEAST_BLUR_UM ** 2)))
                          for blur in super().blur_um(index))
        return across, within


def blur_again(density: np.ndarray, fit: MicroscopeFit, left_px: float) -> np.ndarray:
    """Blur a sharp volume as the fit's microscope does.

    Args:
        density: float (Z, Y, X), sharp; between slices it changes evenly.
        fit: of `fit_microscope`.
        left_px: standard deviation of the blur that it still has, pixels of a slice.

    Returns:
        float32 (Z, Y, X), without noise.

    Source:
        ours.
    """
    num_slices, step_px = len(density), fit.microscope.z_step_um
    microscope = _BlurBeyond(**vars(fit.microscope), left_um=left_px)

    def gains(frequency: np.ndarray) -> np.ndarray:
        model = SliceModel(num_slices, step_px, frequency)
        between = np.stack([np.interp(model.depths, np.arange(num_slices), only)
                            for only in np.eye(num_slices)], axis=1)
        return model.transfer(microscope, fit.tissue) @ between

    return _RingFilter(density.shape[1:], gains)(density)


class _RingFilter:
    """Apply a matrix over depths at each lateral frequency.

    Args:
        shape: (Y, X) of the slices, taken to go on mirrored beyond their borders.
        gains: from frequencies (F,), cycles per pixel, to matrices (F, Z out, Z in).
    """

    def __init__(self, shape: tuple[int, ...], gains: Callable[[np.ndarray], np.ndarray]) -> None:
        self._shape = height, width = shape
        frequency = np.hypot(np.arange(height)[:, np.newaxis] / height,
                             np.arange(width) / width) / 2
        ring = np.rint(frequency * _RINGS_PER_CYCLE).astype(np.int32).ravel()
        used, counts = np.unique(ring, return_counts=True)
        self._gains = gains(used / _RINGS_PER_CYCLE).astype(np.float32)
        self._order = np.argsort(ring, kind="stable")
        self._ends = np.cumsum(counts)

    def __call__(self, volume: Iterable[np.ndarray]) -> np.ndarray:
        """Filter a volume: float (Z in, Y, X) to float32 (Z out, Y, X)."""
        spectrum = np.empty((self._gains.shape[2], *self._shape), np.float32)
        for image, target in zip(volume, spectrum):
            target[:] = dctn(image.astype(np.float32), norm="ortho")
        flat = spectrum.reshape(len(spectrum), -1)
        found = np.empty((self._gains.shape[1], flat.shape[1]), np.float32)
        for gain, first, end in zip(self._gains, np.append(0, self._ends), self._ends):
            chosen = self._order[first:end]
            found[:, chosen] = gain @ flat[:, chosen]
        images = found.reshape(-1, *self._shape)
        for image in images:
            image[:] = idctn(image, norm="ortho")
        return images
