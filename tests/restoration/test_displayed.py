"""ImageJ opens a restored image as it opened the measured one."""

import numpy as np
import pytest
import tifffile

from helpers import round_trip
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import GeneratorInfo
from microgan.restoration.displayed import IntensityMap, intensity_map

LUTS = [np.stack([np.arange(256, dtype=np.uint8) * (color == channel) for color in range(3)])
        for channel in range(2)]
SHOWN = {"Ranges": (10.0, 90.0, 20.0, 60.0), "min": 10.0, "max": 90.0, "LUTs": LUTS,
         "Overlays": [b"Iout one", b"Iout two"], "ROI": b"Iout three", "mode": "composite"}
SAME, DOUBLE = IntensityMap(), IntensityMap(2.0, 5.0)


def write(folder, dtype="uint16", axes="CYX", **metadata):
    pixels = np.arange(2 * 20 * 30).reshape(2, 20, 30).astype(dtype)
    tifffile.imwrite(folder / "a.tif", pixels, imagej=True, photometric="minisblack",
                     metadata={"axes": axes, **SHOWN, **metadata})
    return folder / "a.tif"


def metadata_of(path):
    with tifffile.TiffFile(path) as tiff:
        return tiff.imagej_metadata


def test_ranges_luts_overlays_and_selection_of_an_image_whose_intensities_stay_are_kept(tmp_path):
    _, written = round_trip(write(tmp_path), maps=[(SAME,)])

    found, before = metadata_of(written), metadata_of(tmp_path / "a.tif")
    np.testing.assert_array_equal(found["LUTs"], LUTS)
    assert found["Overlays"] == SHOWN["Overlays"] and found["ROI"] == SHOWN["ROI"]
    assert {name: found[name] for name in ("Ranges", "min", "max", "mode")} == {
        name: before[name] for name in ("Ranges", "min", "max", "mode")}


@pytest.mark.parametrize("maps, ranges, ends", [
    ((DOUBLE,), (25, 185, 45, 125), (25, 185)),
    ((SAME, DOUBLE), (10, 90, 45, 125), (10, 90)),
    ((DOUBLE, SAME, SAME), None, (25, 185)),  # not as many as there are ranges
    ((), None, None)])
def test_ranges_go_where_the_intensities_went(tmp_path, maps, ranges, ends):
    _, written = round_trip(write(tmp_path), maps=[maps])

    found = metadata_of(written)
    assert found.get("Ranges") == ranges
    assert (found.get("min"), found.get("max")) == (ends or (None, None))
    np.testing.assert_array_equal(found["LUTs"], LUTS)


def test_a_range_is_cut_to_what_the_type_can_hold_and_left_out_if_nothing_stays(tmp_path):
    path = write(tmp_path, "uint8", Ranges=(10.0, 90.0, 200.0, 255.0))

    _, written = round_trip(path, maps=[(IntensityMap(3.0, 0.0), SAME)])
    assert metadata_of(written)["Ranges"] == (30, 255, 200, 255)
    written.unlink()
    written.parent.rmdir()
    _, written = round_trip(path, maps=[(SAME, IntensityMap(3.0, 0.0))])

    assert "Ranges" not in metadata_of(written)


def test_ranges_of_signed_images_are_in_stored_numbers_and_then_in_plain_ones(tmp_path):
    pixels = np.full((20, 30), 32768 + 100, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", metadata=None,
                     description="ImageJ=1.53t\ncf=0\nc0=-32768.0\nc1=1.0\nmin=32768.0\n"
                     "max=32968.0\n")

    _, stored = round_trip(tmp_path / "a.tif", maps=[(DOUBLE,)])
    found = metadata_of(stored)
    assert (found["min"], found["max"]) == (32768 + 5, 32768 + 405)
    stored.unlink()
    stored.parent.rmdir()
    _, plain = round_trip(tmp_path / "a.tif", np.float32, maps=[(DOUBLE,)])

    found = metadata_of(plain)
    assert (found["min"], found["max"]) == (5, 405) and "c0" not in found


@pytest.mark.parametrize("text", ["min=low\nmax=9\n", "min=nan\nmax=9\n", "min=9\nmax=9\n"])
def test_a_range_that_is_none_is_left_out(tmp_path, text):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 30), np.uint16), metadata=None,
                     photometric="minisblack", description=f"ImageJ=1.53t\n{text}")

    _, written = round_trip(tmp_path / "a.tif", maps=[(SAME,)])

    assert "min" not in metadata_of(written)


def info(method="cgan", *, tasks=("A",)):
    ranges = TaskNormalization(IntensityRange(100, 300), IntensityRange(0, 1000),
                               IntensityRange(10, 810))
    return GeneratorInfo(method, "unet", {}, tasks, dict.fromkeys(tasks, ranges), "YX", "0", "0")


def test_intensities_go_where_a_tasks_constants_send_them():
    move = intensity_map(info(), None)

    assert (move(100), move(300), move(200)) == (10, 810, 410)
    assert intensity_map(info(tasks=("A", "B")), "B") == move
    assert intensity_map(info("cin_gan"), "A")(1000) == pytest.approx(300)


@pytest.mark.parametrize("tasks", [(), ("A", "B")])
def test_intensities_stay_without_a_task(tasks):
    assert intensity_map(info(tasks=tasks), None) == SAME
