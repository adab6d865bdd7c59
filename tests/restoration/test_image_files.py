"""What is read is written back with its type, shape, axes and resolution."""

import itertools

import numpy as np
import pytest
import tifffile

from microgan.errors import UserError
from microgan.restoration.image_files import read_image, write_image

TYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")


def pixels(shape, dtype="uint16"):
    return (100 * np.random.default_rng(0).uniform(size=shape)).astype(dtype)


def round_trip(path, folder, **arguments):
    image = read_image(path, **arguments)
    (folder / "out").mkdir()
    write_image(folder / "out" / path.name, image.pixels, image)
    return image, folder / "out" / path.name


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_type_and_values_are_kept(tmp_path, suffix, dtype):
    path, original = tmp_path / f"image{suffix}", pixels((5, 20, 30), dtype)
    np.save(path, original) if suffix == ".npy" else tifffile.imwrite(path, original)

    _, written = round_trip(path, tmp_path)

    again = read_image(written).pixels
    assert again.dtype == original.dtype
    np.testing.assert_array_equal(again, original)


@pytest.mark.parametrize("axes", ["".join(order) for order in itertools.permutations("ZYX")]
                         + ["YX", "XY", "TZCYX", "YXZ", "CYX", "QQYX"])
def test_axes_named_in_a_tiff_are_kept(tmp_path, axes):
    path = tmp_path / "image.tif"
    original = pixels(tuple(range(4, 4 + len(axes))))
    tifffile.imwrite(path, original, metadata={"axes": axes}, photometric="minisblack")

    image, written = round_trip(path, tmp_path)

    assert image.axes == axes
    assert not image.axes_are_assumed
    again = read_image(written)
    assert again.axes == axes
    np.testing.assert_array_equal(again.pixels, original)


@pytest.mark.parametrize("shape", [(3, 20, 30), (4, 20, 30), (20, 30, 3), (1, 20, 30)])
def test_short_axes_do_not_become_colours(tmp_path, shape):
    path, original = tmp_path / "image.tif", pixels(shape)
    tifffile.imwrite(path, original, photometric="minisblack")

    _, written = round_trip(path, tmp_path)

    again = read_image(written)
    assert again.pixels.shape == read_image(path).pixels.shape
    np.testing.assert_array_equal(again.pixels.squeeze(), original.squeeze())


def test_imagej_stack_stays_one_with_its_calibration(tmp_path):
    path, original = tmp_path / "image.tif", pixels((2, 5, 3, 20, 30))
    tifffile.imwrite(path, original, imagej=True, resolution=(5.0, 5.0), metadata={
        "axes": "TZCYX", "spacing": 0.7, "unit": "um", "finterval": 2.5})

    image, written = round_trip(path, tmp_path)

    assert image.axes == "TZCYX"
    with tifffile.TiffFile(written) as tiff:
        assert tiff.is_imagej
        assert tiff.series[0].axes == "TZCYX"
        assert tiff.imagej_metadata["spacing"] == 0.7
        assert tiff.imagej_metadata["unit"] == "um"
        assert tiff.imagej_metadata["finterval"] == 2.5
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
        assert numerator / denominator == 5
        np.testing.assert_array_equal(tiff.asarray(), original)


def test_ome_stack_stays_one_with_its_pixel_size(tmp_path):
    path, original = tmp_path / "image.ome.tif", pixels((5, 3, 20, 30))
    tifffile.imwrite(path, original, ome=True, metadata={
        "axes": "ZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeZ": 0.5})

    image, written = round_trip(path, tmp_path)

    assert image.axes == "ZCYX"
    with tifffile.TiffFile(written) as tiff:
        assert tiff.is_ome
        assert tiff.series[0].axes == "ZCYX"
        found = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (found["PhysicalSizeX"], found["PhysicalSizeXUnit"]) == (0.1, "µm")
        assert found["PhysicalSizeZ"] == 0.5
        np.testing.assert_array_equal(tiff.asarray(), original)


def test_resolution_of_a_plain_tiff_is_kept(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels((20, 30)), resolution=(300, 150), resolutionunit="CENTIMETER")

    _, written = round_trip(path, tmp_path)

    with tifffile.TiffFile(written) as tiff:
        tags = tiff.pages[0].tags
        assert tags["XResolution"].value == (300, 1)
        assert tags["YResolution"].value == (150, 1)
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER


def test_axes_argument_wins_and_is_not_stored(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels((6, 20, 30)), metadata={"axes": "ZYX"})

    image, written = round_trip(path, tmp_path, axes="YXZ")

    assert image.axes == "YXZ"
    assert read_image(written).axes == "ZYX"


@pytest.mark.parametrize("shape, axes", [((20, 30), "YX"), ((5, 20, 30), "ZYX")])
def test_axes_of_an_array_are_assumed_and_marked(tmp_path, shape, axes):
    np.save(tmp_path / "image.npy", pixels(shape))

    image = read_image(tmp_path / "image.npy")

    assert (image.axes, image.axes_are_assumed) == (axes, True)
    assert not read_image(tmp_path / "image.npy", axes=axes).axes_are_assumed


@pytest.mark.parametrize("array, axes, message", [
    (pixels((2, 3, 20, 30)), None, "--axes=TZYX"),
    (pixels((20, 30)), "ZYX", "'ZYX' do not fit"),
    (pixels((20, 30)), "YY", "'YY' do not fit"),
    (pixels((20, 30, 3)), "YXS", "only grey images"),
    (pixels((20, 30), "int64"), None, "int64"),
    (pixels((20, 30), "complex64"), None, "complex64"),
    (pixels((20, 30), bool), None, "bool"),
    (pixels((0, 30)), None, "empty"),
    (np.array([{"a": 1}]), None, "cannot be read"),
])
def test_unfit_arrays_are_refused_by_name(tmp_path, array, axes, message):
    path = tmp_path / "image.npy"
    np.save(path, array, allow_pickle=True)

    with pytest.raises(UserError, match=message) as caught:
        read_image(path, axes=axes)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_colour_tiff_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", pixels((20, 30, 3), "uint8"), photometric="rgb")

    with pytest.raises(UserError, match="only grey images"):
        read_image(tmp_path / "image.tif")


def test_tiff_of_several_images_is_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "image.tif") as writer:
        writer.write(pixels((20, 30)))
        writer.write(pixels((9, 9)))

    with pytest.raises(UserError, match="2 separate images"):
        read_image(tmp_path / "image.tif")


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    original = pixels((20, 30))
    np.save(path, original) if suffix == ".npy" else tifffile.imwrite(path, original)
    path.write_bytes(path.read_bytes()[:150])

    with pytest.raises(UserError, match="cannot be read"):
        read_image(path)


def test_missing_and_foreign_files_are_refused(tmp_path):
    (tmp_path / "image.png").write_bytes(b"")

    with pytest.raises(UserError, match="no file"):
        read_image(tmp_path / "none.npy")
    with pytest.raises(UserError, match="expected .npy, .tif or .tiff"):
        read_image(tmp_path / "image.png")
