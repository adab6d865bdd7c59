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
    """Lock a run folder against other programs during the block.

    The system releases the lock of a program that was killed.

    Args:
        folder: must exist.

    Raises:
        UserError: another program has locked it.
    """
    path = folder / LOCK_FILE
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"Another program is training in {folder}. Wait for it to finish, stop "
                        "it, or choose another folder with --dir.") from None
    except OSError as error:
        if error.filename is not None:
            raise
        print(f"The file system of {folder} has no locks ({error.strerror}): make sure that no "
              "other program trains there.")
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # some systems cannot delete an open file
                path.unlink()
        lock.release()
