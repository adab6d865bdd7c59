"""Known degradations of simulated samples are measured without pairs."""

from functools import cache

import numpy as np
import pytest
from helpers import ROOT
from scipy import ndimage

from microgan.estimation.measured_defect import POOR_FIT, MeasuredDefect
from microgan.estimation.unpaired import measure_unpaired
from microgan.simulation.datasets import simulate_pair
from microgan.simulation.degradation_model import Degradation

SPECIMENS = FILAMENTS, NUCLEI, EMBRYO = (
    "Synthetic_tubulin_tubules", "Nuclei_low_light", "Drosophila")


@cache
def _samples(name, count=70, size=128):
    return [simulate_pair(name, seed=1, part="train", index=index, image_size=size)[1]
            for index in range(count)]


def _degraded(clean, **settings):
    degradation = Degradation(limits=(0.0, 65535.0), is_whole=True, scale=2.0, offset=10.0,
                              **settings)
    rng = np.random.default_rng(0)
    return [degradation.apply(rng, image).astype(np.uint16) for image in clean]


def _check(found, blur_px, photons, step_px=1.0, *, may_be_uncertain=False):
    """Blur within 10 %, step exact, photons within 25 %.

    Where noise or sampling covers the blur, the interval must hold it and be wider than that.
    """
    estimates = found.estimates
    for axis, blur in zip("yx", blur_px):
        found_blur = estimates[f"blur_{axis}_px"]
        # Blur of less than half a pixel hardly changes an image.
        is_near = abs(found_blur.value - blur) <= (0.1 * blur if blur >= 0.5 else 0.45)
        holds = found_blur.low <= blur <= found_blur.high
        assert is_near or may_be_uncertain and holds, f"{found_blur} instead of {blur} px"
    np.testing.assert_allclose(150 / estimates["noise_gain"].value, photons, rtol=0.25)
    assert estimates["step_px"].value == step_px if step_px > 1 else "step_px" not in estimates


@pytest.mark.parametrize("blur_px, photons, step_px", [
    ((1.0, 2.0), 30, 1.0), ((0.0, 0.0), 30, 1.0), ((0.7, 2.5), 1000, 5.0)])
def test_known_degradation_is_measured(blur_px, photons, step_px):
    clean = _samples(FILAMENTS)
    degraded = _degraded(clean[:10], blur_px=blur_px, noise_gain=150 / photons, step_px=step_px)

    found = measure_unpaired(degraded, clean[10:])

    _check(found, blur_px, photons, step_px)
    assert len(found.model.examples) == 10
    assert found.misfit < POOR_FIT
    assert not any("cannot be known" in note for note in found.notes)
    assert not any("Blur differs" in note for note in found.notes)
    assert "haze" not in found.estimates
    assert any("No light out of focus was found" in note for note in found.notes)
    assert MeasuredDefect.from_json(found.to_json()) == found


def test_blur_that_differs_from_image_to_image_is_measured():
    rng = np.random.default_rng(0)
    clean = _samples(FILAMENTS)[:50]
    blurs_px = rng.permutation(np.linspace(1.0, 3.0, 10))
    degraded = [Degradation(blur_px=(blur, blur), noise_gain=5.0).apply(rng, image)
                for blur, image in zip(blurs_px, clean)]

    found = measure_unpaired(degraded, clean[10:])

    measured_px = np.array([example.blur_px[1] for example in found.model.examples])
    np.testing.assert_allclose(measured_px.std(), blurs_px.std(), rtol=0.25)
    assert np.corrcoef(measured_px, blurs_px)[0, 1] > 0.9
    assert any("Blur differs" in note for note in found.notes)


# By which these ten images differ from the sixty is taken for blur, since noise covers finer
# details; other ten are measured well, see docs/method.md.
FALLS_SHORT = {
    (EMBRYO, 3, (4.0, 4.0), 1.0, 0.0): "3.60 and 3.51 px, intervals up to 3.99 and 3.92",
    (NUCLEI, 3, (2.0, 2.0), 1.0, 0.4): "2.30 and 2.72 px, the second 2.26 or more",
    (NUCLEI, 30, (1.0, 1.0), 1.0, 0.0): "1.099 px: within 10 %, or not, as a processor rounds"}
# Each degradation, and the specimens that .ci/run takes with 3, 30 and 1000 photons: every two
# of degradation, photons and specimen meet once or more. The others are run by hand.
GRID = [
    ({"blur_px": (0.0, 0.0)}, (FILAMENTS, NUCLEI, EMBRYO)),
    ({"blur_px": (1.0, 1.0)}, (NUCLEI, EMBRYO, FILAMENTS)),
    ({"blur_px": (2.0, 2.0)}, (EMBRYO, FILAMENTS, NUCLEI)),
    ({"blur_px": (4.0, 4.0)}, (FILAMENTS, EMBRYO, NUCLEI)),
    ({"blur_px": (0.0, 4.0)}, (NUCLEI, FILAMENTS, EMBRYO)),
    ({"blur_px": (1.0, 2.5), "step_px": 5.0}, (EMBRYO, NUCLEI, FILAMENTS)),
    ({"blur_px": (1.0, 4.0), "step_px": 10.2}, (EMBRYO, NUCLEI, FILAMENTS)),
    ({"blur_px": (2.0, 2.0), "haze": 0.4}, (EMBRYO, FILAMENTS, NUCLEI))]


@pytest.mark.parametrize("settings, photons, name", [
    pytest.param(settings, photons, name,
                 marks=pytest.mark.slow if name == taken else pytest.mark.endurance)
    for settings, all_taken in GRID for photons, taken in zip((3, 30, 1000), all_taken)
    for name in SPECIMENS])
def test_grid_of_known_degradations_is_measured(settings, photons, name, request):
    known = (name, photons, settings["blur_px"], settings.get("step_px", 1.0),
             settings.get("haze", 0.0))
    if known in FALLS_SHORT:
        request.applymarker(pytest.mark.xfail(reason=FALLS_SHORT[known]))
    if name == FILAMENTS and "step_px" in settings and photons < 1000:
        pytest.skip("ten images of a few filaments, a fifth of their columns, hold too little")
    clean = _samples(name)
    degraded = _degraded(clean[:10], noise_gain=150 / photons, **settings)

    found = measure_unpaired(degraded, clean[10:])

    _check(found, settings["blur_px"], photons, settings.get("step_px", 1.0),
           may_be_uncertain=photons == 3 or "step_px" in settings)


@pytest.mark.parametrize("kind, other", [
    (FILAMENTS, NUCLEI), pytest.param(NUCLEI, EMBRYO, marks=pytest.mark.slow),
    pytest.param(EMBRYO, NUCLEI, marks=pytest.mark.slow)])
def test_clean_images_of_another_kind_are_said_to_tell_nothing(kind, other):
    degraded = _degraded(_samples(kind)[:10], blur_px=(1.0, 2.0), noise_gain=5.0)

    found = measure_unpaired(degraded, _samples(other, 24, 96))

    assert found.misfit > POOR_FIT
    assert "cannot be known" in found.notes[0]


def test_noise_that_does_not_grow_with_the_signal_is_measured_in_grey_levels():
    clean = _samples(FILAMENTS)
    degraded = _degraded(clean[:10], blur_px=(1.0, 1.0), noise_floor=9.0)

    found = measure_unpaired(degraded, clean[10:])

    np.testing.assert_allclose(found.estimates["noise"].value, 3, rtol=0.05)
    assert "grey levels" == found.estimates["noise"].unit
    assert not any("cannot be told apart" in note for note in found.notes)


def test_noise_that_is_not_white_is_measured():
    curve = np.interp(np.arange(33), [0, 16, 28, 32], [1.0, 1.0, 0.3, 0.3])
    clean = _samples(FILAMENTS)
    degraded = _degraded(clean[:10], blur_px=(1.0, 1.0), noise_floor=400.0,
                         noise_transfer=tuple(curve))

    found = measure_unpaired(degraded, clean[10:])

    measured = np.array(found.model.examples[0].noise_transfer)
    np.testing.assert_allclose(measured / measured[0], curve, atol=0.15)
    assert any("not white" in note for note in found.notes)


def test_brightness_is_kept_unless_pools_differ_by_more_than_chance():
    rng = np.random.default_rng(3)
    # As bright as chance has it, and the ten degraded ones are dimmer than most.
    factors = np.append(rng.lognormal(-0.3, 0.4, 10), rng.lognormal(0, 0.4, 60))
    clean = [factor * image for factor, image in zip(factors, _samples(NUCLEI))]
    kept, sampled, tripled = (
        measure_unpaired([Degradation(
            noise_gain=3.0, scale=scale, blur_px=(1.0, 1.0), step_px=step_px).apply(rng, image)
            for image in clean[:10]], clean[10:]) for scale, step_px in ((1, 1), (1, 5), (3, 1)))

    for found in (kept, sampled):
        assert 0.95 < found.estimates["scale"].value < 1.05
        assert abs(found.model.examples[0].offset) < 0.05 * np.mean(clean)
        assert any("taken to be kept" in note for note in found.notes)
    assert 1.7 < tripled.estimates["scale"].value < 4
    assert not any("taken to be kept" in note for note in tripled.notes)


def test_brightness_is_not_taken_to_be_kept_where_images_were_stretched_one_by_one():
    stretched = [np.round(255.0 * image / image.max()).astype(np.uint8)
                 for image in _samples(NUCLEI)]

    as_stored, as_numbers = (measure_unpaired(each[:10], each[10:]) for each in (
        stretched, [image.astype(float) for image in stretched]))

    assert not any("taken to be kept" in note for note in as_stored.notes)
    assert any("taken to be kept" in note for note in as_numbers.notes)


@pytest.mark.parametrize("images, complaint", [
    ([], "at least one image"), ([np.zeros((8, 50))], "at least 32"),
    ([np.full((40, 40), np.nan)], "finite")])
def test_images_that_tell_nothing_are_refused(images, complaint):
    with pytest.raises(ValueError, match=complaint):
        measure_unpaired(images, [np.zeros((40, 40))])


def test_lines_without_other_noise_are_not_explained(random):
    """The spectrum then tells nothing of the noise: its deviation was beyond all numbers."""
    cells = np.load(ROOT / "data" / "Drosophila_Y.npy").astype(float)
    lined = (ndimage.gaussian_filter(cells[:10], (0, 1, 1))
             + random.normal(0, 12, (10, cells.shape[1], 1)))

    found = measure_unpaired(lined, cells[10:])

    assert found.misfit > POOR_FIT
