import keras
import numpy as np
import pytest
import tensorflow as tf

from microgan.datasets.section_sampling import NUM_DRAWS
from microgan.networks.zse_gan import (
    build_discriminator, build_published_generator, build_residual_generator)
from microgan.trainers.zse_gan import SectionDiscriminators, SectionSettings, ZSEGANTrainer

DEPTH, SIDE = 8, 32


def build_trainer(build=build_residual_generator, rate=1e-3, weights=None, seed=3, **changes):
    keras.utils.set_random_seed(1)
    sections = {"pool_size": 2, "vertical_share": 0.35, **changes}
    generator = build(filters=2, num_blocks=1)
    discriminators = [build_discriminator(filters=2, num_halvings=2, use_norm=False)
                      for _ in range(2)]
    return ZSEGANTrainer(
        generator, keras.optimizers.Adam(rate),
        discriminators=SectionDiscriminators(*discriminators, keras.optimizers.Adam(1e-3)),
        weights=weights or {"adversarial": 1.0, "consistency": 10.5, "identity": 0.5},
        sections=SectionSettings((DEPTH, SIDE, SIDE), **sections),
        global_batch_size=1, seed=seed)


@pytest.fixture
def batch(random):
    def draw(*shape):
        return tf.constant(random.normal(size=(1, *shape, 1)), tf.float32)

    return {"blurred": draw(DEPTH, SIDE, SIDE), "focal_plane": tf.constant([3]),
            "sharp_lateral": draw(2, SIDE, SIDE), "sharp_axial": draw(2, SIDE, DEPTH),
            "places": tf.constant(random.random((1, NUM_DRAWS, 2)), tf.float32)}


def values(variables):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


def same(before, after):
    return all(np.array_equal(old, new) for old, new in zip(before, values(after), strict=True))


def test_translators_update_leaves_the_discriminators_untouched(batch):
    trainer = build_trainer()
    generator, judges = (values(trainer.state[name]) for name in ("generator", "discriminators"))

    trainer._update_translators(batch)

    assert same(judges, trainer.state["discriminators"])
    assert not same(generator, trainer.state["generator"])


def test_discriminators_update_leaves_the_translators_untouched(batch):
    trainer = build_trainer()
    generator, judges = (values(trainer.state[name]) for name in ("generator", "discriminators"))

    synthetic = (batch["blurred"], batch["focal_plane"])
    trainer._update_discriminators(batch, synthetic, synthetic)

    assert same(generator, trainer.state["generator"])
    assert not same(judges, trainer.state["discriminators"])


def test_both_translators_learn_from_one_step(batch):
    trainer = build_trainer()
    before = {name: values(trainer.generator.get_layer(name).variables)
              for name in ("sharpen", "blur")}

    trainer.train_step(batch)

    for name, variables in before.items():
        assert not same(variables, trainer.generator.get_layer(name).variables)


def test_identity_gives_the_losses_worked_out_by_hand(batch):
    trainer = build_trainer(weights={"adversarial": 1e-9, "consistency": 1.0, "identity": 1.0})

    losses = trainer.train_step(batch)

    # Both translators start as the identity.
    assert losses["consistency"] == losses["identity"] == 0


def test_vertical_sections_are_those_of_the_stack(batch):
    trainer = build_trainer()
    stack = batch["blurred"].numpy()[0, ..., 0]
    known = {stack[:, y].T.tobytes() for y in range(SIDE)}
    known |= {stack[:, :, x].T.tobytes() for x in range(SIDE)}

    places = tf.constant([np.linspace(0, 1, 2 * SIDE, endpoint=False)], tf.float32)
    sections = trainer._draw_axial(batch["blurred"], places).numpy()

    assert sections.shape == (1, 2 * SIDE, SIDE, DEPTH, 1)
    assert {np.ascontiguousarray(section[..., 0]).tobytes() for section in sections[0]} == known


def test_slices_are_judged_with_the_weights_of_their_depth(batch):
    trainer = build_trainer()

    def by_depth(sections, training=True):
        return sections[:, :1, :1]  # a score that reveals the slice

    stack = tf.broadcast_to(tf.reshape(tf.range(DEPTH, dtype=tf.float32), (1, -1, 1, 1, 1)),
                            (1, DEPTH, SIDE, SIDE, 1))
    weights = trainer.adversarial_table[3]
    wanted = np.mean(weights * np.arange(DEPTH) ** 2)

    places = tf.constant([np.linspace(0, 1, 10 * DEPTH, endpoint=False)], tf.float32)
    found = trainer._judged_lateral(by_depth, stack, batch["focal_plane"], places, 0)

    assert float(found[0]) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow
def test_resumed_trainer_continues_bit_for_bit_with_its_pools(batch):
    trainer = build_trainer(build_published_generator)
    step = tf.function(trainer.train_step)
    for _ in range(4):  # more than the pools hold
        step(batch)
    kept = {owner: values(variables) for owner, variables in trainer.state.items()}
    wanted = [step(batch) for _ in range(2)][-1]

    resumed = build_trainer(build_published_generator, seed=8)
    for owner, variables in resumed.state.items():
        for variable, value in zip(variables, kept[owner], strict=True):
            variable.assign(value)
    again = tf.function(resumed.train_step)
    found = [again(batch) for _ in range(2)][-1]

    assert {name: float(loss) for name, loss in found.items()} == {
        name: float(loss) for name, loss in wanted.items()}
    for owner, variables in resumed.state.items():
        assert same(values(trainer.state[owner]), variables), owner
