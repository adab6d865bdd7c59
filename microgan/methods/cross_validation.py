"""Cross-validation: scores for sets that are too small to keep a test part."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgan.datasets.splits import left_out_groups, left_out_splits
from microgan.errors import UserError
from microgan.evaluation.scores import CROSS_VALIDATION
from microgan.files.whole import make_folder
from microgan.methods.paired_data import TaskData, check_parts, fit_ranges
from microgan.restoration.in_memory import InMemoryRestorer
from microgan.runs.method import Report
from microgan.runs.run_files import FOLDS
from microgan.runs.workers import this_worker

if TYPE_CHECKING:
    from microgan.methods.cgan import CGAN
    from microgan.programs.scoring import RestoredImages

# Divisions to advise. Two need as many pairs as four.
_USUAL_COUNT, _LEAST_COUNT = 5, 3
_FOLD_REPORT = Report("The scores are those of the whole run, two folders up.", "")


def honest_scores(tasks: dict[str, TaskData], seed: int) -> str:
    """Say how to get honest scores of tasks without test pairs.

    Args:
        tasks: as for `divided`.
        seed: of the run.
    """
    most = min(len(left_out_groups(task.as_stored().pairs, task.split, seed))
               for task in tasks.values())
    count = min(most, _USUAL_COUNT)
    text = ("Too few pairs to keep some for a test. For honest scores, run the same command with "
            f"--resume --cross_validate={count}: it trains {count} networks more, each without "
            "its share of the pairs. Or test on other pairs: add "
            if count >= _LEAST_COUNT else
            "Too few pairs, or files of many planes, to keep some for a test or for a "
            "cross-validation. For honest scores, add pairs of other samples, or ")
    return (f"{text}NAME_test_X.npy and NAME_test_Y.npy, or NAME_test/degraded and "
            "NAME_test/clean, and run evaluate.py.")


def divided(tasks: dict[str, TaskData], config: Any) -> list[dict[str, TaskData]]:
    """Divide the pairs of all tasks so that each is left out once.

    Args:
        tasks: loaded; their test pairs are not touched.
        config: of the run, with `cross_validate`.

    Returns:
        For each further training, its tasks, whose test part is left out.

    Raises:
        UserError: there are too few pairs, or a clean image is in several tasks; or several
            processes train together.
    """
    if this_worker().count > 1:
        raise UserError(f"--cross_validate={config.cross_validate} needs a single process, not "
                        "several (TF_CONFIG). Leave it out here, and add it with --resume in one.")
    folds: list[dict[str, TaskData]] = [{} for _ in range(config.cross_validate)]
    for name, task in tasks.items():
        splits = left_out_splits(
            task.as_stored().pairs, task.split, count=config.cross_validate,
            validation_fraction=config.validation_fraction, seed=config.seed)
        for fold, split in zip(folds, splits):
            of_fold = replace(task, split=split, test_pairs=None)
            fold[name] = replace(of_fold, normalization=fit_ranges(
                config.normalization, name, *of_fold.part("train")))
    for fold in folds:
        check_parts(fold)
    return folds


def restored_when_left_out(method: CGAN, folder: Path, folds: list[dict[str, TaskData]]
                           ) -> list[RestoredImages]:
    """Train once for each division of the pairs, and restore those that were left out.

    Every training has a folder in `folds`, in which it goes on if it was stopped.

    Args:
        method: of the whole run.
        folder: of the whole run.
        folds: from `divided`. A dry run does the first only.

    Returns:
        The pairs of every task, in the order of their files.
    """
    from microgan.runs.run import finish_page, prepared

    left_out: dict[str, dict[int, tuple[Any, Any]]] = {name: {} for name in method.tasks}
    for number, tasks in enumerate(folds[:1] if method.config.dry_run else folds, start=1):
        print(f"Cross-validation, training {number} of {len(folds)}.")
        fold = type(method)(method.config.replaced(
            resume=True, overwrite=False, cross_validate=None))
        fold.take(tasks)
        fold.skipped = method.skipped
        fold.folds = folds[number:]  # for the time that is left
        inner = folder / FOLDS / f"{number}_of_{len(folds)}"
        make_folder(inner, "--dir")
        run = prepared(fold, inner)
        run.do_updates()
        restore = InMemoryRestorer(*fold.load_best(inner))
        for name, task in tasks.items():
            degraded = task.degraded_part("test")
            filtered = fold.filtered(name, degraded)
            left_out[name].update(zip(task.split.test, zip(
                restore(name, degraded), filtered or itertools.repeat(None))))
        finish_page(inner, fold, run.history.rows, _FOLD_REPORT)
    return [_as_images(method.tasks[name], found) for name, found in left_out.items()]


def _as_images(task: TaskData, found: dict[int, tuple[Any, Any]]) -> RestoredImages:
    from microgan.programs.scoring import RestoredImages

    indices = sorted(found)
    restored, filtered = zip(*(found[index] for index in indices))
    return RestoredImages(
        task.pairs.name, CROSS_VALIDATION, [task.pairs.image_name(index) for index in indices],
        [task.pairs.clean[index] for index in indices], restored,
        [task.pairs.degraded[index] for index in indices], task.normalization,
        None if any(image is None for image in filtered) else filtered)
