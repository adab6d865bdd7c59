"""The numbers stored in a TIFF are read as the values that the file says they are."""

import numpy as np
import pytest
import tifffile

from helpers import round_trip
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.image_planes import load_planes
from microgan.datasets.paired_arrays import load_pairs
from microgan.datasets.z_stacks import read_stack
from microgan.errors import UserError
from microgan.restoration.image_files import open_image_file

VALUES = np.random.default_rng(0).integers(-2000, 3000, (5, 20, 30)).astype(np.int16)


def write_imagej(path, stored, calibration, **options):
    """As ImageJ writes it: a first line, its settings, and the calibration."""
    text = f"ImageJ=1.54f\nimages={len(stored)}\nslices={len(stored)}\nunit=pixel\n{calibration}"
    tifffile.imwrite(path, stored, metadata=None, photometric="minisblack", description=text,
                     **options)
    return path


def signed_as_imagej(values):
    """ImageJ adds 32768 to signed integers of 16 bits."""
    return (values.astype(np.int32) + 32768).astype(np.uint16)


SIGNED = "cf=0\nc0=-32768\nc1=1\nvunit=Gray Value\n"
LINES = [
    (signed_as_imagej(VALUES), SIGNED, VALUES),
    (signed_as_imagej(VALUES), "c0=-32768.0\nc1=1.0\n", VALUES),
    (VALUES, SIGNED, VALUES),
    ((VALUES % 256).astype(np.uint8), "cf=0\nc0=-128\nc1=1\n",
     (VALUES % 256 - 128).astype(np.int8)),
    ((VALUES % 256).astype(np.uint8), "cf=0\nc0=255\nc1=-1\n",
     (255 - VALUES % 256).astype(np.uint8)),
    (signed_as_imagej(VALUES), "cf=0\nc0=0\nc1=1\n", signed_as_imagej(VALUES)),
    (signed_as_imagej(VALUES), "cf=20\nvunit=Gray Value\n", signed_as_imagej(VALUES)),
    (VALUES.astype(np.float32), SIGNED, VALUES.astype(np.float32)),
]


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"compression": "zlib"}])
@pytest.mark.parametrize("stored, calibration, values", LINES)
def test_values_are_those_of_imagejs_calibration(tmp_path, stored, calibration, values, options):
    path = write_imagej(tmp_path / "a.tif", stored, calibration, **options)

    file, written = round_trip(path)
    with open_image_file(path) as again:
        pixels = again.images[0].pixels[:, 3:17, 2:29]
    stack = read_stack(path).pixels

    assert (pixels.dtype.name, stack.dtype.name) == (values.dtype.name, values.dtype.name)
    np.testing.assert_array_equal(pixels, values[:, 3:17, 2:29])
    np.testing.assert_array_equal(stack, values)
    assert len(file.notes) == (not np.array_equal(values, stored))
    np.testing.assert_array_equal(tifffile.imread(written), stored)
    with tifffile.TiffFile(written) as tiff:
        assert all(line in tiff.pages.first.description for line in calibration.split("\n")
                   if line[:1] == "c" and ".0" not in line)


@pytest.mark.parametrize("calibration", [
    "cf=0\nc0=1.5\nc1=1\n", "cf=0\nc0=0\nc1=0.25\n", "cf=0\nc0=-100\nc1=1\n", "cf=0\nc0=7\n",
    "cf=1\nc0=0\nc1=1\nc2=0.1\n", "cf=21\nvunit=Uncalibrated OD\n", "cf=0\nc0=nan\nc1=1\n",
    "cf=0\nc0=-32768\nc1=1\nzeroclip=true\n", "cf=22\nc0=0\nc1=1\n"])
def test_values_of_other_functions_are_refused(tmp_path, calibration):
    path = write_imagej(tmp_path / "a.tif", signed_as_imagej(VALUES), calibration)

    for read in (open_image_file, read_stack):
        with pytest.raises(UserError, match="a.tif calibrates its values .*32-bit") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_floating_point_results_hold_the_values_and_no_calibration(tmp_path):
    path = write_imagej(tmp_path / "a.tif", signed_as_imagej(VALUES), SIGNED)

    _, written = round_trip(path, dtype=np.float32)

    np.testing.assert_array_equal(tifffile.imread(written), VALUES)
    with tifffile.TiffFile(written) as tiff:
        assert "c0" not in tiff.pages.first.description


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_where_0_is_white_more_is_less(tmp_path, dtype):
    stored = np.random.default_rng(0).integers(0, 200, (20, 30)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", metadata=None)

    (image,) = load_planes(tmp_path / "a.tif", FileNotes())
    file, written = round_trip(tmp_path / "a.tif")

    np.testing.assert_array_equal(image, np.iinfo(dtype).max - stored)
    np.testing.assert_array_equal(tifffile.imread(written), stored)
    assert "0 is white" in file.notes[0]
    with open_image_file(written) as again:
        np.testing.assert_array_equal(again.images[0].pixels[:, :], image)


def test_white_of_packed_bits_stays_white(tmp_path):
    """12 bits are written back as 16: 4095 was black, 65535 is."""
    stored = np.random.default_rng(0).integers(0, 4096, (20, 30)).astype(np.uint16)
    try:
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", metadata=None,
                         bitspersample=12, compression=None)
    except NotImplementedError:
        pytest.skip("this imagecodecs reads packed bits, but writes none")

    _, written = round_trip(tmp_path / "a.tif")

    for path in (tmp_path / "a.tif", written):
        np.testing.assert_array_equal(load_planes(path, FileNotes()), [4095 - stored])


def test_imagejs_inverted_lookup_table_changes_no_value(tmp_path):
    stored = np.random.default_rng(0).integers(0, 200, (20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", metadata=None,
                     description="ImageJ=1.54f\n")

    file, written = round_trip(tmp_path / "a.tif")

    np.testing.assert_array_equal(load_planes(tmp_path / "a.tif", FileNotes()), [stored])
    assert "shown inverted" in file.notes[0]
    with tifffile.TiffFile(written) as tiff:
        assert tiff.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        np.testing.assert_array_equal(tiff.asarray(), stored)


def test_a_calibration_that_inverts_wins_over_how_it_is_shown(tmp_path):
    stored = np.random.default_rng(0).integers(0, 200, (20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", metadata=None,
                     description="ImageJ=1.54f\ncf=0\nc0=255\nc1=-1\n")

    with open_image_file(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(file.images[0].pixels[:, :], 255 - stored)
        assert file.notes == ("ImageJ calibrates its values: 255 - stored",)


def test_rows_and_columns_are_those_that_a_file_names(tmp_path):
    image = np.random.default_rng(0).integers(0, 200, (20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image.T, metadata={"axes": "XY"})

    np.testing.assert_array_equal(load_planes(tmp_path / "a.tif", FileNotes()), [image])


def write_folders(folder, num_signed):
    """Four pairs, the clean images of the first few of them stored as ImageJ's signed ones."""
    for part in ("degraded", "clean"):
        (folder / "Cells" / part).mkdir(parents=True)
        for number, image in enumerate(np.abs(VALUES[:4])):
            stored = signed_as_imagej(image) if part == "clean" else image
            if part == "clean" and number < num_signed:
                write_imagej(folder / "Cells" / part / f"{number}.tif", stored[np.newaxis], SIGNED)
            else:
                tifffile.imwrite(folder / "Cells" / part / f"{number}.tif",
                                 image.astype(np.uint16) if part == "clean" else image)


def test_a_folder_of_signed_images_is_learned_from_as_it_means(tmp_path, capsys):
    write_folders(tmp_path, 4)

    pairs = load_pairs(tmp_path, "Cells")

    np.testing.assert_array_equal(pairs.clean, np.abs(VALUES[:4]))
    assert capsys.readouterr().out == (
        f"4 of 8 files ({tmp_path}/Cells/clean/0.tif, {tmp_path}/Cells/clean/1.tif, "
        f"{tmp_path}/Cells/clean/2.tif and 1 more): ImageJ calibrates its values: stored "
        "-32768.\n")


def test_one_signed_image_among_others_is_said_and_refused(tmp_path, capsys):
    write_folders(tmp_path, 1)

    with pytest.raises(UserError, match="1.tif holds uint16, but .*0.tif int16. Convert all"):
        load_pairs(tmp_path, "Cells")
    assert "1 of 8 files" in capsys.readouterr().out


def test_a_folder_of_different_pixel_sizes_is_said(tmp_path, capsys):
    for part, dots in (("degraded", (10, 10)), ("clean", (10, 5))):
        (tmp_path / "Cells" / part).mkdir(parents=True)
        for number in range(2):
            tifffile.imwrite(tmp_path / "Cells" / part / f"{number}.tif", VALUES[number],
                             imagej=True, resolution=(dots[number], 10), metadata={"unit": "um"})

    load_pairs(tmp_path, "Cells")

    folder = tmp_path / "Cells"
    assert capsys.readouterr().out == (
        f"Warning: the files differ in pixel size: 0.1 um in {folder}/degraded/0.tif, "
        f"{folder}/degraded/1.tif, {folder}/clean/0.tif, 0.2 um in {folder}/clean/1.tif.\n")


def test_values_that_tifffile_transforms_are_refused(tmp_path):
    """Molecular Dynamics' GEL files hold square roots."""
    tifffile.imwrite(tmp_path / "a.tif", VALUES[0].astype(np.uint16), metadata=None, extratags=[
        (33445, 4, 1, 2, True), (33446, 5, 1, (1, 100), True)])

    for read in (open_image_file, read_stack):
        with pytest.raises(UserError, match="a.tif stores its values by a formula"):
            read(tmp_path / "a.tif")


def test_what_a_file_calls_missing_data_is_named_and_kept(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", VALUES[0], metadata=None,
                     extratags=[(42113, "s", 0, "-1", True)])

    file, written = round_trip(tmp_path / "image.tif")

    assert file.notes == ("its tag GDAL_NODATA says that -1 stands for missing data; "
                          "restore.py keeps such pixels with --nodata=-1",)
    assert not file.losses
    with tifffile.TiffFile(written) as tiff:
        assert tiff.pages.first.tags["GDAL_NODATA"].value == "-1"
