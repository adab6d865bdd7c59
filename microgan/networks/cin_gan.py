"""Networks of CIN-GAN, which learns defects: clean -> synthetic degraded."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from microgan.layers import ConditionalInstanceNorm, ReflectionPadding2D
from microgan.networks.blocks import Normalize, crop_exactly, pad_exactly, resnet_translation


# Of reflected pixels around the image: else the network sees where zero padding begins, and
# treats the edge in its own way. A multiple of the stride.
_MARGIN = 8


def build_resnet_generator(*, num_tasks: int, filters: int = 64, num_blocks: int = 12,
                           dropout: float = 0.5) -> keras.Model:
    """The published generator: MicroscopyGAN's ResNet, all tasks in one.

    c7s1-64, c3s2-128, c3s2-256, R256 x 12, u128, u64, c7s1-1 (u: nearest upsampling x2 and
    c3s1), conditional instance norm at every normalised site, ReLU; the output is the mean
    of a tanh and the input. 14,906,113 parameters shared by all tasks and 13,568 a task.
    Its only source of randomness is dropout, so it is called with `training=True` also to
    make images.

    Args:
        num_tasks: defects it learns, >= 1.
        filters: channels at full resolution, > 0; the original's 64.
        num_blocks: residual blocks, >= 0; the original's 12.
        dropout: in every residual block, 0 to 1; the original's 0.5.

    Returns:
        `keras.Model`, (clean, condition), float32 (B, Y, X, 1) in [-1, 1] and int32 (B,) ->
        float32 (B, Y, X, 1) in [-1, 1]. Any Y and X of at least 4.

    Source:
        MicroscopyGAN, arXiv:1910.14207, figure 2, and its published code. Departs: the
        paper's per-channel norm at every site, where the code has 18 scalars a task at three
        sites and the ordinary norm at the others (14,918,419 parameters).
    """
    clean, condition = _inputs()
    made = resnet_translation(clean, filters=filters, num_blocks=num_blocks, dropout=dropout,
                              normalize=_conditional_norm(condition, num_tasks))
    return keras.Model([clean, condition], made, name="cin_gan_resnet_generator")


def build_unet_generator(*, num_tasks: int, filters: int = 16, depth: int = 3) -> keras.Model:
    """Our generator: a U-Net with noise at every scale that adds an unbounded correction.

    Two c3s1-16 at full resolution, channels doubled and size halved `depth` times by c3s2,
    c1 and two c3s1 a level on the way up after nearest upsampling and a skip connection,
    conditional instance norm and leaky ReLU 0.1 after each; then c3s1-16 without norm, which
    sees the image again, c3s1-1, plus the input. Last, the noise: c9s1-16 of the noise map
    with conditional instance norm, times c1s1-16, c1s1-16 of that image and the features;
    c1s1-1 adds the products up.

    The noise map also enters, averaged and rescaled to unit variance, at every level on the
    way up: noise of single pixels and smooth random background alike. An instance norm hides
    absolute intensity, on which shot noise depends; hence the last convolutions without one.
    The noise's strength follows the degraded image, as a camera's does, and its grain is the
    task's: interpolation along an axis draws it out.

    Args:
        num_tasks: defects it learns, >= 1.
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
        features = _conv_leaky(features, channels, normalize, strides=1 if level == 0 else 2)
        features = _conv_leaky(features, channels, normalize)
        skips.append(layers.Concatenate()([features, noises[level]]))
    features = skips.pop()
    for level in reversed(range(depth)):
        channels = filters * 2 ** level
        features = _conv_leaky(features, channels, normalize, kernel_size=1)
        features = layers.UpSampling2D(2, interpolation="nearest")(features)
        features = layers.Concatenate()([features, skips[level]])
        features = _conv_leaky(features, channels, normalize)
        features = _conv_leaky(features, channels, normalize)
    blurred = _added(layers.Concatenate()([features, padded]), padded, filters)
    made = _with_noise(blurred, features, padded_noise, filters, normalize)
    made = layers.Cropping2D(_MARGIN, dtype=keras.config.floatx())(made)
    return keras.Model([clean, condition, noise], crop_exactly(made, clean),
                       name="cin_gan_unet_generator")


def _added(features: Any, image: Any, filters: int) -> Any:
    """The image plus a correction that starts as zero: what is there stays where it is."""
    change = layers.Conv2D(1, 3, padding="same", kernel_initializer="zeros",
                           dtype=keras.config.floatx())(_conv_leaky(features, filters))
    return layers.Add(dtype=keras.config.floatx())([change, image])


def _with_noise(image: Any, features: Any, noise: Any, filters: int,
                normalize: Normalize) -> Any:
    """The image plus noise whose strength depends on it and whose grain on the task."""
    grains = normalize(layers.Conv2D(filters, 9, padding="same", use_bias=False)(noise))
    strength = layers.Conv2D(filters, 1)(
        _conv_leaky(layers.Concatenate()([image, features]), filters, kernel_size=1))
    change = layers.Conv2D(1, 1, kernel_initializer="zeros", use_bias=False,
                           dtype=keras.config.floatx())(layers.Multiply()([grains, strength]))
    return layers.Add(dtype=keras.config.floatx())([change, image])


def _inputs() -> tuple[Any, Any]:
    return (keras.Input((None, None, 1), name="clean"),
            keras.Input((), dtype="int32", name="condition"))


def _conditional_norm(condition: Any, num_tasks: int) -> Normalize:
    return lambda features: ConditionalInstanceNorm(num_tasks)([features, condition])


def _conv_leaky(features: Any, filters: int, normalize: Normalize | None = None, *,
                kernel_size: int = 3, strides: int = 1) -> Any:
    features = layers.Conv2D(filters, kernel_size, strides=strides, padding="same",
                             kernel_initializer="he_normal")(features)
    return layers.LeakyReLU(0.1)(normalize(features) if normalize else features)


def build_dense_critic(patch_size: int, *, num_tasks: int, filters: int = 64,
                       dropout: float = 0.25) -> keras.Model:
    """The published critic: scores how real a degraded image of a task looks.

    c3s2-64, c3s2-64, c3s2-128, c3s1-256, c3s1-512, leaky ReLU 0.2 after each, dropout 0.25
    after the second to the fifth; c3s1-8, flatten, dense 1024, dense 1, all linear; all
    'same', no norm. 3,722,825 parameters at 128 x 128, and 1,024 a task: the score gains the
    product of the task's own vector and the 1,024 features (projection).

    Args:
        patch_size: side of the square images it takes, in pixels, >= 1: the dense layer
            fixes it.
        num_tasks: defects it knows, >= 1.
        filters: channels of the first convolution, > 0; the original's 64.
        dropout: 0 to 1; the original's 0.25.

    Returns:
        `keras.Model`, (image, condition), float32 (B, patch_size, patch_size, 1) and int32
        (B,) -> float32 scores (B, 1), unbounded, large for real images.

    Source:
        MicroscopyGAN's published code. Departs: it knows the task, as the paper's figure
        draws and the code lacks; by projection, Miyato and Koyama 2018, arXiv:1802.05637.
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
    """Our critic: the mean score of all neighbourhoods of an image.

    c4s2-32, c4s2-64, c4s2-128, c4s2-256, leaky ReLU 0.2 after each, mean over positions,
    dense 1 plus the task's projection, 256 a task; sees 46 pixels at a time. No norm and no
    dropout. Small and local, it cannot learn ten whole images by heart.

    Args:
        num_tasks: defects it knows, >= 1.
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
    """One linear score for all tasks plus one of the image's own task."""
    own = layers.Embedding(num_tasks, features.shape[-1])(condition)
    return layers.Add(dtype=keras.config.floatx())([
        layers.Dense(1, dtype=keras.config.floatx())(features),
        layers.Dot(axes=1, dtype=keras.config.floatx())([features, own])])
