"""Notes about image files that are used together, printed once for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from microgan.runtime.amounts import significant
from microgan.files.names import shown
from microgan.files.voxel_sizes import VoxelSize

_NAMED_FILES = 3


class FileNotes:
    """Collects what the user should know about files that are used together."""

    def __init__(self) -> None:
        self._paths: list[Path] = []
        self._notes: dict[str, list[Path]] = defaultdict(list)
        self._sizes: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))

    def add(self, path: Path, notes: Sequence[str], voxel_size_um: VoxelSize) -> None:
        """Add a file.

        Args:
            path: of the file.
            notes: one line each, printed after the file's name.
            voxel_size_um: distances between its pixels and between its slices, None if unknown.
        """
        self._paths.append(path)
        for note in notes:
            self._notes[note].append(path)
        for kind, size in zip(("pixel size", "slice distance"), voxel_size_um):
            if size is not None:
                self._sizes[kind][f"{significant(size)} um"].append(path)

    def lines(self) -> Iterator[str]:
        """Yield a line for each note and for each kind of size that differs."""
        for note, paths in self._notes.items():
            if len(self._paths) == 1:
                yield f"{shown(paths[0])}: {note}."
            else:
                yield f"{len(paths)} of {len(self._paths)} files ({_named(paths)}): {note}."
        for kind, sizes in self._sizes.items():
            if len(sizes) > 1:
                found = ", ".join(f"{size} in {_named(paths)}" for size, paths in sizes.items())
                yield f"Warning: the files differ in {kind}: {found}."

    def print(self) -> None:
        """Print these lines."""
        for line in self.lines():
            print(line, flush=True)


def _named(paths: Sequence[Path]) -> str:
    more = len(paths) - _NAMED_FILES
    names = [shown(path) for path in paths[:_NAMED_FILES]]
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
