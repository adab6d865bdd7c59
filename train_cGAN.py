"""Train a network that restores images, from a few pairs."""

import sys

from microgan.cli.train_cgan import main

if __name__ == "__main__":
    sys.exit(main())
