"""Restore microscope images when almost no training data exists.

Every program is a function here, with its flags as keyword arguments. Importing the
package loads neither Keras nor TensorFlow: they cost seconds, and `--help` or a mistaken
flag needs neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microgan.restoration.restorer import Restorer

__version__ = "0.1.0"

__all__ = ["__version__", "evaluate", "load_restorer", "restore_files", "train_cgan",
           "train_cin_gan", "train_zse_gan"]


def load_restorer(path, *, precision="auto", tile=None, test_time_augmentation=None) -> Restorer:
    """Load a trained generator as a function from image to restored image.

    The same as `microgan.restoration.restorer.load_restorer`, which documents it;
    Keras and TensorFlow are imported by this call.
    """
    from microgan.restoration import restorer

    return restorer.load_restorer(path, precision=precision, tile=tile,
                                  test_time_augmentation=test_time_augmentation)


def train_cgan(**settings: Any) -> Path:
    """Learn to restore from pairs, as `train_cGAN.py`; see `experiments.cgan.train_cgan`.

    Args:
        **settings: flags of the script and their values, such as `recipe="limited",
            data_dir="my_images"`.

    Returns:
        The run folder.

    Raises:
        UserError: a mistake in the settings or the data.
    """
    from microgan.config import CGANConfig
    from microgan.experiments import cgan

    return cgan.train_cgan(CGANConfig.create(**settings))


def train_cin_gan(**settings: Any) -> Path:
    """Learn defects from unpaired images, as `train_CIN_GAN.py`; else as `train_cgan`."""
    from microgan.config import CINGANConfig
    from microgan.experiments import cin_gan

    return cin_gan.train_cin_gan(CINGANConfig.create(**settings))


def train_zse_gan(**settings: Any) -> Path:
    """Learn to sharpen z-stacks, as `train_zsegan.py`; else as `train_cgan`."""
    from microgan.config import ZSEGANConfig
    from microgan.experiments import zse_gan

    return zse_gan.train_zse_gan(ZSEGANConfig.create(**settings))


def restore_files(**settings: Any) -> None:
    """Restore image files of any size, as `restore.py`.

    Args:
        **settings: flags of the script and their values.

    Raises:
        UserError: a mistake in the settings, or files that could not be restored.
    """
    from microgan.config import RestoreConfig
    from microgan.experiments import restoring

    restoring.restore_files(RestoreConfig.create(**settings))


def evaluate(**settings: Any) -> None:
    """Score a generator or restored files, as `evaluate.py`; the tables go into `output`.

    Args:
        **settings: flags of the script and their values.

    Raises:
        UserError: a mistake in the settings or the files.
    """
    from microgan.config import EvaluateConfig
    from microgan.experiments import evaluation

    evaluation.evaluate(EvaluateConfig.create(**settings))
