"""Pair files by what changes in their names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence

from microgan.files.names import matching_name, shown

# Whole numbers and words; what lies between them does not matter.
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_MOST_LISTED = 5
Key = tuple[str | int, ...]


def pair_names(degraded: Sequence[str], clean: Sequence[str]) -> dict[str, str] | None:
    """Find the partner of every file.

    Args:
        degraded: names of files, each once.
        clean: as `degraded`.

    Returns:
        The clean name of each degraded one: the same where all names match, otherwise the one
        in which the same numbers and words change; None if that leaves a file alone, or with
        several partners.

    Source:
        ours.

    Example:
        >>> pair_names(["input_avg1_001.tif", "input_avg1_002.tif"],
        ...            ["target_avg400_002.tif", "target_avg400_001.tif"])["input_avg1_001.tif"]
        'target_avg400_001.tif'
    """
    if len(degraded) != len(clean):
        return None
    for keys_of in (_whole_names, _changing_by_place, _changing_by_value):
        first, second = keys_of(degraded), keys_of(clean)
        partners = dict(zip(second, clean))
        # Each key once in both, and the same ones.
        if len(partners) == len(clean) and sorted(map(repr, first)) == sorted(map(repr, partners)):
            return {name: partners[key] for name, key in zip(degraded, first)}
    return None


def pairing_line(partners: dict[str, str]) -> str:
    """Say which files of different names were paired; empty if all have the same name."""
    if all(matching_name(first) == matching_name(second) for first, second in partners.items()):
        return ""
    listed = [f"{shown(first)} with {shown(second)}" for first, second in partners.items()]
    return (f"paired by what changes in their names: {', '.join(listed[:_MOST_LISTED])}"
            + (f", and {len(listed) - _MOST_LISTED} more." if len(listed) > _MOST_LISTED else "."))


def _whole_names(names: Sequence[str]) -> list[Key]:
    return [(matching_name(name),) for name in names]


def _changing_by_place(names: Sequence[str]) -> list[Key]:
    """Return, of each name, the parts at places where not all names are the same."""
    parts = [_parts(name) for name in names]
    if len({len(each) for each in parts}) > 1:
        return []
    changing = [len(set(column)) > 1 for column in zip(*parts)]
    return [tuple(part for part, changes in zip(each, changing) if changes) for each in parts]


def _changing_by_value(names: Sequence[str]) -> list[Key]:
    """Return, of each name, the parts without those that all names have."""
    parts = [_parts(name) for name in names]
    common = Counter(parts[0])
    for each in parts:
        common &= Counter(each)
    keys = []
    for each in parts:
        left, key = common.copy(), []
        for part in each:
            if left[part]:
                left[part] -= 1
            else:
                key.append(part)
        keys.append(tuple(key))
    return keys


def _parts(name: str) -> Key:
    stem = os.path.splitext(matching_name(name))[0]
    return tuple(int(part) if part.isdecimal() else part.lower() for part in _PARTS.findall(stem))
