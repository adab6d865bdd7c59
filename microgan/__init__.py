"""Restore microscope images when almost no training data exists.

Every program is a function here, with its flags as keyword arguments. Importing the package
does not load Keras or TensorFlow, which take seconds.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from microgan.config import (
    CGANConfig, CINGANConfig, Config, EvaluateConfig, ExportConfig, RestoreConfig, ZSEGANConfig)
from microgan.version import __version__

if TYPE_CHECKING:
    from microgan.restoration.restorer import Restorer

__all__ = ["__version__", "evaluate", "export", "load_restorer", "restore_files", "train_cgan",
           "train_cin_gan", "train_zse_gan"]

Settings = ParamSpec("Settings")
Result = TypeVar("Result")


def _takes_settings_of(config_type: Callable[Settings, Config]
                       ) -> Callable[[Callable[[Any], Result]], Callable[Settings, Result]]:
    """Let a function of a config take the config's fields as keyword arguments.

    Editors and type checkers read them from `config_type`, notebooks from the signature.
    """
    def decorate(work: Callable[[Any], Result]) -> Callable[Settings, Result]:
        @functools.wraps(work)
        def call(*_: Settings.args, **settings: Settings.kwargs) -> Result:
            return work(config_type.create(**settings))  # type: ignore[attr-defined]

        del call.__wrapped__
        call.__signature__ = inspect.signature(config_type)  # type: ignore[attr-defined]
        return call

    return decorate


def load_restorer(path: str | os.PathLike[str], *, precision: str = "auto",
                  tile: int | None = None,
                  test_time_augmentation: bool | None = None,
                  backend: str = "tensorflow") -> Restorer:
    """Load a trained generator as a function from image to restored image.

    See `microgan.restoration.restorer.load_restorer`. Imports Keras and TensorFlow,
    or ONNX Runtime with `backend="onnx"`.

    Example:
        >>> restore = load_restorer("my_run/Microscopy_cGAN_results/generator.h5")
        >>> restored = restore(image, axes="YX", task="NAME")
    """
    from microgan.restoration import restorer

    return restorer.load_restorer(path, precision=precision, tile=tile,
                                  test_time_augmentation=test_time_augmentation,
                                  backend=backend)


@_takes_settings_of(CGANConfig)
def train_cgan(config: CGANConfig) -> Path:
    """Learn to restore from pairs, like `train_cGAN.py`.

    Args:
        **settings: the script's flags; see its `--help`. Several values may be a list, a path
            a `Path`.

    Returns:
        The run folder; see `runs.run.train`.

    Raises:
        UserError: a mistake in the settings or the data.

    Example:
        >>> folder = train_cgan(recipe="limited", data_dir="my_images", dir="my_run")
    """
    from microgan.methods.cgan import CGAN
    from microgan.runs.run import train

    return train(CGAN, config)


@_takes_settings_of(CINGANConfig)
def train_cin_gan(config: CINGANConfig) -> Path:
    """Learn defects from images that need not match, like `train_CIN_GAN.py`.

    Arguments, result and errors are those of `train_cgan`.

    Example:
        >>> defect_folder = train_cin_gan(recipe="limited", data_dir="my_images",
        ...                               dir="my_defects")
    """
    from microgan.methods.cin_gan import CINGAN
    from microgan.runs.run import train

    return train(CINGAN, config)


@_takes_settings_of(ZSEGANConfig)
def train_zse_gan(config: ZSEGANConfig) -> Path:
    """Learn to sharpen z-stacks, like `train_zsegan.py`.

    Arguments, result and errors are those of `train_cgan`.

    Example:
        >>> stack_folder = train_zse_gan(recipe="limited", data_dir="my_stacks",
        ...                              dir="my_stack_run")
    """
    from microgan.methods.zse_gan import ZSEGAN
    from microgan.runs.run import train

    return train(ZSEGAN, config)


@_takes_settings_of(RestoreConfig)
def restore_files(config: RestoreConfig) -> list[Path]:
    """Restore image files of any size, like `restore.py`.

    Args:
        **settings: the script's flags; see its `--help`.

    Returns:
        The restored files, in the order of the input.

    Raises:
        UserError: a mistake in the settings, or files that could not be restored.

    Example:
        >>> paths = restore_files(generator=folder / "generator.h5", input=["new_images"],
        ...                       output="restored", task="NAME")
    """
    from microgan.programs import restore

    return restore.restore_files(config)


@_takes_settings_of(EvaluateConfig)
def evaluate(config: EvaluateConfig) -> list[dict[str, Any]]:
    """Score a generator or restored files, like `evaluate.py`.

    Args:
        **settings: the script's flags; see its `--help`.

    Returns:
        The rows of `scores.json`, one per task and method; for z-stacks, the criteria of
        `z_stack_report.json`.

    Raises:
        UserError: a mistake in the settings or the files.

    Example:
        >>> scores = evaluate(restored="restored/cells.npy", clean="clean/cells.npy",
        ...                   output="scores")
    """
    from microgan.programs import evaluate as program

    return program.evaluate(config)


@_takes_settings_of(ExportConfig)
def export(config: ExportConfig) -> Path:
    """Export a generator for programs that run ONNX networks, like `microgan-export`.

    Args:
        **settings: the program's flags; see its `--help`.

    Returns:
        The written file.

    Raises:
        UserError: a mistake in the settings, or a generator that no ONNX network can be.

    Example:
        >>> network = export(generator=folder / "generator.h5", output="restorer.onnx")
    """
    from microgan.programs import export as program

    return program.export(config)
