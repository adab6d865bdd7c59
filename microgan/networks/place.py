"""Receptive field and stride of a network's layers, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Reach of a network that must see an axis from end to end.
WHOLE_AXIS = 2**30


@dataclass(frozen=True)
class Place:
    """Where the pixels of a layer's result lie in the image, along each axis.

    Args:
        scale: image pixels from one to the next.
        reach: image pixels on either side that it depends on.
    """

    scale: tuple[int, ...]
    reach: tuple[int, ...]

    @classmethod
    def of_image(cls, num_axes: int) -> Place:
        """Return that of the image itself."""
        return cls((1,) * num_axes, (0,) * num_axes)

    @classmethod
    def joined(cls, places: Sequence[Place]) -> Place:
        """Return that of what depends on several results of one scale."""
        return cls(places[0].scale,
                   tuple(max(of_axis) for of_axis in zip(*(place.reach for place in places))))

    def of_whole_depth(self) -> Place:
        """Return that of what depends on the whole first axis."""
        return Place(self.scale, (WHOLE_AXIS, *self.reach[1:]))

    def enlarged(self, window: Sequence[int], factors: Sequence[int]) -> Place:
        """Return that after upsampling, each pixel over a window of the larger image."""
        scale = tuple(length // factor for length, factor in zip(self.scale, factors))
        return Place(scale, tuple(far + (width - 1) * length for far, width, length
                                  in zip(self.reach, window, scale)))

    def windowed(self, window: Sequence[int], strides: Sequence[int],
                 margin: Sequence[int]) -> Place:
        """Return that after a convolution or pooling, or after adding a margin."""
        # 'same' padding is uneven in a strided layer: count all of it on one side.
        reach = tuple(far + length * (width - 1 if stride > 1 else width // 2) + extra * length
                      for far, length, width, stride, extra
                      in zip(self.reach, self.scale, window, strides, margin))
        return Place(tuple(length * stride for length, stride in zip(self.scale, strides)), reach)
