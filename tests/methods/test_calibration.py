import numpy as np

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.generator_file import GeneratorInfo
from microgan.methods.calibration import calibrated, with_error_bounds


def test_calibration_finds_every_tasks_scale_and_offset_in_the_middle_of_its_images(
        identity, random, capsys):
    info = GeneratorInfo("cgan", "unet", {}, ("A", "B", "C"), {
        name: TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200)) for name in "ABC"},
        "YX", "0", "0")
    images = [random.uniform(0, 100, (20, 30)) for _ in range(2)]
    large = random.uniform(0, 100, (520, 530))
    beside = large.copy()
    beside[4:-4, 9:-9] = 5 * large[4:-4, 9:-9]  # 512 x 512; the rest says something else
    # The network turns 0 to 100 into 0 to 200: A is half of that and 7 more, B 2.5 times.
    pairs = {"A": (images, [image + 7 for image in images]), "B": (2 * [large], 2 * [beside]),
             "C": (images, [-image for image in images])}

    once = calibrated(identity, info, pairs.__getitem__)
    ranges = once.normalization

    for name, expected in (("A", (7, 107)), ("B", (0, 500)), ("C", (0, 200))):
        restored = ranges[name].restored
        np.testing.assert_allclose((restored.low, restored.high), expected, atol=1e-3)
        assert ranges[name].clean == IntensityRange(0, 200)
    assert ranges["C"].calibrated is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A: restored intensities 0 to 200 are calibrated to 7 to 107."
    assert lines[2].startswith("C: no calibration")
    assert calibrated(identity, once, pairs.__getitem__) == once  # a report that is written anew


def test_errors_are_measured_where_there_are_pairs_to_learn_and_to_hold_out(identity, random):
    info = GeneratorInfo("cgan", "unet", {}, ("A", "B"), {
        name: TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 200)) for name in "AB"},
        "YX", "0", "0")
    degraded = [random.uniform(0, 100, (20, 30)) for _ in range(4)]
    clean = [2 * image + random.normal(0, 5, image.shape) for image in degraded]
    parts = {"A": ((degraded[:2], clean[:2]), (degraded[2:], clean[2:])),
             "B": (([], []), (degraded, clean))}

    found = with_error_bounds(identity, info, parts.__getitem__)

    # The network doubles and treats mirror images alike: what is left is the noise.
    assert set(found.error_bounds) == {"A"}
    np.testing.assert_allclose(found.error_bounds["A"](np.zeros(1)), 1.645 * 5, rtol=0.1)
    assert with_error_bounds(identity, found, parts.__getitem__) == found
