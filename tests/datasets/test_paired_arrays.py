import re

import numpy as np
import pytest
import tifffile

from helpers import make_pairs, write_pairs
from microgan.config import CGANConfig
from microgan.datasets.enlarged import enlarge
from microgan.datasets.paired_arrays import (
    find_datasets, has_clean, load_pairs, load_test_pairs)
from microgan.datasets.task_files import DataFolder
from microgan.errors import UserError


@pytest.fixture
def folder(tmp_path, random):
    write_pairs(tmp_path, "Cells", 3, random)
    return tmp_path


def spoil(folder, change, letter="X"):
    """Rewrite an array of `Cells` after a change."""
    path = folder / f"Cells_{letter}.npy"
    array = change(np.load(path).astype(np.float32))
    np.save(path, array)
    return path


def assert_refused(folder, *words):
    with pytest.raises(UserError) as caught:
        load_pairs(folder, "Cells")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_arrays_are_memory_mapped_and_paired(folder):
    pairs = load_pairs(folder, "Cells")

    assert isinstance(pairs.degraded, np.memmap)
    np.testing.assert_array_equal(pairs.clean, np.load(folder / "Cells_Y.npy"))


def test_trailing_channel_axis_of_one_is_dropped(folder):
    spoil(folder, lambda array: array[..., np.newaxis])

    assert load_pairs(folder, "Cells").degraded.shape == (3, 32, 32)


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "float16", "float64"])
def test_any_real_type_is_accepted(folder, dtype):
    path = folder / "Cells_X.npy"
    np.save(path, np.load(path).astype(dtype))

    assert load_pairs(folder, "Cells").degraded.dtype == np.dtype(dtype)


def test_data_sets_are_found_without_their_test_parts(folder, random):
    write_pairs(folder, "Cells_test", 2, random)
    # Of single halves, loading names the missing partner.
    np.save(folder / "Alone_X.npy", np.zeros((2, 8, 8)))
    np.save(folder / "Clean_only_Y.npy", np.zeros((2, 8, 8)))
    (folder / "Half" / "clean").mkdir(parents=True)
    np.save(folder / "Clean_extra_Y.npy", np.zeros((2, 8, 8)))
    np.savez(folder / "Care.npz", X=np.zeros(1), Y=np.zeros(1))
    for part in ("degraded", "clean"):
        (folder / "Tiffs" / part).mkdir(parents=True)

    assert find_datasets(folder) == (
        "Alone", "Care", "Cells", "Clean_only", "Half", "Tiffs")
    assert len(load_test_pairs(folder, "Cells")) == 2
    assert load_test_pairs(folder, "Care") is None


def test_missing_partner_is_named(folder):
    (folder / "Cells_Y.npy").unlink()

    assert_refused(folder, "Cells_Y.npy", "NAME_Y.npy")


def test_missing_data_set_is_named(folder):
    with pytest.raises(UserError, match="No images of 'Nuclei' in .*--datasets"):
        load_pairs(folder, "Nuclei")


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="no folder .*nowhere.*--data_dir"):
        find_datasets(tmp_path / "nowhere")


def test_folder_without_data_sets_is_an_error_that_names_what_is_expected(tmp_path):
    with pytest.raises(UserError, match="NAME_X.npy"):
        find_datasets(tmp_path)


def test_different_counts_are_reported(folder):
    spoil(folder, lambda array: array[:2])

    assert_refused(folder, "has 2 images", "has 3")


def test_different_shapes_are_reported(folder):
    spoil(folder, lambda array: array[:, :30])

    assert_refused(folder, "Image 0", "30 x 32", "32 x 32", "crop or resample")


@pytest.mark.parametrize("letter, words", [
    ("X", "clean one has 2 times as many pixels along each axis: pass --upsample=True"),
    ("Y", "degraded one has 2 times as many pixels along each axis: are they exchanged?")])
def test_size_by_a_whole_factor_is_told(folder, letter, words):
    spoil(folder, lambda array: array[:, ::2, ::2], letter)

    assert_refused(folder, "Image 0", "16 x 16", words)


def test_degraded_images_are_enlarged_to_the_size_of_clean_ones(folder):
    spoil(folder, lambda array: array[:, ::2, ::2])

    pairs = load_pairs(DataFolder(folder, upsample=True), "Cells")

    assert pairs.upsample == 2 and pairs.degraded[0].shape == pairs.clean[0].shape == (32, 32)
    small = np.load(folder / "Cells_X.npy")[0]
    np.testing.assert_array_equal(pairs.degraded[0], enlarge(small, 2))


@pytest.mark.parametrize("change, words", [
    (lambda array: array, "32 x 32: with --upsample=True the clean image must be larger by a "
     "whole factor, 2 to 8. Leave it out."),
    (lambda array: array[:, ::2], "16 x 32 and"),
    (lambda array: array[:, :3, :3], "Crop or resample one.")])
def test_sizes_that_do_not_fit_for_enlarging_are_refused(folder, change, words):
    spoil(folder, change)

    with pytest.raises(UserError, match=re.escape(words)):
        load_pairs(DataFolder(folder, upsample=True), "Cells")


def test_pairs_that_need_different_factors_are_refused(tmp_path, random):
    for half, sides in ("degraded", (32, 16)), ("clean", (64, 64)):
        (tmp_path / "Cells" / half).mkdir(parents=True)
        for number, side in enumerate(sides):
            tifffile.imwrite(tmp_path / "Cells" / half / f"{number}.tif",
                             random.integers(0, 200, (side, side)).astype(np.uint8))

    with pytest.raises(UserError, match="1.tif is 4 times as large .*0.tif 2 times"):
        load_pairs(DataFolder(tmp_path, upsample=True), "Cells")


@pytest.mark.parametrize("dtype", ["complex64", "U3", "bool", "M8[s]"])
def test_what_is_not_a_real_number_is_refused(folder, dtype):
    np.save(folder / "Cells_X.npy", np.zeros((3, 32, 32), dtype))

    assert_refused(folder, "Cells_X.npy", "expected integers or real")


@pytest.mark.parametrize("value, words", [
    (np.nan, "NaN or infinite"), (np.inf, "is infinite"),
    (-3.4e38, "-3.4e+38, which no camera measures"), (-9999, "a usual mark of missing data")])
def test_pixel_that_was_not_measured_is_named(folder, value, words):
    def change(array):
        array = array.astype(np.float64)
        array[1, 4, 5] = value
        return array
    spoil(folder, change)

    assert_refused(folder, "Image 1", "Cells_X.npy", "1 pixel is", words)


def test_constant_image_is_named(folder):
    def change(array):
        array[2] = 9
        return array
    spoil(folder, change, "Y")

    assert_refused(folder, "Image 2", "Cells_Y.npy", "constant (9.0)")


@pytest.mark.parametrize("shape", [(0, 32, 32), (3, 0, 32)])
def test_empty_array_is_refused(folder, shape):
    np.save(folder / "Cells_X.npy", np.zeros(shape))

    assert_refused(folder, "Cells_X.npy")


@pytest.mark.parametrize("keep", [0, 50, 2000])
def test_truncated_file_is_named(folder, keep):
    path = folder / "Cells_X.npy"
    path.write_bytes(path.read_bytes()[:keep])

    assert_refused(folder, "Cells_X.npy", "cannot be read")


def test_object_array_is_never_unpickled(folder):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))
    np.save(folder / "Cells_X.npy", np.array([Bomb()] * 3, object), allow_pickle=True)

    assert_refused(folder, "Cells_X.npy", "plain numbers")


def test_wrong_dimensions_are_reported(folder):
    np.save(folder / "Cells_X.npy", np.zeros((3, 32, 32, 3)))

    assert_refused(folder, "(3, 32, 32, 3)", "(N, Y, X)")


@pytest.fixture
def tiff_folder(tmp_path, random):
    for part, images in zip(("degraded", "clean"), make_pairs(3, random)):
        (tmp_path / "Cells" / part).mkdir(parents=True)
        for index, image in enumerate(images):
            # Sizes may differ from pair to pair.
            tifffile.imwrite(tmp_path / "Cells" / part / f"{index}.tif",
                             image[:32 - index].astype(np.uint16))
    return tmp_path


def test_tiff_folders_are_paired_by_name(tiff_folder):
    pairs = load_pairs(tiff_folder, "Cells")

    assert [image.shape for image in pairs.degraded] == [(32, 32), (31, 32), (30, 32)]
    assert pairs.clean[0].dtype == np.uint16


def test_folders_may_have_other_names(tiff_folder):
    for part, name in (("degraded", "raw"), ("clean", "gt")):
        (tiff_folder / "Cells" / part).rename(tiff_folder / "Cells" / name)
    data = DataFolder(tiff_folder, "raw", "gt")

    assert find_datasets(data) == ("Cells",)
    assert has_clean(data, "Cells") and len(load_pairs(data, "Cells")) == 3
    with pytest.raises(UserError, match="NAME/degraded/.*named with --degraded_dir and --clean"):
        find_datasets(tiff_folder)


@pytest.mark.parametrize("names, message", [
    (("raw/day1", "gt"), "--degraded_dir takes the name of a folder .* Received: 'raw/day1'"),
    (("raw", ""), "--clean_dir takes the name of a folder in each folder NAME"),
    (("raw", "raw"), "--degraded_dir and --clean_dir are both 'raw'")])
def test_names_of_folders_that_cannot_be_are_refused(names, message):
    with pytest.raises(UserError, match=message):
        CGANConfig.create(degraded_dir=names[0], clean_dir=names[1])


def test_tiffs_of_unlike_names_are_paired_by_what_changes_and_printed(tiff_folder, capsys):
    for part, name in (("degraded", "input_avg1_{:03}.tif"), ("clean", "{}-target_avg400.tif")):
        for index in range(3):
            path = tiff_folder / "Cells" / part / f"{index}.tif"
            # In another order by name, to be put right.
            path.rename(path.with_name(name.format(10 ** index)))

    pairs = load_pairs(tiff_folder, "Cells")

    assert [image.shape for image in pairs.clean] == [(32, 32), (31, 32), (30, 32)]
    assert pairs.pair_name(1) == "input_avg1_010.tif with 10-target_avg400.tif"
    assert capsys.readouterr().out == (
        "Cells: paired by what changes in their names: input_avg1_001.tif with "
        "1-target_avg400.tif, input_avg1_010.tif with 10-target_avg400.tif, "
        "input_avg1_100.tif with 100-target_avg400.tif.\n")


def test_pairs_of_one_name_are_not_printed(tiff_folder, capsys):
    load_pairs(tiff_folder, "Cells")

    assert capsys.readouterr().out == ""


def test_tiff_without_partner_is_named(tiff_folder):
    (tiff_folder / "Cells" / "clean" / "1.tif").unlink()

    assert_refused(tiff_folder, "1.tif is in ", "Cells/degraded, but not in ", "Cells/clean",
                   "--alpha=1")


def test_tiffs_of_several_types_are_named(tiff_folder):
    path = tiff_folder / "Cells" / "degraded" / "2.tif"
    tifffile.imwrite(path, tifffile.imread(path).astype(np.uint8))

    assert_refused(tiff_folder, "degraded/2.tif holds uint8, but ", "degraded/0.tif uint16")


def test_damaged_tiff_is_named(tiff_folder):
    path = tiff_folder / "Cells" / "clean" / "1.tif"
    path.write_bytes(path.read_bytes()[:100])

    assert_refused(tiff_folder, "1.tif")


def test_constant_tiff_is_named(tiff_folder):
    tifffile.imwrite(tiff_folder / "Cells" / "clean" / "2.tif", np.full((30, 32), 7, np.uint8))

    assert_refused(tiff_folder, "clean/2.tif is constant (7)")


def test_color_tiff_is_refused(tiff_folder):
    tifffile.imwrite(tiff_folder / "Cells" / "clean" / "1.tif", np.zeros((32, 32, 3), np.uint8),
                     photometric="rgb")

    assert_refused(tiff_folder, "1.tif holds colours (RGB; YXS of 32 x 32 x 3)", "--channels")


@pytest.mark.parametrize("axes, shape", [
    (None, (3, 1, 32, 32)), ("SCYX", (3, 1, 32, 32)), ("SYXC", (3, 32, 32, 1)),
    (None, (3, 32, 32)), ("YXS", None)])
def test_care_archives_are_read(tmp_path, random, axes, shape):
    degraded, clean = make_pairs(3, random)
    keys = {} if axes is None else {"axes": axes}
    stored = [images.transpose(1, 2, 0) if shape is None else images.reshape(shape)
              for images in (degraded, clean)]
    np.savez(tmp_path / "Cells.npz", X=stored[0], Y=stored[1], **keys)

    pairs = load_pairs(tmp_path, "Cells")

    np.testing.assert_array_equal(pairs.degraded, degraded)
    np.testing.assert_array_equal(pairs.clean, clean)


def test_care_archive_of_volumes_is_refused(tmp_path):
    np.savez(tmp_path / "Cells.npz", X=np.zeros((3, 4, 8, 8)), Y=np.zeros((3, 4, 8, 8)),
             axes="SZYX")

    assert_refused(tmp_path, "(3, 4, 8, 8)", "2D")


def test_care_archive_without_a_key_is_refused(tmp_path):
    np.savez(tmp_path / "Cells.npz", X=np.zeros((3, 8, 8)))

    assert_refused(tmp_path, "lacks Y")


@pytest.mark.parametrize("shape, words", [
    ((2, 32, 32), ("X in ", "has 3 images", "Y in ", "has 2")),
    ((3, 32, 30), ("Image 0", "Image 0 of X in ", "32 x 32 but", "32 x 30: a pair")),
])
def test_different_halves_of_a_care_archive_are_reported(tmp_path, random, shape, words):
    np.savez(tmp_path / "Cells.npz", X=random.normal(size=(3, 32, 32)),
             Y=random.normal(size=shape))

    assert_refused(tmp_path, "Cells.npz", *words)


def test_damaged_care_archive_is_named(tmp_path):
    (tmp_path / "Cells.npz").write_bytes(b"PK\x03\x04 no archive")

    assert_refused(tmp_path, "Cells.npz", "cannot be read")


@pytest.mark.parametrize("name", ["", "sub/Cells", "../Cells"])
def test_name_with_a_folder_is_refused(folder, name):
    with pytest.raises(UserError, match="names without folders"):
        load_pairs(folder, name)


def test_image_too_small_for_a_network_is_named(folder):
    for letter in "XY":
        spoil(folder, lambda array: array[:, :12], letter)

    assert_refused(folder, "Image 0", "12 x 32", "16 x 16")


def test_damaged_header_of_any_kind_is_one_line(folder):
    path = folder / "Cells_X.npy"
    content = bytearray(path.read_bytes())
    for position in range(10, 60):
        damaged = content.copy()
        damaged[position] = ord("(")
        path.write_bytes(damaged)
        try:
            load_pairs(folder, "Cells")
        except UserError as error:
            assert "\n" not in str(error)


def test_archive_renamed_to_npy_is_one_line(folder):
    (folder / "Cells_X.npy").write_bytes(b"PK\x03\x04 no archive")

    assert_refused(folder, "Cells_X.npy", "cannot be read")


@pytest.mark.parametrize("make, words", [
    (lambda folder: (folder / "Cells" / "clean").mkdir(parents=True),
     "Cells_X.npy and in the folder Cells"),
    (lambda folder: np.savez(folder / "Cells.npz", X=1, Y=1), "Cells_X.npy and in Cells.npz")])
def test_images_of_two_kinds_are_not_chosen_from_silently(tmp_path, random, make, words):
    for letter in "XY":
        np.save(tmp_path / f"Cells_{letter}.npy", random.random((2, 16, 16)))
    make(tmp_path)

    with pytest.raises(UserError, match=f"holds images of 'Cells' in {words}: only one"):
        load_pairs(tmp_path, "Cells")
