"""What a microscope does to an image: one function per step, and all in order.

Images are float64 (Y, X). Light is in photons, the camera's signal in electrons (one per
detected photon) and then in grey levels.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def blur(image: np.ndarray, sigma_px: tuple[float, float]) -> np.ndarray:
    """Convolve with a Gaussian point spread function; mirrored borders keep the total intensity.

    Args:
        image: float (Y, X), intensities.
        sigma_px: standard deviation along Y and along X, pixels; 0 skips an axis.

    Returns:
        float64 (Y, X), in the unit of `image`.

    Source:
        CARE's isotropic reconstruction (Weigert et al. 2018), with the axial point spread
        function along X of the image.
    """
    return ndimage.gaussian_filter(image.astype(np.float64), sigma_px, mode="reflect")


def detect_photons(rng: np.random.Generator, expected_photons: np.ndarray) -> np.ndarray:
    """Draw Poisson photon counts.

    Args:
        rng: source of the noise.
        expected_photons: float (Y, X) >= 0, mean number of photons per pixel.

    Returns:
        float64 (Y, X), whole numbers of photons.

    Source:
        shot noise of any photon detector.
    """
    return rng.poisson(expected_photons).astype(np.float64)


def read_out(rng: np.random.Generator, electrons: np.ndarray,
             read_noise_electrons: float) -> np.ndarray:
    """Add the camera's Gaussian read noise.

    Args:
        rng: source of the noise.
        electrons: float (Y, X).
        read_noise_electrons: standard deviation, electrons.

    Returns:
        float64 (Y, X), electrons; values below 0 are kept.

    Source:
        read noise of an sCMOS camera, one value for all pixels.
    """
    return electrons + rng.normal(0.0, read_noise_electrons, electrons.shape)


def subsample_x(image: np.ndarray, step_px: float, phase_px: float
                ) -> tuple[np.ndarray, np.ndarray]:
    """Select the columns nearest to evenly spaced positions.

    Interpolating between columns would smooth their noise. So a sample is one whole column, at
    that column's position; a step of 10.2 gives gaps of 10 and 11 columns.

    Args:
        image: float (Y, X).
        step_px: distance between samples, pixels, at least 1; need not be whole.
        phase_px: position of the first sample, from 0 to `step_px`.

    Returns:
        The samples, (Y, S), and their columns, int (S,), increasing.

    Source:
        CARE's subsampling of the axial direction (csbdeep, anisotropic distortions).
    """
    width = image.shape[1]
    # Round halves up: rounding to even could give one column twice.
    columns = np.floor(np.arange(phase_px, width - 0.5, step_px) + 0.5).astype(int)
    columns = columns[columns < width]  # arange may include its end
    return image[:, columns], columns


def upsample_x(samples: np.ndarray, positions: np.ndarray, width: int) -> np.ndarray:
    """Interpolate samples linearly along X, constant beyond the outermost.

    Args:
        samples: float (Y, S).
        positions: (S,), increasing, their columns in the result.
        width: number of columns of the result.

    Returns:
        float64 (Y, width).

    Source:
        as `subsample_x`.
    """
    columns = np.arange(width)
    return np.stack([np.interp(columns, positions, row) for row in samples])


def drifting_background(rng: np.random.Generator, shape: tuple[int, int], *,
                        num_blobs: int, blob_size_px: tuple[float, float]) -> np.ndarray:
    """Draw slowly varying unfocused light: wide, round, overlapping blobs.

    Args:
        rng: source of each blob's position, size and brightness.
        shape: (Y, X), pixels.
        num_blobs: number of blobs.
        blob_size_px: smallest and largest full width at half maximum, pixels.

    Returns:
        float64 (Y, X) >= 0, a sum of blobs with peaks of 0.3 to 1.

    Source:
        ours, after the background of CARE's synthetic tubulin.
    """
    y, x = np.mgrid[:shape[0], :shape[1]]
    background = np.zeros(shape)
    for _ in range(num_blobs):
        centre_y, centre_x = rng.uniform(0, shape)
        sigma_px = rng.uniform(*blob_size_px) / np.sqrt(8 * np.log(2))
        squared_px = (y - centre_y) ** 2 + (x - centre_x) ** 2
        background += rng.uniform(0.3, 1.0) * np.exp(-squared_px / (2 * sigma_px ** 2))
    return background


def degrade(rng: np.random.Generator, photons: np.ndarray, *,
            psf_sigma_px: tuple[float, float],
            background_photons: np.ndarray | float = 0.0,
            use_shot_noise: bool = True,
            read_noise_electrons: float = 0.0,
            step_px: float = 1.0) -> np.ndarray:
    """Image a sample: PSF, photon noise, read noise, subsampling, upsampling.

    Args:
        rng: source of the noise and of the position of the first sample.
        photons: float (Y, X) >= 0, photons that a perfect microscope would see.
        psf_sigma_px: standard deviations of the point spread function along Y and X, pixels.
        background_photons: photons of unfocused light, (Y, X) or one for all pixels;
            added after the PSF, so it has shot noise too.
        use_shot_noise: whether to draw Poisson counts instead of their means.
        read_noise_electrons: standard deviation, electrons.
        step_px: distance between measured columns, pixels; 1 measures all.

    Returns:
        float64 (Y, X), electrons.

    Source:
        CARE (Weigert et al. 2018) and its order: PSF, Poisson, Gaussian, subsample,
        upsample. Departs: the first sample lies anywhere within one step, as with a real
        stage, instead of at column 0, so that a network cannot learn the samples' positions.
    """
    electrons = blur(photons, psf_sigma_px) + background_photons
    if use_shot_noise:
        electrons = detect_photons(rng, electrons)
    electrons = read_out(rng, electrons, read_noise_electrons)
    if step_px > 1:
        samples, positions = subsample_x(electrons, step_px, rng.uniform(0, step_px))
        electrons = upsample_x(samples, positions, photons.shape[1])
    return electrons


def to_grey_levels(values: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """Convert to 8 bit on a fixed scale.

    Args:
        values: float (Y, X), electrons or any other intensity.
        gain: grey levels per unit of `values`.
        offset: grey level of 0, so that read noise below 0 is not cut off.

    Returns:
        uint8 (Y, X), clipped to 0 to 255.

    Source:
        a camera's conversion gain and offset.
    """
    return np.clip(np.rint(values * gain + offset), 0, 255).astype(np.uint8)
