import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from microgan.networks.cin_gan import (
    build_dense_critic, build_patch_critic, build_resnet_generator, build_unet_generator)
from microgan.trainers.cin_gan import CINGANTrainer, ComparedFeatures, Critic, _sub_batch


class PlainFeatures(keras.Layer):
    """A feature network to check by hand: doubles the image's values."""

    def call(self, image, training=False):
        return {"content": 2 * image, "style": [image]}


class LinearCritic(keras.Model):
    """Scores an image by a multiple of its sum."""

    def __init__(self, slope):
        super().__init__()
        self.slope = self.add_weight(shape=(), initializer=keras.initializers.Constant(slope))

    def call(self, inputs, training=False):
        return self.slope * tf.reduce_sum(inputs[0], (1, 2, 3))[:, tf.newaxis]


def build_trainer(generator=None, critic=None, *, rate=1e-3, critic_rate=None, critic_steps=2,
                  weights=None, **changes):
    return CINGANTrainer(
        generator or build_unet_generator(num_tasks=2, filters=4, depth=1),
        keras.optimizers.Adam(rate, 0.5, 0.9),
        critic=Critic(critic or build_patch_critic(num_tasks=2, filters=4),
                      keras.optimizers.Adam(critic_rate or rate, 0.5, 0.9), critic_steps),
        weights={"adversarial": 1.0, "penalty": 10.0, **(weights or {})},
        **{"num_tasks": 2, "global_batch_size": 2, **changes})


@pytest.fixture
def batch(random):
    images = [tf.constant(ndimage.gaussian_filter(
        random.normal(size=(2, 3, 16, 16, 1)), (0, 0, 1, 1, 0)), tf.float32) for _ in range(2)]
    return {"clean": images[0], "degraded": 0.5 * images[1] + 0.3,
            "noise": tf.constant(random.normal(size=(2, 3, 16, 16, 1)), tf.float32),
            "condition": tf.constant([[0, 1, 0], [1, 0, 1]]),
            "penalty_position": tf.constant(random.random((2, 3)), tf.float32)}


def values(model):
    return [keras.ops.convert_to_numpy(weight).copy() for weight in model.weights]


def changed(model, before):
    return [not np.array_equal(old, new) for old, new in zip(before, values(model))]


def test_critic_update_leaves_the_generator_untouched(batch):
    trainer = build_trainer()
    generator, critic = values(trainer.generator), values(trainer.critic)

    trainer._update_critic(_sub_batch(batch, 0))

    assert not any(changed(trainer.generator, generator))
    # A constant added to every score does not change a Wasserstein loss.
    unchanged = [weight.path for weight, is_changed
                 in zip(trainer.critic.weights, changed(trainer.critic, critic))
                 if not is_changed]
    assert len(unchanged) == 1 and unchanged[0].endswith("bias")


def test_generator_update_leaves_the_critic_untouched(batch):
    trainer = build_trainer()
    generator, critic = values(trainer.generator), values(trainer.critic)

    trainer._update_generator(_sub_batch(batch, 0))

    assert not any(changed(trainer.critic, critic))
    assert any(changed(trainer.generator, generator))


def test_step_updates_the_critic_the_given_number_of_times_and_the_generator_once(batch):
    trainer = build_trainer()

    trainer.train_step(batch)

    assert int(trainer.critic_optimizer.iterations) == 2
    assert int(trainer.generator_optimizer.iterations) == 1


def test_losses_are_those_of_a_linear_critic(batch):
    """The generator starts as the identity, and this replica holds half of the batch."""
    trainer = build_trainer(critic=LinearCritic(0.25), critic_steps=2, global_batch_size=4,
                            rate=1e-9)
    clean, degraded = (tf.reduce_sum(batch[name], (2, 3, 4)) for name in ("clean", "degraded"))

    losses = trainer.train_step(batch)

    difference = 0.25 * float(tf.reduce_sum(clean[:, :2] - degraded[:, :2])) / 2
    assert float(losses["critic"]) == pytest.approx(difference / 4, rel=1e-4)
    # A gradient of 0.25 in each of 16 x 16 pixels has norm 4.
    assert float(losses["penalty"]) == pytest.approx(2 * (4 - 1) ** 2 / 4, rel=1e-4)
    assert float(losses["adversarial"]) == pytest.approx(
        -0.25 * float(tf.reduce_sum(clean[:, 2])) / 4, rel=1e-4)


@pytest.mark.parametrize("from_degraded", [False, True])
def test_content_is_compared_with_the_input_unless_as_published(from_degraded, batch):
    trainer = build_trainer(
        features=ComparedFeatures(PlainFeatures(), content_from_degraded=from_degraded),
        weights={"content": 1.0}, critic_steps=1)
    difference = tf.reduce_mean(tf.abs(2 * (batch["clean"] - batch["degraded"])[:, 1]))

    losses = trainer.train_step(batch)

    expected = float(difference) if from_degraded else 0
    assert float(losses["content"]) == pytest.approx(expected, rel=1e-4)


def test_style_is_that_of_the_degraded_image(batch):
    trainer = build_trainer(features=ComparedFeatures(PlainFeatures()), weights={"style": 1.0},
                            critic_steps=1)
    clean, degraded = (np.mean(np.square(batch[name][:, 1]), (1, 2, 3))
                       for name in ("clean", "degraded"))

    losses = trainer.train_step(batch)

    assert float(losses["style"]) == pytest.approx(
        np.mean((clean - degraded) ** 2 / degraded ** 2), rel=1e-3)


@pytest.mark.parametrize("networks", ["ours", "published"])
def test_same_seed_gives_the_same_history(networks, batch):
    histories = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        trainer = build_trainer(critic_steps=1) if networks == "ours" else build_trainer(
            build_resnet_generator(num_tasks=2, filters=4, num_blocks=1),
            build_dense_critic(16, num_tasks=2, filters=4), critic_steps=1)
        histories.append([{name: float(loss) for name, loss in trainer.train_step(batch).items()}
                          for _ in range(2)])

    assert histories[0] == histories[1]


def test_generator_gets_the_batch_s_noise(batch):
    trainer = build_trainer()
    for weight in trainer.generator.trainable_variables[-2:]:
        weight.assign(tf.ones_like(weight))

    first, again, other = (trainer._generate(_sub_batch(each, 0)) for each in (
        batch, batch, {**batch, "noise": -batch["noise"]}))

    np.testing.assert_array_equal(first, again)
    assert float(tf.reduce_max(tf.abs(first - other))) > 0.1


def test_state_holds_every_random_state_and_optimizer_slot():
    trainer = build_trainer(build_resnet_generator(num_tasks=2, filters=4, num_blocks=1),
                            build_dense_critic(16, num_tasks=2, filters=4))

    names = [variable.path for owned in trainer.state.values() for variable in owned]

    # One of the generator's dropout and four of the critic's.
    assert sum("seed" in name for name in names) == 5
    assert sum("momentum" in name for name in names) == len(
        trainer.generator.trainable_variables + trainer.critic.trainable_variables)


@pytest.mark.slow
def test_two_known_defects_are_learned_each_by_its_task(random):
    """Task 0 darkens by 0.5, task 1 brightens by 0.5; clean and degraded are unpaired."""
    keras.utils.set_random_seed(5)
    trainer = build_trainer(rate=2e-3, critic_rate=6e-3, global_batch_size=8)
    step, generate = tf.function(trainer.train_step), tf.function(trainer._generate)
    condition = np.tile(np.arange(8, dtype=np.int32)[:, np.newaxis] % 2, (1, 3))
    offset = np.where(condition == 1, 0.5, -0.5)[..., np.newaxis, np.newaxis, np.newaxis]

    def draw():
        images = random.normal(size=(2, 8, 3, 16, 16, 1))
        return (ndimage.gaussian_filter(images, (0, 0, 0, 1, 1, 0))).astype(np.float32)

    # Generator and critic circle around the solution: average the last updates.
    changes = []
    for update in range(200):
        clean, other = draw()
        batch = {"clean": clean, "condition": condition,
                 "degraded": (other + offset).astype(np.float32),
                 "noise": random.standard_normal(clean.shape, np.float32),
                 "penalty_position": random.random(condition.shape, np.float32)}
        batch = {name: tf.constant(values) for name, values in batch.items()}
        step(batch)
        if update >= 140:
            changes.append(np.mean(generate(_sub_batch(batch, 0)) - clean[:, 0], (1, 2, 3)))

    darker, brighter = np.mean(changes, axis=0).reshape(-1, 2).mean(axis=0)
    assert abs(darker + 0.5) < 0.25 and abs(brighter - 0.5) < 0.25, (darker, brighter)


def test_intensities_of_the_critic_s_batches_are_remembered_and_part_of_the_state(batch):
    trainer = build_trainer(weights={"intensity": 1.0})

    trainer.train_step(batch)

    of_synthetic, of_degraded = (np.asarray(variable) for variable in trainer.state["intensities"])
    # Sub-batches 0 and 1 hold two images of each task.
    np.testing.assert_allclose(of_degraded.sum(axis=1), 2)
    np.testing.assert_allclose(of_synthetic.sum(axis=1), 2, rtol=0.01)


def test_intensity_loss_brightens_what_is_darker_than_the_degraded_images(batch):
    trainer = build_trainer(critic=LinearCritic(0.0), weights={"intensity": 1.0}, rate=0.01)
    brighter = {**batch, "degraded": batch["clean"] + 0.3}

    for _ in range(3):
        trainer.train_step(brighter)

    change = trainer._generate(_sub_batch(batch, 0)) - batch["clean"][:, 0]
    assert float(tf.reduce_mean(change)) > 0.01
