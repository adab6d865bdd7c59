"""Learn to sharpen z-stacks from stacks that are sharp near one depth only.

--recipe=limited fits the microscope to the stacks, undoes its blur by a filter, and trains a
network that corrects the filter's result, on stacks simulated as this microscope would take
them. --recipe=paper trains ZSE-GAN: a network that gives every slice and vertical section the
sharpness of the focal plane, and another that blurs the stack again. Writes the folder
ZSE-GAN_results with generator.h5 and, if the data have test stacks, the report
z_stack_report.html.

Try it:          train_zsegan.py --recipe=limited
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
