"""Measure the noise of degraded images where there are no clean ones at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from microgan.estimation.assembly import check_images, mean_power
from microgan.estimation.intensities import ROUNDING_VARIANCE, find_intensities
from microgan.estimation.measured_defect import Estimate, MeasuredDefect
from microgan.estimation.noise import NoiseFilter, measure_noise
from microgan.estimation.sampling import find_interpolation
from microgan.estimation.spectra import Bins, power_spectrum, window_length
from microgan.simulation.degradation_model import (
    CURVE_FREQUENCIES, Degradation, DegradationModel)

_TILE_PX = 32
_QUIET_SHARE = 0.1  # of all tiles: those that show least
_MOST_TILES = 2000
# Cycles per pixel. Below the first, specimens show; above the second, optics leave little of them.
_SPECIMEN_BELOW, _NOISE_ABOVE = 0.2, 0.33
# Noise is white whose power differs by less than this factor above `_NOISE_ABOVE`.
_WHITE_WITHIN = 1.6
_CURVE_WIDTH = 0.04
_SMOOTH_PX = 1.5

BLUR_UNKNOWN = ("Blur is left as it is: images without clean ones do not tell it from what the "
                "sample looks like.")
SHARED_NOISE = ("Neighbouring pixels share noise: its spectrum was measured where images show "
                "least.")


def measure_alone(degraded: Sequence[np.ndarray], *, seed: int = 0) -> MeasuredDefect:
    """Measure noise, interpolated columns and intensities of images without clean ones.

    The noise's spectrum is that of the tiles that show least. A filter that passes what is mostly
    noise then tells its variance against local mean. Blur is not measured, since nothing tells
    it from what the sample looks like.

    Args:
        degraded: real (Y, X) each, at least 32 pixels a side, of one microscope; one suffices.
        seed: of the choice of tiles and of the bootstrap.

    Returns:
        The defect, with an example for each image, in their order, and intensities as they are:
        images that were stretched one by one are not stretched again.

    Raises:
        ValueError: there are no images, or one is too small.

    Source:
        ours; the spectrum after minimum statistics (Martin 2001), the line as `measure_unpaired`.

    Example:
        >>> random = np.random.default_rng(0)
        >>> images = [random.poisson(np.full((64, 64), 50.0)) for _ in range(3)]
        >>> measure_alone(images).model.draw(random).noise_transfer  # white
        ()
    """
    check_images(degraded=degraded)
    rng = np.random.default_rng(seed)
    stored = find_intensities(degraded)
    images = [image.astype(np.float64) for image in degraded]
    sampling = find_interpolation(images)
    measured = images if sampling is None else sampling.take(images)
    curve = noise_spectrum(measured, rng) if sampling is None else np.ones(len(CURVE_FREQUENCIES))
    told = curve[CURVE_FREQUENCIES > _NOISE_ABOVE]
    is_white = bool(told.max() / told.min() < _WHITE_WITHIN)
    if is_white:
        curve = np.ones_like(curve)
    step_px = 1.0 if sampling is None else sampling.step_px
    extract = _noise_filter(measured, curve, step_px)
    # What smooth images leave in the filter stands for the structure of clean ones.
    levels, structure = ([extract.levels(image) for image in images] for images in (
        measured, [ndimage.gaussian_filter(image, _SMOOTH_PX) for image in measured]))
    line = measure_noise(levels, structure, stored.limits, seed=seed)
    common = Degradation(
        noise_transfer=() if is_white else tuple(float(each) for each in np.sqrt(curve)),
        limits=stored.limits, is_whole=stored.is_whole, step_px=step_px,
        step_axis=1 if sampling is None else sampling.axis)
    rounding = ROUNDING_VARIANCE if stored.is_whole else 0.0
    examples = tuple(replace(common, noise_gain=float(gain), noise_floor=float(floor) - rounding)
                     for gain, floor in zip(line.image_gains, line.image_floors))
    estimates = {"noise_gain": Estimate(line.gain, *line.gain_bounds, "grey levels"),
                 "noise_floor": Estimate(line.floor, *line.floor_bounds, "grey levels²")}
    if sampling is not None:
        estimates["step_px"] = Estimate(step_px, sampling.low_px, sampling.high_px, "px")
    notes = (BLUR_UNKNOWN,) if is_white else (BLUR_UNKNOWN, SHARED_NOISE)
    return MeasuredDefect(DegradationModel(examples), estimates, notes=notes)


def noise_spectrum(images: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return the power of noise at each of `CURVE_FREQUENCIES`; its mean over an image is 1.

    Args:
        images: float (Y, X) each.
        rng: source of the choice of tiles, and of the white noise that tells what the choice of
            the quietest does to a spectrum.
    """
    side = min(_TILE_PX, window_length([length for image in images for length in image.shape]))
    tiles = [image[top:top + side, left:left + side] for image in images
             for top in range(0, image.shape[0] - side + 1, side // 2)
             for left in range(0, image.shape[1] - side + 1, side // 2)]
    if len(tiles) > _MOST_TILES:
        tiles = [tiles[k] for k in rng.choice(len(tiles), _MOST_TILES, replace=False)]
    white = [rng.standard_normal((side, side)) for _ in tiles]
    curve = _quietest(tiles) / _quietest(white)
    return curve / mean_power(np.sqrt(curve))


def _quietest(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean spectrum of the tiles with least power where specimens show."""
    side = tiles[0].shape[0]
    powers = np.array([power_spectrum(tile, (side, side)) for tile in tiles])
    axis = np.arange(side // 2 + 1) / side
    frequency = np.hypot(axis[:, np.newaxis], axis)
    above = powers[:, (frequency > _NOISE_ABOVE) & (frequency <= 0.5)].mean(axis=1)
    below = powers[:, (frequency > 1 / side) & (frequency < _SPECIMEN_BELOW)].mean(axis=1)
    flat = above > 0
    powers, above, below = powers[flat], above[flat], below[flat]
    if not len(above):
        return np.ones(len(CURVE_FREQUENCIES))
    chosen = np.argsort(below / above)[:max(1, round(_QUIET_SHARE * len(above)))]
    mean = (powers[chosen] / above[chosen, np.newaxis, np.newaxis]).mean(axis=0)
    # Windows spread the mean, which was subtracted, over the first frequencies.
    used = (frequency > 1.5 / side) & (frequency <= 0.5 + _CURVE_WIDTH)
    distances = CURVE_FREQUENCIES[:, np.newaxis] - frequency[used]
    weights = np.exp(-0.5 * (distances / _CURVE_WIDTH) ** 2)
    return np.exp(weights @ np.log(mean[used] + 1e-12) / weights.sum(axis=1))


def _noise_filter(images: Sequence[np.ndarray], curve: np.ndarray, step_px: float) -> NoiseFilter:
    """Build a filter for noise of a known spectrum, given images of signal and noise."""
    lengths = [window_length([image.shape[axis] for image in images]) for axis in (0, 1)]
    y_bins, x_bins = (Bins.of(length) for length in lengths)
    total = np.mean([y_bins.averaging @ power_spectrum(image, (lengths[0], lengths[1]))
                     @ x_bins.averaging.T for image in images], axis=0)
    y, x = (np.sqrt(bins.squared_frequency()) for bins in (y_bins, x_bins))
    frequency = np.hypot(y[:, np.newaxis], x)
    shape = np.interp(frequency, CURVE_FREQUENCIES, curve)
    level = float(np.quantile((total / shape)[frequency > _NOISE_ABOVE], 0.25))
    noise = max(level, 1e-12) * shape
    return NoiseFilter(np.maximum(total - noise, 0.0), noise, y, x, step_px)
