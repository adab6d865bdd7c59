"""Learn the defects of microscope images from clean and degraded ones that need not match.

Trains one network that gives clean images the defect of each task found in --data_dir, and
reports how far what it makes is from real degraded images. Writes the folder CIN-GAN_results
with generator.h5.

Try it:          train_CIN_GAN.py --recipe=limited --images_limit=10
Your own images: train_CIN_GAN.py --recipe=limited --data_dir=FOLDER
"""

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import CINGANConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; see `run_command`."""
    return run_command(CINGANConfig, __doc__ or "", _train, argv)


def _train(config: CINGANConfig) -> None:
    from microgan.methods.cin_gan import CINGAN
    from microgan.runs.run import train

    train(CINGAN, config)


if __name__ == "__main__":
    sys.exit(main())
