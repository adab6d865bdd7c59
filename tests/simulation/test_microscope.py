"""The forward model of z-stacks: in space and in frequency, light from other depths."""

import numpy as np
import pytest

from microgan.simulation.microscope import Microscope
from microgan.simulation.z_stacks import seen_density

# Of a narrower Gaussian, pixels keep more or less in space and in frequency.
MICROSCOPE = Microscope(focal_plane=5, sigma_um=1.2)
DEPTHS = np.arange(2, 9)


def points(depth, size_px=33):
    density = np.zeros((len(DEPTHS), size_px, size_px))
    density[depth, size_px // 2, size_px // 2] = 1
    return density


def width_px(image):
    position = np.arange(len(image)) - len(image) // 2
    profile = image.sum(axis=0)
    return np.sqrt((profile * position ** 2).sum() / profile.sum())


def test_frequency_and_space_agree(random):
    density = np.zeros((11, 64, 64))
    density[DEPTHS] = random.uniform(size=(len(DEPTHS), 64, 64))

    seen = MICROSCOPE.see(density[DEPTHS], DEPTHS, 11)

    for index in (0, 5, 10):
        in_space = seen_density(density, index, MICROSCOPE, (2, 9))
        # Borders are repeated in one and mirrored in the other.
        np.testing.assert_allclose(seen[index, 16:-16, 16:-16], in_space[16:-16, 16:-16],
                                   atol=2e-3)


def test_every_slice_keeps_all_light(random):
    density = random.uniform(size=(len(DEPTHS), 16, 16))

    seen = Microscope(focal_plane=5, cone=0.5, axial_ratio=3.0).see(density, DEPTHS, 11)

    weights = [Microscope(focal_plane=5, axial_ratio=3.0).depth_weights(z, DEPTHS)
               for z in range(11)]
    np.testing.assert_allclose(np.sum(weights, axis=1), 1)
    np.testing.assert_allclose(seen.sum(axis=(1, 2)),
                               [w @ density.sum(axis=(1, 2)) for w in weights])


@pytest.mark.parametrize("distance", [0, 2, 4])
def test_light_of_another_depth_spreads_as_a_cone(distance):
    microscope = Microscope(focal_plane=5, cone=0.8, lateral_growth_per_um=0.0,
                            axial_ratio=20.0, z_step_um=1.5)

    seen = microscope.see(points(3), DEPTHS, 11)[5 + distance]

    expected = np.hypot(microscope.sigma_um, 0.8 * 1.5 * distance)
    assert width_px(seen) == pytest.approx(expected, rel=0.05)


def test_longer_voxels_mix_fewer_slices():
    near, far = (Microscope(focal_plane=5, z_step_um=step).see(points(3), DEPTHS, 11)[6].sum()
                 for step in (0.5, 2.0))

    assert near > 3 * far
