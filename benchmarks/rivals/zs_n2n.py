"""Zero-Shot Noise2Noise (Mansour and Heckel 2023): a small network per noisy image.

Learns nothing but the image that it restores. Restores the test images of every task, and
prints the table of `evaluate.py`.

    python -m benchmarks.rivals.zs_n2n --data_dir=data --eval_limit=4
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.normalization import fit_percentiles
from microgan.datasets.paired_arrays import find_datasets, load_test_pairs
from microgan.errors import UserError
from microgan.evaluation.scores import RAW_INPUT, RESTORED, score_task, summarize
from microgan.evaluation.tables import overview_table
from microgan.runtime.progress import Progress

# Weights of two means over the same diagonal of 2 x 2 pixels: (Y, X, 1, halves).
_DIAGONALS = np.array([[[[0.0, 0.5]], [[0.5, 0.0]]], [[[0.5, 0.0]], [[0.0, 0.5]]]], np.float32)
_DECAY = 0.5
_SHARE_BEFORE_DECAY = 0.75


def halves(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return two images of half the size, of the same signal and independent noise.

    Args:
        images: float (B, Y, X, 1).

    Returns:
        (B, Y // 2, X // 2, 1) each: in every 2 x 2 pixels, the mean over one diagonal and over
        the other.

    Source:
        Mansour and Heckel 2023, arXiv:2303.11253, section 3.1.
    """
    both = tf.nn.conv2d(images, tf.cast(_DIAGONALS, images.dtype), 2, "VALID")
    return both[..., :1], both[..., 1:]


def build_noise_network(*, filters: int = 48) -> keras.Model:
    """Build the network that predicts the noise of an image: c3-48, c3-48, c1-1.

    Leaky ReLU 0.2 after the first two. 21,313 parameters.

    Args:
        filters: channels, > 0; the original's 48.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32, same shape, unbounded.

    Source:
        Mansour and Heckel 2023, arXiv:2303.11253, section 3.2.
    """
    noisy = keras.Input((None, None, 1), name="noisy")
    features = noisy
    for _ in range(2):
        features = layers.Conv2D(filters, 3, padding="same")(features)
        features = layers.LeakyReLU(0.2)(features)
    return keras.Model(noisy, layers.Conv2D(1, 1)(features), name="zs_n2n_network")


def zero_shot_loss(network: keras.Model, noisy: tf.Tensor) -> tf.Tensor:
    """Return how badly each half predicts the other, and the whole image its halves.

    Args:
        network: predicts noise, as `build_noise_network`.
        noisy: (B, Y, X, 1).

    Source:
        Mansour and Heckel 2023, arXiv:2303.11253, eq. 4 to 6.
    """
    noisy_halves = halves(noisy)
    restored = [half - network(half, training=True) for half in noisy_halves]
    halves_of_restored = halves(noisy - network(noisy, training=True))
    residual = sum(tf.reduce_mean(tf.square(image - other))
                   for image, other in zip(restored, noisy_halves[::-1]))
    consistency = sum(tf.reduce_mean(tf.square(image - other))
                      for image, other in zip(restored, halves_of_restored))
    return (residual + consistency) / 2


class ZeroShot:
    """Restores images of one size, each with a network trained on it alone.

    Args:
        num_iters: updates per image; the original's 2,000.
        learning_rate: of Adam, halved after three quarters of them; the original's 1e-3.
        filters: of the network.
        seed: of the first weights, the same for all images.

    Call arguments:
        image: (Y, X), any real numeric type.

    Returns:
        float64 (Y, X), in the intensities of the image.

    Source:
        Mansour and Heckel 2023, arXiv:2303.11253. Departs: intensities are scaled by the image's
        0.1 and 99.9 percentiles, and the result is not clipped: the images of a microscope have
        no limits that all types share.
    """

    def __init__(self, *, num_iters: int, learning_rate: float = 1e-3, filters: int = 48,
                 seed: int = 0) -> None:
        keras.utils.set_random_seed(seed)
        self._num_iters = num_iters
        self._network = build_noise_network(filters=filters)
        self._optimizer = keras.optimizers.Adam(keras.optimizers.schedules.PiecewiseConstantDecay(
            [int(_SHARE_BEFORE_DECAY * num_iters)], [learning_rate, _DECAY * learning_rate]))
        self._optimizer.build(self._network.trainable_variables)
        self._variables = [*self._network.variables, *self._optimizer.variables]
        self._first = [np.asarray(variable) for variable in self._variables]
        # Compiled once for all images of a size.
        self._update = tf.function(self._train_step)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        for variable, value in zip(self._variables, self._first):
            variable.assign(value)
        scale = fit_percentiles([image])
        noisy = tf.constant(scale.to_unit(image)[np.newaxis, ..., np.newaxis], tf.float32)
        for _ in range(self._num_iters):
            self._update(noisy)
        restored = np.asarray(noisy - self._network(noisy))[0, ..., 0].astype(np.float64)
        return restored * (scale.high - scale.low) + scale.low

    def _train_step(self, noisy: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = zero_shot_loss(self._network, noisy)
        variables = self._network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)


@dataclass(frozen=True)
class ZSN2NConfig(Config):
    """Settings of Zero-Shot Noise2Noise. Defaults: as published (arXiv:2303.11253)."""

    data_dir: str = setting("data", "Folder of the images, with test arrays.")
    datasets: tuple[str, ...] = setting((), "Names of the tasks. Unset: all in --data_dir.")
    num_iters: int = setting(2000, "Updates per image; the original's 2000.", minimum=1)
    learning_rate: float = setting(1e-3, "Of Adam; the original's 1e-3.", above=0)
    filters: int = setting(48, "Channels of the network; the original's 48.", minimum=1)
    seed: int = setting(1, "Seed of the first weights.", minimum=0)
    eval_limit: int | None = setting(None, "Test images per task, the first. Unset: all.",
                                     minimum=1)


def restore_zero_shot(config: ZSN2NConfig, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Restore each image (Y, X) by itself; see `ZeroShot`."""
    zero_shot = ZeroShot(num_iters=config.num_iters, learning_rate=config.learning_rate,
                         filters=config.filters, seed=config.seed)
    restored = []
    for image, progress in zip(images, Progress("Restoring").steps(len(images))):
        restored.append(zero_shot(image))
        progress(1.0)
    return restored


def main(config: ZSN2NConfig) -> None:
    """Score the restored test images of every task."""
    scores = []
    for task in config.datasets or find_datasets(config.data_dir):
        test = load_test_pairs(config.data_dir, task)
        if test is None:
            raise UserError(f"'{task}' has no test images: add {task}_test_X.npy and _Y.npy.")
        degraded, clean = (images[:config.eval_limit] for images in (test.degraded, test.clean))
        scores += score_task(task, "test", clean=clean, normalization=None, candidates={
            RAW_INPUT: degraded, RESTORED: restore_zero_shot(config, degraded)})
    print(overview_table(summarize(scores)))


if __name__ == "__main__":
    sys.exit(run_command(ZSN2NConfig, __doc__ or "", main))
