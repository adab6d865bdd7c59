"""A generator's scores on pairs of images, as files and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.evaluation.figures import save_extremes_figure
from microgan.evaluation.scores import (
    RAW_INPUT, RESTORED, ImageScore, not_tested_rows, score_task, summarize)
from microgan.evaluation.tables import overview_table, write_scores
from microgan.generator_file import GeneratorInfo
from microgan.restoration.restorer import restore_planes

if TYPE_CHECKING:
    import keras


def score_generator(model: keras.Model, info: GeneratorInfo,
                    parts: Mapping[str, tuple[Sequence[Any], Sequence[np.ndarray],
                                              Sequence[np.ndarray]]],
                    *, split: str, folder: Path) -> str:
    """Restore degraded images, score them beside the raw input, write tables and figures.

    Args:
        model: the generator.
        info: what its file says of it; its constants of every task in `parts`.
        parts: by task, what to call the images, the degraded and the clean ones (Y, X); a
            task without images is listed as not tested.
        split: "test" or "validation".
        folder: gets `scores.md`, `scores.csv`, `scores.json`, `scores_per_image.csv` and
            `scores_TASK.png`.

    Returns:
        The table, PSNR and SSIM under each protocol.
    """
    rows: list[dict[str, Any]] = []
    all_scores: list[ImageScore] = []
    for task, (names, degraded, clean) in parts.items():
        if not len(clean):
            rows += not_tested_rows(task, split)
            continue
        constants = info.normalization[task]
        restored = restore_planes(model, degraded, constants.degraded, constants.clean)
        scores = score_task(task, split, clean=clean, images=names, normalization=constants,
                            candidates={RAW_INPUT: degraded, RESTORED: restored})
        save_extremes_figure(folder / f"scores_{task}.png", scores, clean=clean,
                             restored=restored, degraded=degraded, normalization=constants)
        rows += summarize(scores)
        all_scores += scores
    write_scores(folder, rows, all_scores)
    return overview_table(rows)
