"""The maps that `restore.py --trust_map` writes beside restored files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from microgan.runtime.amounts import significant
from microgan.config import RestoreConfig
from microgan.errors import UserError
from microgan.runtime.progress import Progress
from microgan.files.whole import write_json
from microgan.generator_file import GeneratorInfo, read_info
from microgan.restoration.channels import find_channel_tasks
from microgan.restoration.checks import check_task
from microgan.restoration.planes import WritablePixels
from microgan.restoration.restorer import Restorer, load_blurrer, load_restorer
from microgan.restoration.stored_images import ImageFile, Pixels, Scratch, StoredImage
from microgan.restoration.trust import (
    mirrored_views, write_inconsistency, write_spread_of_views)

_NUM_DRAWS = 4  # of a random defect, whose mean is compared
_LEAST_NOISE = 1e-3  # lower bound of the noise, share of the intensity range


def check_trust_config(config: RestoreConfig, info: GeneratorInfo) -> None:
    """Check the flags of trust maps before anything starts.

    Args:
        config: everything `restore.py` takes.
        info: of its generator.

    Raises:
        UserError: a file is missing or of another kind, or the task is unknown or not named.
    """
    if config.trust_map and info.method == "cin_gan":
        raise UserError("--trust_map is for generators that restore; this one adds defects.")
    if config.trust_map and _restored_task(config, info) is None:
        raise UserError("--trust_map needs a task, whose intensities scale the differences: "
                        f"--task={' or --task='.join(info.tasks)}.")
    if config.cin_generator_path and info.method == "zse_gan":
        raise UserError("--cin_generator_path is for images: a z-stack generator blurs stacks "
                        "again by itself. Leave it out.")
    for path in config.snapshots:
        if read_info(path, method=info.method).tasks != info.tasks:
            raise UserError(f"{path} in --snapshots was trained on other tasks than --generator.")
    if config.cin_generator_path:
        check_task(read_info(config.cin_generator_path, method="cin_gan"),
                   _restored_task(config, info))


def _restored_task(config: RestoreConfig, info: GeneratorInfo) -> str | None:
    """Return the task that is named, or the only one."""
    return config.task or (info.tasks[0] if len(info.tasks) == 1 else None)


def map_paths(target: Path, config: RestoreConfig, info: GeneratorInfo) -> list[Path]:
    """Return the map files of a restored file: spread, inconsistency, scores."""
    if not config.trust_map:
        return []
    # cells.ome.tif becomes cells_spread.ome.tif.
    suffix = "".join(part for part in target.suffixes if part in (".ome", target.suffix))
    stem = target.name.removesuffix(suffix)
    names = [f"{stem}_spread{suffix}", f"{stem}_trust.json"]
    if config.cin_generator_path or info.method == "zse_gan":
        names.insert(1, f"{stem}_inconsistency{suffix}")
    return [target.with_name(name) for name in names]


class TrustMaps:
    """Write the trust maps of restored files.

    Args:
        config: everything `restore.py` takes.
        restorer: of its generator.

    Raises:
        UserError: a generator cannot be loaded.
    """

    def __init__(self, config: RestoreConfig, restorer: Restorer) -> None:
        def load(path: str) -> Restorer:
            # The average over mirror images is the same for each of them: it shows no spread.
            return load_restorer(path, precision=config.precision, tile=config.tile,
                                 test_time_augmentation=False)

        self._config = config
        self._restorer = restorer
        self._is_mean = restorer.info.test_time_augmentation
        assert config.generator is not None
        self._one_view = load(config.generator) if self._is_mean else restorer
        self._snapshots = [load(path) for path in config.snapshots]
        self._degrader: Restorer | None = None
        self._num_draws = 0
        self._task = _restored_task(config, restorer.info)
        self._units = dict.fromkeys(("spread", "inconsistency"), "of the intensity range")
        if restorer.info.method == "zse_gan":
            self._degrader = load_blurrer(config.generator, precision=config.precision,
                                          tile=config.tile)
            self._num_draws = 1
        elif config.cin_generator_path:
            self._degrader, self._num_draws = load(config.cin_generator_path), _NUM_DRAWS
            self._units["inconsistency"] = "deviations of the noise"
        else:
            print("No --cin_generator_path: trust maps show the spread only, not whether restored "
                  "and measured images agree.")

    def write(self, file: ImageFile, target: Path, restored: Sequence[Scratch],
              name: str) -> None:
        """Write the maps of one file and print its scores.

        Args:
            file: the measured images.
            target: the restored file.
            restored: its images.
            name: what to call the file.
        """
        paths = map_paths(target, self._config, self._restorer.info)
        scores: dict[str, dict[str, float]] = {}
        with contextlib.ExitStack() as parts:
            maps: list[list[Scratch]] = [[] for _ in paths[:-1]]
            for image, part in zip(file.images, restored):
                for each in maps:
                    each.append(parts.enter_context(
                        Scratch(target.parent, image.pixels.shape, np.float32)))
                seen: list[Any] = [image.pixels, part, *(each[-1] for each in maps)]
                channels = find_channel_tasks(self._restorer.info, image, self._task)
                if channels is not None:  # one, of the only task; maps of the others are 0
                    ((number, _),) = channels.chosen()
                    seen = [channels.view(pixels, number) for pixels in seen]
                image = replace(image, pixels=seen[0])
                score = scores[image.label or "image"] = {}
                progress = Progress(f"{name} {image.label}".strip() + ": trust maps").steps(
                    len(self._views(image.axes)) + self._num_draws)
                score["spread"] = self._write_spread(seen[2], image, seen[1], target.parent,
                                                     progress)
                if self._degrader is not None:
                    score["inconsistency"] = self._write_inconsistency(
                        seen[3], image, seen[1], target.parent, progress)
            for path, pixels in zip(paths, maps):
                file.write_like(path, pixels)
        write_json(paths[-1], scores)
        for label, score in scores.items():
            values = ", ".join(f"{kind} {significant(value, 4)} {self._units[kind]}"
                               for kind, value in score.items())
            print(f"{name}: {label}: mean {values}", flush=True)

    def _views(self, axes: str) -> list[tuple[Restorer, tuple[int, ...]]]:
        """Return the restorations of the spread: network, and axes to mirror the image along."""
        # If the restored image is the mean over mirror images, the plain view is missing, too.
        return [*mirrored_views(self._one_view, axes, with_plain=self._is_mean),
                *((snapshot, ()) for snapshot in self._snapshots)]

    def _write_spread(self, target: WritablePixels, image: StoredImage, restored: Pixels,
                      folder: Path, progress: Iterator[Callable[[float], None]]) -> float:
        mean = write_spread_of_views(
            target, image.pixels, image.axes, [] if self._is_mean else [restored],
            self._views(image.axes), folder=folder, progress=progress,
            task=self._config.task, nodata=self._config.nodata)
        return mean / self._span("clean")

    def _write_inconsistency(self, target: WritablePixels, image: StoredImage, restored: Pixels,
                             folder: Path, progress: Iterator[Callable[[float], None]]) -> float:
        assert self._degrader is not None
        with contextlib.ExitStack() as parts:
            draws = []
            for seed in range(self._num_draws):
                part = parts.enter_context(
                    Scratch(folder, image.pixels.shape, np.float32))
                self._degrader.restore_into(part, restored, axes=image.axes, seed=seed,
                                            task=self._task, nodata=self._config.nodata,
                                            report=_silent, progress=next(progress))
                draws.append(part)
            span = self._span("degraded")
            mean = write_inconsistency(target, image.pixels, draws, image.axes,
                                       _LEAST_NOISE * span, self._config.nodata)
            return mean if self._num_draws > 1 else mean / span

    def _span(self, kind: str) -> float:
        """Of the task's intensities."""
        assert self._task is not None
        intensities = getattr(self._restorer.info.normalization[self._task], kind)
        return float(intensities.high - intensities.low)


def _silent(line: str) -> None:
    """Print nothing: the notes were printed when the image was restored."""
