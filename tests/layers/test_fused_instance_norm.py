"""The fused kernels compute what the formula says, forward and backward."""

import math

import numpy as np
import pytest
import tensorflow as tf

from microgan.layers import fused_instance_norm
from microgan.layers.fused_instance_norm import instance_statistics, normalize_instances

EPSILON = 0.1  # large, so that it matters what it is added to


def by_formula(features, gamma, beta):
    mean, deviation = instance_statistics(features)
    shape = (-1, *[1] * (features.ndim - 2), features.shape[-1])
    return ((features - mean) / (deviation + EPSILON) * tf.reshape(gamma, shape)
            + tf.reshape(beta, shape))


def with_gradients(work, features, gamma, beta, upstream):
    sources = [tf.constant(array, tf.float32) for array in (features, gamma, beta)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        result = work(*sources)
    return [result, *tape.gradient(result, sources, tf.constant(upstream, tf.float32))]


@pytest.fixture(params=[0, math.inf], ids=["one_by_one", "all_at_once"])
def _either_way(request, monkeypatch):
    monkeypatch.setattr(fused_instance_norm, "_LARGE_IMAGE", request.param)
    fused_instance_norm._kernels.cache_clear()
    yield
    fused_instance_norm._kernels.cache_clear()


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("shape", [(1, 6, 5, 3), (4, 6, 5, 3), (2, 4, 6, 5, 3)])
@pytest.mark.parametrize("by_image", [False, True])
def test_result_and_gradients_are_those_of_the_formula(shape, by_image, random):
    features = 3 + 2 * random.normal(size=shape)
    gamma, beta = random.normal(size=(2, *shape[:1], 3) if by_image else (2, 3))
    upstream = random.normal(size=shape)

    found = with_gradients(lambda *tensors: normalize_instances(*tensors, EPSILON),
                           features, gamma, beta, upstream)

    wanted = with_gradients(by_formula, features, gamma, beta, upstream)
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_batches_of_any_size_are_taken_in_a_graph(random):
    compiled = tf.function(
        lambda features: normalize_instances(features, tf.ones(3), tf.zeros(3), EPSILON),
        input_signature=[tf.TensorSpec([None, None, None, 3])])
    features = tf.constant(random.normal(size=(2, 5, 4, 3)), tf.float32)

    np.testing.assert_allclose(compiled(features), by_formula(features, tf.ones(3), tf.zeros(3)),
                               rtol=1e-4, atol=1e-5)


def test_bfloat16_has_statistics_of_float32(random):
    features = tf.cast(1000 + random.normal(size=(1, 64, 64, 1)), tf.bfloat16)

    found = normalize_instances(features, tf.ones(1), tf.zeros(1), EPSILON)

    exact = tf.cast(features, tf.float64)
    np.testing.assert_allclose(tf.cast(found, tf.float64), by_formula(
        exact, tf.ones(1, tf.float64), tf.zeros(1, tf.float64)), atol=0.02)


def test_other_statistics_are_used_as_given(random):
    features = tf.constant(random.normal(size=(2, 5, 4, 3)), tf.float32)
    statistics = tf.fill((1, 1, 1, 3), 1.0), tf.fill((1, 1, 1, 3), 2.0 - EPSILON)

    found = normalize_instances(features, tf.ones(3), tf.zeros(3), EPSILON, statistics)

    np.testing.assert_allclose(found, (features - 1) / 2, rtol=1e-5, atol=1e-6)


def second_gradients(work, *arrays):
    """Of the squared norm of the first gradient, as a gradient penalty takes them."""
    sources = [tf.constant(array, tf.float32) for array in arrays]
    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as inner:
            inner.watch(sources[0])
            total = tf.reduce_sum(work(*sources) ** 3)
        penalty = tf.reduce_sum(inner.gradient(total, sources[0]) ** 2)
    return outer.gradient(penalty, sources)


@pytest.mark.parametrize("batch", [1, 3])
def test_second_gradients_are_those_of_the_formula(batch, random):
    arrays = 3 + 2 * random.normal(size=(batch, 6, 5, 3)), *random.normal(size=(2, 3))

    found = second_gradients(lambda *tensors: normalize_instances(*tensors, EPSILON), *arrays)

    for one, other in zip(found, second_gradients(by_formula, *arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(other).max())
