"""Names of files and tasks: which are found, which match, and which are allowed."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from microgan.errors import UserError

_IMAGE_SUFFIXES = {".npy", ".npz", ".tif", ".tiff", ".zarr", ".czi", ".lif", ".nd2", ".png"}
# Files that systems add to folders, besides macOS' `._NAME`.
_OF_SYSTEMS = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_MOST_LISTED = 5
_MOST_NOTED = 20
_NOTED: ContextVar[dict[str, None] | None] = ContextVar("noted", default=None)

# Windows reserves these names for devices, whatever their suffix, and these characters.
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT")
                                          for number in "0123456789¹²³")}
_FORBIDDEN = '<>:"/\\|?*'
# Leaves room for the rest of a file name, in at most 255 bytes.
_TASK_BYTES = 200


def composed(text: str) -> str:
    """Return text in Unicode's composed form: macOS stores "é" as two characters."""
    return unicodedata.normalize("NFC", text)


def shown(name: object) -> str:
    r"""Return a file name as valid text: bytes that are not UTF-8 become `\xe9`."""
    return os.fsencode(str(name)).decode("utf-8", "backslashreplace")


def matching_name(name: str) -> str:
    """Return a form that two spellings of one file name share.

    They differ in how Unicode composes their letters, or in the case of an image's suffix.
    """
    stem, suffix = os.path.splitext(composed(name))
    return stem + (suffix.lower() if suffix.lower() in _IMAGE_SUFFIXES else suffix)


def is_of_system(name: str) -> bool:
    """Whether an operating system added a file to a folder."""
    return name.startswith("._") or name.lower() in _OF_SYSTEMS


def is_hidden(name: str) -> bool:
    """Whether a file is hidden or `is_of_system`."""
    return name.startswith(".") or is_of_system(name)


def paths_below(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders.

    Folders that end in one of the suffixes are images. They, hidden folders and links to folders
    are yielded, not entered.
    """
    folders = [folder]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if (path.is_dir() and not path.is_symlink() and not is_hidden(path.name)
                    and path.suffix.lower() not in suffixes):
                folders.append(path)
            else:
                yield path


def choose_files(paths: Iterable[Path], suffixes: Collection[str],
                 source: Path | str) -> list[Path]:
    """Choose the files to work on; print which are skipped.

    Args:
        paths: of files and folders.
        suffixes: to choose, such as ".tif"; in upper or lower case.
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
            below = path.relative_to(source) if path.is_relative_to(source) else Path(path.name)
            skipped.append(str(below) + os.sep * path.is_dir())
            continue
        other = chosen.setdefault((path.parent, matching_name(path.name)), path)
        if other is not path:
            raise _alike(other, path)
    print_skipped(skipped, source)
    return [path for _, path in sorted(chosen.items())]


def print_skipped(names: Collection[str], source: Path | str) -> None:
    """Print how many files are skipped, and the first few; nothing if none is."""
    if names:
        texts = [shown(name) for name in names]
        told = (f"{shown(source)}: {len(names)} file{'s' if len(names) > 1 else ''} skipped: "
                f"{', '.join(texts[:_MOST_LISTED])}")
        print(f"{told}{', ...' if texts[_MOST_LISTED:] else ''}.")
        noted = _NOTED.get()
        if noted is not None:
            further = "".join(f", {text}" for text in texts[_MOST_LISTED:_MOST_NOTED])
            rest = f" and {len(texts) - _MOST_NOTED} more" if texts[_MOST_NOTED:] else ""
            noted[f"{told}{further}{rest}."] = None


@contextmanager
def noted_skipped() -> Iterator[Collection[str]]:
    """Note what `print_skipped` prints in the block.

    Yields:
        A growing collection of its lines, each once, with up to 20 names and how many more.
    """
    lines: dict[str, None] = {}
    token = _NOTED.set(lines)
    try:
        yield lines.keys()
    finally:
        _NOTED.reset(token)


def find_file(folder: Path, name: str) -> Path:
    """Find the file or folder of a name, or the one whose name matches it.

    Args:
        folder: where to look.
        name: of the file; an exact match comes first.

    Returns:
        The path in `folder`; if there is none, where it would be.

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
    return UserError(f"{shown(first)} and {ascii(second.name)} beside it are one name in two "
                     "spellings: the case of the suffix, or how Unicode composes letters. "
                     "Rename or remove one.")


def check_task_name(name: object) -> str:
    """Check the name of a task, which becomes part of file names on any system.

    Args:
        name: to check.

    Returns:
        The name in Unicode's composed form.

    Raises:
        UserError: it is empty or not text; has characters that cannot be printed, or that
            Windows forbids; begins or ends with a space or dot; is a device's name on
            Windows; or is longer than 200 bytes of UTF-8.
    """
    text = composed(name) if isinstance(name, str) else ""
    hidden = [letter for letter in text if not letter.isprintable()]
    forbidden = [letter for letter in text if letter in _FORBIDDEN]
    if not text:
        problem = "it must be a text of at least one character"
    elif hidden:
        problem = f"its character {ascii(hidden[0])} cannot be printed"
    elif forbidden:
        problem = f"not every system allows '{forbidden[0]}' in file names"
    elif text != text.strip(" ."):
        problem = "it must not begin or end with a space or a dot"
    elif text.partition(".")[0].strip().upper() in _DEVICES:
        problem = "Windows reserves it for a device"
    elif len(text.encode()) > _TASK_BYTES:
        problem = f"it is longer than {_TASK_BYTES} bytes"
    else:
        return text
    name = ascii(name) if hidden else repr(name)
    raise UserError(f"{name[:_TASK_BYTES]} cannot be the name of a task: {problem}. Rename its "
                    "files or folder.")
