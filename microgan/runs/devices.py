"""Devices, random state and precision of a run."""

from __future__ import annotations

import keras
import tensorflow as tf

from microgan.errors import UserError
from microgan.runtime.precision import choose_precision


def choose_strategy(num_gpu: int | None, *, num_workers: int) -> tf.distribute.Strategy:
    """Choose the devices to train on.

    Args:
        num_gpu: GPUs to use, 0 for the CPU, None for all GPUs found, else the CPU; of this
            machine.
        num_workers: processes that train together, as `TF_CONFIG` says. With several, this
            waits for the others.

    Raises:
        UserError: more GPUs are asked for than there are, or this process already uses others.
    """
    gpus = tf.config.list_physical_devices("GPU")
    found = len(gpus)
    wanted = found if num_gpu is None else num_gpu
    if wanted > found:
        raise UserError(
            f"--num_gpu={wanted} asks for {wanted} GPUs, but TensorFlow finds {found} here. Pass "
            "--num_gpu=0 to train on the CPU, or install the GPU libraries with "
            "pip install 'microgan[gpu]'.")
    if wanted < found:  # TensorFlow would take memory of all it sees, and compute on them
        try:
            tf.config.set_visible_devices(gpus[:wanted], "GPU")
        except RuntimeError as error:
            raise UserError(f"--num_gpu={wanted} comes too late: TensorFlow already uses the "
                            f"{found} GPUs of this process. Start a new one.") from error
    if num_workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = [f"GPU:{index}" for index in range(wanted)] or ["CPU:0"]
    return tf.distribute.MirroredStrategy(devices)


def prepare(*, seed: int, deterministic: bool, precision: str) -> str:
    """Seed all random numbers and set the precision policy.

    Returns:
        The precision taken, a Keras dtype policy.
    """
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    taken = choose_precision(precision)
    keras.config.set_dtype_policy(taken)
    return taken
