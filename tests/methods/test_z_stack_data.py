import numpy as np
import pytest
import tifffile
from scipy import ndimage

from microgan.config import ZSEGANConfig
from microgan.datasets.z_stacks import find_stacks, read_stack, voxel_size_um
from microgan.errors import UserError
from microgan.methods.z_stack_data import load_z_stacks
from microgan.methods.zse_gan import ZSEGAN
from microgan.runs.run import train


def make_stack(random, focal_plane, depth=9, side=32):
    """Grains that are the more blurred the farther from focus."""
    sharp = random.normal(100, 30, (depth, side, side))
    return np.stack([ndimage.gaussian_filter(image, abs(z - focal_plane))
                     for z, image in enumerate(sharp)]).clip(0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, random):
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", make_stack(random, 3 + number % 2))
    return tmp_path


@pytest.fixture
def layout(tmp_path, random):
    """The authors' folders: stacks, in-focus images, and those in vertical shape."""
    for name in ("trainB", "trainA2D", "trainA29"):
        (tmp_path / name).mkdir()
    for number in range(3):
        np.savez(tmp_path / "trainB" / f"{number}.npz",
                 np.moveaxis(make_stack(random, 4), 0, -1))
        for name, size in (("trainA2D", (32, 32)), ("trainA29", (32, 9))):
            tifffile.imwrite(tmp_path / name / f"{number}.tif",
                             random.integers(0, 255, size).astype(np.uint8))
    return tmp_path


def load(folder, **changes):
    return load_z_stacks(ZSEGANConfig.create(data_dir=str(folder), seed=1, **changes))


def test_stacks_alone_give_their_focal_planes_as_sharp_images(folder, capsys):
    data = load(folder)

    assert data.focal_planes == [3, 4, 3, 4]
    assert len(data.validation) == 1 and sorted([*data.train, *data.validation]) == [0, 1, 2, 3]
    assert len(data.sharp_lateral) == 9
    stack = data.stacks[data.train[0]]
    focal_plane = data.focal_planes[data.train[0]]
    np.testing.assert_array_equal(data.sharp_lateral[1], stack[focal_plane])
    # With voxels of unknown size both directions of a slice look like depth.
    np.testing.assert_array_equal(data.sharp_axial[3], stack[focal_plane].T)
    assert capsys.readouterr().out.count("does not tell its pixel_size_um and z_step_um") == 1


def test_voxel_sizes_resample_one_axis_of_the_sharp_images(folder, capsys):
    data = load(folder, pixel_size_um=0.5, z_step_um=1.0)

    assert {image.shape for image in data.sharp_axial} == {(32, 16)}
    pairs = data.sharp_lateral[0].reshape(32, 16, 2).mean(axis=2)
    assert np.corrcoef(pairs.ravel(), data.sharp_axial[0].ravel())[0, 1] > 0.9
    assert "Warning" not in capsys.readouterr().out


@pytest.mark.parametrize("given, sizes, words", [
    ((None, None), (1, 1), "pixel_size_um and z_step_um: taken to be 1 um. Pass --pixel_size_um "
                           "and --z_step_um."),
    ((0.3, None), (0.3, 0.3), "its z_step_um: taken to be 0.3 um. Pass --z_step_um."),
    ((None, 2.0), (2, 2), "its pixel_size_um: taken to be 2 um. Pass --pixel_size_um."),
    ((0.3, 2.0), (0.3, 2), "")])
def test_an_unknown_voxel_size_is_taken_to_be_the_known_one(folder, capsys, given, sizes, words):
    paths = find_stacks(folder)
    pixel_size_um, z_step_um = given

    found = voxel_size_um([read_stack(path) for path in paths], paths,
                          pixel_size_um=pixel_size_um, z_step_um=z_step_um)

    said = capsys.readouterr().out
    assert found == sizes
    assert words in said and (words or not said)


@pytest.mark.parametrize("low, high, dtype, normalization, is_told", [
    (0, 4095, np.uint16, "type_range", True), (0, 4095, np.uint16, "percentiles", False),
    (0, 255, np.uint8, "type_range", False), (0, 40000, np.uint16, "type_range", False)])
def test_stacks_that_use_little_of_their_type_are_told(
        tmp_path, random, capsys, low, high, dtype, normalization, is_told):
    for number in range(2):
        stack = random.integers(low, high, (9, 32, 32)).astype(dtype)
        np.save(tmp_path / f"{number}.npy", stack)

    load(tmp_path, normalization=normalization)

    told = "use 6.2 % of what uint16 can hold" in capsys.readouterr().out
    assert told == is_told


def test_layout_of_the_authors_gives_their_in_focus_images(layout, capsys):
    data = load(layout)

    assert [image.shape for image in data.sharp_lateral] == 3 * [(32, 32)]
    assert [image.shape for image in data.sharp_axial] == 3 * [(32, 9)]
    assert capsys.readouterr().out == ""


def test_layout_can_be_trained_on_its_stacks_alone(layout):
    data = load(layout, in_focus_from="stacks")

    assert len(data.sharp_lateral) == 6


def test_given_focal_plane_counts_from_one(folder):
    assert load(folder, focal_plane=2).focal_planes == [1, 1, 1, 1]


def test_normalization_is_the_types_range_or_percentiles_of_training_stacks(folder):
    assert load(folder).intensities.low == 0 and load(folder).intensities.high == 255
    narrow = load(folder, normalization="percentiles")
    pixels = np.concatenate([stack.ravel() for stack in narrow.part("train")[0]])
    assert narrow.intensities.high == pytest.approx(np.percentile(pixels, 99.9))


def test_one_corrupt_stack_is_named(folder):
    content = (folder / "2.npy").read_bytes()
    (folder / "2.npy").write_bytes(content[:1000])

    with pytest.raises(UserError, match="2.npy cannot be read"):
        load(folder)


def test_focal_plane_beyond_a_stack_is_an_error(folder):
    with pytest.raises(UserError, match="--focal_plane=10 is not in .*0.npy, which has 9 slices"):
        load(folder, focal_plane=10)


def test_single_stack_is_an_error(folder):
    with pytest.raises(UserError, match="at least two are needed"):
        load(folder / "0.npy")


def copy(folder, name, *copies):
    for other in copies:
        (folder / other).write_bytes((folder / name).read_bytes())


def test_division_of_different_stacks_is_a_permutation_of_the_seed(folder):
    # What earlier runs recorded in split.json.
    order = np.random.default_rng(1).permutation(4).tolist()

    data = load(folder, validation_fraction=0.5)

    assert (data.validation, data.train) == (sorted(order[:2]), sorted(order[2:]))


@pytest.mark.parametrize("seed", range(1, 6))
def test_copies_of_a_stack_stay_on_one_side(folder, seed):
    copy(folder, "0.npy", "4.npy", "5.npy")
    copy(folder, "1.npy", "6.npy", "7.npy")

    data = load_z_stacks(ZSEGANConfig.create(data_dir=str(folder), seed=seed))

    assert sorted([*data.train, *data.validation]) == list(range(8))
    for copies in ({0, 4, 5}, {1, 6, 7}):
        assert copies <= set(data.train) or copies <= set(data.validation)


def test_copies_of_a_single_stack_are_an_error(folder):
    copy(folder, "0.npy", "1.npy", "2.npy", "3.npy")

    with pytest.raises(UserError, match="All 4 z-stacks in .* copies of one"):
        load(folder)


def test_copies_are_not_divided_however_many_validate(folder):
    copy(folder, "0.npy", "1.npy")
    copy(folder, "2.npy", "3.npy")

    data = load(folder, validation_fraction=0.75)

    assert sorted([data.train, data.validation]) == [[0, 1], [2, 3]]


@pytest.mark.parametrize("fraction, expected", [(0.01, 1), (0.5, 2), (0.9, 3)])
def test_some_stack_is_always_left_to_train(folder, fraction, expected):
    data = load(folder, validation_fraction=fraction)

    assert (len(data.validation), len(data.train)) == (expected, 4 - expected)


def test_stack_of_another_type_is_named(folder, random):
    np.save(folder / "9.npy", make_stack(random, 3).astype(np.uint16))

    with pytest.raises(UserError, match="9.npy holds uint16, but .*0.npy uint8"):
        load(folder)


@pytest.mark.parametrize("name, size", [("trainA2D", (32, 32)), ("trainA29", (32, 9))])
def test_in_focus_images_of_another_type_are_named(layout, random, name, size):
    tifffile.imwrite(layout / name / "9.tif", random.integers(0, 255, size).astype(np.uint16))

    with pytest.raises(UserError, match=f"{name}/9.tif holds uint16, but .*0.npz uint8"):
        load(layout)


def test_stacks_of_other_voxel_size_are_named(folder, random):
    tifffile.imwrite(folder / "9.tif", make_stack(random, 3), imagej=True, resolution=(4, 4),
                     metadata={"axes": "ZYX", "spacing": 1.0, "unit": "um"})

    with pytest.raises(UserError, match="0.npy has pixel_size_um None, but .*9.tif has 0.25"):
        load(folder)


def test_shallow_stacks_are_refused_with_what_helps(folder, tmp_path):
    config = ZSEGANConfig.create(data_dir=str(folder), dir=str(tmp_path), seed=1, patch_size=32)

    with pytest.raises(UserError, match="9 slices, .* need 16. .* pass --recipe=limited"):
        train(ZSEGAN, config)
