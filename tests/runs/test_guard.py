import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.runs.guard import BAD_STEPS, guarded
from microgan.runs.compiled_update import compile_update
from narrow_trainers import TRAINERS


@pytest.fixture(scope="module", params=[
    "cgan", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cin_gan", "zse_gan"))])
def compiled(request):
    """A trainer, its compiled update and how to draw its batches."""
    build, draw = TRAINERS[request.param]
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        keras.utils.set_random_seed(1)
        trainer = build()
    update = compile_update(trainer, strategy)
    update(draw(0))
    return trainer, update, draw


def state(trainer):
    return [variable.numpy() for owned in trainer.state.values() for variable in owned]


def test_update_that_is_not_finite_changes_nothing_and_is_counted(compiled):
    trainer, update, draw = compiled
    batch = draw(1)
    # Of CIN-GAN's sub-batches, only the generator's is bad.
    batch["blurred" if "blurred" in batch else "clean"].flat[-1] = np.nan
    before = state(trainer)

    losses = update(batch)

    assert float(losses[BAD_STEPS]) == 1
    for old, new in zip(before, state(trainer)):
        np.testing.assert_array_equal(old, new)


def test_update_after_a_bad_one_is_as_if_it_had_not_been(compiled):
    trainer, update, draw = compiled
    start = state(trainer)
    losses = update(draw(2))
    expected = state(trainer)
    variables = [variable for owned in trainer.state.values() for variable in owned]
    for variable, value in zip(variables, start):
        variable.assign(value)
    bad = draw(1)
    bad["blurred" if "blurred" in bad else "degraded"][0] = np.inf
    update(bad)

    again = update(draw(2))

    assert float(losses[BAD_STEPS]) == 0 and again == losses
    for one, other in zip(expected, state(trainer)):
        np.testing.assert_array_equal(one, other)


def test_gradient_that_is_not_finite_under_a_finite_loss_is_undone():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        weight = keras.Variable([1.0])
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.build([weight])

    def update(gradient):
        strategy.run(lambda: optimizer.apply([tf.identity(gradient)], [weight]))
        return {"loss": tf.constant(0.5)}

    step = tf.function(guarded(update, [weight, *optimizer.variables], strategy))

    for gradient in (np.nan, np.inf, -np.inf):
        assert float(step(tf.constant([gradient]))[BAD_STEPS]) == 1
    assert weight.numpy() == 1 and int(optimizer.iterations.numpy()) == 0
    assert float(step(tf.constant([3.0]))[BAD_STEPS]) == 0
    assert weight.numpy() == pytest.approx(0.9)
