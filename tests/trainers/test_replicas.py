import json
import os
import subprocess
import sys

import pytest

from helpers import ROOT
from narrow_trainers import TRAINERS


@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINERS)
def test_two_replicas_do_what_one_does(method):
    """20 updates in float64: losses of every update, all weights and optimizer slots."""
    result = subprocess.run(
        [sys.executable, "tests/replicas.py", method], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"})

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["last_loss"] != found["first_loss"]
    assert len(found["differences"]) == 20 + found["num_variables"]
    assert max(found["differences"]) < 1e-10
