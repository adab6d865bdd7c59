"""3D convolution from or to a single channel, as a 2D one."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("microgan")
class SingleChannelConv3D(keras.layers.Conv3D):
    """`Conv3D` for stacks of one channel, before or after it, that is faster on a CPU.

    oneDNN has no fast kernel for it, and at full resolution it was the slow part of ZSE-GAN. The
    kernel's depth becomes the channels of a Conv2D over all slices: every slice with its
    neighbours instead of a single input channel, what every slice adds to its neighbours instead
    of a single output channel. It multiplies no more than Conv3D, and results agree up to
    rounding. Weights, their shapes and names, and all arguments are those of `Conv3D`.

    Call arguments:
        inputs: (B, Z, Y, X, C), any float type.

    Returns:
        (B, Z, Y, X, filters), of the layer's compute type; C or `filters` is 1.

    Raises:
        ValueError: neither side has a single channel, or the layer strides, dilates or does
            not pad by "same".
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if (1 not in (input_shape[-1], self.filters) or self.padding != "same"
                or max(*self.strides, *self.dilation_rate) > 1):
            raise ValueError("A single channel before or after, padding='same', and neither "
                             "strides nor dilation are needed. Received: "
                             f"input_shape={input_shape}, filters={self.filters}, "
                             f"padding={self.padding!r}, strides={self.strides}, "
                             f"dilation_rate={self.dilation_rate}")
        super().build(input_shape)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return convolve_single_channel(inputs, tf.convert_to_tensor(kernel))


def convolve_single_channel(stack: Any, kernel: Any) -> Any:
    """As `tf.nn.conv3d` with "SAME" padding; see `SingleChannelConv3D`.

    Args:
        stack: (B, Z, Y, X, C).
        kernel: (Z, Y, X, C, filters) of the same type, C or `filters` 1.

    Returns:
        (B, Z, Y, X, filters).
    """
    depth = kernel.shape[0]
    offsets = [place - (depth - 1) // 2 for place in range(depth)]
    if kernel.shape[-2] == 1:
        stack = _gather_neighbours(stack, offsets)
        return _slicewise(stack, tf.transpose(kernel[..., 0, :], (1, 2, 0, 3)))
    shares = _slicewise(stack, tf.transpose(kernel[..., 0], (1, 2, 3, 0)))
    return _add_neighbours(shares, offsets)


def _slicewise(stack: Any, kernel: Any) -> Any:
    """Convolve every slice, (B, Z, Y, X, C), with a kernel (Y, X, C, channels)."""
    shape = tf.shape(stack)
    slices = tf.reshape(stack, tf.concat([[-1], shape[2:]], 0))
    result = tf.nn.conv2d(slices, kernel, 1, "SAME")
    result = tf.reshape(result, tf.concat([shape[:-1], kernel.shape[-1:]], 0))
    return tf.ensure_shape(result, (*stack.shape[:-1], kernel.shape[-1]))


# Each is the other's gradient with the offsets negated: defined here, since TensorFlow's own
# gradients write a whole stack of zeros for every offset.
def _gather_neighbours(stack: Any, offsets: list[int]) -> Any:
    """(B, Z, Y, X, 1) -> (B, Z, Y, X, N): slice z + offset n is channel n; 0 beyond the ends."""
    @tf.custom_gradient
    def gather(stack: Any) -> Any:
        return (tf.concat([shifted[..., tf.newaxis] for shifted
                           in _shifted([stack[..., 0]] * len(offsets), offsets)], -1),
                lambda upstream: _add_neighbours(upstream, [-offset for offset in offsets]))

    return gather(stack)


def _add_neighbours(shares: Any, offsets: list[int]) -> Any:
    """(B, Z, Y, X, N) -> (B, Z, Y, X, 1): the sum of channels n of slices z + offset n."""
    @tf.custom_gradient
    def add(shares: Any) -> Any:
        return (tf.add_n(_shifted(tf.unstack(shares, axis=-1), offsets))[..., tf.newaxis],
                lambda upstream: _gather_neighbours(upstream, [-offset for offset in offsets]))

    return add(shares)


def _shifted(stacks: list[Any], offsets: list[int]) -> list[Any]:
    """Shift each (B, Z, Y, X): slice z becomes slice z + offset, 0 beyond the ends."""
    before, after = -min(*offsets, 0), max(*offsets, 0)
    depth = tf.shape(stacks[0])[1]
    return [tf.pad(stack, [[0, 0], [before, after], [0, 0], [0, 0]])
            [:, before + offset:before + offset + depth]
            for stack, offset in zip(stacks, offsets)]
