"""Which number format the networks compute in, and Keras' other settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PRECISIONS = ("auto", "float32", "mixed_bfloat16")
# The Linux kernel's names for hardware that multiplies bfloat16.
_CPU_FLAGS = {"amx_bf16", "avx512_bf16"}
_OURS = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
# The user's settings of the process while blocks need ours; the last block restores them.
_of_user: dict[str, Any] = {}
_num_inside = 0
_lock = threading.Lock()


def choose_precision(precision: str, *, cpuinfo: str = "/proc/cpuinfo") -> str:
    """Resolve "auto" for the hardware at hand.

    Args:
        precision: "auto", "float32" or "mixed_bfloat16".
        cpuinfo: file that lists the processor's features, for tests.

    Returns:
        A Keras dtype policy: bfloat16 where an Ampere or newer GPU, or a processor with
        bfloat16 instructions, makes it faster; otherwise float32.
    """
    if precision != "auto":
        return precision
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get(
            "compute_capability", (0, 0))
        return "mixed_bfloat16" if capability >= (8, 0) else "float32"
    features = Path(cpuinfo)
    known = features.read_text().split() if features.is_file() else []
    return "mixed_bfloat16" if _CPU_FLAGS & set(known) else "float32"


@contextmanager
def keras_settings_kept() -> Iterator[None]:
    """Give Keras the settings that networks are built with; restore the user's afterwards.

    Axes are channels-last, numbers float32, epsilon is 1e-7, whatever `keras.json` or the
    user's program sets. The block may also change the precision policy, which is set per
    thread and starts as float32. Also a decorator.
    """
    global _num_inside
    import keras

    config = keras.config
    policy = config.dtype_policy()
    with _lock:
        if not _num_inside:
            _of_user.update(floatx=config.floatx(), epsilon=config.epsilon(),
                            image_data_format=config.image_data_format())
            _set_keras(_OURS)
        _num_inside += 1
    config.set_dtype_policy("float32")
    try:
        yield
    finally:
        with _lock:
            _num_inside -= 1
            if not _num_inside:
                _set_keras(_of_user)
        config.set_dtype_policy(policy)


def _set_keras(settings: Mapping[str, Any]) -> None:
    import keras

    for name, value in settings.items():
        getattr(keras.config, f"set_{name}")(value)
