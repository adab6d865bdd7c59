import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange
from microgan.errors import UserError
from microgan.networks.cin_gan import build_resnet_generator, build_unet_generator
from microgan.restoration.synthesis import make_degraded

CLEAN, DEGRADED = IntensityRange(0, 100), IntensityRange(10, 30)


@pytest.fixture(params=["resnet", "unet"])
def model(request, random):
    if request.param == "resnet":
        return build_resnet_generator(num_tasks=2, filters=4, num_blocks=1)
    model = build_unet_generator(num_tasks=2, filters=4, depth=2)
    model.set_weights([random.normal(0, 0.3, weight.shape) for weight in model.weights])
    return model


@pytest.fixture
def planes(random):
    return [random.uniform(0, 100, size) for size in ((16, 20), (24, 24), (16, 20))]


def make(model, planes, seed=5, task=1):
    return make_degraded(model, planes, task, CLEAN, DEGRADED, seed=seed)


def test_intensities_go_from_the_clean_to_the_degraded_range(planes):
    identity = build_unet_generator(num_tasks=2, filters=4, depth=2)

    for plane, made in zip(planes, make(identity, planes)):
        np.testing.assert_allclose(made, 10 + 0.2 * plane, atol=1e-4)


def test_seed_repeats_and_changes_what_is_made(model, planes):
    first, again, other = make(model, planes), make(model, planes), make(model, planes, seed=6)

    for one, same, different in zip(first, again, other):
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - different).max() > 1e-3


def test_same_image_twice_gets_noise_of_its_own(model, planes):
    first, second = make(model, [planes[0], planes[0]])

    assert np.abs(first - second).max() > 1e-3


def test_images_that_are_not_finite_are_refused(planes):
    model = build_unet_generator(num_tasks=2, filters=4, depth=2)
    model.set_weights([np.full(weight.shape, 3e38) for weight in model.weights])

    with pytest.raises(UserError, match="NaN or infinite: its weights"):
        make(model, planes)
