"""Rivals that learn from noisy images alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from benchmarks.rivals import n2v, zs_n2n
from helpers import write_pairs
from microgan.errors import UserError


@pytest.fixture
def noisy(random):
    """A clean image of smooth blobs from 0 to 1, and the same with white noise."""
    clean = ndimage.gaussian_filter(random.normal(size=(32, 32)), 3)
    clean = (clean - clean.min()) / np.ptp(clean)
    return clean, clean + random.normal(0, 0.2, clean.shape)


def masked(random, image, *, percent=2.0, neighbourhood_px=5):
    return n2v.mask_pixels(random, image, percent=percent, neighbourhood_px=neighbourhood_px)


def test_n2v_masks_one_pixel_of_each_square(random):
    _, mask = masked(random, random.random((28, 28)))  # squares of 7 x 7

    squares = mask.reshape(4, 7, 4, 7).sum(axis=(1, 3))
    np.testing.assert_array_equal(squares, 1)


def test_n2v_replaces_masked_pixels_alone_and_by_a_neighbour(random):
    image = np.arange(28 * 28.0).reshape(28, 28)

    replaced, mask = masked(random, image)

    np.testing.assert_array_equal(replaced[~mask], image[~mask])
    for y, x in np.argwhere(mask):
        source_y, source_x = divmod(int(replaced[y, x]), 28)
        assert 0 < max(abs(source_y - y), abs(source_x - x)) <= 2


def test_n2v_is_blind_to_what_it_is_to_predict(random):
    """The network's input does not change with the masked pixels, where it is trained."""
    image = random.random((28, 28))
    _, mask = masked(np.random.default_rng(3), image)
    other = image + 7 * mask

    changed, _ = masked(np.random.default_rng(3), other)
    replaced, _ = masked(np.random.default_rng(3), image)

    own = changed - replaced
    # Another masked pixel may be a neighbour; its own value never is.
    assert not np.any(changed[mask] == other[mask])
    assert not np.any(own[~mask])


def test_n2v_learns_only_at_masked_pixels(random):
    trainer = n2v.N2VTrainer(n2v.build_unet_generator(filters=2), keras.optimizers.SGD(0.1),
                             global_batch_size=1)
    images = tf.constant(random.random((1, 16, 16, 1)), tf.float32)

    losses = trainer.train_step({"degraded": images, "noisy": images + 5,
                                 "mask": tf.zeros_like(images)})

    assert float(losses["masked"]) == 0


def test_n2v_removes_white_noise(noisy, random):
    clean, image = noisy
    keras.utils.set_random_seed(1)
    trainer = n2v.N2VTrainer(n2v.build_unet_generator(filters=4, depth=1),
                             keras.optimizers.Adam(1e-2), global_batch_size=4)
    step = tf.function(trainer.train_step)

    for _ in range(100):
        parts = [masked(random, image) for _ in range(4)]
        replaced, mask = (tf.constant(np.stack(part)[..., np.newaxis], tf.float32)
                          for part in zip(*parts))
        step({"degraded": replaced, "mask": mask,
              "noisy": tf.constant(np.stack([image] * 4)[..., np.newaxis], tf.float32)})
    # The moving means of the batch norms would need some hundred updates.
    restored = trainer.generator(image[np.newaxis, ..., np.newaxis], training=True)
    restored = np.asarray(restored)[0, ..., 0]

    assert np.mean((restored - clean) ** 2) < np.mean((image - clean) ** 2) / 2


def test_n2v_takes_degraded_images_alone_and_trains_on_all(tmp_path, random):
    write_pairs(tmp_path, "Blobs", 5, random)
    (tmp_path / "Blobs_Y.npy").unlink()
    method = n2v.N2V(n2v.N2VConfig.create(data_dir=tmp_path, patch_size=16, batch_size=2, seed=1))

    method.load()
    batch = method.batch(0)

    assert method.split()["Blobs"]["train"] == [0, 1, 2, 3, 4]
    assert batch["degraded"].shape == batch["mask"].shape == (2, 16, 16, 1)
    np.testing.assert_array_equal(batch["degraded"][batch["mask"] == 0],
                                  batch["noisy"][batch["mask"] == 0])


def test_n2v_has_one_network_per_task(tmp_path, random):
    for name in ("Blobs", "Drops"):
        write_pairs(tmp_path, name, 3, random)
    method = n2v.N2V(n2v.N2VConfig.create(data_dir=tmp_path, patch_size=16, seed=1))

    with pytest.raises(UserError, match="--datasets=Blobs or --datasets=Drops"):
        method.load()


def test_zs_n2n_halves_are_means_over_diagonals():
    image = tf.constant([[1.0, 2, 10, 20], [3, 4, 30, 40]])[tf.newaxis, ..., tf.newaxis]

    first, second = zs_n2n.halves(image)

    np.testing.assert_array_equal(first[0, ..., 0], [[2.5, 25]])  # (2 + 3) / 2, (20 + 30) / 2
    np.testing.assert_array_equal(second[0, ..., 0], [[2.5, 25]])  # (1 + 4) / 2, (10 + 40) / 2


def test_zs_n2n_halves_tell_the_diagonals_apart():
    image = tf.constant([[0.0, 6], [2, 0]])[tf.newaxis, ..., tf.newaxis]

    first, second = zs_n2n.halves(image)

    assert (float(first[0, 0, 0, 0]), float(second[0, 0, 0, 0])) == (4, 0)


def test_zs_n2n_loss_of_a_network_that_finds_no_noise():
    """Both halves are as far from each other both times; nothing is inconsistent."""
    image = tf.constant([[0.0, 6], [2, 0]])[tf.newaxis, ..., tf.newaxis]

    loss = zs_n2n.zero_shot_loss(lambda noisy, training: tf.zeros_like(noisy), image)

    assert float(loss) == pytest.approx((16 + 16) / 2)


def test_zs_n2n_removes_white_noise_and_keeps_the_intensities(noisy):
    clean, image = noisy
    restore = zs_n2n.ZeroShot(num_iters=150, learning_rate=1e-2, filters=4)

    restored = restore(1000 + 100 * image)

    assert np.mean((restored - 1000 - 100 * clean) ** 2) < 100 ** 2 * np.mean(
        (image - clean) ** 2) / 2


def test_zs_n2n_restores_each_image_as_if_it_were_alone(noisy, random):
    _, image = noisy
    restore = zs_n2n.ZeroShot(num_iters=3, filters=2)
    first = restore(image)

    restore(random.random((32, 32)))

    np.testing.assert_array_equal(restore(image), first)
