"""Training of the methods microgan is compared with."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import make_pairs
from benchmarks.rivals import care, cyclegan, deblurgan
from microgan.config import CGANConfig
from microgan.trainers.cin_gan import Critic

SIZE = 32


class DoubledImage(keras.Layer):
    """A feature network simple enough to work out by hand."""

    def call(self, image, training=False):
        return 2 * image


def build_care(rate=1e-3):
    return care.CARETrainer(care.build_unet_generator(filters=4, kernel_size=3),
                            keras.optimizers.Adam(rate), global_batch_size=2)


def build_deblurgan(rate=1e-3):
    return deblurgan.DeblurGANTrainer(
        deblurgan.build_resnet_generator(filters=4, num_blocks=1, dropout=0.0),
        keras.optimizers.Adam(rate),
        critic=Critic(deblurgan.build_patch_critic(filters=2), keras.optimizers.Adam(rate), 2),
        weights={"content": 1e7, "penalty": 10.0}, content_features=DoubledImage(),
        global_batch_size=2)


def build_cyclegan(rate=1e-3):
    generators = [cyclegan.build_resnet_generator(filters=4, num_blocks=1) for _ in range(2)]
    discriminators = [cyclegan.build_patch_discriminator(filters=2) for _ in range(2)]
    return cyclegan.CycleGANTrainer(
        *generators, keras.optimizers.Adam(rate),
        discriminators=cyclegan.Discriminators(*discriminators, keras.optimizers.Adam(rate)),
        weights={"restored": 1.0, "synthetic": 1.0, "cycle": 10.0, "identity": 5.0},
        pools=cyclegan.build_pools(3, SIZE, seed=3), global_batch_size=2)


@pytest.fixture(autouse=True)
def same_first_weights():
    keras.utils.set_random_seed(1)


@pytest.fixture
def batch(random):
    degraded, clean = make_pairs(2, random, size=SIZE)
    images = {name: tf.constant(images[..., np.newaxis] / 127.5 - 1, tf.float32)
              for name, images in (("degraded", degraded), ("clean", clean))}
    return {**images, "penalty_position": tf.constant(random.random((2, 2)), tf.float32)}


def values(variables):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def same(before, after):
    return all(np.array_equal(old, new) for old, new in zip(before, values(after), strict=True))


def learned(trainer, batch, loss, num_updates):
    """A loss before and after some updates on one batch."""
    step = tf.function(trainer.train_step)
    first = float(step(batch)[loss])
    for _ in range(num_updates):
        losses = step(batch)
    return first, float(losses[loss])


def test_care_learns_two_images_by_heart(batch):
    first, last = learned(build_care(rate=3e-3), batch, "pixel", 200)

    assert last < first / 2


def test_care_loss_is_the_mean_absolute_difference(batch):
    trainer = build_care()
    for weight in trainer.generator.trainable_variables[-2:]:
        weight.assign(np.zeros(weight.shape))  # no correction: the input itself

    loss = float(trainer.train_step(batch)["pixel"])

    assert loss == pytest.approx(float(tf.reduce_mean(tf.abs(batch["clean"] - batch["degraded"]))),
                                 rel=1e-5)


def test_care_trained_as_limited_shares_its_settings_except_network_loss_and_rate():
    ours, cares = (config.create(recipe="limited") for config in (CGANConfig, care.CAREConfig))

    shared = {field.name for field in dataclasses.fields(care.CAREConfig)} & {
        field.name for field in dataclasses.fields(CGANConfig)}
    differing = {name for name in shared if getattr(ours, name) != getattr(cares, name)}
    assert differing == {"learning_rate", "adam_epsilon", "generator_filters"}
    assert {"ema_decay", "bounded_updates", "intensity_jitter", "calibrate",
            "test_time_augmentation", "learning_rate_decay"} < shared


def test_care_trained_as_limited_averages_its_weights_and_warms_up():
    method = care.CARE(care.CAREConfig.create(
        recipe="limited", generator_filters=4, num_iters=100, seed=1))

    trainer, _ = method.build(method.describe())

    optimizer = trainer.generator_optimizer
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.98)
    assert float(optimizer.learning_rate) == pytest.approx(4e-4 / 5)


@pytest.mark.parametrize("losses", [
    [3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0.5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    [5, 4, 3, 2, 1]])
def test_plateau_does_what_keras_does(losses):
    """Every epoch of 400 updates validated, three without progress are too many."""
    optimizer = keras.optimizers.Adam(4e-4)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    callback = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3, min_delta=0)
    callback.set_model(model)
    callback.on_train_begin()
    history = []

    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": float(loss)})
        history.append((400 * (epoch + 1), loss))

        rate = care.plateau_learning_rate(4e-4, history, factor=0.5, patience_updates=1200)
        assert rate == pytest.approx(float(optimizer.learning_rate), rel=1e-6), epoch


def test_care_checkpoint_holds_the_lowered_rate():
    trainer = build_care()

    trainer.generator_optimizer.learning_rate = 1e-5

    assert any(np.array_equal(value, np.float32(1e-5))
               for value in values(trainer.state["generator_optimizer"]))


def test_deblurgan_critic_update_leaves_the_generator_untouched(batch):
    trainer = build_deblurgan()
    generator, critic = (values(trainer.state[name]) for name in ("generator", "critic"))

    trainer._update_critic(batch["clean"], batch["degraded"], batch["penalty_position"][:, 0])

    assert same(generator, trainer.state["generator"])
    assert not same(critic, trainer.state["critic"])


def test_deblurgan_generator_update_leaves_the_critic_untouched(batch):
    trainer = build_deblurgan()
    trainer._update_critic = lambda *arguments: {"critic": 0.0, "penalty": 0.0}
    generator, critic = (values(trainer.state[name]) for name in ("generator", "critic"))

    trainer.train_step(batch)

    assert same(critic, trainer.state["critic"])
    assert not same(generator, trainer.state["generator"])


def test_deblurgan_does_all_critic_steps(batch):
    trainer = build_deblurgan()

    trainer.train_step(batch)

    assert int(trainer.critic_optimizer.iterations) == 2
    assert int(trainer.generator_optimizer.iterations) == 1


def test_deblurgan_content_is_the_squared_distance_of_features_over_127_5(batch):
    trainer = build_deblurgan()
    restored = trainer.generator(batch["degraded"], training=True)
    wanted = float(tf.reduce_mean((2 * (batch["clean"] - restored) / 127.5) ** 2))

    losses = trainer.train_step(batch)

    assert float(losses["content"]) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.slow
def test_deblurgan_brings_two_images_nearer(batch):
    first, last = learned(build_deblurgan(rate=5e-3), batch, "content", 100)

    assert last < first / 2


def test_cyclegan_translators_update_leaves_the_discriminators_untouched(batch):
    trainer = build_cyclegan()
    before = {name: values(trainer.state[name])
              for name in ("generator", "degrader", "discriminators")}

    trainer._update_translators(batch["clean"], batch["degraded"])

    assert same(before["discriminators"], trainer.state["discriminators"])
    assert not same(before["generator"], trainer.state["generator"])
    assert not same(before["degrader"], trainer.state["degrader"])


def test_cyclegan_discriminators_update_leaves_the_translators_untouched(batch):
    trainer = build_cyclegan()
    before = {name: values(trainer.state[name])
              for name in ("generator", "degrader", "discriminators")}
    images = batch["clean"], batch["degraded"]

    trainer._update_discriminators(*images, *images)

    assert same(before["generator"], trainer.state["generator"])
    assert same(before["degrader"], trainer.state["degrader"])
    assert not same(before["discriminators"], trainer.state["discriminators"])


def test_cyclegan_has_no_cycle_or_identity_loss_where_nothing_is_translated(batch):
    trainer = build_cyclegan()
    for network in ("generator", "degrader"):
        image = keras.Input((SIZE, SIZE, 1))
        setattr(trainer, network, keras.Model(image, keras.layers.Conv2D(
            1, 1, kernel_initializer="ones")(image)))
    trainer.generator_optimizer = keras.optimizers.Adam(1e-3)

    losses, restored, synthetic = trainer._update_translators(batch["clean"], batch["degraded"])

    assert float(losses["cycle"]) == float(losses["identity"]) == 0
    np.testing.assert_array_equal(restored, batch["degraded"])
    np.testing.assert_array_equal(synthetic, batch["clean"])


def test_cyclegan_pools_keep_what_was_made(batch):
    trainer = build_cyclegan()

    tf.function(trainer.train_step)(batch)  # traced, as in a training

    assert [int(pool.state[1]) for pool in trainer.pools] == [2, 2]


@pytest.mark.slow
def test_cyclegan_closes_the_cycle_on_two_images(batch):
    first, last = learned(build_cyclegan(rate=2e-3), batch, "cycle", 80)

    assert last < first / 2
