"""Hands images to the process that restores them, and fetches the results."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgan.errors import UserError
from microgan.napari_plugin.restoring_process import IMAGE, RESTORED, SPREAD, Job
from microgan.restoration.stored_images import Pixels, check_numbers, mapped_file
from microgan.restoration.tiles import parts

_COPIED_PIXELS = 2**22


class Stopped(Exception):
    """The user has cancelled."""


@dataclass(frozen=True)
class Restored:
    """A restored image.

    Args:
        pixels: of the image's shape, in a temporary file that disappears with the array.
        spread: float32, the trust map, see `Job`; None if not asked for.
        notes: what the user should know, a line each.
    """

    pixels: np.ndarray
    spread: np.ndarray | None
    notes: tuple[str, ...]


class RestoringProcess:
    """A process that restores images one after the other; started when it is needed.

    Memory does not grow with the image: files pass it on, part by part.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._is_stopped = self._is_busy = False

    def stop(self) -> None:
        """End the process and, with `Stopped`, the restoration under way."""
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()  # as it only computes, nothing is lost
            if not self._is_busy:  # otherwise the thread that waits for it notices
                self._end()

    def _end(self) -> int:
        """Wait for the process, close its pipes and return its status."""
        assert self._process is not None
        process, self._process = self._process, None
        with contextlib.suppress(BrokenPipeError), process:
            pass
        return process.wait()

    def restore(self, image: Pixels, tell: Callable[[str], object],
                progress: Callable[[float], object], **settings: Any) -> Restored:
        """Restore an image; blocks until it is done.

        Args:
            image: of any size; read part by part.
            tell: called with a line of text for the user.
            progress: called with the share that is done, 0 to 1.
            **settings: fields of a `Job`, besides what describes the image.

        Raises:
            Stopped: `stop` was called.
            UserError: as `load_restorer` and `Restorer`; there is no room; or the process
                was ended, as it is when memory runs out.
            RuntimeError: a bug.
        """
        self._is_stopped, self._is_busy = False, True
        try:
            return self._restore(image, tell, progress, settings)
        finally:
            self._is_busy = False

    def _restore(self, image: Pixels, tell: Callable[[str], object],
                 progress: Callable[[float], object], settings: dict[str, Any]) -> Restored:
        check_numbers(image, "The layer")
        # On Windows, a mapped file stays until the system empties its temporary folder.
        with tempfile.TemporaryDirectory(prefix="microgan_napari_",
                                         ignore_cleanup_errors=os.name == "nt") as name:
            folder, shape = Path(name), tuple(image.shape)
            job = Job(folder=name, shape=shape, dtype=np.dtype(image.dtype).str, **settings)
            tell("Reading the layer.")
            self._copy(image, mapped_file(folder / IMAGE, shape, image.dtype))
            tell("Starting." if self._process is None else "Restoring.")
            notes = self._ask(job, tell, progress)
            spread = np.memmap(folder / SPREAD, np.float32, "r", shape=shape) if (
                job.trust_map) else None
            return Restored(np.memmap(folder / RESTORED, job.restored_type, "r", shape=shape),
                            spread, tuple(notes))

    def _copy(self, image: Pixels, target: np.ndarray) -> None:
        for where in parts(image.shape, min(_COPIED_PIXELS, math.prod(image.shape))):
            if self._is_stopped:
                raise Stopped
            target[where] = image[where]

    def _ask(self, job: Job, tell: Callable[[str], object], progress: Callable[[float], object]
             ) -> list[str]:
        if self._process is None:
            self._process = _start()
        assert self._process.stdin is not None and self._process.stdout is not None
        notes = []
        try:
            print(json.dumps(dataclasses.asdict(job)), file=self._process.stdin, flush=True)
            for line in self._process.stdout:
                ((kind, content),) = json.loads(line).items()
                if kind == "share":
                    progress(content)
                elif kind == "told":
                    notes.append(content)
                    tell(content)
                elif kind == "mistake":
                    raise UserError(content)
                elif kind == "bug":
                    raise RuntimeError(f"a bug in microgan:\n{content}")
                else:
                    return notes
        except BrokenPipeError:
            pass  # it has ended
        status = self._end()
        if self._is_stopped:
            raise Stopped
        raise UserError(f"The process that restores ended with status {status}: memory may have "
                        "run out. Close other programs, or restore a part of the image.")


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "microgan.napari_plugin.restoring_process"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            encoding="utf-8")
