"""Which number format the networks compute in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRECISIONS = ("auto", "float32", "mixed_bfloat16")
# The Linux kernel's names of what multiplies bfloat16 in hardware.
_CPU_FLAGS = {"amx_bf16", "avx512_bf16"}


def choose_precision(precision: str, *, cpuinfo: str = "/proc/cpuinfo") -> str:
    """Resolve "auto" for the hardware at hand.

    Args:
        precision: "auto", "float32" or "mixed_bfloat16".
        cpuinfo: file that lists the processor's features, for tests.

    Returns:
        A Keras dtype policy: bfloat16 where an Ampere or newer GPU, or a processor with
        bfloat16 instructions, makes it faster; else float32.
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
def policy_kept() -> Iterator[None]:
    """Put Keras' precision policy back, which the block may change; also a decorator."""
    import keras

    policy = keras.config.dtype_policy()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
