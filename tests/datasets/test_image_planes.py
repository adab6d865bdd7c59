"""Folders of stacks and time series: every plane is an image."""

import json

import imagecodecs
import numpy as np
import pytest
import tifffile

from helpers import make_pairs
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.image_planes import load_planes, read_folder
from microgan.datasets.paired_arrays import load_pairs
from microgan.datasets.splits import split_pairs
from microgan.datasets.unpaired_arrays import load_unpaired
from microgan.datasets.z_stacks import read_images
from microgan.errors import UserError


def write_pair(folder, name, degraded, clean, axes="TYX"):
    for half, images in (("degraded", degraded), ("clean", clean)):
        path = folder / "Cells" / half / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, images, imagej=True, metadata={"axes": axes})


@pytest.fixture
def series(tmp_path, random):
    """Time series of 3, 5 and 4 planes, one of them in a subfolder."""
    degraded, clean = make_pairs(12, random)
    for name, where in (("a.tif", slice(0, 3)), ("day2/b.TIF", slice(3, 8)),
                        ("day2/c.tif", slice(8, 12))):
        write_pair(tmp_path, name, degraded[where], clean[where])
    return tmp_path, degraded, clean


@pytest.mark.parametrize("axes, shape", [
    ("TYX", (6, 16, 20)), ("TZYX", (2, 3, 16, 20)), ("ZYX", (6, 16, 20)),
    ("TZCYX", (2, 3, 1, 16, 20))])
def test_every_plane_of_an_imagej_file_is_an_image(tmp_path, random, axes, shape):
    stack = random.integers(0, 255, shape, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": axes})

    planes = load_planes(tmp_path / "a.tif", FileNotes())

    np.testing.assert_array_equal(planes, stack.reshape(6, 16, 20))


@pytest.mark.parametrize("axes, order", [("ZYX", (0, 1, 2)), ("XYZ", (2, 1, 0)),
                                         ("YXT", (2, 0, 1))])
def test_rows_are_rows_whatever_the_order_of_axes(tmp_path, random, axes, order):
    stack = random.integers(0, 255, (16, 20, 24), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack",
                     metadata={"axes": axes})

    np.testing.assert_array_equal(load_planes(tmp_path / "a.tif", FileNotes()),
                                  stack.transpose(order))


def test_planes_of_subfolders_are_paired_by_file_and_number(series):
    folder, degraded, clean = series

    pairs = load_pairs(folder, "Cells")

    np.testing.assert_array_equal(pairs.degraded, degraded)
    np.testing.assert_array_equal(pairs.clean, clean)
    assert pairs.file_names[:4] == ("a.tif[0]", "a.tif[1]", "a.tif[2]", "day2/b.TIF[0]")
    assert pairs.files == ("a.tif",) * 3 + ("day2/b.TIF",) * 5 + ("day2/c.tif",) * 4


def test_what_is_skipped_in_subfolders_is_listed(series, capsys):
    folder, *_ = series
    day = folder / "Cells" / "clean" / "day2"
    (day / "notes.txt").touch()
    (day / ".cache").mkdir()
    (day / "again").symlink_to(day, target_is_directory=True)

    read_folder(folder / "Cells" / "clean", FileNotes())

    assert "clean: 3 files skipped: day2/.cache/, day2/again/, day2/notes.txt." in (
        capsys.readouterr().out)


def test_a_plane_without_partner_is_counted(series, random):
    folder, degraded, _ = series
    tifffile.imwrite(folder / "Cells" / "degraded" / "a.tif", degraded[:2], imagej=True,
                     metadata={"axes": "TYX"})

    with pytest.raises(UserError, match="degraded/a.tif and .*clean/a.tif hold 2 and 3 planes"):
        load_pairs(folder, "Cells")


def test_a_bad_plane_is_named(series):
    folder, _, clean = series
    clean = clean[3:8].copy()
    clean[4] = 7
    tifffile.imwrite(folder / "Cells" / "clean" / "day2" / "b.TIF", clean, imagej=True,
                     metadata={"axes": "TYX"})

    with pytest.raises(UserError, match=r"clean/day2/b.TIF\[4\] is constant \(7\)"):
        load_pairs(folder, "Cells")


@pytest.mark.parametrize("limit", [None, 6])
@pytest.mark.parametrize("test_fraction", [None, 0.3])
def test_planes_of_a_file_stay_in_one_part(series, limit, test_fraction):
    pairs = load_pairs(series[0], "Cells")
    for seed in range(20):
        split = split_pairs(pairs, None, images_limit=limit, validation_fraction=0.2,
                            test_fraction=test_fraction, seed=seed)

        files = [{pairs.files[index] for index in part}
                 for part in (split.train, split.validation, split.test)]
        assert files[0] and files[1] and bool(files[2]) == bool(test_fraction)
        assert sum(map(len, files)) == len(set.union(*files)) == 3 - (
            limit is None and not test_fraction and len(set.union(*files)) < 3)
        if limit:
            assert len(split.train) + len(split.validation) == limit


def test_planes_of_the_only_file_are_divided_in_runs(tmp_path, random, capsys):
    write_pair(tmp_path, "a.tif", *make_pairs(20, random))
    pairs = load_pairs(tmp_path, "Cells")

    split = split_pairs(pairs, None, images_limit=None, validation_fraction=0.2,
                        test_fraction=None, seed=1)

    for part in (split.validation, split.test):
        assert len(part) == 4 and part[0] % 4 == 0 and part[3] - part[0] == 3
    assert len(split.train) == 12
    assert "all pairs are planes of one file, a.tif" in capsys.readouterr().out


def test_few_files_whose_planes_must_be_tested_are_an_error(tmp_path, random):
    for name in "ab":
        write_pair(tmp_path, f"{name}.tif", *make_pairs(3, random))
    pairs = load_pairs(tmp_path, "Cells")

    with pytest.raises(UserError, match=r"are planes of the same files \(2 different ones in 6 "
                       "pairs\\), and one file must not be in two parts"):
        split_pairs(pairs, None, images_limit=None, validation_fraction=0.2, test_fraction=0.2,
                    seed=1)


def test_unpaired_planes_keep_their_files(series):
    folder, *_ = series
    images = load_unpaired(folder, "Cells")

    assert images.degraded_files == images.clean_files == load_pairs(folder, "Cells").files


def test_a_stack_among_images_in_focus_is_refused(series):
    folder, *_ = series

    with pytest.raises(UserError, match="a.tif holds several planes: expected one image in"):
        read_images(folder / "Cells" / "clean", np.dtype(np.uint8), folder)


def write_zarr(path, pixels, axes, labels):
    """Write an OME-Zarr of version 0.4 in one chunk."""
    (path / "0").mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps({
        "multiscales": [{"version": "0.4", "axes": [{"name": name} for name in axes],
                         "datasets": [{"path": "0"}]}],
        "omero": {"channels": [{"label": label} for label in labels]}}))
    (path / "0" / ".zarray").write_text(json.dumps({
        "zarr_format": 2, "shape": pixels.shape, "chunks": pixels.shape, "dtype": "|u1",
        "compressor": None, "fill_value": 0, "order": "C", "filters": None}))
    (path / "0" / ".".join("0" * pixels.ndim)).write_bytes(pixels.tobytes())


def test_planes_of_an_ome_zarr_are_images(tmp_path, random):
    movie = random.integers(0, 255, (3, 2, 16, 20), np.uint8)
    write_zarr(tmp_path / "day1" / "a.zarr", movie, "tcyx", ["DAPI", "Actin"])

    found = read_folder(tmp_path, FileNotes(), "Actin")

    np.testing.assert_array_equal(found.images, movie[:, 1])
    assert found.files == ("day1/a.zarr",) * 3
    with pytest.raises(UserError, match=r"a.zarr holds 2 channels \(1 DAPI, 2 Actin\)"):
        read_folder(tmp_path, FileNotes())


def test_an_ome_zarr_without_axes_is_refused(tmp_path, random):
    write_zarr(tmp_path / "a.zarr", random.integers(0, 255, (3, 16, 20), np.uint8), "", [])

    with pytest.raises(UserError, match="a.zarr does not name its axes"):
        load_planes(tmp_path / "a.zarr", FileNotes())


def test_pngs_are_images(tmp_path, random):
    image = random.integers(0, 255, (16, 20), np.uint8)
    (tmp_path / "a.PNG").write_bytes(imagecodecs.png_encode(image))

    found = read_folder(tmp_path, FileNotes())

    np.testing.assert_array_equal(found.images, [image])
    assert found.names == ("a.PNG",)
