"""One program at a time in a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from microgan.errors import UserError

LOCK_FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other program out of a run folder while the block works in it.

    The system frees the folder of a program that was killed.

    Args:
        folder: it exists.

    Raises:
        UserError: another program works in it.
    """
    path = folder / LOCK_FILE
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"Another program is training in {folder}. Wait until it has ended or "
                        "stop it, or choose another folder with --dir.") from None
    except OSError as error:
        if error.filename is not None:
            raise
        print(f"The file system of {folder} has no locks ({error.strerror}): take care that no "
              "other program trains there.")
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # some systems keep a file that is open
                path.unlink()
        lock.release()
