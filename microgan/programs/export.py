"""`microgan-export` from config to exported network."""

from __future__ import annotations

import importlib.util
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microgan.config import ExportConfig
from microgan.datasets.file_notes import FileNotes
from microgan.datasets.normalization import IntensityRange
from microgan.errors import UserError
from microgan.files.whole import check_can_write, written_whole
from microgan.generator_file import GeneratorInfo, read_info
from microgan.restoration.checks import check_size, check_task, choose_augmentation
from microgan.restoration.image_files import read_image
from microgan.restoration.noise import noise
from microgan.restoration.planes import Planes
from microgan.restoration.restorer import Restorer, load_for_restoring

if TYPE_CHECKING:
    import onnx

# Of the result's intensity range: most that ONNX Runtime may differ from restore.py.
TOLERANCE = 1e-4
_MODULES = {"onnx": ("onnx", "onnxruntime"),
            "bioimageio": ("onnx", "onnxruntime", "bioimageio.core")}
_EXTRAS = {"onnx": "onnx", "bioimageio": "export"}
_SUFFIXES = {"onnx": ".onnx", "bioimageio": ".bioimageio.zip"}
_MOST_SIDE_PX = 256


@dataclass(frozen=True)
class Example:
    """What an exported network was tested on.

    Args:
        image: float32 (Y, X) or (Z, Y, X), measured intensities.
        noise: of that shape, for networks that take a noise map; otherwise None.
        result: of that shape, by `restore.py`.
        is_simulated: whether no file was named.
    """

    image: np.ndarray
    noise: np.ndarray | None
    result: np.ndarray
    is_simulated: bool

    def inputs(self) -> dict[str, np.ndarray]:
        """Return the network's inputs, (1, 1, ...) each."""
        named = {"image": self.image} if self.noise is None else {
            "image": self.image, "noise": self.noise}
        return {name: values[np.newaxis, np.newaxis] for name, values in named.items()}


def export(config: ExportConfig) -> Path:
    """Export a generator, compared with `restore.py` before the file appears.

    Args:
        config: everything `microgan-export` takes.

    Returns:
        The written file.

    Raises:
        UserError: a mistake in the flags; the extra is missing; the generator does what no
            network for ONNX can do; or the image does not fit.
        RuntimeError: a bug: results differ.
    """
    assert config.generator is not None
    info = read_info(config.generator, method=None)
    check_task(info, config.task)
    info = choose_augmentation(info, config.test_time_augmentation)
    if info.upsample > 1:
        raise UserError(f"{config.generator} was trained with --upsample and enlarges images, "
                        "which the exported network could not. Use restore.py.")
    task = _only_task(info, config.task)
    _check_extra(config.format)
    before, after = info.ranges(task)
    path = Path(config.output or f"{task}{_SUFFIXES[config.format]}")
    if os.path.exists(path) and not config.overwrite:
        raise UserError(f"{path} exists. Choose another name with --output, or replace it with "
                        "--overwrite.")
    check_can_write(path)
    image = _example_image(config.image, info, before)
    from microgan.restoration.onnx_network import exported

    network = exported(config.generator, info, task)
    model, info = load_for_restoring(config.generator, precision="float32",
                                     test_time_augmentation=config.test_time_augmentation)
    example = Example(
        image, noise([0, 0], tuple(slice(0, length) for length in image.shape))
        if len(model.inputs) == 3 else None,
        Restorer(model, info)(image, axes=info.axes, task=task, report=lambda line: None),
        is_simulated=config.image is None)
    difference = _difference(network, example, after)
    if config.format == "onnx":
        with written_whole(path) as temporary:
            temporary.write_bytes(network.SerializeToString())
    else:
        from microgan.programs.model_zoo import write_package

        write_package(path, network, model, info, task, example, config)
    print(f"{path}: written. ONNX Runtime differs from restore.py by {difference:.1g} of the "
          "intensity range at most.")
    return path


def _only_task(info: GeneratorInfo, task: str | None) -> str:
    """Return the task whose intensities the network holds; refuse what no graph can hold."""
    if not info.tasks:
        raise UserError("A generator without tasks follows each image's brightness, measured on "
                        "the whole image, which an exported network cannot do. Train on your "
                        "images, starting from it, and export the result.")
    if task is None and len(info.tasks) > 1:
        raise UserError("An exported network holds the intensities of one task: choose with "
                        f"--task={' or --task='.join(info.tasks)}.")
    task = task or info.tasks[0]
    if info.base is not None:
        raise UserError(f"The network corrects what the {info.base.name} filter makes of a stack, "
                        "outside the network, which cannot be exported. Use restore.py.")
    if info.degradation:
        raise UserError(f"The defect '{task}' was measured and is simulated outside the network, "
                        "which cannot be exported. Use restore.py, or train with "
                        "--measure_defect=False.")
    return task


def _check_extra(form: str) -> None:
    for name in _MODULES[form]:
        try:
            is_there = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:  # of the package that it is in
            is_there = False
        if not is_there:
            raise UserError(f"--format={form} needs an extra, which brings {name}: "
                            f"pip install 'microgan[{_EXTRAS[form]}]'.")


def _example_image(path: str | None, info: GeneratorInfo, intensities: IntensityRange
                   ) -> np.ndarray:
    """Read or simulate an image to test on, float32."""
    if path is None:
        return _simulated(info.axes) * np.float32(intensities.high - intensities.low) + np.float32(
            intensities.low)
    notes = FileNotes()
    stored = read_image(path, notes)
    planes = Planes(stored.pixels.shape, stored.axes, info.axes)
    check_size(planes.shape)
    corner = tuple(slice(0, min(length, _MOST_SIDE_PX)) for length in planes.shape)
    return planes.read(stored.pixels, planes.places[0], corner).astype(np.float32)


def _simulated(axes: str) -> np.ndarray:
    """Simulate an image (Y, X) or stack (Z, Y, X) of odd sizes, mostly from 0 to 1."""
    if axes == "ZYX":
        from microgan.simulation.z_stacks import simulate_stack

        stack, _ = simulate_stack(seed=0, part="test", index=0, size_px=112)
        return stack[8:21, :107, :101].astype(np.float32) / stack.max()
    from microgan.simulation.specimens import round_cells

    rng = np.random.default_rng(zlib.crc32(b"export"))
    cells = round_cells(rng, 192)[:171, :155]
    cells = cells / cells.max() + rng.normal(0, 0.03, cells.shape)
    return cells.astype(np.float32)


def _difference(network: onnx.ModelProto, example: Example, after: IntensityRange) -> float:
    """Return the largest difference from `restore.py`, a share of the result's range."""
    result = run_network(network.SerializeToString(), example.inputs())
    span = max(after.high - after.low, float(np.ptp(example.result)))
    difference = float(np.abs(result[0, 0] - example.result).max()) / span
    if not difference <= TOLERANCE:
        raise RuntimeError(f"ONNX Runtime differs from restore.py by {difference:.2g} of the "
                           f"intensity range, more than {TOLERANCE:g}")
    return difference


def run_network(network: bytes, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Apply an exported network by ONNX Runtime on the CPU.

    Args:
        network: content of an ONNX file.
        inputs: by name, float32 (B, 1, ...).

    Returns:
        float32, of the inputs' shape.
    """
    from microgan.restoration.onnx_network import session

    (result,) = session(network).run(None, inputs)
    return result
