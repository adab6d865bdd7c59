"""A whole method from outside the package: it trains, resumes, is saved and restores."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import microgan
from microgan.config import TrainingConfig
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.errors import Interrupted, UserError
from microgan.generator_file import build_network, read_info
from microgan.networks.registry import RegisteredNetwork, register_network
from microgan.runs.history import History
from microgan.runs.method import Method, Report, describe_generator
from microgan.runs.run import train


def build_scaling():
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Conv2D(1, 1)(image))


register_network("scaling", "one_weight", RegisteredNetwork(
    build_scaling, "a_script.py", fewest_weights=lambda arguments: 2))


class Scaling(Method):
    """Learns that clean images are half as bright."""

    run_folder = "Scaling_results"
    report_files = ("report.txt",)

    def load(self):
        self.degraded = np.random.default_rng(1).uniform(-1, 1, (8, 16, 16, 1)).astype("float32")

    def split(self):
        return {"Noise": {"images": "eight random ones"}}

    def batch(self, update):
        chosen = np.random.default_rng([self.seed, update]).integers(8, size=2)
        return {"degraded": self.degraded[chosen], "clean": self.degraded[chosen] / 2}

    def describe(self):
        ranges = TaskNormalization(IntensityRange(0, 100), IntensityRange(0, 100))
        return describe_generator(self.config, method="scaling", network="one_weight",
                                  network_arguments={}, normalization={"Noise": ranges})

    def build(self, info):
        return ScalingTrainer(build_network(info), keras.optimizers.Adam(0.05)), \
            build_network(info)

    def validate(self, network):
        return {"score": -float(np.mean((network(self.degraded) - self.degraded / 2) ** 2))}

    def report(self, folder):
        (folder / "report.txt").write_text("halved")
        return Report("halved", "report.txt")


class ScalingTrainer:
    def __init__(self, generator, generator_optimizer):
        self.generator, self.generator_optimizer = generator, generator_optimizer
        generator_optimizer.build(generator.trainable_variables)

    @property
    def state(self):
        return {"generator": self.generator.variables,
                "generator_optimizer": self.generator_optimizer.variables}

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((self.generator(batch["degraded"]) - batch["clean"]) ** 2) / 512
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(loss, variables), variables)
        return {"squared": loss}
# A whole method ends here.


def config(folder, **changes):
    return TrainingConfig.create(**{
        "dir": folder, "num_iters": 60, "batch_size": 2, "validate_every": 20, "seed": 3,
        "precision": "float32", "num_gpu": 0, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(Scaling, config(tmp_path_factory.mktemp("whole")))


def weights(folder):
    model = keras.models.load_model(folder / "generator.h5", compile=False)
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def history(folder):
    rows = (folder / "history.csv").read_text().splitlines()
    return [[value for number, value in enumerate(row.split(",")) if number != 1] for row in rows]


def test_it_learns_and_writes_what_a_run_promises(run):
    assert {path.name for path in run.iterdir()} == {
        "config.json", "split.json", "history.csv", "samples", "checkpoint", "generator.h5",
        "report.txt", "report.html"}
    scores = [float(row[-1]) for row in history(run)[1:]]
    assert scores[-1] > -1e-3 > scores[0]
    np.testing.assert_allclose(weights(run), [0.5, 0], atol=0.03)


def test_it_restores_through_the_public_function(run):
    image = np.linspace(0, 100, 32 * 32).reshape(32, 32)

    restored = microgan.load_restorer(run / "generator.h5")(image, task="Noise")

    # -1 to 1 is halved: 0 to 100 becomes 25 to 75.
    np.testing.assert_allclose(restored, image / 2 + 25, atol=3)


def stop_after(monkeypatch, number):
    """Send the signal that Ctrl-C sends, once so many updates are done."""
    add, count = History.add, 0

    def add_and_stop(self, losses):
        nonlocal count
        add(self, losses)
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(History, "add", add_and_stop)


def test_a_stopped_run_continues_as_if_it_had_not_been(run, tmp_path, monkeypatch, capsys):
    stop_after(monkeypatch, 33)
    with pytest.raises(Interrupted, match="by SIGINT after 33 updates. Everything is saved"):
        train(Scaling, config(tmp_path))
    monkeypatch.undo()

    resumed = train(Scaling, config(tmp_path, resume=True))

    np.testing.assert_array_equal(weights(resumed), weights(run))
    assert history(resumed) == history(run)
    capsys.readouterr()
    train(Scaling, config(tmp_path, resume=True))
    assert capsys.readouterr().out.endswith("is finished: 60 updates.\n")


def test_a_prolonged_run_is_what_a_longer_one_would_have_been(run, tmp_path, capsys):
    train(Scaling, config(tmp_path, num_iters=40))
    capsys.readouterr()

    prolonged = train(Scaling, config(tmp_path, num_iters=60, resume=True))

    assert "The run of 40 updates is prolonged to 60.\n" in capsys.readouterr().out
    np.testing.assert_array_equal(weights(prolonged), weights(run))
    assert history(prolonged) == history(run)
    assert (prolonged / "report.txt").exists()
    train(Scaling, config(tmp_path, resume=True))
    assert capsys.readouterr().out.endswith("is finished: 60 updates.\n")


def test_a_prolonged_run_that_is_killed_is_not_finished(tmp_path, monkeypatch):
    train(Scaling, config(tmp_path, num_iters=40))
    stop_after(monkeypatch, 5)
    with pytest.raises(Interrupted, match="after 45 updates"):
        train(Scaling, config(tmp_path, num_iters=60, resume=True))
    monkeypatch.undo()
    folder = tmp_path / "Scaling_results"
    record = json.loads((folder / "config.json").read_text())

    assert not (folder / "report.txt").exists()
    assert (record["config"]["num_iters"], record["prolonged_from"]) == (60, [40])

    train(Scaling, config(tmp_path, resume=True))

    assert (folder / "report.txt").exists() and history(folder)[-1][0] == "60"


def test_a_run_that_no_longer_holds_numbers_stops_and_is_saved(tmp_path, monkeypatch):
    usual = Scaling.batch
    monkeypatch.setattr(Scaling, "batch", lambda self, update: {
        name: images * (np.nan if update >= 5 else 1)
        for name, images in usual(self, update).items()})

    with pytest.raises(UserError, match="every update since number 6 was skipped, 3 in a row: "
                       r"not finite \(squared loss nan\).*--max_bad_steps"):
        train(Scaling, config(tmp_path, max_bad_steps=3))

    assert (tmp_path / "Scaling_results/checkpoint/update_000008.npz").exists()


def test_memory_that_runs_out_in_validation_does_not_name_what_training_takes(
        tmp_path, monkeypatch):
    def fail(self, network):
        raise MemoryError

    monkeypatch.setattr(Scaling, "validate", fail)

    with pytest.raises(UserError, match=r"ran out in validation. Close .* --resume, or lower the "
                       r"channels of the networks\.$"):
        train(Scaling, config(tmp_path, num_iters=1))


def test_a_thread_which_hears_no_signals_trains(tmp_path):
    with ThreadPoolExecutor(1) as thread:
        folder = thread.submit(train, Scaling, config(tmp_path, num_iters=2)).result()

    assert len(history(folder)) == 2


def test_a_dry_run_tells_its_time_and_leaves_nothing(tmp_path, capsys):
    train(Scaling, config(tmp_path, dry_run=True, num_iters=500))

    out = capsys.readouterr().out
    assert "An update took" in out and "so 500 take" in out and "left no files" in out
    assert list(tmp_path.iterdir()) == []


def test_a_file_cannot_name_a_network_that_no_code_registered(run, tmp_path):
    path = tmp_path / "generator.h5"
    path.write_bytes((run / "generator.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        content = json.loads(file.attrs["microgan"])
        file.attrs["microgan"] = json.dumps({**content, "network": "os.system"})

    with pytest.raises(UserError, match="names the network 'scaling os.system', which"):
        read_info(path, method=None)


def test_two_networks_cannot_have_one_name():
    with pytest.raises(ValueError, match="There is a network 'cgan unet' already"):
        register_network("cgan", "unet", RegisteredNetwork(build_scaling, "", lambda _: 0))


def test_the_method_is_short():
    source = Path(__file__).read_text()
    start, end = source.index("def build_scaling"), source.index("# A whole method ends here")

    assert len([line for line in source[start:end].splitlines() if line.strip()]) < 60


def test_logging_to_tensorboard_changes_nothing_else(run, tmp_path):
    pytest.importorskip("tensorboard")

    logged = train(Scaling, config(tmp_path, tensorboard=True))

    assert history(logged) == history(run)
    np.testing.assert_array_equal(weights(logged), weights(run))
    assert {path.name for path in logged.iterdir()} - {path.name for path in run.iterdir()} == {
        "tensorboard"}
    with pytest.raises(UserError, match="holds an earlier run"):  # all files are the run's own
        train(Scaling, config(tmp_path))
