"""The contestants of `benchmarks/speed.py`: microgan, PyTorch and CARE.

Each function runs in a separate process and imports its framework.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from benchmarks import speed_microgan
from microgan.config import CGANConfig, CINGANConfig, Config, ZSEGANConfig
from microgan.errors import UserError

Work = tuple[Callable[[], Any], str]
_MIDDLE = speed_microgan.DEPTH // 2


def train_microgan(settings: Any) -> Work:
    """Do the updates of a training as its script does."""
    return speed_microgan.training(settings), _tensorflow()


def _tensorflow() -> str:
    import keras
    import tensorflow as tf

    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", os.cpu_count())
    return f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {threads} threads"


def _torch() -> tuple[Any, str]:
    try:
        import torch
    except ImportError:
        raise UserError("The rivals need PyTorch: pip install '.[bench]'.") from None
    return torch, f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"


def train_torch(settings: Config, use_bfloat16: bool, device: str = "cpu") -> Work:
    """Do the same updates in PyTorch, from other random weights.

    Args:
        settings: of the training.
        use_bfloat16: under autocast.
        device: "cpu" or "cuda".
    """
    _, framework = _torch()
    from benchmarks import torch_networks as networks
    from benchmarks import torch_training as training

    batch = {name: tensor.to(device) for name, tensor in training.mirrored_batch(
        speed_microgan.random_batch(settings)).items()}
    trained: Any
    if isinstance(settings, ZSEGANConfig):
        trained = _zse_gan_in_torch(use_bfloat16)
    else:
        features = networks.VGGFeatures(speed_microgan.random_vgg())
        if isinstance(settings, CGANConfig):
            trained = training.CGANTraining(
                networks.ResnetTranslation(), networks.DenseDiscriminator(settings.patch_size),
                features, use_bfloat16=use_bfloat16)
        else:
            assert isinstance(settings, CINGANConfig)
            num_tasks = len(speed_microgan.TASKS)
            trained = training.CINGANTraining(
                networks.ResnetTranslation(num_blocks=12, num_tasks=num_tasks),
                networks.DenseCritic(settings.patch_size, num_tasks=num_tasks), features,
                critic_steps=settings.critic_steps, use_bfloat16=use_bfloat16)
    step = trained.on(device).step
    return lambda: step(batch), framework


def train_torch_limited(settings: CGANConfig, use_bfloat16: bool, channels_last: bool) -> Work:
    """Do the updates of the cGAN's limited recipe in PyTorch, from random weights.

    Args:
        settings: of the training.
        use_bfloat16: under autocast.
        channels_last: whether features lie in memory as in TensorFlow.
    """
    torch, framework = _torch()
    from benchmarks import torch_networks as networks
    from benchmarks import torch_training as training

    layout = torch.channels_last if channels_last else torch.contiguous_format
    trained = training.LimitedCGANTraining(
        networks.LimitedUNet(filters=settings.generator_filters).to(memory_format=layout),
        networks.EmbeddedFeatures(speed_microgan.embedded_arrays()).to(memory_format=layout),
        settings, use_bfloat16=use_bfloat16)
    batch = training.mirrored_batch(speed_microgan.random_batch(settings))
    return lambda: trained.step(batch), framework


def _zse_gan_in_torch(use_bfloat16: bool) -> Any:
    from torch import nn

    from benchmarks import torch_networks as networks
    from benchmarks import torch_training as training

    weights = np.linspace(1, 3, speed_microgan.DEPTH, dtype=np.float32)  # irrelevant for speed
    return training.ZSEGANTraining(
        nn.ModuleDict({name: networks.PublishedTranslator() for name in ("sharpen", "blur")}),
        nn.ModuleDict({name: networks.SectionDiscriminator() for name in ("sharp", "blur")}),
        adversarial_weights=weights, consistency_weights=weights,
        use_bfloat16=use_bfloat16)


def _written_image(side: int) -> Path:
    """Write a TIFF of 16-bit noise to a folder that is removed with the process."""
    folder = tempfile.TemporaryDirectory()
    _folders.append(folder)
    path = Path(folder.name) / "image.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(
        100, 4000, (side, side), dtype=np.uint16))
    return path


_folders: list[Any] = []


def restore_microgan(network: str, precision: str, side: int) -> Work:
    """Restore a file with a cGAN generator, from reading to writing."""
    from microgan.runtime.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    import keras

    from microgan.generator_file import build_network, save_generator
    from microgan.restoration.restorer import load_restorer

    keras.config.set_dtype_policy("float32")
    path = _written_image(side)
    info = speed_microgan.describe_cgan(network)
    save_generator(path.with_name("generator.h5"), build_network(info).get_weights(), info)
    restorer = load_restorer(path.with_name("generator.h5"), precision=precision)

    def work() -> None:
        restored = restorer(tifffile.imread(path), axes="YX", report=lambda line: None)
        tifffile.imwrite(path.with_name("restored.tif"), restored)

    return work, _tensorflow()


def restore_torch(use_bfloat16: bool, side: int) -> Work:
    """Do the same with PyTorch's version of the published generator, without tiles."""
    torch, framework = _torch()
    from benchmarks.torch_networks import ResnetTranslation

    path = _written_image(side)
    network = ResnetTranslation().eval()

    def work() -> None:
        image = 2 * (tifffile.imread(path).astype(np.float32) - 100) / 3900 - 1
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16):
            values = network(torch.from_numpy(image)[None, None])[0, 0].float().numpy()
        restored = np.clip(np.round((values + 1) / 2 * 3900 + 100), 0, 65535).astype(np.uint16)
        tifffile.imwrite(path.with_name("restored.tif"), restored)

    return work, framework


def restore_care(side: int) -> Work:
    """Do the same with csbdeep's CARE and its default network, as its documentation does."""
    from microgan.runtime.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    try:
        import csbdeep
        from csbdeep.models import CARE, Config as CAREConfig
    except ImportError:
        raise UserError("CARE needs csbdeep: pip install '.[bench]'.") from None
    path = _written_image(side)
    model = CARE(CAREConfig("YX"), "untrained", basedir=None)

    def work() -> None:
        restored = model.predict(tifffile.imread(path), "YX")
        tifffile.imwrite(path.with_name("restored.tif"),
                         np.clip(np.round(restored), 0, 65535).astype(np.uint16))

    return work, f"csbdeep {csbdeep.__version__}, {_tensorflow()}"
