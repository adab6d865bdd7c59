"""Learn to sharpen z-stacks from stacks that are sharp near one depth only.

Trains a network that gives every slice and vertical section of a blurred stack the sharpness
of its focal plane, and another that blurs it again to prove that nothing was lost. Writes the
folder ZSE-GAN_results with generator.h5 and, if the data have test stacks, the report
z_stack_report.html.

Try it:          train_zsegan.py --recipe=limited --num_iters=700 --ema_decay=0.98
Your own stacks: train_zsegan.py --recipe=limited --data_dir=FOLDER
"""

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import ZSEGANConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; see `run_command`."""
    return run_command(ZSEGANConfig, __doc__ or "", _train, argv)


def _train(config: ZSEGANConfig) -> None:
    from microgan.methods.zse_gan import ZSEGAN
    from microgan.runs.run import train

    train(ZSEGAN, config)


if __name__ == "__main__":
    sys.exit(main())
