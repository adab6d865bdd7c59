"""Training batches: each a pure function of (seed, update number)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """The images of one task that training draws from.

    Args:
        name: the task's name.
        degraded: images (Y, X), any real numeric type.
        clean: like `degraded`; for paired training their partners in the same order.
        normalization: maps both to network values.
        symmetries: a key of `SYMMETRIES`.
    """

    name: str
    degraded: Sequence[np.ndarray]
    clean: Sequence[np.ndarray]
    normalization: TaskNormalization
    symmetries: str = DEFAULT_SYMMETRY


@dataclass(frozen=True)
class SyntheticPairs:
    """Pairs that are synthesised while training, each crop anew.

    Args:
        share: of every batch, on average, above 0, at most 1.
        clean: for each task the images (Y, X) to degrade, in the task's clean intensities.
        degrade: clean crops (Y, X), the task of each, a seed -> degraded crops, in the
            tasks' degraded intensities.
    """

    share: float
    clean: Sequence[Sequence[np.ndarray]]
    degrade: Callable[[list[np.ndarray], list[int], int], list[np.ndarray]]


class PairedBatches:
    """Random crops of random pairs, the tasks in equal shares.

    Args:
        tasks: at least one; their pairs may be none if all are synthetic.
        batch_size: images a batch, over all replicas, > 0.
        patch_size: side of the square crops in pixels.
        seed: batch number n is a function of (seed, n) alone, so a resumed run sees what
            an uninterrupted one would.
        synthetic: pairs that take the place of some.
        intensity_jitter: j, 0 to 1. Both images of a pair are multiplied by one random
            factor, uniform from 1 - j to 1 + j, then moved by one random offset, uniform from
            -j to j, in network values.

    Raises:
        UserError: an image is smaller than `patch_size`.

    Source:
        ours. The published batches cover each epoch once; with fewer images than
        `batch_size` they cover nothing, so ours sample with replacement.
    """

    def __init__(self, tasks: Sequence[TrainingTask], *, batch_size: int, patch_size: int,
                 seed: int, synthetic: SyntheticPairs | None = None,
                 intensity_jitter: float = 0.0) -> None:
        for position, task in enumerate(tasks):
            _refuse_small(task.name, task.degraded, patch_size)
            if synthetic is not None:
                _refuse_small(f"{task.name}, clean", synthetic.clean[position], patch_size)
        self.tasks = tasks
        self.batch_size = batch_size
        self.patch_size = patch_size
        self.seed = seed
        self.synthetic = synthetic
        self.intensity_jitter = intensity_jitter

    def __call__(self, update: int) -> dict[str, np.ndarray]:
        """Draw the batch of one update.

        Args:
            update: number of the update, from 0.

        Returns:
            `degraded` and `clean`, float32 (B, patch_size, patch_size, 1), normalised, and
            `condition`, int32 (B,), the position of each image's task in `tasks`.
        """
        random = np.random.default_rng([self.seed, update])
        condition = _equal_shares(len(self.tasks), self.batch_size, random)
        num_synthetic = self._num_synthetic(random)
        pairs = self._synthesise_pairs(condition[:num_synthetic], random) if num_synthetic else []
        pairs += [self._draw_pair(self.tasks[task], random) for task in condition[num_synthetic:]]
        degraded, clean = (
            np.stack([getattr(self.tasks[task].normalization, kind).normalize(image)
                      for task, image in zip(condition, images)])[..., np.newaxis]
            for kind, images in zip(("degraded", "clean"), zip(*pairs)))
        if self.intensity_jitter:
            factor, offset = random.uniform(
                -self.intensity_jitter, self.intensity_jitter,
                (2, self.batch_size, 1, 1, 1)).astype(np.float32)
            degraded, clean = ((1 + factor) * images + offset for images in (degraded, clean))
        return {"degraded": degraded, "clean": clean, "condition": condition}

    def _num_synthetic(self, random: np.random.Generator) -> int:
        """Synthetic pairs of one batch; what a share leaves over is up to chance."""
        if self.synthetic is None:
            return 0
        return int(self.synthetic.share * self.batch_size + random.random())

    def _draw_pair(self, task: TrainingTask, random: np.random.Generator) -> list[np.ndarray]:
        index = int(random.integers(len(task.degraded)))
        pair = (task.degraded[index], task.clean[index])
        return _draw_crops(pair, self.patch_size, task.symmetries, random)

    def _synthesise_pairs(self, condition: np.ndarray, random: np.random.Generator
                          ) -> list[list[np.ndarray]]:
        assert self.synthetic is not None
        crops = []
        for task in condition:
            images = self.synthetic.clean[task]
            image = images[int(random.integers(len(images)))]
            crops += _draw_crops([image], self.patch_size, self.tasks[task].symmetries, random)
        degraded = self.synthetic.degrade(crops, [int(task) for task in condition],
                                          int(random.integers(2**31)))
        return [list(pair) for pair in zip(degraded, crops)]


class UnpairedBatches:
    """Random crops of clean and degraded images, drawn independently, tasks in equal shares.

    Args:
        tasks: at least one; their clean and degraded images may differ in number and size.
        batch_size: images a sub-batch, over all replicas, > 0.
        num_sub_batches: independent sub-batches an update, > 0: one for each update of the
            critic and one for the generator's.
        patch_size: side of the square crops in pixels.
        seed: batch number n is a function of (seed, n) alone.
        with_noise: draw a noise map for every image, too.

    Raises:
        UserError: an image is smaller than `patch_size`.

    Source:
        ours; the original shuffles each epoch anew with the same seed, so that its
        permutation never changes.
    """

    def __init__(self, tasks: Sequence[TrainingTask], *, batch_size: int, num_sub_batches: int,
                 patch_size: int, seed: int, with_noise: bool) -> None:
        for task in tasks:
            _refuse_small(f"{task.name}, degraded", task.degraded, patch_size)
            _refuse_small(f"{task.name}, clean", task.clean, patch_size)
        self.tasks = tasks
        self.batch_size = batch_size
        self.num_sub_batches = num_sub_batches
        self.patch_size = patch_size
        self.seed = seed
        self.with_noise = with_noise

    def __call__(self, update: int) -> dict[str, np.ndarray]:
        """Draw the batch of one update.

        Args:
            update: number of the update, from 0.

        Returns:
            `clean` and `degraded`, float32 (B, num_sub_batches, patch_size, patch_size, 1),
            normalised; `condition`, int32 (B, num_sub_batches), the position in `tasks` of
            the task that both are of; `penalty_position`, float32 (B, num_sub_batches),
            uniform from 0 to 1; with noise, `noise`, standard normal, like `clean`. Drawn
            here, so that an image's do not depend on the number of replicas.
        """
        random = np.random.default_rng([self.seed, update])
        condition = np.stack([_equal_shares(len(self.tasks), self.batch_size, random)
                              for _ in range(self.num_sub_batches)], axis=1)
        shape = (*condition.shape, self.patch_size, self.patch_size, 1)
        images = {}
        for kind in ("clean", "degraded"):
            crops = [self._draw(self.tasks[task], kind, random) for task in condition.flat]
            images[kind] = np.stack(crops).reshape(shape)
        if self.with_noise:
            images["noise"] = random.standard_normal(shape, np.float32)
        return {**images, "condition": condition,
                "penalty_position": random.random(condition.shape, np.float32)}

    def _draw(self, task: TrainingTask, kind: str, random: np.random.Generator) -> np.ndarray:
        images = getattr(task, kind)
        image = images[int(random.integers(len(images)))]
        (crop,) = _draw_crops([image], self.patch_size, task.symmetries, random)
        return getattr(task.normalization, kind).normalize(crop)


def _refuse_small(name: str, images: Sequence[np.ndarray], patch_size: int) -> None:
    smallest = min((image.shape for image in images), key=min, default=(patch_size,))
    if min(smallest) < patch_size:
        raise UserError(
            f"The smallest training image of '{name}' is {smallest[0]} x {smallest[1]} pixels, "
            f"less than --patch_size={patch_size}. Pass --patch_size={min(smallest)} or less, or "
            "remove it.")


def _equal_shares(num_tasks: int, batch_size: int, random: np.random.Generator) -> np.ndarray:
    """The task of each image, int32 (B,); whose turn is first, and so may be more, varies."""
    first = random.integers(num_tasks)
    return ((np.arange(batch_size) + first) % num_tasks).astype(np.int32)


def _draw_crops(images: Sequence[np.ndarray], patch_size: int, symmetries: str,
                random: np.random.Generator) -> list[np.ndarray]:
    """The same random crop and symmetry of images of one size."""
    top, left = (random.integers(length - patch_size + 1) for length in images[0].shape)
    crop = np.s_[top:top + patch_size, left:left + patch_size]
    flip_x, flip_y, swap = (allowed and random.random() < 0.5
                            for allowed in SYMMETRIES[symmetries])
    return [transform(image[crop], flip_x, flip_y, swap) for image in images]


def transform(image: np.ndarray, flip_x: bool, flip_y: bool, swap: bool) -> np.ndarray:
    """Mirror an image (..., Y, X) along X, along Y, then swap both, each if asked for."""
    image = image[..., ::-1 if flip_y else 1, ::-1 if flip_x else 1]
    return np.swapaxes(image, -1, -2) if swap else image
