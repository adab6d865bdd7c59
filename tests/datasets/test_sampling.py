import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.sampling import (
    SyntheticPairs, PairedBatches, TrainingTask, UnpairedBatches, transform)
from microgan.errors import UserError

PLAIN = TaskNormalization(IntensityRange(-1, 1), IntensityRange(-1, 1))


def task(images, name="Cells", symmetries="none", normalization=PLAIN):
    return TrainingTask(name, images, [image + 0.25 for image in images], normalization,
                        symmetries)


def test_batch_depends_on_seed_and_number_alone(random):
    batches = PairedBatches([task(list(random.normal(size=(5, 9, 9))))], batch_size=4,
                            patch_size=6, seed=3)

    first, again = batches(17), batches(17)

    np.testing.assert_array_equal(first["degraded"], again["degraded"])
    assert not np.array_equal(first["degraded"], batches(18)["degraded"])


def test_pairs_stay_paired_through_crops_and_symmetries(random):
    images = [random.normal(size=size) for size in ((9, 9), (12, 10))]
    batches = PairedBatches([task(images, symmetries="all")], batch_size=8, patch_size=6, seed=0)

    batch = batches(0)

    assert batch["degraded"].shape == (8, 6, 6, 1) and batch["degraded"].dtype == np.float32
    np.testing.assert_allclose(batch["clean"] - batch["degraded"], 0.25, atol=1e-6)


def test_crops_come_from_all_over_the_image():
    image = np.arange(100.0).reshape(10, 10)
    batches = PairedBatches([task([image])], batch_size=50, patch_size=8, seed=0)

    corners = {int(crop[0, 0, 0]) for update in range(10) for crop in batches(update)["degraded"]}

    assert corners == {0, 1, 2, 10, 11, 12, 20, 21, 22}


@pytest.mark.parametrize("symmetries, count", [("none", 1), ("flips", 4), ("all", 8)])
def test_symmetries_give_all_and_only_their_versions(symmetries, count):
    image = np.array([[1.0, 2], [3, 4]])
    batches = PairedBatches([task([image], symmetries=symmetries)], batch_size=200,
                            patch_size=2, seed=0)

    versions = {tuple(crop.ravel()) for crop in batches(0)["degraded"]}

    assert len(versions) == count
    if symmetries == "flips":  # rows stay rows: a defect along X stays along X
        assert versions == {(1, 2, 3, 4), (2, 1, 4, 3), (3, 4, 1, 2), (4, 3, 2, 1)}


def test_jitter_is_the_same_within_a_pair_and_differs_between_pairs():
    batches = PairedBatches([task([np.linspace(-0.5, 0.5, 16).reshape(4, 4)])], batch_size=400,
                            patch_size=4, seed=0, intensity_jitter=(0.2,))

    batch = batches(0)

    gain = np.ptp(batch["degraded"], axis=(1, 2, 3))
    # Clean is degraded + 0.25, which the gain scales, too.
    np.testing.assert_allclose(np.ptp(batch["clean"], axis=(1, 2, 3)), gain, rtol=1e-5)
    np.testing.assert_allclose((batch["clean"] - batch["degraded"])[:, 0, 0, 0], 0.25 * gain,
                               rtol=1e-4)
    offset = batch["degraded"].mean((1, 2, 3))
    for values, low, high in ((gain, 0.8, 1.2), (offset, -0.2, 0.2)):
        assert low <= values.min() < low + 0.01 and high - 0.01 < values.max() <= high
    assert abs(np.corrcoef(gain, offset)[0, 1]) < 0.2


def test_transform_mirrors_then_swaps():
    image = np.array([[1, 2], [3, 4]])

    np.testing.assert_array_equal(transform(image, True, False, True), [[2, 4], [1, 3]])


def test_tasks_have_equal_shares_and_their_own_constants(random):
    bright = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))
    tasks = [task([random.uniform(-1, 1, (4, 4))]),
             task([np.array([[0.0, 100], [50, 25]]).repeat(2, 0).repeat(2, 1)], "Bright",
                  normalization=bright)]
    batches = PairedBatches(tasks, batch_size=6, patch_size=4, seed=0)

    batch = batches(5)

    assert sorted(batch["condition"]) == [0, 0, 0, 1, 1, 1]
    assert set(np.ravel(batch["degraded"][batch["condition"] == 1])) == {-1, 1, 0, -0.5}


def test_image_smaller_than_the_crop_is_named():
    with pytest.raises(UserError, match="image of 'Cells' is 4 x 7 .*--patch_size=4"):
        PairedBatches([task([np.zeros((4, 7))])], batch_size=1, patch_size=8, seed=0)


def unpaired(random, **changes):
    """A task with clean values of at least 10 and degraded ones of at most 1."""
    tasks = [TrainingTask("Cells", list(random.uniform(0, 1, (3, 8, 9))),
                          list(random.uniform(10, 11, (5, 7, 7))), PLAIN, "none"),
             TrainingTask("Dots", list(random.uniform(-1, 0, (2, 8, 8))),
                          list(random.uniform(20, 21, (9, 8, 8))), PLAIN, "all")]
    settings = {"batch_size": 4, "num_sub_batches": 3, "patch_size": 6, "seed": 3,
                "with_noise": True}
    return UnpairedBatches(tasks, **{**settings, **changes})


def test_unpaired_batch_has_clean_and_degraded_images_of_the_named_task(random):
    batch = unpaired(random)(0)

    assert batch["clean"].shape == batch["degraded"].shape == (4, 3, 6, 6, 1)
    assert batch["condition"].shape == (4, 3) and batch["condition"].dtype == np.int32
    np.testing.assert_array_equal(batch["clean"].min((2, 3, 4)) >= 20, batch["condition"] == 1)
    np.testing.assert_array_equal(batch["degraded"].max((2, 3, 4)) <= 0, batch["condition"] == 1)


def test_every_sub_batch_has_the_tasks_in_equal_shares(random):
    condition = unpaired(random)(4)["condition"]

    np.testing.assert_array_equal(condition.sum(axis=0), [2, 2, 2])


def test_unpaired_batch_depends_on_seed_and_number_alone(random):
    batches = unpaired(random)

    first, again, other = batches(17), batches(17), batches(18)

    np.testing.assert_array_equal(first["clean"], again["clean"])
    assert not np.array_equal(first["clean"], other["clean"])


def test_noise_and_penalty_positions_are_random_numbers_for_every_image(random):
    batch = unpaired(random, batch_size=200)(0)

    assert batch["noise"].shape == batch["clean"].shape and batch["noise"].dtype == np.float32
    assert abs(batch["noise"].mean()) < 0.02 and abs(batch["noise"].std() - 1) < 0.02
    position = batch["penalty_position"]
    assert position.shape == (200, 3) and len(np.unique(position)) > 590
    assert 0 <= position.min() < 0.02 and 0.98 < position.max() < 1
    assert "noise" not in unpaired(random, with_noise=False)(0)


def test_clean_and_degraded_images_are_drawn_independently():
    """Every combination of clean and degraded images occurs."""
    images = [np.full((2, 2), value) for value in (0.0, 1.0)]
    batches = UnpairedBatches([TrainingTask("Cells", images, images, PLAIN, "none")],
                              batch_size=50, num_sub_batches=1, patch_size=2, seed=0,
                              with_noise=False)

    batch = batches(0)

    assert len({(float(clean), float(degraded)) for clean, degraded in zip(
        batch["clean"][:, 0, 0, 0, 0], batch["degraded"][:, 0, 0, 0, 0])}) == 4


def test_clean_image_smaller_than_the_crop_is_named(random):
    with pytest.raises(UserError, match="image of 'Cells, clean' is 7 x 7 .*--patch_size=7"):
        unpaired(random, patch_size=8)


def synthetic_pairs(share, clean, num_updates=None):
    """The task and a seed are written into the degraded image."""
    def degrade(images, parts, tasks, seed):
        return [image[part] + 100 * (1 + task) for image, part, task in zip(images, parts, tasks)]

    return SyntheticPairs(share, clean, degrade, num_updates=num_updates)


def test_share_of_synthetic_pairs_is_kept_on_average(random):
    images = list(random.normal(size=(3, 9, 9)))
    batches = PairedBatches([task(images), task(images)], batch_size=4, patch_size=6, seed=0,
                            synthetic=synthetic_pairs(0.3, [images, images]))

    counts = [int((batches(update)["degraded"] > 50).all(axis=(1, 2, 3)).sum())
              for update in range(300)]

    assert set(counts) == {1, 2}
    assert np.mean(counts) == pytest.approx(4 * 0.3, abs=0.1)


def test_share_of_synthetic_pairs_falls_evenly_to_nothing(random):
    images = list(random.normal(size=(3, 9, 9)))
    batches = PairedBatches([task(images)], batch_size=4, patch_size=6, seed=0,
                            synthetic=synthetic_pairs(0.8, [images], num_updates=400))

    counts = [int((batches(update)["degraded"] > 50).all(axis=(1, 2, 3)).sum())
              for update in range(400)]

    assert batches.synthetic.share_at(0) == 0.8
    assert batches.synthetic.share_at(300) == pytest.approx(0.2)
    assert np.mean(counts[:100]) == pytest.approx(4 * 0.7, abs=0.2)
    assert np.mean(counts[300:]) == pytest.approx(4 * 0.1, abs=0.1)
    np.testing.assert_array_equal(batches(37)["degraded"], batches(37)["degraded"])


def test_synthetic_pair_is_of_its_task_and_normalised_like_it(random):
    images = list(random.normal(size=(3, 9, 9)))
    half = TaskNormalization(IntensityRange(-2, 2), IntensityRange(-1, 1))
    batches = PairedBatches([task([]), task([], normalization=half)], batch_size=4, patch_size=6,
                            seed=0, synthetic=synthetic_pairs(1.0, [images, images]))

    batch = batches(5)

    for degraded, clean, condition in zip(*(batch[name] for name in (
            "degraded", "clean", "condition"))):
        wanted = clean + 100 if condition == 0 else (clean + 200) / 2
        np.testing.assert_allclose(degraded, wanted, rtol=1e-5)


def test_synthetic_batch_depends_on_seed_and_number_alone(random):
    images = list(random.normal(size=(3, 9, 9)))
    seeds = []

    def degrade(images, parts, tasks, seed):
        seeds.append(seed)
        return [image[part] for image, part in zip(images, parts)]

    batches = PairedBatches([task([])], batch_size=4, patch_size=6, seed=0,
                            synthetic=SyntheticPairs(1.0, [images], degrade))

    first, again, _ = batches(7), batches(7), batches(8)

    np.testing.assert_array_equal(first["clean"], again["clean"])
    assert seeds[0] == seeds[1] != seeds[2]


def test_clean_image_too_small_to_degrade_is_refused(random):
    small = [random.normal(size=(5, 9))]

    with pytest.raises(UserError, match="'Cells, clean' is 5 x 9 pixels"):
        PairedBatches([task([])], batch_size=4, patch_size=6, seed=0,
                      synthetic=synthetic_pairs(1.0, [small]))
