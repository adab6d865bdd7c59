"""The published networks in PyTorch, written for `benchmarks/speed.py`, and their weights.

In strided convolutions, PyTorch's usual padding adds to the near edge what TensorFlow adds to the
far one. With images and kernels mirrored along all spatial axes, both do the same, so no network
here pays for padding that PyTorch's users would not have.
`load_keras_weights` mirrors kernels. Axes: BCYX, stacks BCZYX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

SLOPE = 0.2


class InstanceNorm(nn.Module):
    """PyTorch's own instance norm; scale and shift by task if there are several.

    Args:
        channels: of the features.
        affine: whether it scales and shifts.
        num_tasks: rows of scale and shift; 0 for a norm without tasks.
        epsilon: that microgan adds to the deviation. PyTorch adds to the variance: its square.
    """

    def __init__(self, channels: int, *, affine: bool = True, num_tasks: int = 0,
                 epsilon: float = 1e-3) -> None:
        super().__init__()
        self.epsilon = epsilon ** 2
        self.num_tasks = num_tasks
        shape = (num_tasks, channels) if num_tasks else (channels,)
        self.gamma = nn.Parameter(torch.ones(shape)) if affine else None
        self.beta = nn.Parameter(torch.zeros(shape)) if affine else None

    def forward(self, features: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """Normalise; `condition` is the task of each image, int64 (B,)."""
        if not self.num_tasks:
            return functional.instance_norm(features, weight=self.gamma, bias=self.beta,
                                            eps=self.epsilon)
        normalized = functional.instance_norm(features, eps=self.epsilon)
        return (normalized * self.gamma[condition][:, :, None, None]
                + self.beta[condition][:, :, None, None])


class ResnetTranslation(nn.Module):
    """`microgan.networks.blocks.resnet_translation`; sizes must be multiples of 4.

    Args:
        filters: channels at full resolution.
        num_blocks: residual blocks.
        dropout: in every residual block.
        num_tasks: for conditional instance norms; 0 for plain ones.
    """

    def __init__(self, *, filters: int = 64, num_blocks: int = 9, dropout: float = 0.5,
                 num_tasks: int = 0) -> None:
        super().__init__()
        self.dropout = dropout
        wide = 4 * filters
        sites = [(1, filters, 7, 1), (filters, 2 * filters, 3, 2), (2 * filters, wide, 3, 2),
                 *[(wide, wide, 3, 1)] * (2 * num_blocks),
                 (wide, 2 * filters, 3, 1), (2 * filters, filters, 3, 1)]
        self.sites = nn.ModuleList(
            nn.ModuleList([nn.Conv2d(before, after, size, strides, size // 2),
                           InstanceNorm(after, num_tasks=num_tasks)])
            for before, after, size, strides in sites)
        self.last = nn.Conv2d(filters, 1, 7, padding=3)

    def forward(self, image: torch.Tensor, condition: Any = None) -> torch.Tensor:
        """Translate float32 (B, 1, Y, X); `condition` as `InstanceNorm` takes it."""
        def site(number: int, features: torch.Tensor) -> torch.Tensor:
            convolution, norm = self.sites[number]
            return norm(convolution(features), condition)

        features = image
        for number in range(3):
            features = functional.relu(site(number, features))
        for number in range(3, len(self.sites) - 2, 2):
            change = functional.relu(site(number, features))
            change = functional.dropout(change, self.dropout, self.training)
            features = site(number + 1, change) + features
        for number in (len(self.sites) - 2, len(self.sites) - 1):
            features = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = functional.relu(site(number, features))
        return (torch.tanh(self.last(features).float()) + image) / 2


class FlattenedLinear(nn.Linear):
    """A dense layer of a flattened feature map.

    Args:
        shape: (C, Y, X) of the map.
        features: of the result.
    """

    def __init__(self, shape: tuple[int, int, int], features: int) -> None:
        super().__init__(int(np.prod(shape)), features)
        self.shape = shape

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, Y, X) -> (B, features)."""
        return super().forward(features.flatten(1))


class DenseDiscriminator(nn.Module):
    """`microgan.networks.cgan.build_dense_discriminator`; of the image alone.

    Args:
        patch_size: side of its images, a multiple of 2.
        filters: channels of the first convolution.
        dropout: 0 to 1.
    """

    def __init__(self, patch_size: int, *, filters: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = dropout
        self.first = nn.Conv2d(1, filters, 5, 2, 2)
        self.second = nn.Conv2d(filters, 2 * filters, 5, 2)
        side = (patch_size // 2 - 5) // 2 + 1
        self.offset = (patch_size // 2 - 5) % 2
        self.dense = FlattenedLinear((2 * filters, side, side), 4 * filters)
        self.last = nn.Linear(4 * filters, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, Y, X) -> float32 logits (B, 1)."""
        features = functional.leaky_relu(self.first(image), SLOPE)
        features = features[:, :, self.offset:, self.offset:]
        features = functional.leaky_relu(self.second(features), SLOPE)
        features = functional.leaky_relu(self.dense(features), SLOPE)
        features = functional.dropout(features, self.dropout, self.training)
        with torch.autocast(features.device.type, enabled=False):
            return self.last(features.float())


class DenseCritic(nn.Module):
    """`microgan.networks.cin_gan.build_dense_critic`.

    Args:
        patch_size: side of its images, a multiple of 8.
        num_tasks: defects it knows.
        filters: channels of the first convolution.
        dropout: 0 to 1.
    """

    def __init__(self, patch_size: int, *, num_tasks: int, filters: int = 64,
                 dropout: float = 0.25) -> None:
        super().__init__()
        self.dropout = dropout
        widths = (1, filters, filters, 2 * filters, 4 * filters, 8 * filters)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, strides, 1)
            for before, after, strides in zip(widths, widths[1:], (2, 2, 2, 1, 1)))
        self.narrow = nn.Conv2d(widths[-1], 8, 3, padding=1)
        self.dense = FlattenedLinear((8, patch_size // 8, patch_size // 8), 16 * filters)
        self.own = nn.Embedding(num_tasks, 16 * filters)
        self.score = nn.Linear(16 * filters, 1)

    def forward(self, image: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, Y, X) and int64 (B,) -> float32 scores (B, 1)."""
        features = image
        for number, convolution in enumerate(self.convolutions):
            features = functional.leaky_relu(convolution(features), SLOPE)
            if number > 0:
                features = functional.dropout(features, self.dropout, self.training)
        features = self.dense(self.narrow(features))
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            own = self.own(condition)
            return self.score(features) + (features * own).sum(1, keepdim=True)


class VGGFeatures(nn.Module):
    """VGG up to block3_conv3, frozen: `microgan.losses.style.load_content_and_style` of a file.

    Args:
        weights: its arrays by name, in Keras' layout, e.g. `block1_conv1__kernel`.
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        names = [name.removesuffix("__kernel") for name in weights if name.endswith("kernel")]
        self.starts = [name.endswith("conv1") for name in names]
        self.convolutions = nn.ModuleList()
        for name in names:
            kernel = _mirrored(weights[f"{name}__kernel"])
            convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
            convolution.weight.data = kernel
            convolution.bias.data = torch.from_numpy(weights[f"{name}__bias"])
            self.convolutions.append(convolution)
        means = torch.tensor((103.939, 116.779, 123.68))
        self.register_buffer("offsets", (127.5 - means)[:, None, None])
        self.requires_grad_(False)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """float32 (B, 1, Y, X) -> content in VGG's own units, and the style features."""
        features = 127.5 * image + self.offsets
        style = []
        for number, (starts, convolution) in enumerate(zip(self.starts, self.convolutions)):
            if starts and number > 0:
                features = functional.max_pool2d(features, 2)
            features = functional.relu(convolution(features))
            if starts:
                style.append(features)
        return features, style


class PublishedTranslator(nn.Module):
    """`microgan.networks.zse_gan.build_published_translator`; Y, X must be multiples of 4.

    Args:
        filters: channels at full resolution.
        num_blocks: residual blocks.
    """

    def __init__(self, *, filters: int = 16, num_blocks: int = 6) -> None:
        super().__init__()
        wide = 4 * filters
        self.down = nn.ModuleList([nn.Conv3d(1, filters, 5, padding=2),
                                   nn.Conv3d(filters, 2 * filters, 3, 2, 1),
                                   nn.Conv3d(2 * filters, wide, 3, 2, 1)])
        self.blocks = nn.ModuleList(
            nn.ModuleList([nn.Conv3d(wide, wide, 3, padding=1), InstanceNorm(wide, epsilon=1e-5)])
            for _ in range(2 * num_blocks))
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(2 * width, width, 3, 2, 1, output_padding=1)
            for width in (2 * filters, filters))
        self.last = nn.Conv3d(filters, 1, (6, 5, 5), padding=(3, 2, 2))
        self.plain = InstanceNorm(1, affine=False, epsilon=1e-5)

    def forward(self, stack: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, Z, Y, X) -> the same."""
        depth = stack.shape[2]
        added = -depth % 4
        features = (functional.pad(stack, (0, 0, 0, 0, added, 0), mode="reflect") if added
                    else stack)
        for convolution in self.down:
            features = functional.relu(self.plain(convolution(features)))
        for (first, norm), (second, other) in zip(self.blocks[::2], self.blocks[1::2]):
            change = functional.leaky_relu(norm(first(features)), SLOPE)
            features = functional.leaky_relu(other(second(change)) + features, SLOPE)
        for convolution in self.up:
            features = functional.relu(self.plain(convolution(features)))
        return torch.tanh(self.last(features)[:, :, added:added + depth].float())


class SectionDiscriminator(nn.Module):
    """`microgan.networks.zse_gan.build_discriminator`, as published.

    Args:
        filters: channels of the first convolution.
    """

    def __init__(self, *, filters: int = 32) -> None:
        super().__init__()
        widths = (1, *(filters * 2 ** level for level in range(4)))
        self.convolutions = nn.ModuleList(nn.Conv2d(before, after, 4, 2, 1)
                                          for before, after in zip(widths, widths[1:]))
        self.last = nn.Conv2d(widths[-1], 1, 2, padding=1)
        self.plain = InstanceNorm(1, affine=False, epsilon=1e-5)

    def forward(self, section: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, Y, X) -> float32 scores (B, 1, Y', X')."""
        features = section
        for level, convolution in enumerate(self.convolutions):
            features = convolution(features)
            if level > 0:
                features = self.plain(features)
            features = functional.leaky_relu(features, SLOPE)
        return self.last(features).float()


class LimitedUNet(nn.Module):
    """`microgan.networks.cgan.build_unet_generator`; sizes must be multiples of 2 ** depth.

    Args:
        filters: channels at full resolution.
        depth: halvings.
    """

    def __init__(self, *, filters: int = 16, depth: int = 3) -> None:
        super().__init__()
        widths = [filters * 2 ** level for level in range(depth + 1)]
        self.down = nn.ModuleList()
        before = 1
        for level, width in enumerate(widths):
            self.down.extend([nn.Conv2d(before, width, 3, 1 if level == 0 else 2, 1),
                              nn.Conv2d(width, width, 3, padding=1)])
            before = width
        self.up = nn.ModuleList()
        for width in reversed(widths[:-1]):
            self.up.extend([nn.Conv2d(2 * width, width, 1),
                            nn.Conv2d(2 * width, width, 3, padding=1),
                            nn.Conv2d(width, width, 3, padding=1)])
        self.last = nn.Conv2d(filters, 1, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, Y, X) -> the same."""
        def layer(convolution: nn.Module, features: torch.Tensor) -> torch.Tensor:
            return functional.leaky_relu(convolution(features), 0.1, inplace=True)

        features, skips = image, []
        for strided, other in zip(self.down[::2], self.down[1::2]):
            features = layer(other, layer(strided, features))
            skips.append(features)
        skips.pop()
        for narrow, first, second in zip(self.up[::3], self.up[1::3], self.up[2::3]):
            features = functional.interpolate(layer(narrow, features), scale_factor=2,
                                              mode="nearest")
            features = layer(first, torch.cat([features, skips.pop()], 1))
            features = layer(second, features)
        with torch.autocast(features.device.type, enabled=False):
            return self.last(features.float()) + image


class CARENet(nn.Module):
    """`benchmarks.rivals.care.build_unet_generator`; sizes must be multiples of 2 ** depth.

    Args:
        filters: channels at full resolution.
        depth: halvings.
        kernel_size: in pixels, odd.
    """

    def __init__(self, *, filters: int = 32, depth: int = 2, kernel_size: int = 5) -> None:
        super().__init__()
        pairs = []
        before = 1
        for level in range(depth):
            width = filters * 2 ** level
            pairs += [(before, width), (width, width)]
            before = width
        pairs += [(before, 2 * before), (2 * before, before)]
        for level in reversed(range(depth)):
            width, narrow = filters * 2 ** level, filters * 2 ** max(0, level - 1)
            pairs += [(before + width, width), (width, narrow)]
            before = narrow
        self.depth = depth
        self.convolutions = nn.ModuleList(
            nn.Conv2d(*pair, kernel_size, padding=kernel_size // 2) for pair in pairs)
        self.last = nn.Conv2d(before, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, Y, X) -> the same."""
        features, skips = image, []
        for number, convolution in enumerate(self.convolutions):
            level, is_first = number // 2, number % 2 == 0
            if is_first and 0 < level <= self.depth:
                skips.append(features)
                features = functional.max_pool2d(features, 2)
            elif is_first and level > self.depth:
                features = functional.interpolate(features, scale_factor=2, mode="nearest")
                features = torch.cat([features, skips.pop()], 1)
            features = functional.relu(convolution(features), inplace=True)
        with torch.autocast(features.device.type, enabled=False):
            return self.last(features.float()) + image


class EmbeddedFeatures(nn.Module):
    """`microgan.losses.perceptual.build_embedded`, frozen; sizes must be multiples of 4.

    Args:
        arrays: kernel and bias of each layer in turn, in Keras' layout.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        for kernel, stride in zip(arrays[::2], (2, 1, 2, 1, 1), strict=True):
            size, _, before, after = kernel.shape
            self.convolutions.append(nn.Conv2d(before, after, size, stride, (size - 1) // 2))
        load_keras_weights(self, arrays)
        self.requires_grad_(False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """float32 (B, 1, Y, X) -> (B, 96, Y / 4, X / 4)."""
        features = image
        for convolution in self.convolutions[:-1]:
            features = functional.relu(convolution(features), inplace=True)
        return self.convolutions[-1](features)


def load_keras_weights(network: nn.Module, arrays: Sequence[np.ndarray]) -> None:
    """Give a network of this file, for mirrored images, the weights of microgan's.

    Args:
        network: of this file.
        arrays: of the Keras model, in its order.
    """
    places = [(module, name, parameter) for module in network.modules()
              for name, parameter in module.named_parameters(recurse=False)]
    for (module, name, parameter), array in zip(places, arrays, strict=True):
        if array.ndim > 2:
            values = _mirrored(array)
        elif isinstance(module, FlattenedLinear) and name == "weight":
            channels, height, width = module.shape
            rows = array.reshape(height, width, channels, -1)[::-1, ::-1]
            values = torch.from_numpy(rows.transpose(3, 2, 0, 1).reshape(array.shape[::-1]).copy())
        elif isinstance(module, nn.Linear) and name == "weight":
            values = torch.from_numpy(array.T.copy())
        else:
            values = torch.from_numpy(array.copy())
        if values.shape != parameter.shape:
            raise ValueError(f"{name} of {module} is {tuple(parameter.shape)}. Received: "
                             f"{tuple(values.shape)}")
        parameter.data = values


def _mirrored(kernel: np.ndarray) -> torch.Tensor:
    """Keras' (Y, X, in, out), or transposed (Y, X, out, in), to PyTorch's, mirrored."""
    spatial = tuple(range(kernel.ndim - 2))
    return torch.from_numpy(np.flip(kernel, spatial).transpose(
        kernel.ndim - 1, kernel.ndim - 2, *spatial).copy())
