"""Layers that Keras lacks. Importing this package registers all of them with Keras."""

from microgan.layers.norms_and_padding import (
    ConditionalInstanceNorm, CropLike, InstanceNormalization, PadToMultiple, ReflectionPadding2D)
from microgan.layers.single_channel_conv import SingleChannelConv3D
from microgan.layers.stacks import DepthCoordinate, ScaleSlices, Slicewise, ZeroEnds

__all__ = ["ConditionalInstanceNorm", "CropLike", "DepthCoordinate", "InstanceNormalization",
           "PadToMultiple", "ReflectionPadding2D", "ScaleSlices", "SingleChannelConv3D",
           "Slicewise", "ZeroEnds"]
