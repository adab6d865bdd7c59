"""TIFF files that hold something other than planes of one grey image."""

import numpy as np
import pytest
import tifffile

from microgan.datasets.file_notes import FileNotes
from microgan.datasets.image_planes import load_planes
from microgan.datasets.z_stacks import read_stack
from microgan.errors import UserError


def load_tiff(path):
    return load_planes(path, FileNotes())


@pytest.fixture
def several(tmp_path, random):
    """An OME-TIFF of two positions, each a z-stack."""
    with tifffile.TiffWriter(tmp_path / "several.ome.tif", ome=True) as writer:
        for _ in range(2):
            writer.write(random.integers(0, 255, (9, 32, 32), np.uint8), photometric="minisblack",
                         metadata={"axes": "ZYX"})
    return tmp_path / "several.ome.tif"


@pytest.mark.parametrize("read", [load_tiff, read_stack])
def test_a_file_of_several_images_is_refused(several, read):
    with pytest.raises(UserError, match="several.ome.tif holds 2 separate images.*Save each to"):
        read(several)


def test_pages_of_different_size_are_several_images(tmp_path, random):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for side in (32, 16):
            writer.write(random.integers(0, 255, (side, side), np.uint8))

    with pytest.raises(UserError, match="a.tif holds 2 separate images"):
        load_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize("read, shape", [(load_tiff, (32, 32)), (read_stack, (9, 32, 32))])
def test_palette_indices_are_not_intensities(tmp_path, random, read, shape):
    colours = random.integers(0, 2**16, (3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", random.integers(0, 255, shape, np.uint8),
                     photometric="palette", colormap=colours)

    with pytest.raises(UserError, match="a.tif holds indices of a colour palette"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("imagej", [True, False])
def test_a_grey_image_is_read(tmp_path, random, imagej):
    image = random.integers(0, 255, (32, 40), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=imagej)

    np.testing.assert_array_equal(load_tiff(tmp_path / "a.tif"), [image])
