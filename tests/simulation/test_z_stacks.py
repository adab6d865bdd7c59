"""Simulated z-stacks: blur grows with distance, light is kept, tissue ends, files repeat."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from microgan.config import SimulateConfig
from microgan.metrics.sharpness import find_focal_plane, mean_absolute_gradient
from microgan.simulation import z_stacks
from microgan.simulation.microscope import Microscope
from microgan.simulation.sections import Staining, draw_section
from microgan.simulation.z_stacks import (
    NUM_SLICES, TISSUE, expected_photons, photograph, seen_density,
    simulate_in_focus_image, simulate_stack)

ZSTACK = Path(__file__).parents[2] / "data" / "zstack"
SIZE_PX = SimulateConfig().stack_size
OPEN = (0, NUM_SLICES)


@pytest.fixture(scope="module")
def stack():
    return simulate_stack(seed=1, part="train", index=0, size_px=48)


@pytest.fixture
def line():
    """One absorbing line along Y in every slice."""
    density = np.zeros((NUM_SLICES, 8, 61))
    density[:, :, 30] = 1
    return density


@pytest.mark.parametrize("distance", [0, 4, 9, -9])
def test_blur_within_a_slice_has_the_width_of_the_microscope(line, distance):
    microscope = Microscope()
    index = microscope.focal_plane + distance

    profile = seen_density(line, index, microscope, OPEN)[4]

    width = np.sqrt(np.sum(profile * (np.arange(61) - 30) ** 2) / profile.sum())
    assert width == pytest.approx(microscope.blur_um(index)[1], rel=0.1)


def test_blur_grows_with_the_distance_from_the_focal_plane():
    widths = np.array([Microscope().blur_um(index) for index in range(NUM_SLICES)])

    assert np.all(np.diff(widths[14:], axis=0) > 0)
    np.testing.assert_array_equal(widths, widths[::-1])
    assert np.all(widths[14] == Microscope().sigma_um)


def test_absorption_stays_the_same_at_every_focus(line):
    """Defocus, even outside the tissue, spreads absorption and loses none."""
    inside = np.zeros_like(line)
    inside[slice(*TISSUE)] = line[slice(*TISSUE)]

    sums = [seen_density(inside, index, Microscope(), TISSUE).sum()
            for index in range(NUM_SLICES)]

    np.testing.assert_allclose(sums, line[0].sum())


def test_a_slice_far_from_the_tissue_sees_its_nearest_face():
    density = np.zeros((NUM_SLICES, 8, 8))
    density[10] = 1
    narrow = Microscope(axial_growth_per_um=0.0, sigma_um=0.1)

    np.testing.assert_allclose(seen_density(density, 0, narrow, (10, 20)), 1)


def test_light_is_absorbed_by_beer_and_lambert():
    microscope = Microscope(photons=1000.0)

    photons = expected_photons(np.array([0.0, np.log(2)]), microscope)

    np.testing.assert_allclose(photons, [1000, 500])


def test_photon_noise_has_the_variance_of_its_mean(random):
    microscope = Microscope(photons=100.0, gain=1.0)

    image = photograph(random, np.zeros((200, 200)), microscope).astype(float)

    assert image.mean() == pytest.approx(100, rel=0.01)
    assert image.var() == pytest.approx(100, rel=0.05)


def test_tissue_ends_before_the_stack_does(stack):
    blurred, sharp = stack
    brightest = round(Microscope().gain * Microscope().photons)

    outside = np.ones(NUM_SLICES, bool)
    outside[slice(*TISSUE)] = False
    assert np.all(sharp[outside] == brightest)
    assert np.all(sharp[~outside].std(axis=(1, 2)) > 20)
    # Out of focus, the cells still cast shadows there.
    assert np.all(blurred[outside].std(axis=(1, 2)) > 8)


def test_the_focal_plane_is_the_slice_nearest_to_the_sharp_volume(stack):
    blurred, sharp = (volume.astype(float) for volume in stack)

    errors = [np.abs(blurred[z] - sharp[z]).mean() for z in range(*TISSUE)]

    assert np.argmin(errors) + TISSUE[0] == Microscope().focal_plane
    assert min(errors) < 0.5 * min(errors[0], errors[-1])
    assert abs(find_focal_plane(stack[0]) - Microscope().focal_plane) <= 1


def test_sharp_volume_is_equally_sharp_in_all_directions(stack):
    inside = stack[1][slice(*TISSUE)].astype(float)

    slopes = [np.abs(np.diff(inside, axis=axis)).mean() for axis in range(3)]

    np.testing.assert_allclose(slopes, np.mean(slopes), rtol=0.1)


def test_in_focus_images_and_crops_are_as_sharp_as_the_focal_plane():
    def sharpness(images):
        return np.mean([mean_absolute_gradient(image) for image in images])

    stacks = [np.load(path)["arr_0"] for path in sorted((ZSTACK / "trainB").iterdir())]
    focal = sharpness(stack[:, :, 14] for stack in stacks)

    for folder in ("trainA2D", "trainA29"):
        images = [tifffile.imread(path) for path in sorted((ZSTACK / folder).iterdir())]
        assert sharpness(images) == pytest.approx(focal, rel=0.1)
    assert sharpness(stack[SIZE_PX // 2] for stack in stacks) < 0.75 * focal
    assert sharpness(stack[:, :, 0] for stack in stacks) < 0.35 * focal


def test_cells_are_cut_by_the_faces_of_the_section(random):
    density = draw_section(random, (10, 64, 64), Staining(grain=0.0))

    dark = density > 0.5

    for face in (dark[0], dark[-1]):
        assert face.mean() == pytest.approx(dark.mean(), rel=0.6)
    assert density.min() >= 0


def test_grain_is_about_one(random):
    density = draw_section(random, (10, 32, 32), Staining(neurons_per_mm3=0, glia_per_mm3=0))

    logarithm = np.log(density / Staining().ground_density)
    assert logarithm.std() == pytest.approx(Staining().grain, rel=0.01)


@pytest.mark.parametrize("part, index", [("train", 11), ("test", 0)])
def test_shipped_stacks_are_reproduced_bit_for_bit(part, index):
    name = f"{part}_{index:03d}.npz"

    volumes = simulate_stack(seed=SimulateConfig().seed, part=part, index=index,
                             size_px=SIZE_PX)

    for kind, volume in zip(("B", "Sharp") if part == "test" else ("B",), volumes):
        shipped = np.load(ZSTACK / f"{part}{kind}" / name)["arr_0"]
        np.testing.assert_array_equal(shipped, np.moveaxis(volume, 0, 2))


@pytest.mark.parametrize("folder, shape_px", [("testA2D", (SIZE_PX, SIZE_PX)),
                                              ("trainA29", (SIZE_PX, NUM_SLICES))])
def test_shipped_in_focus_images_are_reproduced_bit_for_bit(folder, shape_px):
    part = folder.split("A")[0]

    image = simulate_in_focus_image(seed=0, part=part, index=3, shape_px=shape_px)

    np.testing.assert_array_equal(tifffile.imread(ZSTACK / folder / f"{part}_003.tif"), image)


def test_shipped_stacks_have_the_promised_form():
    counts = {folder.name: len(list(folder.iterdir())) for folder in ZSTACK.iterdir()}

    assert counts == {"trainB": 12, "trainA2D": 36, "trainA29": 36,
                      "testB": 4, "testA2D": 12, "testA29": 12, "testSharp": 4}
    assert sum(path.stat().st_size for path in ZSTACK.rglob("*.*")) < 6e6
    stacks = [np.load(path)["arr_0"] for path in sorted(ZSTACK.glob("t*[Bp]/*.npz"))]
    assert {(stack.dtype, stack.shape) for stack in stacks} == {
        (np.dtype(np.uint8), (SIZE_PX, SIZE_PX, NUM_SLICES))}
    assert len({stack.tobytes() for stack in stacks}) == 20


def test_no_section_is_shown_twice():
    """An image, a crop and a slice never come from one section."""
    def focal_plane(part, shape_px, index):
        return simulate_in_focus_image(seed=0, part=part, index=index, shape_px=shape_px)[:, :29]

    images = [focal_plane("train", (32, 32), 0), focal_plane("train", (32, 29), 0),
              focal_plane("train", (32, 32), 1), focal_plane("test", (32, 32), 0),
              simulate_stack(seed=0, part="train", index=0, size_px=32)[0][14][:, :29]]

    assert len({image.tobytes() for image in images}) == len(images)
    assert np.corrcoef([image.ravel() for image in images])[np.triu_indices(5, 1)].max() < 0.6


def test_there_is_no_other_part():
    with pytest.raises(ValueError, match="not in tuple"):
        z_stacks.simulate_stack(seed=0, part="validation", index=0, size_px=32)
