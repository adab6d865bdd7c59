"""Training batches: each a pure function of (seed, update number)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np

from microgan.datasets.normalization import TaskNormalization
from microgan.errors import UserError

# Symmetries that a task's defect allows: name -> (flip X, flip Y, swap X and Y). Both flips are
# a rotation by 180 degrees; with the swap, all rotations by 90.
SYMMETRIES = {"none": (False, False, False), "flips": (True, True, False),
              "all": (True, True, True)}
DEFAULT_SYMMETRY = "flips"
# Sets whose defect has no direction.
SYMMETRY_OF_SHIPPED = {"Synthetic_tubulin_tubules": "all", "Nuclei_low_light": "all"}


@dataclass(frozen=True)
class TrainingTask:
    """The training images of one task.

    Args:
        name: the task's name.
        degraded: images (Y, X), any real numeric type.
        clean: like `degraded`; in paired training their partners in the same order.
        normalization: maps both to network values.
        symmetries: a key of `SYMMETRIES`.
    """

    name: str
    degraded: Sequence[np.ndarray]
    clean: Sequence[np.ndarray]
    normalization: TaskNormalization
    symmetries: str = DEFAULT_SYMMETRY


Place = tuple[slice, slice]


@dataclass(frozen=True)
class SyntheticPairs:
    """Pairs that are synthesised during training, each crop anew.

    Args:
        share: mean share of a batch, above 0, at most 1.
        clean: for each task the images (Y, X) to degrade, in the task's clean intensities.
        degrade: clean images (Y, X), the part of each that is wanted, the task of each, a
            seed -> the degraded parts, in the tasks' degraded intensities.
        margin_px: how far around the wanted crops the images that `degrade` gets may reach.
        num_updates: updates over which the share falls evenly to nothing; None: constant.
    """

    share: float
    clean: Sequence[Sequence[np.ndarray]]
    degrade: Callable[[list[np.ndarray], list[Place], list[int], int], list[np.ndarray]]
    margin_px: int = 0
    num_updates: int | None = None

    def share_at(self, update: int) -> float:
        """Return the mean share of the batch of an update, counted from 0."""
        if self.num_updates is None:
            return self.share
        return self.share * max(0.0, 1 - update / self.num_updates)


@dataclass(frozen=True, eq=False)
class PairedBatches:
    """Random crops of random pairs, with equal shares of the tasks.

    Args:
        tasks: at least one; they may have no pairs if all are synthetic.
        batch_size: images per batch over all replicas, > 0.
        patch_size: side of the square crops in pixels.
        seed: batch n depends only on (seed, n), so a resumed run sees the same batches.
        synthetic: pairs that replace some of the others.
        intensity_jitter: by task j, 0 to 1; none for all 0. Both images of a pair are
            multiplied by one random factor, uniform from 1 - j to 1 + j, then shifted by one
            random offset, uniform from -j to j, in network values.

    Raises:
        UserError: an image is smaller than `patch_size`.

    Source:
        ours, with replacement. The published batches cover each epoch once, and nothing with
        fewer images than `batch_size`.
    """

    tasks: Sequence[TrainingTask]
    _: KW_ONLY
    batch_size: int
    patch_size: int
    seed: int
    synthetic: SyntheticPairs | None = None
    intensity_jitter: Sequence[float] = ()

    def __post_init__(self) -> None:
        for position, task in enumerate(self.tasks):
            refuse_small(task.name, task.degraded, self.patch_size)
            if self.synthetic is not None:
                refuse_small(f"{task.name}, clean", self.synthetic.clean[position],
                             self.patch_size)

    def __call__(self, update: int) -> dict[str, np.ndarray]:
        """Draw the batch of one update.

        Args:
            update: number of the update.

        Returns:
            `degraded` and `clean`, float32 (B, patch_size, patch_size, 1), normalised, and
            `condition`, int32 (B,), the position of each image's task in `tasks`.
        """
        random = np.random.default_rng([self.seed, update])
        condition = _equal_shares(len(self.tasks), self.batch_size, random)
        num_synthetic = self._num_synthetic(update, random)
        pairs = self._synthesise_pairs(condition[:num_synthetic], random) if num_synthetic else []
        pairs += [self._draw_pair(self.tasks[task], random) for task in condition[num_synthetic:]]
        degraded, clean = (
            np.stack([getattr(self.tasks[task].normalization, kind).normalize(image)
                      for task, image in zip(condition, images)])[..., np.newaxis]
            for kind, images in zip(("degraded", "clean"), zip(*pairs)))
        if any(self.intensity_jitter):
            factor, offset = (
                random.uniform(-1, 1, (2, self.batch_size, 1, 1, 1))
                * np.array(self.intensity_jitter)[condition][:, None, None, None]
            ).astype(np.float32)
            degraded, clean = ((1 + factor) * images + offset for images in (degraded, clean))
        return {"degraded": degraded, "clean": clean, "condition": condition}

    def _num_synthetic(self, update: int, random: np.random.Generator) -> int:
        """Return the number of synthetic pairs in a batch, randomly rounded."""
        if self.synthetic is None:
            return 0
        return int(self.synthetic.share_at(update) * self.batch_size + random.random())

    def _draw_pair(self, task: TrainingTask, random: np.random.Generator) -> list[np.ndarray]:
        index = int(random.integers(len(task.degraded)))
        pair = (task.degraded[index], task.clean[index])
        return draw_crops(pair, (self.patch_size,) * 2, task.symmetries, random)

    def _synthesise_pairs(self, condition: np.ndarray, random: np.random.Generator
                          ) -> list[list[np.ndarray]]:
        assert self.synthetic is not None
        windows, insides, symmetries = [], [], []
        for task in condition:
            images = self.synthetic.clean[task]
            image = images[int(random.integers(len(images)))]
            place = _draw_place(image.shape, (self.patch_size,) * 2, random)
            symmetries.append(_draw_symmetry(self.tasks[task].symmetries, random))
            window, inside = _with_margin(image, place, self.synthetic.margin_px)
            windows.append(window)
            insides.append(inside)
        degraded = self.synthetic.degrade(windows, insides, [int(task) for task in condition],
                                          int(random.integers(2**31)))
        clean = [window[inside] for window, inside in zip(windows, insides)]
        return [[transform(image, *symmetry) for image in pair]
                for *pair, symmetry in zip(degraded, clean, symmetries)]


@dataclass(frozen=True, eq=False)
class UnpairedBatches:
    """Independent random crops of clean and degraded images, with equal shares of the tasks.

    Args:
        tasks: at least one; their clean and degraded images may differ in number and size.
        batch_size: images per sub-batch over all replicas, > 0.
        num_sub_batches: independent sub-batches per update, > 0: one for each update of the
            critic and one for the generator's.
        patch_size: side of the square crops in pixels.
        seed: batch n depends only on (seed, n).
        with_noise: whether to draw a noise map for every image.
        degrade: for each task, what is done to its clean images before the network: source of
            randomness, image (Y, X) -> an image in degraded intensities. None: nothing.
        margin_px: how far around their crops the images that `degrade` gets may reach.

    Raises:
        UserError: an image is smaller than `patch_size`.

    Source:
        ours; the original shuffles every epoch with the same seed, so that its permutation
        never changes.
    """

    tasks: Sequence[TrainingTask]
    _: KW_ONLY
    batch_size: int
    num_sub_batches: int
    patch_size: int
    seed: int
    with_noise: bool
    degrade: Sequence[Callable[[np.random.Generator, np.ndarray], np.ndarray]] | None = None
    margin_px: int = 0

    def __post_init__(self) -> None:
        for task in self.tasks:
            for kind in ("degraded", "clean"):
                refuse_small(f"{task.name}, {kind}", getattr(task, kind), self.patch_size)

    def __call__(self, update: int) -> dict[str, np.ndarray]:
        """Draw the batch of one update.

        Args:
            update: number of the update.

        Returns:
            `clean` and `degraded`, float32 (B, num_sub_batches, patch_size, patch_size, 1),
            normalised, `clean` after `degrade` like `degraded`; `condition`, int32
            (B, num_sub_batches), the position in `tasks` of their task; `penalty_position`,
            float32 (B, num_sub_batches), uniform from 0 to 1; with noise, `noise`, standard
            normal, like `clean`. Random numbers are drawn here, so that they do not depend on
            the number of replicas.
        """
        random = np.random.default_rng([self.seed, update])
        condition = np.stack([_equal_shares(len(self.tasks), self.batch_size, random)
                              for _ in range(self.num_sub_batches)], axis=1)
        shape = (*condition.shape, self.patch_size, self.patch_size, 1)
        images = {}
        for kind in ("clean", "degraded"):
            crops = [self._draw(task, kind, random) for task in condition.flat]
            images[kind] = np.stack(crops).reshape(shape)
        if self.with_noise:
            images["noise"] = random.standard_normal(shape, np.float32)
        return {**images, "condition": condition,
                "penalty_position": random.random(condition.shape, np.float32)}

    def _draw(self, number: int, kind: str, random: np.random.Generator) -> np.ndarray:
        task = self.tasks[number]
        images = getattr(task, kind)
        image = images[int(random.integers(len(images)))]
        place = _draw_place(image.shape, (self.patch_size,) * 2, random)
        symmetry = _draw_symmetry(task.symmetries, random)
        if kind == "clean" and self.degrade is not None:
            window, place = _with_margin(image, place, self.margin_px)
            image, kind = self.degrade[number](random, window), "degraded"
        return getattr(task.normalization, kind).normalize(transform(image[place], *symmetry))


def refuse_small(name: str, images: Sequence[np.ndarray], patch_size: int) -> None:
    """Raise `UserError` if an image (Y, X) is smaller than the crops of a training."""
    smallest = min((image.shape for image in images), key=min, default=(patch_size,))
    if min(smallest) < patch_size:
        raise UserError(
            f"The smallest training image of '{name}' is {smallest[0]} x {smallest[1]} pixels, "
            f"less than --patch_size={patch_size}. Pass --patch_size={min(smallest)} or less, or "
            "remove it.")


def _equal_shares(num_tasks: int, batch_size: int, random: np.random.Generator) -> np.ndarray:
    """Return each image's task, int32 (B,), starting with a random one."""
    first = random.integers(num_tasks)
    return ((np.arange(batch_size) + first) % num_tasks).astype(np.int32)


def draw_crops(images: Sequence[np.ndarray], size: tuple[int, int], symmetries: str,
               random: np.random.Generator) -> list[np.ndarray]:
    """Draw the same random crop and symmetry of images of one size.

    Args:
        images: (..., Y, X).
        size: (Y, X) of the crop.
        symmetries: a key of `SYMMETRIES`.
        random: source of place and symmetry.
    """
    place = _draw_place(images[0].shape[-2:], size, random)
    flip_x, flip_y, swap = _draw_symmetry(symmetries, random)
    return [transform(image[..., *place], flip_x, flip_y, swap) for image in images]


def _draw_place(shape: Sequence[int], size: tuple[int, int], random: np.random.Generator) -> Place:
    """Draw where in an image of `shape` (Y, X) a crop of `size` lies."""
    top, left = (int(random.integers(length - side + 1)) for length, side in zip(shape, size))
    return slice(top, top + size[0]), slice(left, left + size[1])


def _draw_symmetry(symmetries: str, random: np.random.Generator) -> tuple[bool, bool, bool]:
    """Draw arguments of `transform` among those that `symmetries` allows."""
    flip_x, flip_y, swap = (allowed and bool(random.random() < 0.5)
                            for allowed in SYMMETRIES[symmetries])
    return flip_x, flip_y, swap


def _with_margin(image: np.ndarray, place: Place, margin_px: int) -> tuple[np.ndarray, Place]:
    """Return a crop with its surroundings, and where in them it lies.

    At an edge of the image the window is moved inwards, so that all are of one size.
    """
    window, inside = [], []
    for part, length in zip(place, image.shape):
        side = min(part.stop - part.start + 2 * margin_px, length)
        start = min(max(part.start - margin_px, 0), length - side)
        window.append(slice(start, start + side))
        inside.append(slice(part.start - start, part.stop - start))
    return image[tuple(window)], (inside[0], inside[1])


def transform(image: np.ndarray, flip_x: bool, flip_y: bool, swap: bool) -> np.ndarray:
    """Mirror an image (..., Y, X) along X and along Y, then swap both, each as chosen."""
    image = image[..., ::-1 if flip_y else 1, ::-1 if flip_x else 1]
    return np.swapaxes(image, -1, -2) if swap else image
