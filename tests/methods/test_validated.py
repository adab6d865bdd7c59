"""How much of the images validation looks at."""

import numpy as np
import pytest

from helpers import assert_same_arrays
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.splits import Split
from microgan.errors import UserError
from microgan.methods.paired_data import TaskData, check_parts
from microgan.datasets.middle import middle
from microgan.methods.validated import validated_part

BOTH = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))


def task_of(clean, **settings):
    split = Split((), tuple(range(len(clean))), (), None)
    return TaskData(PairedImages("A", [image + 1 for image in clean], clean), None, split, BOTH,
                    "flips", **settings)


def test_up_to_64_images_of_up_to_512_pixels_are_looked_at_as_they_are(random):
    images = [random.uniform(size=(512, 16))] + [random.uniform(size=(16, 512))] * 63

    assert_same_arrays(validated_part(images), images)


def test_of_more_images_some_of_all_are_taken_and_of_larger_ones_the_middle():
    images = np.arange(100)[:, None, None] + np.zeros((100, 16, 16))

    numbers = [image[0, 0] for image in validated_part(images)]

    assert len(set(numbers)) == 64
    assert (numbers[0], numbers[-1]) == (0, 99)
    place = np.arange(600 * 513).reshape(600, 513)
    np.testing.assert_array_equal(middle(place), place[44:556, :512])
    np.testing.assert_array_equal(middle(np.stack([place, -place]), 100)[1],
                                  -place[250:350, 206:306])


def test_pairs_stay_pairs_and_made_images_take_the_degraded_ones_place(random):
    clean = [random.uniform(size=(600, 20)) for _ in range(70)]

    degraded, looked_at = task_of(clean).validated()

    assert_same_arrays(degraded, [image + 1 for image in looked_at])
    assert {image.shape for image in looked_at} == {(512, 20)}
    made = [-image for image in looked_at]
    assert_same_arrays(task_of(clean, synthetic_validation=made).validated()[0], made)


def test_an_image_whose_middle_cannot_be_scored_is_refused(random):
    bright_beside = np.zeros((600, 20))
    bright_beside[:40] = random.uniform(size=(40, 20))

    with pytest.raises(UserError, match=r"Clean image 1 of 'A' .* middle \(512 x 20 pixels\)"):
        check_parts({"A": task_of([random.uniform(size=(600, 20)), bright_beside])})
