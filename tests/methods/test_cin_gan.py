"""CIN-GAN measures defects before it learns what their models lack."""

import numpy as np
import pytest

from helpers import write_pairs
from microgan.config import CINGANConfig
from microgan.errors import UserError
from microgan.estimation.measured_defect import MeasuredDefect
from microgan.evaluation.defect_report import DefectImages
from microgan.generator_file import build_network, read_info, save_generator
from microgan.methods import measured_defects
from microgan.methods.cin_gan import CINGAN
from microgan.methods.measured_defects import measure
from microgan.runs.run_files import GENERATOR_FILE
from microgan.simulation.degradation_model import Degradation, DegradationModel

DARKER = MeasuredDefect(DegradationModel((Degradation(scale=0.5, offset=7),)))


@pytest.fixture
def method(data_dir, monkeypatch):
    """With its images loaded, and both tasks' defects measured alike."""
    monkeypatch.setattr(measured_defects, "measure_unpaired", lambda *images, seed: DARKER)
    chosen = CINGAN(CINGANConfig.create(
        recipe="limited", data_dir=str(data_dir), seed=1, generator_filters=2, patch_size=16,
        precision="float32"))
    chosen.load()
    chosen.prepare()
    return chosen


def test_batches_hold_what_the_models_make_of_clean_images(method):
    batch = method.batch(3)

    np.testing.assert_array_equal(batch["clean"], method.batch(3)["clean"])
    for task, number in zip(method.tasks.values(), (0, 1)):
        made = task.normalization.degraded.undo(batch["clean"][batch["condition"] == number])
        possible = 0.5 * np.stack(task.training_task().clean) + 7
        assert np.isin(np.round(made, 3), np.round(possible, 3)).all()


def test_network_is_kept_only_for_tasks_on_which_it_comes_nearer(method, tmp_path, monkeypatch):
    info = method.describe()
    save_generator(tmp_path / GENERATOR_FILE, build_network(info).get_weights(), info)
    left = {"Blobs": 0.5, "Stripes": 0.1}

    def seen(network, info, name):
        made = left[name] if info.corrected else 0.3
        return DefectImages(name, [np.ones((20, 20))], [np.full((20, 20), made)],
                            [np.zeros((20, 20)), np.full((20, 20), 0.02)])

    monkeypatch.setattr(method, "_seen", seen)

    method._load_best(tmp_path)

    found = read_info(tmp_path / GENERATOR_FILE, method="cin_gan")
    assert found.corrected == ("Stripes",)
    assert found.degradation == dict.fromkeys(("Blobs", "Stripes"), DARKER.model)


def test_a_network_that_harms_a_task_does_not_count_there(method, monkeypatch):
    monkeypatch.setattr(method, "_closed", lambda network, info, name: (
        {"Blobs": 0.1, "Stripes": 0.9}[name] if info.corrected else 0.5))

    scores = method.validate(None)

    assert scores == {"score": 0.7, "closed_Blobs": 0.1, "closed_Stripes": 0.9}


def test_measuring_sees_all_but_the_test_images(data_dir, random, monkeypatch):
    seen = []
    monkeypatch.setattr(measured_defects, "measure_unpaired", lambda degraded, clean, seed: (
        seen.append((len(degraded), len(clean))) or DARKER))
    write_pairs(data_dir, "Blobs", 20, random)
    chosen = CINGAN(CINGANConfig.create(recipe="limited", data_dir=str(data_dir), seed=1,
                                        datasets=("Blobs",), patch_size=16, images_limit=10))
    chosen.load()

    measure(chosen.tasks, 1)

    assert seen == [(10, 20 - len(chosen.tasks["Blobs"].clean_split.validation))]


def test_images_too_small_to_measure_are_refused_with_the_way_out(method, monkeypatch):
    def refuse(*images, seed):
        raise ValueError("too small")

    monkeypatch.setattr(measured_defects, "measure_unpaired", refuse)

    with pytest.raises(UserError, match="'Blobs' cannot be .* too small. Add --measure_defect"):
        measure(method.tasks, 1)
