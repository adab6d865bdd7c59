"""Importing TensorFlow without its start-up lines."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back_stderr() -> Iterator[None]:
    """Hold back what is written to standard error; show it only if the block fails.

    TensorFlow's C++ libraries write to the file descriptor, some of it before its log
    level is read, so that neither `sys.stderr` nor an environment variable stops them.

    Source:
        ours.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:  # not Ctrl-C, which is no failure
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def import_tensorflow_quietly() -> None:
    """Import TensorFlow and Keras, and start their devices, without chatter."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with held_back_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
