"""The log that TensorBoard shows: losses, scores and pictures of every validation."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from microgan.errors import UserError
from microgan.runs.bad_steps import BAD_STEPS
from microgan.runs.run_files import SAMPLES, TENSORBOARD

Row = Mapping[str, float]


def check_tensorboard() -> None:
    """Check that TensorBoard is installed; do not import it.

    Raises:
        UserError: it is not.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard needs TensorBoard, which is not installed: pip install "
                        "'microgan[tensorboard]', or leave the flag out.")


@contextmanager
def tensorboard_log(folder: Path, rows: Sequence[Row], *,
                    is_on: bool) -> Iterator[Callable[[Row], None]]:
    """Yield a function that logs a validation, given its row of the history.

    An earlier log is replaced: of a resumed run, the new one begins with what `history.csv`
    has, so that no update appears twice.

    Args:
        folder: of the run, with the pictures in `samples`.
        rows: of the history so far.
        is_on: if not, nothing is logged or imported.
    """
    if not is_on:
        yield lambda row: None
        return
    import tensorflow as tf

    for path in (folder / TENSORBOARD).glob("events.out.tfevents.*"):
        path.unlink()
    writer = tf.summary.create_file_writer(str(folder / TENSORBOARD))

    def log(row: Row) -> None:
        update = int(row["update"])
        with writer.as_default(step=update):
            for name, value in row.items():
                if name != "update":
                    tf.summary.scalar(_tag(name), value)
            for path in sorted((folder / SAMPLES).glob(f"update_{update:06d}*.png")):
                number = path.stem.removeprefix(f"update_{update:06d}").strip("_")
                picture = tf.io.decode_png(path.read_bytes(), channels=3)
                tf.summary.image(f"samples/{number}" if number else "samples", picture[tf.newaxis])
        writer.flush()

    try:
        for row in rows:
            log(row)
        yield log
    finally:
        writer.close()


def _tag(name: str) -> str:
    """Sort a column of the history into one of TensorBoard's sections."""
    if name.endswith("_loss"):
        return f"losses/{name.removesuffix('_loss')}"
    return f"run/{name}" if name in ("seconds", BAD_STEPS) else f"validation/{name}"
