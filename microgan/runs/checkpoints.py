"""Checkpoints: one file with everything a resumed run needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from microgan.files.arrays import read_npz
from microgan.errors import UserError, one_line
from microgan.files.whole import make_folder, written_whole

Arrays = dict[str, list[np.ndarray]]
_KEPT = 2


def save_checkpoint(folder: Path, update: int, arrays: Arrays, state: dict[str, Any]) -> None:
    """Write `update_NNNNNN.npz` whole or not at all, and keep the last two.

    Not HDF5, which ends the process where the disk is full while it writes.

    Args:
        folder: created if missing.
        update: updates done.
        arrays: by owner, in the order they are restored in.
        state: plain JSON: history, best score and the like.

    Raises:
        UserError: the file cannot be written; earlier checkpoints are untouched.
    """
    make_folder(folder, "--dir")
    members: dict[str, Any] = {f"{owner}/{index}": value for owner, values in arrays.items()
                               for index, value in enumerate(values)}
    text = json.dumps({**state, "update": update, "owners": list(arrays)})
    with written_whole(folder / f"update_{update:06d}.npz") as temporary:
        np.savez(temporary, **members, state=np.frombuffer(text.encode(), np.uint8))
    for old in _in_order(folder)[:-_KEPT]:
        old.unlink(missing_ok=True)


def _in_order(folder: Path) -> list[Path]:
    return sorted(folder.glob("update_*.npz"),
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
        members = read_npz(paths[-1])
        state = _read_state(members.pop("state"))
        arrays: Arrays = {owner: [] for owner in state["owners"]}
        for name, array in members.items():
            arrays[name.rpartition("/")[0]].append(array)
    except Exception as error:  # a damaged archive makes numpy raise nearly anything
        raise UserError(unreadable(folder, error)) from error
    return arrays, state


def _read_state(content: np.ndarray) -> dict[str, Any]:
    try:
        return dict(json.loads(content.tobytes()))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError("its state is no JSON") from error


def unreadable(folder: Path, reason: object) -> str:
    """Say that the newest checkpoint is damaged, why, and what to do."""
    paths = _in_order(folder)
    before = (f"Delete it to go on from {paths[-2].name}." if len(paths) > 1 else
              "There is no other: start again with --overwrite.")
    return f"{paths[-1]} is damaged: {one_line(reason)}. {before}"
