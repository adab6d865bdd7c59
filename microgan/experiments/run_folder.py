"""A run folder: created once, refused when taken, complete when resumed."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
import secrets
import shutil
from pathlib import Path
from typing import Any

import microgan
from microgan.errors import UserError
from microgan.files import write_json

_CONFIG_FILE = "config.json"
# Fields that say how to run, not what: a resumed run may differ in them.
_FREE_FIELDS = {"resume", "overwrite", "checkpoint_minutes", "dir"}


def check_run_folder(folder: Path, config: Any) -> Any:
    """Find out whether a run may write into a folder; change nothing.

    Args:
        folder: where the run's files would go.
        config: with fields `resume`, `overwrite` and `seed`.

    Returns:
        The config with its seed: the given one, the resumed run's, or a new one.

    Raises:
        UserError: the folder holds a run and neither flag is given, or the resumed run
            had another config.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _CONFIG_FILE).exists():
            raise UserError(f"{folder} holds files that are not of a run. Choose another folder "
                            "with --dir.")
        if config.resume:
            return _resumed_config(folder / _CONFIG_FILE, config)
        if not config.overwrite:
            raise UserError(f"{folder} holds an earlier run. Choose another folder with --dir, go "
                            "on with --resume, or replace it with --overwrite.")
    seed = config.seed if config.seed is not None else secrets.randbelow(2**31)
    return dataclasses.replace(config, seed=seed)


def create_run_folder(folder: Path, config: Any) -> None:
    """Make an empty run folder with its `config.json`, unless a run is resumed in it.

    Args:
        folder: checked by `check_run_folder`; an earlier run goes if `config.overwrite`.
        config: the config with its seed.

    Raises:
        UserError: the folder cannot be made.
    """
    if config.resume and (folder / _CONFIG_FILE).exists():
        return
    try:
        if folder.exists():
            shutil.rmtree(folder)
        (folder / "samples").mkdir(parents=True)
    except OSError as error:
        raise UserError(f"Cannot make the folder {folder}: {error.strerror}. Choose another one "
                        "with --dir.") from error
    write_json(folder / _CONFIG_FILE, {"config": config.to_json(), "versions": _versions()})


def _resumed_config(path: Path, config: Any) -> Any:
    try:
        before = json.loads(path.read_text())["config"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not readable, so this run cannot be resumed. Start another "
                        "with --dir or --overwrite.") from error
    now = config.to_json()
    if now["seed"] is None:
        now["seed"] = before.get("seed")
    different = [f"--{name}={before.get(name)} before, {value} now" for name, value in now.items()
                 if name not in _FREE_FIELDS and before.get(name) != value]
    if different:
        raise UserError(f"The run in {path.parent} cannot go on with other settings: "
                        f"{'; '.join(different)}.")
    return dataclasses.replace(config, seed=now["seed"])


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "keras", "numpy", "h5py", "scikit-image")
    return {"microgan": microgan.__version__, "python": platform.python_version(),
            "platform": platform.platform(),
            **{name: importlib.metadata.version(name) for name in packages}}
