"""Learn the defects of microscope images, from unpaired images."""

import sys

from microgan.cli.train_cin_gan import main

if __name__ == "__main__":
    sys.exit(main())
