"""Restore image files with a trained generator."""

import sys

from microgan.cli.restore import main

if __name__ == "__main__":
    sys.exit(main())
