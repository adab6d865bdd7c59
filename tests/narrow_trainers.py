"""A narrow trainer and its batches for every method, to test what all must do."""

import keras
import numpy as np
from scipy import ndimage

from benchmarks.rivals import care, cyclegan, deblurgan
from microgan.datasets.section_sampling import NUM_DRAWS
from microgan.networks import cgan, cin_gan, zse_gan
from microgan.trainers.cgan import Adversary, CGANTrainer
from microgan.trainers.cin_gan import CINGANTrainer, Critic
from microgan.trainers.zse_gan import SectionDiscriminators, SectionSettings, ZSEGANTrainer

BATCH_SIZE = 4


def adam(**settings):
    return keras.optimizers.Adam(1e-3, **settings)


def build_cgan():
    return CGANTrainer(
        cgan.build_unet_generator(filters=2, depth=1), adam(use_ema=True),
        weights={"adversarial": 0.1, "pixel": 1.0},
        adversary=Adversary(cgan.build_patch_discriminator(filters=2), adam()),
        global_batch_size=BATCH_SIZE)


def build_cin_gan():
    return CINGANTrainer(
        cin_gan.build_unet_generator(num_tasks=2, filters=2, depth=1), adam(use_ema=True),
        critic=Critic(cin_gan.build_patch_critic(num_tasks=2, filters=2), adam(), 2),
        weights={"adversarial": 1.0, "intensity": 1.0, "structure": 1.0, "penalty": 10.0},
        num_tasks=2, global_batch_size=BATCH_SIZE)


def build_zse_gan():
    discriminators = [zse_gan.build_discriminator(filters=2, num_halvings=2, use_norm=False)
                      for _ in range(2)]
    return ZSEGANTrainer(
        # TensorFlow has no 3D average pooling of float64, which ours needs.
        zse_gan.build_published_generator(filters=2, num_blocks=0), adam(use_ema=True),
        discriminators=SectionDiscriminators(*discriminators, adam()),
        weights={"adversarial": 1.0, "consistency": 10.0},
        sections=SectionSettings((8, 16, 16), pool_size=0, vertical_share=0.35),
        global_batch_size=BATCH_SIZE, seed=3)


def build_care():
    return care.CARETrainer(care.build_unet_generator(filters=2, kernel_size=3), adam(),
                            global_batch_size=BATCH_SIZE)


def build_deblurgan():
    features = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3)])
    return deblurgan.DeblurGANTrainer(
        deblurgan.build_resnet_generator(filters=2, num_blocks=1, dropout=0.0), adam(),
        critic=Critic(deblurgan.build_patch_critic(filters=2), adam(), 2),
        weights={"content": 1e4, "penalty": 10.0}, content_features=features,
        global_batch_size=BATCH_SIZE)


def build_cyclegan():
    generators = [cyclegan.build_resnet_generator(filters=2, num_blocks=1) for _ in range(2)]
    discriminators = [cyclegan.build_patch_discriminator(filters=2) for _ in range(2)]
    return cyclegan.CycleGANTrainer(
        *generators, adam(), discriminators=cyclegan.Discriminators(*discriminators, adam()),
        weights={"restored": 1.0, "synthetic": 1.0, "cycle": 10.0, "identity": 5.0},
        pools=cyclegan.build_pools(0, 32, seed=3), global_batch_size=BATCH_SIZE)


def draw_images(update, *shape, size=16):
    random = np.random.default_rng(update)
    images = random.normal(size=(2, BATCH_SIZE, *shape, size, size, 1))
    clean, degraded = ndimage.gaussian_filter(images, 1, axes=(-3, -2))
    return {"clean": clean.astype(keras.config.floatx()),
            "degraded": (degraded / 2 + 0.3).astype(keras.config.floatx())}


def draw_judged(update):
    """Large enough for a discriminator that sees 70 pixels."""
    positions = np.random.default_rng(update).random((BATCH_SIZE, 2))
    return {**draw_images(update, size=32),
            "penalty_position": positions.astype(keras.config.floatx())}


def draw_unpaired(update):
    images, random = draw_images(update, 3), np.random.default_rng(update)
    shape = images["clean"].shape
    return {**images, "condition": np.arange(3 * BATCH_SIZE, dtype=np.int32).reshape(-1, 3) % 2,
            "noise": random.normal(size=shape).astype(keras.config.floatx()),
            "penalty_position": random.random(shape[:2]).astype(keras.config.floatx())}


def draw_stacks(update):
    random = np.random.default_rng(update)
    floats = {"blurred": random.normal(size=(BATCH_SIZE, 8, 16, 16, 1)),
              "sharp_lateral": random.normal(size=(BATCH_SIZE, 2, 16, 16, 1)),
              "sharp_axial": random.normal(size=(BATCH_SIZE, 2, 16, 8, 1)),
              "places": random.random((BATCH_SIZE, NUM_DRAWS, 2))}
    return {**{name: values.astype(keras.config.floatx()) for name, values in floats.items()},
            "focal_plane": np.arange(BATCH_SIZE, dtype=np.int32)}


# By method: a function that builds its trainer, and one that draws the batch of an update.
TRAINERS = {"cgan": (build_cgan, draw_images), "cin_gan": (build_cin_gan, draw_unpaired),
            "zse_gan": (build_zse_gan, draw_stacks), "care": (build_care, draw_images),
            "deblurgan": (build_deblurgan, draw_judged),
            "cyclegan": (build_cyclegan, draw_judged)}
