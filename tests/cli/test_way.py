"""How deep a reader has to follow a training, and how much a function asks of its caller."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import microgan
from microgan.cli import train_cgan
from microgan.metrics import paired

PACKAGE = Path(microgan.__file__).parent


def test_a_training_passes_nine_functions_from_main_to_psnr(data_dir, tmp_path, monkeypatch):
    class Arrived(Exception):
        """The training has come to where it computes the PSNR."""

    def stop(*arguments, **settings):
        raise Arrived

    import_module("microgan.evaluation.scores")  # first, or it would keep the replaced one
    monkeypatch.setattr(paired, "psnr", stop)

    with pytest.raises(Arrived) as arrived:
        train_cgan.main([
            "train_cGAN.py", "--recipe=limited", "--datasets=Blobs", f"--data_dir={data_dir}",
            f"--dir={tmp_path}", "--num_iters=1", "--batch_size=1", "--patch_size=16",
            "--generator_filters=2", "--content_weight=0", "--num_gpu=0", "--precision=float32"])

    names = [entry.name for entry in arrived.traceback]
    assert [*names[names.index("main"):-1], "psnr"] == [
        "main", "run_command", "_train", "train", "do_updates", "_validate", "validate",
        "mean_care_psnr", "psnr"]


def test_no_function_takes_more_than_eight_arguments():
    wide = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                names = [each.arg for each in arguments if each.arg not in ("self", "cls")]
                if len(names) > 8:
                    wide.append(f"{path.name}:{node.lineno} {node.name} takes {len(names)}")
    assert not wide
