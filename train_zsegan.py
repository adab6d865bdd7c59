"""Sharpen z-stacks, from stacks that are sharp at one depth only."""

import sys

from microgan.cli.train_zsegan import main

if __name__ == "__main__":
    sys.exit(main())
