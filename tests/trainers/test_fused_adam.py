import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from microgan.trainers.fused_adam import FusedAdam


def betas(low, high):
    """Draw numbers that float32 holds: Keras rounds others, which near 1 changes 1 - beta."""
    return st.floats(low, high).map(lambda beta: float(np.float32(beta)))


@settings(max_examples=20, deadline=None)
@given(rate=st.floats(1e-5, 1.0), beta_1=betas(0.0, 0.99), beta_2=betas(0.5, 0.9999),
       epsilon=st.floats(1e-8, 1e-2), seed=st.integers(0, 2**32 - 1))
@example(rate=1.0, beta_1=0.0, beta_2=float(np.float32(0.9999)), epsilon=2**-7, seed=0)
def test_is_keras_adam_to_rounding(rate, beta_1, beta_2, epsilon, seed):
    random = np.random.default_rng(seed)
    starts = [random.normal(size=shape) for shape in ((), (3,), (2, 3))]
    found = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        schedule = keras.optimizers.schedules.CosineDecay(rate, 5)
        optimizer = kind(schedule, beta_1, beta_2, epsilon=epsilon, use_ema=True, ema_momentum=0.9)
        weights = [keras.Variable(start, dtype="float64") for start in starts]
        optimizer.build(weights)
        draws = np.random.default_rng(seed + 1)
        for _ in range(3):
            optimizer.apply([tf.constant(draws.normal(size=start.shape)) for start in starts],
                            weights)
        found.append([np.asarray(variable) for variable in [*weights, *optimizer.variables]])
    for theirs, ours in zip(*found):
        # The rate is float32 there and float64 here.
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6 * rate)


def test_a_gradient_that_is_not_finite_shows_in_its_averages():
    optimizer = FusedAdam(0.1)
    weight = keras.Variable([1.0, 2.0])
    optimizer.build([weight])
    optimizer.apply([tf.constant([np.nan, 1.0])], [weight])
    slots = [np.asarray(variable) for variable in optimizer.variables if variable.shape == (2,)]
    assert len(slots) == 2
    assert all(np.isnan(slot[0]) and np.isfinite(slot[1]) for slot in slots)


@pytest.mark.parametrize("setting", [{"weight_decay": 0.1}, {"amsgrad": True}])
def test_refuses_what_the_operation_cannot_do(setting):
    with pytest.raises(TypeError):
        FusedAdam(0.1, **setting)


def steps_after(gradients, **settings):
    """Return the last step of a weight after these gradients."""
    optimizer = FusedAdam(0.1, epsilon=1e-8, **settings)
    weight = keras.Variable(np.zeros(4), dtype="float64")
    optimizer.build([weight])
    for gradient in gradients:
        before = np.asarray(weight)
        optimizer.apply([tf.constant(gradient)], [weight])
    return np.asarray(weight) - before


def test_bounded_steps_are_divided_by_what_the_average_did_not_expect():
    usual = [np.ones(4)] * 50
    jump = np.full(4, 1000.0)

    plain, bounded = (steps_after([*usual, jump], bounded=flag) for flag in (False, True))

    # By hand: the corrected average of squares is (0.999 v + 0.001 g²) / (1 - 0.999 ** 51).
    average = (1 - 0.999 ** 50) * 0.999 + 0.001 * 1000 ** 2
    surprise = np.sqrt(1000 ** 2 / (average / (1 - 0.999 ** 51)))
    assert surprise > 6
    np.testing.assert_allclose(bounded, plain / surprise, rtol=1e-6)


def test_bounded_steps_are_the_same_where_gradients_are_as_usual():
    usual = [np.array([1.0, -2.0, 3.0, 0.0])] * 5

    np.testing.assert_array_equal(steps_after(usual, bounded=True), steps_after(usual))


def test_bounded_steps_show_a_gradient_that_is_not_finite():
    assert np.isnan(steps_after([np.ones(4), np.array([np.nan, 1, 1, 1])], bounded=True)).all()
