"""Instance norms, and padding and cropping to the sizes that networks take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from microgan.layers.fused_instance_norm import normalize_instances


@keras.saving.register_keras_serializable("microgan")
class InstanceNormalization(keras.layers.Layer):
    """Normalise each channel of each image over its spatial axes, then scale and shift.

    y = gamma * (x - mean) / (deviation + epsilon) + beta, one gamma and beta per channel.
    Mean and deviation are computed in float32 whatever the precision policy.

    Call arguments:
        inputs: (B, ..., C), at least one spatial axis; any float type.
        statistics: mean and deviation to use instead of the inputs' own, as in
            `normalize_instances`: those of a whole image where `inputs` is a tile of it.

    Returns:
        Same shape as `inputs`, of the layer's compute type.

    Args:
        epsilon: added to the standard deviation, > 0.
        affine: whether gamma and beta are learned; without them y has mean 0, deviation 1.

    Raises:
        ValueError: `epsilon` is not positive, or the inputs have no spatial axis.

    Source:
        Ulyanov et al. 2016, arXiv:1607.08022. As in MicroscopyGAN, epsilon is added to the
        deviation, where Keras' GroupNormalization adds it to the variance.
    """

    def __init__(self, epsilon: float = 1e-3, affine: bool = True, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)  # statistics are not rounded to bfloat16
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive. Received: epsilon={epsilon}")
        self.epsilon = epsilon
        self.affine = affine

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) < 3:
            raise ValueError("`inputs` must have a batch, at least one spatial and a channel "
                             f"axis. Received: input_shape={input_shape}")
        if self.affine:
            shape = (input_shape[-1],)
            self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
            self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, inputs: Any, statistics: tuple[Any, Any] | None = None) -> Any:
        channels = (inputs.shape[-1],)
        gamma, beta = ((self.gamma, self.beta) if self.affine
                       else (ops.ones(channels), ops.zeros(channels)))
        normalized = normalize_instances(inputs, gamma, beta, self.epsilon, statistics)
        return ops.cast(normalized, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "affine": self.affine}


@keras.saving.register_keras_serializable("microgan")
class ConditionalInstanceNorm(keras.layers.Layer):
    """Instance normalisation whose scale and shift depend on each image's task.

    y = gamma[i] * (x - mean) / (deviation + epsilon) + beta[i], i the image's task, one
    gamma and one beta per task and channel. Mean and deviation are computed in float32
    whatever the precision policy. Everything but gamma and beta is shared by all tasks, so
    these rows are all that a further task has to learn.

    Call arguments:
        inputs: pair (features, condition): (B, ..., C) with at least one spatial axis, any
            float type, and int32 (B,), each image's task, from 0 to `num_tasks` - 1.
        statistics: mean and deviation to use instead of the features' own, as in
            `normalize_instances`: those of a whole image where they are of a tile of it.

    Returns:
        Same shape as the features, of the layer's compute type.

    Args:
        num_tasks: rows of gamma and beta, >= 1.
        epsilon: added to the standard deviation, > 0.

    Raises:
        ValueError: `num_tasks` or `epsilon` is not positive; the features have no spatial
            axis; the condition is not one integer per image.

    Source:
        Dumoulin et al. 2017, arXiv:1610.07629, eq. 5. Departs from MicroscopyGAN's code,
        which has one scalar per task and layer: the paper it cites has one per channel.
    """

    def __init__(self, num_tasks: int, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)  # statistics are not rounded to bfloat16
        if num_tasks < 1:
            raise ValueError(f"`num_tasks` must be at least 1. Received: num_tasks={num_tasks}")
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive. Received: epsilon={epsilon}")
        self.num_tasks = num_tasks
        self.epsilon = epsilon

    def build(self, input_shape: tuple[tuple[int | None, ...], tuple[int | None, ...]]) -> None:
        features_shape, condition_shape = input_shape
        if len(features_shape) < 3:
            raise ValueError("The features must have a batch, at least one spatial and a channel "
                             f"axis. Received: shape {features_shape}")
        if len(condition_shape) != 1:
            raise ValueError("The condition must be of shape (B,), one task per image. Received: "
                             f"shape {condition_shape}")
        shape = (self.num_tasks, features_shape[-1])
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, inputs: Any, statistics: tuple[Any, Any] | None = None) -> Any:
        features, condition = inputs
        if not keras.backend.is_int_dtype(condition.dtype):
            raise ValueError("The condition must be integers, one task per image. Received: "
                             f"{condition.dtype}")
        gamma, beta = (ops.take(weight, condition, axis=0) for weight in (self.gamma, self.beta))
        normalized = normalize_instances(features, gamma, beta, self.epsilon, statistics)
        return ops.cast(normalized, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tasks": self.num_tasks, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("microgan")
class PadToMultiple(keras.layers.Layer):
    """Reflect the far edges until all sizes are multiples of a stride.

    Call arguments:
        inputs: (B, Y, X, C) or (B, Z, Y, X, C). Every size must exceed what is added.

    Returns:
        The same, padded to the next multiples.

    Args:
        multiple: > 0, in pixels, of every axis; or one for each axis.

    Raises:
        ValueError: `multiple` is not positive.

    Source:
        ours: published networks only fit multiples of their stride.
    """

    def __init__(self, multiple: int | Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if np.min(multiple) < 1:
            raise ValueError(f"`multiple` must be positive. Received: multiple={multiple}")
        self.multiple = multiple

    def call(self, inputs: Any) -> Any:
        after = tf.pad(-tf.shape(inputs)[1:-1] % self.multiple, [[1, 1]])
        padded = tf.pad(inputs, tf.stack([tf.zeros_like(after), after], 1), "REFLECT")
        # In a graph for any size TensorFlow loses even the number of channels.
        return tf.ensure_shape(padded, self.compute_output_shape(tuple(inputs.shape)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        multiples = np.broadcast_to(self.multiple, len(size)).tolist()
        padded = [None if length is None else length + -length % multiple
                  for length, multiple in zip(size, multiples)]
        return (batch, *padded, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable("microgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Add a margin on all four sides that mirrors the image.

    Call arguments:
        inputs: (B, Y, X, C). Y and X must exceed the margin.

    Returns:
        (B, Y + 2 margin, X + 2 margin, C).

    Args:
        margin: > 0, in pixels.

    Raises:
        ValueError: `margin` is not positive.

    Source:
        ours: Keras' ZeroPadding2D draws an edge that networks learn to see.
    """

    def __init__(self, margin: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if margin < 1:
            raise ValueError(f"`margin` must be positive. Received: margin={margin}")
        self.margin = margin

    def call(self, inputs: Any) -> Any:
        sides = [self.margin, self.margin]
        return tf.pad(inputs, [[0, 0], sides, sides, [0, 0]], "REFLECT")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        return (batch, *(None if length is None else length + 2 * self.margin
                         for length in size), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "margin": self.margin}


@keras.saving.register_keras_serializable("microgan")
class CropLike(keras.layers.Layer):
    """Cut the far edges to the size of another image: undoes `PadToMultiple`.

    Call arguments:
        inputs: pair of (B, Y', X', C) or (B, Z', Y', X', C) to cut and one like it of the
            size wanted.

    Returns:
        The first, in the size of the second.
    """

    def call(self, inputs: Any) -> Any:
        image, like = inputs
        size = tf.concat([tf.shape(image)[:1], tf.shape(like)[1:-1], tf.shape(image)[-1:]], 0)
        return tf.slice(image, tf.zeros_like(size), size)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        image_shape, like_shape = input_shape
        return (image_shape[0], *like_shape[1:-1], image_shape[-1])
