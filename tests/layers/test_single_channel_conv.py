"""The Conv2D in place of a Conv3D computes what that does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.layers.single_channel_conv import SingleChannelConv3D

SHAPE = (2, 5, 7, 6)


def with_gradients(layer, stack):
    stack = tf.constant(stack, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(stack)
        # Squares, so that every voxel's gradient differs.
        result = tf.square(layer(stack))
    return [result, *tape.gradient(result, [stack, *[each.value for each in layer.weights]])]


@pytest.mark.parametrize("kernel_size", [(6, 5, 5), (5, 5, 5), (2, 3, 1)])
@pytest.mark.parametrize("channels, filters", [(1, 4), (4, 1), (1, 1)])
def test_result_and_gradients_are_those_of_conv3d(kernel_size, channels, filters, random):
    stack = random.normal(size=(*SHAPE, channels))
    arguments = {"padding": "same", "bias_initializer": "normal"}
    plain = keras.layers.Conv3D(filters, kernel_size, **arguments)
    layer = SingleChannelConv3D(filters, kernel_size, **arguments)
    for each in (plain, layer):
        each.build(stack.shape)
    layer.set_weights(plain.get_weights())

    for found, wanted in zip(with_gradients(layer, stack), with_gradients(plain, stack)):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_weights_have_the_names_and_shapes_of_conv3d():
    plain, layer = keras.layers.Conv3D(1, (6, 5, 5)), SingleChannelConv3D(
        1, (6, 5, 5), padding="same")
    for each in (plain, layer):
        each.build((None, None, None, None, 4))

    assert ([(weight.name, weight.shape) for weight in layer.weights]
            == [(weight.name, weight.shape) for weight in plain.weights])


@pytest.mark.parametrize("arguments", [
    {"filters": 2}, {"filters": 1, "padding": "valid"}, {"filters": 1, "strides": 2},
    {"filters": 1, "dilation_rate": 2}])
def test_what_it_cannot_do_is_refused(arguments):
    layer = SingleChannelConv3D(kernel_size=3, **{"padding": "same", **arguments})

    with pytest.raises(ValueError, match="A single channel before or after"):
        layer.build((None, 8, 8, 8, 4))
