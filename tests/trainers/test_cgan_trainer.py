import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import make_pairs
from microgan.networks.cgan import (
    build_dense_discriminator, build_patch_discriminator, build_resnet_generator,
    build_unet_generator)
from microgan.trainers.cgan import Adversary, CGANTrainer


class CornerFeatures(keras.Layer):
    """A feature network to check by hand: doubles the image's values."""

    def call(self, image, training=False):
        return 2 * image


def build_trainer(generator=None, discriminator=None, *, rate=1e-3, weights=None, **changes):
    weights = weights or {"adversarial": 0.1, "pixel": 1.0}
    adversary = Adversary(discriminator or build_patch_discriminator(filters=4),
                          keras.optimizers.Adam(rate)) if "adversarial" in weights else None
    return CGANTrainer(
        generator or build_unet_generator(filters=4, depth=1), keras.optimizers.Adam(rate),
        weights=weights, adversary=adversary, **{"global_batch_size": 2, **changes})


@pytest.fixture
def batch(random):
    degraded, clean = make_pairs(2, random, size=16)
    return {name: tf.constant(images[..., np.newaxis] / 127.5 - 1, tf.float32)
            for name, images in (("degraded", degraded), ("clean", clean))}


def values(model):
    return [keras.ops.convert_to_numpy(weight).copy() for weight in model.weights]


def changed(model, before):
    return [not np.array_equal(old, new) for old, new in zip(before, values(model))]


def test_discriminator_update_leaves_the_generator_untouched(batch):
    trainer = build_trainer()
    generator, discriminator = values(trainer.generator), values(trainer.adversary.discriminator)

    trainer._update_discriminator(trainer.adversary, batch["degraded"], batch["clean"],
                                  batch["degraded"])

    assert not any(changed(trainer.generator, generator))
    assert all(changed(trainer.adversary.discriminator, discriminator))


def test_generator_update_leaves_the_discriminator_untouched(batch):
    trainer = build_trainer()
    trainer._update_discriminator = lambda *_: tf.constant(0.0)
    discriminator = values(trainer.adversary.discriminator)
    generator = values(trainer.generator)

    trainer.train_step(batch)

    assert not any(changed(trainer.adversary.discriminator, discriminator))
    assert any(changed(trainer.generator, generator))


def test_without_adversary_the_generator_alone_is_trained_and_saved(batch):
    trainer = build_trainer(weights={"pixel": 1.0})
    generator = values(trainer.generator)

    losses = trainer.train_step(batch)

    assert set(losses) == {"pixel"}
    assert set(trainer.state) == {"generator", "generator_optimizer"}
    assert any(changed(trainer.generator, generator))


def test_losses_are_means_over_the_global_batch(batch):
    # The generator starts as the identity, and this replica holds half of the batch.
    trainer = build_trainer(content_features=CornerFeatures(), global_batch_size=4,
                            weights={"content": 1.0, "pixel": 1.0})
    distance = float(tf.reduce_mean(tf.abs(batch["clean"] - batch["degraded"])))

    losses = trainer.train_step(batch)

    assert float(losses["pixel"]) == pytest.approx(distance / 2, rel=1e-5)
    assert float(losses["content"]) == pytest.approx(distance, rel=1e-5)


def test_squared_content_is_the_square(batch):
    trainer = build_trainer(content_features=CornerFeatures(), weights={"content": 1.0},
                            squared_content=True)

    losses = trainer.train_step(batch)

    expected = float(tf.reduce_mean((2 * (batch["clean"] - batch["degraded"])) ** 2))
    assert float(losses["content"]) == pytest.approx(expected, rel=1e-5)


def test_fourier_loss_alone_trains_the_generator(batch):
    trainer = build_trainer(weights={"fourier": 1.0}, rate=3e-3)
    step = tf.function(trainer.train_step)
    first = float(step(batch)["fourier"])

    for _ in range(100):
        losses = step(batch)

    assert float(losses["fourier"]) < 0.8 * first


@pytest.mark.parametrize("networks", ["ours", "published"])
def test_two_images_are_memorised(networks, batch):
    weights = {"adversarial": 0.001, "pixel": 1.0}
    if networks == "ours":
        trainer = build_trainer(build_unet_generator(filters=8, depth=1), rate=3e-3,
                                weights=weights)
    else:
        trainer = build_trainer(build_resnet_generator(filters=8, num_blocks=1, dropout=0.0),
                                build_dense_discriminator(16, filters=4), rate=3e-3,
                                weights=weights)
    step = tf.function(trainer.train_step)
    first = float(step(batch)["pixel"])

    for _ in range(100):
        losses = step(batch)

    assert float(losses["pixel"]) < first / 2


def test_same_seed_gives_the_same_history(batch):
    histories = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        trainer = build_trainer(build_resnet_generator(filters=4, num_blocks=1))
        histories.append([float(trainer.train_step(batch)["pixel"]) for _ in range(2)])

    assert histories[0] == histories[1]


def test_state_holds_every_random_state_and_optimizer_slot():
    trainer = build_trainer(build_resnet_generator(filters=4, num_blocks=1, dropout=0.5))

    names = [variable.path for owned in trainer.state.values() for variable in owned]

    assert any("seed" in name for name in names)
    assert sum("momentum" in name for name in names) == len(
        trainer.generator.trainable_variables
        + trainer.adversary.discriminator.trainable_variables)


def test_an_image_of_ones_own_counts_by_its_squared_difference_alone(batch):
    """A generator that starts as the identity restores nothing yet."""
    trainer = build_trainer(weights={"pixel": 1.0, "recorrupted": 2.0})
    difference = batch["clean"] - batch["degraded"]

    losses = trainer.train_step({**batch, "own": tf.constant([1.0, 0.0])})

    assert float(losses["pixel"]) == pytest.approx(
        float(tf.reduce_mean(tf.abs(difference[1]))) / 2, rel=1e-5)
    assert float(losses["recorrupted"]) == pytest.approx(
        float(tf.reduce_mean(difference[0] ** 2)) / 2, rel=1e-5)
