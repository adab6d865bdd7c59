"""`restore.py` from config to restored files."""

from __future__ import annotations

import contextlib
import glob
import sys
from collections.abc import Sequence
from pathlib import Path

from microgan.config import RestoreConfig
from microgan.errors import UserError
from microgan.files import make_folder
from microgan.generator_file import read_info
from microgan.restoration.image_files import SUFFIXES, open_image_file
from microgan.restoration.restorer import Restorer, check_pixels, check_task, load_restorer
from microgan.restoration.stored_images import Scratch


def restore_files(config: RestoreConfig) -> None:
    """Restore image files; go on where one fails.

    Every file is checked before TensorFlow is loaded.

    Args:
        config: everything `restore.py` takes.

    Raises:
        UserError: a mistake in the flags, before anything is written; or, at the end,
            files that could not be restored.
    """
    assert config.generator is not None
    check_task(read_info(config.generator), config.task)
    targets = _targets(_find_files(config.input), Path(config.output), config.overwrite)
    failures: dict[Path, str] = {}
    for path in targets:
        try:
            with open_image_file(path, axes=config.axes) as file:
                for image in file.images:
                    check_pixels(image.pixels[(slice(None),) * len(image.axes)])
        except UserError as error:
            failures[path] = str(error)
    if len(failures) < len(targets):
        make_folder(config.output, "--output")
        restorer = load_restorer(config.generator, precision=config.precision)
        for path, target in targets.items():
            if path in failures:
                continue
            try:
                _restore_file(restorer, path, target, config)
            except UserError as error:
                failures[path] = str(error)
    _raise_failures(failures, len(targets))


def _restore_file(restorer: Restorer, path: Path, target: Path, config: RestoreConfig) -> None:
    with open_image_file(path, axes=config.axes) as file, contextlib.ExitStack() as parts:
        restored = []
        for image in file.images:
            name = f"{path} {image.label}".strip()
            if image.axes_are_assumed and len(image.axes) > 2:
                print(f"{name}: axes {image.axes} assumed; name others with --axes.")
            part = parts.enter_context(
                Scratch(target.parent, image.pixels.shape, image.pixels.dtype))
            part[...] = restorer(image.pixels[(slice(None),) * len(image.axes)], axes=image.axes,
                                 task=config.task, report=lambda line: print(f"{name}: {line}"))
            restored.append(part)
        file.write_like(target, restored)
    print("".join(f"{path}: {loss}.\n" for loss in file.losses), end="")
    print(f"{path}: restored into {target}", flush=True)


def _find_files(inputs: Sequence[str]) -> list[Path]:
    """Files, folders' image files and patterns' matches, each once, in the order given."""
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            matches = sorted(item for item in path.iterdir()
                             if item.suffix.lower() in SUFFIXES and item.name[0] != ".")
        elif path.exists() or not glob.has_magic(text):
            matches = [path]  # a missing one is reported with the other files
        else:
            matches = sorted(Path(match) for match in glob.glob(text))
        if not matches:
            raise UserError(f"--input={text} matches no .npy, .tif or .tiff file.")
        found.update(dict.fromkeys(matches))
    return list(found)


def _targets(paths: Sequence[Path], folder: Path, overwrite: bool) -> dict[Path, Path]:
    """Where each file's restoration goes; never onto an input, nor two onto one."""
    sources: dict[Path, Path] = {}
    for path in paths:
        target = folder / path.name
        if target in sources:
            raise UserError(f"{sources[target]} and {path} would both be restored into {target}. "
                            "Restore them into different folders with --output.")
        if target.resolve() in {source.resolve() for source in paths}:
            raise UserError(f"{target} is an input. Choose another folder with --output.")
        if target.exists() and not overwrite:
            raise UserError(f"{target} exists. Choose another folder with --output, or replace "
                            "it with --overwrite.")
        sources[target] = path
    return {path: target for target, path in sources.items()}


def _raise_failures(failures: dict[Path, str], num_files: int) -> None:
    lines = [text if str(path) in text else f"{path}: {text}" for path, text in failures.items()]
    if num_files == len(lines) == 1:
        raise UserError(lines[0])
    if lines:
        print("\n".join(lines), file=sys.stderr)
        raise UserError(f"{len(lines)} of {num_files} files were not restored: see above.")
