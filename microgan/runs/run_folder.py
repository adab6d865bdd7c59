"""A run folder: created once, refused if taken, checked before a run is resumed."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from microgan.errors import UserError, one_line
from microgan.runs.run_files import (
    CONFIG_FILE, PAIR_CHECKS_FILE, SAMPLES, SPLIT_FILE, files_of_run, foreign_files, refuse_links,
    remove_partial_files, results_of_run)
from microgan.runs.run_lock import locked
from microgan.runs.workers import this_worker
from microgan.files.whole import why_no_folder, write_json
from microgan.version import __version__

# How to run, not what: a resumed run may change these fields.
_FREE_FIELDS = {"resume", "overwrite", "checkpoint_every", "checkpoint_minutes", "max_bad_steps",
                "dir", "data_dir", "degraded_dir", "clean_dir", "num_gpu", "eval_limit", "dry_run",
                "config", "tensorboard"}
# What a resumed run may be given anew, as long as it is then recorded.
_RECORDED_ANEW = ("num_iters", "cross_validate")
# Fields that may name a file on whose content a training depends.
_FILE_FIELDS = ("cin_generator_path", "init_generator", "content_features")
# Runs of earlier versions lack these.
_RECORDED_LATER = {"test_images": "test images", "extra_images": "extra clean images"}


def check_run_folder(folder: Path, config: Any, report_files: Sequence[str]) -> Any:
    """Check that a run may write into a folder; change nothing.

    Args:
        folder: for the run's files.
        config: with fields `resume`, `overwrite` and `seed`.
        report_files: names of the files of the method's report.

    Returns:
        The config with its seed; for a resumed run, with the settings it began with.

    Raises:
        UserError: the folder holds a run and neither flag is given, or parts of a run without
            its `config.json`, or, unless a run is resumed, other files; or the run to be resumed
            is the folder that holds `folder`; or explicit settings, or files that settings name,
            differ from those of the run to be resumed.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Choose another folder with --dir.")
    refuse_links(folder)
    if (folder / CONFIG_FILE).exists():
        if config.resume:
            return _resumed_config(folder / CONFIG_FILE, config)
        if not config.overwrite:
            raise UserError(f"{folder} holds an earlier run. Choose another folder with --dir, "
                            "continue with --resume, or replace it with --overwrite.")
    _refuse_losses(folder, config, report_files)
    if config.resume:
        if folder.name == folder.parent.name and (folder.parent / CONFIG_FILE).exists():
            raise UserError(f"--dir names the run folder {folder.parent} itself. Name the folder "
                            f"that it is in: --dir={folder.parent.parent}")
        print(f"Nothing to resume: there is no run in {folder}. A new one starts from the "
              "beginning. If you meant an earlier run, stop this one and mend --dir.", flush=True)
    if config.seed is not None:
        return config
    if this_worker().count > 1:
        raise UserError("Several workers (TF_CONFIG) need the same --seed: pass one.")
    return config.replaced(seed=secrets.randbelow(2**31))


def _refuse_losses(folder: Path, config: Any, report_files: Sequence[str]) -> None:
    """Make sure that a new run in the folder deletes nothing that may still be wanted."""
    foreign = foreign_files(folder, report_files)
    if foreign:
        raise UserError(f"{folder} holds {foreign[0].name}, which does not belong to a run. Move "
                        "it away, or choose another folder with --dir.")
    results = results_of_run(folder, report_files)
    if config.overwrite or not results:
        return
    found = f"{folder} holds {results[0].relative_to(folder)} but no {CONFIG_FILE}"
    if config.resume:
        raise UserError(f"{found}, without which its run cannot be resumed. Put {CONFIG_FILE} "
                        "back, or start another run with --dir, or with --overwrite instead of "
                        "--resume.")
    raise UserError(f"{found}, so it is not a whole run. Move all of it away, choose another "
                    "folder with --dir, or replace it with --overwrite.")


@contextmanager
def working_folder(folder: Path, config: Any) -> Iterator[Path]:
    """Yield where a run writes: its folder, or a temporary one with `--dry_run`.

    Ctrl-C in the block tells how to continue. Among several workers, the chief locks the folder.

    Raises:
        UserError: the folder cannot be created, or another program is training in it.
    """
    if config.dry_run:
        with tempfile.TemporaryDirectory(prefix="microgan_dry_run_") as temporary:
            yield Path(temporary)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot create the folder {folder}: {why_no_folder(folder, error)}. "
                        "Choose another one with --dir.") from error
    with locked(folder) if this_worker().is_chief else nullcontext():
        try:
            yield folder
        except KeyboardInterrupt as stop:
            raise type(stop)(f"stopped. What is done is saved in {folder}: continue with "
                             "--resume.") from None


def create_run_folder(folder: Path, config: Any, split: dict[str, Any],
                      report_files: Sequence[str], *,
                      wrong_pairs: Sequence[dict[str, Any]] = ()) -> None:
    """Write `config.json` and `split.json` into a run folder, unless a run is resumed in it.

    Wrong pairs, if any, are listed in `pair_checks.json`.
    Of a run that is prolonged or cross-validated anew, delete the report and record that.

    Among several workers, only the chief writes.

    Args:
        folder: from `working_folder`; an earlier run in it is deleted.
        config: with its seed.
        split: by task, the role and identity of the images.
        report_files: names of the files of the method's report.
        wrong_pairs: rows of a table.

    Raises:
        UserError: the tasks or images are not those that the run to be resumed began with.
    """
    if _is_resumed(folder, config):
        _check_same_images(folder, split)
        if this_worker().is_chief:
            remove_partial_files(folder, report_files)
            _record_anew(folder, config, report_files)
        return
    if not this_worker().is_chief:
        return
    for path in files_of_run(folder, report_files):
        path.unlink()
    write_json(folder / SPLIT_FILE, split)
    if wrong_pairs:
        write_json(folder / PAIR_CHECKS_FILE, wrong_pairs)
    write_json(folder / CONFIG_FILE, {
        "config": config.to_json(), "files": _digests(config), "versions": _versions()})
    (folder / SAMPLES).mkdir(exist_ok=True)


def is_finished(folder: Path, config: Any, split: dict[str, Any],
                report_files: Sequence[str]) -> bool:
    """Return whether a run to be resumed is finished, and print so.

    Args:
        folder: checked by `check_run_folder`.
        config: returned by it.
        split: as for `create_run_folder`.
        report_files: names of the files of the method's report, as written.

    Raises:
        UserError: the tasks or images are not those that the run to be resumed began with.
    """
    if not _is_resumed(folder, config):
        return False
    _check_same_images(folder, split)
    if not report_files or not (folder / report_files[-1]).exists():
        return False
    if _changes(_read_json(folder / CONFIG_FILE), config):
        return False
    print(f"The run in {folder} is finished: {config.num_iters} updates.")
    return True


def _record_anew(folder: Path, config: Any, report_files: Sequence[str]) -> None:
    """Record what a resumed run was given anew, and say what that does to it."""
    record = _read_json(folder / CONFIG_FILE)
    changes = _changes(record, config)
    if not changes:
        return
    for name in reversed(report_files):  # without the last one, the run is not finished
        (folder / name).unlink(missing_ok=True)
    before = record["config"]["num_iters"]
    record["config"].update(changes)
    if "num_iters" in changes:
        record["prolonged_from"] = [*record.get("prolonged_from", ()), before]
    write_json(folder / CONFIG_FILE, record)
    if "num_iters" not in changes:
        return
    following = config.follows_num_iters()
    print(f"The run of {before} updates is prolonged to {config.num_iters}."
          + (f" {' and '.join(following)} now {'span' if following[1:] else 'spans'} all of them: "
             "what had fallen is higher again, so the result is not that of a run that began with "
             f"--num_iters={config.num_iters}. Earlier weights are kept until others validate "
             "better." if following else ""))


def _changes(record: dict[str, Any], config: Any) -> dict[str, Any]:
    """Return what a resumed run is given anew, by setting."""
    settings = config.to_json()
    return {name: settings[name] for name in _RECORDED_ANEW
            if name in settings and record["config"].get(name) != settings[name]}


def _is_resumed(folder: Path, config: Any) -> bool:
    return config.resume and (folder / CONFIG_FILE).exists()


def _check_same_images(folder: Path, split: dict[str, Any]) -> None:
    before = _read_json(folder / SPLIT_FILE)
    if set(before) != set(split):
        raise UserError(f"The run in {folder} began with the tasks {', '.join(before)}, but now "
                        f"there are {', '.join(split)}. Restore the former tasks, or start "
                        "another run with --dir or --overwrite.")
    for name, record in split.items():
        changed = _changed_entries(before[name], record)
        if changed:
            raise UserError(f"The {_RECORDED_LATER.get(changed[0], 'images')} of '{name}' are not "
                            f"those that the run in {folder} began with, so it cannot continue. "
                            "Put those back, or start another with --dir or --overwrite.")


def _changed_entries(before: Any, now: dict[str, Any]) -> list[str]:
    """Return the differing entries of a task's record that the earlier version kept."""
    if not isinstance(before, dict):
        return list(now)
    return [entry for entry in {**now, **before} if before.get(entry) != now.get(entry)
            and (entry in before or entry not in _RECORDED_LATER)]


def _resumed_config(path: Path, config: Any) -> Any:
    content = _read_json(path)
    try:
        before = type(config).from_json(content.get("config"))
        if before.seed is None:
            raise ValueError("it has no seed")
    except (ValueError, UserError) as error:
        raise UserError(f"{path} is not a config of this program ({one_line(error)}), so this run "
                        "cannot be resumed. Start another with --dir or --overwrite.") from error
    different = [f"--{name}={getattr(before, name)} before, {getattr(config, name)} now"
                 for name in sorted(config.explicit - _FREE_FIELDS)
                 if getattr(before, name) != getattr(config, name)
                 and name != "cross_validate"
                 and not (name == "num_iters" and config.num_iters > before.num_iters)]
    if different:
        raise UserError(f"The run in {path.parent} cannot continue with other settings: "
                        f"{'; '.join(different)}. Leave {'it' if len(different) == 1 else 'them'} "
                        "out, or start another run with --dir.")
    _check_same_files(path.parent, content.get("files"), before)
    free = {name: getattr(config, name)
            for name in (_FREE_FIELDS | set(_RECORDED_ANEW)) & config.explicit}
    # It must not replace anything again.
    return dataclasses.replace(before, **{**free, "overwrite": False})


def _check_same_files(folder: Path, recorded: Any, config: Any) -> None:
    """Make sure that files named by settings have not changed; missing ones show later."""
    for name, digest in _digests(config).items():
        # Earlier versions recorded none.
        if isinstance(recorded, dict) and recorded.get(name, digest) != digest:
            raise UserError(f"--{name}={getattr(config, name)} is not the file that the run in "
                            f"{folder} began with, so it cannot continue. Put that back, or start "
                            "another with --dir or --overwrite.")


def _digests(config: Any) -> dict[str, str]:
    """Identify the content of the files that settings name."""
    digests = {}
    for name in _FILE_FIELDS:
        value = getattr(config, name, None)
        if value and Path(value).is_file():
            with open(value, "rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is not readable, so this run cannot be resumed. Start another "
                        "with --dir or --overwrite.") from error


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "keras", "numpy", "h5py", "scikit-image")
    return {"microgan": __version__, "python": platform.python_version(),
            "platform": platform.platform(),
            **{name: importlib.metadata.version(name) for name in packages}}
