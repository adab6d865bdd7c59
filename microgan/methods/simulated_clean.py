"""Simulated clean images that resemble what degraded ones show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from microgan.estimation.measured_defect import MeasuredDefect
from microgan.simulation.degradation_model import Degradation
from microgan.simulation.specimens import draw_specimen

SPECIMEN_PX = 192
NUM_SPECIMENS = 100
# Standard deviations of the blur that specimens may get, pixels.
_BLURS_PX = (0.0, 0.6, 1.0, 1.5, 2.2, 3.2)
_SMOOTH_PX = 1.5
_PERCENTILES = (1.0, 99.5)
_SPECTRUM_BINS = np.linspace(0.01, 0.5, 25)


def simulate_clean(rng: np.random.Generator, degraded: Sequence[np.ndarray],
                   defect: MeasuredDefect, *, number: int = NUM_SPECIMENS,
                   report: Callable[[float], None] = lambda share: None) -> list[np.ndarray]:
    """Draw random specimens, each on the intensities and at the sharpness of a degraded image.

    Sharpness is that whose spectrum, with the measured noise, is nearest to the degraded image's:
    so restored images are as sharp as what was measured, without its noise.

    Args:
        rng: source of everything random.
        degraded: real (Y, X) each.
        defect: measured on them, with an example for each.
        number: of images to draw.
        report: called with the share that is done.

    Returns:
        float32 (192, 192) each, in the intensities of the degraded images.
    """
    wanted = [_log_spectrum(image) for image in degraded]
    ranges = [np.percentile(ndimage.gaussian_filter(image.astype(np.float64), _SMOOTH_PX),
                            _PERCENTILES) for image in degraded]
    clean = []
    for done in range(number):
        report(done / number)
        index = int(rng.integers(len(degraded)))
        low, high = ranges[index]
        specimen = low + (high - low) * draw_specimen(rng, SPECIMEN_PX).astype(np.float64)
        clean.append(_as_sharp(specimen, wanted[index],
                               defect.model.examples[index]).astype(np.float32))
    return clean


def _as_sharp(specimen: np.ndarray, wanted: np.ndarray, degradation: Degradation) -> np.ndarray:
    """Blur a specimen so that, with noise, its spectrum is nearest to the wanted one."""
    variance = float(degradation.noise_variance(specimen).mean())
    noise = variance * (np.interp(_bin_middles(), np.linspace(0, 0.5, len(
        degradation.noise_transfer)), degradation.noise_transfer) ** 2
        if degradation.noise_transfer else 1.0)
    blurred = [ndimage.gaussian_filter(specimen, sigma) for sigma in _BLURS_PX]
    distances = [np.mean((np.log(np.exp(_log_spectrum(image)) + noise) - wanted) ** 2)
                 for image in blurred]
    return blurred[int(np.argmin(distances))]


def _bin_middles() -> np.ndarray:
    return (_SPECTRUM_BINS[1:] + _SPECTRUM_BINS[:-1]) / 2


def _log_spectrum(image: np.ndarray) -> np.ndarray:
    """Return the log of an image's power in rings of frequency; that of white noise is flat."""
    window = np.outer(*(np.hanning(length) for length in image.shape))
    centred = image - np.average(image, weights=window)
    power = np.abs(np.fft.rfft2(centred * window)) ** 2 / np.sum(window ** 2)
    frequency = np.hypot(np.fft.fftfreq(image.shape[0])[:, np.newaxis],
                         np.fft.rfftfreq(image.shape[1]))
    total, _ = np.histogram(frequency, _SPECTRUM_BINS, weights=power)
    count, _ = np.histogram(frequency, _SPECTRUM_BINS)
    filled = np.interp(np.arange(len(count)), np.flatnonzero(count),
                       total[count > 0] / count[count > 0])
    return np.log(filled + 1e-9)
