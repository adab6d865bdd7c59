"""`generator.h5`: a trained generator with what is needed to use it.

Keras is imported by the functions that build networks: `read_info` checks a file in
milliseconds.
"""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from microgan.files.arrays import (
    MOST_NAMES, check_hdf5_names, hdf5_names, hdf5_node, read_dataset)
from microgan.datasets.enlarged import MOST_ENLARGED
from microgan.datasets.error_bounds import ErrorBounds
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import UserError, one_line
from microgan.files.whole import written_whole
from microgan.files.names import check_task_name
from microgan.networks.registry import find_network, script_of
from microgan.runtime.precision import choose_precision, keras_settings_kept
from microgan.simulation.degradation_model import DegradationModel
from microgan.simulation.fitted_microscope import StackBase

if TYPE_CHECKING:
    import keras

ATTRIBUTE = "microgan"
# Instead of a path: the generator that comes with microgan.
EMBEDDED = "embedded"
_EMBEDDED_FILE = Path(__file__).parent / "networks" / "embedded_generator.h5"
# Longer descriptions are refused.
_DESCRIPTION_BYTES = 10**6


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator needs besides its weights.

    Args:
        method: "cgan", which restores, "cin_gan", which adds defects, "zse_gan", which
            sharpens z-stacks, or another that code has registered.
        network: name of its architecture among the method's; see `networks.registry`.
        network_arguments: keyword arguments of its `build_*` function.
        tasks: names of the tasks it was trained on; none if it was pretrained for any.
        normalization: the ranges of each task.
        axes: "YX" or "ZYX", of the images it takes.
        microgan_version: version that wrote it.
        config_hash: identifies the training config.
        test_time_augmentation: whether restoring averages over mirror images, as
            `average_over_mirrors` does; only the cGAN's U-Net can.
        degradation: of CIN-GAN, the measured model of each task, which is applied before the
            network; empty if the network does everything.
        corrected: tasks whose images also go through the network, if there are models.
        channels: by task, the channel of files that it was trained on, name or number from 1;
            without those that were trained on files of one channel.
        upsample: how many times images are enlarged along Y and X before the network; only of
            the cGAN.
        error_bounds: by task, what its restored images, averaged or not as
            `test_time_augmentation` says, are wrong by; without those that no pairs told.
        base: of ZSE-GAN's network "correction", the filter that comes before it; None if the
            network does everything.

    Raises:
        UserError: see `check_task_name`; or a task is named twice, `axes` are not the
            method's, or models or corrections are not of the tasks.
    """

    method: str
    network: str
    network_arguments: dict[str, Any]
    tasks: tuple[str, ...]
    normalization: dict[str, TaskNormalization]
    axes: str
    microgan_version: str
    config_hash: str
    test_time_augmentation: bool = False
    degradation: dict[str, DegradationModel] = field(default_factory=dict)
    corrected: tuple[str, ...] = ()
    channels: dict[str, str] = field(default_factory=dict)
    upsample: int = 1
    error_bounds: dict[str, ErrorBounds] = field(default_factory=dict)
    base: StackBase | None = None

    def __post_init__(self) -> None:
        for task in (*self.tasks, *self.normalization):
            check_task_name(task)
        if len(set(self.tasks)) < len(self.tasks):
            raise UserError(f"a task is named twice in {', '.join(self.tasks)}")
        network = find_network(self.method, self.network)
        if network is not None and self.axes != network.axes:
            raise UserError(f"the axes of a {self.method} generator are {network.axes}, not "
                            f"{self.axes!r}")
        if self.degradation and (self.method != "cin_gan"
                                 or set(self.degradation) != set(self.tasks)):
            raise UserError(f"it has measured defects of {', '.join(self.degradation)}, not of "
                            f"the tasks of a CIN-GAN, {', '.join(self.tasks)}")
        if not set(self.corrected) <= set(self.degradation):
            raise UserError(f"it corrects the defects of {', '.join(self.corrected)}, of which "
                            "some were not measured")
        if not set(self.channels) <= set(self.tasks):
            raise UserError(f"it has channels of {', '.join(self.channels)}, of which some are "
                            "not its tasks")
        if not set(self.error_bounds) <= set(self.tasks):
            raise UserError(f"it has bounds of errors of {', '.join(self.error_bounds)}, of which "
                            "some are not its tasks")
        if self.base is not None and (self.method, self.network) != ("zse_gan", "correction"):
            raise UserError("it has a filter before its network, which is no correction")
        if type(self.upsample) is not int or not 1 <= self.upsample <= MOST_ENLARGED or (
                self.upsample > 1 and self.method != "cgan"):
            raise UserError(f"it enlarges images {self.upsample!r} times, not by a whole factor "
                            f"up to {MOST_ENLARGED}, or is no cGAN")

    def uses_network(self, task: str) -> bool:
        """Whether a task's images go through the network."""
        return not self.degradation or task in self.corrected

    def ranges(self, task: str) -> tuple[IntensityRange, IntensityRange]:
        """Return the intensities of a task that are -1 and 1 before and after the network."""
        ranges = self.normalization[task]
        if self.method == "cin_gan":
            return ranges.clean, ranges.degraded
        return ranges.degraded, ranges.restored

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, without those of the last six fields that say nothing."""
        content = {**vars(self), "tasks": list(self.tasks),
                   "normalization": {task: ranges.to_json()
                                     for task, ranges in self.normalization.items()}}
        degradation, corrected = content.pop("degradation"), content.pop("corrected")
        if degradation:
            content["degradation"] = {task: model.to_json()
                                      for task, model in degradation.items()}
            content["corrected"] = list(corrected)
        if not self.channels:
            content.pop("channels")
        content["error_bounds"] = {task: bounds.to_json()
                                   for task, bounds in self.error_bounds.items()}
        if not self.error_bounds:
            content.pop("error_bounds")
        if self.upsample == 1:
            content.pop("upsample")
        if self.base is None:
            content.pop("base")
        else:
            content["base"] = self.base.to_json()
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> GeneratorInfo:
        """Reverse `to_json`.

        Raises:
            ValueError or UserError: `content` is not what that gives.
        """
        if not isinstance(content, dict):
            raise ValueError("it is not a table of names and values")
        for name, kind in (("tasks", list), ("network_arguments", dict), ("normalization", dict)):
            if not isinstance(content.get(name), kind):
                raise ValueError(f"{name} is not a {'table' if kind is dict else 'list'}")
        for name, kind in (("degradation", dict), ("corrected", list), ("channels", dict),
                           ("error_bounds", dict)):
            if not isinstance(content.get(name, kind()), kind):
                raise ValueError(f"{name} is not a {'table' if kind is dict else 'list'}")
        for name in ("method", "network", "axes", "microgan_version", "config_hash"):
            if not isinstance(content.get(name), str):
                raise ValueError(f"{name} is not text")
        if not all(isinstance(channel, str) for channel in content.get("channels", {}).values()):
            raise ValueError("a channel is not text")
        unknown = sorted(set(content) - {item.name for item in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not known")
        network = find_network(content["method"], content["network"])
        if network is not None:  # `read_info` refuses others
            network.check_arguments(content["network_arguments"])
        info = cls(**{**content, "tasks": tuple(map(check_task_name, content["tasks"])),
                      "normalization": {
                          check_task_name(task): TaskNormalization.from_json(ranges)
                          for task, ranges in content["normalization"].items()},
                      "degradation": {
                          check_task_name(task): DegradationModel.from_json(model)
                          for task, model in content.get("degradation", {}).items()},
                      "error_bounds": {
                          check_task_name(task): ErrorBounds.from_json(bounds)
                          for task, bounds in content.get("error_bounds", {}).items()},
                      "base": (StackBase.from_json(content["base"]) if "base" in content
                               else None),
                      "corrected": tuple(map(check_task_name, content.get("corrected", []))),
                      "channels": {check_task_name(task): channel for task, channel
                                   in content.get("channels", {}).items()}})
        augments = info.test_time_augmentation
        if not isinstance(augments, bool) or augments > info.can_augment:
            raise ValueError(f"test_time_augmentation={augments!r} is not possible")
        return info

    @property
    def can_augment(self) -> bool:
        """Whether test-time augmentation is possible."""
        network = find_network(self.method, self.network)
        return network is not None and network.can_augment


def build_network(info: GeneratorInfo) -> keras.Model:
    """Build the untrained network that `info` names, under the current precision policy."""
    network = find_network(info.method, info.network)
    assert network is not None
    arguments = dict(info.network_arguments)
    if network.needs_num_tasks:
        arguments["num_tasks"] = len(info.tasks)
    return network.build(**arguments)


def _build_under(precision: str, info: GeneratorInfo) -> keras.Model:
    import keras

    with keras_settings_kept():
        keras.config.set_dtype_policy(precision)
        return build_network(info)


def save_generator(path: str | os.PathLike[str], weights: list[np.ndarray],
                   info: GeneratorInfo) -> None:
    """Write a generator as a whole Keras model, float32, with `info` as a JSON attribute.

    Args:
        path: file to write, ending in `.h5`.
        weights: arrays in the order of the network's `get_weights`.
        info: names the network they belong to.

    Source:
        ours. `keras.models.load_model` reads it after `import microgan.layers`.
    """
    # A new thread numbers the names of layers from the start: otherwise they would depend on
    # the networks built before, and a resumed run's file would differ.
    with ThreadPoolExecutor(1) as thread:
        model = thread.submit(_build_under, "float32", info).result()
    model.set_weights(weights)
    # In memory first: HDF5 kills the process if the disk fills up while it writes.
    with _FileInMemory("generator.h5", "w", driver="core", backing_store=False) as file:
        _save_silently(model, file)
        file.attrs[ATTRIBUTE] = json.dumps(info.to_json())
        file.flush()
        image = file.id.get_file_image()
    with written_whole(path) as temporary:
        temporary.write_bytes(image)


class _FileInMemory(h5py.File):
    """A file that passes Keras' check for a path to an HDF5 file."""

    def __str__(self) -> str:
        return self.filename


def _save_silently(model: keras.Model, file: h5py.File) -> None:
    from absl import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Keras calls HDF5 a legacy format; it is the one the original's users read.
            warnings.simplefilter("ignore")
            model.save(file)
    finally:
        logging.set_verbosity(level)


def load_generator(path: str | os.PathLike[str], *, method: str | None = "cgan",
                   precision: str = "float32") -> tuple[keras.Model, GeneratorInfo]:
    """Load a generator: microgan builds the network, the file supplies only numbers.

    Args:
        path: a `generator.h5` written by microgan, or "embedded" for the one that comes with it.
        method: what the generator must be for, as in `GeneratorInfo`; None for anything.
        precision: "float32", "mixed_bfloat16", or "auto" (see `precision.choose_precision`).

    Returns:
        The network and what is known about it.

    Raises:
        UserError: the file is missing, or not a microgan generator of that method; or its
            arrays do not fit the network it names.
    """
    weights, info = load_weights(path, method=method)
    try:
        model = _build_under(choose_precision(precision), info)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} asks for a network that cannot be built: {one_line(error)}."
                        ) from error
    shapes = [tuple(weight.shape) for weight in model.weights]
    if [array.shape for array in weights] != shapes:
        raise weights_do_not_fit(path, info)
    model.set_weights(weights)
    return model, info


def load_weights(path: str | os.PathLike[str], *, method: str | None = "cgan"
                 ) -> tuple[list[np.ndarray], GeneratorInfo]:
    """Load a generator's weights without building its network.

    Args and errors as in `load_generator`; whether the shapes fit is left to the caller.

    Returns:
        float32 arrays in the order of the network's `get_weights`, and its description.
    """
    info = read_info(path, method=method)
    with _opened(path) as file:
        weights = _read_weights(file, path)
    _refuse_larger_network(path, info, weights)
    with np.errstate(over="ignore"):  # checked below: 64-bit numbers may be beyond 32 bits
        weights = [array.astype(np.float32) for array in weights]
    if not all(np.isfinite(array).all() for array in weights):
        raise UserError(f"{path} holds weights that are NaN, infinite or beyond 32-bit floating "
                        "point. Train it again.")
    return weights, info


def weights_do_not_fit(path: str | os.PathLike[str], info: GeneratorInfo) -> UserError:
    """Return the error for weights of other shapes than those of the network."""
    return UserError(f"{path} holds weights that do not fit the network it names "
                     f"({info.method} {info.network}). Train it again, or get a whole copy.")


def _refuse_larger_network(path: str | os.PathLike[str], info: GeneratorInfo,
                           weights: list[np.ndarray]) -> None:
    """Refuse a description of a network much larger than its weights, before it is built."""
    network = find_network(info.method, info.network)
    assert network is not None
    held = sum(array.size for array in weights)
    if network.fewest_weights(info.network_arguments) > held:
        raise UserError(f"{path} holds {held} weights, which do not fit the network it names "
                        f"({info.method} {info.network}, {info.network_arguments}). Get a whole "
                        "copy.")


def read_info(path: str | os.PathLike[str], *,
              method: str | None = "cgan") -> GeneratorInfo:
    """Read the description in a generator file, without building its network.

    Args:
        path: a `generator.h5` written by microgan, or "embedded" for the one that comes with it.
        method: what the generator must be for, as in `GeneratorInfo`; None for anything.

    Raises:
        UserError: the file is missing, or not a microgan generator of that method.
    """
    if not os.fspath(path):
        raise UserError("The name of the generator is empty. Name the generator.h5 of a run "
                        "folder.")
    if file_of(path).is_dir():
        raise UserError(f"{path} is a folder. Name the generator.h5 in it.")
    if not file_of(path).is_file():
        raise UserError(f"There is no file {path}. Name the generator.h5 of a run folder.")
    with _opened(path) as file:
        try:
            is_text = ATTRIBUTE in file.attrs and file.attrs.get_id(ATTRIBUTE).shape == ()
            text = file.attrs[ATTRIBUTE] if is_text else None
        except KeyError as error:
            raise UserError(f"{path} is damaged: its root group cannot be read. Get a whole copy."
                            ) from error
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise UserError(f"{path} is damaged: {one_line(error)}. Get a whole copy.") from error
    if not isinstance(text, str):
        raise UserError(f"{path} is not a microgan generator: it lacks the attribute "
                        f"'{ATTRIBUTE}'. Name the generator.h5 of a run folder.")
    try:
        if len(text) > _DESCRIPTION_BYTES:
            raise ValueError("too long")
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: its description is not JSON, or too long. Get a "
                        "whole copy.") from error
    try:
        info = GeneratorInfo.from_json(content)
    except (ValueError, UserError) as error:
        raise UserError(f"{path} describes itself in a way this microgan does not understand: "
                        f"{one_line(error)}. It may come from another version.") from error
    if find_network(info.method, info.network) is None:
        raise UserError(f"{path} names the network '{info.method} {info.network}', which this "
                        "microgan does not have. It may come from a newer version, or from a "
                        "method whose module is not imported here.")
    if method is not None and info.method != method:
        raise UserError(f"{path} was written by {script_of(info.method)}; a generator.h5 of "
                        f"{script_of(method)} is needed.")
    needs_tasks = info.base is not None or (info.method != "cgan"
                                            and info.network != "correction")
    if set(info.tasks) != set(info.normalization) or (needs_tasks and not info.tasks):
        raise UserError(f"{path} names tasks {list(info.tasks)} but normalisation for "
                        f"{sorted(info.normalization)}: it is damaged.")
    return info


def file_of(path: str | os.PathLike[str]) -> Path:
    """Return the file of a generator, of a path or "embedded"."""
    return _EMBEDDED_FILE if os.fspath(path) == EMBEDDED else Path(path)


def _opened(path: str | os.PathLike[str]) -> h5py.File:
    try:
        return h5py.File(file_of(path), "r")
    except OSError as error:
        raise UserError(f"{path} is not an HDF5 file, or is cut short. Name the generator.h5 of "
                        "a run folder.") from error


def _read_weights(file: h5py.File, path: str | os.PathLike[str]) -> list[np.ndarray]:
    """Read the model's arrays in Keras' order; links are not followed."""
    try:
        return [read_dataset(node, contiguous=True) for node in _weight_nodes(file)]
    except (KeyError, TypeError, ValueError, AttributeError, OSError, RuntimeError) as error:
        raise UserError(f"{path} has no readable weights: {one_line(error)}. Get a whole copy."
                        ) from error


def _weight_nodes(file: h5py.File) -> list[Any]:
    """Return the datasets of the weights, which together are no larger than the file."""
    check_hdf5_names(Path(file.filename))
    nodes: list[Any] = []
    layers = hdf5_names(hdf5_node(file, "model_weights"), "layer_names")
    for layer in layers:
        group = hdf5_node(file, f"model_weights/{layer}")
        names = hdf5_names(group, "weight_names")
        if len(nodes) + len(names) > MOST_NAMES:
            raise ValueError(f"it names over {MOST_NAMES} arrays")
        nodes += [hdf5_node(group, name) for name in names]
    claimed = sum(node.nbytes for node in nodes if isinstance(node, h5py.Dataset))
    if claimed > file.id.get_filesize():
        raise ValueError(f"its arrays claim {claimed} bytes in total, more than it has")
    return nodes
