"""Export a trained generator for programs that run ONNX networks.

The exported network takes measured intensities and returns restored ones, for images of any
size, like restore.py: normalisation and mirror images are part of it. Before it is written,
it is compared with restore.py on an image. Needs an extra: pip install 'microgan[export]'.

Try it: microgan-export --generator=Microscopy_cGAN_results/generator.h5 --task=NAME
"""

import sys
from collections.abc import Sequence

from microgan.cli.command import run_command
from microgan.config import ExportConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; see `run_command`."""
    return run_command(ExportConfig, __doc__ or "", _export, argv)


def _export(config: ExportConfig) -> None:
    from microgan.programs.export import export

    export(config)


if __name__ == "__main__":
    sys.exit(main())
