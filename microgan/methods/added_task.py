"""Add a task to a trained CIN-GAN generator: only the task's normalisation rows are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from microgan.generator_file import GeneratorInfo, load_generator
from microgan.layers import ConditionalInstanceNorm


class AddedTask:
    """Train one task in a separate network that has a trained generator's weights.

    The network to train has one row per normalisation, which starts as the mean of the trained
    rows. All other weights are frozen, so the trained tasks cannot change.

    Args:
        path: the trained generator.

    Source:
        Dumoulin et al. 2017, arXiv:1610.07629: a new style from its rows alone.
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
        """Return the weights for all tasks, the new one last, given the one-task network's."""
        return [np.concatenate([trained, new]) if is_row else trained
                for trained, new, is_row in zip(self._weights, weights, self._is_row)]

    def joined_info(self, info: GeneratorInfo) -> GeneratorInfo:
        """Describe the generator of all tasks, given the one-task network's description."""
        return replace(info, tasks=self.info.tasks + info.tasks,
                       normalization={**self.info.normalization, **info.normalization},
                       degradation={**self.info.degradation, **info.degradation},
                       corrected=self.info.corrected + info.corrected,
                       channels={**self.info.channels, **info.channels})


def _is_row(model: keras.Model) -> list[bool]:
    """Return, for each weight of a generator, whether it holds one row per task."""
    rows = {id(weight) for layer in model.layers if isinstance(layer, ConditionalInstanceNorm)
            for weight in layer.weights}
    return [id(weight) in rows for weight in model.weights]
