"""Pair the planes of images by the letters of their axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from microgan.files.tiff_planes import UNNAMED
from microgan.errors import UserError
from microgan.restoration.stored_images import StoredImage


def matched_planes(images: Mapping[str, StoredImage],
                   report: Callable[[str], Any]) -> list[np.ndarray]:
    """Return all YX planes of each image, in the order of the first image's axes.

    Axes are matched by letter; those of length 1 are ignored. An unnamed axis (the file
    names none, or one of `UNNAMED`) matches the one axis left in the other image; if neither
    image names its axes, they match in order.

    Args:
        images: by their names in messages; their pixels are in memory.
        report: called with a line of text where an unnamed axis was matched.

    Returns:
        For each image (N, Y, X), N the product of all other axes.

    Raises:
        UserError: axes differ, or differ in length.
    """
    (first_name, first), *others = ((name, _squeezed(image)) for name, image in images.items())
    planes = [_planes(first, _stack_axes(first))]
    for name, image in others:
        pairs = _paired(first, image)
        if pairs is None or any(first.pixels.shape[here] != image.pixels.shape[there]
                                for here, there in pairs):
            raise UserError(
                f"{name} has axes {_size(image)}, but {first_name} has {_size(first)}: they must "
                "be the same, in any order. Resample or save one of them again, or name the "
                "axes of both with --axes.")
        for here, there in pairs:
            if not (_is_named(first, here) and _is_named(image, there)):
                without, other = ((first_name, name) if not _is_named(first, here)
                                  else (name, first_name))
                report(f"{without} does not name its axis of {first.pixels.shape[here]} planes: "
                       f"they are compared in order with those of {other}.")
        there_of = dict(pairs)
        planes.append(_planes(image, [there_of[here] for here in _stack_axes(first)]))
    return planes


def _squeezed(image: StoredImage) -> StoredImage:
    """Drop axes of length 1, except Y and X."""
    kept = [number for number, letter in enumerate(image.axes)
            if letter in "YX" or image.pixels.shape[number] > 1]
    pixels = np.asarray(image.pixels)
    return replace(image, pixels=pixels.reshape([pixels.shape[number] for number in kept]),
                   axes="".join(image.axes[number] for number in kept))


def _stack_axes(image: StoredImage) -> list[int]:
    return [number for number, letter in enumerate(image.axes) if letter not in "YX"]


def _is_named(image: StoredImage, number: int) -> bool:
    letter = image.axes[number]
    return letter in "YX" or not (image.axes_are_assumed or letter in UNNAMED
                                  or image.axes.count(letter) > 1)


def _paired(first: StoredImage, second: StoredImage) -> list[tuple[int, int]] | None:
    """Return the numbers of matching axes; None if some match none."""
    pairs = [(here, second.axes.index(letter)) for here, letter in enumerate(first.axes)
             if _is_named(first, here) and letter in second.axes
             and _is_named(second, second.axes.index(letter))]
    left, left_there = ([number for number in range(len(image.axes))
                         if number not in [pair[side] for pair in pairs]]
                        for side, image in enumerate((first, second)))
    if len(left) != len(left_there):
        return None
    named, named_there = (any(_is_named(image, number) for number in numbers)
                          for image, numbers in ((first, left), (second, left_there)))
    if (named and named_there) or (len(left) > 1 and (named or named_there)):
        return None
    return pairs + list(zip(left, left_there))


def _planes(image: StoredImage, stack_axes: list[int]) -> np.ndarray:
    order = [*stack_axes, image.axes.index("Y"), image.axes.index("X")]
    pixels = np.asarray(image.pixels).transpose(order)
    return pixels.reshape(-1, *pixels.shape[-2:])


def _size(image: StoredImage) -> str:
    lengths = " x ".join(str(length) for length in image.pixels.shape)
    return f"{image.axes} of {lengths}"
