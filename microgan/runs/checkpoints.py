"""Checkpoints: one file with everything that a resumed run needs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from microgan.files.arrays import read_npz
from microgan.errors import UserError, one_line
from microgan.files.whole import make_folder, written_whole
from microgan.runs.bad_steps import BadSteps
from microgan.runs.history import History

Arrays = dict[str, list[np.ndarray]]
_KEPT = 2


def save_checkpoint(folder: Path, update: int, arrays: Arrays, state: dict[str, Any]) -> None:
    """Write `update_NNNNNN.npz` whole or not at all, and keep the last two.

    Not HDF5, which kills the process if the disk fills up during writing.

    Args:
        folder: created if missing.
        update: updates done.
        arrays: by owner, in the order in which they are restored.
        state: plain JSON, such as history and best score.

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
        raise ValueError("its state is not JSON") from error


def unreadable(folder: Path, reason: object) -> str:
    """Return a message: the newest checkpoint is damaged, why, and what to do."""
    paths = _in_order(folder)
    before = (f"Delete it to continue from {paths[-2].name}." if len(paths) > 1 else
              "There is no other: start again with --overwrite.")
    return f"{paths[-1]} is damaged: {one_line(reason)}. {before}"


class Checkpoints:
    """Save the whole run at intervals, and restore it.

    Args:
        folder: of the checkpoints.
        variables: by owner, all that a resumed run needs.
        history: saved too.
        bad_steps: saved too.
        every: updates between checkpoints, > 0.
        minutes: between checkpoints, > 0; whichever comes first.
    """

    def __init__(self, folder: Path, variables: dict[str, list[Any]], history: History,
                 bad_steps: BadSteps, *, every: int, minutes: float) -> None:
        self.folder = folder
        self.variables = variables
        self.history = history
        self.bad_steps = bad_steps
        self.every = every
        self.seconds_between = 60 * minutes
        self._last_time = time.monotonic()
        self._last_saved = 0

    def save_if_due(self, update: int) -> None:
        """Save after an update if a checkpoint is due."""
        if update % self.every == 0 or time.monotonic() - self._last_time >= self.seconds_between:
            self.save(update)

    def save(self, update: int) -> None:
        """Save after an update, unless already saved."""
        if update == self._last_saved:
            return
        arrays = {owner: [np.asarray(variable) for variable in variables]
                  for owner, variables in self.variables.items()}
        arrays["best_weights"] = self.history.best_weights
        state = {**self.history.to_json(), "bad_steps": self.bad_steps.to_json()}
        save_checkpoint(self.folder, update, arrays, state)
        self._last_time, self._last_saved = time.monotonic(), update

    def restore(self) -> int:
        """Load the last checkpoint into the variables, the history and the bad steps.

        Returns:
            Updates done; 0 where there is no checkpoint.

        Raises:
            UserError: the checkpoint is damaged or belongs to other networks.
        """
        found = load_last_checkpoint(self.folder)
        if found is None:
            return 0
        arrays, state = found
        for owner, variables in self.variables.items():
            shapes = [tuple(variable.shape) for variable in variables]
            if [array.shape for array in arrays.get(owner, [])] != shapes:
                raise UserError(f"The checkpoint in {self.folder} does not fit the {owner}. Pass "
                                "the settings of its run (config.json), or --overwrite.")
            for variable, array in zip(variables, arrays[owner]):
                variable.assign(array)
        try:
            self.history.restore(state, arrays["best_weights"])
            self.bad_steps.restore(state["bad_steps"])
            self._last_saved = int(state["update"])
        except KeyError as error:
            raise UserError(unreadable(self.folder, error)) from error
        except (TypeError, ValueError) as error:
            raise UserError(unreadable(self.folder, "its state is of the wrong type")) from error
        return self._last_saved
