"""The images of an unpaired training: loaded, checked, divided and measured.

TensorFlow is not needed for any of it, so mistakes in the data show at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microgan.config import TaskTrainingConfig
from microgan.datasets.grey_images import sizes_and_types
from microgan.datasets.normalization import TaskNormalization
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.sampling import TrainingTask
from microgan.datasets.splits import Split, fingerprint, indices_outside, split_unpaired
from microgan.datasets.task_files import DataDir
from microgan.datasets.unpaired_arrays import (
    UnpairedImages, load_unpaired, load_unpaired_test)
from microgan.methods.checked_pairs import load_checked_test_pairs
from microgan.methods.paired_data import (
    TaskData, chosen_symmetries, fit_ranges, refuse_leaks)

Images = list[np.ndarray]


@dataclass(frozen=True)
class UnpairedTaskData:
    """One task's images and how they are divided and normalised.

    Args:
        images: all but the test arrays.
        test_images: the test arrays, if any.
        degraded_split: parts of the degraded images.
        clean_split: parts of the clean images.
        extra_clean: more clean images to train on.
        normalization: ranges of the training images.
        symmetries: a key of `sampling.SYMMETRIES`.
    """

    images: UnpairedImages
    test_images: UnpairedImages | None
    degraded_split: Split
    clean_split: Split
    extra_clean: Images
    normalization: TaskNormalization
    symmetries: str

    def split_record(self) -> dict[str, Any]:
        """Record the split and the identity of its images, for `split.json`."""
        test = self.test_images
        return {"degraded": self.degraded_split.to_json(), "clean": self.clean_split.to_json(),
                "images": fingerprint(self.images.degraded, self.images.clean),
                "test_images": fingerprint(*(() if test is None else (test.degraded, test.clean))),
                "extra_images": fingerprint(self.extra_clean)}

    def describe(self) -> str:
        """Describe the split in a line for the user."""
        counts = [f"{kind} {len(split.train)} train, {len(split.validation)} validation, "
                  f"{len(split.test) or 'none'} test"
                  for kind, split in (("degraded", self.degraded_split),
                                      ("clean", self.clean_split))]
        extra = f" and {len(self.extra_clean)} extra" if self.extra_clean else ""
        return (f"{self.images.name}: {'; '.join(counts)}{extra}; symmetries: {self.symmetries}; "
                + sizes_and_types([*self.images.degraded, *self.images.clean]))

    def training_task(self) -> TrainingTask:
        """Return what training draws from."""
        degraded, clean = self.part("train")
        return TrainingTask(self.images.name, degraded, clean + self.extra_clean,
                            self.normalization, self.symmetries)

    def part(self, name: str) -> tuple[Images, Images]:
        """Degraded and clean images of `train`, `validation` or `test`."""
        from_test_arrays = name == "test" and self.test_images is not None
        images = self.test_images if from_test_arrays else self.images
        assert images is not None
        return ([images.degraded[i] for i in getattr(self.degraded_split, name)],
                [images.clean[i] for i in getattr(self.clean_split, name)])

    def seen(self) -> tuple[Images, Images]:
        """Degraded and clean images of validation and training, in this order."""
        validation, train = self.part("validation"), self.part("train")
        return validation[0] + train[0], validation[1] + train[1]


def load_unpaired_tasks(config: TaskTrainingConfig, names: tuple[str, ...]
                        ) -> dict[str, UnpairedTaskData]:
    """Load, check, divide and measure tasks.

    Args:
        config: its `seed` must be set.
        names: of the tasks.

    Raises:
        UserError: see `load_unpaired` and `split_unpaired`; or --symmetries names an unknown
            task.
    """
    symmetries = chosen_symmetries(names, config.symmetries)
    assert config.seed is not None
    tasks = {}
    for name in names:
        images = load_unpaired(config.data_folder, name)
        test_images = load_unpaired_test(config.data_folder, name)
        degraded_split, clean_split = split_unpaired(
            images, test_images, images_limit=config.images_limit,
            validation_fraction=config.validation_fraction,
            test_fraction=config.test_fraction, seed=config.seed)
        held_out = [images.clean[i] for i in clean_split.validation]
        held_out += ([images.clean[i] for i in clean_split.test] if test_images is None
                     else list(test_images.clean))
        extra = [images.extra_clean[i] for i in indices_outside(images.extra_clean, held_out)]
        normalization = fit_ranges(config.normalization, name,
                                   [images.degraded[i] for i in degraded_split.train],
                                   [images.clean[i] for i in clean_split.train] + extra)
        tasks[name] = UnpairedTaskData(images, test_images, degraded_split, clean_split, extra,
                                       normalization, symmetries[name])
    refuse_leaks({name: [*task.part("train")[1], *task.extra_clean]
                  for name, task in tasks.items()}, (
        (name, part, index, image) for name, task in tasks.items()
        for part in ("validation", "test")
        for index, image in zip(getattr(task.clean_split, part), task.part(part)[1])))
    return tasks


def without_pairs(images: UnpairedTaskData, data_dir: DataDir,
                  normalization: TaskNormalization) -> TaskData:
    """Turn unpaired images into the data of a training without real pairs.

    Args:
        images: of one task.
        data_dir: folder of its test pairs.
        normalization: its ranges.

    Returns:
        The task without degraded images, with test pairs if any; all clean images outside
        validation and test are to be degraded.

    Raises:
        UserError: see `load_checked_test_pairs`.
    """
    name = images.images.name
    test_pairs, findings = load_checked_test_pairs(data_dir, name)
    split = replace(images.clean_split, train=())
    if test_pairs is None:
        split = replace(split, test=(), test_from=None)
    return TaskData(PairedImages(name, (), images.images.clean), test_pairs, split,
                    normalization, images.symmetries,
                    clean_to_degrade=images.part("train")[1] + images.extra_clean,
                    test_findings=findings)
