"""Devices, random state and precision of a run."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf

from microgan.config import TrainingConfig
from microgan.errors import UserError
from microgan.runs.workers import this_worker
from microgan.runtime.precision import choose_precision


@dataclass(frozen=True)
class Devices:
    """What a run computes on.

    Args:
        strategy: of the replicas.
        precision: a Keras dtype policy.
    """

    strategy: tf.distribute.Strategy
    precision: str

    @property
    def count(self) -> int:
        """Devices of this process."""
        return len(self.strategy.extended.worker_devices)

    def describe(self) -> str:
        """Describe them in a line for the user."""
        kinds = sorted(device.rsplit("device:", 1)[-1]
                       for device in self.strategy.extended.worker_devices)
        return f"On {', '.join(kinds)} in {self.precision}."


def set_up_devices(config: TrainingConfig) -> Devices:
    """Choose devices, seed all random numbers and set the precision policy.

    Args:
        config: with its seed.

    Raises:
        UserError: there are too few GPUs, or they cannot share a batch equally.
    """
    assert config.seed is not None
    strategy = choose_strategy(config.num_gpu, num_workers=this_worker().count)
    if config.batch_size % strategy.num_replicas_in_sync:
        raise UserError(f"--batch_size={config.batch_size} cannot be shared equally by "
                        f"{strategy.num_replicas_in_sync} GPUs or machines.")
    return Devices(strategy, prepare(seed=config.seed, deterministic=config.deterministic,
                                     precision=config.precision))


def choose_strategy(num_gpu: int | None, *, num_workers: int) -> tf.distribute.Strategy:
    """Choose the devices to train on.

    Args:
        num_gpu: GPUs of this machine to use; 0 for the CPU, None for all GPUs or, without
            any, the CPU.
        num_workers: processes that train together (`TF_CONFIG`). If several, waits for the
            others.

    Raises:
        UserError: there are fewer GPUs, or this process already uses others.
    """
    gpus = tf.config.list_physical_devices("GPU")
    found = len(gpus)
    wanted = found if num_gpu is None else num_gpu
    if wanted > found:
        raise UserError(
            f"--num_gpu={wanted} asks for {_gpus(wanted)}, but TensorFlow finds {found} here. "
            "Pass --num_gpu=0 to train on the CPU, or install the GPU libraries with "
            "pip install 'microgan[gpu]'.")
    if wanted < found:  # TensorFlow would use all that it sees
        try:
            tf.config.set_visible_devices(gpus[:wanted], "GPU")
        except RuntimeError as error:
            raise UserError(f"--num_gpu={wanted} comes too late: TensorFlow already uses the "
                            f"{_gpus(found)} of this process. Start a new one.") from error
    if num_workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = [f"GPU:{index}" for index in range(wanted)] or ["CPU:0"]
    return tf.distribute.MirroredStrategy(devices)


def _gpus(number: int) -> str:
    return f"{number} GPU{'' if number == 1 else 's'}"


def prepare(*, seed: int, deterministic: bool, precision: str) -> str:
    """Seed all random numbers, set the Keras dtype policy for a precision and return it."""
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    taken = choose_precision(precision)
    keras.config.set_dtype_policy(taken)
    return taken
