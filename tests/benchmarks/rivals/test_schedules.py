import pytest

from benchmarks.rivals.common import LinearDecayInSecondHalf


@pytest.mark.parametrize("step, rate", [(0, 0.2), (50, 0.2), (75, 0.1), (100, 0.0), (101, 0.0)])
def test_linear_decay_starts_half_way_and_ends_at_zero(step, rate):
    assert float(LinearDecayInSecondHalf(0.2, 100)(step)) == pytest.approx(rate)
