"""Measure a defect on degraded images and clean ones that show other places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microgan.estimation.intensities import Intensities, find_intensities
from microgan.estimation.measured_defect import Estimate, MeasuredDefect
from microgan.estimation.noise import NoiseFilter, NoiseLine, measure_noise
from microgan.estimation.sampling import Interpolation, find_interpolation
from microgan.estimation.spectral_fit import FittedSpectrum, SpectralFit
from microgan.simulation import degradations
from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, Degradation, DegradationModel)

_MOST_CLEAN = 60
_MOST_NOISELESS = 24
_ROUNDING_VARIANCE = 1 / 12
_LEAST_SIDE_PX = 32


def measure_unpaired(degraded: Sequence[np.ndarray], clean: Sequence[np.ndarray], *,
                     seed: int = 0) -> MeasuredDefect:
    """Measure blur, sampling, haze, noise and intensities without a single pair.

    Sampling is found by the kinks of interpolation; blur and haze by what is left of the mean
    power spectrum; noise by what a filter of the weakest frequencies leaves, against local mean.

    Args:
        degraded: real (Y, X) each, at least 32 pixels a side, of one microscope; a few suffice.
            Whole numbers tell the limits of their type.
        clean: of the same kind of sample, as many as there are.
        seed: of the choice of images and of the bootstrap.

    Raises:
        ValueError: there are no images, or one is too small.

    Source:
        ours; the noise's line follows Foi et al. 2008, "Practical Poissonian-Gaussian noise
        modeling and fitting for single-image raw-data", with a filter made for the spectra.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> images = rng.poisson(rng.gamma(2.0, 5.0, (12, 40, 40))).astype(np.uint8)
        >>> found = measure_unpaired(images[:4], images[4:])
        >>> found.model.draw(rng).limits
        (0.0, 255.0)
    """
    check_images(degraded=degraded, clean=clean)
    rng = np.random.default_rng(seed)
    if len(clean) > _MOST_CLEAN:
        clean = [clean[k] for k in rng.choice(len(clean), _MOST_CLEAN, replace=False)]
    stored = find_intensities(degraded)
    degraded = [image.astype(np.float64) for image in degraded]
    clean = [image.astype(np.float64) for image in clean]
    sampling = find_interpolation(degraded)
    measured = degraded if sampling is None else sampling.take(degraded)
    turned = clean if sampling is None or sampling.axis == 1 else [image.T for image in clean]
    step_px = 1.0 if sampling is None else sampling.step_px
    spectra = SpectralFit(measured, turned, step_px, seed)
    fitted = spectra.fit(optional=("noise",))
    common = _signal_model(fitted, measured, turned)
    line = _measure_line(fitted, common, measured, turned, step_px, stored, rng, seed)
    means = np.array([image.mean() for image in turned])
    variances = np.maximum(line.gain * (common.scale * means + common.offset) + line.floor, 0)
    if variances.mean() > 0:
        spectra.noise_shares = np.maximum(variances / variances.mean(), 0.05)
    fitted = spectra.fit()
    common = _signal_model(fitted, measured, turned)
    line = _measure_line(fitted, common, measured, turned, step_px, stored, rng, seed)
    return _result(fitted, common, line, sampling, stored, measured)


def check_images(**kinds: Sequence[np.ndarray]) -> None:
    """Raise `ValueError` unless each kind has images of at least 32 pixels a side."""
    for name, images in kinds.items():
        if not len(images):
            raise ValueError(f"`{name}` must hold at least one image. Received: none")
        for image in images:
            if image.ndim != 2 or min(image.shape) < _LEAST_SIDE_PX:
                raise ValueError(f"`{name}` must be images (Y, X) of at least {_LEAST_SIDE_PX} "
                                 f"pixels a side. Received: shape {image.shape}")
            if not np.isfinite(image).all():
                raise ValueError(f"`{name}` must be finite. Received: NaN or infinite pixels")


def _signal_model(fitted: FittedSpectrum, measured: Sequence[np.ndarray],
                  clean: Sequence[np.ndarray]) -> Degradation:
    """Return what happens before noise and sampling; X is the axis that was sampled."""
    best = fitted.best
    scale = math.exp(best.log_scale)
    offset = (np.mean([image.mean() for image in measured])
              - scale * np.mean([image.mean() for image in clean]))
    zero = np.zeros(())
    transfer = (np.exp(np.interp(CURVE_FREQUENCIES, *best.transfer_curve()))
                if best.transfer else ())
    noise = np.sqrt(best.noise_power(CURVE_FREQUENCIES)) if best.noise else zero
    if noise.ndim:
        noise = noise / math.sqrt(mean_power(noise))
    return Degradation(
        blur_px=(math.sqrt(best.blur_px2[0]), math.sqrt(best.blur_px2[1])),
        transfer=tuple(float(each) for each in transfer), haze=best.haze,
        haze_px=math.exp(best.log_haze_px), scale=scale, offset=float(offset),
        noise_transfer=tuple(float(each) for each in noise) if noise.ndim else ())


def mean_power(curve: Sequence[float] | np.ndarray) -> float:
    """Return the mean square of a radial curve over all frequencies of an image."""
    frequency = np.fft.fftfreq(128)
    radius = np.hypot(frequency[:, np.newaxis], frequency)
    return float(np.mean(np.interp(radius, CURVE_FREQUENCIES, curve) ** 2))


def _measure_line(fitted: FittedSpectrum, common: Degradation, measured: Sequence[np.ndarray],
                  clean: Sequence[np.ndarray], step_px: float, stored: Intensities,
                  rng: np.random.Generator, seed: int) -> NoiseLine:
    noiseless = []
    for image in clean[:_MOST_NOISELESS]:
        signal = common.noiseless(image)
        if step_px > 1:
            signal, _ = degradations.subsample_x(signal, step_px, rng.uniform(0, step_px))
        noiseless.append(signal)
    extract = NoiseFilter(fitted.signal, fitted.noise, fitted.y_frequency, fitted.x_frequency,
                          step_px)
    return measure_noise(measured, noiseless, extract, stored.limits, seed=seed)


def _result(fitted: FittedSpectrum, common: Degradation, line: NoiseLine,
            sampling: Interpolation | None, stored: Intensities,
            measured: Sequence[np.ndarray]) -> MeasuredDefect:
    rounding = _ROUNDING_VARIANCE if stored.is_whole else 0.0
    if sampling is not None and sampling.axis == 0:
        common = replace(common, blur_px=common.blur_px[::-1])
    common = replace(common, limits=stored.limits, is_whole=stored.is_whole,
                     is_stretched=stored.is_stretched)
    if sampling is not None:
        common = replace(common, step_px=sampling.step_px, step_axis=sampling.axis)
    examples = tuple(replace(common, noise_gain=float(gain), noise_floor=float(floor) - rounding)
                     for gain, floor in zip(line.image_gains, line.image_floors))
    return MeasuredDefect(DegradationModel(examples), _estimates(
        fitted, common, line, sampling, measured), fitted.misfit, ())


def _estimates(fitted: FittedSpectrum, common: Degradation, line: NoiseLine,
               sampling: Interpolation | None, measured: Sequence[np.ndarray]
               ) -> dict[str, Estimate]:
    axes = "yx" if sampling is None or sampling.axis == 1 else "xy"
    found = {}
    for axis, variance in zip(axes, fitted.best.blur_px2):
        spread = 1.96 * fitted.deviation(f"blur_{'yx'[axes.index(axis)]}_px2")
        found[f"blur_{axis}_px"] = Estimate(
            math.sqrt(variance), math.sqrt(max(variance - spread, 0.0)),
            math.sqrt(variance + spread), "px")
    factor = math.exp(1.96 * fitted.deviation("log_scale"))
    found["scale"] = Estimate(common.scale, common.scale / factor, common.scale * factor)
    found["haze"] = Estimate(common.haze, max(common.haze - 1.96 * fitted.deviation("haze"), 0.0),
                             min(common.haze + 1.96 * fitted.deviation("haze"), 1.0))
    found["noise_gain"] = Estimate(line.gain, *line.gain_bounds, "grey levels")
    found["noise_floor"] = Estimate(line.floor, *line.floor_bounds, "grey levels²")
    if line.gain > 0:
        bright = float(np.mean([np.quantile(image, 0.98) for image in measured]))
        counted = (bright + min(line.floor / line.gain, 0.0)) / line.gain
        low, high = (counted * line.gain / max(end, 1e-12) for end in line.gain_bounds[::-1])
        found["photons"] = Estimate(counted, low, high)
    if sampling is not None:
        found["step_px"] = Estimate(sampling.step_px, sampling.low_px, sampling.high_px, "px")
    return found
