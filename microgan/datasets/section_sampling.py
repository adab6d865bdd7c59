"""Training batches of z-stacks: each a pure function of (seed, update number)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgan.datasets.normalization import IntensityRange
from microgan.datasets.sampling import draw_crops
from microgan.errors import UserError

# Times that an update draws sections of a stack.
NUM_DRAWS = 7


@dataclass(frozen=True)
class TrainingStacks:
    """The training images for z-stacks.

    Args:
        stacks: (Z, Y, X) each, any real numeric type.
        focal_planes: index in each stack.
        sharp_lateral: in-focus images (Y, X).
        sharp_axial: in-focus images in the voxel shape of vertical sections, (Y or X, Z).
        intensities: maps all of them to network values.
    """

    stacks: Sequence[np.ndarray]
    focal_planes: Sequence[int]
    sharp_lateral: Sequence[np.ndarray]
    sharp_axial: Sequence[np.ndarray]
    intensities: IntensityRange


class StackBatches:
    """Random crops of random stacks and of unrelated in-focus images.

    Stacks are cut to the smallest depth, with the focal plane at the same relative depth.

    Args:
        training: stacks and in-focus images.
        batch_size: stacks per batch over all replicas, > 0.
        patch_size: side of the crops in pixels.
        seed: batch n depends only on (seed, n).

    Raises:
        UserError: a stack or an in-focus image is smaller than a crop.
    """

    def __init__(self, training: TrainingStacks, *, batch_size: int, patch_size: int,
                 seed: int) -> None:
        self.depth = min(len(stack) for stack in training.stacks)
        self.stacks, self.focal_planes = [], []
        for stack, focal_plane in zip(training.stacks, training.focal_planes):
            first = round((len(stack) - self.depth) * focal_plane / (len(stack) - 1))
            self.stacks.append(stack[first:first + self.depth])
            self.focal_planes.append(focal_plane - first)
        self.sharp_lateral = training.sharp_lateral
        self.sharp_axial = training.sharp_axial
        self.intensities = training.intensities
        self.batch_size = batch_size
        self.patch_size = patch_size
        self.seed = seed
        _refuse_small("z-stack", self.stacks, patch_size)
        _refuse_small("in-focus image", self.sharp_lateral, patch_size)
        _refuse_small("in-focus image for vertical sections", self.sharp_axial, patch_size,
                      self.depth)

    def __call__(self, update: int) -> dict[str, np.ndarray]:
        """Draw the batch of one update.

        Args:
            update: number of the update.

        Returns:
            `blurred`, float32 (B, Z, P, P, 1), `focal_plane`, int32 (B,), `sharp_lateral`,
            float32 (B, 1, P, P, 1), and `sharp_axial`, float32 (B, 1, P, Z, 1), normalised;
            `places`, float32 (B, NUM_DRAWS, 1), uniform from 0 to 1, of the judged sections.
            Drawn here, so that they do not depend on the number of replicas.
        """
        random = np.random.default_rng([self.seed, update])
        square = (self.patch_size, self.patch_size)
        chosen = random.integers(len(self.stacks), size=self.batch_size)
        blurred = [_crop(self.stacks[index], square, random) for index in chosen]
        lateral, axial = (
            [[_crop(images[int(random.integers(len(images)))], size, random)] for _ in chosen]
            for images, size in ((self.sharp_lateral, square),
                                 (self.sharp_axial, (self.patch_size, self.depth))))
        return {"blurred": self._values(blurred), "sharp_lateral": self._values(lateral),
                "sharp_axial": self._values(axial),
                "places": random.random((self.batch_size, NUM_DRAWS, 1), np.float32),
                "focal_plane": np.array([self.focal_planes[index] for index in chosen], np.int32)}

    def _values(self, crops: list) -> np.ndarray:
        return self.intensities.normalize(np.stack(crops))[..., np.newaxis]


def _crop(image: np.ndarray, size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    (crop,) = draw_crops([image], size, "none", random)
    return crop


def _refuse_small(kind: str, images: Sequence[np.ndarray], patch_size: int,
                  depth: int | None = None) -> None:
    """Refuse images smaller than a crop, which is square or has `depth` columns."""
    for index, image in enumerate(images):
        height, width = image.shape[-2:]
        found = f"Training {kind} {index} is {height} x {width} pixels"
        if (height if depth else min(height, width)) < patch_size:
            raise UserError(f"{found}, too small for --patch_size={patch_size}. Lower that or "
                            "remove the image.")
        if depth and width < depth:
            raise UserError(
                f"{found}, but {depth} columns are needed, one for each slice of the shallowest "
                f"z-stack. Cut the stacks to {width} slices, or learn from larger slices or "
                "in-focus images.")
