"""Which devices a training sees and takes; the GPUs are pretended."""

import pytest
import tensorflow as tf

from microgan.errors import UserError
from microgan.runs import devices
from microgan.runtime.precision import choose_precision


@pytest.fixture
def machine(monkeypatch):
    """Pretend GPUs; gives the list of those that TensorFlow may see."""
    seen = ["gpu 0", "gpu 1", "gpu 2"]

    def hide(chosen, kind):
        assert kind == "GPU"
        seen[:] = chosen

    for name in ("list_physical_devices", "get_visible_devices"):
        monkeypatch.setattr(tf.config, name, lambda kind, all_of=list(seen), name=name: (
            all_of if name.startswith("list") else seen))
    monkeypatch.setattr(tf.config, "set_visible_devices", hide)
    monkeypatch.setattr(tf.config.experimental, "get_device_details",
                        lambda gpu: {"compute_capability": (8, 0)})
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: names)
    return seen


@pytest.mark.parametrize("num_gpu, names, left", [
    (None, ["GPU:0", "GPU:1", "GPU:2"], 3), (3, ["GPU:0", "GPU:1", "GPU:2"], 3),
    (1, ["GPU:0"], 1), (0, ["CPU:0"], 0)])
def test_gpus_that_are_not_used_are_not_seen(machine, num_gpu, names, left):
    assert devices.choose_strategy(num_gpu, num_workers=1) == names
    assert machine == ["gpu 0", "gpu 1", "gpu 2"][:left]


@pytest.mark.parametrize("cpu, precision", [("avx512_bf16", "mixed_bfloat16"), ("sse", "float32")])
def test_without_gpus_the_processor_decides_the_precision(machine, tmp_path, cpu, precision):
    (tmp_path / "cpuinfo").write_text(f"flags : fpu {cpu}")
    assert choose_precision("auto", cpuinfo=str(tmp_path / "cpuinfo")) == "mixed_bfloat16"

    devices.choose_strategy(0, num_workers=1)

    assert choose_precision("auto", cpuinfo=str(tmp_path / "cpuinfo")) == precision


def test_hiding_gpus_that_are_in_use_is_a_mistake(machine, monkeypatch):
    def fail(chosen, kind):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", fail)

    with pytest.raises(UserError, match="--num_gpu=0 comes too late: .* 3 GPUs .*Start a new one"):
        devices.choose_strategy(0, num_workers=1)


@pytest.mark.parametrize("found, wanted, words", [
    (0, 1, "--num_gpu=1 asks for 1 GPU, but TensorFlow finds 0 here"),
    (1, 2, "--num_gpu=2 asks for 2 GPUs, but TensorFlow finds 1 here")])
def test_gpus_that_are_missing_are_counted(monkeypatch, found, wanted, words):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"] * found)

    with pytest.raises(UserError, match=words):
        devices.choose_strategy(wanted, num_workers=1)
