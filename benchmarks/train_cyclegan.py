"""Train CycleGAN (Zhu et al. 2017) on microgan's data: images that need not be pairs.

Published settings; data, splits, normalisation, precision and scores are microgan's. Writes
the folder CycleGAN_results, as train_cGAN.py does.

    python benchmarks/train_cyclegan.py --images_limit=10
"""

import sys

from microgan.cli.command import run_command
from microgan.config.cyclegan import CycleGANConfig
from microgan.experiments.cyclegan import train_cyclegan

if __name__ == "__main__":
    sys.exit(run_command(CycleGANConfig, __doc__, train_cyclegan))
