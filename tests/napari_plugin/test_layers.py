"""What of a layer is restored, and how the result lies and looks."""

import numpy as np
import pytest

from helpers import need_napari

need_napari()

from napari.layers import Image  # noqa: E402

from microgan.errors import UserError  # noqa: E402
from microgan.restoration.displayed import IntensityMap  # noqa: E402
from microgan.napari_plugin.layers import (  # noqa: E402
    LayerPixels, axes_of, choose_channel, look_like, place_like)


@pytest.mark.parametrize("shape, settings, axes", [
    ((20, 30), {}, "YX"), ((4, 20, 30), {}, "ZYX"), ((2, 4, 20, 30), {}, "TZYX"),
    ((3, 2, 4, 20, 30), {}, "TCZYX"), ((2, 3, 2, 4, 20, 30), {}, "TTCZYX"),
    ((20, 30, 3), {"rgb": True}, "YXC"),
    ((4, 20, 30), {"axis_labels": ("c", "y", "x")}, "CYX"),
    ((20, 4, 30), {"axis_labels": ("y", "t", "x")}, "YTX"),
    ((4, 20, 30), {"axis_labels": ("time", "y", "x")}, "ZYX")])
def test_axes_are_those_of_the_labels_or_the_usual_ones(shape, settings, axes):
    assert axes_of(Image(np.zeros(shape), **settings)) == axes


def test_one_channel_of_a_layer_is_read_part_by_part():
    data = np.arange(2 * 3 * 20 * 30).reshape(2, 3, 20, 30)

    pixels, axes = choose_channel(Image(data), "TCYX", 1)

    assert axes == "TYX" and pixels.shape == (2, 20, 30) and pixels.dtype == data.dtype
    np.testing.assert_array_equal(pixels[0:2, 5:9, 3:30], data[0:2, 1, 5:9, 3:30])


def test_the_finest_of_several_resolutions_is_restored():
    data = [np.ones((64, 64)), np.zeros((32, 32))]

    pixels, _ = choose_channel(Image(data, multiscale=True), "YX", None)

    assert pixels.shape == (64, 64) and pixels[0:2, 0:2].all()


def test_only_what_is_asked_for_is_read_of_other_libraries_arrays():
    class Lazy:
        shape, dtype, read = (1000, 1000), "uint8", []

        def __getitem__(self, index):
            self.read.append(index)
            return np.zeros([part.stop - part.start for part in index])

    part = LayerPixels(Lazy())[2:5, 1:9]

    assert part.shape == (3, 8) and Lazy.read == [(slice(2, 5), slice(1, 9))]


@pytest.mark.parametrize("axes, channel, words", [
    ("CYX", 4, "Layer 'cells' of shape .* has no channel 4"), ("ZYX", 0, "has no channel 0"),
    ("YX", None, "axes 'YX' do not fit")])
def test_axes_and_channels_that_there_are_not_are_refused(axes, channel, words):
    with pytest.raises(UserError, match=words):
        choose_channel(Image(np.zeros((4, 20, 30)), name="cells"), axes, channel)


def test_the_result_lies_where_the_layer_lies():
    layer = Image(np.zeros((4, 20, 30)), scale=(2, 0.1, 0.1), translate=(1, 2, 3),
                  units=("um", "um", "um"), axis_labels=("z", "y", "x"))

    result = Image(np.zeros((4, 20, 30)), **place_like(layer, "ZYX", None))

    np.testing.assert_array_equal(result.scale, layer.scale)
    np.testing.assert_array_equal(result.translate, layer.translate)
    assert result.units == layer.units and result.axis_labels == layer.axis_labels


def test_the_result_of_a_channel_lies_where_its_other_axes_lie():
    layer = Image(np.zeros((4, 2, 20, 30)), scale=(2, 1, 0.1, 0.2), translate=(1, 2, 3, 4))

    result = Image(np.zeros((4, 20, 30)), **place_like(layer, "ZCYX", 1))

    np.testing.assert_array_equal(result.scale, (2, 0.1, 0.2))
    np.testing.assert_array_equal(result.translate, (1, 3, 4))


def test_a_channel_of_colours_becomes_a_grey_layer():
    layer = Image(np.zeros((20, 30, 3)), rgb=True, scale=(0.1, 0.2))

    result = Image(np.zeros((20, 30)), **place_like(layer, "YXC", 1))

    assert not result.rgb and tuple(result.scale) == (0.1, 0.2)


@pytest.mark.parametrize("move, dtype, limits", [
    (IntensityMap(), "uint8", (10, 200)), (IntensityMap(2.0, 5.0), "uint16", (25, 405)),
    (IntensityMap(2.0, 5.0), "uint8", (25, 255)),
    (IntensityMap(1.0, -20.0), "float32", (-10, 180))])
def test_contrast_limits_go_where_the_intensities_go(move, dtype, limits):
    layer = Image(np.zeros((20, 30)), contrast_limits=(10, 200), colormap="magma", gamma=0.5)

    look = look_like(layer, move, np.dtype(dtype))

    assert look["contrast_limits"] == limits
    assert look["gamma"] == 0.5 and look["colormap"].name == "magma"


def test_contrast_limits_of_which_nothing_can_be_held_are_left_to_napari():
    layer = Image(np.zeros((20, 30)), contrast_limits=(10, 200))

    assert "contrast_limits" not in look_like(layer, IntensityMap(1.0, 300.0), np.dtype("uint8"))
