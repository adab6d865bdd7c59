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
from microgan.generator_file import GeneratorInfo
from microgan.restoration.channels import find_channel_tasks
from microgan.restoration.planes import WritablePixels
from microgan.restoration.restorer import Restorer, load_blurrer, load_restorer
from microgan.restoration.stored_images import ImageFile, Pixels, Scratch, StoredImage
from microgan.restoration.trust import (
    mirrored_views, write_inconsistency, write_spread_of_views)

_LEAST_NOISE = 1e-3  # lower limit of the noise, share of the intensity range


def check_trust_config(config: RestoreConfig, info: GeneratorInfo) -> None:
    """Check the flags of trust maps before anything starts.

    Args:
        config: everything `restore.py` takes.
        info: of its generator.

    Raises:
        UserError: the generator adds defects, or the task is not named.
    """
    if config.trust_map and info.method == "cin_gan":
        raise UserError("--trust_map is for generators that restore; this one adds defects.")
    if config.trust_map and _restored_task(config, info) is None:
        raise UserError("--trust_map needs a task, whose intensities scale the differences: "
                        f"--task={' or --task='.join(info.tasks)}.")


def _restored_task(config: RestoreConfig, info: GeneratorInfo) -> str | None:
    """Return the task that is named, or the only one."""
    return config.task or (info.tasks[0] if len(info.tasks) == 1 else None)


def _uncertainty(config: RestoreConfig, info: GeneratorInfo) -> str:
    """Return which map of uncertainty there is."""
    return "interval" if _restored_task(config, info) in info.error_bounds else "spread"


def map_paths(target: Path, config: RestoreConfig, info: GeneratorInfo | None) -> list[Path]:
    """Return the map files of a restored file: interval or spread, inconsistency, scores."""
    if info is None or not config.trust_map:
        return []
    # cells.ome.tif becomes cells_spread.ome.tif.
    suffix = "".join(part for part in target.suffixes if part in (".ome", target.suffix))
    stem = target.name.removesuffix(suffix)
    return [target.with_name(name) for name in (
        f"{stem}_{_uncertainty(config, info)}{suffix}", f"{stem}_inconsistency{suffix}",
        f"{stem}_trust.json")]


class TrustMaps:
    """Write the trust maps of restored files.

    Args:
        config: everything `restore.py` takes.
        restorer: of its generator.

    Raises:
        UserError: a generator cannot be loaded.
    """

    def __init__(self, config: RestoreConfig, restorer: Restorer) -> None:
        self._config = config
        self._restorer = restorer
        self._is_mean = restorer.info.test_time_augmentation
        assert config.generator is not None
        # The average over mirror images is the same for each of them: it shows no spread.
        self._one_view = (load_restorer(config.generator, precision=config.precision,
                                        tile=config.tile, test_time_augmentation=False)
                          if self._is_mean else restorer)
        self._task = _restored_task(config, restorer.info)
        self._kind = _uncertainty(config, restorer.info)
        if self._kind == "spread":
            print("This generator has no interval of errors: trust maps show the spread over "
                  "mirror images. " + (
                      "Intervals hold only as it was trained, without --test_time_augmentation."
                      if config.test_time_augmentation is not None else
                      "Intervals come from a training on pairs, some of them for validation."))
        # Sharpened slices lack the blur of their neighbours, which only the generator knows.
        self._blurrer = (load_blurrer(config.generator, precision=config.precision,
                                      tile=config.tile)
                         if restorer.info.method == "zse_gan" else None)

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
                    len(mirrored_views(image.axes, with_plain=self._is_mean))
                    + (self._blurrer is not None))
                score[self._kind] = self._write_spread(seen[2], image, seen[1], target.parent,
                                                       progress)
                score["inconsistency"] = self._write_inconsistency(
                    seen[3], image, seen[1], target.parent, progress)
            for path, pixels in zip(paths, maps):
                file.write_like(path, pixels)
        write_json(paths[-1], scores)
        for label, score in scores.items():
            uncertainty, inconsistency = (significant(value, 4) for value in score.values())
            print(f"{name}: {label}: mean {self._kind} {uncertainty} of the intensity range, "
                  f"inconsistency {inconsistency} deviations of the noise", flush=True)

    def _write_spread(self, target: WritablePixels, image: StoredImage, restored: Pixels,
                      folder: Path, progress: Iterator[Callable[[float], None]]) -> float:
        # If the restored image is the mean over mirror images, the plain view is missing, too.
        mean = write_spread_of_views(
            target, image.pixels, image.axes, [] if self._is_mean else [restored],
            self._one_view, folder=folder, progress=progress,
            bounds=self._restorer.info.error_bounds.get(self._task or ""),
            task=self._config.task, nodata=self._config.nodata)
        return mean / self._span("clean")

    def _write_inconsistency(self, target: WritablePixels, image: StoredImage, restored: Pixels,
                             folder: Path, progress: Iterator[Callable[[float], None]]) -> float:
        with contextlib.ExitStack() as parts:
            if self._blurrer is not None:
                part = parts.enter_context(Scratch(folder, image.pixels.shape, np.float32))
                self._blurrer.restore_into(part, restored, axes=image.axes, task=self._task,
                                           nodata=self._config.nodata, progress=next(progress),
                                           report=lambda line: None)  # said before
                restored = part
            return write_inconsistency(target, image.pixels, restored, image.axes,
                                       _LEAST_NOISE * self._span("degraded"),
                                       self._config.nodata)

    def _span(self, kind: str) -> float:
        """Of the task's intensities."""
        assert self._task is not None
        intensities = getattr(self._restorer.info.normalization[self._task], kind)
        return float(intensities.high - intensities.low)
