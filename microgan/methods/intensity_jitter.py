"""Random changes of the intensities of training pairs, by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microgan.datasets.stretching import are_stretched
from microgan.errors import see
from microgan.methods.paired_data import TaskData

_OF_STRETCHED = 0.4


@dataclass(frozen=True)
class IntensityJitter:
    """How much the intensities of each task's pairs change.

    Args:
        by_task: as `PairedBatches` takes it.
        stretched: names of the tasks that are changed because their images look stretched.
    """

    by_task: tuple[float, ...]
    stretched: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """Return a line for every task whose images look stretched."""
        return [f"{name}: most images reach the brightest value of their type, so each seems to "
                "have been stretched on its own: brightness and contrast of its pairs are "
                f"changed at random (--intensity_jitter={_OF_STRETCHED}). "
                + see("Stretched images")
                for name in self.stretched]


def choose_intensity_jitter(given: float | None, tasks: Mapping[str, TaskData]) -> IntensityJitter:
    """Return the given jitter for all tasks, or what suits the training images of each.

    Args:
        given: `--intensity_jitter`.
        tasks: by name.
    """
    if given is not None:
        return IntensityJitter((given,) * len(tasks))
    stretched = tuple(name for name, task in tasks.items() if are_stretched(*task.part("train")))
    return IntensityJitter(tuple(_OF_STRETCHED if name in stretched else 0.0 for name in tasks),
                           stretched)
