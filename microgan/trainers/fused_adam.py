"""Adam with one operation per weight."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam with a single TensorFlow operation per weight and update.

    Keras' own takes twenty, which are slower to run and to compile before the first update.
    Sparse gradients, such as an embedding's, are summed before they are squared, as in the
    paper; Keras squares repeated rows one by one.

    Args:
        learning_rate: a number or a schedule.
        beta_1: decay of the gradient's average.
        beta_2: decay of the squared gradient's average.
        epsilon: added to the root of the squared gradient's average.
        use_ema: whether to keep a moving average of the weights, as Keras does.
        ema_momentum: its decay, 0 to 1.
        bounded: whether a gradient that is large beside its average is given a smaller step: the
            rate is divided by the root mean square of the gradient over the root of its squared
            average, per weight tensor, where that is above 1.

    Source:
        Kingma and Ba 2014, arXiv:1412.6980, in the form before section 2.1, as Keras' Adam.
        Bounded: Wortsman et al. 2023, arXiv:2304.13013, algorithm 2 (StableAdamW), after Shazeer
        and Stern 2018, arXiv:1804.04235, section 6.
    """

    def __init__(self, learning_rate: Any, beta_1: float = 0.9, beta_2: float = 0.999, *,
                 epsilon: float = 1e-7, use_ema: bool = False, ema_momentum: float = 0.0,
                 bounded: bool = False) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, use_ema=use_ema,
                         ema_momentum=ema_momentum)
        self.bounded = bounded

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight and its averages, all of the same type."""
        index = self._get_variable_index(variable)
        dtype = variable.dtype
        beta_1, beta_2 = tf.constant(self.beta_1, dtype), tf.constant(self.beta_2, dtype)
        step = tf.cast(self.iterations + 1, dtype)
        gradient, rate = tf.cast(gradient, dtype), tf.cast(learning_rate, dtype)
        if self.bounded:
            rate /= self._surprise(gradient, self._velocities[index].value, step)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle, m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle, beta1_power=beta_1 ** step,
            beta2_power=beta_2 ** step, lr=rate, beta1=beta_1, beta2=beta_2,
            epsilon=tf.constant(self.epsilon, dtype), grad=gradient)

    def _surprise(self, gradient: tf.Tensor, average: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Return by how much a gradient exceeds what its average of squares lets expect; >= 1."""
        beta_2 = tf.constant(self.beta_2, gradient.dtype)
        squared = tf.square(gradient)
        expected = (beta_2 * average + (1 - beta_2) * squared) / (1 - beta_2 ** step)
        expected = tf.maximum(expected, self.epsilon ** 2)
        return tf.maximum(tf.sqrt(tf.reduce_mean(squared / expected)), 1)
