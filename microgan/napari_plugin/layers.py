"""From a layer of napari to pixels, and from restored pixels to a layer like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.errors import UserError
from microgan.restoration.displayed import IntensityMap
from microgan.restoration.stored_images import choose_axes

if TYPE_CHECKING:
    from napari.layers import Image

_USUAL_AXES = {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TCZYX"}
# How a layer looks; where it lies is `_PLACE`.
_LOOK = ("blending", "colormap", "depiction", "gamma", "interpolation2d", "interpolation3d",
         "opacity", "projection_mode", "rendering")
_PLACE_OF_AXES = ("scale", "translate", "axis_labels", "units")
_PLACE = (*_PLACE_OF_AXES, "affine", "rotate", "shear")


class LayerPixels:
    """The pixels of a layer, read part by part.

    Args:
        data: an array of any library, with a shape and a type.
        channel: number of an axis and an index on it, which is read alone; the axis is
            then left out. None for everything.
    """

    def __init__(self, data: Any, channel: tuple[int, int] | None = None) -> None:
        self._data, self._channel = data, channel
        shape = list(data.shape)
        if channel is not None:
            del shape[channel[0]]
        self.shape = tuple(shape)
        self.dtype = np.dtype(data.dtype)

    def __getitem__(self, index: tuple[slice, ...], /) -> np.ndarray:
        if self._channel is None:
            return np.asarray(self._data[index])
        axis, number = self._channel
        part = self._data[(*index[:axis], slice(number, number + 1), *index[axis:])]
        return np.squeeze(np.asarray(part), axis)


def finest(layer: Image) -> Any:
    """Return a layer's data; of several resolutions, the finest."""
    return layer.data[0] if layer.multiscale else layer.data


def axes_of(layer: Image) -> str:
    """Return the axes that a layer's labels name, or the usual ones, one letter each."""
    labels = "".join(layer.axis_labels).upper()
    is_named = (len(labels) == layer.ndim == len(set(labels)) and labels.isalpha()
                and {"Y", "X"} <= set(labels))
    axes = labels if is_named else _USUAL_AXES.get(
        layer.ndim, _USUAL_AXES[5].rjust(layer.ndim, "T"))
    return axes + "C" * layer.rgb


def choose_channel(layer: Image, axes: str, channel: int | None) -> tuple[LayerPixels, str]:
    """Return what is restored of a layer, and its axes.

    Args:
        layer: of grey or colour images.
        axes: one letter per axis of its data, as `axes_of` returns them.
        channel: index on the axis C, which is then left out; None for all channels.

    Raises:
        UserError: the axes do not fit, or there is no such channel.
    """
    data = finest(layer)
    axes = choose_axes(data.shape, axes)
    if channel is None:
        return LayerPixels(data), axes
    if axes.count("C") != 1 or not 0 <= channel < data.shape[axes.index("C")]:
        raise UserError(f"Layer '{layer.name}' of shape {tuple(data.shape)} with axes {axes} has "
                        f"no channel {channel}. Choose another, or all.")
    return LayerPixels(data, (axes.index("C"), channel)), axes.replace("C", "")


def place_like(layer: Image, axes: str, channel: int | None) -> dict[str, Any]:
    """Return where a layer lies in space, for a restored layer.

    Args:
        layer, axes, channel: as for `choose_channel`.

    Returns:
        Keyword arguments of `add_image`. Without the channels of a layer, a rotation or shear
        between its axes is not kept.
    """
    state = {name: getattr(layer, name) for name in _PLACE}
    if channel is None:
        return {**state, "rgb": layer.rgb}
    if layer.rgb:  # colours are no axis of napari's
        return state
    left_out = axes.upper().index("C")
    return {name: [value for number, value in enumerate(state[name]) if number != left_out]
            for name in _PLACE_OF_AXES}


def look_like(layer: Image, move: IntensityMap, dtype: np.dtype) -> dict[str, Any]:
    """Return how a layer is shown, for a restored layer.

    Args:
        layer: that was restored.
        move: where its intensities are in the restored layer; the contrast limits move, too.
        dtype: of the restored layer; limits that it cannot hold are cut.

    Returns:
        Keyword arguments of `add_image`.
    """
    look = {name: getattr(layer, name) for name in _LOOK}
    low, high = map(move, layer.contrast_limits)
    if dtype.kind in "iu":
        low, high = (float(end) for end in np.clip(
            (low, high), np.iinfo(dtype).min, np.iinfo(dtype).max))
    return {**look, "contrast_limits": (low, high)} if low < high else look
