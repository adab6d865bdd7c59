"""Minutes until the best rival's score is reached, from rows of the paper's table."""

import pytest

from benchmarks.cells import write_rows
from benchmarks.time_to_quality import minutes_to_quality
from microgan.errors import UserError


def row(method, minutes, psnr, **changes):
    return {"data": "d", "task": "A", "setting": "A", "method": method, "pairs": "10",
            "networks": "joint", "minutes": minutes, "protocol": "care", "psnr": psnr, **changes}


def table(tmp_path, *rows):
    write_rows(tmp_path / "rows.csv", list(rows))
    return tmp_path / "rows.csv"


def test_the_fewest_minutes_that_reach_the_best_rival_are_found(tmp_path):
    path = table(tmp_path, row("care", "15", "20"), row("care_64", "15", "22"),
                 row("care_64", "15", "24"),  # another seed: 23 in the mean
                 row("deblurgan", "60", "99"), row("care", "15", "99", protocol="range"),
                 row("limited", "15", "25"), row("limited", "0.5", "22"),
                 row("limited", "2", "23"))

    (found,) = minutes_to_quality(path)

    assert (found["best rival"], found["minutes of limited"]) == ("care_64", "2")
    assert found["limited's PSNR by minutes"] == "0.5: 22.00, 2: 23.00, 15: 25.00"


def test_a_score_that_is_never_reached_is_called_so(tmp_path):
    path = table(tmp_path, row("care", "15", "20"), row("limited", "15", "19"))

    assert minutes_to_quality(path)[0]["minutes of limited"] == "not reached"


def test_rows_without_ours_are_refused(tmp_path):
    with pytest.raises(UserError, match="no rows of 'limited'.*--minutes=1"):
        minutes_to_quality(table(tmp_path, row("care", "15", "20")))
