"""Planes that a TIFF announces and does not hold never come out as data."""

import numpy as np
import pytest
import tifffile

from helpers import round_trip
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.image_planes import load_planes
from microgan.datasets.z_stacks import read_stack, read_stacks
from microgan.errors import UserError
from microgan.restoration.image_files import open_image_file

PLANES = np.random.default_rng(0).integers(60, 200, (30, 16, 20)).astype(np.uint16)


def write_pages(path, planes, text, **options):
    """Pages one by one, the first one with a description."""
    with tifffile.TiffWriter(path) as writer:
        for number, plane in enumerate(planes):
            writer.write(plane, description=text if number == 0 else None, metadata=None,
                         photometric="minisblack", **options)
    return path


def imagej(**settings):
    return "ImageJ=1.54f\n" + "".join(f"{name}={value}\n" for name, value in settings.items())


def read(path):
    with open_image_file(path) as file:
        (image,) = file.images
        return image.axes, image.pixels[(slice(None),) * len(image.axes)], file.notes


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
@pytest.mark.parametrize("number, text, axes, shape", [
    (17, imagej(images=30, slices=30), "ZYX", (17,)),
    (17, imagej(images=30), "IYX", (17,)),
    (17, imagej(images=30, frames=30), "TYX", (17,)),
    (20, imagej(images=30, channels=2, slices=5, frames=3, hyperstack="true"), "TZCYX", (2, 5, 2)),
    (17, imagej(images=30, channels=2, slices=5, frames=3, hyperstack="true"), "NYX", (17,)),
    (20, imagej(images=30, channels=2, slices=5, frames=3, order="zct"), "TCZYX", (2, 2, 5)),
    (10, imagej(images=30, channels=2, slices=5, frames=3, hyperstack="true"), "ZCYX", (5, 2)),
    (8, imagej(images=5, slices=5), "ZYX", (8,)),
    (8, imagej(images=1), "IYX", (8,)),
    (30, imagej(images=30, slices=5, frames=3), "NYX", (30,)),
])
def test_an_imagej_file_holds_the_planes_that_are_there(tmp_path, number, text, axes, shape,
                                                        options):
    path = write_pages(tmp_path / "a.tif", PLANES[:number], text, **options)

    found_axes, pixels, notes = read(path)

    assert found_axes == axes
    np.testing.assert_array_equal(pixels, PLANES[:number].reshape(*shape, 16, 20))
    (note,) = notes
    assert f"but {number} are there" in note
    assert ("missing" in note) == ("images=30" in text and number < 30)
    if axes in ("ZYX", "IYX"):
        np.testing.assert_array_equal(read_stack(path).pixels, pixels)
    if axes != "TCZYX":
        _, written = round_trip(path)
        again_axes, again, notes = read(written)
        assert again_axes == axes.replace("I", "Z").replace("N", "Z")
        np.testing.assert_array_equal(again, pixels)
        assert notes == ()


def test_planes_of_several_channels_are_not_slices(tmp_path):
    path = write_pages(tmp_path / "a.tif", PLANES[:17],
                       imagej(images=30, channels=2, slices=15))

    with pytest.raises(UserError, match="has axes NYX: expected ZYX"):
        read_stack(path)


def test_an_ended_z_stack_is_said_where_it_is_learned_from(tmp_path, capsys):
    write_pages(tmp_path / "a.tif", PLANES[:17], imagej(images=30, slices=30))

    read_stacks([tmp_path / "a.tif"])

    assert capsys.readouterr().out == (
        f"{tmp_path}/a.tif: it announces 30 planes, but 17 are there, the others are "
        "missing: it is read as ZYX of 17 x 16 x 20.\n")


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
@pytest.mark.parametrize("text", [
    imagej(images=30, slices=30), imagej(images=30), imagej(images=30, slices=15, channels=2)])
def test_the_first_plane_alone_is_an_image(tmp_path, text, options):
    path = write_pages(tmp_path / "a.tif", PLANES[:1], text, **options)

    axes, pixels, (note,) = read(path)

    assert axes == "YX"
    np.testing.assert_array_equal(pixels, PLANES[0])
    assert note == ("it announces 30 planes, but 1 is there, the others are missing: it is "
                    "read as YX of 16 x 20")
    np.testing.assert_array_equal(load_planes(path, FileNotes()), [PLANES[0]])


@pytest.mark.parametrize("text, axes", [(imagej(images=6, slices=6), "ZYX"),
                                        (imagej(images=6), "IYX")])
def test_planes_that_follow_the_only_page_are_read_unless_cut_short(tmp_path, text, axes):
    path = tmp_path / "a.tif"
    write_pages(path, PLANES[:1], text)
    path.write_bytes(path.read_bytes() + PLANES[1:6].tobytes())

    found, pixels, notes = read(path)
    _, written = round_trip(path)

    assert (found, notes) == (axes, ())
    np.testing.assert_array_equal(pixels, PLANES[:6])
    np.testing.assert_array_equal(read_stack(path).pixels, PLANES[:6])
    np.testing.assert_array_equal(tifffile.imread(written), PLANES[:6])

    path.write_bytes(path.read_bytes()[:-16 * 20 * 4])
    for reader in (open_image_file, read_stack):
        with pytest.raises(UserError, match="cut short: it announces 6 planes, but pixels "
                           "of 4 follow"):
            reader(path)


@pytest.mark.parametrize("num_bytes", [1000, 1200, 2000, 9000])
def test_a_stack_that_is_cut_short_is_no_ended_one(tmp_path, num_bytes):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PLANES, imagej=True, metadata={"axes": "ZYX"})
    path.write_bytes(path.read_bytes()[:num_bytes])

    for reader in (open_image_file, read_stack, lambda path: load_planes(path, FileNotes())):
        with pytest.raises(UserError, match="a.tif cannot be read as a TIFF: it .*cut short"):
            reader(path)


@pytest.mark.parametrize("number, text", [(4, '{"shape": [6, 16, 20], "axes": "ZYX"}')])
def test_other_files_with_fewer_planes_than_they_say_are_refused(tmp_path, number, text):
    path = write_pages(tmp_path / "a.tif", PLANES[:number], text)

    for reader in (open_image_file, read_stack):
        with pytest.raises(UserError, match="a.tif .*fewer pages than it announces, or is "):
            reader(path)


def test_pages_of_other_sizes_are_not_taken_for_planes(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(PLANES[0], metadata=None, description=imagej(images=5, slices=5))
        writer.write(PLANES[0, :8], metadata=None)

    with pytest.raises(UserError, match="announces 5 planes, but holds 2 pages that differ"):
        open_image_file(tmp_path / "a.tif")


@pytest.fixture
def ome(tmp_path):
    """Write an OME-TIFF of axes TCYX, 5 x 2 planes announced, of which some are there."""
    def write(there, options=None, axes="TCYX", shape=(5, 2), **changes):
        full = tmp_path / "full.ome.tif"
        tifffile.imwrite(full, PLANES[:10].reshape(*shape, 16, 20), photometric="minisblack",
                         metadata={"axes": axes, "Plane": {
                             "ExposureTime": list(range(10))}})
        with tifffile.TiffFile(full) as tiff:
            text = tiff.ome_metadata
        data = "".join(f'<TiffData FirstT="{number // 2}" FirstC="{number % 2}" IFD="{index}" '
                       'PlaneCount="1"/>' for index, number in enumerate(there))
        old = '<TiffData IFD="0" PlaneCount="10"/>'
        assert old in text
        if axes == "TCYX":
            text = text.replace(old, data)
        for name, value in changes.items():
            text = text.replace(*value)
        return write_pages(tmp_path / "a.ome.tif", PLANES[list(there)], text, **(options or {}))

    return write


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
@pytest.mark.parametrize("number, whole, words", [
    (6, 3, "4 of the 10 planes that it announces are missing: only the first 3 of 5 along T are "
     "read"),
    (7, 3, "3 of the 10 planes that it announces are missing: only the first 3 of 5 along T are "
     "read, 1 of an incomplete one left out"),
    (2, 1, "8 of the 10 planes that it announces are missing: only the first 1 of 5 along T are "
     "read"),
])
def test_an_ended_ome_tiff_is_as_long_as_what_is_there(ome, number, whole, words, options):
    path = ome(range(number), options)

    axes, pixels, notes = read(path)
    _, written = round_trip(path)

    assert axes == "TCYX"
    np.testing.assert_array_equal(pixels, PLANES[:2 * whole].reshape(whole, 2, 16, 20))
    (note,) = notes
    assert note == words
    with tifffile.TiffFile(written) as tiff:
        assert len(tiff.pages) == 2 * whole
        assert tiff.series[0].get_shape(squeeze=False)[:2] == (whole, 2)
        planes = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]["Plane"]
        assert [plane["ExposureTime"] for plane in planes] == list(range(2 * whole))
    np.testing.assert_array_equal(read(written)[1].reshape(pixels.shape), pixels)
    assert read(written)[2] == ()


@pytest.mark.parametrize("there, listed", [
    ([0, 1, 2, 3, 8, 9], "5, 6, 7, 8"), ([0], "2, 3, 4, 5, 6, 7, 8, 9 and others"),
    ([0, 2, 4, 6, 8], "2, 4, 6, 8, 10"), ([2, 3, 4], "1, 2, 6, 7, 8, 9, 10")])
def test_planes_missing_elsewhere_are_named_and_the_file_refused(ome, there, listed):
    with pytest.raises(UserError, match=f"a.ome.tif lacks planes {listed} of the 10 that it "
                       "announces, which are not read as dark"):
        open_image_file(ome(there))


def test_an_image_that_lacks_planes_is_not_learned_from(ome):
    path = ome(range(4), axes="ZCYX", shape=(10, 1))

    with pytest.raises(UserError, match="lacks planes 5, 6, 7, 8, 9, 10 of the 10"):
        read_stack(path)
    with pytest.raises(UserError, match="lacks planes 5, 6, 7, 8, 9, 10 of the 10"):
        load_planes(path, FileNotes())
    assert read(path)[1].shape == (4, 16, 20)


def test_pages_without_pixels_are_missing_planes(tmp_path):
    path = write_pages(tmp_path / "a.tif", PLANES[:6], None)
    for number in (4, 5):
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            for name in ("StripOffsets", "StripByteCounts"):
                tiff.pages[number].tags[name].overwrite(0)

    _, pixels, notes = read(path)
    _, written = round_trip(path)

    np.testing.assert_array_equal(pixels, PLANES[:4])
    np.testing.assert_array_equal(tifffile.imread(written), PLANES[:4])
    assert "2 of the 6 planes that it announces are missing" in notes[0]
    with pytest.raises(UserError, match="lacks planes 5, 6 of the 6"):
        read_stack(path)


def test_pages_that_ome_xml_does_not_describe_are_said(ome):
    path = ome(range(10))
    with tifffile.TiffWriter(path, append="force") as writer:
        writer.write(PLANES[10], metadata=None, photometric="minisblack")

    _, pixels, notes = read(path)

    np.testing.assert_array_equal(pixels, PLANES[:10].reshape(5, 2, 16, 20))
    assert notes == ("1 of its 11 pages are not described by its OME-XML and are not read",)


@pytest.mark.parametrize("change", [('SizeX="20"', 'SizeX="64"'), ('SizeY="16"', 'SizeY="8"')])
def test_ome_xml_of_other_pages_is_said(ome, change):
    axes, pixels, notes = read(ome(range(10), size=change))

    np.testing.assert_array_equal(pixels, PLANES[:10])
    assert notes == ("its OME-XML does not fit its pages and is not used: read as "
                     f"{axes} of 10 x 16 x 20",)


def test_a_type_of_pages_that_differs_from_ome_xml_is_reported(ome):
    _, pixels, notes = read(ome(range(10), type=('Type="uint16"', 'Type="int16"')))

    np.testing.assert_array_equal(pixels, PLANES[:10].reshape(5, 2, 16, 20))
    assert notes == ("its OME-XML states int16 values, but its pages hold uint16 and are read as "
                     "such",)
