"""How sharp an image looks without a reference, and where a stack is sharpest.

None of these can tell detail from noise or artefacts: they show that an image is as sharp as
another, never that it is right.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.filters import gaussian

# Constants of PIQE, from the paper and its best-known implementation.
_BLOCK_PX = 16
_SEGMENT_PX = 6
_ACTIVE_VARIANCE = 0.1
_FLAT_DEVIATION = 0.1
_LOCAL_SIGMA_PX = 7 / 6
_LOCAL_WINDOW_PX = 7

_FOCUS_SIGMA_PX = 1.0  # of the Gaussian against camera noise in the search for the focal plane
_FOCUS_SHARE = 0.5


def gradient_magnitude(image: np.ndarray) -> np.ndarray:
    """Return the length of the intensity gradient at every pixel, by central differences.

    Args:
        image: (Y, X) or another pair of axes, at least 2 x 2, any real type.

    Returns:
        float64, same shape, intensity per pixel; one-sided differences at the borders.
    """
    return np.hypot(*np.gradient(np.asarray(image, dtype=np.float64)))


def mean_absolute_gradient(image: np.ndarray) -> float:
    """Mean length of the intensity gradient.

    Args:
        image: (Y, X), at least 2 x 2. The published figures are of intensities in [-1, 1].

    Returns:
        Intensity per pixel, 0 for a constant image.

    Source:
        ZSE-GAN, whose text gives no formula; this comes close to its figures.
    """
    return float(gradient_magnitude(image).mean())


def focus_measure(image: np.ndarray, *, threshold: float) -> float:
    """FM: share of Fourier coefficients that are not negligible.

    Args:
        image: (Y, X), any real type. Its scale does not matter, but its offset does, as the
            largest coefficient is usually the mean's.
        threshold: coefficients count that exceed the largest magnitude divided by this. 1000
            as published; ZSE-GAN's figures fit 150.

    Returns:
        0 to 1; 0 for an image that is 0 everywhere.

    Source:
        De and Masilamani 2013, Image sharpness measure for blurred images in frequency
        domain, Procedia Engineering 64.
    """
    magnitude = np.abs(np.fft.fft2(np.asarray(image, dtype=np.float64)))
    return float(np.mean(magnitude > magnitude.max() / threshold))


def piqe(image: np.ndarray) -> float:
    """PIQE: distortion of the blocks that catch the eye.

    Intensities are normalised by local mean and deviation. Active 16 x 16 blocks count as
    distorted if they have a flat stretch along their border (blur, compression) or the
    statistics of noise.

    Args:
        image: (Y, X), any real type; its maximum becomes 255 and values below 0 are clipped.
            Sizes that are not multiples of 16 are padded by mirroring, so some pixels of a
            small image count twice.

    Returns:
        0 (best) to 100 (worst, also for an image without activity or light).

    Source:
        Venkatanath et al. 2015, Blind image quality evaluation using perception based
        features, as implemented in image processing toolboxes. Their centre-surround statistic
        leaves out columns 8 and 10 of 16, not 8 and 9; kept, as scores would not compare
        otherwise.
    """
    image = np.asarray(image, dtype=np.float64)
    if image.max() <= 0:
        return 100.0
    padded = np.pad(image, [(0, -length % _BLOCK_PX) for length in image.shape], "symmetric")
    grey = np.rint(255 * np.clip(padded / padded.max(), 0, None))
    blocks = _blocks(_locally_normalised(grey))
    variance = blocks.var(axis=(1, 2), ddof=1)
    active = variance > _ACTIVE_VARIANCE
    blocks, variance = blocks[active], variance[active]
    distortion = (_has_flat_border(blocks) * (1 - variance)
                  + _looks_like_noise(blocks, variance) * variance).sum()
    return float(100 * (distortion + 1) / (len(blocks) + 1))


def _locally_normalised(grey: np.ndarray) -> np.ndarray:
    def local_mean(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, _LOCAL_SIGMA_PX, mode="nearest",
                                       radius=_LOCAL_WINDOW_PX // 2)

    mean = local_mean(grey)
    deviation = np.sqrt(np.abs(local_mean(grey ** 2) - mean ** 2))
    return (grey - mean) / (deviation + 1)


def _blocks(image: np.ndarray) -> np.ndarray:
    """Cut (Y, X) into (N, 16, 16)."""
    rows, columns = (length // _BLOCK_PX for length in image.shape)
    return (image.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).swapaxes(1, 2)
            .reshape(-1, _BLOCK_PX, _BLOCK_PX))


def _has_flat_border(blocks: np.ndarray) -> np.ndarray:
    borders = np.stack([blocks[:, 0], blocks[:, -1], blocks[:, :, 0], blocks[:, :, -1]], axis=1)
    segments = np.lib.stride_tricks.sliding_window_view(borders, _SEGMENT_PX, axis=2)
    return (segments.std(axis=3, ddof=1) < _FLAT_DEVIATION).any(axis=(1, 2))


def _looks_like_noise(blocks: np.ndarray, variance: np.ndarray) -> np.ndarray:
    deviation = np.sqrt(variance)
    centre = blocks[:, :, 7:9].std(axis=(1, 2), ddof=1)
    surround = np.delete(blocks, (7, 9), axis=2).std(axis=(1, 2), ddof=1)
    ratio = np.divide(centre, surround, out=np.zeros_like(centre), where=surround > 0)
    beta = np.abs(deviation - ratio) / np.maximum(deviation, ratio)
    return deviation > 2 * beta


def find_focal_plane(stack_ZYX: np.ndarray) -> int:
    """Find the slice around which a stack is sharpest.

    It is the centre of gravity of the highest peak, above half height, of the slices' mean
    gradient, slightly smoothed against noise. The sharpest slice itself depends on which cells
    happen to lie in it. Blank slices at the ends are never chosen.

    Args:
        stack_ZYX: (Z, Y, X), any real type, bright field or fluorescence.

    Returns:
        Index along Z; the middle slice where all are equally sharp. Where the stack ends
        within the peak, it lies somewhat inward of the sharpest slice.

    Source:
        ours.
    """
    sharpness = np.array([
        gradient_magnitude(gaussian(lateral_slice, _FOCUS_SIGMA_PX, mode="nearest",
                                    preserve_range=True)).mean()
        for lateral_slice in stack_ZYX])
    floor = (1 - _FOCUS_SHARE) * sharpness.min() + _FOCUS_SHARE * sharpness.max()
    peaks, _ = ndimage.label(sharpness >= floor)
    indices = np.flatnonzero(peaks == peaks[sharpness.argmax()])
    height = sharpness[indices] - floor
    weights = height if height.any() else None  # None if all are equal
    return int(np.rint(np.average(indices, weights=weights)))


def delta_dom(image: np.ndarray, *, data_range: float, window: int = 2,
              sharp_threshold: float = 2.0, edge_threshold: float = 0.02) -> float:
    """Delta-DOM: share of edge pixels where an edge is steep.

    Along each axis, the second differences over two pixels of the median-filtered image are
    divided by the contrast, both summed around a pixel. An ideal step gives 4, a ramp longer
    than the window 0.

    Args:
        image: (Y, X), any real type.
        data_range: intensity from black to white, in the image's unit.
        window: pixels to either side to sum over.
        sharp_threshold: ratio from which an edge is sharp.
        edge_threshold: share of `data_range` that the central difference exceeds at an edge.

    Returns:
        0 (no sharp edge) to sqrt(2) (all edges along both axes are sharp). An axis of less
        than 9 pixels (2 * window + 5) has no edges.

    Source:
        Kumar, Chen and Doermann 2012, Sharpness estimation for document and scene images,
        ICPR. The threshold is half of an ideal step's ratio, as in public implementations.
        Departs: edges weaker than the noise do not count, so that scores of smooth and noisy
        slices are comparable.
    """
    image = np.asarray(image, dtype=np.float64)
    smooth = ndimage.median_filter(image, 3, mode="nearest")
    along_y, along_x = (
        _sharp_share(*pair, window, sharp_threshold, edge_threshold * data_range)
        for pair in ((image, smooth), (image.T, smooth.T)))
    return float(np.hypot(along_y, along_x))


def _sharp_share(image: np.ndarray, smooth: np.ndarray, window: int, sharp_threshold: float,
                 edge_height: float) -> float:
    """Return the share of sharp ones among the edge pixels along the first axis."""
    reach = 2 + window  # distance of the farthest pixel that a ratio depends on
    if len(image) <= 2 * reach:
        return 0.0
    bend = np.abs(smooth[4:] - 2 * smooth[2:-2] + smooth[:-4])
    contrast = np.abs(np.diff(image, axis=0))[1:-2]
    slope = np.abs(image[reach + 1:1 - reach] - image[reach - 1:-1 - reach]) / 2

    def summed(values: np.ndarray) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(values, 2 * window + 1, axis=0).sum(-1)

    edge = slope > edge_height
    sharp = edge & (summed(bend) >= sharp_threshold * summed(contrast))
    return sharp.sum() / edge.sum() if edge.any() else 0.0
