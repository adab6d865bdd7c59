"""The folder of data sets that settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microgan.config.base import setting
from microgan.datasets.task_files import DataFolder


def half_setting(half: str, where: str = "") -> Any:
    """Define the field `degraded_dir` or `clean_dir`.

    Args:
        half: "degraded" or "clean".
        where: begins the help.
    """
    return setting(half, f"{where}Name of the folder of {half} images in each folder NAME, where "
                   f"it is not {half}.")


def data_folder(config: Any) -> DataFolder:
    """Return the folder of data sets.

    Args:
        config: with fields `data_dir`, `degraded_dir` and `clean_dir`, and perhaps `upsample`.

    Raises:
        UserError: as `DataFolder`.
    """
    return DataFolder(Path(config.data_dir), config.degraded_dir, config.clean_dir,
                      getattr(config, "upsample", False))
