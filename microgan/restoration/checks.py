"""What a generator can be asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from microgan.datasets.paired_arrays import MIN_SIDE_PX
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo

# What a stack is padded to by reflection is a multiple of this.
_MIN_DEPTH = 4


def check_task(info: GeneratorInfo, task: str | None) -> None:
    """Refuse a task that the generator does not know, or the lack of one that it needs.

    Raises:
        UserError: the message lists the tasks that it knows.
    """
    if task is None and len(info.tasks) > 1 and info.method == "cin_gan":
        raise UserError("The generator makes defects: say which with "
                        f"--task={' or --task='.join(info.tasks)}.")
    if task is not None and task not in info.tasks:
        raise UserError(f"The generator knows no task '{task}'. It was trained on "
                        f"{', '.join(info.tasks)}: choose with --task.")


def choose_augmentation(info: GeneratorInfo, wanted: bool | None) -> GeneratorInfo:
    """Turn test-time augmentation on or off, or leave it as the training chose.

    Args:
        info: of the generator.
        wanted: on, off, or None.

    Raises:
        UserError: the generator has none.
    """
    if wanted is None:
        return info
    if wanted and not info.can_augment:
        raise UserError("--test_time_augmentation is for the U-Net of train_cGAN.py; this is the "
                        f"{info.network} of a {info.method} generator. Leave it out.")
    return dataclasses.replace(info, test_time_augmentation=wanted)


def check_size(shape: Sequence[int]) -> None:
    """Refuse planes that are too small for a generator.

    Args:
        shape: (Y, X), or (Z, Y, X) of a volume.

    Raises:
        UserError: Y or X has less than 16 pixels, or Z less than 4.
    """
    if len(shape) == 3 and shape[0] < _MIN_DEPTH:
        raise UserError(f"Stacks of {shape[0]} slices are too small: at least {_MIN_DEPTH} are "
                        "needed. Are the axes right?")
    if min(shape[-2:]) < MIN_SIDE_PX:
        raise UserError(f"Planes of {shape[-2]} x {shape[-1]} pixels are too small: at least "
                        f"{MIN_SIDE_PX} x {MIN_SIDE_PX} are needed. Are the axes right?")
