"""Networks of ZSE-GAN, which sharpens z-stacks: translators and section discriminators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import initializers, layers

from microgan.layers import InstanceNormalization
from microgan.layers.stacks import DepthCoordinate, ScaleSlices, Slicewise, ZeroEnds
from microgan.networks.blocks import crop_exactly, pad_exactly
from microgan.layers.single_channel_conv import SingleChannelConv3D

# PyTorch's, though added to the deviation here and to the variance there.
_EPSILON = 1e-5
_SLOPE = 0.2


def build_published_translator(*, filters: int = 16, num_blocks: int = 6) -> keras.Model:
    """Build the published translator, stack to stack.

    3D: c5s1-16, c3s2-32, c3s2-64, instance norm and ReLU after each; R64 x 6 (conv3, norm,
    leaky ReLU 0.2, conv3, norm, plus input, leaky ReLU 0.2); transposed c3s2-32, c3s2-16,
    instance norm and ReLU after each; c6x5x5-1 (6 along z), tanh. 1,472,209 parameters.

    Args:
        filters: channels at full resolution, > 0; the original's 16.
        num_blocks: residual blocks, >= 0; the original's 6.

    Returns:
        `keras.Model`, float32 (B, Z, Y, X, 1) in [-1, 1] -> the same. Any size of at least 4.

    Source:
        ZSE-GAN's notebook. Its batch norm, at batch 1 and never in evaluation mode, is an
        affine instance norm over the volume, as here. Departs: sizes that are not multiples of
        4 are padded by reflection and cropped again, and the last convolution pads z by 2 and
        3, so that every size works, where the original needs depths of 1 mod 4; strided
        convolutions of even sizes pad only the far edge, as in TensorFlow.
    """
    stack = keras.Input((None, None, None, 1), name="stack")
    padded = pad_exactly(stack, 4)
    features = _norm_relu(_conv3d(padded, filters, 5))
    for width in (2 * filters, 4 * filters):
        features = _norm_relu(_conv3d(features, width, 3, strides=2))
    for _ in range(num_blocks):
        skip = features
        features = _conv3d(features, 4 * filters, 3)
        features = layers.LeakyReLU(_SLOPE)(InstanceNormalization(_EPSILON)(features))
        features = InstanceNormalization(_EPSILON)(_conv3d(features, 4 * filters, 3))
        features = layers.LeakyReLU(_SLOPE)(layers.Add()([features, skip]))
    for width in (2 * filters, filters):
        # PyTorch takes a transposed kernel's outputs for its fan-in.
        bound = _bound(width * 3 ** 3)
        features = _norm_relu(layers.Conv3DTranspose(
            width, 3, strides=2, padding="same", kernel_initializer=bound,
            bias_initializer=bound)(features))
    features = _conv3d(features, 1, (6, 5, 5))
    translated = layers.Activation("tanh", dtype=keras.config.floatx())(features)
    return keras.Model(stack, crop_exactly(translated, stack))


def build_residual_translator(*, filters: int = 16, num_blocks: int = 3,
                              knows_depth: bool = False, outside_share: float = 0.0,
                              slice_scales: Sequence[float] = ()) -> keras.Model:
    """Build our translator: a U-Net that adds an unbounded correction, stack to stack.

    Convolutions of slices (l) and along z (z) instead of 3D ones, leaky ReLU 0.2 after each:
    lc3-16; lc4s2-32 and R32, lc4s2-64 and R64 x 3, residual blocks of lc3 and zc3 (zc5 with
    64 channels); then smoothed upsampling, the skip connection and lc3-32, R32; the same and
    two lc3-16; c1-1, which starts at zero, plus the input. No normalisation: at batch 1 it would
    make brightness depend on the surroundings.

    Args:
        filters: channels at full resolution, > 0.
        num_blocks: residual blocks at the lowest resolution, >= 0.
        knows_depth: whether slices know their relative depth. Needed to blur a sharp slice,
            which does not show it; when sharpening, it only makes slices differ.
        outside_share: share of the depth, at each end, that is left unchanged.
        slice_scales: factors of the correction of each slice, for stacks of one depth: where
            little is wrong, little is to be changed. None: 1 for all.

    Returns:
        `keras.Model`, float32 (B, Z, Y, X, 1) -> the same, unbounded. Any Y and X of at
        least 4, any depth of at least 2.

    Source:
        ours, after Ronneberger et al. 2015, arXiv:1505.04597. Starting as the identity keeps
        contrast from being inverted; upsampling avoids transposed convolutions' checkerboard.
    """
    stack = keras.Input((None, None, None, 1), name="stack")
    padded = pad_exactly(stack, (1, 4, 4))
    full = _lateral_conv(DepthCoordinate()(padded) if knows_depth else padded, filters, 3)
    half = _factorized_block(_lateral_conv(full, 2 * filters, 4, strides=2), 3)
    features = _lateral_conv(half, 4 * filters, 4, strides=2)
    for _ in range(num_blocks):
        features = _factorized_block(features, 5)
    features = layers.Concatenate()([_enlarge(features), half])
    features = _factorized_block(_lateral_conv(features, 2 * filters, 3), 3)
    features = layers.Concatenate()([_enlarge(features), full])
    features = _lateral_conv(_lateral_conv(features, filters, 3), filters, 3)
    change = layers.Dense(1, kernel_initializer="zeros", dtype=keras.config.floatx())(features)
    if outside_share:
        change = ZeroEnds(outside_share, dtype=keras.config.floatx())(change)
    if slice_scales:
        change = ScaleSlices(slice_scales, dtype=keras.config.floatx())(change)
    translated = layers.Add(dtype=keras.config.floatx())([change, padded])
    return keras.Model(stack, crop_exactly(translated, stack))


def build_published_generator(**arguments: Any) -> keras.Model:
    """Join both published translators in one model.

    Args:
        **arguments: arguments of `build_published_translator`.

    Returns:
        `keras.Model`, blurred stack -> [sharpened, reconstructed], all float32
        (B, Z, Y, X, 1). Its layers "sharpen" and "blur" are the translators.
    """
    return _join("published", build_published_translator(**arguments),
                 build_published_translator(**arguments))


def build_residual_generator(*, outside_share: float = 0.0, **arguments: Any) -> keras.Model:
    """Join both of our translators in one model; see `build_published_generator`.

    Args:
        outside_share: share of the depth, at each end, that is not sharpened.
        **arguments: arguments of `build_residual_translator`, for both.
    """
    return _join("residual", build_residual_translator(outside_share=outside_share, **arguments),
                 build_residual_translator(knows_depth=True, **arguments))


def build_correction_generator(**arguments: Any) -> keras.Model:
    """Build our translator alone, to correct what a filter makes of a stack.

    Args:
        **arguments: arguments of `build_residual_translator`.

    Returns:
        `keras.Model`, filtered stack -> sharpened one, float32 (B, Z, Y, X, 1). Its layer
        "sharpen" is the translator; there is no "blur".
    """
    stack = keras.Input((None, None, None, 1), name="filtered_stack")
    sharpen = build_residual_translator(**arguments)
    sharpen.name = "sharpen"
    return keras.Model(stack, sharpen(stack), name="zse_gan_correction_generator")


def _join(network: str, sharpen: keras.Model, blur: keras.Model) -> keras.Model:
    stack = keras.Input((None, None, None, 1), name="blurred_stack")
    sharpen.name, blur.name = "sharpen", "blur"
    sharpened = sharpen(stack)
    return keras.Model(stack, [sharpened, blur(sharpened)], name=f"zse_gan_{network}_generator")


def build_discriminator(*, filters: int = 32, num_halvings: int = 4,
                        use_norm: bool = True) -> keras.Model:
    """Build a discriminator that scores every neighbourhood of a section.

    c4s2-32, c4s2-64, c4s2-128, c4s2-256, each padded by 1, leaky ReLU 0.2, instance norm
    without scale and shift except after the first; c2-1, padded by 1. 690,145 parameters;
    sees 62 pixels at a time.

    Args:
        filters: channels of the first convolution, > 0; the original's 32.
        num_halvings: strided convolutions, > 0; the original's 4.
        use_norm: whether to apply instance norms, as in the original. They hide contrast.

    Returns:
        `keras.Model`, float32 (B, Y, X, 1) -> float32 scores (B, Y', X', 1), unbounded, 9 x 9
        for 128 x 128 and 9 x 2 for 128 x 29. Y and X of at least 2 ** num_halvings.

    Source:
        ZSE-GAN's notebook; its discriminator after Isola et al. 2017, arXiv:1611.07004.
    """
    section = keras.Input((None, None, 1), name="section")
    features = section
    for level in range(num_halvings):
        features = _judging_conv(features, filters * 2 ** level, 4, strides=2)
        if use_norm and level > 0:
            features = InstanceNormalization(_EPSILON, affine=False)(features)
        features = layers.LeakyReLU(_SLOPE)(features)
    scores = _judging_conv(features, 1, 2, strides=1)
    scores = layers.Activation("linear", dtype=keras.config.floatx())(scores)
    return keras.Model(section, scores, name="zse_gan_discriminator")


def _judging_conv(features: Any, filters: int, kernel_size: int, strides: int) -> Any:
    bound = _bound(features.shape[-1] * kernel_size ** 2)
    features = layers.ZeroPadding2D(1)(features)
    return layers.Conv2D(filters, kernel_size, strides=strides, kernel_initializer=bound,
                         bias_initializer=bound)(features)


def _conv3d(features: Any, filters: int, kernel_size: int | tuple[int, int, int],
            strides: int = 1) -> Any:
    sizes = (kernel_size,) * 3 if isinstance(kernel_size, int) else kernel_size
    channels = features.shape[-1]
    bound = _bound(channels * math.prod(sizes))
    layer = SingleChannelConv3D if 1 in (channels, filters) else layers.Conv3D
    return layer(filters, kernel_size, strides=strides, padding="same",
                 kernel_initializer=bound, bias_initializer=bound)(features)


def _bound(fan_in: int) -> initializers.Initializer:
    """Return PyTorch's default initialiser, which the original uses."""
    limit = 1 / math.sqrt(fan_in)
    return initializers.RandomUniform(-limit, limit)


def _norm_relu(features: Any) -> Any:
    return layers.ReLU()(InstanceNormalization(_EPSILON, affine=False)(features))


def _lateral_conv(features: Any, filters: int, kernel_size: int, strides: int = 1) -> Any:
    conv = layers.Conv2D(filters, kernel_size, strides=strides, padding="same",
                         kernel_initializer="he_normal")
    return layers.LeakyReLU(_SLOPE)(Slicewise(conv)(features))


def _enlarge(features: Any) -> Any:
    """Double the lateral size, smoothed: plain nearest neighbours leave blocks."""
    features = layers.UpSampling3D((1, 2, 2))(features)
    # As good as linear interpolation and many times faster on a CPU.
    return layers.AveragePooling3D((1, 3, 3), strides=1, padding="same")(features)


def _factorized_block(features: Any, z_size: int) -> Any:
    """Apply a lateral convolution and one along z; add the input."""
    filters = features.shape[-1]
    change = _lateral_conv(features, filters, 3)
    change = layers.Conv3D(filters, (z_size, 1, 1), padding="same",
                           kernel_initializer=initializers.VarianceScaling(0.2))(change)
    return layers.Add()([features, change])
