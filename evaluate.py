"""Score a trained generator, or restored files."""

import sys

from microgan.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
