"""Training on pairs that a CIN-GAN generator makes."""

import csv
import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

from helpers import make_pairs, write_pairs
from microgan.cli import train_cgan
from microgan.config import CGANConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.splits import fingerprint
from microgan.errors import UserError
from microgan.methods.cgan import CGAN
from microgan.methods.paired_data import paired_batches
from microgan.methods.synthetic_pairs import load_tasks_and_synthesizer, seed_of_generator
from microgan.generator_file import (
    GeneratorInfo, build_network, load_generator, read_info, save_generator)
from microgan.restoration.in_memory import synthesise_degraded
from microgan.simulation.degradation_model import Degradation, DegradationModel

RUN = "Microscopy_cGAN_results_CIN_augm"
MODEL = DegradationModel((Degradation(scale=0.5, offset=7, noise_floor=4.0),))
CONSTANTS = TaskNormalization(degraded=IntensityRange(0, 200), clean=IntensityRange(0, 250))


def write_generator(path, tasks=("Blobs", "Stripes"), **models):
    info = GeneratorInfo(method="cin_gan", network="unet", network_arguments={"filters": 2},
                         tasks=tasks, normalization={name: CONSTANTS for name in tasks},
                         axes="YX", microgan_version="0", config_hash="", **models)
    random = np.random.default_rng(1)
    weights = [random.normal(0, 0.2, weight.shape) for weight in build_network(info).weights]
    save_generator(path, weights, info)
    return path


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    return write_generator(tmp_path_factory.mktemp("generator") / "generator.h5")


@pytest.fixture
def generator(tmp_path, written_once):
    """A generator in a run folder, in which tests leave records of its run."""
    (tmp_path / "CIN-GAN_results").mkdir()
    return shutil.copy(written_once, tmp_path / "CIN-GAN_results" / "generator.h5")


def config(data_dir, generator, **settings):
    return CGANConfig.create(**{
        "recipe": "limited", "data_dir": str(data_dir), "cin_augment": True, "seed": 1,
        "cin_generator_path": str(generator), "precision": "float32", **settings})


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_pairs_are_made_from_all_clean_images_that_nobody_judges(data_dir, generator, random):
    extra = make_pairs(3, random)[1]
    test_image = np.load(data_dir / "Blobs_test_Y.npy")[:1]
    np.save(data_dir / "Blobs_extra_Y.npy", np.concatenate([extra, test_image]))

    tasks, _ = load_tasks_and_synthesizer(config(data_dir, generator, images_limit=5))

    blobs = tasks["Blobs"]
    clean = np.load(data_dir / "Blobs_Y.npy")
    (validation,) = blobs.split.validation
    assert len(blobs.split.train) == 4
    assert same(blobs.clean_to_degrade, [*np.delete(clean, validation, axis=0), *extra])


def test_without_pairs_clean_and_degraded_images_need_not_match(data_dir, generator, random):
    np.save(data_dir / "Blobs_X.npy", np.load(data_dir / "Blobs_X.npy")[:6])

    tasks, _ = load_tasks_and_synthesizer(config(data_dir, generator, alpha=1.0))

    blobs = tasks["Blobs"]
    assert not blobs.split.train
    assert len(blobs.clean_to_degrade) + len(blobs.split.validation) == 10
    assert blobs.normalization == CONSTANTS
    assert blobs.split.test_from == "Blobs_test"


def test_each_image_gets_the_defect_of_its_task(data_dir, generator):
    tasks, synthesizer = load_tasks_and_synthesizer(config(data_dir, generator, alpha=1.0))
    clean = [np.full((32, 32), 250.0), np.zeros((32, 32))]

    synthetic = synthesizer(clean, None, [1, 0], seed=3)

    model, info = load_generator(generator, method="cin_gan")
    for image, truth, name in zip(synthetic, clean, ("Stripes", "Blobs")):
        (wanted,) = synthesise_degraded(model, info, name, [truth], seed=3)
        np.testing.assert_allclose(image, wanted, rtol=1e-5)


def test_measured_models_see_around_the_crops_and_need_no_network(data_dir, tmp_path):
    seen = []

    class Model(DegradationModel):
        def apply(self, rng, clean):
            seen.append(clean.shape)
            return super().apply(rng, clean)

    model = Model((Degradation(scale=0.5, offset=7),))
    path = write_generator(tmp_path / "g.h5", degradation={"Blobs": model, "Stripes": model})
    one = config(data_dir, path, alpha=1.0, patch_size=16)
    tasks, synthesizer = load_tasks_and_synthesizer(one)
    synthesizer.info = replace(synthesizer.info,
                               degradation={"Blobs": model, "Stripes": model})

    batch = paired_batches(one, tasks, synthesizer.synthetic_pairs(1.0, tasks))(0)

    assert set(seen) == {(32, 32)} and "_model" not in vars(synthesizer)
    degraded, clean = (getattr(CONSTANTS, kind).undo(batch[kind])
                       for kind in ("degraded", "clean"))
    np.testing.assert_allclose(degraded, 0.5 * clean + 7, atol=1e-3)


def test_seed_is_that_of_the_generators_run_unless_given(data_dir, generator, capsys):
    (generator.parent / "config.json").write_text(json.dumps({"config": {"seed": 41}}))

    assert seed_of_generator(config(data_dir, generator, seed=None)) == 41
    assert seed_of_generator(CGANConfig.create(recipe="limited")) is None


@pytest.mark.parametrize("content", [
    {"config": CGANConfig.create(seed=41).to_json()}, {"config": 5}, {"config": {"seed": "x"}},
    {}, [1]])
def test_seed_of_another_program_is_not_the_generators(data_dir, generator, content):
    (generator.parent / "config.json").write_text(json.dumps(content))

    assert seed_of_generator(config(data_dir, generator, seed=None)) is None


def record_split(generator, data_dir, degraded, clean):
    images = fingerprint(*(np.load(data_dir / f"Blobs_{letter}.npy") for letter in "XY"))
    content = {"Blobs": {"images": images, "degraded": {"train": degraded, "validation": []},
                         "clean": {"train": clean, "validation": []}}}
    (generator.parent / "split.json").write_text(json.dumps(content))


@pytest.fixture
def tested_pairs(data_dir, random):
    """Twenty pairs without test arrays, so that some of them are tested."""
    for path in data_dir.glob("*_test_*"):
        path.unlink()
    for path in data_dir.glob("Stripes*"):
        path.unlink()
    write_pairs(data_dir, "Blobs", 20, random)
    return data_dir


@pytest.mark.parametrize("record", [
    {"train": [1, 2], "validation": []}, {"degraded": 5, "clean": 5}, {"degraded": {}}, 7])
def test_split_of_another_program_says_nothing(tested_pairs, generator, capsys, record):
    record_split(generator, tested_pairs, [], [])
    path = generator.parent / "split.json"
    images = json.loads(path.read_text())["Blobs"]["images"]
    path.write_text(json.dumps(
        {"Blobs": {"images": images, **record} if isinstance(record, dict) else record}))

    load_tasks_and_synthesizer(config(tested_pairs, generator))

    assert "so it may have seen some of this run's test images" in capsys.readouterr().out


def test_generator_that_learned_from_tested_images_is_refused(tested_pairs, generator):
    record_split(generator, tested_pairs, list(range(20)), [])

    with pytest.raises(UserError, match="learned from 4 of the images that test 'Blobs'"):
        load_tasks_and_synthesizer(config(tested_pairs, generator))


def test_generator_that_held_out_the_same_images_is_taken(tested_pairs, generator, capsys):
    record_split(generator, tested_pairs, [], [])

    load_tasks_and_synthesizer(config(tested_pairs, generator))

    assert capsys.readouterr().out == ""


def test_generator_of_unknown_images_is_named(tested_pairs, generator, capsys):
    load_tasks_and_synthesizer(config(tested_pairs, generator))

    assert "may have seen some of this run's test images" in capsys.readouterr().out


def test_task_that_the_generator_does_not_know_is_refused(data_dir, tmp_path):
    other = write_generator(tmp_path / "other.h5", tasks=("Blobs", "Rings"))

    with pytest.raises(UserError, match="knows the defects of Blobs, Rings, not of 'Stripes'"):
        load_tasks_and_synthesizer(config(data_dir, other))


def test_task_without_clean_images_to_degrade_is_refused(data_dir, generator):
    one = config(data_dir, generator, datasets=("Blobs",))
    tasks, synthesizer = load_tasks_and_synthesizer(one)
    (task,) = tasks.values()
    object.__setattr__(task, "clean_to_degrade", [])

    with pytest.raises(UserError, match="'Blobs' has no clean image .* NAME_extra_Y.npy"):
        synthesizer.synthetic_pairs(0.3, tasks)


@pytest.mark.parametrize("settings, words", [
    ({"cin_augment": False}, "has no meaning without --cin_augment"),
    ({"cin_generator_path": None}, "--cin_augment needs --cin_generator_path"),
    ({"alpha": 1.5}, "--alpha must be at most 1"),
    ({"alpha": 0.0}, "--alpha must be above 0")])
def test_flags_that_do_not_fit_are_refused(data_dir, generator, settings, words):
    with pytest.raises(UserError, match=words):
        config(data_dir, generator, **settings)


@pytest.mark.parametrize("settings, share, num_updates", [
    ({}, 0.5, 4000), ({"alpha": 0.9, "num_iters": 100}, 0.9, 100), ({"alpha": 1.0}, 1.0, None),
    ({"alpha_decay": "none"}, 0.3, None), ({"recipe": "paper"}, 0.3, None)])
def test_share_of_synthetic_pairs_falls_in_the_limited_recipe(settings, share, num_updates):
    chosen = config("data", "g.h5", **settings)

    assert (chosen.synthetic_share, chosen.synthetic_updates) == (share, num_updates)


def train(data_dir, generator, folder, *flags):
    return train_cgan.main([
        "train_cGAN.py", "--recipe=limited", "--generator_filters=2",
        "--patch_size=32", "--batch_size=4", "--num_gpu=0", "--precision=float32", "--seed=1",
        "--content_weight=0", "--num_iters=2", "--validate_every=2", "--cin_augment=True",
        f"--data_dir={data_dir}", f"--cin_generator_path={generator}", f"--dir={folder}", *flags])


def weights_in(path):
    arrays = []
    with h5py.File(path) as file:
        file["model_weights"].visititems(
            lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return arrays


def last_scores(folder):
    with open(folder / RUN / "history.csv") as file:
        row = list(csv.DictReader(file))[-1]
    return {name: value for name, value in row.items() if name != "seconds"}


def test_augmented_run_writes_its_folder_tells_the_clean_images_and_resumes_without_flags(
        data_dir, generator, tmp_path, capsys):
    status = train(data_dir, generator, tmp_path, "--alpha=0.5", "--images_limit=5")

    assert status == 0
    assert ("4 train, 1 validation, 4 test; pairs are synthesised from 9 clean"
            in capsys.readouterr().out)
    written = {path.name for path in (tmp_path / RUN).iterdir()}
    assert {"generator.h5", "scores.json", "split.json", "history.csv"} <= written

    assert train_cgan.main(["train_cGAN.py", "--resume", f"--dir={tmp_path}"]) == 0

    assert f"The run in {tmp_path / RUN} is finished: 2 updates" in capsys.readouterr().out


@pytest.mark.slow
def test_without_pairs_no_degraded_image_has_a_say(data_dir, generator, tmp_path):
    folders = [tmp_path / "one", tmp_path / "other"]

    for folder in folders:
        assert train(data_dir, generator, folder, "--alpha=1") == 0
        for name in ("Blobs", "Stripes"):  # the same clean images, other degraded ones
            degraded = np.load(data_dir / f"{name}_X.npy")
            np.save(data_dir / f"{name}_X.npy", 255 - degraded[::-1])
        np.save(data_dir / "Blobs_test_X.npy", 255 - np.load(data_dir / "Blobs_test_X.npy"))

    one, other = (weights_in(folder / RUN / "generator.h5") for folder in folders)
    assert same(one, other)
    one, other = (read_info(folder / RUN / "generator.h5").normalization for folder in folders)
    assert one == other
    assert last_scores(folders[0]) == last_scores(folders[1])


def test_without_pairs_to_test_synthetic_images_are_scored_and_called_so(
        data_dir, generator, tmp_path):
    for letter in "XY":
        (data_dir / f"Stripes_test_{letter}.npy").unlink()
    method = CGAN(config(data_dir, generator, datasets=["Stripes"], alpha=1.0, patch_size=16,
                         generator_filters=2, calibrate=False, test_time_augmentation=False))
    method.load()
    method.prepare()
    info = method.describe()
    save_generator(tmp_path / "generator.h5", build_network(info).get_weights(), info)

    report = method.report(tmp_path)

    rows = json.loads((tmp_path / "scores.json").read_text())
    assert {(row["split"], row["n"]) for row in rows} == {("synthetic validation", 2)}
    assert "not how well measured images are restored." in report.table
    assert report.table.endswith("and run evaluate.py.")
    assert len(report.compared) == 2 and "synthetic" in report.compared_how.lower()


@pytest.mark.parametrize("degradation, is_filtered", [
    ({}, False), (dict.fromkeys(("Blobs", "Stripes"), MODEL), True)])
def test_without_pairs_the_linear_filter_undoes_the_generators_model(
        data_dir, tmp_path, degradation, is_filtered):
    path = write_generator(tmp_path / "g.h5", degradation=degradation)
    method = CGAN(config(data_dir, path, alpha=1.0, patch_size=16))
    method.load()
    clean = method.tasks["Blobs"].clean_to_degrade[0]
    (degraded,) = method.synthesizer(clean=[clean], parts=None, tasks=[0], seed=0)

    filtered = method.filtered("Blobs", [degraded])

    assert (filtered is not None) == is_filtered
    if filtered is not None:
        assert np.abs(filtered[0] - clean).mean() < 0.2 * np.abs(degraded - clean).mean()
