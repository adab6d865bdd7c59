"""Pieces in which images are stored, and the part of them that is read."""

from __future__ import annotations


def overlap(wanted: slice | range, start: int, length: int) -> tuple[slice, slice]:
    """Return where a piece from `start` overlaps a wanted stretch: within each of the two."""
    low, high = max(wanted.start, start), min(wanted.stop, start + length)
    return slice(low - start, high - start), slice(low - wanted.start, high - wanted.start)
