"""The process in which napari's layers are restored.

TensorFlow brings a library, LLVM, that Mesa's drivers bring, too: imported once a window of
napari is open, it ends the process with a segmentation fault. So it runs in one of its own,
`python -m microgan.napari_plugin.restoring_process`, which keeps its generator loaded until
napari closes the pipe.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import microgan
from microgan.errors import UserError, told
from microgan.generator_file import file_of
from microgan.restoration.stored_images import mapped_file
from microgan.restoration.trust import mirrored_views, write_spread_of_views

if TYPE_CHECKING:
    from microgan.restoration.restorer import Restorer

# Files of values, C order, in the folder of a job.
IMAGE, RESTORED, SPREAD = "image", "restored", "spread"


@dataclass(frozen=True)
class Job:
    """What to restore, and how.

    Args:
        folder: with the file `IMAGE`; receives `RESTORED` and `SPREAD`.
        shape: of the image.
        dtype: of its values.
        axes: one letter per axis.
        generator: path of a `generator.h5`, or "embedded".
        task: whose intensity constants to use, as `Restorer` takes it.
        output_type: "same" as the image's, or another.
        trust_map: whether to map the interval that holds the truth or, where the generator
            has none, how far restorations of mirrored images differ.
    """

    folder: str
    shape: Sequence[int]
    dtype: str
    axes: str
    generator: str
    task: str | None = None
    output_type: str = "same"
    trust_map: bool = False

    @property
    def restored_type(self) -> str:
        """Type of the restored values."""
        return self.dtype if self.output_type == "same" else self.output_type


def serve(lines: Iterable[str], say: Callable[[dict[str, Any]], object]) -> None:
    """Restore what each line asks for.

    Args:
        lines: a `Job` each, as JSON.
        say: called with {"told": line for the user} and {"share": 0 to 1} while a job is done,
            and with one of {"done": None}, {"mistake": line} and {"bug": traceback} at its end.
    """
    for line in lines:
        try:
            _restore(Job(**json.loads(line)), lambda text: say({"told": text}),
                     lambda share: say({"share": share}))
        except Exception as error:
            mistake = told(error)
            say({"bug": traceback.format_exc()} if mistake is None else {"mistake": mistake})
        else:
            say({"done": None})


def _restore(job: Job, tell: Callable[[str], object], progress: Callable[[float], object]
             ) -> None:
    folder, shape = Path(job.folder), tuple(job.shape)
    restorer = _load(job.generator, None)
    is_mean = restorer.info.test_time_augmentation
    views: list[tuple[int, ...]] = []
    if job.trust_map:
        if not may_map_trust(restorer.info.method, restorer.info.tasks):
            raise UserError("This generator has no trust map: it was not trained to restore "
                            "images of a task. Untick the map.")
        one_view = _load(job.generator, False) if is_mean else restorer
        views = mirrored_views(job.axes, with_plain=is_mean)
    steps = [functools.partial(_step, progress, done, 1 + len(views))
             for done in range(1 + len(views))]
    image = np.memmap(folder / IMAGE, job.dtype, "r", shape=shape)
    restored = mapped_file(folder / RESTORED, shape, job.restored_type)
    restorer.restore_into(restored, image, axes=job.axes, task=job.task, report=tell,
                          progress=steps[0])
    if views:
        write_spread_of_views(
            mapped_file(folder / SPREAD, shape, np.float32), image, job.axes,
            [] if is_mean else [restored], one_view, folder=folder, progress=iter(steps[1:]),
            bounds=restorer.info.error_bounds.get(job.task or restorer.info.tasks[0]),
            task=job.task)


def may_map_trust(method: str, tasks: Sequence[str]) -> bool:
    """Whether a generator has a trust map: one that restores images of known tasks has."""
    return method != "cin_gan" and bool(tasks)


def _step(progress: Callable[[float], object], done: int, number: int, share: float) -> None:
    progress((done + share) / number)


def _load(generator: str, augmentation: bool | None) -> Restorer:
    return _loaded(generator, augmentation, os.stat(file_of(generator)).st_mtime_ns)


@functools.lru_cache(2)  # its graphs take seconds to compile
def _loaded(generator: str, augmentation: bool | None, written_ns: int) -> Restorer:
    return microgan.load_restorer(generator, test_time_augmentation=augmentation)


def main() -> None:
    """Serve the pipes; whatever else is printed goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def say(content: dict[str, Any]) -> None:
            print(json.dumps(content), file=answers, flush=True)

        serve(sys.stdin, say)


if __name__ == "__main__":
    main()
