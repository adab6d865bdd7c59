"""Broken and hostile run folders and checkpoints."""

import json
from pathlib import Path

import numpy as np

from hostile.cases import case, cut, images, npy_bytes, rewrite_member, write_pair
from microgan.cli import evaluate, train_cgan
from microgan.cli.command import run_command
from microgan.config import CGANConfig
from microgan.datasets.splits import fingerprint
from microgan.runs.run_folder import create_run_folder
from microgan.runs.bad_steps import BadSteps
from microgan.runs.checkpoints import Checkpoints, save_checkpoint
from microgan.runs.history import History

RUN = Path("Microscopy_cGAN_results")


def resume():
    return train_cgan.main(["train_cGAN.py", "--data_dir=.", "--resume"])


def resume_split():
    return run_command(
        CGANConfig, "", lambda config: create_run_folder(
            RUN, config, {"Cells": {"seed": 1}}, ()),
        ["train_cGAN.py", "--resume"])


class Weights:
    """As much of a variable as restoring needs."""

    shape = (2, 3)

    def assign(self, value):
        pass


def resume_checkpoint():
    def work(config):
        Checkpoints(RUN / "checkpoint", {"generator": [Weights()]}, History(RUN), BadSteps(9),
                    every=9, minutes=9).restore()
    return run_command(CGANConfig, "", work, ["train_cGAN.py", "--resume"])


def write_run(**files):
    RUN.mkdir()
    for name, text in files.items():
        (RUN / f"{name}.json").write_text(text)


def write_checkpoint(**state):
    RUN.mkdir()
    good = {"rows": [], "best_update": 0, "best_score": None, "seconds": 1.0, "sums": {},
            "num_summed": 0, "num_bad": 0, "bad_steps": {"total": 0, "since": None, "what": ""}}
    save_checkpoint(RUN / "checkpoint", 7,
                    {"generator": [np.zeros((2, 3), np.float32)], "best_weights": []},
                    {**good, **state})
    return RUN / "checkpoint" / "update_000007.npz"


@case("run folder", "config.json cut short", resume)
def cut_config():
    write_pair()
    write_run(config='{"config": {"recipe": "li')


@case("run folder", "config.json is a list", resume)
def list_config():
    write_pair()
    write_run(config='{"config": [1, 2]}')


@case("run folder", "config.json nested too deep", resume)
def deep_config():
    write_pair()
    write_run(config=10**5 * "[")


@case("run folder", "config.json without seed", resume)
def seedless_config():
    write_pair()
    write_run(config='{"config": {}}')


@case("run folder", "config.json with wrong types", resume)
def types_config():
    write_pair()
    write_run(config='{"config": {"batch_size": "many", "seed": 1}}')


@case("run folder", "config.json with another program's settings", resume)
def other_config():
    write_pair()
    write_run(config='{"config": {"critic_steps": 5, "seed": 1}}')


@case("run folder", "split.json is a number", resume_split)
def number_split():
    write_run(config="{}", split="7")


@case("run folder", "split.json of other images", resume_split)
def other_split():
    write_run(config="{}", split='{"Cells": {"seed": 2}}')


def evaluate_held_out():
    return evaluate.main(["evaluate.py", f"--generator={RUN}/generator.h5", "--data_dir=."])


def write_evaluated(split):
    write_pair()
    RUN.mkdir()
    (RUN / "generator.h5").write_bytes(Path("../good.h5").read_bytes())
    (RUN / "split.json").write_text(split)


@case("run folder", "split.json nested too deep", evaluate_held_out)
def deep_split():
    write_evaluated(10**5 * "[")


@case("run folder", "split.json names images that are not there", evaluate_held_out)
def absent_split():
    pairs = images()
    write_evaluated(json.dumps({"Cells": {
        "test": [0, 10**9], "test_from": "Cells", "images": fingerprint(pairs, pairs)}}))
    write_pair(pairs, pairs)


@case("checkpoint", "empty", resume_checkpoint)
def empty_checkpoint():
    cut(write_checkpoint(), 0)


@case("checkpoint", "truncated", resume_checkpoint)
def truncated_checkpoint():
    cut(write_checkpoint(), 400)


@case("checkpoint", "of other networks", resume_checkpoint)
def other_checkpoint():
    path = write_checkpoint()
    with np.load(path) as archive:
        arrays = {**archive, "generator/0": np.zeros((5, 5), np.float32)}
    np.savez(path, **arrays)


@case("checkpoint", "objects, which are pickled", resume_checkpoint)
def objects_checkpoint():
    path = write_checkpoint()
    with np.load(path) as archive:
        arrays = {**archive, "generator/0": np.array([{"a": 1}])}
    np.savez(path, **arrays)


@case("checkpoint", "array claims terabytes", resume_checkpoint)
def terabytes_checkpoint():
    rewrite_member(write_checkpoint(), "generator/0.npy", npy_bytes((2**40,)))


@case("checkpoint", "state is not JSON", resume_checkpoint)
def no_json_checkpoint():
    path = write_checkpoint()
    with np.load(path) as archive:
        arrays = {**archive, "state": np.frombuffer(b"{'a'", np.uint8)}
    np.savez(path, **arrays)


@case("checkpoint", "state of the wrong type", resume_checkpoint)
def types_checkpoint():
    write_checkpoint(bad_steps=[1, 2])
