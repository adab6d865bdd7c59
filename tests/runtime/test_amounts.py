"""Amounts read as people write them."""

import pytest

from microgan.runtime.amounts import Pace, byte_size, duration, percent, rate, significant


@pytest.mark.parametrize("share, text", [
    (0, "0 %"), (1, "100 %"), (1e-9, "under 0.01 %"), (0.00012, "0.012 %"), (0.0049, "0.49 %"),
    (0.012, "1.2 %"), (0.0999, "10 %"), (0.256, "26 %"), (0.99, "99 %"), (0.9951, "99.5 %"),
    (0.99999, "99.9 %"), (1.66, "166 %"), (12345 / 100, "12345 %")])
def test_percentages_have_no_exponent_and_only_all_is_100(share, text):
    assert percent(share) == text


@pytest.mark.parametrize("seconds, text", [
    (0, "0 s"), (0.0123, "0.012 s"), (1.26, "1.3 s"), (45, "45 s"), (89, "89 s"), (120, "2 min"),
    (3540, "59 min"), (3600, "1 h 00 min"), (3600 * 27.5, "27 h 30 min"),
    (86400 * 4 + 7200, "4 days 2 h")])
def test_durations_are_written_as_people_say_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("num_bytes, text", [
    (0, "0 bytes"), (999, "999 bytes"), (999_700, "1 MB"), (1_260_000, "1.3 MB"),
    (123e6, "123 MB"), (4.398e12, "4.4 TB"), (2e15, "2000 TB")])
def test_sizes_take_the_unit_that_fits(num_bytes, text):
    assert byte_size(num_bytes) == text


@pytest.mark.parametrize("per_second, text", [
    (123456, "123000 images/s"), (12.84, "12.8 images/s"), (1, "1 images/s"),
    (0.5, "30 images/min"), (0.001, "3.6 images/h"), (0.00001, "0.036 images/h")])
def test_slow_rates_are_told_by_the_minute_or_hour(per_second, text):
    assert rate(per_second, "images") == text


@pytest.mark.parametrize("value, text", [
    (1e7, "10000000"), (1e-7, "0.0000001"), (-12.3456, "-12.3")])
def test_significant_digits_have_no_exponent(value, text):
    assert significant(value) == text


def test_pace_is_that_of_the_last_minute():
    now = 0.0
    pace = Pace()

    paces = []
    for done in range(301):  # one a second, then ten
        paces.append(pace.mark(now, done))
        now += 1 if done < 100 else 0.1

    assert paces[0] is None
    assert paces[50] == pytest.approx(1)
    assert paces[300] == pytest.approx(240 / 60, rel=0.02)  # 40 slow ones, 200 fast ones
    for done in range(301, 1000):
        now += 0.1
        last = pace.mark(now, done)
    assert last == pytest.approx(10)


def test_pace_of_steps_longer_than_a_minute_is_that_of_the_last():
    pace = Pace()

    assert pace.mark(0, 0) is None
    assert pace.mark(100, 1) == pytest.approx(0.01)
    assert pace.mark(300, 2) == pytest.approx(0.005)
    assert pace.mark(300, 2) == pytest.approx(0.005)
