"""What a run needs from a method: data, networks, scores and a report."""

from __future__ import annotations

import abc
import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from microgan.config import TrainingConfig
from microgan.datasets.normalization import TaskNormalization
from microgan.generator_file import GeneratorInfo
from microgan.version import __version__

if TYPE_CHECKING:
    import keras

    from microgan.evaluation.pictures import Comparison

Scores = dict[str, float]
UPDATES_OF_DRY_RUN = 2


class Report(NamedTuple):
    """Result of a run.

    Args:
        table: as text.
        files: in the run folder to look at, for the last line.
        compared: images that were scored, for the run's page.
        compared_how: what they are to the network, as a sentence or two.
        figures: names of PNG files in the run folder, for the page.
        pages: names of other pages in the run folder, which it links to.
    """

    table: str
    files: str
    compared: Sequence[Comparison] = ()
    compared_how: str = ""
    figures: Sequence[str] = ()
    pages: Sequence[str] = ()


class Trainer(Protocol):
    """What a run needs from a trainer."""

    generator: keras.Model
    generator_optimizer: keras.optimizers.Optimizer

    @property
    def state(self) -> dict[str, list[Any]]:
        """All variables that a resumed run needs, by owner."""

    def train_step(self, batch: Any) -> dict[str, Any]:
        """Do one update and return losses whose sums over replicas are means over the batch."""


class Method(abc.ABC):
    """One way to train a generator. `runs.run.train` calls its methods from top to bottom.

    Those above `prepare` must not import Keras or TensorFlow, so that mistakes in the data show
    at once. The generator's network must be registered; see `networks.registry`.

    Args:
        config: every setting, with its seed.

    Example: tests/runs/test_outside_method.py has a whole method.
    """

    run_folder: str  # its name, in --dir
    report_files: tuple[str, ...] = ()  # as written: with the last one, a run is finished
    score_label = "validation score"  # "" if nothing is scored, and no curve is drawn
    large_fall = math.inf  # of the score from the best to the last, which is worth a warning
    keeps_last = False  # whether the last weights are kept, since nothing tells which are best
    restores = False  # whether restore.py takes its generator and a user's images
    skipped: Collection[str] = ()  # lines on files that were skipped on loading, set by a run

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def seed(self) -> int:
        """Of every random choice."""
        assert self.config.seed is not None
        return int(self.config.seed)

    @property
    def later_trainings(self) -> int:
        """How many trainings of the same length follow, as a part of the report."""
        return 0

    @classmethod
    def settle(cls, config: Any) -> Any:
        """Fill in settings from files that the config names."""
        return config

    @classmethod
    def chosen(cls, config: Any) -> type[Method]:
        """Return the method that a complete config and its files ask for: usually this one."""
        return cls

    @classmethod
    def folder(cls, config: Any) -> Path:
        """The run folder of a config."""
        return Path(config.dir).absolute() / cls.run_folder

    @abc.abstractmethod
    def load(self) -> None:
        """Load, check and divide the images.

        Raises:
            UserError: a mistake in the settings or the data.
        """

    @abc.abstractmethod
    def split(self) -> dict[str, Any]:
        """By task, which images are for what, for `split.json`."""

    def wrong_pairs(self) -> list[dict[str, Any]]:
        """Return what is wrong with the pairs, as rows of a table, for `pair_checks.json`."""
        return []

    def prepare(self) -> None:
        """Compute what validation needs from networks other than the one to train."""

    def describe_data(self) -> str:
        """Describe what was loaded, as lines for the user."""
        return ""

    @abc.abstractmethod
    def batch(self, update: int) -> dict[str, np.ndarray]:
        """Return the batch of an update, from 0: a pure function of seed and update number.

        Returns:
            Arrays whose first axis is the image.
        """

    @abc.abstractmethod
    def describe(self) -> GeneratorInfo:
        """Describe the generator to train, for `generator.h5`."""

    @abc.abstractmethod
    def build(self, info: GeneratorInfo) -> tuple[Trainer, keras.Model]:
        """Build the trainer, and a network like its generator for validation.

        Called under the strategy, after the random numbers are seeded.
        """

    def validation_bytes(self, network: keras.Model) -> float:
        """Estimate the memory of a validation's tensors."""
        return 0.0

    @abc.abstractmethod
    def validate(self, network: keras.Model) -> Scores:
        """Score a network on the validation images; the largest "score" wins."""

    def draw(self, folder: Path, update: int, rows: list[Scores]) -> None:
        """Draw pictures of the last validation, given all rows of the history."""

    def glance(self) -> Sequence[Comparison]:
        """Return small pictures of the training data, for the run's page."""
        return ()

    def compared(self) -> Sequence[Comparison]:
        """Return images of the last validation, for the run's page."""
        return ()

    def saved(self, weights: list[np.ndarray], info: GeneratorInfo
              ) -> tuple[list[np.ndarray], GeneratorInfo]:
        """Turn the trained weights and their description into those of `generator.h5`."""
        return weights, info

    @abc.abstractmethod
    def report(self, folder: Path) -> Report:
        """Score the best weights, in the folder's `generator.h5`, and write the report."""


def describe_generator(config: TrainingConfig, *, method: str, network: str,
                       network_arguments: dict[str, Any],
                       normalization: Mapping[str, TaskNormalization],
                       axes: str = "YX",
                       **others: Any) -> GeneratorInfo:
    """Build the description of a generator for `generator.h5`; see `GeneratorInfo`.

    Args:
        config: of the training.
        method, network, network_arguments, normalization, axes: as there.
        **others: those of its fields that have defaults.
    """
    text = json.dumps(config.to_json(), sort_keys=True)
    return GeneratorInfo(
        method=method, network=network, network_arguments=network_arguments,
        tasks=tuple(normalization), normalization=dict(normalization),
        axes=axes, microgan_version=__version__,
        config_hash=hashlib.sha256(text.encode()).hexdigest(), **others)
