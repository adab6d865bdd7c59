"""Divide pairs into those that train, choose the checkpoint and test."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from microgan.datasets.file_groups import (
    are_planes, group_planes, in_turns, same_layout, take_groups)
from microgan.datasets.paired_arrays import Images, PairedImages
from microgan.datasets.task_files import TEST_SUFFIX
from microgan.datasets.unpaired_arrays import UnpairedImages
from microgan.errors import UserError

T = TypeVar("T")

# With fewer pairs and no test arrays, all are needed for training.
_MIN_PAIRS_TO_TEST, _TEST_FRACTION = 20, 0.2


@dataclass(frozen=True)
class Split:
    """Disjoint parts of one task's pairs, as sorted indices.

    Args:
        train: indices of the pairs to learn from.
        validation: indices of the pairs that choose the checkpoint.
        test: indices of the pairs read once, at the end, in the data set `test_from`.
        test_from: name of the data set with the test pairs; None if nothing is tested.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    test_from: str | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self).items()}


class _Told(NamedTuple):
    """How messages refer to the images that are divided.

    Args:
        name: of the task.
        kind: "clean" or "degraded".
        unit: what each image is, or is half of.
    """

    name: str
    kind: str
    unit: str


def split_pairs(pairs: PairedImages, test_pairs: PairedImages | None, *,
                images_limit: int | None, validation_fraction: float, test_fraction: float | None,
                seed: int) -> Split:
    """Divide the pairs of one task at random.

    Pairs that share a clean image stay in one part, and planes of one file do; otherwise a
    network would be tested on images that it was trained on. If all pairs are planes of one
    file, runs of consecutive planes stay together, and a line says so.

    Args:
        pairs: the task's pairs.
        test_pairs: its test arrays; then no pair of `pairs` is kept for the test.
        images_limit: number of randomly chosen pairs for training and validation together;
            None or -1 for all that are not kept for the test.
        validation_fraction: share of those pairs, 0 to 1; at least one pair validates and at
            least one trains.
        test_fraction: share of `pairs` kept for the test without test arrays, up to what
            `images_limit` leaves; None for 0.2 of 20 or more pairs of three or more images
            or files, otherwise none.
        seed: of the choice.

    Raises:
        UserError: too few pairs for the parts, or a test image is among the pairs.
    """
    return _split(_Told(pairs.name, "clean", "pair"), pairs.clean, pairs.files,
                  None if test_pairs is None else test_pairs.clean, images_limit=images_limit,
                  validation_fraction=validation_fraction, test_fraction=test_fraction,
                  seed=seed)


def left_out_groups(pairs: PairedImages, split: Split, seed: int) -> dict[str, list[int]]:
    """Group the pairs that train and validate by what must stay together, in random order.

    Args:
        pairs: the task's pairs.
        split: from `split_pairs`.
        seed: of the order.
    """
    pool = set(split.train) | set(split.validation)
    keys, order = _grouped(pairs.clean, pairs.files, seed)
    groups: dict[str, list[int]] = {}
    for index in order:
        if index in pool:
            groups.setdefault(keys[index], []).append(index)
    return groups


def left_out_splits(pairs: PairedImages, split: Split, *, count: int, validation_fraction: float,
                    seed: int) -> list[Split]:
    """Divide the pairs that train and validate so that each is left out once.

    Args:
        pairs: the task's pairs.
        split: from `split_pairs`; its test pairs stay outside.
        count: number of divisions, at least 2.
        validation_fraction: of the pairs that are not left out; see `split_pairs`.
        seed: of the choice.

    Returns:
        Splits whose test part is left out. Pairs that `split_pairs` keeps together are left out
        together.

    Raises:
        UserError: there are too few different pairs.
    """
    groups = left_out_groups(pairs, split, seed)
    names = list(groups)
    keys = {index: name for name, indices in groups.items() for index in indices}
    least = 4 if count == 2 else count  # of which two stay, to train and to validate
    if len(groups) < least:
        raise UserError(
            f"--cross_validate={count} needs {least} pairs of '{pairs.name}' with different clean "
            f"images, not all of a file, but {len(groups)} train and validate. "
            + (f"Pass --cross_validate={len(groups)}, or add pairs." if len(groups) > 2 else
               "Add pairs of other samples."))
    splits = []
    for first in range(count):
        chosen = names[first::count]
        left_out = [index for name in chosen for index in groups[name]]
        # From the next one on, so that each takes its turn to validate.
        rest = [index for name in names[first:] + names[:first] if name not in chosen
                for index in groups[name]]
        num_validation = max(1, round(validation_fraction * len(rest)))
        validation, train = take_groups(rest, keys, num_validation, leave=1)
        splits.append(Split(_sorted(train), _sorted(validation), _sorted(left_out), pairs.name))
    return splits


def split_unpaired(images: UnpairedImages, test_images: UnpairedImages | None, *,
                   images_limit: int | None, validation_fraction: float,
                   test_fraction: float | None, seed: int) -> tuple[Split, Split]:
    """Divide clean and degraded images that need not correspond.

    Equal numbers may be pairs. Then both are divided as `split_pairs` would with the same
    arguments, so that no image is on different sides here and there.

    Args:
        images: the task's images.
        test_images: its test arrays.
        images_limit: number of degraded images for training and validation together; None or
            -1 for all that are not kept for the test. Further clean images are only for
            training.
        validation_fraction: as for `split_pairs`.
        test_fraction: as for `split_pairs`.
        seed: of the choice.

    Returns:
        The parts of the degraded and of the clean images.

    Raises:
        UserError: as `split_pairs`.
    """
    settings: dict[str, Any] = {"validation_fraction": validation_fraction,
                                "test_fraction": test_fraction, "seed": seed}
    name, degraded, clean = images.name, images.degraded, images.clean
    test_degraded, test_clean = ((None, None) if test_images is None
                                 else (test_images.degraded, test_images.clean))
    may_be_pairs = len(clean) == len(degraded) and same_layout(images.degraded_files,
                                                               images.clean_files)
    of_clean = _split(_Told(name, "clean", "pair" if may_be_pairs else "clean image"),
                      clean, images.degraded_files if may_be_pairs else images.clean_files,
                      test_clean, images_limit=images_limit if may_be_pairs else None,
                      **settings)
    if may_be_pairs:
        if test_degraded is not None:
            _refuse_overlap(name, "degraded", degraded, test_degraded)
        of_degraded = of_clean if test_degraded is None else replace(
            of_clean, test=tuple(range(len(test_degraded))))
    else:
        of_degraded = _split(_Told(name, "degraded", "degraded image"), degraded,
                             images.degraded_files, test_degraded, images_limit=images_limit,
                             **settings)
    held_out = [clean[i] for i in of_clean.validation]
    if test_clean is None:
        held_out += [clean[i] for i in of_clean.test]
    return of_degraded, replace(of_clean, train=indices_outside(clean, held_out))


def indices_outside(images: Images, excluded: Iterable[np.ndarray]) -> tuple[int, ...]:
    """Return indices of the images that are not identical to an excluded one."""
    known = {digest(image) for image in excluded}
    return tuple(index for index, image in enumerate(images) if digest(image) not in known)


def spread_over(items: Sequence[T], at_most: int) -> list[T]:
    """Take at most `at_most` items, evenly spaced from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(at_most, len(items)))
    return [items[round(place)] for place in places]


def _split(told: _Told, images: Images, files: Sequence[str], test_images: Images | None, *,
           images_limit: int | None, validation_fraction: float, test_fraction: float | None,
           seed: int) -> Split:
    name, kind, unit = told
    count = len(images)
    limit = None if images_limit in (None, -1) else images_limit
    if limit is not None and limit < 2:
        raise UserError(f"--images_limit must be at least 2, one pair to train and one to "
                        f"validate, or -1 for all. Received: {limit}")
    groups, order = _grouped(images, files, seed)
    if are_planes(files):
        _tell_of_one_file(told, files)
    num_groups = len(set(groups))
    if test_images is None:
        share = test_fraction
        if share is None:
            is_enough = count >= _MIN_PAIRS_TO_TEST and num_groups > 2
            share = _TEST_FRACTION if is_enough else 0.0
        num_test = round(share * count)
        if limit is not None:
            num_test = max(0, min(num_test, count - limit))
    else:
        num_test = 0
        _refuse_overlap(name, kind, images, test_images)
    wanted = max(2, count - num_test if limit is None else limit)
    num_validation = min(max(1, round(validation_fraction * wanted)), wanted - 1)
    if count < wanted:
        remedy = "Add" if count < 2 else "Lower --images_limit or add"
        raise UserError(
            f"'{name}' has {count} {unit}{'s' * (count != 1)}, but training asks for "
            f"{wanted - num_validation}, validation for {num_validation} and the test for "
            f"{num_test}. {remedy} {unit}s.")

    test, rest = take_groups(order, groups, num_test, leave=2)
    if limit is not None and len(rest) < wanted and test_fraction is None:
        test, rest = [], order  # groups are too large to leave enough
    validation, train = take_groups(rest if limit is None else rest[:wanted], groups,
                                    num_validation, leave=1)
    if (limit is not None and len(rest) < wanted) or not validation or (
            test_fraction and num_test and not test):
        shared, part = (("are planes of the same files", "file") if are_planes(files) else
                        (f"share {kind} images", "image"))
        raise UserError(
            f"The {unit}s of '{name}' {shared} ({num_groups} different ones in {count} {unit}s), "
            f"and one {part} must not be in two parts. Lower --images_limit (now {wanted}) or "
            f"--test_fraction, or add {part}s.")
    if test_images is not None:
        return Split(_sorted(train), _sorted(validation), tuple(range(len(test_images))),
                     name + TEST_SUFFIX)
    return Split(_sorted(train), _sorted(validation), _sorted(test), name if test else None)


def _grouped(images: Images, files: Sequence[str], seed: int) -> tuple[list[str], list[int]]:
    """Return what must stay together, equal for the images of a group, and a random order."""
    keys = [digest(image) for image in images]
    if not are_planes(files):
        return keys, _order_by_content(keys, seed)
    groups = group_planes(keys, files)
    return groups, in_turns(_order_by_content(groups, seed), groups)


def _order_by_content(keys: list[str], seed: int) -> list[int]:
    """Return a random order that depends on the images' content, not their position.

    So tasks that share clean images, one truth under several defects, are divided in the same way.
    """
    seen: Counter[str] = Counter()
    ranks = []
    for key in keys:
        ranks.append(hashlib.sha256(f"{seed} {key} {seen[key]}".encode()).digest())
        seen[key] += 1
    return sorted(range(len(keys)), key=ranks.__getitem__)


def _tell_of_one_file(told: _Told, files: Sequence[str]) -> None:
    if len(set(files)) == 1:
        print(f"'{told.name}': all {told.unit}s are planes of one file, {files[0]}. Runs of "
              "consecutive planes are kept together, but scores on the same sample are too good. "
              "Add a file of another sample, or NAME_test.")


def _refuse_overlap(name: str, kind: str, images: Images, test_images: Images) -> None:
    known = {digest(image): index for index, image in enumerate(images)}
    for index, image in enumerate(test_images):
        if digest(image) in known:
            raise UserError(
                f"{kind.capitalize()} image {index} of '{name}{TEST_SUFFIX}' is also image "
                f"{known[digest(image)]} of '{name}': a test on images that "
                "were learned proves nothing. Remove it from one of them.")


def fingerprint(*stacks: Images) -> str:
    """Identify a sequence of images by all their pixels."""
    content = "".join(digest(image) for images in stacks for image in images)
    return hashlib.sha256(content.encode()).hexdigest()


def digest(image: np.ndarray) -> str:
    """Identify an image by its size and pixel values, whatever their type."""
    content = hashlib.sha256()
    for part in image if image.ndim > 2 else [image]:  # slice by slice, to save memory
        content.update(np.ascontiguousarray(part, dtype="<f8").tobytes())
    content.update(repr(image.shape).encode())
    return content.hexdigest()


def _sorted(indices: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(int(index) for index in indices))
