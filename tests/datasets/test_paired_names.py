import pytest

from microgan.datasets.paired_names import pair_names, pairing_line


@pytest.mark.parametrize("degraded, clean", [
    (["a.tif", "b.TIF"], ["a.TIF", "b.tif"]),
    (["input_avg1_001_0.tif", "input_avg1_001_1.tif", "input_avg1_002_0.tif"],
     ["target_avg400_001_0.tif", "target_avg400_001_1.tif", "target_avg400_002_0.tif"]),
    (["cell1_low_t1.tif", "cell1_low_t2.tif", "cell2_low_t1.tif"],
     ["Cell 1 high T1.tif", "Cell 1 high T2.tif", "Cell 2 high T1.tif"]),
    (["low 1 of 10.tif", "low 2 of 10.tif", "low 10 of 10.tif"],
     ["high-001.tiff", "high-002.tiff", "high-010.tiff"]),
    (["day1/x.tif", "day2/x.tif"], ["day1_y.tif", "day2_y.tif"]),
    (["wing_raw.tif", "retina_raw.tif"], ["gt_wing.tif", "gt_retina.tif"]),
    (["a_noisy.tif", "left_eye_noisy.tif"], ["a_good_one.tif", "left_eye_good_one.tif"]),
    (["noisy.tif"], ["clean.tif"])])
@pytest.mark.parametrize("step", [1, -1])
def test_names_are_paired_by_what_changes(degraded, clean, step):
    partners = pair_names(degraded, clean[::step])

    assert list(partners.items()) == list(zip(degraded, clean))


@pytest.mark.parametrize("degraded, clean", [
    (["a1.tif", "a2.tif"], ["b1.tif", "b3.tif"]),
    (["a1.tif", "a2.tif"], ["b1.tif"]),
    (["a1.tif", "a01.tif"], ["b1.tif", "b01.tif"]),
    (["a1_2.tif", "a2_1.tif"], ["b1.tif", "b2.tif"]),
    (["a.tif", "b.tif"], ["a.tif", "c.tif"])])
def test_names_that_leave_a_file_alone_or_in_doubt_are_not_paired(degraded, clean):
    assert pair_names(degraded, clean) is None


def test_line_lists_the_first_pairs_of_unlike_names():
    names = [[f"{kind}{number}.tif" for number in range(7)] for kind in "ab"]

    line = pairing_line(pair_names(*names))

    assert line.startswith("paired by what changes in their names: a0.tif with b0.tif, a1.tif ")
    assert line.endswith("a4.tif with b4.tif, and 2 more.")
    assert pairing_line({"a.TIF": "a.tif"}) == ""
