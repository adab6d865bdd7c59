"""Training pairs that a CIN-GAN synthesises, and data for a training without real pairs.

TensorFlow is not needed before the first pair is synthesised, so mistakes show at once.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.config import CGANConfig, CINGANConfig
from microgan.datasets.sampling import Place, SyntheticPairs
from microgan.datasets.splits import fingerprint
from microgan.errors import UserError
from microgan.methods.chosen_tasks import chosen_tasks
from microgan.methods.measured_defects import MODEL_MARGIN_PX
from microgan.methods.paired_data import TaskData, check_parts, load_tasks
from microgan.methods.unpaired_data import load_unpaired_tasks, without_pairs
from microgan.generator_file import GeneratorInfo, load_generator, read_info
from microgan.restoration.in_memory import synthesise_degraded

if TYPE_CHECKING:
    import keras

_LASTING_SEED = 0


class PairSynthesizer:
    """Degrade clean images of this run's tasks with a CIN-GAN generator.

    Args:
        path: the generator, checked now and loaded on first use.
        tasks: names of this run's tasks.
        precision: as in `load_generator`.

    Raises:
        UserError: not a CIN-GAN generator, or one that lacks a task.
    """

    def __init__(self, path: str, tasks: Sequence[str], *, precision: str) -> None:
        self.path = path
        self.tasks = tuple(tasks)
        self.precision = precision
        self.info = read_info(path, method="cin_gan")
        unknown = [name for name in tasks if name not in self.info.tasks]
        if unknown:
            raise UserError(
                f"--cin_generator_path={path} knows the defects of "
                f"{', '.join(self.info.tasks)}, not of '{unknown[0]}'. Name tasks that it knows "
                "with --datasets, or train it on this one.")

    @functools.cached_property
    def _model(self) -> keras.Model:
        return load_generator(self.path, method="cin_gan", precision=self.precision)[0]

    def __call__(self, clean: list[np.ndarray], parts: list[Place] | None, tasks: list[int],
                 seed: int) -> list[np.ndarray]:
        """Degrade parts (None: all) of clean images (Y, X), each by the defect of its task."""
        degraded: dict[int, np.ndarray] = {}
        for task in set(tasks):
            chosen = [index for index, other in enumerate(tasks) if other == task]
            name = self.tasks[task]
            synthetic = synthesise_degraded(
                self._model if self.info.uses_network(name) else None, self.info, name,
                [clean[index] for index in chosen], seed=seed,
                parts=parts and [parts[index] for index in chosen])
            degraded.update(zip(chosen, synthetic))
        return [degraded[index] for index in range(len(clean))]

    def synthetic_pairs(self, share: float, tasks: dict[str, TaskData], *,
                        num_updates: int | None = None) -> SyntheticPairs:
        """Return what training draws synthetic pairs from; see `SyntheticPairs`.

        Raises:
            UserError: a task has no clean image.
        """
        for name, task in tasks.items():
            if not len(task.clean_to_degrade):
                raise UserError(f"'{name}' has no clean image to synthesise pairs from: "
                                "validation and test hold them all. Add some as NAME_extra_Y.npy, "
                                "or lower --validation_fraction.")
        return SyntheticPairs(share, [task.clean_to_degrade for task in tasks.values()], self,
                              MODEL_MARGIN_PX if self.info.degradation else 0, num_updates)

    def with_synthetic_validation(self, tasks: dict[str, TaskData]) -> dict[str, TaskData]:
        """Validate on synthetic pairs: degrade the clean validation images."""
        return {name: replace(task, synthetic_validation=self.pairs_of(
                    name, task.validated_clean())[0])
                for name, task in tasks.items()}

    def pairs_of(self, task: str, clean: Sequence[np.ndarray]
                 ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Degrade clean images of one task, the same way every time; return both."""
        clean = list(clean)
        return self(clean, None, [self.tasks.index(task)] * len(clean), _LASTING_SEED), clean


def load_tasks_and_synthesizer(config: CGANConfig) -> tuple[dict[str, TaskData], PairSynthesizer]:
    """Load the data of a training on synthetic pairs, and what synthesises them.

    Args:
        config: with `cin_augment`; its `seed` must be set.

    Raises:
        UserError: see `PairSynthesizer` and `load_tasks` or, if all pairs are synthetic,
            `load_unpaired_tasks` and `load_test_pairs`; or the generator has learned from this
            run's test images.
    """
    assert config.cin_generator_path is not None
    names = chosen_tasks(config)
    synthesizer = PairSynthesizer(config.cin_generator_path, names, precision=config.precision)
    if config.synthetic_share == 1:
        return _load_tasks_without_pairs(config, names, synthesizer.info), synthesizer
    tasks = load_tasks(config, degrades_clean=True, register=config.register == "auto")
    _check_held_out(config.cin_generator_path, tasks)
    return tasks, synthesizer


def _load_tasks_without_pairs(config: CGANConfig, names: tuple[str, ...], info: GeneratorInfo
                              ) -> dict[str, TaskData]:
    """Load clean images, from which all pairs are synthesised.

    Degraded images are checked, as for CIN-GAN, but not used: even the normalisation is the
    generator's. Only test arrays, which must be pairs, are real.
    """
    tasks = {name: without_pairs(images, config.data_folder, info.normalization[name])
             for name, images in load_unpaired_tasks(config, names).items()}
    check_parts(tasks)
    return tasks


def seed_of_generator(config: CGANConfig) -> int | None:
    """Return the seed of the CIN-GAN's run, with which both hold out the same images.

    None if it is unknown.
    """
    if not config.cin_generator_path:
        return None
    beside = _read_beside(config.cin_generator_path, "config.json")
    try:
        return CINGANConfig.from_json(beside["config"]).seed
    except (KeyError, ValueError, UserError):  # of another program, if any
        return None


def _check_held_out(generator: str, tasks: dict[str, TaskData]) -> None:
    """Make sure that the CIN-GAN generator has not learned from this run's test images.

    Prints a line if that is unknown.

    Raises:
        UserError: it has.
    """
    learned = _read_beside(generator, "split.json")
    for name, task in tasks.items():
        if task.test_pairs is not None or not task.split.test:
            continue  # test arrays are outside all training, as CIN-GAN checks, too
        seen = _seen_pairs(learned.get(name), task)
        if seen is None:
            print(f"{name}: {generator} was trained on other or unknown images, so it may have "
                  "seen some of this run's test images.")
            continue
        if seen & set(task.split.test):
            raise UserError(
                f"{generator} has learned from {len(seen & set(task.split.test))} "
                f"of the images that test '{name}' here. Leave out --seed, so that both hold out "
                "the same ones, and pass the --images_limit and --test_fraction of its "
                "config.json.")


def _seen_pairs(record: Any, task: TaskData) -> set[int] | None:
    """Return the pairs that a CIN-GAN saw (`split.json`); None if its images are others."""
    try:
        if record["images"] != fingerprint(task.pairs.degraded, task.pairs.clean):
            return None
        return {index for half in ("degraded", "clean") for part in ("train", "validation")
                for index in record[half][part]}
    except (KeyError, TypeError):  # of another program
        return None


def _read_beside(generator: str, name: str) -> dict[str, Any]:
    """Read a JSON file of the generator's run folder; empty if there is none."""
    try:
        content = json.loads((Path(generator).parent / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
