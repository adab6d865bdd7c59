"""A further task for a trained CIN-GAN generator."""

import dataclasses

import numpy as np
import pytest

from helpers import assert_same_arrays, write_pairs
from microgan.cli import train_cin_gan
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.methods.added_task import AddedTask
from microgan.generator_file import (
    GeneratorInfo, build_network, load_generator, read_info, save_generator)
from microgan.networks.cin_gan import build_resnet_generator
from microgan.simulation.degradation_model import Degradation, DegradationModel

CONSTANTS = TaskNormalization(degraded=IntensityRange(0, 200), clean=IntensityRange(0, 250))


def describe(tasks, network="unet", **arguments):
    return GeneratorInfo(method="cin_gan", network=network,
                         network_arguments={"filters": 2, **arguments}, tasks=tasks,
                         normalization={name: CONSTANTS for name in tasks}, axes="YX",
                         microgan_version="0", config_hash="")


def write_generator(path, info):
    random = np.random.default_rng(1)
    save_generator(path, [random.normal(0, 0.2, weight.shape)
                          for weight in build_network(info).weights], info)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A generator file that tests read only."""
    return write_generator(tmp_path_factory.mktemp("trained") / "generator.h5",
                           describe(("Rings", "Stripes")))


def degrade(model, task, random):
    images = random.normal(size=(2, 32, 32, 1)).astype(np.float32)
    noise = random.normal(size=images.shape).astype(np.float32)
    return model([images, np.full(2, task, np.int32), noise]).numpy()


def seeded():
    return np.random.default_rng(5)


def test_joined_generator_keeps_the_trained_tasks_bit_for_bit_and_knows_the_new_one(trained):
    added = AddedTask(str(trained))
    single = build_network(describe(("Blobs",)))
    added.start(single)
    random = np.random.default_rng(2)
    for weight in single.trainable_weights:
        weight.assign(random.normal(size=weight.shape))

    joined = build_network(added.joined_info(describe(("Blobs",))))
    joined.set_weights(added.joined(single.get_weights()))

    before, _ = load_generator(trained, method="cin_gan")
    for task in (0, 1):
        np.testing.assert_array_equal(degrade(joined, task, seeded()),
                                      degrade(before, task, seeded()))
    np.testing.assert_array_equal(degrade(joined, 2, seeded()), degrade(single, 0, seeded()))


def test_joined_description_keeps_measured_defects_and_what_corrects_them(tmp_path):
    models = {name: DegradationModel((Degradation(blur_px=(number, 0.0)),))
              for number, name in enumerate(("Rings", "Stripes", "Blobs"), start=1)}
    old = dataclasses.replace(describe(("Rings", "Stripes")), corrected=("Stripes",),
                              degradation={name: models[name] for name in ("Rings", "Stripes")})
    added = AddedTask(str(write_generator(tmp_path / "generator.h5", old)))

    joined = added.joined_info(dataclasses.replace(
        describe(("Blobs",)), degradation={"Blobs": models["Blobs"]}, corrected=("Blobs",)))

    assert joined.degradation == models
    assert joined.corrected == ("Stripes", "Blobs")


def test_new_row_starts_as_the_mean_of_the_trained_ones(trained):
    single = build_network(describe(("Blobs",)))
    before, _ = load_generator(trained, method="cin_gan")

    AddedTask(str(trained)).start(single)

    for new, old in zip(single.trainable_weights, [
            weight for weight in before.weights if weight.path.endswith(("gamma", "beta"))]):
        np.testing.assert_allclose(new[0], np.mean(old, axis=0), rtol=1e-6)


def test_only_13568_numbers_of_the_published_generator_learn(tmp_path):
    info = dataclasses.replace(describe(("Rings",), "resnet"), network_arguments={})
    path = tmp_path / "generator.h5"
    network = build_resnet_generator(num_tasks=1)
    save_generator(path, network.get_weights(), info)

    AddedTask(str(path)).start(network)

    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == 13_568


@pytest.fixture
def blobs(tmp_path, random):
    """Images of a task the generator does not know, without test arrays."""
    folder = tmp_path / "images"
    folder.mkdir()
    write_pairs(folder, "Blobs", 10, random)
    return folder


def train(images, *flags):
    return train_cin_gan.main([
        "train_CIN_GAN.py", "--recipe=limited", "--critic_filters=2", "--patch_size=32",
        "--batch_size=2", "--critic_steps=1", "--style_weight=0", "--num_gpu=0",
        "--precision=float32", "--num_iters=2", "--validate_every=2", "--seed=1",
        f"--data_dir={images}", f"--dir={images.parent}", *flags])


@pytest.mark.slow
def test_run_adds_the_task_and_changes_no_trained_number(trained, blobs, capsys):
    status = train(blobs, "--add_task=Blobs", f"--init_generator={trained}")

    assert status == 0
    path = blobs.parent / "CIN-GAN_results" / "generator.h5"
    assert read_info(path, method="cin_gan").tasks == ("Rings", "Stripes", "Blobs")
    before, after = (load_generator(each, method="cin_gan")[0] for each in (trained, path))
    assert_same_arrays([weight[:2] if old.shape != weight.shape else weight
                        for old, weight in zip(before.get_weights(), after.get_weights())],
                       before.get_weights())
    rows = [weight for weight in after.weights if weight.path.endswith("beta")]
    starts = [np.mean(np.asarray(row)[:2], axis=0) for row in rows]
    assert any(np.abs(row[2] - start).max() > 1e-5 for row, start in zip(rows, starts))
    output = capsys.readouterr().out
    assert "of 'Blobs' are learned" in output and "--learning_rate=0.02" in output


@pytest.mark.parametrize("flags, words", [
    (("--add_task=Blobs",), "--add_task and --init_generator need each other"),
    (("--add_task=Stripes", "--init_generator={trained}"), "already has the task 'Stripes'"),
    (("--add_task=Blobs", "--init_generator={trained}", "--generator=resnet"),
     "--generator=resnet does not fit"),
    (("--add_task=Blobs", "--init_generator={trained}", "--datasets=Blobs"),
     "--datasets has no meaning with --add_task=Blobs"),
    (("--add_task=Blobs", "--init_generator=nowhere.h5"), "There is no file nowhere.h5"),
    (("--add_task=Dots", "--init_generator={trained}"), "Dots")])
def test_mistake_ends_in_one_line_and_leaves_nothing(trained, blobs, flags, words, capsys):
    status = train(blobs, *(flag.format(trained=trained) for flag in flags))

    error = capsys.readouterr().err
    assert status == 2 and words in error and len(error.splitlines()) == 1
    assert not (blobs.parent / "CIN-GAN_results").exists()
