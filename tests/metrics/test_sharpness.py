import numpy as np
import pytest
from scipy import ndimage

from microgan.metrics.sharpness import (
    delta_dom, find_focal_plane, focus_measure, gradient_magnitude,
    mean_absolute_gradient, piqe)


@pytest.fixture
def texture(random):
    """8-bit-like image (64, 64) of blobs and grain."""
    return np.clip(130 + 40 * ndimage.gaussian_filter(random.normal(size=(64, 64)), 1.5) / 0.19
                   + random.normal(0, 2, (64, 64)), 1, 254)


def defocused_stack(texture, focal_plane, num_slices=21):
    """A stack with blur that grows with the distance from its focal plane."""
    return np.stack([ndimage.gaussian_filter(texture, 0.3 * abs(z - focal_plane), mode="reflect")
                     for z in range(num_slices)])


def test_gradient_of_a_ramp_is_its_slope():
    y, x = np.mgrid[:6, :9]

    np.testing.assert_allclose(gradient_magnitude(3 * y + 4 * x), 5)
    assert mean_absolute_gradient((3 * y + 4 * x).astype(np.uint8)) == pytest.approx(5)


def test_focus_measure_counts_the_frequencies_of_a_wave():
    # 0.5 + a cos(2 pi 3 x / 32): the mean's coefficient, and two of a times its size.
    x = np.arange(32)

    wave = np.tile(0.5 + 0.1 * np.cos(2 * np.pi * 3 * x / 32), (16, 1))

    assert focus_measure(wave, threshold=1000) == 3 / (16 * 32)
    assert focus_measure(wave, threshold=9) == 1 / (16 * 32)


def test_focus_measure_ignores_scale(texture):
    for threshold in (150, 1000):
        assert focus_measure(texture, threshold=threshold) == focus_measure(
            texture / 255, threshold=threshold)


def test_focus_measure_of_a_point_is_one_and_of_nothing_zero():
    point = np.zeros((8, 8))
    point[3, 3] = 1

    assert focus_measure(point, threshold=150) == 1
    assert focus_measure(np.zeros((8, 8)), threshold=150) == 0


@pytest.mark.parametrize("measure", [
    mean_absolute_gradient, lambda image: focus_measure(image, threshold=150),
    lambda image: focus_measure(image, threshold=1000), lambda image: -piqe(image)])
def test_blur_lowers_sharpness(texture, measure):
    assert measure(ndimage.gaussian_filter(texture, 2)) < measure(texture)


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_piqe_of_an_image_without_activity_is_100(level):
    assert piqe(np.full((32, 32), level)) == 100


def test_piqe_of_noise_is_high():
    noise = np.random.default_rng(7).integers(0, 256, (64, 48)).astype(np.uint8)

    # From pypiqe 1.2, which was tested against the best-known implementation; real images
    # agree as well, to 12 digits.
    assert piqe(noise) == pytest.approx(81.9561367937519, abs=1e-9)


def test_piqe_counts_one_clean_active_block():
    """Active, no flat border, its deviation far from the centre's: (0 + 1) / (1 + 1)."""
    y, x = np.mgrid[:16, :16]
    # broad columns of different strength: centre and surround differ
    block = 100 + 60 * np.where((x > 6) & (x < 9), 0.02, 1.0) * np.sin(y * 2.1 + x * 1.3)

    assert piqe(block) == pytest.approx(50)


def test_piqe_of_a_flat_bordered_block_is_by_its_variance():
    """A spot in an empty block: distorted by 1 - variance, so half of it below 100."""
    block = np.full((16, 16), 100.0)
    block[5:11, 5:11] += 100 * (np.indices((6, 6)).sum(axis=0) % 2)

    assert 50 < piqe(block) < 100


def test_piqe_mirrors_sizes_that_are_not_multiples_of_16(texture):
    padded = np.pad(texture[:, :29], ((0, 0), (0, 3)), "symmetric")

    assert piqe(texture[:, :29]) == piqe(padded)


@pytest.mark.parametrize("focal_plane", [6, 10, 14])
@pytest.mark.parametrize("convert", [
    lambda stack: stack.astype(np.uint8), lambda stack: (255 - stack).astype(np.uint8),
    lambda stack: (200 * stack).astype(np.uint16), lambda stack: stack / 255],
    ids=["bright field", "fluorescence", "16 bit", "unit"])
def test_focal_plane_is_found_in_any_stack(texture, focal_plane, convert):
    stack = convert(defocused_stack(texture, focal_plane))

    assert abs(find_focal_plane(stack) - focal_plane) <= 1


@pytest.mark.parametrize("blank", [0, 255])
def test_blank_end_slices_are_not_taken_for_the_focal_plane(texture, blank, random):
    stack = defocused_stack(texture, 10) + random.normal(0, 2, (21, 64, 64))
    stack[:3] = stack[-4:] = blank

    assert abs(find_focal_plane(stack) - 10) <= 1


def test_focal_plane_of_equal_slices_is_the_middle_one():
    assert find_focal_plane(np.zeros((7, 8, 8), np.uint8)) == 3


def test_focal_plane_near_the_end_of_a_stack(texture):
    assert find_focal_plane(defocused_stack(texture, 0)) <= 3


def step_image(width):
    """A rise from 0 to 100 over `width` pixels along X, the same in all rows."""
    return np.tile(np.clip((np.arange(40) - 20) / width, 0, 1) * 100, (12, 1))


def test_delta_dom_of_a_step_is_sharp_along_x_alone():
    # Both edge pixels of the step have a ratio of 4; there is no edge along Y.
    assert delta_dom(step_image(1), data_range=100) == 1


def test_delta_dom_of_a_checkerboard_of_fields_is_sharp_along_both_axes():
    fields = 100.0 * ((np.indices((48, 48)) // 12).sum(axis=0) % 2)

    assert delta_dom(fields, data_range=100) == pytest.approx(np.sqrt(2), abs=0.1)


def test_delta_dom_of_a_long_ramp_is_nearly_zero():
    assert delta_dom(step_image(18), data_range=100, edge_threshold=0.01) < 0.35
    assert delta_dom(3.0 * np.indices((20, 30))[1], data_range=100) == 0


def test_delta_dom_without_edges_is_zero(random):
    assert delta_dom(np.full((16, 16), 7), data_range=255) == 0
    assert delta_dom(random.normal(100, 1, (64, 64)), data_range=255) == 0


def test_delta_dom_of_an_image_too_narrow_for_edges_along_x_is_that_along_y():
    narrow = np.repeat(step_image(1).T[:, :1], 8, axis=1)

    assert narrow.shape[1] == 8 and delta_dom(narrow, data_range=100) == 1


def test_delta_dom_falls_with_blur():
    fields = 100.0 * ((np.indices((48, 48)) // 12).sum(axis=0) % 2)

    scores = [delta_dom(ndimage.gaussian_filter(fields, sigma), data_range=100)
              for sigma in (0.3, 1.5, 3)]

    assert scores[0] > scores[1] > scores[2]
