"""Learn to restore microscope images from a few pairs of degraded and clean images.

Trains one network on all tasks in --data_dir, keeps the weights that do best on the validation
pairs, and scores restored test images and their raw input. Writes the folder
Microscopy_cGAN_results with generator.h5, which restore.py and evaluate.py use. Where there are
no clean images at all, --recipe=limited learns to remove noise from degraded ones alone.

Try it:          train_cGAN.py --recipe=limited --images_limit=10
Your own images: train_cGAN.py --recipe=limited --data_dir=FOLDER
"""

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import CGANConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; see `run_command`."""
    return run_command(CGANConfig, __doc__ or "", _train, argv)


def _train(config: CGANConfig) -> None:
    from microgan.methods.cgan import CGAN
    from microgan.runs.run import train

    train(CGAN, config)


if __name__ == "__main__":
    sys.exit(main())
