"""Files of microscopes' makers, written back as OME-TIFF."""

import contextlib
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from microgan.datasets.file_notes import FileNotes
from microgan.datasets.image_planes import load_planes
from microgan.errors import UserError
from microgan.restoration.image_files import open_image_file, result_name
from microgan.restoration.stored_images import Scratch
from vendor_writers import PACKAGES, WRITERS

CHANNELS = ["DAPI", "Actin"]


@pytest.fixture
def movie(random):
    return random.integers(1, 255, (3, 2, 20, 24), np.uint8)


@pytest.fixture(params=WRITERS)
def path(request, tmp_path, movie):
    pytest.importorskip(PACKAGES[request.param])
    path = tmp_path / f"a.{request.param}"
    WRITERS[request.param](path, movie, CHANNELS)
    return path


def write_back(path, dtype=None):
    target = path.with_name(result_name(path))
    with open_image_file(path) as file, contextlib.ExitStack() as stack:
        file.check_writable(dtype)
        parts = []
        for image in file.images:
            part = stack.enter_context(Scratch(path.parent, image.pixels.shape,
                                               dtype or image.pixels.dtype))
            part[...] = image.pixels[(slice(None),) * len(image.axes)]
            parts.append(part)
        file.write_like(target, parts)
        return file, target


def test_copy_with_more_pixels_has_smaller_ones(tmp_path, movie):
    pytest.importorskip("liffile")
    WRITERS["lif"](tmp_path / "a.lif", movie, CHANNELS)

    with open_image_file(tmp_path / "a.lif") as file, Scratch(
            tmp_path, (*movie.shape[:2], 40, 48), movie.dtype) as part:
        file.enlarged = 2
        file.write_like(tmp_path / "a.ome.tif", [part])

    with open_image_file(tmp_path / "a.ome.tif") as again:
        assert again.images[0].pixels.shape == (3, 2, 40, 48)
        assert again.voxel_size_um[0] == pytest.approx(0.1)


@pytest.mark.parametrize("dtype", [None, "float32"])
def test_the_copy_has_axes_channels_and_pixel_size(path, movie, dtype):
    file, target = write_back(path, dtype)

    assert target.name == "a.ome.tif" and "written as OME-TIFF" in file.losses[0]
    with tifffile.TiffFile(target) as tiff:
        (series,) = tiff.series
        assert (series.axes, series.dtype) == ("TCYX", dtype or "uint8")
        np.testing.assert_array_equal(series.asarray(), movie)
        pixels = ElementTree.fromstring(tiff.ome_metadata).find(".//{*}Pixels")
    assert float(pixels.get("PhysicalSizeX")) == pytest.approx(0.2)
    assert [channel.get("Name") for channel in pixels.iterfind("{*}Channel")] == CHANNELS
    with open_image_file(target) as again:
        assert again.images[0].channel_names == ("DAPI", "Actin")


def test_its_planes_are_training_images_by_channel(path, movie):
    np.testing.assert_array_equal(load_planes(path, FileNotes(), "Actin"), movie[:, 1])
    np.testing.assert_array_equal(load_planes(path, FileNotes(), "1"), movie[:, 0])
    with pytest.raises(UserError, match=r"holds 2 channels \(1 DAPI, 2 Actin\): choose"):
        load_planes(path, FileNotes())


def test_several_images_are_written_in_order(tmp_path, movie):
    pytest.importorskip("liffile")
    WRITERS["lif"](tmp_path / "a.lif", movie, CHANNELS, images=("one", "two"))

    _, target = write_back(tmp_path / "a.lif")

    with tifffile.TiffFile(target) as tiff:
        assert [series.name for series in tiff.series] == ["one", "two"]
        for series in tiff.series:
            np.testing.assert_array_equal(series.asarray(), movie)


def test_axes_of_such_files_are_their_own(path):
    with pytest.raises(UserError, match="names its axes: leave out --axes"):
        open_image_file(path, axes="TCYX")
