"""The generators as ONNX graphs.

Each function writes the network that the function of the same name in `networks/` builds:
layers, arguments and order of weights are described there. Sizes are those of Keras' defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microgan.errors import UserError
from microgan.networks.onnx_graph import Graph, Tensor

# Of the layers' defaults in `layers` and `networks`.
_EPSILON, _EPSILON_STACKS = 1e-3, 1e-5
_SLOPE, _SLOPE_STACKS = 0.1, 0.2
_MARGIN = 8


def write_cgan_unet(graph: Graph, image: Tensor, *, filters: int = 32, depth: int = 3) -> Tensor:
    """Write `cgan.build_unet_generator`."""
    def conv(features: Tensor, channels: int, size: int = 3, strides: int = 1) -> Tensor:
        return graph.leaky_relu(graph.convolve(features, channels, size, strides), _SLOPE)

    padded = graph.pad_to_multiple(image, 2 ** depth)
    features = _unet(graph, padded, conv, filters, depth, lambda features, level: features)
    change = graph.convolve(features, 1, 3)
    return graph.crop_like(graph.apply("Add", change, padded), image)


def write_cgan_resnet(graph: Graph, image: Tensor, *, filters: int = 64, num_blocks: int = 9,
                      dropout: float = 0.5) -> Tensor:
    """Write `cgan.build_resnet_generator`; restoring drops nothing."""
    return _resnet(graph, image, filters, num_blocks, {})


def write_cin_gan_resnet(graph: Graph, image: Tensor, *, num_tasks: int, filters: int = 64,
                         num_blocks: int = 12, dropout: float = 0.5) -> Tensor:
    """Write `cin_gan.build_resnet_generator`.

    Raises:
        UserError: it has dropout.
    """
    if dropout:
        raise UserError("This generator's defects are random by dropout, whose random numbers "
                        "ONNX draws in its own way: results would differ from restore.py. "
                        "Train the U-Net of --recipe=limited, or with --dropout=0.")
    return _resnet(graph, image, filters, num_blocks, {"num_tasks": num_tasks})


def write_cin_gan_unet(graph: Graph, image: Tensor, *, num_tasks: int, filters: int = 16,
                       depth: int = 3) -> Tensor:
    """Write `cin_gan.build_unet_generator`; its noise is another input."""
    def conv(features: Tensor, channels: int, size: int = 3, strides: int = 1) -> Tensor:
        features = graph.convolve(features, channels, size, strides)
        return graph.leaky_relu(graph.normalize(features, _EPSILON, num_tasks=num_tasks), _SLOPE)

    def conv_alone(features: Tensor, size: int) -> Tensor:
        return graph.leaky_relu(graph.convolve(features, filters, size), _SLOPE)

    padded, noise = (graph.pad(graph.pad_to_multiple(each, 2 ** depth), _MARGIN)
                     for each in (image, graph.input("noise")))
    noises = [noise]
    for _ in range(depth):
        noises.append(graph.apply("Mul", graph.average(noises[-1], 2, 2), 2.0))
    features = _unet(graph, padded, conv, filters, depth,
                     lambda features, level: graph.join(features, noises[level]))
    change = graph.convolve(conv_alone(graph.join(features, padded), 3), 1, 3)
    blurred = graph.apply("Add", change, padded)
    strength = conv_alone(graph.join(blurred, features), 1)
    grains = graph.normalize(graph.convolve(noise, filters, 9, use_bias=False), _EPSILON,
                             num_tasks=num_tasks)
    product = graph.apply("Mul", grains, graph.convolve(strength, filters, 1))
    degraded = graph.apply("Add", graph.convolve(product, 1, 1, use_bias=False), blurred)
    return graph.crop_like(graph.crop(degraded, _MARGIN), image)


def write_zse_gan_published(graph: Graph, image: Tensor, *, filters: int = 16,
                            num_blocks: int = 6) -> Tensor:
    """Write `zse_gan.build_published_translator`, one half of the generator."""
    def normalized_relu(features: Tensor) -> Tensor:
        return graph.apply("Relu", graph.normalize(features, _EPSILON_STACKS, affine=False))

    padded = graph.pad_to_multiple(image, 4)
    features = normalized_relu(graph.convolve(padded, filters, 5))
    for width in (2 * filters, 4 * filters):
        features = normalized_relu(graph.convolve(features, width, 3, 2))
    for _ in range(num_blocks):
        skip = features
        features = graph.normalize(graph.convolve(features, 4 * filters, 3), _EPSILON_STACKS)
        features = graph.leaky_relu(features, _SLOPE_STACKS)
        features = graph.normalize(graph.convolve(features, 4 * filters, 3), _EPSILON_STACKS)
        features = graph.leaky_relu(graph.apply("Add", features, skip), _SLOPE_STACKS)
    for width in (2 * filters, filters):
        features = normalized_relu(graph.convolve_transposed(features, width, 3, 2))
    translated = graph.apply("Tanh", graph.convolve(features, 1, (6, 5, 5)))
    return graph.crop_like(translated, image)


def write_zse_gan_residual(graph: Graph, image: Tensor, *, filters: int = 16,
                           num_blocks: int = 3, outside_share: float = 0.0) -> Tensor:
    """Write `zse_gan.build_residual_translator`, the half that sharpens."""
    def lateral(features: Tensor, channels: int, size: int, strides: int = 1) -> Tensor:
        return graph.leaky_relu(graph.convolve_slices(features, channels, size, strides),
                                _SLOPE_STACKS)

    def block(features: Tensor, z_size: int) -> Tensor:
        change = lateral(features, features.channels, 3)
        change = graph.convolve(change, features.channels, (z_size, 1, 1))
        return graph.apply("Add", change, features)

    def enlarge(features: Tensor) -> Tensor:
        return graph.average(graph.enlarge(features, (1, 2, 2)), (1, 3, 3), 1)

    padded = graph.pad_to_multiple(image, (1, 4, 4))
    full = lateral(padded, filters, 3)
    half = block(lateral(full, 2 * filters, 4, 2), 3)
    features = lateral(half, 4 * filters, 4, 2)
    for _ in range(num_blocks):
        features = block(features, 5)
    features = block(lateral(graph.join(enlarge(features), half), 2 * filters, 3), 3)
    features = lateral(graph.join(enlarge(features), full), filters, 3)
    change = graph.project(lateral(features, filters, 3), 1)
    if outside_share:
        change = graph.keep_middle(change, outside_share)
    return graph.crop_like(graph.apply("Add", change, padded), image)


def _unet(graph: Graph, features: Tensor, conv: Callable[..., Tensor], filters: int, depth: int,
          with_noise: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Write the way down and up again; `with_noise` changes a level's result."""
    skips = []
    for level in range(depth + 1):
        channels = filters * 2 ** level
        features = conv(features, channels, 3, 1 if level == 0 else 2)
        features = conv(features, channels)
        skips.append(with_noise(features, level))
    features = skips.pop()
    for level in reversed(range(depth)):
        channels = filters * 2 ** level
        features = graph.enlarge(conv(features, channels, 1), 2)
        features = conv(conv(graph.join(features, skips[level]), channels), channels)
    return features


def _resnet(graph: Graph, image: Tensor, filters: int, num_blocks: int,
            tasks: dict[str, Any]) -> Tensor:
    """Write `blocks.resnet_translation` without dropout."""
    def conv(features: Tensor, channels: int, size: int, strides: int = 1) -> Tensor:
        return graph.normalize(graph.convolve(features, channels, size, strides), _EPSILON,
                               **tasks)

    padded = graph.pad_to_multiple(image, 4)
    features = graph.apply("Relu", conv(padded, filters, 7))
    for width in (2 * filters, 4 * filters):
        features = graph.apply("Relu", conv(features, width, 3, 2))
    for _ in range(num_blocks):
        change = conv(graph.apply("Relu", conv(features, 4 * filters, 3)), 4 * filters, 3)
        features = graph.apply("Add", change, features)
    for width in (2 * filters, filters):
        features = graph.apply("Relu", conv(graph.enlarge(features, 2), width, 3))
    change = graph.apply("Tanh", graph.convolve(features, 1, 7))
    result = graph.apply("Mul", graph.apply("Add", change, padded), 0.5)
    return graph.crop_like(result, image)
