"""Where a restorer was loaded from, so that another process can load the same one."""

from __future__ import annotations

import os
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from microgan.errors import UserError
from microgan.generator_file import EMBEDDED, file_of
from microgan.version import __version__

if TYPE_CHECKING:
    from microgan.restoration.restorer import Restorer


@dataclass(frozen=True)
class LoadedFrom:
    """A generator file and how it was loaded. Unlike a restorer it can be sent elsewhere.

    Args:
        path: absolute, or "embedded".
        checksum: CRC-32 of the file.
        precision: Keras dtype policy, the same on all hardware.
        tile: as in `load_restorer`.
        test_time_augmentation: whether it is used.
        backend: as in `load_restorer`.
        version: of microgan.
    """

    path: str
    checksum: int
    precision: str
    tile: int | None
    test_time_augmentation: bool
    backend: str
    version: str = field(default=__version__)


def file_checksum(path: str | os.PathLike[str]) -> int:
    """Return the CRC-32 of a generator file, which may be "embedded"."""
    return zlib.crc32(file_of(path).read_bytes())


def absolute_path(path: str | os.PathLike[str]) -> str:
    """Return a generator's path for processes in other folders; "embedded" as it is."""
    return EMBEDDED if os.fspath(path) == EMBEDDED else os.path.abspath(path)


_loaded: dict[LoadedFrom, Restorer] = {}
_lock = threading.Lock()


def load_once(source: LoadedFrom) -> Restorer:
    """Load a restorer, or return the one that this process has loaded already.

    Raises:
        UserError: the file differs from the one described, or so does microgan's version; or
            as `load_restorer`.
    """
    from microgan.restoration.restorer import load_restorer

    with _lock:
        if source not in _loaded:
            if source.version != __version__:
                raise UserError(f"A worker has microgan {__version__}, but {source.version} is "
                                "needed. Install the same version everywhere.")
            if file_checksum(source.path) != source.checksum:
                raise UserError(f"{source.path} has changed since the work began, or is another "
                                "file on a worker. Load it again.")
            if len(_loaded) > 1:  # for blocks, and for whole files
                _loaded.clear()
            _loaded[source] = load_restorer(
                source.path, precision=source.precision, tile=source.tile,
                test_time_augmentation=source.test_time_augmentation, backend=source.backend)
        return _loaded[source]
