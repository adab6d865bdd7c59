"""Training batches: each a pure function of (seed, update number)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgan.datasets.normalization import TaskNormalization
from microgan.errors import UserError

# Symmetries a task's defect allows: name -> (may flip X, may flip Y, may swap X and Y).
# Flips along both axes are the turn by 180 degrees; with the swap, all turns by 90.
SYMMETRIES = {"none": (False, False, False), "flips": (True, True, False),
              "all": (True, True, True)}
DEFAULT_SYMMETRY = "flips"
# Sets whose defect has no direction.
SYMMETRY_OF_SHIPPED = {"Synthetic_tubulin_tubules": "all", "Nuclei_low_light": "all"}


@dataclass(frozen=True)
class TrainingTask:
    """The pairs of one task that training draws from.

    Args:
        name: the task's name.
        degraded: images (Y, X), any real numeric type.
        clean: like `degraded`, their partners.
        normalization: maps both to network values.
        symmetries: a key of `SYMMETRIES`.
    """

    name: str
    degraded: Sequence[np.ndarray]
    clean: Sequence[np.ndarray]
    normalization: TaskNormalization
    symmetries: str = DEFAULT_SYMMETRY


class PairedBatches:
    """Random crops of random pairs, the tasks in equal shares.

    Args:
        tasks: at least one.
        batch_size: images a batch, over all replicas, > 0.
        patch_size: side of the square crops in pixels.
        seed: batch number n is a function of (seed, n) alone, so a resumed run sees what
            an uninterrupted one would.

    Raises:
        UserError: an image is smaller than `patch_size`.

    Source:
        ours. The published batches cover each epoch once; with fewer images than
        `batch_size` they cover nothing, so ours sample with replacement.
    """

    def __init__(self, tasks: Sequence[TrainingTask], *, batch_size: int, patch_size: int,
                 seed: int) -> None:
        for task in tasks:
            for index, image in enumerate(task.degraded):
                if min(image.shape) < patch_size:
                    raise UserError(
                        f"Training image {index} of '{task.name}' is {image.shape[0]} x "
                        f"{image.shape[1]} pixels, smaller than --patch_size={patch_size}. Pass "
                        f"--patch_size={min(image.shape)} or less.")
        self.tasks = tasks
        self.batch_size = batch_size
        self.patch_size = patch_size
        self.seed = seed

    def __call__(self, update: int) -> dict[str, np.ndarray]:
        """Draw the batch of one update.

        Args:
            update: number of the update, from 0.

        Returns:
            `degraded` and `clean`, float32 (B, patch_size, patch_size, 1), normalised, and
            `condition`, int32 (B,), the position of each image's task in `tasks`.
        """
        random = np.random.default_rng([self.seed, update])
        first = random.integers(len(self.tasks))
        condition = (np.arange(self.batch_size) + first) % len(self.tasks)
        pairs = [self._draw_pair(self.tasks[task], random) for task in condition]
        degraded, clean = (np.stack(images)[..., np.newaxis] for images in zip(*pairs))
        return {"degraded": degraded, "clean": clean, "condition": condition.astype(np.int32)}

    def _draw_pair(self, task: TrainingTask, random: np.random.Generator
                   ) -> tuple[np.ndarray, np.ndarray]:
        index = int(random.integers(len(task.degraded)))
        pair = (task.degraded[index], task.clean[index])
        top, left = (random.integers(length - self.patch_size + 1) for length in pair[0].shape)
        crop = np.s_[top:top + self.patch_size, left:left + self.patch_size]
        flip_x, flip_y, swap = (allowed and random.random() < 0.5
                                for allowed in SYMMETRIES[task.symmetries])
        degraded, clean = (transform(image[crop], flip_x, flip_y, swap) for image in pair)
        return (task.normalization.degraded.normalize(degraded),
                task.normalization.clean.normalize(clean))


def transform(image: np.ndarray, flip_x: bool, flip_y: bool, swap: bool) -> np.ndarray:
    """Mirror an image (Y, X) along X, along Y, then swap its axes, each if asked for."""
    image = image[::-1 if flip_y else 1, ::-1 if flip_x else 1]
    return image.T if swap else image
