"""Scores agree with scikit-image and with numbers worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data, metrics

from microgan.metrics import paired


@pytest.fixture
def clean():
    return data.coins()[:96, :128]


@pytest.fixture
def noisy(clean):
    noise = np.random.default_rng(0).normal(0, 20, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8)


def test_scores_equal_scikit_image(clean, noisy):
    clean_float, noisy_float = clean / 255, noisy / 255

    assert paired.psnr(clean, noisy, data_range=255) == pytest.approx(
        metrics.peak_signal_noise_ratio(clean, noisy))
    assert paired.ssim(clean, noisy, data_range=255) == pytest.approx(
        metrics.structural_similarity(clean, noisy))
    assert paired.nrmse(clean_float, noisy_float) == pytest.approx(
        metrics.normalized_root_mse(clean_float, noisy_float, normalization="min-max"))


def test_psnr_of_a_known_error():
    clean = np.zeros((8, 8), np.uint8)

    # Every pixel is off by 10: 20 log10(100 / 10) dB.
    assert paired.psnr(clean, clean + 10, data_range=100) == pytest.approx(20)
    # An unsigned difference the other way must not wrap around.
    assert paired.psnr(clean + 10, clean, data_range=100) == pytest.approx(20)


def test_identical_images_score_infinite_psnr_full_ssim_no_error(clean):
    assert paired.psnr(clean, clean, data_range=255) == np.inf
    assert paired.ssim(clean, clean, data_range=255) == 1.0
    assert paired.nrmse(clean, clean) == 0.0


@pytest.mark.parametrize("score", [paired.psnr, paired.ssim])
def test_data_range_has_no_default(score, clean):
    with pytest.raises(TypeError, match="data_range"):
        score(clean, clean)


def test_half_contrast_and_an_offset_cost_only_under_range(clean):
    truth = (clean / 255) ** 3  # mostly dark, as micrographs are
    changed = 0.5 * truth + 0.3
    unit = {"clean_range": (0, 1), "restored_range": (0, 1)}

    scores = {name: paired.psnr(*aligned[:2], data_range=aligned.data_range)
              for name, aligned in [
                  ("paper", paired.align_paper(truth, changed)),
                  ("range", paired.align_range(truth, changed, **unit)),
                  ("care", paired.align_care(truth, changed))]}

    # By hand, the error is 0.3 - 0.5 x at each pixel.
    assert scores["range"] == pytest.approx(-10 * np.log10(np.mean((0.3 - 0.5 * truth) ** 2)))
    assert 12 < scores["range"] < 16
    assert scores["paper"] > 250
    assert scores["care"] > 250


def test_align_paper_stretches_each_image_to_0_to_255(clean, noisy):
    aligned = paired.align_paper(clean.astype(np.uint16) * 9, noisy / 1000)

    assert aligned.data_range == 255
    for image in aligned[:2]:
        assert image.min() == 0
        assert image.max() == pytest.approx(255)


def test_align_range_uses_each_images_own_constants():
    image = np.array([[10, 20], [30, 50]], np.uint8)

    aligned = paired.align_range(image, image, clean_range=(10, 50), restored_range=(20, 30))

    np.testing.assert_allclose(aligned.clean, [[0, 0.25], [0.5, 1]])
    np.testing.assert_allclose(aligned.restored, [[-1, 0], [1, 3]])
    assert aligned.data_range == 1


def test_align_care_is_the_least_squares_fit_of_numpy(clean, noisy):
    low, high = np.percentile(clean, (0.1, 99.9))
    truth = (clean - low) / (high - low)
    scale, offset = np.polyfit(noisy.ravel().astype(float), truth.ravel(), 1)

    aligned = paired.align_care(clean, noisy)

    np.testing.assert_allclose(aligned.clean, truth)
    np.testing.assert_allclose(aligned.restored, scale * noisy + offset)
    assert aligned.data_range == 1


@given(scale=st.floats(1e-3, 1e4), offset=st.floats(-1e5, 1e5))
def test_care_score_is_blind_to_scale_and_offset(scale, offset):
    clean, restored = np.random.default_rng(1).uniform(size=(2, 16, 16))

    def score(image):
        aligned = paired.align_care(clean, image)
        return paired.psnr(*aligned[:2], data_range=aligned.data_range)

    assert score(scale * restored + offset) == pytest.approx(score(restored), rel=1e-4)


@pytest.mark.parametrize("value", [0, 0.1, 1e6])
def test_constant_restoration_fits_as_the_mean(clean, value):
    fitted = paired.least_squares_fit(np.full(clean.shape, value), clean)

    np.testing.assert_allclose(fitted, clean.mean())


def test_constant_images_are_refused_with_the_reason(clean):
    constant = np.full(clean.shape, 0.1)
    one_hot_pixel = np.zeros((128, 128))
    one_hot_pixel[3, 4] = 1

    with pytest.raises(paired.NotScorableError, match="scored image is constant"):
        paired.align_paper(clean, constant)
    with pytest.raises(paired.NotScorableError, match="clean image is constant"):
        paired.align_paper(constant, clean)
    with pytest.raises(paired.NotScorableError, match="constant except for a few pixels"):
        paired.align_care(one_hot_pixel, one_hot_pixel)
