"""How long a user waits for a restored file, beside CARE, from the command to the file.

Restores an image by the generator of `--recipe=limited`, as `restore.py` does by default, and by
CARE's network in its own package and in PyTorch: with mirror images and without, in turn. The
stack is restored by `restore.py --method=filter` and by a generator of `train_zsegan.py`. Writes
wall-clock and processor time, the smallest of all rounds: other programs only add to them. Give
all the same processors:

    taskset -c 0 python -m benchmarks.restore_waits --output=restore_waits.csv
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.cells import write_rows
from benchmarks.timing import measured_in_turn
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError
from microgan.generator_file import GeneratorInfo, build_network, save_generator
from microgan.runtime.machine import processor
from microgan.runtime.startup import import_tensorflow_quietly
from microgan.simulation.fitted_microscope import (
    NONNEGATIVE_3D, POWER_FREQUENCIES, MicroscopeFit, StackBase)
from microgan.simulation.microscope import Microscope

_ROOT = Path(__file__).resolve().parent.parent
_STACK = "stack"
_STACK_SHAPE = (61, 1024, 1024)
# By the name of a generator file: method, network, its arguments and axes.
_GENERATORS = {
    "cgan.h5": ("cgan", "unet", {"filters": 16, "depth": 3}, "YX"),
    "zse_gan.h5": ("zse_gan", "correction", {"filters": 16}, "ZYX")}
# What comes before the network of the stack.
_BASE = StackBase(NONNEGATIVE_3D, 0.7, _STACK_SHAPE[0], MicroscopeFit(
    Microscope(focal_plane=30, lateral_growth_per_um=0.004, axial_growth_per_um=0.004),
    (5.0, 55.0), 100.0, tuple(np.linspace(14, 2, len(POWER_FREQUENCIES)))))
# Arguments: image, result, whether to average over mirror images. As each one's pages show it.
_BY_CARE = """
import sys
import numpy as np, tifffile
{load}
image = tifffile.imread(sys.argv[1])
mirrors = [(), (0,), (1,), (0, 1)] if sys.argv[3] == "True" else [()]
restored = np.mean([np.flip(restore(np.flip(image, axes).copy()), axes) for axes in mirrors], 0)
tifffile.imwrite(sys.argv[2], np.clip(np.round(restored), 0, 65535).astype(np.uint16))
"""
_CSBDEEP = """
from csbdeep.models import CARE, Config
model = CARE(Config("YX"), "untrained", basedir=None)
restore = lambda image: model.predict(image, "YX")
"""
_TORCH = """
import torch
from benchmarks.torch_networks import CARENet
network = CARENet().eval().to(memory_format=torch.channels_last)
def restore(image):
    low, high = np.percentile(image, (3, 99.8))
    values = ((image - low) / (high - low)).astype(np.float32)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled={bfloat16}):
        return network(torch.from_numpy(values)[None, None])[0, 0].numpy() * (high - low) + low
"""
_RIVALS = {"CARE, csbdeep": _CSBDEEP,
           "CARE, PyTorch, float32": _TORCH.format(bfloat16=False),
           "CARE, PyTorch, bfloat16": _TORCH.format(bfloat16=True)}


@dataclass(frozen=True)
class Settings(Config):
    """What to time."""

    rounds: int = setting(2, "Restorations of every image by each.", minimum=1)
    images: tuple[str, ...] = setting(
        ("256", "2048"), "Sides of images in pixels, and stack for one of 61 x 1024 x 1024.")
    rivals: bool = setting(True, "Whether to time CARE, which needs pip install '.[bench]'.")
    output: str = setting("restore_waits.csv", "Table to write.")


def write_files(folder: Path, images: tuple[str, ...]) -> None:
    """Write untrained generators and the images."""
    import_tensorflow_quietly()
    ranges = TaskNormalization(IntensityRange(0, 4000), IntensityRange(0, 4000))
    for name, (method, network, arguments, axes) in _GENERATORS.items():
        info = GeneratorInfo(method, network, arguments, ("A",), {"A": ranges}, axes, "0", "",
                             test_time_augmentation=method == "cgan",
                             base=_BASE if method == "zse_gan" else None)
        save_generator(folder / name, build_network(info).get_weights(), info)
    random = np.random.default_rng(0)
    for image in images:
        shape = _STACK_SHAPE if image == _STACK else (int(image), int(image))
        pixels = random.poisson(100, shape).astype(np.uint16)
        if image == _STACK:  # structure for the filter, which measures it
            across = np.arange(shape[-1])
            pixels += (1000 + 900 * np.sin(across / 5)[:, None] * np.sin(across / 7)).astype(
                np.uint16)
        tifffile.imwrite(folder / f"{image}.tif", pixels,
                         **({"metadata": {"axes": "ZYX"}, "imagej": True} if image == _STACK
                            else {}))


def ways(image: str, with_rivals: bool) -> dict[str, list[str]]:
    """Return the command of each way to restore an image, by its name in the table."""
    ours = [sys.executable, str(_ROOT / "restore.py"), f"--input={image}.tif", "--overwrite"]
    if image == _STACK:
        return {"microgan, filter": [*ours, "--method=filter"],
                "microgan, ZSE-GAN": [*ours, "--generator=zse_gan.h5"]}
    by_network = [*ours, "--generator=cgan.h5"]
    result = {}
    for mirrors in (True, False):
        told = "with mirror images" if mirrors else "without"
        result[f"microgan, {told}"] = [*by_network, f"--test_time_augmentation={mirrors}"]
        for name, load in _RIVALS.items() if with_rivals else ():
            result[f"{name}, {told}"] = [sys.executable, "-c", _BY_CARE.format(load=load),
                                         f"{image}.tif", "care.tif", str(mirrors)]
    return result


def rows(images: tuple[str, ...], num_rounds: int, with_rivals: bool) -> list[dict[str, str]]:
    """Restore every image in every way; return a row for each."""
    result = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, images)
        for image in images:
            for way, run in measured_in_turn(ways(image, with_rivals), folder, num_rounds).items():
                result.append({
                    "image": image, "by": way, "seconds": f"{run.seconds:.2f}",
                    "processor seconds": f"{run.processor_seconds:.2f}",
                    "peak GB": f"{run.peak_bytes / 1e9:.2f}"})
                print(", ".join(result[-1].values()), flush=True)
    return result


def measure(settings: Settings) -> None:
    """Time all and write the table."""
    for image in settings.images:
        if image != _STACK and not (image.isdecimal() and int(image) >= 16):
            raise UserError(f"--images={image} is neither a side of at least 16 pixels nor "
                            f"'{_STACK}'. Name some of both, such as --images=256,{_STACK}.")
    write_rows(settings.output, rows(settings.images, settings.rounds, settings.rivals))
    print(processor())


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, measure))
