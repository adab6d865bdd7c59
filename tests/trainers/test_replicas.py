import json
import os
import subprocess
import sys

import pytest

from helpers import ROOT
from narrow_trainers import TRAINERS


# CycleGAN's four networks let rounding errors grow a little more in 20 updates.
TOLERANCES = {"cyclegan": 1e-9}


@pytest.mark.slow
# DeblurGAN needs a content loss, which is float32 under every policy.
@pytest.mark.parametrize("method", [method for method in TRAINERS if method != "deblurgan"])
def test_two_replicas_do_what_one_does(method):
    """20 updates in float64: losses of every update, all weights and optimizer slots."""
    result = subprocess.run(
        [sys.executable, "tests/replicas.py", method], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"})

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["last_loss"] != found["first_loss"]
    assert len(found["differences"]) == 20 + found["num_variables"]
    assert max(found["differences"]) < TOLERANCES.get(method, 1e-10)
