"""A narrow trainer of every method and its batches: what all of them must do is tested on all."""

import keras
import numpy as np
from scipy import ndimage

from microgan.networks import cgan, cin_gan
from microgan.trainers.cgan import CGANTrainer
from microgan.trainers.cin_gan import CINGANTrainer

BATCH_SIZE = 4


def adam(**settings):
    return keras.optimizers.Adam(1e-3, **settings)


def build_cgan():
    return CGANTrainer(
        cgan.build_unet_generator(filters=2, depth=1), cgan.build_patch_discriminator(filters=2),
        generator_optimizer=adam(use_ema=True), discriminator_optimizer=adam(),
        content_features=None, content_weight=0.0, adversarial_weight=0.1, pixel_weight=1.0,
        fitted_pixel_weight=0.0, global_batch_size=BATCH_SIZE)


def build_cin_gan():
    return CINGANTrainer(
        cin_gan.build_unet_generator(num_tasks=2, filters=2, depth=1),
        cin_gan.build_patch_critic(num_tasks=2, filters=2),
        generator_optimizer=adam(use_ema=True), critic_optimizer=adam(),
        features=None, adversarial_weight=1.0, content_weight=0.0, style_weight=0.0,
        spectrum_weight=0.0, penalty_weight=10.0, critic_steps=2, global_batch_size=BATCH_SIZE)


def draw_images(update, *shape):
    random = np.random.default_rng(update)
    images = random.normal(size=(2, BATCH_SIZE, *shape, 16, 16, 1))
    clean, degraded = ndimage.gaussian_filter(images, 1, axes=(-3, -2))
    return {"clean": clean.astype(keras.config.floatx()),
            "degraded": (degraded / 2 + 0.3).astype(keras.config.floatx())}


def draw_unpaired(update):
    images, random = draw_images(update, 3), np.random.default_rng(update)
    shape = images["clean"].shape
    return {**images, "condition": np.arange(3 * BATCH_SIZE, dtype=np.int32).reshape(-1, 3) % 2,
            "noise": random.normal(size=shape).astype(keras.config.floatx()),
            "penalty_position": random.random(shape[:2]).astype(keras.config.floatx())}


# By method: how to build its trainer, and how to draw the batch of an update.
TRAINERS = {"cgan": (build_cgan, draw_images), "cin_gan": (build_cin_gan, draw_unpaired)}
