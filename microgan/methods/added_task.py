"""A further task for a trained CIN-GAN generator: its own rows alone are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from microgan.generator_file import GeneratorInfo, load_generator
from microgan.layers import ConditionalInstanceNorm


class AddedTask:
    """Trains one task in a network of its own that shares a trained one's weights.

    The network to train has a single row a normalisation. The row starts as the mean of the
    trained rows; everything else is frozen. So nothing that is trained can change.

    Args:
        path: the trained generator.

    Source:
        Dumoulin et al. 2017, arXiv:1610.07629: a further style from its own rows alone.
    """

    def __init__(self, path: str) -> None:
        model, self.info = load_generator(path, method="cin_gan")
        self._weights = model.get_weights()
        self._is_row = _is_row(model)

    def start(self, network: keras.Model) -> None:
        """Give a one-task network the trained weights and freeze all but its rows."""
        network.set_weights([weight.mean(axis=0, keepdims=True) if is_row else weight
                             for weight, is_row in zip(self._weights, self._is_row)])
        for layer in network.layers:
            layer.trainable = isinstance(layer, ConditionalInstanceNorm)

    def joined(self, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Weights for all tasks, the new one last.

        Args:
            weights: of the one-task network.
        """
        return [np.concatenate([trained, new]) if is_row else trained
                for trained, new, is_row in zip(self._weights, weights, self._is_row)]

    def joined_info(self, info: GeneratorInfo) -> GeneratorInfo:
        """What the generator of all tasks is.

        Args:
            info: of the one-task network.
        """
        return replace(info, tasks=self.info.tasks + info.tasks,
                       normalization={**self.info.normalization, **info.normalization})


def _is_row(model: keras.Model) -> list[bool]:
    """For each of a generator's weights, whether it holds one row a task."""
    rows = {id(weight) for layer in model.layers if isinstance(layer, ConditionalInstanceNorm)
            for weight in layer.weights}
    return [id(weight) in rows for weight in model.weights]
