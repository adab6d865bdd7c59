"""`restore.py --dask`: files shared out among the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from microgan.config import RestoreConfig
from microgan.errors import UserError
from microgan.files.names import shown
from microgan.files.whole import make_folder, write_text
from microgan.programs.restored_file import collected, restore_file
from microgan.restoration.blocks import needs_whole_image
from microgan.restoration.channels import find_channel_tasks
from microgan.restoration.dask_restorer import DaskRestorer, completed, outcome
from microgan.restoration.image_files import open_image_file
from microgan.restoration.loaded_from import (
    LoadedFrom, absolute_path, file_checksum, load_once)
from microgan.restoration.restorer import Restorer, load_restorer
from microgan.runtime.progress import Progress
from microgan.version import __version__

_FOLDER = ".restore_dask"
_SECONDS_TO_WAIT = 60
# Settings that change no pixel.
_WITHOUT_EFFECT = {"input", "output", "overwrite", "shard", "dask"}


class DaskWork:
    """What of some files is finished, remembered in a hidden folder of the results.

    It counts only as long as files, generator, settings and version are the same.

    Args:
        config: everything `restore.py` takes.
        paths: of the files.
    """

    def __init__(self, config: RestoreConfig, paths: list[Path]) -> None:
        assert config.generator is not None
        self._folder = Path(config.output).absolute() / _FOLDER
        settings = {name: value for name, value in config.to_json().items()
                    if name not in _WITHOUT_EFFECT}
        settings |= {"generator": file_checksum(config.generator), "version": __version__}
        self._keys = {path: hashlib.sha256(json.dumps(
            [settings, str(path.absolute()), _fingerprint(path)]).encode("utf-8", "replace")
            ).hexdigest()[:16] for path in paths}

    def is_done(self, path: Path, target: Path) -> bool:
        """Whether a file was restored into its target."""
        return os.path.exists(target) and self._mark(path).exists()

    def set_done(self, path: Path) -> None:
        """Remember that a file was restored, and remove its blocks."""
        make_folder(self._folder, "--output")
        write_text(self._mark(path), "")
        self._remove_blocks(path)

    def blocks(self, path: Path, precision: str) -> Path:
        """Return the folder of a file's blocks, which exists."""
        folder = self._folder / f"{self._keys[path]}-{precision}"
        make_folder(folder, "--output")
        return folder

    def forget(self) -> None:
        """Remove everything about these files: they are all restored."""
        for path in self._keys:
            self._mark(path).unlink(missing_ok=True)
            self._remove_blocks(path)
        with contextlib.suppress(OSError):  # another job's files are in it
            self._folder.rmdir()

    def _mark(self, path: Path) -> Path:
        return self._folder / f"{self._keys[path]}.done"

    def _remove_blocks(self, path: Path) -> None:
        for folder in self._folder.glob(f"{self._keys[path]}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def _fingerprint(path: Path) -> list[Any]:
    """Return sizes and times of a file, or of all in the folder of an OME-Zarr."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return [(str(each), each.stat().st_size, each.stat().st_mtime_ns)
            for each in files if each.exists()]


def restore_with_dask(targets: Mapping[Path, Path], work: DaskWork,
                      failures: dict[Path, Exception], config: RestoreConfig) -> None:
    """Restore files on a cluster: OME-Zarr block by block, others one by one on a worker.

    Args:
        targets: of the files that are left.
        work: remembers what is finished.
        failures: files that cannot be restored, and why; added to.
        config: everything `restore.py` takes.

    Raises:
        UserError: the extra is not installed, or no worker is there.
    """
    assert config.generator is not None and config.dask is not None
    _import_distributed()
    restorer = load_restorer(config.generator, precision=config.precision, tile=config.tile,
                             test_time_augmentation=config.test_time_augmentation)
    assert restorer.loaded_from is not None
    for_workers = config.replaced(generator=absolute_path(config.generator))
    targets = {path: target for path, target in targets.items() if path not in failures}
    with _told_how_to_go_on(), _connected(config.dask) as client:
        in_blocks = [path for path in targets if _is_for_blocks(path, restorer, config)]
        futures = {client.submit(_restore_whole, restorer.loaded_from, path.absolute(),
                                 target.absolute(), for_workers, pure=False): path
                   for path, target in targets.items() if path not in in_blocks}
        for path in in_blocks:
            with collected(failures, path):
                folder = work.blocks(path, restorer.loaded_from.precision)
                restore_file(DaskRestorer(restorer, client, folder), None, path.absolute(),
                             targets[path].absolute(), config)
                work.set_done(path)
        progress = Progress("all files")
        for done, future in enumerate(completed(futures), len(in_blocks) + 1):
            path = futures[future]
            with collected(failures, path):
                print("".join(f"{line}\n" for line in outcome(future)), end="", flush=True)
                work.set_done(path)
            progress(done / len(targets))


@contextlib.contextmanager
def _told_how_to_go_on() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stop:
        raise type(stop)("stopped. The same command goes on where it was.") from None


def _is_for_blocks(path: Path, restorer: Restorer, config: RestoreConfig) -> bool:
    """Whether a file is an OME-Zarr whose blocks stand alone; say why not."""
    if not path.is_dir():
        return False
    with open_image_file(path, axes=config.axes) as file:
        channels = [find_channel_tasks(restorer.info, image, config.task) for image in file.images]
    tasks = {task for found in channels for task in (
        [config.task] if found is None else [task for _, task in found.chosen()])}
    reasons = {needs_whole_image(restorer, task, config.nodata) for task in tasks} - {None}
    for reason in reasons:
        print(f"{shown(path)}: one worker restores the whole image: {reason}.")
    return not reasons


def _restore_whole(source: LoadedFrom, path: Path, target: Path,
                   config: RestoreConfig) -> list[str]:
    """Restore a file on a worker; return what there is to say."""
    lines: list[str] = []
    restore_file(load_once(source), None, path, target, config, say=lines.append)
    return lines


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Yield a client of a cluster with at least one worker; start it if it is a local one."""
    distributed = _import_distributed()
    with contextlib.ExitStack() as stack:
        cluster: Any = address
        if address.startswith("local:"):
            cluster = stack.enter_context(distributed.LocalCluster(
                n_workers=int(address.removeprefix("local:")), threads_per_worker=1,
                dashboard_address=None, silence_logs=logging.CRITICAL))
        try:
            client = stack.enter_context(distributed.Client(cluster, timeout=_SECONDS_TO_WAIT))
            client.wait_for_workers(1, timeout=_SECONDS_TO_WAIT)
        except (OSError, TimeoutError, ValueError) as error:
            raise UserError(f"--dask={address}: no scheduler with a worker answers there. Start "
                            "them with 'dask scheduler' and 'dask worker', or use "
                            "--dask=local:2.") from error
        yield client


def _import_distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UserError("--dask needs an extra: pip install 'microgan[dask]'.") from error
    return distributed
