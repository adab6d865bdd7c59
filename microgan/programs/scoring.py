"""Restored images' scores as files, figures and a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.datasets.normalization import TaskNormalization
from microgan.evaluation.figures import save_extremes_figure
from microgan.evaluation.scores import (
    LINEAR_FILTER, RAW_INPUT, RESTORED, ImageScore, not_tested_rows, score_task, summarize)
from microgan.evaluation.tables import overview_table, write_scores
from microgan.generator_file import GeneratorInfo
from microgan.restoration.in_memory import InMemoryRestorer

if TYPE_CHECKING:
    import keras

Images = Sequence[np.ndarray]
# By task: what to call the images, the degraded ones and the clean ones.
Parts = Mapping[str, tuple[Sequence[Any], Images, Images]]


@dataclass(frozen=True)
class RestoredImages:
    """The images of one task, ready to be scored.

    Args:
        task: its name.
        split: name of the part, for the table.
        names: of the images.
        clean: images (Y, X); none if the task is not tested.
        restored: like `clean`.
        degraded: like `clean`, or None if unknown.
        normalization: the task's intensity constants, or None if the `range` protocol has no
            meaning.
        filtered: like `clean`, what the linear filter makes of the degraded images; None if
            unknown.
    """

    task: str
    split: str
    names: Sequence[Any]
    clean: Images
    restored: Images
    degraded: Images | None
    normalization: TaskNormalization | None
    filtered: Images | None = None


def score_generator(model: keras.Model, info: GeneratorInfo, parts: Parts, *, split: str,
                    folder: Path, stretched: Sequence[str] = ()) -> str:
    """Restore degraded images, score them and the raw input, write tables and figures.

    Args:
        model: the generator.
        info: its description.
        parts: by task, names, degraded and clean images (Y, X); a task without images is listed
            as not tested.
        split: "test" or "validation".
        folder: as for `write_report`.
        stretched: tasks whose images were each stretched to their extremes, so that the `range`
            protocol has no meaning.

    Returns:
        The table, PSNR and SSIM under each protocol.
    """
    restore = InMemoryRestorer(model, info)

    return write_report((
        RestoredImages(task, split, names, clean, restore(task, degraded), degraded,
                       None if task in stretched else info.normalization.get(task))
        for task, (names, degraded, clean) in parts.items()), folder=folder)


def write_report(tasks: Iterable[RestoredImages], *, folder: Path) -> str:
    """Score restored images and the raw input, if known; write tables and figures.

    Args:
        tasks: their images, one task and part after the other. The figure of a task shows the
            first of its parts.
        folder: for `scores.md`, `scores.csv`, `scores.json`, `scores_per_image.csv` and
            `scores_TASK.png`; must exist.

    Returns:
        The table, PSNR and SSIM under each protocol.
    """
    rows: list[dict[str, Any]] = []
    all_scores: list[ImageScore] = []
    drawn = set()
    for images in tasks:
        if not len(images.clean):
            rows += not_tested_rows(images.task, images.split)
            continue
        candidates = {name: each for name, each in (
            (RAW_INPUT, images.degraded), (LINEAR_FILTER, images.filtered)) if each is not None}
        scores = score_task(images.task, images.split, clean=images.clean, images=images.names,
                            candidates={**candidates, RESTORED: images.restored},
                            normalization=images.normalization)
        if images.task not in drawn:
            save_extremes_figure(folder / f"scores_{images.task}.png", scores,
                                 clean=images.clean, restored=images.restored,
                                 degraded=images.degraded, normalization=images.normalization)
        drawn.add(images.task)
        rows += summarize(scores)
        all_scores += scores
    write_scores(folder, rows, all_scores)
    return overview_table(rows)
