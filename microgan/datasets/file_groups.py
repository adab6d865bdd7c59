"""Which images must stay in one part of a split: copies, and planes of one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

# Runs of consecutive planes that the only file of a task is cut into.
_NUM_RUNS = 5


def are_planes(files: Sequence[str]) -> bool:
    """Whether some images are planes of one file, given the file of each."""
    return len(set(files)) < len(files)


def same_layout(files: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the same images are planes of one file in both, whatever the files' names."""
    first, second = ([list(each).index(name) for name in each] for each in (files, others))
    return first == second or not (are_planes(files) or are_planes(others))


def group_planes(keys: Sequence[str], files: Sequence[str]) -> list[str]:
    """Name a group for each image, so that images of one group stay together.

    Args:
        keys: identify images; equal for copies.
        files: the file that each image is a plane of; a single one is cut into runs of
            consecutive planes.

    Returns:
        The name of each image's group. It depends on files, not on pixels, so that all
        channels of a file are divided alike.
    """
    if len(set(files)) > 1:
        groups = list(files)
    else:
        groups = [f"{name} {_NUM_RUNS * index // len(files)}" for index, name in enumerate(files)]
    root = {group: group for group in groups}

    def find(group: str) -> str:
        while root[group] != group:
            group = root[group]
        return group

    first: dict[str, str] = {}
    for key, group in zip(keys, groups):
        ends = sorted({find(first.setdefault(key, group)), find(group)})
        root[ends[-1]] = ends[0]
    return [find(group) for group in groups]


def in_turns(order: Sequence[int], groups: Sequence[str]) -> list[int]:
    """Reorder images so that each group has its turn before any has a second one.

    The first images of the result are of as many groups as possible.

    Args:
        order: indices into `groups`.
        groups: of the images.
    """
    seen: Counter[str] = Counter()
    turns = {}
    for index in order:
        turns[index] = seen[groups[index]]
        seen[groups[index]] += 1
    return sorted(order, key=turns.__getitem__)


def take_groups(order: Sequence[int], keys: Sequence[str] | Mapping[int, str], count: int, *,
                leave: int = 0) -> tuple[list[int], list[int]]:
    """Take indices from the front, whole groups of equal keys at a time.

    Groups are taken while they fit into `count`; if none does, the smallest.

    Args:
        order: indices into `keys`.
        keys: identify the group of each index, such as an image and its copies.
        count: number of indices to take at most, if groups are that small.
        leave: groups to leave at least.

    Returns:
        The taken and the other indices, both in the given order.
    """
    sizes = Counter(keys[index] for index in order)
    room = min(count, 1) and len(sizes) - leave
    taken: set[str] = set()
    num_taken = 0
    for name, size in sizes.items():
        if len(taken) < room and num_taken + size <= count:
            taken.add(name)
            num_taken += size
    if not taken and room > 0:
        taken = {min(sizes, key=sizes.__getitem__)}
    return ([index for index in order if keys[index] in taken],
            [index for index in order if keys[index] not in taken])
