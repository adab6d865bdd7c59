"""The package as pip installs it, away from the checkout."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

from helpers import NARROW_CGAN


INSTALLED = Path(sysconfig.get_path("purelib")) / "microgan"


@pytest.mark.skipif(not INSTALLED.is_dir(), reason="microgan is not pip-installed here")
def test_installed_commands_train_and_restore(tmp_path, data_dir):
    def run(command, *arguments):
        script = Path(sysconfig.get_path("scripts")) / command
        return subprocess.run([script, *arguments], cwd=tmp_path, text=True, capture_output=True)

    # With a content loss: its network's weights must have been installed, too.
    trained = run("microgan-train-cgan", *NARROW_CGAN, "--content_weight=1e-4",
                  f"--data_dir={data_dir}", "--num_iters=2")
    restored = run("microgan-restore", f"--input={data_dir / 'Blobs_X.npy'}",
                   "--generator=Microscopy_cGAN_results/generator.h5", "--task=Blobs")

    assert trained.returncode == 0, trained.stderr
    assert restored.returncode == 0, restored.stderr
    assert (tmp_path / "restored" / "Blobs_X.npy").exists()
