"""Names of files and tasks: which are found, which match, and which are allowed."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from microgan.errors import UserError

_IMAGE_SUFFIXES = {".npy", ".npz", ".tif", ".tiff", ".zarr"}
# What systems put into folders, beside macOS' `._NAME` for files of other systems.
_OF_SYSTEMS = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_MOST_LISTED = 5

# Windows keeps these names for devices, whatever their suffix, and these letters for itself.
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT")
                                          for number in "0123456789¹²³")}
_FORBIDDEN = '<>:"/\\|?*'
# What is put around a task's name must fit into the 255 bytes of a file's, too.
_TASK_BYTES = 200


def composed(text: str) -> str:
    """A text in Unicode's composed form: macOS stores "é" as two letters, others as one."""
    return unicodedata.normalize("NFC", text)


def shown(name: object) -> str:
    r"""A file's name as any file can hold it: bytes that are not UTF-8 become `\xe9`."""
    return os.fsencode(str(name)).decode("utf-8", "backslashreplace")


def matching_name(name: str) -> str:
    """What two file names have in common that differ in how they are written only.

    That is, in how Unicode composes their letters, or in capitals of an image's suffix.
    """
    stem, suffix = os.path.splitext(composed(name))
    return stem + (suffix.lower() if suffix.lower() in _IMAGE_SUFFIXES else suffix)


def is_of_system(name: str) -> bool:
    """Whether a file is one that systems put into folders unasked."""
    return name.startswith("._") or name.lower() in _OF_SYSTEMS


def is_hidden(name: str) -> bool:
    """Whether a file is hidden or `is_of_system`: nobody means to work on it."""
    return name.startswith(".") or is_of_system(name)


def choose_files(paths: Iterable[Path], suffixes: Collection[str],
                 source: Path | str) -> list[Path]:
    """Choose the files to work on; print which are skipped.

    Args:
        paths: of files and folders.
        suffixes: to choose, such as ".tif"; capitals do not matter.
        source: where the paths were found, for the line.

    Returns:
        Those with one of the suffixes, by folder and name, hidden ones left out.

    Raises:
        UserError: two in a folder have the same `matching_name`.
    """
    chosen: dict[tuple[Path, str], Path] = {}
    skipped = []
    for path in sorted(paths):
        if is_hidden(path.name) or path.suffix.lower() not in suffixes:
            skipped.append(path.name + os.sep * path.is_dir())
            continue
        other = chosen.setdefault((path.parent, matching_name(path.name)), path)
        if other is not path:
            raise _alike(other, path)
    print_skipped(skipped, source)
    return [path for _, path in sorted(chosen.items())]


def print_skipped(names: Collection[str], source: Path | str) -> None:
    """Print how many files are skipped and, of the first few, which; nothing if none is."""
    if names:
        listed = [shown(name) for name in names][:_MOST_LISTED]
        print(f"{shown(source)}: {len(names)} file{'s' if len(names) > 1 else ''} skipped: "
              f"{', '.join(listed)}{', ...' if len(names) > len(listed) else ''}.")


def find_file(folder: Path, name: str) -> Path:
    """The file or folder of that name, or the one whose name matches it.

    Args:
        folder: where to look.
        name: of the file; it wins over those that only match it.

    Returns:
        The path in `folder`; if there is none, what it would be.

    Raises:
        UserError: several match.
    """
    path = folder / name
    if os.path.lexists(path) or not folder.is_dir():
        return path
    matches = sorted(other for other in folder.iterdir()
                     if matching_name(other.name) == matching_name(name))
    if len(matches) > 1:
        raise _alike(*matches[:2])
    return matches[0] if matches else path


def _alike(first: Path, second: Path) -> UserError:
    return UserError(f"{shown(first)} and {ascii(second.name)} beside it are one name, written in "
                     "different ways: capitals of the suffix, or how Unicode composes letters. "
                     "Rename or remove one.")


def check_task_name(name: object) -> str:
    """Check the name of a task, which becomes part of file names on any system.

    Args:
        name: to check.

    Returns:
        The name in Unicode's composed form.

    Raises:
        UserError: it is empty or no text; has letters that cannot be printed, or that
            Windows forbids; begins or ends with a space or dot; is what Windows calls a
            device; or is longer than 200 bytes of UTF-8.
    """
    text = composed(name) if isinstance(name, str) else ""
    hidden = [letter for letter in text if not letter.isprintable()]
    forbidden = [letter for letter in text if letter in _FORBIDDEN]
    if not text:
        problem = "it must be a text of one letter at least"
    elif hidden:
        problem = f"its letter {ascii(hidden[0])} cannot be printed"
    elif forbidden:
        problem = f"not every system allows '{forbidden[0]}' in file names"
    elif text != text.strip(" ."):
        problem = "it must not begin or end with a space or a dot"
    elif text.partition(".")[0].strip().upper() in _DEVICES:
        problem = "Windows keeps it for a device"
    elif len(text.encode()) > _TASK_BYTES:
        problem = f"it is longer than {_TASK_BYTES} bytes"
    else:
        return text
    name = ascii(name) if hidden else repr(name)
    raise UserError(f"{name[:_TASK_BYTES]} cannot be the name of a task: {problem}. Rename its "
                    "files or folder.")
