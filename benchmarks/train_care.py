"""Train CARE (Weigert et al. 2018) on microgan's data: pairs of degraded and clean images.

Published settings; data, splits, normalisation, precision and scores are microgan's. Writes
the folder CARE_results, as train_cGAN.py does.

    python benchmarks/train_care.py --images_limit=10
"""

import sys

from microgan.cli.command import run_command
from microgan.config.care import CAREConfig
from microgan.experiments.care import train_care

if __name__ == "__main__":
    sys.exit(run_command(CAREConfig, __doc__, train_care))
