"""microgan's side of `benchmarks/speed.py`: whole updates as training runs them.

Includes input pipeline, optimizers and the guard against numbers that are not finite. Needs
TensorFlow; runs in a separate process.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from microgan import config as configs
from microgan.datasets.normalization import IntensityRange, TaskNormalization
from microgan.datasets.section_sampling import NUM_DRAWS, StackBatches, TrainingStacks
from microgan.generator_file import GeneratorInfo
from microgan.losses.vgg_weights import VGG_KERNEL_SHAPES
from microgan.runtime.startup import import_tensorflow_quietly

DEPTH = 29
TASKS = ("a", "b", "c")
_RANGES = TaskNormalization(IntensityRange(-1, 1), IntensityRange(-1, 1))


def random_vgg() -> dict[str, np.ndarray]:
    """Draw VGG's arrays up to block3_conv3 in Keras' layout, of a plausible size."""
    random = np.random.default_rng(0)
    weights = {}
    for name, shape in VGG_KERNEL_SHAPES.items():
        scale = np.sqrt(2 / np.prod(shape[:3]))
        weights[f"{name}__kernel"] = (scale * random.normal(size=shape)).astype(np.float32)
        weights[f"{name}__bias"] = np.zeros(shape[-1], np.float32)
    return weights


def embedded_arrays() -> list[np.ndarray]:
    """Return kernel and bias of each layer of the features that come with microgan."""
    # Not by `load_feature_extractor`: PyTorch's process needs no TensorFlow.
    packed = (resources.files("microgan.losses") / "embedded_features.npz").read_bytes()
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        return [file[f"conv{number}__{kind}"].astype(np.float32)
                for number in range(1, 6) for kind in ("kernel", "bias")]


def random_batch(settings: Any) -> dict[str, np.ndarray]:
    """Draw a batch of random images, as a method's trainer takes it.

    Args:
        settings: config of the method.
    """
    random = np.random.default_rng(1)
    batch_size, side = settings.batch_size, settings.patch_size

    def images(*shape: int) -> np.ndarray:
        return random.uniform(-1, 1, (batch_size, *shape, 1)).astype(np.float32)

    if isinstance(settings, configs.CGANConfig):
        return {"degraded": images(side, side), "clean": images(side, side)}
    if isinstance(settings, configs.CINGANConfig):
        num_sub_batches = settings.critic_steps + 1
        shape = (batch_size, num_sub_batches)
        batch = {"clean": images(num_sub_batches, side, side),
                 "degraded": images(num_sub_batches, side, side),
                 "condition": random.integers(len(TASKS), size=shape).astype(np.int32),
                 "penalty_position": random.random(shape, np.float32)}
        if settings.generator == "unet":
            batch["noise"] = random.standard_normal(batch["clean"].shape, np.float32)
        return batch
    return {"blurred": images(DEPTH, side, side),
            "focal_plane": np.full(batch_size, DEPTH // 2, np.int32),
            "sharp_lateral": images(1, side, side),
            "sharp_axial": images(1, side, DEPTH),
            "places": random.random((batch_size, NUM_DRAWS, 1), np.float32)}


def build_trainer(settings: Any) -> Any:
    """Build a method's trainer as its training script does.

    Args:
        settings: config of the method, with its seed.
    """
    from microgan.methods.cgan import CGAN
    from microgan.methods.cin_gan import CINGAN
    from microgan.methods.zse_gan import ZSEGAN

    method: Any
    if isinstance(settings, configs.ZSEGANConfig):
        method = ZSEGAN(settings)
        method.batches = _stack_batches(settings)
        info = _info("zse_gan", "published", {"filters": settings.translator_filters})
        return method.build(info)[0]
    arguments = {"filters": settings.generator_filters}
    if settings.generator == "resnet":
        arguments["dropout"] = settings.dropout
    if isinstance(settings, configs.CGANConfig):
        return CGAN(settings).build(_info("cgan", settings.generator, arguments))[0]
    method = CINGAN(settings)
    method.prepare()
    return method.build(_info("cin_gan", settings.generator, arguments))[0]


def describe_cgan(network: str) -> GeneratorInfo:
    """Describe one of the cGAN's generators as in `generator.h5`, for one task.

    Args:
        network: "resnet" or "unet".
    """
    ranges = TaskNormalization(IntensityRange(100, 4000), IntensityRange(100, 4000))
    return GeneratorInfo(method="cgan", network=network, network_arguments={}, tasks=("a",),
                         normalization={"a": ranges}, axes="YX", microgan_version="",
                         config_hash="")


def _stack_batches(settings: configs.ZSEGANConfig) -> StackBatches:
    side = settings.patch_size
    random = np.random.default_rng(2)

    def image(*shape: int) -> list[np.ndarray]:
        return [random.uniform(-1, 1, shape).astype(np.float32)]

    stacks = TrainingStacks(image(DEPTH, side, side), [DEPTH // 2], image(side, side),
                            image(side, DEPTH), _RANGES.clean)
    return StackBatches(stacks, batch_size=settings.batch_size, patch_size=side, seed=0)


def _info(method: str, network: str, arguments: dict[str, Any]) -> GeneratorInfo:
    return GeneratorInfo(
        method=method, network=network, network_arguments=arguments, tasks=TASKS,
        normalization=dict.fromkeys(TASKS, _RANGES),
        axes="ZYX" if method == "zse_gan" else "YX", microgan_version="", config_hash="")


def prepared(settings: Any, draw: Callable[[int], dict[str, np.ndarray]]
             ) -> tuple[Callable[[Any], dict[str, Any]], Iterator[Any]]:
    """Build a training's compiled update and its endless input pipeline.

    Args:
        settings: config of the method. Content features of "random" are a VGG16 up to
            block3_conv3 with random weights.
        draw: update number -> batch.
    """
    import_tensorflow_quietly()
    from microgan.datasets.pipelines import DistributedBatches
    from microgan.runs.compiled_update import compile_update
    from microgan.runs.devices import set_up_devices

    strategy = set_up_devices(settings).strategy
    with tempfile.TemporaryDirectory() as folder:
        if getattr(settings, "content_features", "") == "random":
            path = Path(folder) / "vgg.npz"
            np.savez(path, **random_vgg())
            settings = settings.replaced(content_features=str(path))
        with strategy.scope():
            trainer = build_trainer(settings)
    batches = DistributedBatches(draw, strategy=strategy, first_update=0, num_iters=10**9)
    return compile_update(trainer, strategy), iter(batches)


def training(settings: Any) -> Callable[[], None]:
    """Return a function that does the next update on random images and waits for it.

    Args:
        settings: as in `prepared`.
    """
    batch = random_batch(settings)
    update, batches = prepared(settings, lambda number: batch)

    def step() -> None:
        # As in the training loop, every loss is read.
        for loss in update(next(batches)).values():
            float(loss)

    return step
