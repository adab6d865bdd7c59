"""Score a trained generator on pairs or z-stacks outside its training, or restored files.

Prints PSNR and SSIM of restored images and raw input under three protocols, and writes tables
with deviations and intervals and a figure of the best, median and worst image into the folder
--output. scores.md explains the protocols.

A generator:    evaluate.py --generator=Microscopy_cGAN_results/generator.h5 --data_dir=data
Z-stacks:       evaluate.py --generator=ZSE-GAN_results/generator.h5 --stacks=data/zstack/testB
Restored files: evaluate.py --restored=restored.tif --clean=clean.tif
"""

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import EvaluateConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; see `run_command`."""
    return run_command(EvaluateConfig, __doc__ or "", _evaluate, argv)


def _evaluate(config: EvaluateConfig) -> None:
    from microgan.programs.evaluate import evaluate

    evaluate(config)


if __name__ == "__main__":
    sys.exit(main())
