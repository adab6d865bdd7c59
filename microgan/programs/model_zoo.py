"""A package of the BioImage Model Zoo with an exported network, and its card."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microgan.config import ExportConfig
from microgan.errors import UserError, one_line
from microgan.evaluation import SCORE_FILES
from microgan.files.whole import written_whole
from microgan.generator_file import GeneratorInfo
from microgan.restoration.tiled_network import TiledNetwork
from microgan.version import __version__

if TYPE_CHECKING:
    import keras
    import onnx

    from microgan.programs.export import Example

_LEAST_PX = {"Z": 4, "Y": 16, "X": 16}
# A layer that sees all of an axis reaches farther, and no tiles go along it.
_MOST_HALO_PX = 2**20
_MICROSCOPY_GAN = {"text": "Razdaibiedina, Velayutham, Modi 2019: MicroscopyGAN",
                   "doi": "10.48550/arXiv.1910.14207"}
_CITATIONS = {
    "cgan": [_MICROSCOPY_GAN], "cin_gan": [_MICROSCOPY_GAN],
    "zse_gan": [{"text": "ZSE-GAN", "url": "https://github.com/keerfish/ZSE-GAN"}]}
_DOES = {"cgan": "Restores microscope images", "zse_gan": "Sharpens z-stacks",
         "cin_gan": "Adds a learned defect to clean microscope images"}
_TAGS = {"cgan": ["restoration", "denoising", "image-restoration"],
         "zse_gan": ["restoration", "deblurring", "3d"], "cin_gan": ["simulation", "degradation"]}


def write_package(path: Path, network: onnx.ModelProto, model: keras.Model, info: GeneratorInfo,
                  task: str, example: Example, config: ExportConfig) -> None:
    """Write a package and let the Model Zoo's own validator test it.

    The validator compares ONNX Runtime with the result of `restore.py` in the package.

    Args:
        path: `.zip` file to write.
        network: exported, for `task`.
        model: the network that was exported.
        info: its description.
        task: whose intensities it holds.
        example: image and result that test the package.
        config: authors, citation, licence and the run that the generator is of.

    Raises:
        UserError: the licence is unknown, or the example is too small for the tiles' halo.
        RuntimeError: the validator refuses the package.
    """
    tiled = TiledNetwork(model)
    halos = _halos(tiled, info.axes)
    for axis, length, halo in zip(info.axes, example.image.shape, halos):
        if length < _LEAST_PX[axis] + 2 * halo:
            raise UserError(f"The image to test on has {length} pixels along {axis}; this "
                            f"network's tiles need {_LEAST_PX[axis] + 2 * halo}. Choose a "
                            "larger --image.")
    with _quietly(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "network.onnx").write_bytes(network.SerializeToString())
        for tensor, values in example.inputs().items():
            np.save(folder / f"{tensor}.npy", values)
        np.save(folder / "result.npy", example.result[np.newaxis, np.newaxis])
        assert config.generator is not None
        run = Path(config.generator).parent
        _draw_cover(folder / "cover.png", run, example)
        (folder / "README.md").write_text(_card(info, task, run, example, tiled),
                                          encoding="utf-8")
        described = _description(folder, network, info, task, example, config, halos)
        with written_whole(path) as temporary:
            _save_tested(described, temporary, folder)


@contextmanager
def _quietly() -> Iterator[None]:
    """Hold back what the validator logs."""
    from loguru import logger

    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    logger.disable("bioimageio")
    try:
        yield
    finally:
        logger.enable("bioimageio")
        logging.disable(disabled)


def _save_tested(described: Any, path: Path, folder: Path) -> None:
    from bioimageio.core import test_model
    from bioimageio.spec import save_bioimageio_package

    written = save_bioimageio_package(described, output_path=folder / "package.zip")
    summary = test_model(written)
    if summary.status != "passed":
        raise RuntimeError(f"the Model Zoo's validator refuses the package:\n{summary.format()}")
    shutil.copyfile(written, path)


def _description(folder: Path, network: onnx.ModelProto, info: GeneratorInfo, task: str,
                 example: Example, config: ExportConfig, halos: Sequence[int]) -> Any:
    from bioimageio.spec import ValidationContext
    from bioimageio.spec.generic.v0_3 import CiteEntry
    from bioimageio.spec.model import v0_5
    from pydantic import ValidationError

    span = float(np.ptp(example.result))
    shown = re.sub(r"[^\w ()-]", " ", task)  # what the Model Zoo takes in a name
    does = _DOES.get(info.method, "Restores images")
    cited: list[dict[str, Any]] = [*_CITATIONS.get(info.method, [])]
    license_name: Any = config.license  # the validator knows which there are
    if config.citation:
        cited.append({"text": config.citation, **config.citation_address()})
    try:
        with ValidationContext(root=folder):
            return v0_5.ModelDescr(
                name=config.name or f"microgan {info.method} {shown}",
                description=f"{does}: {shown}. Intensities in, intensities out.",
                authors=[v0_5.Author(name=name) for name in config.authors],
                cite=[CiteEntry(**each) for each in cited],
                license=license_name,
                tags=["fluorescence-microscopy", "gan", "microgan", *_TAGS.get(info.method, [])],
                documentation=v0_5.FileDescr(source=folder / "README.md"),
                covers=[v0_5.FileDescr(source=folder / "cover.png")],
                inputs=[_tensor(name, folder, info.axes, halos) for name in example.inputs()],
                outputs=[_tensor("result", folder, info.axes, halos)],
                weights=v0_5.WeightsDescr(onnx=v0_5.OnnxWeightsDescr(
                    source=folder / "network.onnx",
                    opset_version=network.opset_import[0].version)),
                config=v0_5.Config(bioimageio=v0_5.BioimageioConfig(reproducibility_tolerance=[
                    v0_5.ReproducibilityTolerance(relative_tolerance=0,
                                                  absolute_tolerance=1e-4 * span,
                                                  mismatched_elements_per_million=0)])))
    except ValidationError as error:
        raise UserError(f"The Model Zoo does not take the package: {one_line(error)}.") from error


def _halos(tiled: TiledNetwork, axes: str) -> list[int]:
    """Return how far tiles must overlap along each axis, in whole strides of the network."""
    if tiled.num_passes > 1:  # a norm measures the whole image: no halo makes up for that
        return [0] * len(axes)
    return [0 if reach > _MOST_HALO_PX else -(-reach // multiple) * multiple
            for reach, multiple in zip(tiled.margin, tiled.multiple)]


def _tensor(name: str, folder: Path, axes_of_image: str, halos: Sequence[int]) -> Any:
    """Describe an input or the output."""
    from bioimageio.spec.model import v0_5

    axes: list[Any] = [v0_5.BatchAxis(), v0_5.ChannelAxis(
        channel_names=[v0_5.Identifier("intensity")])]
    for axis, halo in zip(axes_of_image, halos):
        reference = v0_5.SizeReference(tensor_id=v0_5.TensorId("image"),
                                       axis_id=v0_5.AxisId(axis.lower()))
        if name == "image":
            axes.append(v0_5.SpaceInputAxis(
                id=v0_5.AxisId(axis.lower()), concatenable=halo > 0,
                size=v0_5.ParameterizedSize(min=_LEAST_PX[axis] + 2 * halo, step=1)))
        elif name == "noise":
            axes.append(v0_5.SpaceInputAxis(id=v0_5.AxisId(axis.lower()), size=reference))
        elif halo:
            axes.append(v0_5.SpaceOutputAxisWithHalo(
                id=v0_5.AxisId(axis.lower()), size=reference, halo=halo))
        else:
            axes.append(v0_5.SpaceOutputAxis(id=v0_5.AxisId(axis.lower()), size=reference))
    kind = v0_5.OutputTensorDescr if name == "result" else v0_5.InputTensorDescr
    says = {"image": "measured intensities", "noise": "standard normal noise",
            "result": "intensities of the result"}
    return kind(id=v0_5.TensorId(name), axes=axes, description=says[name],
                test_tensor=v0_5.FileDescr(source=folder / f"{name}.npy"))


def _draw_cover(path: Path, run: Path, example: Example) -> None:
    """Draw the run's last sample images, or the example and its result, on a square."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    figure = Figure(figsize=(6, 6), dpi=100)
    sheets = sorted((run / "samples").glob("update_*.png"))
    if sheets:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(imread(sheets[-1]))
        axes.set_axis_off()
    else:
        for number, image in enumerate((example.image, example.result)):
            plane = image[len(image) // 2] if image.ndim == 3 else image
            axes = figure.add_axes((0.02 + 0.49 * number, 0.02, 0.47, 0.96))
            axes.imshow(plane, cmap="gray")
            axes.set_title(("measured", "result")[number])
            axes.set_axis_off()
    figure.savefig(path)


def _card(info: GeneratorInfo, task: str, run: Path, example: Example, tiled: TiledNetwork
          ) -> str:
    """Return the package's README.md."""
    before, after = info.ranges(task)
    lines = [
        f"# {_DOES.get(info.method, 'Restores images')}: {task}", "",
        f"Exported by microgan {__version__}. The network takes and returns intensities as the "
        "camera gives them: normalisation"
        + (", mirror images" if info.test_time_augmentation else "")
        + " and calibration are part of it. In training, "
        f"intensities from {before.low:g} to {before.high:g} went in, and its output spans "
        f"{after.low:g} to {after.high:g}. It takes images of any size of at least 16 pixels a "
        "side" + (", and stacks of at least 4 slices." if info.axes == "ZYX" else "."), "",
        "## Training data", "", *_training(run, task), "",
        "## Validation", "",
        *_scores(run),
        f"The test image of this package is {'simulated' if example.is_simulated else 'measured'}"
        ". Its result is that of microgan's restore.py, with which ONNX Runtime agrees to 1e-4 "
        "of the intensity range.", "",
        "## Limits", "",
        "- A restored image is the network's guess at what the sample looked like. Where the "
        "input does not decide, it fills in what its training images make likely. Check what "
        "matters against the raw image.",
        "- Other samples, microscopes, exposures or pixel sizes than those it was trained on "
        "may come out wrong without a sign. Validate it on pairs of your own.",
        ("- Process whole images: instance norms measure each image, so tiles would differ in "
         "brightness." if tiled.num_passes > 1 else
         "- Large images may be processed in tiles with the halo that is named. At image borders "
         "a halo of mirrored pixels gives another result than restore.py, which adds none.")]
    if len(example.inputs()) > 1:
        lines.append("- Give another \"noise\", standard normal numbers, for each image.")
    return "\n".join(lines) + "\n"


def _training(run: Path, task: str) -> list[str]:
    """Describe the training from the run's files, where they lie beside the generator."""
    config, split = (_read_json(run / name) for name in ("config.json", "split.json"))
    settings = config.get("config")
    if not isinstance(settings, dict):
        return ["Unknown: the generator was exported without its run folder."]
    counts = split.get(task)
    counts = counts if isinstance(counts, dict) else {}
    parts = [f"{len(counts[part])} to {purpose}" for part, purpose in (
        ("train", "train"), ("validation", "choose the weights that are kept"),
        ("test", "test")) if isinstance(counts.get(part), list)]
    lines = [f"The set {task}" + (f": {', '.join(parts)}." if parts else ".")]
    named = ("recipe", "num_iters", "batch_size", "patch_size", "normalization", "init_generator",
             "seed")
    lines.append("Settings: " + ", ".join(f"{name}={settings[name]}" for name in named
                                          if name in settings) + ".")
    return lines


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _scores(run: Path) -> list[str]:
    """Return the run's own tables, the raw input beside the network."""
    try:
        text = (run / SCORE_FILES[0]).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ["The run has no scores: nothing was tested.", ""]
    return [re.sub("^#", "###", text, flags=re.MULTILINE), ""]
