"""Start TensorFlow and matplotlib without start-up messages or other programs' settings."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from microgan.errors import UserError

# What the user or another program set for work that is not ours: the backend of figures in a
# notebook (Jupyter and Colab set it for every `!` command), compilers, other modes.
_OF_OTHERS = ("MPLBACKEND", "XLA_FLAGS", "TF_XLA_FLAGS", "TF_FUNCTION_JIT_COMPILE_DEFAULT",
              "TF2_BEHAVIOR", "TF_USE_LEGACY_KERAS")
_lock = threading.RLock()
# The process that started TensorFlow; None before.
_started_in: int | None = None


@contextmanager
def held_back_stderr() -> Iterator[None]:
    """Hold back what is written to standard error; show it only if the block fails.

    TensorFlow's C++ libraries write to the file descriptor, some of it before its log
    level is read, so that neither `sys.stderr` nor an environment variable stops them.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:  # not Ctrl-C, which is not a failure
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change environment variables for a block; None removes one."""
    kept = {name: os.environ.get(name) for name in changes}
    try:
        _set_environment(changes)
        yield
    finally:
        _set_environment(kept)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def settings_of_others_ignored() -> AbstractContextManager[None]:
    """Remove settings that microgan does not use from the environment for a block."""
    return _environment(dict.fromkeys(_OF_OTHERS))


@contextmanager
def warnings_as_usual() -> Iterator[None]:
    """Show warnings as Python does by default, whatever `PYTHONWARNINGS` says."""
    with warnings.catch_warnings():
        if sys.warnoptions:
            warnings.resetwarnings()
            for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning,
                             ResourceWarning):
                warnings.simplefilter("ignore", category)
        yield


def import_tensorflow_quietly() -> None:
    """Import TensorFlow and Keras, and start their devices, without chatter.

    Settings in `keras.json` and the variables `KERAS_*` are not read: networks are built
    as microgan needs them. `precision.keras_settings_kept` does the same where the user's
    program imported Keras before.

    Raises:
        UserError: Keras was imported before with another backend; or this process was
            forked from one that had started TensorFlow, where it would wait for ever.
    """
    global _started_in
    with _lock:
        refuse_forked(_started_in)
        if _started_in is None:
            _start_tensorflow()
            _started_in = os.getpid()


def refuse_forked(started_in: int | None) -> None:
    """Refuse to use TensorFlow in a fork of the process that started it: it would hang.

    Args:
        started_in: number of the process that started TensorFlow; None where it was not
            microgan that did.

    Raises:
        UserError: this is another process.
    """
    if _lost_threads() if started_in is None else started_in != os.getpid():
        raise UserError(
            "This process was forked from one in which TensorFlow runs, and TensorFlow cannot "
            "continue in it. Start processes with multiprocessing.get_context('spawn'), and load "
            "the generator in each.")


def _lost_threads() -> bool:
    """Whether TensorFlow was started, but has none of its threads: a fork has not, on Linux."""
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    tasks = Path("/proc/self/task")
    if not getattr(context, "_initialized", False) or not tasks.is_dir():
        return False
    return not any(name.read_text().startswith("tf_") for name in tasks.glob("*/comm"))


def _start_tensorflow() -> None:
    if "keras" in sys.modules:
        backend = importlib.import_module("keras").config.backend()
        if backend != "tensorflow":
            raise UserError(
                f"This process imported Keras with the backend '{backend}', but microgan needs "
                "'tensorflow': set KERAS_BACKEND=tensorflow before Keras is imported.")
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Otherwise every update sets up the gradients' convolutions anew: docs/performance.md.
    os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    of_keras = [name for name in os.environ if name.startswith("KERAS_")]
    plain = {**dict.fromkeys((*_OF_OTHERS, *of_keras)), "KERAS_BACKEND": "tensorflow",
             "KERAS_HOME": os.devnull}  # where no keras.json can be
    with warnings.catch_warnings(), held_back_stderr(), _environment(plain):
        warnings.simplefilter("ignore")
        import tensorflow as tf
        from keras.src.backend import config

        tf.config.list_physical_devices()
    with contextlib.suppress(OSError):
        os.makedirs(home, exist_ok=True)
    # Weights are still downloaded to the usual folder; Keras has no function to set it.
    config._KERAS_DIR = home


def import_matplotlib() -> None:
    """Import matplotlib even if the chosen backend is not installed.

    microgan draws on figures without a backend. The user's choice is kept for the user's
    figures.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.get("MPLBACKEND")
    with _lock, settings_of_others_ignored():
        import matplotlib
    if backend:
        with contextlib.suppress(ValueError):  # not installed
            matplotlib.rcParams["backend"] = backend
