"""The names that TIFF files give their channels."""

import numpy as np
import pytest
import tifffile

from microgan.files.channel_names import find_channel, listed_channels, tiff_channel_names

LABELS = ["DAPI", "Actin"]


def names_of(path):
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        return tiff_channel_names(tiff, 0, series.axes, series.shape)


@pytest.mark.parametrize("axes, shape, labels, names", [
    ("TCYX", (3, 2, 8, 8), LABELS * 3, ("DAPI", "Actin")),
    ("CYX", (2, 8, 8), LABELS, ("DAPI", "Actin")),
    ("ZCYX", (3, 2, 8, 8), [f"c:{c + 1}/2 z:{z + 1}/3 - {LABELS[c]}" for z in range(3)
                            for c in range(2)], ("DAPI", "Actin")),
    # One label a plane, one label for all, and too few.
    ("TCYX", (3, 2, 8, 8), list("abcdef"), ("", "")),
    ("CYX", (2, 8, 8), ["cells"] * 2, ("", "")),
    ("CYX", (2, 8, 8), ["cells"], ("", "")),
    ("TYX", (2, 8, 8), LABELS, ("",))])
def test_imagej_labels_that_belong_to_channels_are_their_names(tmp_path, axes, shape, labels,
                                                               names):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8), imagej=True,
                     metadata={"axes": axes, "Labels": labels})

    assert names_of(tmp_path / "a.tif") == names


@pytest.mark.parametrize("axes, shape, channel, names", [
    ("TCYX", (3, 2, 8, 8), {"Name": LABELS}, ("DAPI", "Actin")),
    ("CTYX", (2, 3, 8, 8), {"Name": LABELS}, ("DAPI", "Actin")),
    ("YX", (8, 8), {"Name": ["DAPI"]}, ("DAPI",)),
    ("CYX", (2, 8, 8), {}, ("", ""))])
def test_names_of_ome_xml_are_those_of_its_channels(tmp_path, axes, shape, channel, names):
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros(shape, np.uint8), photometric="minisblack",
                     metadata={"axes": axes, "Channel": channel} if channel else {"axes": axes})

    assert names_of(tmp_path / "a.ome.tif") == names


@pytest.mark.parametrize("channel, position", [
    ("DAPI", 0), ("2", 1), ("1", 2), ("0", None), ("4", None), ("dapi", None), ("twice", None),
    ("9" * 5000, None), ("²", None)])
def test_a_channel_is_found_by_name_or_else_by_number(channel, position):
    names = ["DAPI", "2", "1"] if channel == "1" else ["DAPI", "twice", "twice"]

    assert find_channel(channel, names) == position


def test_channels_are_listed_by_number_and_name():
    assert listed_channels(["DAPI", ""]) == "1 DAPI, 2"
    assert listed_channels(["a\n\x1b"]).isprintable()
    assert listed_channels([""] * 20).endswith("8, ...")
