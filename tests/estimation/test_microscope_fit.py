"""The forward model of z-stacks, fitted to stacks of known optics, and undone again."""

import numpy as np
import pytest
from scipy import ndimage

from microgan.estimation.depth_filter import (
    linear_filter, nonnegative_filter, richardson_lucy)
from microgan.estimation.microscope_fit import fit_microscope
from microgan.simulation.fitted_microscope import AXIAL, LATERAL, SIGMA
from microgan.estimation.slice_covariances import slice_covariances
from microgan.simulation import random_stacks
from microgan.simulation.microscope import Microscope
from microgan.simulation.random_stacks import draw_setting, draw_volume

DEPTH, SIDE = 17, 64
# Lengths in pixels.
MICROSCOPE = Microscope(focal_plane=7, sigma_um=0.6, lateral_growth_per_um=0.03,
                        axial_growth_per_um=0.02, cone=0.0, axial_ratio=1.5)


def sample(seed):
    """Shining clouds, as fine in depth as in the plane, beyond both ends of the stack, too."""
    grain = np.random.default_rng(seed).normal(size=(DEPTH + 6, SIDE, SIDE))
    clouds = sum(ndimage.gaussian_filter(grain, sigma, mode="wrap") * sigma ** 1.5
                 for sigma in (0.8, 1.5, 3))
    return 100 * np.exp(0.5 * clouds / clouds.std())


def stack_of(density, seed, microscope=MICROSCOPE):
    seen = microscope.see(density, np.arange(-3, DEPTH + 3), DEPTH)
    return seen + np.random.default_rng(seed).normal(0, 1, seen.shape)


@pytest.fixture(scope="module")
def fit():
    return fit_microscope([stack_of(sample(seed), seed) for seed in range(3)], step_px=1.0)


def test_known_optics_are_found(fit):
    found, true = fit.blurs(DEPTH), dict(zip((LATERAL, AXIAL), (3.03, 2.52)))

    assert fit.microscope.focal_plane == pytest.approx(7, abs=0.3)
    for name, wanted in true.items():
        assert found[name] == pytest.approx(wanted, rel=0.2)
        assert 0 < fit.relative_errors[name] < 0.5
        assert name not in fit.undetermined
    assert 0.5 < found[SIGMA] < np.hypot(0.6, 0.8)  # the clouds are soft, too
    assert fit.tissue[0] < 1 and fit.tissue[1] > DEPTH - 2


def test_the_noise_is_found(fit):
    assert fit.noise_variance == pytest.approx(1, rel=0.3)


@pytest.mark.slow
def test_twice_the_growth_is_found_as_such(fit):
    wider = Microscope(focal_plane=7, sigma_um=0.6, lateral_growth_per_um=0.06,
                       axial_growth_per_um=0.02, axial_ratio=1.5)

    found = fit_microscope([stack_of(sample(seed), seed, wider) for seed in range(3)],
                           step_px=1.0).blurs(DEPTH)

    assert found[LATERAL] == pytest.approx(0.6 + 0.06 * 81, rel=0.3)
    assert found[LATERAL] > 1.3 * fit.blurs(DEPTH)[LATERAL]


def test_noise_alone_tells_nothing():
    stacks = np.random.default_rng(0).normal(100, 5, (2, 9, 48, 48))

    found = fit_microscope(stacks, step_px=1.0)

    assert SIGMA in found.undetermined and LATERAL in found.undetermined


def test_stacks_of_different_depth_are_refused():
    with pytest.raises(ValueError, match=r"one depth. Received: \[5, 6\]"):
        fit_microscope([np.zeros((5, 32, 32)), np.zeros((6, 32, 32))], step_px=1.0)


def test_white_noise_has_its_variance_and_slices_share_none_of_it(random):
    found = slice_covariances([random.normal(0, 2, (4, 64, 64)) for _ in range(4)])

    assert found.of_tiles.shape == (4, 16, 4, 4)
    mean = np.einsum("nrij,r->ij", found.of_tiles, found.count) / 4 / found.count.sum()
    np.testing.assert_allclose(mean, 4 * np.eye(4), atol=0.15)
    assert np.all(np.diff(found.frequency) > 0) and found.frequency[-1] < 0.5


def test_a_small_stack_is_cut_into_tiles(random):
    assert len(slice_covariances([random.normal(size=(3, 96, 96))]).of_tiles) == 4


def test_light_goes_back_to_its_depth(fit):
    density = sample(9)
    wanted = ndimage.gaussian_filter(density, 0.6, mode="wrap")[3:-3]
    measured = stack_of(density, 9)

    linear = linear_filter(measured, fit, 0.6)
    iterated = richardson_lucy(measured, fit, 10, ground=1.0)

    def error(volume):  # slices that are clearly out of focus
        return np.sqrt(np.mean((volume - wanted)[[2, 3, 11, 12, 13]] ** 2))

    assert error(linear) < 0.75 * error(measured)
    assert error(iterated) < 0.95 * error(measured)
    np.testing.assert_allclose(linear.mean((1, 2)), measured.mean((1, 2)), rtol=1e-3)


def test_of_sparse_samples_the_one_without_negative_density_is_nearer():
    rng = np.random.default_rng(5)
    samples = []
    for _ in range(4):
        spots = (rng.uniform(size=(DEPTH + 6, SIDE, SIDE)) < 0.004).astype(float)
        samples.append(300 * ndimage.gaussian_filter(spots, 1, mode="wrap"))
    stacks = [MICROSCOPE.see(each, np.arange(-3, DEPTH + 3), DEPTH)
              + rng.normal(0, 0.1, (DEPTH, SIDE, SIDE)) for each in samples]

    found = fit_microscope(stacks[:3], step_px=1.0)
    linear = linear_filter(stacks[3], found, 0.6)
    nonnegative = nonnegative_filter(stacks[3], found, 0.6)

    wanted = ndimage.gaussian_filter(samples[3], 0.6, mode="wrap")[3:-3]

    def error(volume):
        return np.sqrt(np.mean((volume - wanted) ** 2))

    assert nonnegative.min() > -0.05 * wanted.max()
    assert error(nonnegative) < 0.9 * error(linear) < 0.9 * error(stacks[3])
    np.testing.assert_allclose(nonnegative.mean((1, 2))[3:-3], stacks[3].mean((1, 2))[3:-3],
                               rtol=0.1)


def test_absent_depths_count_as_if_they_were_left_out():
    depths = np.arange(-3, 20)
    presence = (depths >= 4).astype(float)

    found = MICROSCOPE.depth_weights(2, depths, presence)

    np.testing.assert_allclose(found[depths >= 4], MICROSCOPE.depth_weights(2, depths[7:]))
    np.testing.assert_allclose(found[depths < 4], 0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [101, 102, 111])
def test_random_microscopes_are_found_on_random_samples(seed):
    rng = np.random.default_rng(seed)
    setting = draw_setting(rng, 29)
    microscope = setting.microscope
    begin, end = (share * 28 * microscope.z_step_um for share in setting.tissue)
    positions = np.arange(np.floor(max(begin, -3)), min(end, 28 * microscope.z_step_um + 3) + 1)
    volumes = [draw_volume(rng, 128) for _ in range(2)]
    stacks = []
    for index in range(4):
        density = setting.contrast * random_stacks.draw_place(
            rng, volumes[index % 2:index % 2 + 1], (len(positions), 96, 96))
        seen = microscope.see(density, positions / microscope.z_step_um, 29)[:, 16:-16, 16:-16]
        photons = rng.poisson(random_stacks._light(seen, setting) * microscope.photons)
        stacks.append(photons + setting.read_noise * rng.normal(size=photons.shape))

    found = fit_microscope(stacks, step_px=float(microscope.z_step_um))

    for index in (0, 7, 21, 28):
        for mine, true in zip(found.microscope.blur_um(index), microscope.blur_um(index)):
            assert mine == pytest.approx(true, rel=0.35)
