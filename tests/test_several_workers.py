"""Two processes train one network over the loopback interface."""

import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from benchmarks.rivals.care import CAREConfig, train_care

from helpers import NARROW_CGAN, ROOT, assert_mistake, run_script, write_pairs
from microgan.errors import UserError
from microgan.runs.workers import Worker, this_worker
from microgan.generator_file import load_generator

RUN = "Microscopy_cGAN_results"
FLAGS = (*NARROW_CGAN, "--data_dir=images", "--seed=1", "--checkpoint_every=1", "--resume",
         "--validate_every=50")
CLUSTER = {"worker": ["a:1", "b:1"]}


def environment(kind, index, cluster=CLUSTER):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize("variables, expected", [
    ({}, Worker(1, True)),
    (environment("worker", 0), Worker(2, True)),
    (environment("worker", 1), Worker(2, False)),
    (environment("worker", 0, {**CLUSTER, "chief": ["c:1"]}), Worker(3, False)),
    (environment("chief", 0, {**CLUSTER, "chief": ["c:1"]}), Worker(3, True)),
])
def test_one_worker_is_the_chief(variables, expected):
    assert this_worker(variables) == expected


@pytest.mark.parametrize("text", [
    "{", "7", '{"cluster": {}}', environment("worker", 2)["TF_CONFIG"],
    environment("ps", 0, {**CLUSTER, "ps": ["p:1"]})["TF_CONFIG"]])
def test_description_that_is_none_is_refused(text):
    with pytest.raises(UserError, match="TF_CONFIG does not describe a cluster"):
        this_worker({"TF_CONFIG": text})


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture
def start_pair():
    """A function that starts two workers; they end with the test."""
    started = []

    def start(folder, *flags):
        cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
        pair = [subprocess.Popen(
            [sys.executable, str(ROOT / "train_cGAN.py"), *FLAGS, *flags], cwd=folder, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment("worker", index, cluster)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) for index in range(2)]
        started.extend(pair)
        return pair

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_pair_goes_on_after_one_was_killed_and_does_what_one_process_does(
        tmp_path, start_pair):
    for name in ("one", "pair"):
        (tmp_path / name / "images").mkdir(parents=True)
        write_pairs(tmp_path / name / "images", "Blobs", 6, np.random.default_rng(7), size=16)
    checkpoints = tmp_path / "pair" / RUN / "checkpoint"

    chief, other = start_pair(tmp_path / "pair", "--num_iters=30")
    wait_for(lambda: any(checkpoints.glob("update_*.npz")))
    other.kill()
    other.communicate()
    _, error = chief.communicate(timeout=300)
    assert chief.returncode == 2 and "Another worker" in error, (chief.returncode, error)

    pair = start_pair(tmp_path / "pair", "--num_iters=30")
    results = [process.communicate(timeout=300) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], results
    alone = run_script("train_cGAN.py", *FLAGS, "--num_iters=30", cwd=tmp_path / "one")
    assert alone.returncode == 0, alone.stderr
    weights = [load_generator(tmp_path / name / RUN / "generator.h5")[0].get_weights()
               for name in ("one", "pair")]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, atol=5e-3)


def test_workers_need_one_seed(tmp_path, data_dir, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", environment("worker", 1)["TF_CONFIG"])

    result = run_script("train_cGAN.py", f"--data_dir={data_dir}", cwd=tmp_path)

    assert_mistake(result, "TF_CONFIG", "--seed")


def test_care_cannot_lower_its_rate_on_several_machines(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", environment("worker", 0)["TF_CONFIG"])

    with pytest.raises(UserError, match="plateau needs the validation, which one worker"):
        train_care(CAREConfig.create(dir=str(tmp_path), seed=1))
