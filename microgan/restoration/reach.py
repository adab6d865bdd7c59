"""Receptive field and stride of a network's layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from microgan.layers.stacks import DepthCoordinate, ScaleSlices, Slicewise, ZeroEnds
from microgan.networks.place import Place

_ENLARGING = (keras.layers.UpSampling2D, keras.layers.UpSampling3D,
              keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


def place_after(layer: keras.Layer, before: Sequence[Place]) -> Place:
    """Return where a layer's result lies, given its inputs' places.

    Args:
        layer: of a generator.
        before: of each input with the image's axes; of the image if there is none, as for
            the layers between a task and a norm.
    """
    place, num_axes = Place.joined(before), len(before[0].scale)
    # Slices depend on the whole stack.
    if isinstance(layer, (DepthCoordinate, ScaleSlices, ZeroEnds)):
        return place.of_whole_depth()
    inner = layer.layer if isinstance(layer, Slicewise) else layer
    strides = _per_axis(getattr(inner, "strides", 1), num_axes)
    window = _per_axis(getattr(inner, "kernel_size", getattr(inner, "pool_size", 1)), num_axes)
    if isinstance(layer, (keras.layers.UpSampling2D, keras.layers.UpSampling3D)):
        window = strides = _per_axis(layer.size, num_axes)
    if isinstance(layer, _ENLARGING):
        return place.enlarged(window, strides)
    return place.windowed(window, strides, _per_axis(getattr(layer, "margin", 0), num_axes))


def _per_axis(value: Any, num_axes: int) -> tuple[int, ...]:
    """Expand a layer's setting to all axes; slicewise layers leave the first alone."""
    if isinstance(value, int):
        return (value,) * num_axes
    return (1,) * (num_axes - len(value)) + tuple(value)
