"""What one microscope does to all its images, as numbers: a distribution of degradations.

Frequencies are in cycles per pixel; intensities in grey levels, of the clean images before the
model is applied and of the degraded ones after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from microgan.simulation import degradations

# Radial curves are sampled from 0 to half a cycle per pixel, both included.
CURVE_POINTS = 33
CURVE_FREQUENCIES = np.linspace(0.0, 0.5, CURVE_POINTS)
_MOST_SIGMA_PX = 100.0
# Beyond this many events a Poisson count is a Gaussian, and a camera's sum of both.
_MANY_EVENTS = 1e6


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """What happens to one image, in this order.

    Args:
        blur_px: standard deviations of the Gaussian point spread function along Y and X,
            pixels.
        transfer: amplitude that is left at each of `CURVE_FREQUENCIES`, in all directions, in
            addition to `blur_px`; negative where a defocused lens reverses the contrast; empty
            for 1 everywhere.
        haze: share of the light that is out of focus, 0 to 1.
        haze_px: standard deviation of its Gaussian point spread function, pixels.
        scale: grey levels of the degraded image per grey level of the clean one.
        offset: grey level of a clean 0.
        noise_gain: increase of the noise's variance per grey level of signal, grey levels.
        noise_floor: variance of the noise at grey level 0, grey levels squared; may be negative
            with a positive gain, where the black level is above 0. Variances below 0 count as 0.
        noise_transfer: relative amplitude of the noise at each of `CURVE_FREQUENCIES`; empty for
            white noise. Its mean power over all frequencies is 1.
        line_noise: standard deviations of what all pixels of a row and all of a column share,
            grey levels.
        hot_share: share of the pixels that are too bright, 0 to 1.
        hot_brightness: by how much the worst of them is, grey levels; the others by anything
            between that and 0.
        step_px: distance between measured columns (or rows), pixels, at least 1.
        step_axis: 0 along Y, 1 along X.
        is_stretched: whether the extremes of each image become `limits`.
        limits: smallest and largest grey level that can be stored; None for no limits.
        is_whole: whether grey levels are whole numbers.
    """

    blur_px: tuple[float, float] = (0.0, 0.0)
    transfer: tuple[float, ...] = ()
    haze: float = 0.0
    haze_px: float = 20.0
    scale: float = 1.0
    offset: float = 0.0
    noise_gain: float = 0.0
    noise_floor: float = 0.0
    noise_transfer: tuple[float, ...] = ()
    line_noise: tuple[float, float] = (0.0, 0.0)
    hot_share: float = 0.0
    hot_brightness: float = 0.0
    step_px: float = 1.0
    step_axis: int = 1
    is_stretched: bool = False
    limits: tuple[float, float] | None = None
    is_whole: bool = False

    def apply(self, rng: np.random.Generator, clean: np.ndarray) -> np.ndarray:
        """Degrade one image.

        Args:
            rng: source of the noise and of the position of the first measured column.
            clean: real (Y, X).

        Returns:
            float64 (Y, X), grey levels of the degraded images.
        """
        image = self.noiseless(clean)
        image = self._add_noise(rng, image)
        image = self._add_flaws(rng, image)
        if self.step_px > 1:
            image = np.moveaxis(image, self.step_axis, 1)
            samples, columns = degradations.subsample_x(image, self.step_px,
                                                        rng.uniform(0, self.step_px))
            image = degradations.upsample_x(samples, columns, image.shape[1])
            image = np.moveaxis(image, 1, self.step_axis)
        return self._store(image)

    def noiseless(self, clean: np.ndarray) -> np.ndarray:
        """Return the signal that noise is added to: blurred, with haze, on the final scale."""
        image = degradations.blur(clean, self.blur_px)
        if self.transfer:
            image = filter_radially(image, self.transfer)
        if self.haze:
            image = (1 - self.haze) * image + self.haze * _blur_widely(clean, self.haze_px)
        return self.scale * image + self.offset

    def noise_variance(self, signal: np.ndarray) -> np.ndarray:
        """Return the variance of the noise at each grey level of signal, grey levels squared."""
        return np.maximum(self.noise_gain * signal + self.noise_floor, 0.0)

    def _add_noise(self, rng: np.random.Generator, signal: np.ndarray) -> np.ndarray:
        variance = self.noise_variance(signal)
        if not variance.any():
            return signal
        if self.noise_transfer:
            noise = filter_radially(rng.standard_normal(signal.shape), self.noise_transfer)
            return signal + np.sqrt(variance) * noise
        if self.noise_gain > 0:
            # Shot noise is Poisson's where it can be: the floor of a camera that counts from a
            # black level is negative, and its counts are those above that level.
            events = np.minimum(variance, np.maximum(
                self.noise_gain * signal + min(self.noise_floor, 0.0), 0.0)) / self.noise_gain ** 2
            if events.max() < _MANY_EVENTS:
                shot = (rng.poisson(events) - events) * self.noise_gain
                rest = np.sqrt(np.maximum(variance - events * self.noise_gain ** 2, 0.0))
                return signal + shot + rest * rng.standard_normal(signal.shape)
        return signal + np.sqrt(variance) * rng.standard_normal(signal.shape)

    def _add_flaws(self, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
        """Add what the camera's rows, columns and single pixels do wrong."""
        for axis, deviation in enumerate(self.line_noise):
            if deviation:
                shape = [1, 1]
                shape[axis] = image.shape[axis]
                image = image + deviation * rng.standard_normal(shape)
        if self.hot_share:
            image = image + (rng.uniform(size=image.shape) < self.hot_share) * rng.uniform(
                0, self.hot_brightness, image.shape)
        return image

    def _store(self, image: np.ndarray) -> np.ndarray:
        if self.limits is not None:
            low, high = self.limits
            if self.is_stretched:
                darkest, brightest = image.min(), image.max()
                if brightest > darkest:
                    image = low + (image - darkest) * ((high - low) / (brightest - darkest))
            image = np.clip(image, low, high)
        return np.rint(image) if self.is_whole else image


@dataclass(frozen=True)
class DegradationModel:
    """The degradations of all images of one task: each is as likely.

    Args:
        examples: at least one.

    Raises:
        ValueError: there is none.

    Example:
        >>> model = DegradationModel((Degradation(blur_px=(1.0, 2.0), noise_gain=0.5),))
        >>> model.apply(np.random.default_rng(0), np.full((32, 32), 100.0)).shape
        (32, 32)
    """

    examples: tuple[Degradation, ...]

    def __post_init__(self) -> None:
        if not self.examples:
            raise ValueError("A degradation model needs at least one example.")

    def draw(self, rng: np.random.Generator) -> Degradation:
        """Draw the degradation of one image."""
        return self.examples[rng.integers(len(self.examples))]

    def apply(self, rng: np.random.Generator, clean: np.ndarray) -> np.ndarray:
        """Degrade one image by a degradation drawn at random; see `Degradation.apply`."""
        return self.draw(rng).apply(rng, clean)

    def to_json(self) -> list[dict[str, Any]]:
        """Return plain JSON: a table of names and numbers for each example."""
        return [{name: list(value) if isinstance(value, tuple) else value
                 for name, value in vars(example).items() if value != getattr(_DEFAULT, name)}
                for example in self.examples]

    @classmethod
    def from_json(cls, content: Any) -> DegradationModel:
        """Reverse `to_json`.

        Raises:
            ValueError: `content` is not what that gives.
        """
        if not isinstance(content, list) or not 0 < len(content) <= _MOST_EXAMPLES:
            raise ValueError("a degradation model is a list of 1 to "
                             f"{_MOST_EXAMPLES} degradations")
        return cls(tuple(_degradation_from_json(each) for each in content))


_DEFAULT = Degradation()
_MOST_EXAMPLES = 1000
_BIG = 1e12
# Of each number: smallest and largest value.
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "blur_px": (0, _MOST_SIGMA_PX), "transfer": (-1, 2), "haze": (0, 1),
    "haze_px": (0, 10 * _MOST_SIGMA_PX), "scale": (-_BIG, _BIG), "offset": (-_BIG, _BIG),
    "noise_gain": (0, _BIG), "noise_floor": (-_BIG, _BIG), "noise_transfer": (0, 100),
    "line_noise": (0, _BIG), "hot_share": (0, 1), "hot_brightness": (0, _BIG),
    "step_px": (1, 1000), "step_axis": (0, 1), "limits": (-_BIG, _BIG)}
_LENGTHS = {"blur_px": (2,), "limits": (2,), "transfer": (0, CURVE_POINTS),
            "noise_transfer": (0, CURVE_POINTS), "line_noise": (2,)}


def _degradation_from_json(content: Any) -> Degradation:
    if not isinstance(content, dict):
        raise ValueError("a degradation is a table of names and numbers")
    values: dict[str, Any] = {}
    for name, value in content.items():
        if name in ("is_stretched", "is_whole"):
            if not isinstance(value, bool):
                raise ValueError(f"{name} of a degradation is true or false")
        elif name in _LENGTHS:
            if not isinstance(value, list) or len(value) not in _LENGTHS[name]:
                raise ValueError(f"{name} of a degradation has {max(_LENGTHS[name])} numbers")
            value = tuple(_number(name, each) for each in value)
        elif name in _BOUNDS:
            value = _number(name, value)
        else:
            raise ValueError(f"{name!r} is not known of a degradation")
        values[name] = value
    return replace(_DEFAULT, **values)


def _number(name: str, value: Any) -> float:
    low, high = _BOUNDS[name]
    kinds = (int,) if name == "step_axis" else (int, float)
    if type(value) not in kinds or not low <= value <= high:
        raise ValueError(f"{name}={value!r} of a degradation is not between {low:g} and {high:g}")
    return value if name == "step_axis" else float(value)


def filter_radially(image: np.ndarray, curve: Sequence[float]) -> np.ndarray:
    """Multiply each frequency of an image by a factor, the same in all directions.

    Args:
        image: float (Y, X); its borders are mirrored.
        curve: the factor at each of `CURVE_FREQUENCIES`; beyond, as at the last.

    Returns:
        float64 (Y, X).
    """
    return filter_by(image, lambda shape: radial_factors(shape, curve))


def filter_by(image: np.ndarray, factors_of: Callable[[tuple[int, ...]], np.ndarray],
              margin_px: int = 32) -> np.ndarray:
    """Multiply each frequency of an image by a factor.

    Args:
        image: real (Y, X).
        factors_of: shape of the image with margins -> the factor of each coefficient of its
            `np.fft.rfft2`.
        margin_px: mirrored beyond each border for the time being, pixels.

    Returns:
        float64 (Y, X).
    """
    margins = [min(length - 1, margin_px) for length in image.shape]
    padded = np.pad(image.astype(np.float64), [(margin, margin) for margin in margins], "reflect")
    filtered = np.fft.irfft2(np.fft.rfft2(padded) * factors_of(padded.shape), padded.shape)
    return filtered[tuple(slice(margin, margin + length)
                          for margin, length in zip(margins, image.shape))]


def radial_factors(shape: Sequence[int], curve: Sequence[float]) -> np.ndarray:
    """Return a radial curve at each coefficient of `np.fft.rfft2`; beyond, as at its end."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1]))
    return np.interp(frequency, CURVE_FREQUENCIES, curve)


def gaussian_transfer(frequency: np.ndarray, sigma_px: float) -> np.ndarray:
    """Return what a Gaussian blur leaves of each frequency, an amplitude from 0 to 1."""
    return np.exp(-2 * math.pi ** 2 * sigma_px ** 2 * np.square(frequency))


def _blur_widely(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Blur by a wide Gaussian; coarse pixels suffice where it is wide."""
    factor = max(1, min(int(sigma_px / 4), *(length // 8 for length in image.shape)))
    if factor == 1:
        return degradations.blur(image, (sigma_px, sigma_px))
    height, width = image.shape
    padded = np.pad(image.astype(np.float64), [(0, -height % factor), (0, -width % factor)],
                    "symmetric")
    coarse = padded.reshape(padded.shape[0] // factor, factor, -1, factor).mean(axis=(1, 3))
    # Means of pixels blur by a variance of (factor² - 1) / 12, lines between them by twice that.
    left = math.sqrt(max(sigma_px ** 2 - (factor ** 2 - 1) / 4, 0.0)) / factor
    coarse = ndimage.gaussian_filter(coarse, left, mode="reflect")
    fine = ndimage.zoom(coarse, factor, order=1, mode="nearest", grid_mode=True)
    return fine[:height, :width]
