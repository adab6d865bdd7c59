"""Tile by tile, a network gives what it gives on the whole image, and no seams."""

import numpy as np
import pytest
from scipy import ndimage
from seams import seam_score

from microgan.metrics.paired import psnr
from microgan.restoration.moments import Moments
from microgan.restoration.noise import noise
from microgan.restoration.tiled_network import TiledNetwork


# Every norm is a graph to compile: of the networks with norms the default suite has one.
@pytest.fixture(scope="module", params=["resnet", "unet", *(
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("cin_resnet", "cin_unet", "cyclegan"))])
def network(request):
    """Each kind of generator, narrow and with random weights; instance norms in all but one."""
    from benchmarks.rivals import cyclegan
    from microgan.networks import cgan, cin_gan

    model = {"resnet": lambda: cgan.build_resnet_generator(filters=2, num_blocks=1),
             "unet": lambda: cgan.build_unet_generator(filters=2, depth=2),
             "cin_resnet": lambda: cin_gan.build_resnet_generator(num_tasks=2, filters=2,
                                                                  num_blocks=1, dropout=0.0),
             "cyclegan": lambda: cyclegan.build_resnet_generator(filters=2, num_blocks=1),
             "cin_unet": lambda: cin_gan.build_unet_generator(num_tasks=2, filters=2, depth=2),
             }[request.param]()
    random = np.random.default_rng(0)
    for weight in model.weights:
        if "kernel" in weight.path:
            fan_in = np.prod(weight.shape[:-1])
            weight.assign(random.normal(0, 1.4 / np.sqrt(fan_in), weight.shape))
        elif "seed" not in weight.path:
            weight.assign(random.normal(0.5, 0.5, weight.shape))
    return TiledNetwork(model)


def uneven_image(shape):
    """Fine texture under large differences in brightness, as between cells and background."""
    random = np.random.default_rng(1)
    large = ndimage.gaussian_filter(random.normal(size=shape), max(shape) / 8)
    fine = ndimage.gaussian_filter(random.normal(size=shape), 0.7)
    return (large / large.std() + 0.1 * fine / fine.std()).astype(np.float32)


def restored(network, image, side):
    result = np.full(image.shape, np.nan, np.float32)
    for _ in network.restore(lambda where: image[where], result.__setitem__, image.shape, side,
                             number=3, task=1):
        pass
    return result


def borders(network, shape, side):
    tiles = network.grid(shape, side)
    return [sorted({tile.core[axis].start for tile in tiles} - {0}) for axis in range(2)]


def assert_seamless(network, image, side):
    """At least 60 dB of the whole, and a seam score within 2 % of that of the whole."""
    whole = network.restore_batch(image[None], [3], task=1)[0]

    tiled = restored(network, image, side)

    assert psnr(whole, tiled, data_range=np.ptp(whole)) > 60
    where = borders(network, image.shape, side)
    # Of the whole, not of 1: an untrained network upsamples in visible blocks.
    assert seam_score(tiled, where) == pytest.approx(seam_score(whole, where), rel=0.02)


def test_tiled_equals_whole_for_any_size(network):
    assert_seamless(network, uneven_image((203, 250)), 70)


@pytest.mark.slow
def test_large_image_is_seamless(network):
    assert_seamless(network, uneven_image((1024, 1024)), 256)


@pytest.mark.parametrize("network", [
    "resnet", pytest.param("cin_resnet", marks=pytest.mark.slow)], indirect=True)
def test_plain_tiles_would_leave_seams(network):
    image = uneven_image((512, 512))
    whole = network.restore_batch(image[None], [3], task=1)[0]
    plain = np.empty_like(image)

    for tile in network.grid(image.shape, 128):
        values = network.restore_batch(image[tile.outer][None], [3], task=1)[0]
        plain[tile.core] = values[tile.inner]

    where = borders(network, image.shape, 128)
    assert psnr(whole, plain, data_range=np.ptp(whole)) < 40
    assert seam_score(plain, where) > 1.02 * seam_score(whole, where)


@pytest.mark.parametrize("kind", ["residual", pytest.param("published", marks=pytest.mark.slow)])
def test_tiled_volume_equals_the_whole(kind, random):
    from microgan.networks import zse_gan

    build = {"residual": zse_gan.build_residual_translator,
             "published": zse_gan.build_published_translator}[kind]
    model = build(filters=2, num_blocks=1)
    for weight in model.weights:
        if "kernel" in weight.path:
            weight.assign(random.normal(0, 1.4 / np.sqrt(np.prod(weight.shape[:-1])),
                                        weight.shape))
    network = TiledNetwork(model)
    stack = np.stack([uneven_image((70, 50)) for _ in range(13)])
    stack += np.arange(13, dtype=np.float32)[:, None, None] / 5

    tiled = restored(network, stack, 24)

    assert network.grid_size(stack.shape, 24)[0] == 9
    whole = network.restore_batch(stack[None], [3])[0]
    assert psnr(whole, tiled, data_range=np.ptp(whole)) > 60


def test_steps_are_as_many_as_announced(network):
    image = uneven_image((100, 90))

    steps = list(network.restore(lambda where: image[where], np.empty_like(image).__setitem__,
                                 image.shape, 48))

    assert len(steps) == network.num_steps(image.shape, 48) == 6 * network.num_passes
    assert network.num_steps(image.shape, 100) == 1


def test_batches_give_what_single_images_do(network):
    images = np.stack([uneven_image((32, 40)), -uneven_image((32, 40))])

    together = network.restore_batch(images, [4, 5], task=1)

    for number, image in enumerate(images):
        alone = network.restore_batch(image[None], [4 + number], task=1)[0]
        np.testing.assert_allclose(together[number], alone, atol=1e-4)


def test_margin_is_what_the_network_sees():
    from microgan.networks.cgan import build_resnet_generator

    network = TiledNetwork(build_resnet_generator(filters=2, num_blocks=1))

    # c7 3; c3s2 2; c3s2 at half size 4; two c3 at a quarter 8; upsampling 2, c3 at half 2;
    # upsampling 1, c3 1; c7 3.
    assert network.margin == (26, 26)
    assert network.multiple == (4, 4)
    assert network.num_passes == 3 + 2 + 2 + 1


def test_moments_of_parts_are_those_of_all(random):
    values = random.normal(5, 0.01, (100, 3)) + [0, 1e4, -7]
    total = Moments()

    for part in np.split(values, [10, 11, 60]):
        total.add(part.mean(0), part.var(0), len(part))

    np.testing.assert_allclose(total.mean, values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(total.deviation, values.std(0), rtol=1e-6)


def test_noise_is_a_function_of_the_place():
    whole = noise([1, 2], (slice(0, 600), slice(0, 300)))

    assert noise([1, 2], (slice(200, 520), slice(256, 257))).tolist() == (
        whole[200:520, 256:257].tolist())
    assert np.abs(noise([1, 3], (slice(0, 9), slice(0, 9))) - whole[:9, :9]).max() > 1
    assert whole.std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(whole[:256].ravel(), whole[256:512].ravel())[0, 1] < 0.02


@pytest.fixture(scope="module")
def random_network():
    """The published generator that adds defects, random by its dropout alone."""
    from microgan.networks.cin_gan import build_resnet_generator

    return TiledNetwork(build_resnet_generator(num_tasks=2, filters=2, num_blocks=1, dropout=0.5))


def test_dropout_is_drawn_for_every_plane_and_again_for_the_same_one(random_network):
    planes = np.tile(uneven_image((20, 24)), (2, 1, 1))

    made = random_network.restore_batch(planes, [0, 1], seed=5)

    assert not np.allclose(made[0], made[1])
    np.testing.assert_array_equal(random_network.restore_batch(planes[:1], [1], seed=5)[0],
                                  made[1])
    assert not np.allclose(random_network.restore_batch(planes[:1], [1], seed=6)[0], made[1])


def test_dropout_is_drawn_for_every_tile_alike_in_all_passes(random_network, monkeypatch):
    states = []
    seed_dropout = random_network._seed_dropout

    def recorded(*where):
        seed_dropout(*where)
        states.append(tuple(np.concatenate([layer.seed_generator.state for layer
                                            in random_network._model.layers
                                            if hasattr(layer, "seed_generator")])))

    monkeypatch.setattr(random_network, "_seed_dropout", recorded)
    image = uneven_image((130, 70))
    restored(random_network, image, 64)

    num_tiles = len(random_network.grid(image.shape, 64))
    assert num_tiles > 1 and len(states) == num_tiles * random_network.num_passes
    assert len(set(states)) == num_tiles and states[:num_tiles] == states[-num_tiles:]
