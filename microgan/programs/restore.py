"""`restore.py` from config to restored files."""

from __future__ import annotations

import glob
import importlib.util
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from microgan.config import RestoreConfig
from microgan.datasets.file_notes import FileNotes
from microgan.errors import UserError, one_line
from microgan.runtime.progress import Progress
from microgan.files.whole import check_can_write, folder_for_results, put_back
from microgan.programs.restore_by_filter import check_stacks, filter_file
from microgan.programs.restore_by_pairs import check_planes, filter_planes, measured_filter
from microgan.programs.restore_dask import DaskWork, restore_with_dask
from microgan.programs.restored_file import collected, restore_file
from microgan.programs.trust_maps import TrustMaps, check_trust_config, map_paths
from microgan.generator_file import GeneratorInfo, read_info
from microgan.files.names import choose_files, matching_name
from microgan.restoration.channels import find_channel_tasks
from microgan.restoration.checks import (
    check_task, choose_augmentation, unsuited_to_onnx, why_not_loaded, why_not_onnx)
from microgan.restoration.image_files import (
    SUFFIXES, images_in_folder, open_image_file, result_name)
from microgan.restoration.kept_pixels import check_pixels
from microgan.restoration.pretrained import SEEN_NONE
from microgan.restoration.restorer import load_restorer
from microgan.files.zarr_metadata import is_zarr_folder

# For so many pixels ONNX Runtime loses no more than TensorFlow does at its start, by a U-Net of 32
# channels or a network of stacks: docs/performance.md.
_FEW_PIXELS = 2 * 10**6
_CHANNELS, _LEAST_CHANNELS = 32, 16


def restore_files(config: RestoreConfig) -> list[Path]:
    """Restore image files; continue with the others if one fails.

    Every file is checked before TensorFlow is loaded.

    Args:
        config: everything `restore.py` takes.

    Returns:
        The restored files, in the order of the input; of `config.shard` only, if set.

    Raises:
        UserError: a mistake in the flags, before anything is written; or, at the end,
            files that could not be restored.
        Exception: a bug, also at the end.
        KeyboardInterrupt: after Ctrl-C; no file is half-written.
    """
    info = _checked_generator(config) if config.method == "network" else None
    all_targets = _targets(_find_files(config.input), config, info)
    targets = {path: all_targets[path] for path in config.in_shard(list(all_targets))}
    if not targets:
        print(f"None of the {len(all_targets)} files found is of --shard={config.shard}: nothing "
              "to restore.")
        return []
    work = DaskWork(config, list(targets)) if config.dask else None
    restored = [path for path, target in targets.items() if work and work.is_done(path, target)]
    if restored:
        print(f"{len(restored)} of {len(targets)} files were restored before.")
    left = {path: target for path, target in targets.items() if path not in restored}
    _refuse_earlier(left, config, info)
    failures: dict[Path, Exception] = {}
    notes = FileNotes()
    num_pixels = 0
    for path in left:
        with collected(failures, path), open_image_file(path, axes=config.axes) as file:
            if config.data_dir is not None:
                check_planes(file)
            elif info is None:
                check_stacks(path, file)
            for image in file.images:
                if info is not None:
                    find_channel_tasks(info, image, config.task)
                check_pixels(image.pixels, config.nodata)
                num_pixels += math.prod(image.pixels.shape)
            for output_type in {None if config.output_type == "same" else config.output_type,
                                *(["float32"] if config.trust_map else [])}:
                file.check_writable(output_type)
            notes.add(path, file.notes, file.voxel_size_um)
    notes.print()
    if len(failures) < len(left):
        with folder_for_results(config.output, "--output"):
            for path, target in left.items():
                with collected(failures, path):
                    for written in (target, *map_paths(target, config, info)):
                        check_can_write(written)
            if len(failures) < len(left):
                if info is not None and not info.tasks:
                    print(SEEN_NONE, flush=True)
                if work:
                    restore_with_dask(left, work, failures, config)
                else:
                    _restore_all(left, failures, config if info is None else config.replaced(
                        backend=choose_backend(config, info, num_pixels)))
    if work and not failures:
        work.forget()
    _raise_failures(failures, len(targets))
    return list(targets.values())


def _checked_generator(config: RestoreConfig) -> GeneratorInfo:
    assert config.generator is not None
    info = read_info(config.generator, method=None)
    check_task(info, config.task)
    info = choose_augmentation(info, config.test_time_augmentation)
    if config.backend == "onnx":
        reason = why_not_onnx(info, config.precision)
        if reason is not None:
            raise UserError(f"{reason}.")
    check_trust_config(config, info)
    if info.upsample > 1:
        for flag, value in (("trust_map", config.trust_map), ("dask", config.dask),
                            ("nodata", config.nodata is not None)):
            if value:
                raise UserError(f"{config.generator} was trained with --upsample and enlarges "
                                f"images, for which there is no --{flag}. Leave it out.")
    return info


def choose_backend(config: RestoreConfig, info: GeneratorInfo, num_pixels: int) -> str:
    """Return "onnx" where it is asked for or faster, otherwise "tensorflow".

    An installed ONNX Runtime that lacks something to be taken is named.

    Args:
        config: of the program; `backend` may be "auto".
        info: of the generator, with test-time augmentation as it is wanted.
        num_pixels: of all images to restore.
    """
    if config.backend != "auto":
        return config.backend
    times = info.upsample ** 2 * (4 if info.test_time_augmentation else 1)
    # Jobs of a `--shard` must not differ, and Dask's workers and trust maps take TensorFlow.
    stands_alone = not (config.trust_map or config.shard or config.dask)
    if (stands_alone and num_pixels * times <= _few_pixels(info)
            and unsuited_to_onnx(info, config.precision) is None):
        reason = why_not_loaded()
        if reason is None:
            return "onnx"
        if importlib.util.find_spec("onnxruntime") is not None:  # somebody wanted it
            print("Restoring by TensorFlow: ONNX Runtime is installed but cannot be loaded "
                  f"({reason}): pip install 'microgan[onnx]'.", flush=True)
    return "tensorflow"


def _few_pixels(info: GeneratorInfo) -> float:
    if info.axes != "YX":
        return _FEW_PIXELS
    channels = info.network_arguments.get("filters", _CHANNELS)
    return _FEW_PIXELS * (_CHANNELS / max(channels, _LEAST_CHANNELS)) ** 2


def _restore_all(targets: dict[Path, Path], failures: dict[Path, Exception],
                 config: RestoreConfig) -> None:
    restore = _by_generator(config) if config.method == "network" else _by_filter(config)
    progress = Progress("all files")
    try:
        for done, (path, target) in enumerate(targets.items(), 1):
            if path not in failures:
                with collected(failures, path):
                    restore(path, target)
            progress(done / len(targets))
    except KeyboardInterrupt as stop:
        raise type(stop)("stopped. Files restored before are whole; continue with the others."
                         ) from None


def _by_filter(config: RestoreConfig) -> Callable[[Path, Path], None]:
    if config.data_dir is None:
        return lambda path, target: filter_file(path, target, config)
    restore = measured_filter(config)
    return lambda path, target: filter_planes(restore, path, target, config)


def _by_generator(config: RestoreConfig) -> Callable[[Path, Path], None]:
    assert config.generator is not None
    restorer = load_restorer(config.generator, precision=config.precision, tile=config.tile,
                             test_time_augmentation=config.test_time_augmentation,
                             backend=config.backend)
    if config.backend == "onnx":
        print("Restoring by ONNX Runtime, in float32.", flush=True)
    trust_maps = TrustMaps(config, restorer) if config.trust_map else None
    return lambda path, target: restore_file(restorer, trust_maps, path, target, config)


def _find_files(inputs: Sequence[str]) -> list[Path]:
    """Return files, image files of folders and matches of patterns, each once, in order."""
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        matches = images_in_folder(path)
        if matches is None:
            # A missing one is reported with the other files.
            matches = [path] if path.exists() or not glob.has_magic(text) else _matches(text)
        if not matches:
            raise UserError(f"--input={text} matches no file that ends in "
                            f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.")
        found.update(dict.fromkeys(matches))
    return list(found)


def _matches(pattern: str) -> list[Path]:
    """Return image files that a pattern matches, and images within an OME-Zarr plate."""
    paths = sorted(map(Path, glob.glob(pattern)))
    within = [path for path in paths if path.suffix.lower() not in SUFFIXES
              and is_zarr_folder(path)]
    return within + choose_files((path for path in paths if path not in within), SUFFIXES, pattern)


def _targets(paths: Sequence[Path], config: RestoreConfig,
             info: GeneratorInfo | None) -> dict[Path, Path]:
    """Return each file's target: never an input, nor the target of another."""
    targets = {path: Path(config.output) / result_name(path) for path in paths}
    sources: dict[Path, Path] = {}
    inputs = {path.resolve() for path in paths}
    for path, restored in targets.items():
        for target in [restored, *map_paths(restored, config, info)]:
            same = target.with_name(matching_name(target.name))  # on some systems
            if same in sources:
                raise UserError(f"{sources[same]} and {path} would both be restored into "
                                f"{target}. Restore them into different folders with --output.")
            whole = target.resolve()
            if not inputs.isdisjoint([whole, *whole.parents]):  # an OME-Zarr image is a folder
                raise UserError(f"{target} is{'' if whole in inputs else ' within'} an input. "
                                "Choose another folder with --output.")
            sources[same] = path
    return targets


def _refuse_earlier(targets: dict[Path, Path], config: RestoreConfig,
                    info: GeneratorInfo | None) -> None:
    """Refuse to replace earlier results unless asked to."""
    for restored in targets.values():
        for target in [restored, *map_paths(restored, config, info)]:
            if target.suffix.lower() == ".zarr":
                put_back(target)
            if os.path.exists(target) and not config.overwrite:
                raise UserError(f"{target} exists. Choose another folder with --output, or "
                                "replace it with --overwrite.")


def _raise_failures(failures: dict[Path, Exception], num_files: int) -> None:
    if not failures:
        return
    bugs = [error for error in failures.values() if not isinstance(error, UserError)]
    lines = [text if str(path) in text else f"{path}: {text}"
             for path, text in zip(failures, map(_told, failures.values()))]
    if num_files > 1:
        print("\n".join(lines), file=sys.stderr)
    if bugs:
        raise bugs[0]
    raise UserError(lines[0] if num_files == 1 else
                    f"{len(lines)} of {num_files} files were not restored: see above.")


def _told(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    return f"a bug in microgan, {type(error).__name__}: {one_line(error)}"
