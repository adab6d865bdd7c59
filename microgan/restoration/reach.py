"""Receptive field and stride of a network's layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from microgan.layers.stacks import DepthCoordinate, Slicewise, ZeroEnds

# Reach of a network that must see an axis from end to end.
_WHOLE_AXIS = 2**30
_ENLARGING = (keras.layers.UpSampling2D, keras.layers.UpSampling3D,
              keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


@dataclass(frozen=True)
class Place:
    """Where the pixels of a layer's result lie in the image, along each axis.

    Args:
        scale: image pixels from one to the next.
        reach: image pixels on either side that it depends on.
    """

    scale: tuple[int, ...]
    reach: tuple[int, ...]


def place_after(layer: keras.Layer, before: Sequence[Place]) -> Place:
    """Return where a layer's result lies, given its inputs' places.

    Args:
        layer: of a generator.
        before: of each input with the image's axes; of the image if there is none, as for
            the layers between a task and a norm.
    """
    scale, num_axes = before[0].scale, len(before[0].scale)
    reach = tuple(max(place.reach[axis] for place in before) for axis in range(num_axes))
    if isinstance(layer, (DepthCoordinate, ZeroEnds)):  # slices depend on the whole stack
        return Place(scale, (_WHOLE_AXIS, *reach[1:]))
    inner = layer.layer if isinstance(layer, Slicewise) else layer
    strides = _per_axis(getattr(inner, "strides", 1), num_axes)
    window = _per_axis(getattr(inner, "kernel_size", getattr(inner, "pool_size", 1)), num_axes)
    if isinstance(layer, (keras.layers.UpSampling2D, keras.layers.UpSampling3D)):
        window = strides = _per_axis(layer.size, num_axes)
    if isinstance(layer, _ENLARGING):
        scale = tuple(length // factor for length, factor in zip(scale, strides))
        return Place(scale, tuple(far + (width - 1) * length for far, width, length
                                  in zip(reach, window, scale)))
    margin = _per_axis(getattr(layer, "margin", 0), num_axes)
    # 'same' padding is uneven in a strided layer: count all of it on one side.
    reach = tuple(far + length * (width - 1 if stride > 1 else width // 2) + extra * length
                  for far, length, width, stride, extra
                  in zip(reach, scale, window, strides, margin))
    return Place(tuple(length * stride for length, stride in zip(scale, strides)), reach)


def _per_axis(value: Any, num_axes: int) -> tuple[int, ...]:
    """Expand a layer's setting to all axes; slicewise layers leave the first alone."""
    if isinstance(value, int):
        return (value,) * num_axes
    return (1,) * (num_axes - len(value)) + tuple(value)
