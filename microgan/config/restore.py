"""Settings of `restore.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from microgan.config.base import Config, Meaningless, precision_setting, setting
from microgan.errors import UserError, printable

Item = TypeVar("Item")

_OF_NETWORKS = ("generator", "nodata", "trust_map", "tile", "test_time_augmentation", "precision",
                "backend", "dask")


@dataclass(frozen=True, kw_only=True)
class RestoreConfig(Config):
    """Settings of `restore.py`."""

    generator: str | None = setting(
        None, "The generator.h5 of a run folder. embedded: the one that comes with microgan, "
        "which has seen only simulated images.")
    method: str = setting(
        "network", "network: by --generator. filter: without training, by a linear filter. With "
        "--data_dir, it is measured on the pairs of --task, and every YX plane is filtered. "
        "Without, it sharpens grey z-stacks and is fitted to each: in three dimensions or, where "
        "the stack does not tell enough, slice by slice.", choices=("network", "filter"))
    data_dir: str | None = setting(
        None, "With --method=filter: folder of pairs as for train_cGAN.py, which tell the defect.")
    input: tuple[str, ...] = setting(
        (), "Files to restore, separated by commas: .npy, .tif, .tiff, .png, .zarr (OME-Zarr), or "
        ".czi, .lif, .nd2 (written as OME-TIFF); folders of such files, or quoted patterns such "
        "as 'cells/*.tif'. Put a name with a comma in double quotes.")
    output: str = setting("restored", "Folder for the restored files, which keep their names.")
    output_type: str = setting(
        "same", "Number type of the restored files. same: the input's; integers are rounded. "
        "float32: nothing is rounded or clipped.", choices=("same", "float32"))
    task: str | None = setting(
        None, "Task whose intensity constants to use; with a CIN-GAN generator, the defect to "
        "add. Unset: the generator's only task, or each image's 0.1 and 99.9 percentiles.")
    axes: str | None = setting(
        None, "The images' axes, one letter each, such as TZYX; every YX plane is restored. "
        "Unset: those stored in a TIFF; YX or ZYX for an array.")
    nodata: float | None = setting(
        None, "Value of the pixels that were not measured, such as the borders of stitched "
        "images: a number, or nan. They stay unchanged and out of all statistics; the network "
        "sees them filled in from around. Unset: numbers that no camera measures are refused.",
        is_finite=False)
    trust_map: bool = setting(
        False, "Also write, for each file, NAME_interval: within so much of the restored values "
        "90 % of the true ones are expected (without pairs in the training, NAME_spread: how far "
        "restorations of mirror images differ); NAME_inconsistency: how far the restored image, "
        "blurred again, is from the measured one, in standard deviations of the noise; and "
        "NAME_trust.json, their means.")
    tile: int | None = setting(
        None, "Largest side in pixels of the tiles in which large images are restored; memory "
        "grows with its square. Unset: what free memory allows.", minimum=16)
    test_time_augmentation: bool | None = setting(
        None, "Average over the image and its three mirror images: more precise, four times the "
        "work; for generators of --recipe=limited. Unset: as recorded in generator.h5.")
    shard: str | None = setting(
        None, "Restore a part of the files, so that several jobs share the work: 2/8 is the "
        "second of eight parts. In a Slurm array: --shard=$SLURM_ARRAY_TASK_ID/8. Unset: all "
        "files.")
    dask: str | None = setting(
        None, "Restore on a Dask cluster: the address of its scheduler, such as tcp://host:8786, "
        "or local:2 for two processes on this machine. The workers need microgan and the same "
        "paths. Run again after a failure, it continues where it stopped. Unset: in this process.")
    overwrite: bool = setting(False, "Replace files of the same name in --output.")
    precision: str = precision_setting()
    backend: str = setting(
        "auto", "What computes the network. onnx: ONNX Runtime, which starts without TensorFlow "
        "and computes in float32 on the CPU; for generators without instance norms. auto: that, "
        "if it is installed, for a few images (2 million pixels, each mirror image counted); "
        "otherwise TensorFlow.", choices=("auto", "tensorflow", "onnx"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method == "network" and not self.generator:
            raise UserError("--generator is missing: name the generator.h5 of a run folder, or "
                            "embedded; or, for z-stacks or with pairs in --data_dir, pass "
                            "--method=filter.")
        if not self.input:
            raise UserError("--input is missing: name the files to restore.")
        if self.dask is not None and not re.fullmatch(r"local:[1-9][0-9]{0,3}|[a-z]+://.+",
                                                      self.dask):
            raise UserError("--dask must be a scheduler's address such as tcp://host:8786, or "
                            "local:2 for two processes on this machine. Received: "
                            f"{printable(self.dask, limit=60)}")
        if self.dask is not None and self.trust_map:
            raise UserError("--dask makes no trust maps: leave out --trust_map or --dask.")
        if self.backend == "onnx" and (self.trust_map or self.dask is not None):
            raise UserError(f"--{'trust_map' if self.trust_map else 'dask'} needs TensorFlow: "
                            "leave out --backend=onnx.")
        self._shard()

    def in_shard(self, files: Sequence[Item]) -> list[Item]:
        """Return those of all files, in order, that are this job's."""
        number, count = self._shard()
        return list(files[number - 1::count])

    def _shard(self) -> tuple[int, int]:
        """Return the number of this job, from 1, and of all jobs."""
        if self.shard is None:
            return 1, 1
        numbers = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", self.shard)
        if numbers is None or not 1 <= int(numbers[1]) <= int(numbers[2]):
            raise UserError("--shard must be a number and how many there are, such as 2/8, "
                            f"counted from 1. Received: {printable(self.shard, limit=60)}")
        return int(numbers[1]), int(numbers[2])

    def meaningless(self) -> dict[str, Meaningless]:
        if self.method == "filter":
            found = dict.fromkeys(_OF_NETWORKS, Meaningless("with --method=filter",
                                                            "leave that out"))
            return found if self.data_dir else {**found, "task": Meaningless(
                "with --method=filter for z-stacks", "name the pairs' folder with --data_dir")}
        return {"data_dir": Meaningless("without --method=filter", "add that")}
