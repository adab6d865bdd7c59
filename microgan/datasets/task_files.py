"""Where a task's images are: files of its name, or a channel of a data set's files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgan.errors import UserError
from microgan.files.names import check_task_name, find_file

TEST_SUFFIX = "_test"
EXTRA_SUFFIX = "_extra"


@dataclass(frozen=True)
class DataFolder:
    """A folder of data sets, whose image folders may have other names than usual.

    Args:
        path: of the folder.
        degraded: name of the folder of degraded images in that of a data set.
        clean: likewise.
        upsample: whether degraded images of pairs are enlarged to the size of clean ones.

    Raises:
        UserError: a name is a path, or both are the same.
    """

    path: Path
    degraded: str = "degraded"
    clean: str = "clean"
    upsample: bool = False

    def __post_init__(self) -> None:
        for half, name in (("degraded", self.degraded), ("clean", self.clean)):
            if name in ("", ".", "..") or Path(name).name != name:
                raise UserError(f"--{half}_dir takes the name of a folder in each folder NAME of "
                                f"--data_dir, not a path. Received: {name!r}.")
        if self.degraded == self.clean:
            raise UserError(f"--degraded_dir and --clean_dir are both {self.clean!r}: degraded "
                            "and clean images need a folder each.")

    @classmethod
    def of(cls, data_dir: DataDir) -> DataFolder:
        """Return a folder whose image folders have the usual names, unless it says more."""
        return data_dir if isinstance(data_dir, DataFolder) else cls(Path(data_dir))

    def halves(self, name: str) -> dict[str, Path]:
        """Return the folders of a data set's images, whether or not they exist."""
        folder = find_file(self.path, name)
        return {"degraded": folder / self.degraded, "clean": folder / self.clean}

    def __str__(self) -> str:
        return str(self.path)


DataDir = DataFolder | Path | str


def kinds_of(data_dir: DataDir, name: str) -> tuple[bool, bool, bool]:
    """Find which kinds of files have a name: arrays, folders of images, CARE's archive."""
    data = DataFolder.of(data_dir)
    return (any(find_file(data.path, f"{name}_{letter}.npy").exists() for letter in "XY"),
            any(folder.is_dir() for folder in data.halves(name).values()),
            find_file(data.path, f"{name}.npz").exists())


def locate(data_dir: DataDir, task: str) -> tuple[str, str | None]:
    """Find the data set that holds a task's images, and the channel of its files.

    The task NAME_CHANNEL is that channel of the folder NAME, unless there are files of its own
    name; NAME_CHANNEL_test is the channel of the folder NAME_test.

    Args:
        data_dir: folder of the data sets.
        task: its name, with the suffix of test or extra images.

    Returns:
        The data set's name and the channel; the task's name and None if it is no channel.
    """
    if any(kinds_of(data_dir, task)):
        return task, None
    suffix = next((suffix for suffix in (TEST_SUFFIX, EXTRA_SUFFIX) if task.endswith(suffix)), "")
    stem = task.removesuffix(suffix)
    for end in (end for end in range(len(stem) - 2, 0, -1) if stem[end] == "_"):
        name = stem[:end] + suffix
        if kinds_of(data_dir, name)[1]:
            return name, stem[end + 1:]
    return task, None


def find_kinds(data_dir: DataDir, task: str) -> tuple[bool, bool, bool]:
    """Find which kinds of files a task has, as `kinds_of` its data set."""
    return kinds_of(data_dir, locate(data_dir, task)[0])


def channel_tasks(data_dir: DataDir, names: Iterable[str], channels: Sequence[str]
                  ) -> tuple[str, ...]:
    """Name the tasks of channels: NAME_CHANNEL for each data set and channel.

    Args:
        data_dir: folder of the data sets.
        names: of data sets.
        channels: by name or number; none leaves the data sets as they are.

    Raises:
        UserError: a data set is no folder of images, a task is also a data set of its own, or
            as `check_task_name`.
    """
    tasks = []
    data = DataFolder.of(data_dir)
    for name in names:
        if channels and not kinds_of(data_dir, name)[1]:
            raise UserError(f"--channels is for folders of images, but {data_dir} has no "
                            f"{name}/{data.degraded} or {name}/{data.clean}. Choose others with "
                            "--datasets.")
        for channel in channels:
            task = f"{name}_{channel}"
            try:
                check_task_name(task)
            except UserError as error:
                raise UserError(f"--channels={channel}: {error} Or give the channel's number."
                                ) from error
            if any(kinds_of(data_dir, task)):
                raise UserError(f"--channels={channel} would make the task {task} of {name}, but "
                                f"{data_dir} holds a data set of that name. Rename one of them.")
            tasks.append(task)
        if not channels:
            tasks.append(name)
    return tuple(tasks)


def channels_of(data_dir: DataDir, tasks: Iterable[str]) -> dict[str, str]:
    """Return the channel of each task that is one, as it was named."""
    found = {task: locate(data_dir, task)[1] for task in tasks}
    return {task: channel for task, channel in found.items() if channel is not None}
