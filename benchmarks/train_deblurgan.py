"""Train DeblurGAN (Kupyn et al. 2018) on microgan's data: pairs of degraded and clean images.

Published settings; data, splits, normalisation, precision and scores are microgan's. Writes
the folder DeblurGAN_results, as train_cGAN.py does.

    python benchmarks/train_deblurgan.py --images_limit=10
"""

import sys

from microgan.cli.command import run_command
from microgan.config.deblurgan import DeblurGANConfig
from microgan.experiments.deblurgan import train_deblurgan

if __name__ == "__main__":
    sys.exit(run_command(DeblurGANConfig, __doc__, train_deblurgan))
