import re

import numpy as np
import pytest
from scipy import ndimage

from helpers import ROOT
from microgan.datasets import pair_checks
from microgan.datasets.distorted_pairs import Stretch, stretched
from microgan.datasets.enlarged import enlarge
from microgan.datasets.pair_checks import check_pairs
from microgan.datasets.paired_arrays import PairedImages
from microgan.simulation.datasets import simulate_pair

NAMES = tuple(f"cells_{number:02}.tif" for number in range(12))
WRONG = 7  # of which pair is made wrong


@pytest.fixture(scope="module")
def larger():
    """One pair more than NAMES, of 192 x 192 pixels, of which any place can be cut out."""
    pairs = [simulate_pair("Nuclei_low_light", seed=3, part="train", index=index, image_size=192)
             for index in range(len(NAMES) + 1)]
    return tuple(np.stack(images) for images in zip(*pairs))


@pytest.fixture
def simulated(larger):
    return tuple(images[:-1] for images in larger)


def middle(images, shift=(0, 0)):
    y, x = (32 + step for step in shift)
    return images[..., y:y + 128, x:x + 128].copy()


@pytest.fixture
def pairs(simulated):
    return tuple(map(middle, simulated))


def found(degraded, clean):
    return check_pairs(PairedImages("Nuclei", degraded, clean, NAMES[:len(clean)]))


def named(findings):
    return {finding.image: finding.kind for finding in findings}


def test_right_pairs_are_not_called_wrong(pairs):
    assert found(*pairs) == []


@pytest.mark.parametrize("name", ["Drosophila", "Retina", "Synthetic_tubulin_tubules"])
def test_right_pairs_with_blur_or_gaps_are_not_called_wrong(name):
    degraded, clean = (np.load(ROOT / "data" / f"{name}_test_{letter}.npy") for letter in "XY")

    assert check_pairs(PairedImages(name, degraded, clean)) == []


def test_right_pairs_that_noise_or_emptiness_hides_are_not_called_wrong(pairs, random):
    degraded, clean = (images.astype(np.float32) for images in pairs)
    # From no noise to all noise, and three nearly empty fields.
    noise = np.linspace(0, 300, 12)[:, np.newaxis, np.newaxis]
    degraded += noise * random.normal(size=degraded.shape)
    for index in (0, 1, 2):
        degraded[index] = random.normal(30, 9, (128, 128))
        clean[index] = random.normal(5, 1, (128, 128))

    assert found(degraded, clean) == []


def test_images_that_are_wholly_unrelated_or_tiny_are_left_to_other_checks(random):
    noise = random.normal(size=(2, 6, 64, 64))

    assert found(*noise) == []
    assert found(*noise[..., :16, :16]) == []


@pytest.mark.parametrize("shift", [
    (1, 0), (0, -1), (2, -2), (-9, 4), (25, -18), (0, 60), (-60, 5)])
def test_shift_is_found_to_the_pixel(simulated, shift):
    degraded, clean = map(middle, simulated)
    place = tuple(np.clip(shift, -32, 32))
    degraded[WRONG] = middle(simulated[0][WRONG], place)
    clean[WRONG] = middle(simulated[1][WRONG], np.subtract(place, shift))

    (finding,) = found(degraded, clean)

    assert (finding.image, finding.index, finding.kind) == (NAMES[WRONG], WRONG, "shifted")
    assert finding.shift == shift and finding.number == f"{shift[0]}, {shift[1]} px"
    assert "--register=auto" in finding.line()


def test_shift_that_all_pairs_have_is_found(simulated):
    findings = found(middle(simulated[0], (2, 0)), middle(simulated[1]))

    assert [finding.shift for finding in findings] == [(2, 0)] * len(NAMES)


def test_stretch_that_all_pairs_have_is_found(pairs):
    degraded, clean = pairs

    findings = found([stretched(image, Stretch(1.04, 1.04)) for image in degraded], clean)

    assert [finding.kind for finding in findings] == ["stretched"] * len(NAMES)


def test_pairs_swapped_with_each_other_are_both_found(pairs):
    degraded, clean = pairs
    clean[[2, WRONG]] = clean[[WRONG, 2]]

    findings = found(degraded, clean)

    assert named(findings) == {NAMES[2]: "swapped", NAMES[WRONG]: "swapped"}
    assert findings[0].number == f"with {NAMES[WRONG]}"


def test_reordered_pairs_are_all_found(pairs):
    degraded, clean = pairs

    findings = found(degraded, np.roll(clean, 1, axis=0))

    assert [finding.number for finding in findings] == [
        f"with {NAMES[(index + 1) % 12]}" for index in range(12)]


def test_of_very_many_pairs_the_first_are_compared_with_each_other(pairs, monkeypatch):
    monkeypatch.setattr(pair_checks, "_MOST_COMPARED", 3)
    degraded, clean = pairs
    clean[[0, 2]] = clean[[2, 0]]
    clean[[5, 6]] = clean[[6, 5]]

    swapped = [finding for finding in found(degraded, clean) if finding.kind == "swapped"]

    assert [finding.image for finding in swapped] == [NAMES[0], NAMES[2]]


def test_exchanged_halves_are_found(pairs):
    degraded, clean = pairs
    degraded[WRONG], clean[WRONG] = clean[WRONG].copy(), degraded[WRONG].copy()

    assert named(found(degraded, clean)) == {NAMES[WRONG]: "exchanged"}


@pytest.mark.parametrize("name", ["Drosophila", "Retina", "Synthetic_tubulin_tubules"])
def test_sets_that_are_exchanged_as_a_whole_are_found(name):
    degraded, clean = (np.load(ROOT / "data" / f"{name}_test_{letter}.npy")[:8]
                       for letter in "YX")

    (finding,) = check_pairs(PairedImages(name, degraded, clean))

    assert (finding.image, finding.index, finding.kind) == ("all", None, "exchanged")
    assert finding.line().startswith(f"{name}, all pairs: exchanged: beyond the detail")


def test_a_set_whose_halves_are_the_same_is_found(pairs):
    (finding,) = found(pairs[1], pairs[1])

    assert finding.line().startswith("Nuclei, all pairs: identical: degraded and clean images")


def test_enlarged_images_are_not_called_exchanged(random):
    clean = ndimage.gaussian_filter(random.normal(size=(6, 160, 160)), (0, 3, 3))
    clean += random.normal(0, 1e-3, clean.shape)
    noisy = ndimage.gaussian_filter(clean, (0, 1, 1))[:, ::2, ::2]
    noisy = noisy + random.normal(0, 0.3 * clean.std(), noisy.shape)
    degraded = np.stack([enlarge(image, 2) for image in noisy])

    assert named(check_pairs(PairedImages("Cells", degraded, clean))) == {"all": "exchanged"}
    assert not check_pairs(PairedImages("Cells", degraded, clean, upsample=2))


def test_images_that_were_only_blurred_by_computation_are_not_called_exchanged(larger, random):
    clean = np.float32(larger[1]) + random.normal(0, 3, larger[1].shape)
    degraded = ndimage.gaussian_filter(clean, (0, 1.5, 1.5))

    assert found(degraded[:12], clean[:12]) == []


@pytest.mark.parametrize("turn, number", [
    (np.fliplr, "mirrored along X"), (np.flipud, "mirrored along Y"),
    (np.rot90, "rotated by 270 degrees"), (np.transpose, "transposed")])
def test_mirrored_and_rotated_images_are_found(pairs, turn, number):
    degraded, clean = pairs
    degraded[WRONG] = turn(degraded[WRONG])

    (finding,) = found(degraded, clean)

    assert (finding.image, finding.kind, finding.number) == (
        NAMES[WRONG], "mirrored or rotated", number)


def test_clean_image_of_another_file_is_found(pairs, larger):
    degraded, clean = pairs
    clean[WRONG] = middle(larger[1][-1])

    assert named(found(degraded, clean)) == {NAMES[WRONG]: "unmatched"}


@pytest.mark.parametrize("half", [0, 1])
def test_saturated_image_is_found(pairs, half):
    image = pairs[half][WRONG]
    np.minimum(image, np.quantile(image, 0.9), out=image, casting="unsafe")

    (finding,) = found(*pairs)

    assert (finding.image, finding.kind) == (NAMES[WRONG], "saturated")
    assert finding.number.endswith(f" % of the {('degraded', 'clean')[half]} image")


@pytest.mark.parametrize("half", [0, 1])
def test_image_that_shows_nothing_is_found(pairs, random, half):
    pairs[half][WRONG] = random.normal(30, 5, (128, 128))

    (finding,) = found(*pairs)

    assert (finding.image, finding.kind) == (NAMES[WRONG], "empty")
    assert finding.number == f"the {('degraded', 'clean')[half]} image"


@pytest.mark.parametrize("factors", [(1.03, 1.03), (0.97, 0.97), (0.94, 0.94), (1.0, 1.06)])
def test_stretched_image_is_found(pairs, factors):
    degraded, clean = pairs
    degraded[WRONG] = stretched(degraded[WRONG], Stretch(*factors))

    (finding,) = found(degraded, clean)

    assert (finding.image, finding.kind) == (NAMES[WRONG], "stretched")
    percent = [int(word) for word in re.findall(r"([-+]\d+) %", finding.number)]
    np.testing.assert_allclose(percent, 100 * (1 / np.array(factors) - 1), atol=1.5)


def test_pairs_of_several_sizes_and_large_ones_are_compared(random):
    clean = [ndimage.gaussian_filter(random.normal(size=size), 1.5)
             for size in ((60, 80), (60, 80), (45, 33), (33, 700))]
    degraded = [np.roll(clean[0], (-5, 3), (0, 1)), *clean[1:]]

    (finding,) = check_pairs(PairedImages("Blobs", degraded, clean))

    assert (finding.image, finding.shift) == ("0", (5, -3))


def test_finding_is_a_row_of_a_table(pairs):
    degraded, clean = pairs
    clean[0] = np.fliplr(clean[0])

    (row,) = [finding.to_json() for finding in found(degraded, clean)]

    assert row == {
        "task": "Nuclei", "image": NAMES[0], "kind": "mirrored or rotated",
        "number": "mirrored along X", "what_to_do": "its images match if the degraded one is "
        "mirrored along X. Turn it or its partner back."}
