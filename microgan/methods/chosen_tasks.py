"""The tasks that a training's settings name."""

from __future__ import annotations

from microgan.config import TaskTrainingConfig
from microgan.datasets.paired_arrays import find_datasets
from microgan.datasets.task_files import channel_tasks


def chosen_tasks(config: TaskTrainingConfig) -> tuple[str, ...]:
    """Return the names of the tasks: data sets, or channels of them.

    Raises:
        UserError: as `find_datasets` and `channel_tasks`.
    """
    return channel_tasks(config.data_folder,
                         config.datasets or find_datasets(config.data_folder), config.channels)
