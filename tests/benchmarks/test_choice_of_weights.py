"""The study of which weights to keep, without its trainings."""

from benchmarks import choice_of_weights
from benchmarks.choice_of_weights import HELD_OUT, compare
from microgan.config import CGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.paired_arrays import PairedImages
from microgan.datasets.splits import Split
from microgan.methods.paired_data import TaskData


def history(scores, held_out):
    return [{"score": score, HELD_OUT: other} for score, other in zip(scores, held_out)]


def test_each_way_chooses_its_own_update():
    divided = [history((1, 3, 2), (20, 21, 22)), history((5, 3, 4), (24, 25, 23))]

    found = compare(divided, history((9, 0, 0), (30, 32, 31)), of_each=8, of_whole=10)

    best = "best of the held-out pairs, which nobody has"
    assert found == {
        ("best of their validation", 8): 22.5, ("the last, averaged", 8): 22.5, (best, 8): 23.5,
        # Means of the two validations: 3, 3, 3; the first counts.
        ("the last, averaged", 10): 31, ("update that cross-validation finds best", 10): 30,
        (best, 10): 32}


def test_every_pair_is_kept_for_validation_once_and_all_train_in_the_end(random):
    images = random.random((12, 4, 4))
    unit = IntensityRange(0.0, 1.0)
    task = TaskData(PairedImages("A", images, images), None, Split(
        tuple(range(1, 9)), (9, 10), (), None), TaskNormalization(unit, unit), "all")
    config = CGANConfig.create(recipe="limited", seed=3)

    splits = [choice_of_weights._divided(task, part, config).split for part in range(6)]

    assert sorted(index for split in splits[:5] for index in split.validation) == [
        *range(1, 11)]
    for split in splits[:5]:
        assert sorted(split.train + split.validation) == [*range(1, 11)]
    assert splits[5].train == tuple(range(1, 11))
