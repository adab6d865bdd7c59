"""Which pairs train, which choose the checkpoint, which are tested."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from microgan.datasets.paired_arrays import TEST_SUFFIX, PairedImages
from microgan.errors import UserError

# With fewer pairs than this and no test arrays, all are needed to train.
MIN_PAIRS_TO_TEST = 20


@dataclass(frozen=True)
class Split:
    """Disjoint parts of one task's pairs, as sorted indices.

    Args:
        train: indices of the pairs to learn from.
        validation: indices of the pairs that choose the checkpoint.
        test: indices of the pairs read once, at the end; into the test arrays where
            `test_from` names them.
        test_from: name of the data set that `test` points into, None if nothing is tested.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    test_from: str | None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self).items()}


def split_pairs(pairs: PairedImages, test_pairs: PairedImages | None, *,
                images_limit: int | None, validation_fraction: float, test_fraction: float,
                seed: int) -> Split:
    """Divide the pairs of one task at random.

    Pairs that share a clean image stay in one part, else a network is tested on images it
    has learned.

    Args:
        pairs: the task's pairs.
        test_pairs: its test arrays; then no pair of `pairs` is kept for the test.
        images_limit: pairs that training and validation see together, chosen at random;
            None or -1 for all that the test part leaves.
        validation_fraction: share of those pairs, 0 to 1; at least one pair.
        test_fraction: share of `pairs` kept for the test where there are no test arrays
            and at least 20 pairs, as far as `images_limit` leaves any.
        seed: of the choice.

    Raises:
        UserError: too few pairs for the parts, or a test image is among the pairs.
    """
    name, count = pairs.name, len(pairs)
    limit = None if images_limit in (None, -1) else images_limit
    if limit is not None and limit < 2:
        raise UserError(f"--images_limit must be at least 2, one pair to train and one to "
                        f"validate, or -1 for all. Received: {limit}")
    if test_pairs is None:
        num_test = round(test_fraction * count) if count >= MIN_PAIRS_TO_TEST else 0
        if limit is not None:
            num_test = max(0, min(num_test, count - limit))
    else:
        num_test = 0
        _refuse_overlap(pairs, test_pairs)
    wanted = count - num_test if limit is None else limit
    if count < max(wanted, 2):
        raise UserError(
            f"'{name}' has {count} pairs, but training and validation ask for {max(wanted, 2)} "
            f"and the test for {num_test}. Lower --images_limit or add pairs.")
    num_validation = max(1, round(validation_fraction * wanted))
    if num_validation >= wanted:
        raise UserError(
            f"'{name}' has {wanted} pairs to train and validate, but validation alone asks for "
            f"{num_validation} (--validation_fraction={validation_fraction}), and training "
            "needs at least 1.")

    keys = [_digest(image) for image in pairs.clean]
    order = [int(index) for index in np.random.default_rng(seed).permutation(count)]
    test, rest = _take_groups(order, keys, num_test)
    validation, train = _take_groups(rest[:wanted], keys, num_validation)
    if len(rest) < wanted or not train:
        raise UserError(
            f"The pairs of '{name}' share clean images ({len(set(keys))} different ones in "
            f"{count} pairs), and one image must not be in two parts. Lower --images_limit "
            f"(now {wanted} pairs) or add images.")
    if test_pairs is not None:
        return Split(_sorted(train), _sorted(validation), tuple(range(len(test_pairs))),
                     name + TEST_SUFFIX)
    return Split(_sorted(train), _sorted(validation), _sorted(test), name if test else None)


def _take_groups(order: list[int], keys: list[bytes], count: int) -> tuple[list[int], list[int]]:
    """Take at least `count` indices from the front, whole groups of equal keys at a time."""
    sizes = Counter(keys[index] for index in order)
    taken: set[bytes] = set()
    num_taken = 0
    for index in order:
        if num_taken >= count:
            break
        if keys[index] not in taken:
            taken.add(keys[index])
            num_taken += sizes[keys[index]]
    return ([index for index in order if keys[index] in taken],
            [index for index in order if keys[index] not in taken])


def _refuse_overlap(pairs: PairedImages, test_pairs: PairedImages) -> None:
    known = {_digest(image): index for index, image in enumerate(pairs.clean)}
    for index, image in enumerate(test_pairs.clean):
        if _digest(image) in known:
            raise UserError(
                f"Clean image {index} of '{test_pairs.name}' is also image "
                f"{known[_digest(image)]} of '{pairs.name}': a test on images that "
                "were learned proves nothing. Remove it from one of them.")


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()


def _sorted(indices: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(int(index) for index in indices))
