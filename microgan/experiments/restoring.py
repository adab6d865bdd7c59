"""`restore.py` from config to restored files."""

from __future__ import annotations

import contextlib
import glob
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from microgan.config import RestoreConfig
from microgan.errors import Interrupted, UserError
from microgan.files import make_folder
from microgan.experiments.trust_maps import TrustMaps, check_trust_config, map_paths
from microgan.generator_file import GeneratorInfo, read_info
from microgan.restoration.image_files import SUFFIXES, open_image_file
from microgan.restoration.planes import survey
from microgan.restoration.restorer import Restorer, check_task, load_restorer
from microgan.restoration.stored_images import Scratch

_SECONDS_BETWEEN_LINES = 10


def restore_files(config: RestoreConfig) -> None:
    """Restore image files; go on where one fails.

    Every file is checked before TensorFlow is loaded.

    Args:
        config: everything `restore.py` takes.

    Raises:
        UserError: a mistake in the flags, before anything is written; or, at the end,
            files that could not be restored.
        Interrupted: Ctrl-C or a termination signal came; no file is half-written.
    """
    assert config.generator is not None
    info = read_info(config.generator, method=None)
    check_task(info, config.task)
    check_trust_config(config, info)
    targets = _targets(_find_files(config.input), config, info)
    failures: dict[Path, str] = {}
    for path in targets:
        with _collected(failures, path), open_image_file(path, axes=config.axes) as file:
            for image in file.images:
                survey(image.pixels, percentiles=False)
    if len(failures) < len(targets):
        make_folder(config.output, "--output")
        restorer = load_restorer(config.generator, precision=config.precision, tile=config.tile)
        trust_maps = TrustMaps(config, restorer) if config.trust_map else None
        with _stopped_by_signals():
            for path, target in targets.items():
                if path not in failures:
                    with _collected(failures, path):
                        _restore_file(restorer, trust_maps, path, target, config)
    _raise_failures(failures, len(targets))


@contextlib.contextmanager
def _collected(failures: dict[Path, str], path: Path) -> Iterator[None]:
    """Note what is wrong with a file, and go on."""
    try:
        yield
    except UserError as error:
        failures[path] = str(error)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let a termination signal, too, clean up as Ctrl-C does."""
    def stop(number: int, _: object) -> None:
        received.append(number)
        raise KeyboardInterrupt  # unlike an Exception, no one mistakes it for a damaged file

    received: list[int] = []
    usual = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped. Files that were restored before are whole; go on with the "
                          "others.", status=128 + received[0]) from None
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _restore_file(restorer: Restorer, trust_maps: TrustMaps | None, path: Path, target: Path,
                  config: RestoreConfig) -> None:
    with open_image_file(path, axes=config.axes) as file, contextlib.ExitStack() as parts:
        restored = []
        for image in file.images:
            name = f"{path} {image.label}".strip()
            if image.axes_are_assumed and len(image.axes) > 2:
                print(f"{name}: axes {image.axes} assumed; name others with --axes.")
            part = parts.enter_context(
                Scratch(target.parent, image.pixels.shape, image.pixels.dtype))
            restorer.restore_into(
                part, image.pixels, axes=image.axes, task=config.task, progress=Progress(name),
                report=lambda line: print(f"{name}: {line}", flush=True))
            restored.append(part)
        file.write_like(target, restored)
        if trust_maps is not None:
            trust_maps.write(file, target, restored, str(path))
    print("".join(f"{path}: {loss}.\n" for loss in file.losses), end="")
    print(f"{path}: restored into {target}", flush=True)


class Progress:
    """Prints how much of a long work is done, and the time left, every ten seconds.

    Args:
        name: of the work.
        clock: gives seconds.

    Call arguments:
        share: that is done, 0 to 1.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._start = self._printed = clock()

    def __call__(self, share: float) -> None:
        now = self._clock()
        if now - self._printed >= _SECONDS_BETWEEN_LINES and 0 < share < 1:
            left = (now - self._start) * (1 - share) / share
            print(f"{self._name}: {100 * share:.0f} %, {_duration(left)} left", flush=True)
            self._printed = now


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _find_files(inputs: Sequence[str]) -> list[Path]:
    """Files, folders' image files and patterns' matches, each once, in the order given."""
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir() and path.suffix.lower() not in SUFFIXES:
            matches = sorted(item for item in path.iterdir()
                             if item.suffix.lower() in SUFFIXES and item.name[0] != ".")
        elif path.exists() or not glob.has_magic(text):
            matches = [path]  # a missing one is reported with the other files
        else:
            matches = sorted(Path(match) for match in glob.glob(text))
        if not matches:
            raise UserError(f"--input={text} matches no .npy, .tif, .tiff or .zarr file.")
        found.update(dict.fromkeys(matches))
    return list(found)


def _targets(paths: Sequence[Path], config: RestoreConfig,
             info: GeneratorInfo) -> dict[Path, Path]:
    """Where each file's restoration goes; never onto an input, nor two onto one."""
    targets = {path: Path(config.output) / path.name for path in paths}
    sources: dict[Path, Path] = {}
    inputs = {path.resolve() for path in paths}
    for path, restored in targets.items():
        for target in [restored, *map_paths(restored, config, info)]:
            if target in sources:
                raise UserError(f"{sources[target]} and {path} would both be restored into "
                                f"{target}. Restore them into different folders with --output.")
            if target.resolve() in inputs:
                raise UserError(f"{target} is an input. Choose another folder with --output.")
            if target.exists() and not config.overwrite:
                raise UserError(f"{target} exists. Choose another folder with --output, or "
                                "replace it with --overwrite.")
            sources[target] = path
    return targets


def _raise_failures(failures: dict[Path, str], num_files: int) -> None:
    lines = [text if str(path) in text else f"{path}: {text}" for path, text in failures.items()]
    if num_files == len(lines) == 1:
        raise UserError(lines[0])
    if lines:
        print("\n".join(lines), file=sys.stderr)
        raise UserError(f"{len(lines)} of {num_files} files were not restored: see above.")
