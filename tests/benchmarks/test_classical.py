import sys
import types

import numpy as np
import pytest
from scipy import ndimage
from skimage import restoration

import classical
from microgan.errors import UserError
from microgan.metrics.paired import psnr


@pytest.fixture
def clean(random):
    blobs = ndimage.gaussian_filter(random.random((2, 48, 48)) > 0.98, (0, 1.5, 1.5),
                                    output=np.float64)
    return list(100 + 1000 * blobs / blobs.max())


def mean_psnr(clean, images):
    return np.mean([psnr(truth, image, data_range=1000) for truth, image in zip(clean, images)])


@pytest.fixture
def fake_bm3d(monkeypatch):
    """The package bm3d, which the extra `bench` installs: a Gaussian filter."""
    package = types.SimpleNamespace(
        bm3d=lambda image, sigma: ndimage.gaussian_filter(image, 10 * sigma))
    monkeypatch.setitem(sys.modules, "bm3d", package)


def test_filters_keep_the_intensities_of_the_image(clean, fake_bm3d):
    for name in classical.FILTERS:
        arguments = [values[0] for values in classical.FILTERS[name][1]]

        (filtered,) = classical.apply(classical.FILTERS[name][0], clean[:1], arguments)

        assert filtered.shape == clean[0].shape
        assert filtered.mean() == pytest.approx(clean[0].mean(), rel=0.1), name


@pytest.mark.parametrize("name", ["Gaussian filter", "non-local means",
                                  "stabilised non-local means"])
def test_filters_against_noise_bring_noisy_images_nearer(name, clean, random):
    noisy = [image + random.normal(0, 100, image.shape) for image in clean]

    _, restored = classical.restore(name, (noisy, clean), noisy)

    assert mean_psnr(clean, restored) > mean_psnr(clean, noisy) + 3


def test_richardson_lucy_finds_the_direction_of_a_blur_and_undoes_some(clean):
    clean = clean[:1]
    blurred = [ndimage.gaussian_filter(image, (0.5, 2.5)) for image in clean]

    sigma_x, sigma_y, _ = classical.best_setting("Richardson-Lucy", blurred, clean)
    _, restored = classical.restore("Richardson-Lucy", (blurred, clean), blurred)

    assert sigma_x > sigma_y
    assert mean_psnr(clean, restored) > mean_psnr(clean, blurred) + 1


def test_richardson_lucy_is_that_of_scikit_image_on_an_image_mirrored_beyond_its_border(clean):
    image = clean[0] / clean[0].max()
    point = np.zeros((25, 25))
    point[12, 12] = 1
    kernel = ndimage.gaussian_filter(point, (1.0, 2.5))
    wanted = restoration.richardson_lucy(np.pad(image, 48, mode="symmetric"), kernel,
                                         num_iter=5, clip=False)[48:-48, 48:-48]

    found = classical.richardson_lucy(image, 2.5, 1.0, 5)

    np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_best_setting_of_a_sharp_image_is_no_filter(clean):
    assert classical.best_setting("Gaussian filter", clean, clean) == (0,)


def test_noise_is_estimated_beside_structure(clean, random):
    noisy = clean[0] + random.normal(0, 100, clean[0].shape)

    assert classical.noise_deviation(noisy) == pytest.approx(100, rel=0.1)


def test_bm3d_gets_the_noise_that_was_estimated(clean, random, monkeypatch):
    given = []
    monkeypatch.setitem(sys.modules, "bm3d", types.SimpleNamespace(
        bm3d=lambda image, sigma: given.append(sigma) or image))

    classical.bm3d(clean[0] + random.normal(0, 100, clean[0].shape), 1.5)

    assert given == [pytest.approx(150, rel=0.1)]


def test_bm3d_missing_names_the_extra(clean, monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)

    with pytest.raises(UserError, match=r"microgan\[bench\]"):
        classical.bm3d(clean[0], 1.0)


@pytest.mark.parametrize("gain, floor", [(5.0, 400.0), (5.0, -300.0)])
def test_anscombe_gives_noise_of_any_intensity_a_variance_of_1_and_keeps_the_means(
        gain, floor, random):
    transform = classical.Anscombe(gain, floor)

    for signal in (150.0, 500.0, 2000.0):
        counts = (signal + min(floor, 0) / gain) / gain
        noisy = (gain * random.poisson(counts, 100_000) - min(floor, 0) / gain
                 + random.normal(0, np.sqrt(max(floor, 0)), 100_000))
        values = transform(noisy)

        assert values.var() == pytest.approx(1, rel=0.05)
        assert transform.undo(values.mean()) == pytest.approx(signal, rel=0.01)


def test_anscombe_without_gain_is_a_division():
    transform = classical.Anscombe(0.0, 4.0)

    assert transform(np.array([6.0])) == 3
    assert transform.undo(np.array([3.0])) == 6


def test_noise_line_finds_gain_and_floor(random):
    signal = np.linspace(100, 1000, 128)[:, np.newaxis] * np.ones(128)
    noisy = 4.0 * random.poisson(signal / 4) + random.normal(0, 30, signal.shape)

    gain, floor = classical.noise_line(noisy)

    assert gain == pytest.approx(4, rel=0.15)
    assert floor == pytest.approx(900, rel=0.3)


def test_noise_that_does_not_grow_with_intensity_has_no_gain(random):
    falling = random.normal(0, 1, (64, 64)) * np.linspace(20, 10, 64)[:, np.newaxis]

    gain, floor = classical.noise_line(np.linspace(0, 500, 64)[:, np.newaxis] + falling)

    assert gain == 0
    assert floor == pytest.approx(15.3 ** 2, rel=0.2)


def test_linear_filter_brings_noisy_images_nearer(clean, random):
    noisy = [image + random.normal(0, 100, image.shape) for image in clean]

    restored = classical.filter_linearly(noisy, clean, noisy)

    assert mean_psnr(clean, restored) > mean_psnr(clean, noisy) + 3
