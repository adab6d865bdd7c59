"""Where a task's images are: files of its name, or a channel of a data set's files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from microgan.errors import UserError
from microgan.files.names import check_task_name, find_file

TEST_SUFFIX = "_test"
EXTRA_SUFFIX = "_extra"


def kinds_of(data_dir: Path | str, name: str) -> tuple[bool, bool, bool]:
    """Find which kinds of files have a name: arrays, folders of images, CARE's archive."""
    data_dir = Path(data_dir)
    folder = find_file(data_dir, name)
    return (any(find_file(data_dir, f"{name}_{letter}.npy").exists() for letter in "XY"),
            (folder / "degraded").is_dir() or (folder / "clean").is_dir(),
            find_file(data_dir, f"{name}.npz").exists())


def locate(data_dir: Path | str, task: str) -> tuple[str, str | None]:
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


def find_kinds(data_dir: Path | str, task: str) -> tuple[bool, bool, bool]:
    """Find which kinds of files a task has, as `kinds_of` its data set."""
    return kinds_of(data_dir, locate(data_dir, task)[0])


def channel_tasks(data_dir: Path | str, names: Iterable[str], channels: Sequence[str]
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
    for name in names:
        if channels and not kinds_of(data_dir, name)[1]:
            raise UserError(f"--channels is for folders of images, but {data_dir} has no "
                            f"{name}/degraded or {name}/clean. Choose others with --datasets.")
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


def channels_of(data_dir: Path | str, tasks: Iterable[str]) -> dict[str, str]:
    """Return the channel of each task that is one, as it was named."""
    found = {task: locate(data_dir, task)[1] for task in tasks}
    return {task: channel for task, channel in found.items() if channel is not None}
