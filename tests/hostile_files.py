"""Broken and hostile files given to the programs, and what these say to them.

Run by hand, it writes the table of docs/reliability.md:
`python tests/hostile_files.py docs/reliability.md`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hostile import arrays, networks, runs, tiffs, zarrs  # noqa: F401 (each adds its cases)
from hostile.cases import CASES
from microgan.generator_file import build_network, save_generator


@dataclass(frozen=True)
class Outcome:
    """What a program did with a case."""

    status: int
    error: str
    seconds: float
    more_bytes: int
    left: list[tuple[str, int]]
    folder: Path


def write_good_generator(path):
    """Write the generator that cases break, `good.h5`."""
    save_generator(path, build_network(networks.INFO).get_weights(), networks.INFO)


def run_case(chosen, folder):
    """Write a case's files into a new folder, run its program there and measure it.

    Args:
        chosen: the case.
        folder: has `good.h5`.
    """
    inner = folder / "case"
    inner.mkdir()
    before = os.getcwd()
    os.chdir(inner)
    try:
        chosen.make()
        files = snapshot(inner)
        error = io.StringIO()
        memory = reset_peak_memory()
        started = time.process_time()
        with (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error),
              logging_as_in_programs()):
            status = chosen.run()
        seconds = time.process_time() - started
        left = sorted(set(snapshot(inner)) ^ set(files))
        return Outcome(status, error.getvalue(), seconds, peak_memory() - memory, left,
                       inner.resolve())
    finally:
        os.chdir(before)


@contextlib.contextmanager
def logging_as_in_programs():
    """Without pytest's handlers: what other libraries log goes to standard error."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = handlers


def snapshot(folder):
    return [(str(path.relative_to(folder)), path.lstat().st_size) for path in folder.rglob("*")]


def reset_peak_memory():
    """Let the peak begin anew, where the system can; return the memory in use."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory():
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text().split()
    return 1024 * int(status[status.index("VmHWM:") + 1])


def row(chosen, outcome):
    """A case's row of the table; what changes from run to run is left out."""
    said = outcome.error.strip().replace(f"{outcome.folder}{os.sep}", "")
    said = re.sub(r"conv2d_\d+", "conv2d", said).replace("|", "\\|").replace("`", "'")
    return f"| {chosen.kind} | {chosen.name} | `{said}` |"


def table():
    """The cases and what is printed, as Markdown."""
    lines = ["| file | case | what is printed |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as temporary:
        good = Path(temporary, "good.h5")
        write_good_generator(good)
        for number, chosen in enumerate(CASES):
            folder = Path(temporary, str(number))
            folder.mkdir()
            shutil.copy(good, folder / "good.h5")
            lines.append(row(chosen, run_case(chosen, folder)))
    return "\n".join(lines)


if __name__ == "__main__":
    document = Path(sys.argv[1])
    start, end = "<!-- hostile files -->\n", "\n<!-- end -->"
    head, _, rest = document.read_text().partition(start)
    document.write_text(head + start + table() + end + rest.partition(end)[2])
