"""The benchmark's PyTorch rivals compute what microgan computes, or their times prove nothing."""

import keras
import numpy as np
import pytest

from benchmarks import speed_microgan
from benchmarks.rivals import care
from microgan.config import CGANConfig, CINGANConfig, ZSEGANConfig
from microgan.layers import ConditionalInstanceNorm, InstanceNormalization
from microgan.losses.perceptual import build_vgg, load_feature_extractor
from microgan.losses.z_stack import adversarial_slice_weights, consistency_slice_weights
from microgan.networks import cgan, cin_gan, zse_gan

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
rivals = pytest.importorskip("benchmarks.torch_networks")
training = pytest.importorskip("benchmarks.torch_training")

SIDE = 16


def without_differences(*models):
    """Without dropout, and with epsilons so small that it does not matter what they add to."""
    for model in models:
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
            if isinstance(layer, (InstanceNormalization, ConditionalInstanceNorm)):
                layer.epsilon = 1e-6
    return models


def with_weights(network, model):
    """Random ones in both: scales of 1 and shifts of 0 would hide a mistake."""
    random = np.random.default_rng(0)
    model.set_weights([array + 0.1 * random.normal(size=array.shape)
                       for array in model.get_weights()])
    rivals.load_keras_weights(network, model.get_weights())
    for module in network.modules():
        if isinstance(module, rivals.InstanceNorm):
            module.epsilon = 1e-12
    return network


def in_torch(array):
    """(B, ..., 1), channels last -> the same mirrored, channels first."""
    spatial = tuple(range(1, array.ndim - 1))
    return torch.from_numpy(np.flip(np.moveaxis(array, -1, 1), [axis + 1 for axis in spatial])
                            .copy())


def assert_same_output(model, network, *inputs):
    wanted = model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
    image, *condition = inputs
    with torch.no_grad():
        found = network.eval()(in_torch(image), *map(torch.from_numpy, condition))
    if found.ndim > 2:
        wanted = in_torch(wanted.numpy())
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-4)


def images(*shape):
    return np.random.default_rng(1).uniform(-1, 1, (2, *shape, 1)).astype(np.float32)


CONDITION = np.array([1, 0], np.int32)


def test_restoring_networks_give_the_same_output():
    generator, discriminator = without_differences(
        cgan.build_resnet_generator(filters=4, num_blocks=2),
        cgan.build_dense_discriminator(SIDE, filters=4))

    assert_same_output(generator, with_weights(
        rivals.ResnetTranslation(filters=4, num_blocks=2), generator), images(SIDE, 12))
    judged = with_weights(rivals.DenseDiscriminator(SIDE, filters=4), discriminator)
    image = images(SIDE, SIDE)
    wanted = discriminator([image, image], training=False)
    with torch.no_grad():
        np.testing.assert_allclose(judged.eval()(in_torch(image)), wanted, rtol=1e-4, atol=1e-4)


def test_networks_of_the_limited_recipe_and_of_care_give_the_same_output():
    unet, care_unet = cgan.build_unet_generator(filters=4), care.build_unet_generator(filters=4)

    assert_same_output(unet, with_weights(rivals.LimitedUNet(filters=4), unet), images(SIDE, 24))
    assert_same_output(care_unet, with_weights(rivals.CARENet(filters=4), care_unet),
                       images(SIDE, 12))


def test_embedded_features_are_the_same():
    ours = load_feature_extractor("embedded")
    image = images(SIDE, 24)

    found = rivals.EmbeddedFeatures(speed_microgan.embedded_arrays())(in_torch(image))

    np.testing.assert_allclose(found.numpy(), in_torch(ours(image).numpy()), rtol=1e-3, atol=1e-3)


def test_cin_gan_networks_give_the_same_output():
    generator, critic = without_differences(
        cin_gan.build_resnet_generator(num_tasks=3, filters=4, num_blocks=2),
        cin_gan.build_dense_critic(SIDE, num_tasks=3, filters=4))

    assert_same_output(generator, with_weights(rivals.ResnetTranslation(
        filters=4, num_blocks=2, num_tasks=3), generator), images(SIDE, 12), CONDITION)
    assert_same_output(critic, with_weights(rivals.DenseCritic(
        SIDE, num_tasks=3, filters=4), critic), images(SIDE, SIDE), CONDITION)


def test_translators_of_stacks_give_the_same_output():
    (translator,) = without_differences(
        zse_gan.build_published_translator(filters=2, num_blocks=1))

    assert_same_output(translator, with_weights(rivals.PublishedTranslator(
        filters=2, num_blocks=1), translator), images(9, 12, SIDE))


def test_discriminators_of_sections_give_the_same_output():
    (discriminator,) = without_differences(zse_gan.build_discriminator(filters=2))

    assert_same_output(discriminator, with_weights(rivals.SectionDiscriminator(
        filters=2), discriminator), images(32, SIDE))


def test_content_features_are_the_same():
    weights = speed_microgan.random_vgg()
    vgg = build_vgg({name: (weights[f"{name}__kernel"], weights[f"{name}__bias"])
                     for name in speed_microgan.VGG_KERNEL_SHAPES})
    image = images(SIDE, SIDE)

    content, _ = rivals.VGGFeatures(weights)(in_torch(image))

    np.testing.assert_allclose(content.numpy(), in_torch(vgg(image).numpy()), rtol=1e-3, atol=1e-2)


def losses_of(settings, trainer, step):
    """Losses of one update in both, from the same weights and the same batch."""
    batch = speed_microgan.random_batch(settings)
    ours = {name: float(loss) for name, loss in trainer.train_step(
        {name: keras.ops.convert_to_tensor(values) for name, values in batch.items()}).items()}
    theirs = step(training.mirrored_batch(batch))
    return {name: ours[name] for name in theirs}, theirs


@pytest.fixture
def vgg_file(tmp_path):
    np.savez(tmp_path / "vgg.npz", **speed_microgan.random_vgg())
    return str(tmp_path / "vgg.npz")


SMALL = {"patch_size": SIDE, "precision": "float32", "seed": 0}


@pytest.mark.slow
def test_updates_of_the_cgan_have_the_same_losses_twice(vgg_file):
    settings = CGANConfig.create(batch_size=2, generator_filters=2, discriminator_filters=2,
                                 dropout=0.0, content_features=vgg_file, **SMALL)
    trainer = speed_microgan.build_trainer(settings)
    without_differences(trainer.generator, trainer.adversary.discriminator)
    rival = training.CGANTraining(
        with_weights(rivals.ResnetTranslation(filters=2, dropout=0.0), trainer.generator),
        with_weights(rivals.DenseDiscriminator(SIDE, filters=2, dropout=0.0),
                     trainer.adversary.discriminator),
        rivals.VGGFeatures(speed_microgan.random_vgg()), use_bfloat16=False)

    for _ in range(2):  # the second shows that the first changed the same
        ours, theirs = losses_of(settings, trainer, rival.step)

        assert theirs == pytest.approx(ours, rel=1e-3)


@pytest.mark.slow
def test_updates_of_the_limited_recipe_have_the_same_losses_thrice():
    settings = CGANConfig.create(recipe="limited", batch_size=2, generator_filters=2,
                                 learning_rate_decay="none", init_generator="none", **SMALL)
    trainer = speed_microgan.build_trainer(settings)
    rival = training.LimitedCGANTraining(
        with_weights(rivals.LimitedUNet(filters=2), trainer.generator),
        rivals.EmbeddedFeatures(speed_microgan.embedded_arrays()), settings, use_bfloat16=False)

    for _ in range(3):
        ours, theirs = losses_of(settings, trainer, rival.step)

        assert theirs == pytest.approx(ours, rel=1e-3)

    averages = trainer.generator_optimizer._model_variables_moving_average
    found = [average.numpy().ravel() for average in rival.averaged_weights]
    assert np.sort(np.concatenate(found)) == pytest.approx(
        np.sort(np.concatenate([average.numpy().ravel() for average in averages])), abs=1e-4)


@pytest.mark.slow
def test_updates_of_cin_gan_have_the_same_losses_twice(vgg_file):
    settings = CINGANConfig.create(batch_size=2, generator_filters=2, critic_filters=2,
                                   dropout=0.0, content_features=vgg_file, critic_steps=2, **SMALL)
    trainer = speed_microgan.build_trainer(settings)
    without_differences(trainer.generator, trainer.critic)
    rival = training.CINGANTraining(
        with_weights(rivals.ResnetTranslation(filters=2, num_blocks=12, dropout=0.0, num_tasks=3),
                     trainer.generator),
        with_weights(rivals.DenseCritic(SIDE, num_tasks=3, filters=2, dropout=0.0),
                     trainer.critic),
        rivals.VGGFeatures(speed_microgan.random_vgg()), critic_steps=2, use_bfloat16=False)

    for _ in range(2):
        ours, theirs = losses_of(settings, trainer, rival.step)

        # The adversarial loss, a mean score, may be near 0; and biases before a norm, whose
        # gradient is rounding noise, go either way.
        assert theirs == pytest.approx(ours, rel=1e-3, abs=2e-4)


@pytest.mark.slow
def test_updates_of_zse_gan_have_the_same_losses_twice(monkeypatch):
    # Only sections of even sizes look the same to the discriminators when mirrored.
    depth = 32
    monkeypatch.setattr(speed_microgan, "DEPTH", depth)
    settings = ZSEGANConfig.create(translator_filters=2, discriminator_filters=2, pool_size=0,
                                   **{**SMALL, "patch_size": 32})
    trainer = speed_microgan.build_trainer(settings)
    without_differences(trainer.sharpen, trainer.blur, trainer.sharp_discriminator,
                        trainer.blur_discriminator)
    translators, discriminators = torch.nn.ModuleDict(), torch.nn.ModuleDict()
    for name in ("sharpen", "blur"):
        translators[name] = with_weights(rivals.PublishedTranslator(filters=2),
                                         getattr(trainer, name))
    for name in ("sharp", "blur"):
        discriminators[name] = with_weights(rivals.SectionDiscriminator(filters=2),
                                            getattr(trainer, f"{name}_discriminator"))
    rival = training.ZSEGANTraining(
        translators, discriminators, pool_size=0, use_bfloat16=False,
        adversarial_weights=adversarial_slice_weights(depth, depth // 2),
        consistency_weights=consistency_slice_weights(depth, depth // 2))

    for _ in range(2):
        ours, theirs = losses_of(settings, trainer, rival.step)

        assert theirs == pytest.approx(ours, rel=1e-3)
