"""What can be read but not written again is found before the work, and named."""

import numpy as np
import pytest
import tifffile

from helpers import round_trip
from microgan.errors import UserError
from microgan.restoration.displayed import IntensityMap
from microgan.restoration.image_files import open_image_file
from microgan.restoration.tiff_files import TiffFile


@pytest.fixture
def stack(random):
    return random.integers(60, 200, (6, 20, 30)).astype(np.uint16)


def overwrite(path, **values):
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for name, value in values.items():
            tiff.pages[0].tags[name].overwrite(value)


@pytest.mark.parametrize("order, axes", [("zct", "CZYX"), ("ztc", "CTYX"), ("czt", "ZCYX")])
def test_imagej_stacks_of_any_order_keep_it(tmp_path, stack, order, axes):
    second = "frames" if "T" in axes else "slices"
    tifffile.imwrite(
        tmp_path / "a.tif", stack, photometric="minisblack", metadata=None,
        description=f"ImageJ=1.53t\nimages=6\nchannels=2\n{second}=3\nhyperstack=true\n"
        f"order={order}\nmode=grayscale\nunit=micron\nspacing=0.5\nmin=3\nmax=9\n")

    file, written = round_trip(tmp_path / "a.tif", maps=[(IntensityMap(2.0, 1.0),)])

    assert not file.losses
    with tifffile.TiffFile(written) as tiff:
        (series,) = tiff.series
        assert (series.kind, series.axes) == ("imagej", axes)
        np.testing.assert_array_equal(series.asarray().reshape(stack.shape), stack)
        found = tiff.imagej_metadata
        assert (found["order"], found["spacing"], found["unit"]) == (order, 0.5, "micron")
        assert (found["min"], found["max"]) == (7, 19)


@pytest.mark.parametrize("settings", [{"metadata": None}, {"imagej": True}, {"ome": True}, {}],
                         ids=["plain", "imagej", "ome", "shaped"])
@pytest.mark.parametrize("values", [{"XResolution": (0, 0), "YResolution": (0, 0)},
                                    {"XResolution": (5, 0)}, {"ResolutionUnit": 77}], ids=str)
def test_a_resolution_that_cannot_be_written_is_left_out_and_named(tmp_path, stack, settings,
                                                                   values):
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", resolution=(2, 2),
                     **settings)
    overwrite(tmp_path / "a.tif", **values)

    file, written = round_trip(tmp_path / "a.tif")

    assert file.losses == ("left out, since a TIFF cannot hold the value: resolution",)
    np.testing.assert_array_equal(tifffile.imread(written), stack)


def test_a_tag_that_cannot_be_written_is_left_out_and_the_others_kept(tmp_path, stack,
                                                                      monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", stack[0], metadata=None, software="mine",
                     extratags=[(269, 2, 0, "name", True)])
    tags = [(269, 3, 1, "no number", True), (305, 2, 0, b"mine", True)]
    monkeypatch.setattr("microgan.restoration.tiff_files.kept_tags", lambda page: list(tags))

    file, written = round_trip(tmp_path / "a.tif")

    assert file.losses == ("left out, since a TIFF cannot hold the value: tag 269 (DocumentName)",)
    with tifffile.TiffFile(written) as tiff:
        assert tiff.pages[0].tags["Software"].value == "mine"


@pytest.mark.parametrize("settings", [{"imagej": True}, {"ome": True}, {"compression": "zlib"},
                                      {"tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("output_type", [None, "float32"])
def test_files_that_can_be_written_pass(tmp_path, stack, settings, output_type):
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **settings)

    with open_image_file(tmp_path / "a.tif") as file:
        file.check_writable(output_type)


def test_what_cannot_be_written_at_all_is_found_before_the_work(tmp_path, stack, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", stack)

    def fail(*arguments):
        raise ValueError("no such form")

    with open_image_file(tmp_path / "a.tif") as file:
        monkeypatch.setattr(TiffFile, "_all_options", fail)
        with pytest.raises(UserError, match="a.tif can be read, but not .*: no such form. Save"):
            file.check_writable(None)
