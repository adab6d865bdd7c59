"""The z-stacks of a training: loaded, checked, divided and measured.

TensorFlow is not needed for any of it, so mistakes in the data show at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from skimage.transform import resize

from microgan.runtime.amounts import interval, percent
from microgan.config import ZSEGANConfig
from microgan.datasets.file_groups import take_groups
from microgan.datasets.normalization import IntensityRange, fit_min_max, fit_percentiles
from microgan.datasets.paired_arrays import check_type
from microgan.datasets.section_sampling import TrainingStacks
from microgan.datasets.splits import digest, fingerprint
from microgan.datasets.z_stacks import find_stacks, read_images, read_stacks, voxel_size_um
from microgan.errors import UserError
from microgan.metrics.sharpness import find_focal_plane
from microgan.files.names import shown

TASK = "z_stack"  # the only one, by name
_LEAST_DEPTH = 4  # that a network takes
_LEAST_DIVIDED = 3  # different stacks: of fewer, all are needed to learn from
_LEAST_USED = 0.25  # the authors' 8-bit stacks use most; 12 bits in 16 are a sixteenth
# The layout of ZSE-GAN's authors.
_STACKS, _IN_FOCUS, _IN_FOCUS_AXIAL = "trainB", "trainA2D", "trainA29"


@dataclass(frozen=True)
class ZStackData:
    """Blurred stacks, how they are divided, and in-focus images.

    Args:
        names: of the stacks' files.
        stacks: (Z, Y, X) each.
        focal_planes: of every stack, from 0.
        train: positions of the stacks to learn from.
        validation: positions of the stacks for validation.
        sharp_lateral: in-focus images (Y, X).
        sharp_axial: in-focus images in the voxel shape of vertical sections.
        intensities: mapped to -1 and 1.
    """

    names: Sequence[str]
    stacks: Sequence[np.ndarray]
    focal_planes: Sequence[int]
    train: Sequence[int]
    validation: Sequence[int]
    sharp_lateral: Sequence[np.ndarray]
    sharp_axial: Sequence[np.ndarray]
    intensities: IntensityRange

    def part(self, name: str) -> tuple[list[np.ndarray], list[int]]:
        """Stacks and focal planes of `train` or `validation`."""
        indices = getattr(self, name)
        return ([self.stacks[index] for index in indices],
                [self.focal_planes[index] for index in indices])

    def training_stacks(self) -> TrainingStacks:
        """Return what training draws from."""
        return TrainingStacks(*self.part("train"), self.sharp_lateral, self.sharp_axial,
                              self.intensities)

    def split_record(self, *test_images: Sequence[np.ndarray]) -> dict[str, Any]:
        """Record the split and the identity of its images, for `split.json`.

        Args:
            *test_images: stacks and images of the report.
        """
        return {**{part: [self.names[index] for index in getattr(self, part)]
                   for part in ("train", "validation")},
                "focal_planes": [focal_plane + 1 for focal_plane in self.focal_planes],
                "images": fingerprint(self.stacks, self.sharp_lateral, self.sharp_axial),
                "test_images": fingerprint(*test_images)}


@dataclass(frozen=True)
class StacksAlone:
    """Blurred stacks of one microscope, from which alone is learned.

    Args:
        names: of the stacks' files.
        stacks: (Z, Y, X) each, of one depth.
        train: positions of the stacks to learn from.
        held_out: positions of the others; none of fewer than three different stacks.
        step_px: distance between slices, in pixels of a slice.
    """

    names: Sequence[str]
    stacks: Sequence[np.ndarray]
    train: Sequence[int]
    held_out: Sequence[int]
    step_px: float

    def split_record(self, *test_images: Sequence[np.ndarray]) -> dict[str, Any]:
        """As `ZStackData.split_record`."""
        return {**{part: [self.names[index] for index in getattr(self, part)]
                   for part in ("train", "held_out")},
                "images": fingerprint(self.stacks), "test_images": fingerprint(*test_images)}


def load_stacks_alone(config: ZSEGANConfig) -> StacksAlone:
    """Load, check and divide all stacks.

    Args:
        config: its `seed` must be set.

    Raises:
        UserError: see `read_stack`; or depths, voxel sizes or number types differ, there are too
            few slices, or the focal plane lies outside.
    """
    folder = Path(config.data_dir)
    paths = find_stacks(folder / _STACKS if (folder / _STACKS).is_dir() else config.data_dir)
    read = read_stacks(paths)
    stacks = [stack.pixels for stack in read]
    for path, stack in zip(paths, stacks):
        check_type(path, stack, stacks[0].dtype, paths[0])
        if len(stack) != len(stacks[0]):
            raise UserError(
                f"{path} has {len(stack)} slices, but {paths[0]} has {len(stacks[0])}: one "
                "microscope is fitted to all, so they must have one depth and be focused in the "
                "same slice. Cut them alike, or pass --recipe=paper.")
    if len(stacks[0]) < _LEAST_DEPTH:
        raise UserError(f"{paths[0]} has {len(stacks[0])} slices: at least {_LEAST_DEPTH} are "
                        "needed to tell how blur grows.")
    _focal_plane(stacks[0], paths[0], config.focal_plane)
    pixel, step = voxel_size_um(read, paths, pixel_size_um=config.pixel_size_um,
                                z_step_um=config.z_step_um)
    names = [shown(path.name) for path in paths]
    keys = [digest(stack) for stack in stacks]
    if len(set(keys)) < _LEAST_DIVIDED:
        return StacksAlone(names, stacks, range(len(stacks)), (), step / pixel)
    train, held_out = _divide(stacks, config)
    return StacksAlone(names, stacks, train, held_out, step / pixel)


def load_z_stacks(config: ZSEGANConfig) -> ZStackData:
    """Load, check, divide and measure all stacks and in-focus images.

    Args:
        config: its `seed` must be set.

    Raises:
        UserError: see `read_stack`; or there are fewer than two different stacks, the focal
            plane lies outside a stack, or voxel sizes or number types differ.
    """
    folder = Path(config.data_dir)
    has_layout = (folder / _STACKS).is_dir()
    paths = find_stacks(folder / _STACKS if has_layout else config.data_dir)
    if len(paths) < 2:
        raise UserError(f"{config.data_dir} holds one z-stack: at least two are needed, one to "
                        "learn from and one to choose the checkpoint. Cut a large one in two.")
    stacks = read_stacks(paths)
    pixels = [stack.pixels for stack in stacks]
    for path, stack in zip(paths, pixels):
        check_type(path, stack, pixels[0].dtype, paths[0])
    focal_planes = [_focal_plane(stack, path, config.focal_plane)
                    for stack, path in zip(pixels, paths)]
    train, validation = _divide(pixels, config)
    use_folders = has_layout and config.in_focus_from == "folders"
    if use_folders and (folder / _IN_FOCUS).is_dir():
        lateral = read_images(folder / _IN_FOCUS, pixels[0].dtype, paths[0])
    else:
        lateral = [image for index in train
                   for image in _around_focus(pixels[index], focal_planes[index])]
    if use_folders and (folder / _IN_FOCUS_AXIAL).is_dir():
        axial = read_images(folder / _IN_FOCUS_AXIAL, pixels[0].dtype, paths[0])
    else:
        pixel, step = voxel_size_um(stacks, paths, pixel_size_um=config.pixel_size_um,
                                    z_step_um=config.z_step_um)
        axial = _in_axial_shape(lateral, step / pixel)
    fit = _fit_type_range if config.normalization == "type_range" else fit_percentiles
    return ZStackData([shown(path.name) for path in paths], pixels, focal_planes, train,
                      validation, lateral, axial, fit([pixels[index] for index in train]))


def refuse_learned(names: Sequence[str], learned: Sequence[np.ndarray], paths: Sequence[Path],
                   stacks: Sequence[np.ndarray]) -> None:
    """Refuse test stacks that are used for training or validation.

    Args:
        names: of the files of the training.
        learned: stacks in them.
        paths: of the test stacks.
        stacks: (Z, Y, X) each, at `paths`.

    Raises:
        UserError: one equals a stack of the training in every voxel.
    """
    known = {digest(stack): name for name, stack in zip(names, learned)}
    for path, stack in zip(paths, stacks):
        name = known.get(digest(stack))
        if name is not None:
            raise UserError(f"{path} is a copy of {name} of the training: a test on training "
                            "stacks proves nothing. Remove one of the two.")


def _divide(stacks: Sequence[np.ndarray], config: ZSEGANConfig) -> tuple[list[int], list[int]]:
    """Draw the positions for training and validation at random; copies stay together."""
    keys = [digest(stack) for stack in stacks]
    if len(set(keys)) < 2:
        raise UserError(f"All {len(stacks)} z-stacks in {config.data_dir} are copies of one: at "
                        "least two different ones are needed, one to learn from and one to "
                        "choose the checkpoint. Cut a large one in two.")
    assert config.seed is not None
    order = np.random.default_rng(config.seed).permutation(len(stacks)).tolist()
    num_validated = min(max(1, round(config.validation_fraction * len(stacks))), len(stacks) - 1)
    validation, train = take_groups(order, keys, num_validated)
    return sorted(train), sorted(validation)


def _focal_plane(stack: np.ndarray, path: Path, given: int | None) -> int:
    """Position of the focal plane, from 0."""
    if given is None:
        return find_focal_plane(stack)
    if given > len(stack):
        raise UserError(f"--focal_plane={given} is not in {path}, which has {len(stack)} slices.")
    return given - 1


def _around_focus(stack: np.ndarray, focal_plane: int) -> np.ndarray:
    """Return the focal plane and its neighbours within the stack."""
    return stack[max(0, focal_plane - 1):focal_plane + 2]


def _in_axial_shape(images: Sequence[np.ndarray], pixels_per_step: float) -> list[np.ndarray]:
    """Return in-focus images and their transposes, with their second axis sampled like Z."""
    both = [turned for image in images for turned in (image, image.T)]
    if np.isclose(pixels_per_step, 1):
        return both
    return [resize(image, (image.shape[0], max(1, round(image.shape[1] / pixels_per_step))),
                   order=1, mode="reflect", anti_aliasing=pixels_per_step > 1,
                   preserve_range=True) for image in both]


def _fit_type_range(stacks: Sequence[np.ndarray]) -> IntensityRange:
    dtype = stacks[0].dtype
    if dtype.kind not in "iu":
        return fit_min_max(stacks)
    whole = IntensityRange(float(np.iinfo(dtype).min), float(np.iinfo(dtype).max))
    used = fit_percentiles(stacks)
    share = (used.high - used.low) / (whole.high - whole.low)
    if share < _LEAST_USED:
        print(f"Warning: the stacks use {percent(share)} of what {dtype} can hold, "
              f"{interval(used.low, used.high)}, but all of it is mapped to -1 to 1: their "
              "contrast is low. Pass --normalization=percentiles.")
    return whole
