"""Checkpoints: one file with everything a resumed run needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from microgan.errors import UserError
from microgan.files import written_whole

Arrays = dict[str, list[np.ndarray]]
_KEPT = 2


def save_checkpoint(folder: Path, update: int, arrays: Arrays, state: dict[str, Any]) -> None:
    """Write `update_NNNNNN.h5` whole or not at all, and keep the last two.

    Args:
        folder: created if missing.
        update: updates done.
        arrays: by owner, in the order they are restored in.
        state: plain JSON: history, best score and the like.

    Raises:
        UserError: the file cannot be written; earlier checkpoints are untouched.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"update_{update:06d}.h5"
    with written_whole(path) as temporary:
        with h5py.File(temporary, "w") as file:
            for owner, values in arrays.items():
                group = file.create_group(owner)
                for index, value in enumerate(values):
                    group.create_dataset(str(index), data=value)
            # A dataset, since attributes are limited to 64 KiB.
            file.create_dataset("state", data=json.dumps({**state, "update": update}))
    for old in _in_order(folder)[:-_KEPT]:
        old.unlink()


def _in_order(folder: Path) -> list[Path]:
    return sorted(folder.glob("update_*.h5"),
                  key=lambda path: int(path.stem.removeprefix("update_")))


def load_last_checkpoint(folder: Path) -> tuple[Arrays, dict[str, Any]] | None:
    """Read the newest checkpoint.

    Returns:
        Arrays by owner and the state, which holds `update`; None if there is none.

    Raises:
        UserError: the file is damaged.
    """
    paths = _in_order(folder)
    if not paths:
        return None
    try:
        with h5py.File(paths[-1], "r") as file:
            state = json.loads(file["state"][()])
            arrays = {owner: [group[str(index)][()] for index in range(len(group))]
                      for owner, group in file.items() if owner != "state"}
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{paths[-1]} cannot be read: {error}. Delete it to go on from the one "
                        "before.") from error
    return arrays, state
