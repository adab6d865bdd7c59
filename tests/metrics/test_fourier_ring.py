"""Fourier ring correlation finds the detail that two images share."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.metrics.fourier_ring import (
    BETWEEN_HALVES, fourier_ring_correlation, fourier_ring_resolution)


def noise(shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def low_passed(image, cut_off):
    """All detail finer than `cut_off` cycles per pixel removed."""
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in image.shape), indexing="ij"))
    return np.fft.ifft2(np.fft.fft2(image) * (frequency <= cut_off)).real


@pytest.mark.parametrize("shape", [(64, 64), (65, 48), (40, 97)])
def test_identical_images_agree_down_to_two_pixels(shape):
    image = noise(shape, 0)

    _, correlation = fourier_ring_correlation(image, image)

    np.testing.assert_allclose(correlation, 1)
    assert fourier_ring_resolution(image, image) == 2


@pytest.mark.parametrize("cut_off", [0.1, 0.2, 0.35])
@pytest.mark.parametrize("shape", [(128, 128), (256, 128)])
def test_images_that_share_detail_up_to_a_cut_off_cross_there(shape, cut_off):
    shared = low_passed(noise(shape, 0), cut_off)
    own = [noise(shape, seed) - low_passed(noise(shape, seed), cut_off) for seed in (1, 2)]

    period = fourier_ring_resolution(shared + own[0], shared + own[1])

    # The window mixes a ring with its two neighbours only.
    assert 1 / period == pytest.approx(cut_off, abs=2 / min(shape))


def test_strong_background_in_one_image_does_not_hide_shared_detail():
    shape, cut_off = (128, 128), 0.2
    shared = low_passed(noise(shape, 0), cut_off)
    own = noise(shape, 1) - low_passed(noise(shape, 1), cut_off)
    background = -300 * low_passed(noise(shape, 0), 0.012)

    assert fourier_ring_correlation(shared, shared + background)[1][0] < 0
    assert fourier_ring_resolution(shared, shared + own + background) == pytest.approx(
        1 / cut_off, abs=0.3)


def test_correlation_of_signal_and_noise_agrees_with_theory():
    # Two recordings of one signal, each with noise of equal power: correlation 1 / 2.
    signal = noise((256, 256), 0)

    _, correlation = fourier_ring_correlation(signal + noise(signal.shape, 1),
                                              signal + noise(signal.shape, 2))

    assert correlation[10:].mean() == pytest.approx(0.5, abs=0.02)


def half_data_resolution(first, second):
    """A second implementation, ring by ring from the definition."""
    height, width = first.shape
    window = np.sqrt(np.outer(1 - np.cos(2 * np.pi * np.arange(height) / height),
                              1 - np.cos(2 * np.pi * np.arange(width) / width)) ** 2) / 4
    spectra = [np.fft.fftshift(np.fft.fft2(window * (image - np.mean(image))))
               for image in (first, second)]
    y, x = np.mgrid[:height, :width]
    side = min(first.shape)
    radius = np.sqrt(((y - height // 2) / height) ** 2 + ((x - width // 2) / width) ** 2) * side
    before = None
    for ring in range(1, side // 2 + 1):
        one, other = (each[(radius > ring - 0.5) & (radius < ring + 0.5)] for each in spectra)
        correlation = (np.vdot(one, other).real
                       / np.sqrt(np.vdot(one, one).real * np.vdot(other, other).real))
        if before is not None and before >= 1 / 7 > correlation:
            return side / (ring - 1 + (before - 1 / 7) / (before - correlation))
        before = correlation
    return 2.0


@pytest.mark.parametrize("shape", [(255, 255), (301, 200)])
def test_all_data_reaches_as_far_against_the_truth_as_its_halves_reach_together(shape):
    of_halves, of_all = [], []
    for seed in range(0, 12, 3):
        truth = ndimage.gaussian_filter(noise(shape, seed), 1.5, mode="wrap")
        halves = [truth + 0.02 * noise(shape, seed + half) for half in (1, 2)]
        of_halves.append(fourier_ring_resolution(*halves, threshold=BETWEEN_HALVES))
        of_all.append(fourier_ring_resolution(truth, np.mean(halves, axis=0)))

        assert of_halves[-1] == pytest.approx(half_data_resolution(*halves), rel=1e-9)

    # 3.05 px, by halves with a deviation of 0.02 for four; at 1/7 it would be 2.7.
    assert np.mean(of_all) == pytest.approx(np.mean(of_halves), abs=0.1)


def test_scale_and_offset_do_not_matter():
    clean, restored = noise((64, 64), 0), noise((64, 64), 0) + 2 * noise((64, 64), 1)

    assert fourier_ring_resolution(clean, 1000 + 30 * restored) == pytest.approx(
        fourier_ring_resolution(clean, restored))


def test_inverted_contrast_agrees_nowhere():
    clean = noise((64, 48), 0)

    assert fourier_ring_resolution(clean, -clean) == 48


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_image_agrees_nowhere(value):
    assert fourier_ring_resolution(noise((64, 48), 0), np.full((64, 48), value)) == 48


def test_rings_are_of_one_spatial_frequency():
    frequency, correlation = fourier_ring_correlation(noise((32, 64), 0), noise((32, 64), 1))

    np.testing.assert_allclose(frequency, np.arange(1, 17) / 32)
    assert len(correlation) == len(frequency)


@pytest.mark.parametrize("shapes", [((8, 8), (8, 9)), ((8,), (8,)), ((3, 8), (3, 8))])
def test_unfit_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="at least 4 x 4"):
        fourier_ring_correlation(*(np.ones(shape) for shape in shapes))
