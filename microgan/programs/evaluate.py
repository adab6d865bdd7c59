"""`evaluate.py` from config to tables and figures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.config import EvaluateConfig
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.moved_pairs import Shift, move_pairs
from microgan.datasets.paired_arrays import (
    PairedImages, find_datasets, load_pairs, load_test_pairs)
from microgan.datasets.splits import fingerprint
from microgan.datasets.task_files import channels_of
from microgan.errors import UserError
from microgan.evaluation import SCORE_FILES
from microgan.programs.evaluate_stacks import evaluate_stacks
from microgan.files.whole import make_folder
from microgan.generator_file import GeneratorInfo, load_generator, read_info
from microgan.files.names import find_file, print_skipped, shown
from microgan.restoration.checks import choose_augmentation
from microgan.restoration.image_files import SUFFIXES, images_in_folder, read_image
from microgan.restoration.matched_axes import matched_planes
from microgan.runtime.startup import import_tensorflow_quietly

if TYPE_CHECKING:
    from microgan.programs.scoring import Parts


def evaluate(config: EvaluateConfig) -> list[dict[str, Any]]:
    """Score a generator on pairs or z-stacks, or restored files; print the table.

    Every file is checked before TensorFlow is loaded; without a generator it never is.

    Args:
        config: everything `evaluate.py` takes.

    Returns:
        The rows of `scores.json`, one per task and method; for z-stacks, the criteria of
        `z_stack_report.json`.

    Raises:
        UserError: a mistake in the flags or files, or earlier scores in the folder; or, after
            everything is written, restored images that cannot be scored.
    """
    if config.stacks:
        return evaluate_stacks(config)
    folder = Path(config.output)
    earlier = _earlier_results(folder)
    if earlier and not config.overwrite:
        raise UserError(f"{earlier[0]} exists. Choose another folder with --output, or replace "
                        "the scores in it with --overwrite.")
    if config.generator:
        table = _score_generator(config, config.generator, folder, earlier)
    else:
        table = _score_files(config, folder, earlier)
    print(f"{table}\n\nMore in {folder}: scores.md (deviations, intervals, NRMSE, resolution), "
          "scores.csv, scores.json, scores_per_image.csv and figures.")
    rows: list[dict[str, Any]] = json.loads((folder / SCORE_FILES[-1]).read_text("utf-8"))
    if config.generator:
        _refuse_unscored(rows, config.generator)
    return rows


def _refuse_unscored(rows: list[dict[str, Any]], generator: str) -> None:
    """Fail, once all is written, where restored images cannot be scored but their inputs can.

    Raises:
        UserError: they are NaN or infinite, or beyond what cameras measure.
    """
    unscored = {(row["task"], row["protocol"], row["method"]): row["not_scored"] for row in rows}
    for row in rows:
        others = unscored.get((row["task"], row["protocol"], "raw input"), 0)
        if row["method"] == "restored" and row["not_scored"] > others:
            raise UserError(f"What {generator} makes of '{row['task']}' cannot be scored: "
                            f"{row['problems']}. Train it again, or try --precision=float32.")


def _earlier_results(folder: Path) -> list[Path]:
    """Return the files of an earlier evaluation: tables, and figures of their tasks."""
    try:
        rows = json.loads((folder / SCORE_FILES[-1]).read_text(encoding="utf-8"))
        figures = [f"scores_{task}.png" for task in dict.fromkeys(row["task"] for row in rows)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        figures = []  # none, or not ours
    return [folder / name for name in (*SCORE_FILES, *figures) if (folder / name).exists()]


def _score_generator(config: EvaluateConfig, generator: str, folder: Path,
                     earlier: list[Path]) -> str:
    info = choose_augmentation(read_info(generator), config.test_time_augmentation)
    parts = _load_parts(config, info)
    make_folder(folder, "--output")
    import_tensorflow_quietly()
    from microgan.programs.scoring import score_generator

    model, _ = load_generator(generator, precision=config.precision)
    table = score_generator(model, info, parts, split=config.split, folder=folder,
                            stretched=config.stretched)
    _remove_stale_figures(earlier, parts)
    return table


def _score_files(config: EvaluateConfig, folder: Path, earlier: list[Path]) -> str:
    names, images = _load_files(config)
    make_folder(folder, "--output")
    from microgan.programs.scoring import RestoredImages, write_report

    table = write_report([RestoredImages("files", "files", names, images["clean"],
                                         images["restored"], images["degraded"] or None, None)],
                         folder=folder)
    _remove_stale_figures(earlier, ["files"])
    return table


def _remove_stale_figures(earlier: list[Path], tasks: Iterable[str]) -> None:
    """Remove the figures of tasks that are no longer scored; the rest was overwritten."""
    for path in earlier:
        if path.suffix == ".png" and path.stem.removeprefix("scores_") not in tasks:
            path.unlink()


def _load_parts(config: EvaluateConfig, info: GeneratorInfo) -> Parts:
    """Load the images to score, by task."""
    for flag, names in (("datasets", config.datasets), ("stretched", config.stretched)):
        unknown = [name for name in names if info.tasks and name not in info.tasks]
        if unknown:
            raise UserError(f"--{flag} names '{unknown[0]}', which the generator was not trained "
                            f"on. Its tasks: {', '.join(info.tasks)}.")
    data = replace(config.data_folder, upsample=info.upsample > 1)
    test_pairs = {name: load_test_pairs(data, name) if config.split == "test" else None
                  for name in config.datasets or info.tasks or find_datasets(data)}
    parts: dict[str, Any] = {}
    for name in config.datasets or _tasks_present(config, test_pairs):
        pairs = test_pairs[name]
        if pairs is not None:
            indices = list(range(len(pairs)))
        else:
            pairs = load_pairs(data, name)
            # One without tasks has learned from none of them.
            indices, moves = (_recorded_split(config, name, pairs) if info.tasks
                              else (list(range(len(pairs))), {}))
            pairs = move_pairs(pairs, moves)
        if pairs.upsample != info.upsample:
            raise UserError(f"The clean images of '{pairs.name}' are {pairs.upsample} times as "
                            "large as the degraded ones, but the generator enlarges "
                            f"{info.upsample} times. Choose others with --datasets.")
        indices = indices[:config.eval_limit]
        parts[name] = (indices, [pairs.degraded[index] for index in indices],
                       [pairs.clean[index] for index in indices])
    return parts


def _tasks_present(config: EvaluateConfig,
                   test_pairs: dict[str, PairedImages | None]) -> list[str]:
    """Return the generator's tasks in --data_dir, as test arrays or as pairs."""
    present = {name for name, pairs in test_pairs.items() if pairs is not None}
    try:
        present.update(find_datasets(config.data_folder))
    except UserError:
        if not present:  # test arrays alone are enough
            raise
    present.update(channels_of(config.data_folder, test_pairs))
    absent = [name for name in test_pairs if name not in present]
    if len(absent) == len(test_pairs):
        raise UserError(f"{config.data_dir} has images of none of the generator's tasks: "
                        f"{', '.join(test_pairs)}. Check --data_dir.")
    if absent:
        print(f"Not in {config.data_dir}, so not scored: {', '.join(absent)}.")
    return [name for name in test_pairs if name in present]


def _recorded_split(config: EvaluateConfig, name: str, pairs: PairedImages
                    ) -> tuple[list[int], dict[int, Shift]]:
    """Return which pairs training held out and which it moved, from its `split.json`."""
    assert config.generator is not None
    path = Path(config.generator).with_name("split.json")
    if not path.is_file():
        raise UserError(
            f"Nothing says which pairs of '{name}' training did not learn from: there is neither "
            f"{name}_test_X.npy in {config.data_dir} nor {path}.")
    try:
        split: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        indices = [int(index) for index in split[name][config.split]]
        images = split[name]["images"]
        moves = {int(index): (int(y), int(x))
                 for index, (y, x) in split[name].get("moves", {}).items()}
        from_these_pairs = config.split == "validation" or split[name]["test_from"] == name
        if not all(0 <= index < len(pairs) for index in (*indices, *moves)):
            raise ValueError("there are fewer pairs")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} does not say which pairs of '{name}' are for {config.split}. Get "
                        "a whole copy of the run folder.") from error
    if not indices or not from_these_pairs:
        raise UserError(f"Training kept no pairs of '{name}' for the {config.split}, and there is "
                        f"no {name}_test_X.npy or {name}_test/degraded in {config.data_dir}. "
                        "Choose other tasks with --datasets, or --split=validation.")
    if images == fingerprint((), pairs.clean):
        raise UserError(f"Training had no real pairs of '{name}': its weights were chosen on "
                        "synthetic ones. Score held-out pairs with --split=test.")
    if images != fingerprint(pairs.degraded, pairs.clean):
        raise UserError(f"The pairs of '{name}' in {config.data_dir} are not those of the "
                        f"training, so {path} does not say which were held out. Name the data "
                        "of the training with --data_dir.")
    return indices, moves


def _load_files(config: EvaluateConfig) -> tuple[list[str], dict[str, list[np.ndarray]]]:
    """Read the planes of all files: names, and `restored`, `clean` and `degraded` images."""
    images: dict[str, list[np.ndarray]] = {"restored": [], "clean": [], "degraded": []}
    names: list[str] = []
    notes, matched = FileNotes(), list[str]()
    for paths in _matched_files(config):
        found = {kind: read_image(paths[kind], notes, axes=config.axes)
                 for kind in ("clean", "restored", "degraded") if kind in paths}
        planes = matched_planes({f"{paths[kind]} ({kind})": image
                                 for kind, image in found.items()}, matched.append)
        name = shown(paths["clean"].name)
        names += ([name] if len(planes[0]) == 1 else
                  [f"{name}[{index}]" for index in range(len(planes[0]))])
        for kind, stack in zip(found, planes):
            images[kind] += list(stack)
    notes.print()
    if matched:
        others = f" The same {len(matched) - 1} times more." if matched[1:] else ""
        print(f"{matched[0]}{others}")
    limit = config.eval_limit
    return names[:limit], {kind: planes[:limit] for kind, planes in images.items()}


def _matched_files(config: EvaluateConfig) -> Iterable[dict[str, Path]]:
    """Yield files that belong together, by kind; files of folders are matched by name."""
    kinds = ("restored", "clean", *(("degraded",) if config.degraded else ()))
    for given in zip(*(getattr(config, kind) for kind in kinds)):
        paths = {kind: Path(path) for kind, path in zip(kinds, given)}
        found = images_in_folder(paths["restored"])
        if found is None:
            yield paths
            continue
        if not found:
            raise UserError(f"{paths['restored']} has no files that end in {', '.join(SUFFIXES)}.")
        used = {kind: [find_file(path, file.name) for file in found]
                for kind, path in paths.items()}
        for kind in kinds[1:]:
            others = set(images_in_folder(paths[kind]) or ()) - set(used[kind])
            print_skipped([f"{path.name} (not in {paths['restored']})"
                           for path in sorted(others)], paths[kind])
        yield from (dict(zip(used, files)) for files in zip(*used.values()))
