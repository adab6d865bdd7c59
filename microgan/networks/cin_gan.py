"""Networks of CIN-GAN, which learns defects: clean -> synthetic degraded."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from microgan.layers import ConditionalInstanceNorm, ReflectionPadding2D
from microgan.networks.blocks import (
    Normalize, conv_leaky_relu, crop_exactly, pad_exactly, resnet_translation)

# Reflected pixels around the image, a multiple of the stride: otherwise the network sees zero
# padding and treats edges differently.
_MARGIN = 8


def build_resnet_generator(*, num_tasks: int, filters: int = 64, num_blocks: int = 12,
                           dropout: float = 0.5) -> keras.Model:
    """Build the published generator: MicroscopyGAN's ResNet for all tasks.

    c7s1-64, c3s2-128, c3s2-256, R256 x 12, u128, u64, c7s1-1 (u: nearest upsampling x2 and
    c3s1), conditional instance norm at every normalised site, ReLU; the output is the mean
    of tanh and input. 14,906,113 parameters shared by all tasks and 13,568 per task. Its only
    randomness is dropout, so synthesis, too, calls it with `training=True`.

    Args:
        num_tasks: number of defects, >= 1.
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 12.
        dropout: in every residual block, 0 to 1; the original's 0.5.

    Returns:
        `keras.Model`, (clean, condition), float32 (B, Y, X, 1) in [-1, 1] and int32 (B,) ->
        float32 (B, Y, X, 1) in [-1, 1]. Any Y and X of at least 4.

    Source:
        MicroscopyGAN, arXiv:1910.14207, figure 2, and its published code. Departs: the
        paper's per-channel norm everywhere, where the code has 18 scalars per task at three
        sites and ordinary norms elsewhere (14,918,419 parameters).
    """
    clean, condition = _inputs()
    degraded = resnet_translation(clean, filters=filters, num_blocks=num_blocks, dropout=dropout,
                                  normalize=_conditional_norm(condition, num_tasks))
    return keras.Model([clean, condition], degraded, name="cin_gan_resnet_generator")


def build_unet_generator(*, num_tasks: int, filters: int = 16, depth: int = 3) -> keras.Model:
    """Build our generator: a U-Net with noise at every scale.

    Two c3s1-16 at full resolution; `depth` times c3s2 and c3s1 with doubled channels; as often
    c1, nearest upsampling, the skip connection and two c3s1; conditional instance norm and leaky
    ReLU 0.1 after each; then, with the image, c3s1-16 without norm, c3s1-1, plus the image.
    Finally the noise: c9s1-16 of the noise map with conditional instance norm, times c1s1-16,
    c1s1-16 of that image and the features; c1s1-1 sums the products.

    The noise map also enters every level on the way up, averaged and rescaled to unit variance:
    for pixel noise and smooth random background. An instance norm hides absolute intensity, on
    which shot noise depends, so the last convolutions have none. As in a camera, the noise's
    strength follows the image; its grain is the task's, since interpolation stretches it.

    Args:
        num_tasks: number of defects, >= 1.
        filters: channels at full resolution, > 0.
        depth: halvings, 1 to 3.

    Returns:
        `keras.Model`, (clean, condition, noise), float32 (B, Y, X, 1), int32 (B,) and
        standard normal float32 (B, Y, X, 1) -> float32 (B, Y, X, 1), unbounded. Any Y and X
        of more than 8.

    Source:
        ours, after Ronneberger et al. 2015, arXiv:1505.04597; noise at every scale as in
        Karras et al. 2019, arXiv:1812.04948.
    """
    clean, condition = _inputs()
    noise = keras.Input((None, None, 1), name="noise")
    normalize = _conditional_norm(condition, num_tasks)
    padded, padded_noise = (
        ReflectionPadding2D(_MARGIN, dtype=keras.config.floatx())(pad_exactly(image, 2 ** depth))
        for image in (clean, noise))
    noises = [padded_noise]
    for _ in range(depth):
        # The mean of 4 independent numbers has half their deviation.
        noises.append(layers.Rescaling(2.0)(layers.AveragePooling2D(2)(noises[-1])))
    features = padded
    skips = []
    for level in range(depth + 1):
        channels = filters * 2 ** level
        features = conv_leaky_relu(features, channels, normalize,
                                   strides=1 if level == 0 else 2)
        features = conv_leaky_relu(features, channels, normalize)
        skips.append(layers.Concatenate()([features, noises[level]]))
    features = skips.pop()
    for level in reversed(range(depth)):
        channels = filters * 2 ** level
        features = conv_leaky_relu(features, channels, normalize, kernel_size=1)
        features = layers.UpSampling2D(2, interpolation="nearest")(features)
        features = layers.Concatenate()([features, skips[level]])
        features = conv_leaky_relu(features, channels, normalize)
        features = conv_leaky_relu(features, channels, normalize)
    blurred = _added(layers.Concatenate()([features, padded]), padded, filters)
    degraded = _with_noise(blurred, features, padded_noise, filters, normalize)
    degraded = layers.Cropping2D(_MARGIN, dtype=keras.config.floatx())(degraded)
    return keras.Model([clean, condition, noise], crop_exactly(degraded, clean),
                       name="cin_gan_unet_generator")


def _added(features: Any, image: Any, filters: int) -> Any:
    """Add a correction to the image that starts as zero and so keeps its content in place."""
    change = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros",
                           dtype=keras.config.floatx())(conv_leaky_relu(features, filters))
    return layers.Add(dtype=keras.config.floatx())([change, image])


def _with_noise(image: Any, features: Any, noise: Any, filters: int,
                normalize: Normalize) -> Any:
    """Add noise whose strength depends on the image and whose grain on the task."""
    grains = normalize(layers.Conv2D(filters, 9, padding="same", use_bias=False)(noise))
    strength = layers.Conv2D(filters, 1)(
        conv_leaky_relu(layers.Concatenate()([image, features]), filters, kernel_size=1))
    change = layers.Conv2D(1, 1, kernel_initializer="zeros", use_bias=False,
                           dtype=keras.config.floatx())(layers.Multiply()([grains, strength]))
    return layers.Add(dtype=keras.config.floatx())([change, image])


def _inputs() -> tuple[Any, Any]:
    return (keras.Input((None, None, 1), name="clean"),
            keras.Input((), dtype="int32", name="condition"))


def _conditional_norm(condition: Any, num_tasks: int) -> Normalize:
    return lambda features: ConditionalInstanceNorm(num_tasks)([features, condition])


def build_dense_critic(patch_size: int, *, num_tasks: int, filters: int = 64,
                       dropout: float = 0.25) -> keras.Model:
    """Build the published critic: score how real a degraded image of a task looks.

    c3s2-64, c3s2-64, c3s2-128, c3s1-256, c3s1-512, leaky ReLU 0.2 after each, dropout 0.25
    after the second to the fifth; c3s1-8, flatten, dense 1024, dense 1, all linear; all
    'same', no norm. 3,722,825 parameters at 128 x 128, and 1,024 per task: the product of the
    task's vector and the 1,024 features (projection) is added to the score.

    Args:
        patch_size: side of the square images, in pixels, >= 1; fixed by the dense layer.
        num_tasks: number of defects, >= 1.
        filters: channels of the first convolution, > 0; the original's 64.
        dropout: 0 to 1; the original's 0.25.

    Returns:
        `keras.Model`, (image, condition), float32 (B, patch_size, patch_size, 1) and int32
        (B,) -> float32 scores (B, 1), unbounded, large for real images.

    Source:
        MicroscopyGAN's published code. Departs: it knows the task, as in the paper's figure
        but not its code; by projection, Miyato and Koyama 2018, arXiv:1802.05637.
    """
    image = keras.Input((patch_size, patch_size, 1), name="image")
    condition = keras.Input((), dtype="int32", name="condition")
    features = image
    widths = (filters, filters, 2 * filters, 4 * filters, 8 * filters)
    for number, (width, strides) in enumerate(zip(widths, (2, 2, 2, 1, 1))):
        features = layers.Conv2D(width, 3, strides=strides, padding="same")(features)
        features = layers.LeakyReLU(0.2)(features)
        if number > 0:
            features = layers.Dropout(dropout)(features)
    features = layers.Conv2D(8, 3, padding="same")(features)
    features = layers.Dense(16 * filters)(layers.Flatten()(features))
    return keras.Model([image, condition], _score(features, condition, num_tasks),
                       name="cin_gan_dense_critic")


def build_patch_critic(*, num_tasks: int, filters: int = 32) -> keras.Model:
    """Build our critic: the mean score of all neighbourhoods of an image.

    c4s2-32, c4s2-64, c4s2-128, c4s2-256, leaky ReLU 0.2 after each, mean over positions,
    dense 1 plus the task's projection, 256 per task; sees 46 pixels at a time. No norm and no
    dropout. Small and local, it cannot memorise a few whole images.

    Args:
        num_tasks: number of defects, >= 1.
        filters: channels of the first convolution, > 0.

    Returns:
        `keras.Model`, (image, condition), float32 (B, Y, X, 1) and int32 (B,) -> float32
        scores (B, 1), unbounded, large for real images.

    Source:
        ours, after Isola et al. 2017, arXiv:1611.07004, and Miyato and Koyama 2018,
        arXiv:1802.05637.
    """
    image = keras.Input((None, None, 1), name="image")
    condition = keras.Input((), dtype="int32", name="condition")
    features = image
    for level in range(4):
        features = layers.Conv2D(filters * 2 ** level, 4, strides=2, padding="same")(features)
        features = layers.LeakyReLU(0.2)(features)
    features = layers.GlobalAveragePooling2D()(features)
    return keras.Model([image, condition], _score(features, condition, num_tasks),
                       name="cin_gan_patch_critic")


def _score(features: Any, condition: Any, num_tasks: int) -> Any:
    """Add a linear score common to all tasks and one of the image's task."""
    own = layers.Embedding(num_tasks, features.shape[-1])(condition)
    return layers.Add(dtype=keras.config.floatx())([
        layers.Dense(1, dtype=keras.config.floatx())(features),
        layers.Dot(axes=1, dtype=keras.config.floatx())([features, own])])
