"""Instance normalisation of tensors, with few passes over memory on a CPU."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from keras import ops

from microgan.runtime.compilation import compiled_once

# Added to the variance before the root, whose gradient is infinite at 0: an image
# without signal has channels without variance. 1e-12 changes no other result.
_ROOT_GUARD = 1e-12
# Images of more numbers are faster one by one, each in the processor's cache, than interleaved:
# docs/performance.md.
_LARGE_IMAGE = 300_000


def instance_statistics(features: Any) -> tuple[Any, Any]:
    """Return mean and deviation of each channel of each image over the spatial axes.

    Args:
        features: (B, ..., C), any float type.

    Returns:
        Two tensors (B, 1, ..., C), float32 (float64 if `features` is).
    """
    mean, variance = ops.moments(_at_least_float32(features),
                                 axes=range(1, len(features.shape) - 1), keepdims=True)
    return mean, ops.sqrt(variance + _ROOT_GUARD)


def normalize_instances(features: Any, gamma: Any, beta: Any, epsilon: float,
                        statistics: tuple[Any, Any] | None = None) -> Any:
    """Normalise each channel of each image, then scale and shift: one gamma and beta each.

    gamma * (x - mean) / (deviation + epsilon) + beta. On a CPU the fused kernels of batch
    normalisation compute it in a fraction of the time of the formula written out, which stores
    every intermediate result in float32.

    Args:
        features: (B, ..., C), at least one spatial axis; any float type.
        gamma: float, (C,) or (B, C).
        beta: like `gamma`.
        epsilon: added to the standard deviation, > 0.
        statistics: mean and deviation, each of a shape that broadcasts to that of
            `features`; None for those of the features themselves.

    Returns:
        Same shape; of the type of `features`, or float32 if computed in it.

    Source:
        Ulyanov et al. 2016, arXiv:1607.08022; the kernels' use ours.
    """
    if statistics is None and _has_fused_kernels(features):
        return _fused(features, gamma, beta, epsilon)
    return _written_out(features, gamma, beta, epsilon,
                        statistics or instance_statistics(features))


def _written_out(features: Any, gamma: Any, beta: Any, epsilon: float,
                 statistics: tuple[Any, Any]) -> Any:
    mean, deviation = statistics
    shape = (-1, *[1] * (len(features.shape) - 2), features.shape[-1])
    gamma, beta = (ops.reshape(ops.cast(weight, mean.dtype), shape) for weight in (gamma, beta))
    return (_at_least_float32(features) - mean) / (deviation + epsilon) * gamma + beta


def _at_least_float32(features: Any) -> Any:
    return features if features.dtype == "float64" else ops.cast(features, "float32")


def _has_fused_kernels(features: Any) -> bool:
    # A GPU's kernels return other statistics and have a smallest epsilon.
    return (tf.is_tensor(features) and features.dtype in (tf.float32, tf.bfloat16)
            and not tf.config.list_logical_devices("GPU"))


def _fused(features: tf.Tensor, gamma: Any, beta: Any, epsilon: float) -> tf.Tensor:
    """The fused kernels add epsilon to the variance; we give them one that makes it ours.

    With deviation d they get (d + epsilon)^2 for the variance. In the gradient
        dx = a (dy - mean(dy) - (x - mean) mean(dy (x - mean)) / ((d + epsilon) d)),
    a = gamma / (d + epsilon), they get (d + epsilon) d, and a scale that leaves a unchanged.
    They have no second gradient: a gradient penalty uses that of the formula written out.
    """
    shape = tf.shape(features)
    batch, channels = shape[0], features.shape[-1]
    rows = [tf.broadcast_to(tf.cast(weight, tf.float32), (batch, channels))
            for weight in (gamma, beta)]

    forward, backward = _kernels(tuple(features.shape), epsilon)

    @tf.custom_gradient
    def normalize(features: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        normalized, mean, deviation = forward(features, gamma, beta)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            @tf.custom_gradient
            def backward_of_all(features: tf.Tensor, upstream: tf.Tensor, gamma: tf.Tensor,
                                mean: tf.Tensor, deviation: tf.Tensor) -> Any:
                results = backward(features, upstream, gamma, mean, deviation)

                def second_gradient(*upstreams: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
                    sources = [features, upstream, gamma]
                    with tf.GradientTape() as tape:
                        tape.watch(sources)
                        written_out = _backward_written_out(features, upstream, gamma,
                                                            epsilon)
                    # Mean and deviation are the features' own.
                    return (*tape.gradient(written_out, sources, upstreams), None, None)

                return results, second_gradient

            return tuple(backward_of_all(features, upstream, gamma, mean, deviation))

        return normalized, gradient

    return normalize(features, *rows)


@functools.lru_cache(maxsize=64)
def _kernels(shape: tuple[int | None, ...], epsilon: float
             ) -> tuple[Callable[..., list[tf.Tensor]], Callable[..., list[tf.Tensor]]]:
    """Return forward and backward pass, one for each shape: TensorFlow warns of retracing."""
    def forward(image: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> list[tf.Tensor]:
        _, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=image, scale=gamma, offset=beta, mean=[], variance=[], epsilon=_ROOT_GUARD)
        # The kernel divides by count - 1.
        count = tf.cast(tf.reduce_prod(tf.shape(image)[:-1]), tf.float32)
        deviation = tf.sqrt(variance * (count - 1) / count + _ROOT_GUARD)
        normalized, *_ = tf.raw_ops.FusedBatchNormV3(
            x=image, scale=gamma, offset=beta, mean=mean, epsilon=0,
            variance=tf.square(deviation + epsilon), is_training=False)
        return [normalized, mean, deviation]

    def backward(image: tf.Tensor, upstream: tf.Tensor, gamma: tf.Tensor, mean: tf.Tensor,
                 deviation: tf.Tensor) -> list[tf.Tensor]:
        variance = (deviation + epsilon) * deviation
        share = tf.sqrt(variance) / (deviation + epsilon)
        to_image, to_scale, to_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=upstream, x=image, scale=gamma * share, epsilon=0,
            reserve_space_1=mean, reserve_space_2=variance, reserve_space_3=[])
        return [to_image, to_scale * share, to_beta]

    def of_all(work: Callable[..., list[tf.Tensor]]) -> Callable[..., list[tf.Tensor]]:
        return compiled_once(lambda *tensors: _image_by_image(work, tensors))

    return of_all(forward), of_all(backward)


def _backward_written_out(features: tf.Tensor, upstream: tf.Tensor, gamma: tf.Tensor,
                          epsilon: float) -> list[tf.Tensor]:
    """Gradients for features, gamma and beta, by operations that have gradients themselves."""
    beta = tf.zeros_like(gamma)
    with tf.GradientTape() as tape:
        tape.watch([features, gamma, beta])
        normalized = tf.cast(_written_out(features, gamma, beta, epsilon,
                                          instance_statistics(features)), features.dtype)
    return tape.gradient(normalized, [features, gamma, beta], upstream)


def _image_by_image(work: Callable[..., list[tf.Tensor]],
                    tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Apply `work`, which normalises channels, to each image by itself.

    Args:
        work: on images (1, N, 1, B * C) and rows (B * C,).
        tensors: images (B, ..., C) and rows (B, C).

    Returns:
        Each result of `work`, an image and rows, in the shape of `tensors`.
    """
    features = tensors[0]
    size = math.prod(length or math.inf for length in features.shape[1:])
    if features.shape[0] == 1 or size < _LARGE_IMAGE:
        return _side_by_side(work, tensors)

    def of_one(parts: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return [tf.squeeze(result, 0) for result in _side_by_side(
            work, [tf.expand_dims(part, 0) for part in parts])]

    types = [features.dtype, tf.float32, tf.float32]
    results = tf.map_fn(of_one, list(tensors), fn_output_signature=types, parallel_iterations=1)
    return [tf.ensure_shape(results[0], features.shape), *results[1:]]


def _side_by_side(work: Callable[..., list[tf.Tensor]],
                  tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """`_image_by_image` at once: every image's channels become channels of one image."""
    features = tensors[0]
    batch, channels = tf.shape(features)[0], features.shape[-1]

    def interleaved(image: tf.Tensor) -> tf.Tensor:
        return image if features.shape[0] == 1 else tf.transpose(image, (1, 0, 2))

    whole, *rows = work(*(
        tf.reshape(interleaved(tf.reshape(tensor, (batch, -1, channels))),
                   (1, -1, 1, batch * channels))
        if tensor.shape.rank > 2 else tf.reshape(tensor, (-1,)) for tensor in tensors))
    whole = interleaved(tf.reshape(whole, (-1, batch, channels)))
    return [tf.ensure_shape(tf.reshape(whole, tf.shape(features)), features.shape),
            *(tf.reshape(row, (-1, channels)) for row in rows)]
