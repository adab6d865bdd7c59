"""Which task restores which channel of an image; the others are left as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgan.errors import UserError
from microgan.files.channel_names import find_channel, listed_channels
from microgan.generator_file import GeneratorInfo
from microgan.restoration.planes import WritablePixels, to_type
from microgan.restoration.stored_images import Pixels, StoredImage
from microgan.restoration.tiles import parts

# Pixels that are copied together.
_COPIED_PIXELS = 2**24


@dataclass(frozen=True)
class ChannelTasks:
    """The tasks of an image's channels.

    Args:
        axis: of the channels; None if the image is one channel.
        names: of the channels, "" for one without a name.
        tasks: of the channels; None for one that is left as it is.
    """

    axis: int | None
    names: tuple[str, ...]
    tasks: tuple[str | None, ...]

    def chosen(self) -> list[tuple[int, str]]:
        """Return number, from 0, and task of the channels that are restored."""
        return [(number, task) for number, task in enumerate(self.tasks) if task is not None]

    def describe(self) -> str:
        """Say which channels are restored and which are not."""
        restored = ", ".join(f"channel {self._called(number)} as {task}"
                             for number, task in self.chosen())
        left = ", ".join(self._called(number) for number, task in enumerate(self.tasks)
                         if task is None)
        return f"{restored}" + (f"; left as it was: {left}" if left else "")

    def _called(self, number: int) -> str:
        return self.names[number] or str(number + 1)

    def view(self, pixels: Any, number: int) -> Any:
        """Return one channel of an image's pixels, its axis kept with length 1."""
        return pixels if self.axis is None else ChannelPixels(pixels, self.axis, number)

    def leave_others(self, target: WritablePixels, image: Pixels) -> None:
        """Copy the channels that are not restored."""
        for number, task in enumerate(self.tasks):
            if task is None:
                source, copy = self.view(image, number), self.view(target, number)
                for where in parts(source.shape, _COPIED_PIXELS):
                    copy[where] = to_type(source[where], np.dtype(target.dtype))[0]


def find_channel_tasks(info: GeneratorInfo, image: StoredImage,
                       task: str | None) -> ChannelTasks | None:
    """Find the task of each channel of an image.

    Args:
        info: of the generator.
        image: with its channels' names.
        task: the only one to apply; None for all of the generator.

    Returns:
        None if the whole image has one task, named or chosen as usual: the generator was not
        trained on channels, or the task was not, or the image has one channel without a name
        that the generator knows.

    Raises:
        UserError: no channel is one that the generator knows, or two tasks are for one.
    """
    known = {name: channel for name, channel in info.channels.items() if task in (None, name)}
    if not known or image.axes.count("C") > 1:
        return None
    axis = image.axes.find("C")
    count = image.pixels.shape[axis] if axis >= 0 else 1
    names = image.channel_names if len(image.channel_names) == count else ("",) * count
    if count == 1:  # its number says nothing
        known = {name: channel for name, channel in known.items() if channel == names[0]}
        if task is not None or not known:
            return None
    tasks: list[str | None] = [None] * count
    for name, channel in known.items():
        number = find_channel(channel, names)
        if number is None:
            continue
        if tasks[number] is not None:
            raise UserError(f"channel {names[number] or number + 1} is that of the tasks "
                            f"{tasks[number]} and {name}: choose with --task.")
        tasks[number] = name
    if not any(tasks):
        raise UserError(f"no channel of it ({listed_channels(names)}) is one that the generator "
                        f"was trained on ({', '.join(known.values())}). Save the channel to "
                        "restore as a file of its own and name its --task.")
    return ChannelTasks(axis if count > 1 else None, names, tuple(tasks))


class ChannelPixels:
    """One channel of an image that is read or written part by part.

    Args:
        pixels: of all channels.
        axis: of the channels; it is kept with length 1.
        number: of the channel, from 0.
    """

    def __init__(self, pixels: Any, axis: int, number: int) -> None:
        self._pixels = pixels
        self._axis = axis
        self._number = number
        self.dtype = pixels.dtype
        shape = list(pixels.shape)
        shape[axis] = 1
        self.shape = tuple(shape)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        return np.asarray(self._pixels[self._index(index)])

    def __setitem__(self, index: Any, values: np.ndarray, /) -> None:
        self._pixels[self._index(index)] = values

    def _index(self, index: Sequence[slice]) -> tuple[slice, ...]:
        whole = list(index)
        whole[self._axis] = slice(self._number, self._number + 1)
        return tuple(whole)
