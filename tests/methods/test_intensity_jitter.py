import numpy as np

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.splits import Split
from microgan.methods.intensity_jitter import choose_intensity_jitter
from microgan.methods.paired_data import TaskData


def task(name, brightest):
    images = np.full((3, 16, 16), 7, np.uint8)
    images[:, 0, 0] = brightest
    ranges = IntensityRange(0, 255)
    return TaskData(PairedImages(name, images, images), None,
                    Split((0, 1), (2,), (), name), TaskNormalization(ranges, ranges), "flips")


def test_intensities_change_where_images_look_stretched_unless_told():
    tasks = {"plain": task("plain", 200), "stretched": task("stretched", 255)}

    chosen, given = (choose_intensity_jitter(value, tasks) for value in (None, 0.1))

    assert (chosen.by_task, chosen.stretched) == ((0.0, 0.4), ("stretched",))
    (line,) = chosen.describe()
    assert line.startswith("stretched: most images reach the brightest value")
    assert (given.by_task, given.describe()) == ((0.1, 0.1), [])
