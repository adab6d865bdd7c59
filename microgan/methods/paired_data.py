"""The images of a paired training: loaded, checked, divided and measured.

TensorFlow is not needed for any of it, so mistakes in the data show at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microgan.config import TaskTrainingConfig
from microgan.datasets.grey_images import sizes_and_types
from microgan.datasets.matching import look_unmatched
from microgan.datasets.moved_pairs import Shift, move_pairs
from microgan.datasets.normalization import TaskNormalization, fit_min_max, fit_percentiles
from microgan.datasets.findings import Finding
from microgan.datasets.paired_arrays import PairedImages, load_pairs
from microgan.datasets.sampling import (
    DEFAULT_SYMMETRY, SYMMETRY_OF_SHIPPED, SyntheticPairs, PairedBatches, TrainingTask)
from microgan.datasets.splits import (
    Split, digest, fingerprint, indices_outside, split_pairs, spread_over)
from microgan.datasets.unpaired_arrays import load_extra_clean
from microgan.errors import UserError, see
from microgan.methods.checked_pairs import (
    find_wrong_pairs, load_checked_test_pairs, print_findings)
from microgan.methods.chosen_tasks import chosen_tasks
from microgan.methods.validated import MOST_VALIDATED, validated_part
from microgan.metrics.paired import NotScorableError, align_care

_IF_UNMATCHED = ("are they in the same order? Images that do not match are for train_CIN_GAN.py, "
                 "and then --cin_augment=True --alpha=1. " + see("Shifted or doubled"))
_FIT = {"min_max": fit_min_max, "percentiles": fit_percentiles}


@dataclass(frozen=True)
class TaskData:
    """One task's images and how they are divided and normalised.

    Args:
        pairs: all but the test arrays; without degraded images if all pairs are synthetic, without
            clean ones if there are degraded images alone.
        test_pairs: the test arrays, if any.
        split: parts of the pairs.
        normalization: ranges of the training images.
        symmetries: a key of `sampling.SYMMETRIES`.
        clean_to_degrade: clean images that pairs are synthesised from; none without CIN-GAN.
        synthetic_validation: replaces the degraded images of the validation.
        findings: what is wrong with the pairs.
        test_findings: what is wrong with the test pairs.
        moves: shifts by which pairs were moved, by number.
        stored: the pairs as in the files, if any was moved.
    """

    pairs: PairedImages
    test_pairs: PairedImages | None
    split: Split
    normalization: TaskNormalization
    symmetries: str
    clean_to_degrade: Sequence[np.ndarray] = ()
    synthetic_validation: Sequence[np.ndarray] | None = None
    findings: Sequence[Finding] = ()
    test_findings: Sequence[Finding] = ()
    moves: Mapping[int, Shift] = field(default_factory=dict)
    stored: PairedImages | None = None

    def as_stored(self) -> TaskData:
        """Return the task with the pairs as in the files."""
        return self if self.stored is None else replace(self, pairs=self.stored)

    def registered(self) -> TaskData:
        """Return the task with shifted pairs moved by whole pixels and cropped."""
        moves = {finding.index: finding.shift for finding in self.findings
                 if finding.index is not None and finding.shift}
        moved = move_pairs(self.pairs, moves)
        findings = [finding if finding.index is None or not finding.shift else replace(
            finding, text="both images were cropped to the {} x {} pixels of the place that both "
                          "show.".format(*moved.clean[finding.index].shape))
                    for finding in self.findings]
        return replace(self, pairs=moved, findings=findings, moves=moves, stored=self.pairs)

    @property
    def is_paired(self) -> bool:
        """Whether its validation pairs are real ones, so that scores mean something."""
        return bool(len(self.pairs.degraded) and len(self.pairs.clean)
                    and self.synthetic_validation is None)

    def split_record(self) -> dict[str, Any]:
        """Record the split and the identity of its images, for `split.json`."""
        test, stored = self.test_pairs, self.as_stored().pairs
        moves = {str(index): list(shift) for index, shift in self.moves.items()}
        return {**self.split.to_json(), **({"moves": moves} if moves else {}),
                "images": fingerprint(stored.degraded, stored.clean),
                "test_images": fingerprint(*(() if test is None else (test.degraded, test.clean))),
                "extra_images": fingerprint(self.clean_to_degrade)}

    def describe(self) -> str:
        """Describe the split in a line for the user."""
        parts = ", ".join(f"{len(getattr(self.split, part)) or 'none'} {part}"
                          for part in ("train", "validation", "test"))
        synthetic = (f"; pairs are synthesised from {len(self.clean_to_degrade)} clean images"
                     if len(self.clean_to_degrade) else "")
        return (f"{self.pairs.name}: {parts}{synthetic}; symmetries: {self.symmetries}; "
                + sizes_and_types([*self.pairs.degraded, *self.pairs.clean]))

    def training_task(self) -> TrainingTask:
        """Return what training draws from."""
        degraded, clean = self.part("train")
        return TrainingTask(self.pairs.name, degraded, clean, self.normalization,
                            self.symmetries)

    def learned_clean(self) -> list[np.ndarray]:
        """Return the clean training images, of real and synthetic pairs."""
        return [*self.clean_part("train"), *self.clean_to_degrade]

    def part(self, name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Degraded and clean images of `train`, `validation` or `test`."""
        return self.degraded_part(name), self.clean_part(name)

    def degraded_part(self, name: str) -> list[np.ndarray]:
        """Degraded images of `train`, `validation` or `test`."""
        pairs, indices = self._pairs_of(name)
        return [pairs.degraded[i] for i in indices]

    def clean_part(self, name: str) -> list[np.ndarray]:
        """Clean images of `train`, `validation` or `test`."""
        pairs, indices = self._pairs_of(name)
        return [pairs.clean[i] for i in indices]

    def names(self, part: str) -> list[str]:
        """Return what to call the images of `train`, `validation` or `test`."""
        pairs, indices = self._pairs_of(part)
        return [pairs.image_name(i) for i in indices]

    def validated(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the degraded and clean images of the validation; see `validated_part`."""
        if self.synthetic_validation is not None:
            return list(self.synthetic_validation), self.validated_clean()
        return validated_part(self.part("validation")[0]), self.validated_clean()

    def validated_clean(self) -> list[np.ndarray]:
        """Return the clean images of the validation."""
        return validated_part(self.clean_part("validation"))

    def _pairs_of(self, part: str) -> tuple[PairedImages, tuple[int, ...]]:
        from_test_arrays = part == "test" and self.test_pairs is not None
        pairs = self.test_pairs if from_test_arrays else self.pairs
        assert pairs is not None
        return pairs, getattr(self.split, part)


def load_tasks(config: TaskTrainingConfig, *, degrades_clean: bool = False,
               register: bool = False) -> dict[str, TaskData]:
    """Load, check, divide and measure the pairs of all tasks; print what is wrong with them.

    Args:
        config: its `seed` must be set.
        degrades_clean: whether pairs are also synthesised from clean images.
        register: whether shifted pairs are moved.

    Raises:
        UserError: see `load_pairs` and `split_pairs`; --symmetries names an unknown task; or
            degraded images are enlarged by different factors.
    """
    names = chosen_tasks(config)
    symmetries = chosen_symmetries(names, config.symmetries)
    assert config.seed is not None
    tasks = {}
    for name in names:
        pairs = load_pairs(config.data_folder, name)
        if look_unmatched(pairs):
            print(f"Warning: the clean images of '{name}' do not resemble their degraded ones: "
                  f"{_IF_UNMATCHED}")
        test_pairs, test_findings = load_checked_test_pairs(config.data_folder, name)
        split = split_pairs(pairs, test_pairs, images_limit=config.images_limit,
                            validation_fraction=config.validation_fraction,
                            test_fraction=config.test_fraction, seed=config.seed)
        normalization = fit_ranges(config.normalization, name,
                                   [pairs.degraded[i] for i in split.train],
                                   [pairs.clean[i] for i in split.train])
        findings = find_wrong_pairs(pairs, can_register=True)
        task = TaskData(pairs, test_pairs, split, normalization, symmetries[name],
                        findings=findings, test_findings=test_findings)
        task = _with_clean_to_degrade(task, config) if degrades_clean else task
        tasks[name] = task.registered() if register else task
        print_findings(tasks[name].findings)
    check_parts(tasks)
    _refuse_other_factors([pairs for task in tasks.values()
                           for pairs in (task.pairs, task.test_pairs) if pairs is not None])
    return tasks


def _refuse_other_factors(all_pairs: Sequence[PairedImages]) -> None:
    """Refuse sets whose degraded images were not all enlarged by one factor."""
    for pairs in all_pairs:
        if pairs.upsample != all_pairs[0].upsample:
            raise UserError(
                f"The clean images of '{pairs.name}' are {pairs.upsample} times as large as the "
                f"degraded ones, those of '{all_pairs[0].name}' {all_pairs[0].upsample} times: a "
                "generator enlarges by one factor. Choose with --datasets.")


def fit_ranges(normalization: str, name: str, degraded: Sequence[np.ndarray],
               clean: Sequence[np.ndarray]) -> TaskNormalization:
    """Measure the ranges of a task's training images.

    Args:
        normalization: "min_max" or "percentiles".
        name: of the task.
        degraded: images to measure.
        clean: images to measure.

    Raises:
        UserError: both percentiles are equal.
    """
    ranges = {}
    for kind, images in (("degraded", degraded), ("clean", clean)):
        try:
            ranges[kind] = _FIT[normalization](images)
        except UserError as error:
            raise UserError(f"Nearly all pixels of the {kind} training images of '{name}' are "
                            f"equal, so {normalization} give no range. Pass "
                            "--normalization=min_max.") from error
    return TaskNormalization(**ranges)


def paired_batches(config: TaskTrainingConfig, tasks: dict[str, TaskData],
                   synthetic: SyntheticPairs | None = None, *,
                   intensity_jitter: Sequence[float] = ()
                   ) -> PairedBatches:
    """Build the batches of a training on pairs; see `PairedBatches`."""
    assert config.seed is not None
    return PairedBatches([task.training_task() for task in tasks.values()],
                         batch_size=config.batch_size, patch_size=config.patch_size,
                         seed=config.seed, synthetic=synthetic, intensity_jitter=intensity_jitter)


def _with_clean_to_degrade(task: TaskData, config: TaskTrainingConfig) -> TaskData:
    """Add all clean images of the data set outside validation and test."""
    held_out = task.clean_part("validation") + task.clean_part("test")
    clean = [images[i] for images in (task.pairs.clean,
                                      load_extra_clean(config.data_folder, task.pairs.name))
             for i in indices_outside(images, held_out)]
    return replace(task, clean_to_degrade=clean)


def check_parts(tasks: dict[str, TaskData]) -> None:
    """Make sure that no image is both learned and scored, and that validation can be scored.

    Raises:
        UserError: a clean image is learned in one task and held out in another, or a
            validation image has no score.
    """
    stored = {name: task.as_stored() for name, task in tasks.items()}
    refuse_leaks({name: task.learned_clean() for name, task in stored.items()}, (
        (name, part, index, image) for name, task in stored.items()
        for part in ("validation", "test")
        for index, image in zip(getattr(task.split, part), task.clean_part(part))))
    for name, task in tasks.items():
        _refuse_unscorable(name, task)


def _refuse_unscorable(name: str, task: TaskData) -> None:
    """Refuse empty validation images, which have no CARE score to choose the weights by."""
    for index, image in zip(spread_over(task.split.validation, MOST_VALIDATED),
                            task.validated_clean()):
        try:
            align_care(image, image)
        except NotScorableError as error:
            raise UserError(f"Clean image {index} of '{name}' is for validation, but its middle "
                            f"({image.shape[0]} x {image.shape[1]} pixels) cannot be scored: "
                            f"{error}. Remove the pair, or pass another --seed.") from error


def refuse_leaks(learned: Mapping[str, Iterable[np.ndarray]],
                 judged: Iterable[tuple[str, str, int, np.ndarray]]) -> None:
    """Refuse images that one task learns and another holds out: one network learns all tasks.

    Args:
        learned: clean training images, by task.
        judged: task, part, index and image of every clean image that is held out.

    Raises:
        UserError: an image is both.
    """
    known = {digest(image): name for name, images in learned.items() for image in images}
    for name, part, index, image in judged:
        if digest(image) in known:
            raise UserError(
                f"Clean image {index} of the {part} part of '{name}' is also learned from in "
                f"'{known[digest(image)]}'. Give both the same number of images, so that they "
                "are divided alike, or train them separately with --datasets.")


def chosen_symmetries(names: tuple[str, ...], given: tuple[str, ...]) -> dict[str, str]:
    """Return every task's symmetries: given ones, those of the shipped sets, otherwise flips."""
    chosen = {name: SYMMETRY_OF_SHIPPED.get(name, DEFAULT_SYMMETRY) for name in names}
    for entry in given:
        name, _, symmetry = entry.partition(":")
        if name not in chosen:
            raise UserError(f"--symmetries names '{name}', which is not a task of this run. "
                            f"Tasks: {', '.join(names)}.")
        chosen[name] = symmetry
    return chosen
