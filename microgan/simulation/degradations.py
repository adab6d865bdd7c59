"""What a microscope does to an image, one step a function, and all of them in order.

Images are float64 (Y, X). Light is counted in photons, the camera's answer in electrons
(one for each photon it detects) and then in grey levels.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def blur(image: np.ndarray, sigma_px: tuple[float, float]) -> np.ndarray:
    """Convolve with a Gaussian point spread function.

    The borders are mirrored, so that the total intensity stays what it was.

    Args:
        image: float (Y, X), intensities.
        sigma_px: standard deviation along Y and along X, pixels; 0 leaves an axis alone.

    Returns:
        float64 (Y, X), in the unit of `image`.

    Source:
        CARE's isotropic reconstruction (Weigert et al. 2018) turns the axial point spread
        function into the image plane; here it lies along X.
    """
    return ndimage.gaussian_filter(image.astype(np.float64), sigma_px, mode="reflect")


def detect_photons(rng: np.random.Generator, expected_photons: np.ndarray) -> np.ndarray:
    """Draw photon counts: Poisson, so that the variance equals the mean.

    Args:
        rng: source of the noise.
        expected_photons: float (Y, X) >= 0, mean number of photons in each pixel.

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
    """Keep the columns nearest to evenly spaced positions, and tell which ones.

    A sample is one column as it was measured, with the noise of that column: between
    columns it would have to be interpolated, which smooths noise. So it belongs where the
    column is, not where the even spacing asked for it; a step of 10.2 gives gaps of 10 and
    11 columns.

    Args:
        image: float (Y, X).
        step_px: distance of two samples, pixels, at least 1; need not be whole.
        phase_px: position of the first sample, from 0 up to `step_px`.

    Returns:
        The samples, (Y, S), and the columns they are, int (S,), increasing.

    Source:
        CARE's subsampling of the axial direction (csbdeep, anisotropic distortions).
    """
    width = image.shape[1]
    # Halves are rounded up: rounded to even, two of them would be one column.
    columns = np.floor(np.arange(phase_px, width - 0.5, step_px) + 0.5).astype(int)
    columns = columns[columns < width]  # arange may include its end
    return image[:, columns], columns


def upsample_x(samples: np.ndarray, positions: np.ndarray, width: int) -> np.ndarray:
    """Interpolate samples along X linearly; beyond the outermost they stay constant.

    Args:
        samples: float (Y, S).
        positions: (S,), increasing, the columns of the result where they were taken.
        width: columns of the result.

    Returns:
        float64 (Y, width).

    Source:
        as `subsample_x`.
    """
    columns = np.arange(width)
    return np.stack([np.interp(columns, positions, row) for row in samples])


def drifting_background(rng: np.random.Generator, shape: tuple[int, int], *,
                        num_blobs: int, blob_size_px: tuple[float, float]) -> np.ndarray:
    """Draw unfocused light that varies slowly: wide round blobs that overlap.

    Args:
        rng: source of position, size and brightness of each blob.
        shape: (Y, X), pixels.
        num_blobs: how many.
        blob_size_px: smallest and largest full width at half maximum, pixels.

    Returns:
        float64 (Y, X) >= 0; each blob's peak is 0.3 to 1, where they overlap they add.

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
        psf_sigma_px: standard deviations of the point spread function along Y and X,
            pixels.
        background_photons: photons of unfocused light, (Y, X) or one for all pixels;
            added after the PSF, so it has shot noise too.
        use_shot_noise: draw Poisson counts instead of keeping their means.
        read_noise_electrons: standard deviation, electrons.
        step_px: distance of the columns that are measured, pixels; 1 measures them all.

    Returns:
        float64 (Y, X), electrons.

    Source:
        CARE (Weigert et al. 2018) and its order: PSF, Poisson, Gaussian, subsample,
        upsample. Departs: the first sample lies anywhere within one step, as a stage's
        would, instead of at column 0, so that a network can't learn where samples are.
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
        uint8 (Y, X); what lies beyond 0 or 255 is set to it.

    Source:
        a camera's conversion gain and offset.
    """
    return np.clip(np.rint(values * gain + offset), 0, 255).astype(np.uint8)
