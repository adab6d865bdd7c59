"""`python -m microgan`: the command `microgan`, also where its folder is not in the PATH."""

import sys

from microgan.cli.main import main

if __name__ == "__main__":
    sys.argv[0] = "microgan"  # as a run's page quotes its command
    sys.exit(main())
