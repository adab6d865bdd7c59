"""Write files so that they appear whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from microgan.errors import UserError

# A random number precedes the suffix; in earlier versions it was the process's.
_PARTIAL = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]+\.partial(?P<suffix>(\.[^.]*)?)")
# Every current system allows it; the stem is cut to fit, the suffix kept.
_NAME_BYTES = 255
# Of what is written as a folder.
_FOLDER_SUFFIXES = {".zarr"}
# Within the hidden folder in which a folder is written.
_NEW, _EARLIER, _LOCK = "new", "earlier", ".lock"


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` once the block succeeds.

    The temporary file is in the same folder and keeps the suffix, so that writers which
    choose a format by suffix work. It is a new file under a random name: no other file or
    target of a link is overwritten. It is flushed to disk before the rename; if the block
    raises, it is removed and `path` is unchanged.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        `pathlib.Path` to write to.

    Raises:
        UserError: the disk is full or the folder can't be written to.
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        open(temporary, "xb").close()
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new folder that replaces `folder` once the block succeeds.

    It is in a hidden folder beside it, under a random name, and is flushed to disk. Then the
    earlier folder moves into the hidden one, the new one moves out, and the hidden one is
    removed. One of the two is whole at every moment, and `put_back` finds it after a kill.
    If the block raises, `folder` is unchanged. No link is followed.

    Args:
        folder: to write or replace. Its parent must exist.

    Yields:
        `pathlib.Path` to write into.

    Raises:
        UserError: the disk is full or the parent can't be written to.
    """
    folder = Path(folder)
    put_back(folder)
    hidden = temporary_name(folder)
    new, earlier = hidden / _NEW, hidden / _EARLIER / folder.name
    lock = FileLock(hidden / _LOCK)
    try:
        hidden.mkdir()
        with suppress(OSError):  # a file system without locks
            lock.acquire(timeout=0)
        new.mkdir()
        earlier.parent.mkdir()
        yield new
        _flush_tree(new)
        if os.path.lexists(folder):
            os.rename(folder, earlier)
        os.rename(new, folder)
        _flush_folder(hidden)
        _flush_folder(folder.parent)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        if os.path.lexists(earlier) and not os.path.lexists(folder):
            os.rename(earlier, folder)
        lock.release()
        shutil.rmtree(hidden, ignore_errors=True)


def put_back(folder: Path) -> None:
    """Clean up after a program killed in `folder_written_whole`, and print what was done.

    A folder that had been moved aside and not yet replaced is put back.

    Args:
        folder: that was being written; it need not exist.
    """
    pattern = name_when_whole(temporary_name(folder).name)
    if not folder.parent.is_dir():
        return
    for hidden in sorted(folder.parent.iterdir()):
        if (not is_partial(hidden.name) or name_when_whole(hidden.name) != pattern
                or hidden.is_symlink() or not hidden.is_dir()):
            continue
        found = {item.name for item in hidden.iterdir()}
        moved = list((hidden / _EARLIER).iterdir()) if _EARLIER in found else []
        # Hidden folders cut long names: it may be another folder's.
        if found - {_NEW, _EARLIER, _LOCK} or any(item.name != folder.name for item in moved):
            continue
        lock = FileLock(hidden / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:  # another program is running
            continue
        except OSError as error:
            print(f"{hidden} was left by a program that was killed or still runs "
                  f"({error.strerror}): remove it if none does.")
            continue
        if moved and not os.path.lexists(folder):
            os.rename(moved[0], folder)
            print(f"{folder}: put back, since the program that was replacing it was killed.")
        else:
            print(f"{hidden}: removed; the program that was writing it was killed.")
        lock.release()
        shutil.rmtree(hidden, ignore_errors=True)


def check_can_write(path: Path) -> None:
    """Check a file's name and folder with an empty file, before the work.

    Raises:
        UserError: the name is too long or a folder's, or the folder can't be written to.
    """
    try:
        with suppress(FileNotFoundError):
            is_folder = stat.S_ISDIR(path.lstat().st_mode)
            if is_folder and path.suffix.lower() not in _FOLDER_SUFFIXES:
                raise IsADirectoryError(errno.EISDIR, "It is a folder")
        temporary = temporary_name(path)
        open(temporary, "xb").close()
        temporary.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> UserError:
    reason = " ".join((error.strerror or str(error)).split())
    remedy = ("Choose a shorter name" if error.errno == errno.ENAMETOOLONG else
              "Remove it or choose another folder" if error.errno == errno.EISDIR else
              "Free some space or choose another folder")
    return UserError(f"Cannot write {path}: {reason}. {remedy}; what was there before is "
                     "untouched.")


def temporary_name(path: Path) -> Path:
    """Return an unpredictable name beside a path, no longer than names may be."""
    end = f".{secrets.token_hex(4)}.partial{path.suffix}"
    room = _NAME_BYTES - len(os.fsencode(f".{end}"))
    # Cut between characters, not within one.
    stem = os.fsencode(path.stem)[:max(0, room)].decode("utf-8", "ignore")
    return path.with_name(f".{stem}{end}")


def is_partial(name: str) -> bool:
    """Whether `written_whole` writes under a file name."""
    return _PARTIAL.fullmatch(name) is not None


def name_when_whole(name: str) -> str:
    """Return the final name of a partial file; any other name unchanged."""
    match = _PARTIAL.fullmatch(name)
    return match["stem"] + match["suffix"] if match else name


def make_folder(folder: str | os.PathLike[str], flag: str) -> None:
    """Create a folder and its parents, if they do not exist.

    Args:
        folder: to create.
        flag: that named it, for the message.

    Raises:
        UserError: it can't be created.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot create the folder {flag}={folder}: "
                        f"{why_no_folder(folder, error)}. Choose another.") from error


def why_no_folder(folder: str | os.PathLike[str], error: OSError) -> str:
    """Say why a folder cannot be created, also where a file is in its place."""
    for path in (Path(folder), *Path(folder).parents):
        if path.is_file():
            return f"{path} is a file" if path != Path(folder) else "it is a file"
    return error.strerror or str(error)


@contextmanager
def folder_for_results(folder: str | os.PathLike[str], flag: str) -> Iterator[None]:
    """As `make_folder`; a new folder is removed if it stays empty."""
    is_new = not Path(folder).exists()
    make_folder(folder, flag)
    try:
        yield
    finally:
        if is_new and not any(Path(folder).iterdir()):
            Path(folder).rmdir()


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    if os.name != "posix":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_tree(folder: Path) -> None:
    """Flush all files and folders in a folder, and itself, to disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb+") as file:
                os.fsync(file.fileno())
        _flush_folder(Path(parent))


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text whole or not at all; other bytes of names as `\\udce9`."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_csv(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]],
              columns: Iterable[str]) -> None:
    """Write a table with a header, UTF-8, whole or not at all; a row may lack columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON, indented, whole or not at all. NaN is an error: JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
