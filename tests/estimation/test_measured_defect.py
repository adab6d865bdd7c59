"""What was measured can be stored, and what is stored is checked."""

import json
import math

import pytest

from microgan.estimation.measured_defect import Estimate, MeasuredDefect
from microgan.simulation.degradation_model import Degradation, DegradationModel

_MODEL = DegradationModel((Degradation(blur_px=(1.0, 2.0), noise_gain=0.5),))


def test_json_brings_it_back():
    found = MeasuredDefect(_MODEL, {"blur_y_px": Estimate(1.0, 0.8, 1.3, "px"),
                                    "photons": Estimate(12.0, 3.0, math.inf)},
                           1.25, ("Nothing is known of the haze.",))

    assert MeasuredDefect.from_json(json.loads(json.dumps(found.to_json(),
                                                          allow_nan=False))) == found


def test_estimate_reads_as_a_number_with_its_interval():
    assert str(Estimate(2.6, 2.416, 2.73, "px")) == "2.6 (2.42 to 2.73) px"


@pytest.mark.parametrize("change, complaint", [
    ({"model": []}, "list of 1 to"), ({"misfit": -1}, "misfit=-1"), ({"misfit": True}, "misfit"),
    ({"notes": "text"}, "short texts"), ({"notes": ["a\nb"]}, "short texts"),
    ({"notes": ["x" * 2000]}, "short texts"), ({"estimates": []}, "table"),
    ({"estimates": {"a": [1, 2, "px"]}}, "three numbers"),
    ({"estimates": {"a": [1, 2, "3", "px"]}}, "estimate a is not"),
    ({"estimates": {"a": [1, 2, 1e999, "px"]}}, "estimate a is not"),
    ({"more": 1}, "has a model")])
def test_other_json_is_refused(change, complaint):
    content = MeasuredDefect(_MODEL).to_json() | change

    with pytest.raises(ValueError, match=complaint):
        MeasuredDefect.from_json(content)


def test_negative_misfit_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        MeasuredDefect(_MODEL, misfit=math.nan)
