"""Learn the defects of microscope images from clean and degraded images that need not match.

Trains one network that adds the defect of each task in --data_dir to clean images, and reports
how far the synthetic images are from real degraded ones. Writes the folder CIN-GAN_results with
generator.h5.

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
