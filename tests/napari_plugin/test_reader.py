"""Files opened as layers: axes, channels, voxel sizes, and pixels read when they are shown."""

import gc

import numpy as np
import pytest
import tifffile

from helpers import need_napari

need_napari()

from microgan.napari_plugin import reader  # noqa: E402


@pytest.fixture
def image(random):
    return random.integers(0, 3000, (4, 2, 32, 40)).astype(np.uint16)


def test_a_hyperstack_becomes_a_layer_per_channel_with_its_voxels(tmp_path, image):
    path = str(tmp_path / "cells.tif")
    tifffile.imwrite(path, image, imagej=True, resolution=(5, 5), metadata={
        "axes": "ZCYX", "unit": "um", "spacing": 0.7})

    ((data, settings, kind),) = reader.get_reader(path)(path)

    assert kind == "image" and settings == {
        "name": ["cells 0", "cells 1"], "channel_axis": 1, "axis_labels": ["Z", "Y", "X"],
        "scale": pytest.approx([0.7, 0.2, 0.2]), "units": ["um", "um", "um"]}
    np.testing.assert_array_equal(data[2, 1, ::2, 5], image[2, 1, ::2, 5])
    np.testing.assert_array_equal(data, image)


def test_channels_have_their_names_and_slices_of_unknown_spacing_are_as_far_as_pixels(
        tmp_path, image):
    path = str(tmp_path / "cells.ome.tif")
    tifffile.imwrite(path, image, ome=True, photometric="minisblack", metadata={
        "axes": "ZCYX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2,
        "Channel": {"Name": ["DAPI", "Actin"]}})

    ((_, settings, _),) = reader.read(path)

    assert settings["name"] == ["cells DAPI", "cells Actin"]
    assert settings["scale"] == [0.2, 0.2, 0.2]


def test_images_of_a_file_are_layers_without_a_size_that_nobody_knows(tmp_path, image):
    path = str(tmp_path / "two.tif")
    with tifffile.TiffWriter(path) as writer:
        for part in (image[0, 0], image[0, 0, :20]):
            writer.write(part, photometric="minisblack", metadata={"axes": "YX"})

    layers = reader.read(path)

    assert [settings for _, settings, _ in layers] == [
        {"name": f"two image {number}", "axis_labels": ["Y", "X"]} for number in (1, 2)]
    np.testing.assert_array_equal(layers[1][0], image[0, 0, :20])


def test_only_the_shown_plane_is_read_and_the_file_is_closed_with_its_layers(
        tmp_path, image, monkeypatch):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, image[:, 0], photometric="minisblack", metadata={"axes": "ZYX"})
    opened, usual = [], reader.open_image_file
    monkeypatch.setattr(reader, "open_image_file",
                        lambda path: opened.append(usual(path)) or opened[-1])
    ((data, _, _),) = reader.read(str(path))
    read, closed = [], []
    monkeypatch.setattr(type(opened[0].images[0].pixels), "__getitem__",
                        lambda pixels, index: read.append(index) or image[index[0], 0])
    close = opened[0].close
    monkeypatch.setattr(opened[0], "close", lambda: closed.append(close()))

    np.testing.assert_array_equal(data[3], image[3, 0])
    assert [index[0] for index in read] == [slice(3, 4)] and not closed
    del data
    gc.collect()

    assert closed == [None]


def test_what_others_may_open_is_left_to_them(tmp_path, random):
    colours = str(tmp_path / "rgb.tif")
    tifffile.imwrite(colours, random.integers(0, 255, (32, 40, 3)).astype(np.uint8),
                     photometric="rgb")
    (tmp_path / "broken.czi").write_text("nothing")

    assert reader.get_reader(colours) is None
    assert reader.get_reader([colours]) is None
    assert reader.get_reader(str(tmp_path / "broken.czi")) is reader.read
