"""Restore image files with a trained generator.

Takes TIFF, OME-Zarr and .npy files of any size and axis order and writes files of the same
name, shape, type and metadata into the folder --output. A generator from train_cGAN.py
restores every plane, one from train_zsegan.py every z-stack; one from train_CIN_GAN.py adds
the defect --task=NAME.

Try it: restore.py --generator=Microscopy_cGAN_results/generator.h5 --input=cells.tif
"""

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import RestoreConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; see `run_command`."""
    return run_command(RestoreConfig, __doc__ or "", _restore, argv)


def _restore(config: RestoreConfig) -> None:
    from microgan.programs.restore import restore_files

    restore_files(config)


if __name__ == "__main__":
    sys.exit(main())
