"""Make and measure the feature network that ships with microgan.

    python benchmarks/embedded_features.py --do=train --vgg=VGG19.npz --output=NEW.npz
    python benchmarks/embedded_features.py --do=check --vgg=VGG19.npz --data_dir=IMAGES
    python benchmarks/embedded_features.py --do=descend --vgg=VGG19.npz --data_dir=IMAGES
    python benchmarks/embedded_features.py --do=time --vgg=VGG19.npz

`train` trains it on simulated images; `check` correlates its distance with VGG's on your own
images; `descend` uses each as a loss on the pixels of an image; `time` compares the cost.
How it works: `docs/embedded_features.md`.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from distortions import CHECKED_KINDS, CHECKED_STRENGTHS, TRAINED_KINDS, distort
from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.datasets.normalization import fit_percentiles
from microgan.datasets.paired_arrays import find_datasets, load_pairs
from microgan.errors import UserError
from microgan.files.whole import written_whole

CROP_SIZE = 64
DISTORTED_PER_CROP = 7
CROPS_PER_BATCH = 4
UNEVENNESS_WEIGHT = 3.0
SIMULATION_SEED = 1000  # not that of the arrays in data/


@dataclass(frozen=True)
class Settings(Config):
    """What to do, with which files."""

    do: str = setting("check", "What to do.", choices=("train", "check", "descend", "time"))
    vgg: str | None = setting(None, "File of VGG weights, .npz or .h5.")
    data_dir: str = setting("data", "Folder of the images for check and descend.")
    datasets: tuple[str, ...] = setting((), "Their names; none: all in the folder.")
    images_limit: int = setting(
        30, "Degraded and clean images of each, evenly spread, for check and descend.", minimum=2)
    output: str | None = setting(None, "Where train writes the weights; must not exist.")
    num_iters: int = setting(2500, "Updates of train.", minimum=1)
    num_simulated: int = setting(150, "Simulated pairs of each set for train.", minimum=1)
    seed: int = setting(0, "Seed of everything random.", minimum=0)


def simulated_crops(num_simulated, rng):
    """Crops (N, CROP_SIZE, CROP_SIZE) of clean and degraded images of every simulated set."""
    from microgan.simulation.datasets import SETS, simulate_pair

    crops = []
    for name in SETS:
        pairs = [simulate_pair(name, seed=SIMULATION_SEED, part="train", index=index)
                 for index in range(num_simulated)]
        for images in zip(*pairs, strict=True):
            as_trained = fit_percentiles(images)
            for image in images:
                y, x = rng.integers(0, np.array(image.shape) - CROP_SIZE + 1)
                crop = image[y:y + CROP_SIZE, x:x + CROP_SIZE]
                crops.append(as_trained.normalize(crop))
    return np.stack(crops)


def vary_intensity(crop, rng):
    """Change the exposure of a crop: experiments vary more in brightness than simulations."""
    unit = np.clip((crop + 1) / 2, 0, None) ** np.exp(rng.normal(0, 0.3))
    return 2 * (unit * np.exp(rng.normal(-0.2, 0.4)) + rng.exponential(0.05)) - 1


def distorted_groups(crops, rng):
    """Groups of a crop and its distortions, (N, 1 + DISTORTED_PER_CROP, Y, X) float32."""
    groups = []
    for crop in crops:
        image = vary_intensity(crop, rng)
        members = [image]
        for _ in range(DISTORTED_PER_CROP):
            distorted = image
            for kind in rng.choice(TRAINED_KINDS, size=rng.choice([1, 2], p=[0.7, 0.3])):
                other = vary_intensity(crops[rng.integers(len(crops))], rng)
                distorted = distort(kind, distorted, 10 ** rng.uniform(-2, 0), other, rng)
            members.append(distorted)
        groups.append(np.stack(members))
    return np.stack(groups).astype(np.float32)[..., None]


def distance_maps(network, groups):
    """Return the distance of each distortion to its crop at every position.

    Args:
        network: feature extractor.
        groups: float32 (G, 1 + D, Y, X, 1), crops and their distortions.

    Returns:
        float32 (G, D, Y / 4, X / 4), mean absolute difference over the channels.
    """
    from keras import ops

    features = network(ops.reshape(groups, (-1, *groups.shape[2:])))
    features = ops.reshape(features, (*groups.shape[:2], *features.shape[1:]))
    return ops.mean(ops.absolute(features[:, 1:] - features[:, :1]), axis=-1)


def unevenness(network):
    """Measure how far the kernels are from orthogonal filters of one size; 0 if they are.

    A free network learns the distances as well, but with a few directions of huge gain:
    small changes along them reduce any distance, so that its gradient leads nowhere. Nearly
    orthogonal kernels have about the same gain in every direction.
    """
    from keras import ops

    total = 0.0
    for layer in network.layers[1:]:
        filters = ops.reshape(layer.kernel, (-1, layer.filters))
        products = ops.matmul(ops.transpose(filters), filters)
        products = products * layer.filters / ops.trace(products)
        total += ops.sum(ops.square(products - ops.eye(layer.filters))) / layer.filters
    return total


def train(settings):
    """Train the embedded network on VGG's distances and write its weights.

    Both the mean distance of a pair and its map are matched, as logarithms, so that a weak
    distortion counts as much as a strong one; the map shows where the images differ. The
    kernels are kept nearly orthogonal; see `unevenness`.
    """
    import keras
    import tensorflow as tf
    from keras import ops

    from microgan.losses.perceptual import build_embedded, load_feature_extractor

    if settings.output is None or Path(settings.output).exists():
        raise UserError("--output must name a file that does not exist yet. Received: "
                        f"{settings.output}")
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(settings.seed)
    groups = distorted_groups(simulated_crops(settings.num_simulated, rng), rng)
    print(f"{len(groups)} crops, {DISTORTED_PER_CROP} distortions each; asking the teacher")
    teacher = load_feature_extractor(settings.vgg)
    ask = tf.function(lambda group: distance_maps(teacher, group), jit_compile=False)
    taught = np.concatenate([ask(tf.constant(group[None])).numpy() for group in groups])
    scale = float(np.median(taught))
    taught /= scale

    student = build_embedded()
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, settings.num_iters, warmup_target=2e-3, warmup_steps=settings.num_iters // 20)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(student.trainable_variables)

    def log(distance):  # below 0.02 of the median, distances count as equal: some are 0
        return ops.log(distance + 0.02)

    @tf.function(jit_compile=False)
    def update(batch, wanted):
        with tf.GradientTape() as tape:
            found = distance_maps(student, batch)
            of_pairs = log(ops.mean(found, (2, 3))) - log(ops.mean(wanted, (2, 3)))
            of_maps = log(found) - log(wanted)
            losses = (ops.mean(ops.square(of_pairs)), ops.mean(ops.square(of_maps)),
                      unevenness(student))
            loss = losses[0] + losses[1] + UNEVENNESS_WEIGHT * losses[2]
        variables = student.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return losses

    started = time.perf_counter()
    for number in range(1, settings.num_iters + 1):
        chosen = rng.choice(len(groups), CROPS_PER_BATCH, replace=False)
        losses = update(groups[chosen], taught[chosen])
        if number % 200 == 0 or number == settings.num_iters:
            pairs, maps, uneven = (float(loss) for loss in losses)
            print(f"update {number}/{settings.num_iters}: error of log distance "
                  f"{pairs ** 0.5:.3f} (pairs), {maps ** 0.5:.3f} (maps); unevenness "
                  f"{uneven:.4f}; {time.perf_counter() - started:.0f} s", flush=True)
    arrays = {}
    for layer in student.layers[1:]:
        kernel, bias = layer.get_weights()
        if layer is student.layers[-1]:  # the last layer is linear: give its distances VGG's size
            kernel, bias = kernel * scale, bias * scale
        arrays[f"{layer.name}__kernel"] = kernel.astype(np.float16)
        arrays[f"{layer.name}__bias"] = bias.astype(np.float16)
    with written_whole(settings.output) as path:
        np.savez_compressed(path, **arrays)
    print(f"wrote {settings.output}")


def read_images(settings):
    """Read images by name, (N, Y, X) float32, normalised as for training."""
    found = {}
    for name in settings.datasets or find_datasets(settings.data_dir):
        pairs = load_pairs(settings.data_dir, name)
        for kind, images in (("clean", pairs.clean), ("degraded", pairs.degraded)):
            chosen = np.linspace(0, len(images) - 1, settings.images_limit).astype(int)
            as_trained = fit_percentiles(images)
            found[f"{name} {kind}"] = np.stack(
                [as_trained.normalize(images[index]) for index in chosen])
    return found


def check(settings):
    """Print the rank correlation of the two distances, by kind of distortion and set."""
    from microgan.losses.perceptual import content_loss, load_feature_extractor

    networks = [load_feature_extractor(source) for source in ("embedded", settings.vgg)]
    rng = np.random.default_rng(settings.seed)
    rows = []  # images, kind, distance by embedded, distance by VGG
    for name, images in read_images(settings).items():
        for image, other in zip(images, np.roll(images, 1, axis=0)):
            pairs = [(kind, distort(kind, image, strength, other, rng))
                     for kind in CHECKED_KINDS for strength in CHECKED_STRENGTHS]
            batch = np.stack([image] + [distorted for _, distorted in pairs])[..., None]
            distances = []
            for network in networks:
                features = network.predict_on_batch(batch.astype(np.float32))
                distances.append(np.asarray(content_loss(features[:1], features[1:])))
            rows += [(name, kind, *both) for (kind, _), both in zip(pairs, zip(*distances))]
    names, kinds, embedded, vgg = (np.array(column) for column in zip(*rows))

    def correlation(chosen):
        return f"{spearmanr(embedded[chosen], vgg[chosen]).statistic:.3f}"

    print("| images | pairs | " + " | ".join(CHECKED_KINDS) + " | all |")
    print("|---" * (len(CHECKED_KINDS) + 3) + "|")
    for name in [*dict.fromkeys(names), "all"]:
        here = (names == name) | (name == "all")
        cells = [correlation(here & (kinds == kind)) for kind in CHECKED_KINDS]
        print(f"| {name} | {here.sum()} | {' | '.join(cells)} | {correlation(here)} |")


def descend(settings):
    """Minimise each content loss over the pixels of distorted images; print where it leads.

    Per start: mean absolute error before and after, and how much of the remaining error is
    checkerboard: its power at the finest diagonal frequencies over its total power, 1 for
    white noise.
    """
    import keras
    import tensorflow as tf

    from microgan.losses.perceptual import content_loss, load_feature_extractor

    def checkerboard(errors):
        power = np.abs(np.fft.fft2(errors)) ** 2
        y, x = (np.abs(np.fft.fftfreq(size)) > 0.4 for size in errors.shape[1:])
        return power[:, np.logical_and.outer(y, x)].mean() / power.mean()

    rng = np.random.default_rng(settings.seed)
    print("| images | start | network | error before | error after | checkerboard |")
    print("|---|---|---|---|---|---|")
    for name, images in read_images(settings).items():
        clean = tf.constant(images[:, :CROP_SIZE, :CROP_SIZE, None])
        for start in ("blur", "noise"):
            begun = np.stack([distort(start, image, 0.4, None, rng)
                              for image in clean.numpy()[..., 0]])[..., None]
            for source in ("embedded", settings.vgg):
                network = load_feature_extractor(source)
                pixels = keras.Variable(begun.astype(np.float32))
                optimizer = keras.optimizers.Adam(0.02)
                optimizer.build([pixels])
                wanted = network(clean)

                @tf.function(jit_compile=False)
                def update():
                    with tf.GradientTape() as tape:
                        loss = tf.reduce_sum(content_loss(wanted, network(pixels.value)))
                    optimizer.apply(tape.gradient(loss, [pixels.value]), [pixels])

                for _ in range(150):
                    update()
                before, after = ((image - clean.numpy())[..., 0]
                                 for image in (begun, pixels.numpy()))
                label = "embedded" if source == "embedded" else "VGG"
                print(f"| {name} | {start} | {label} | {np.abs(before).mean():.3f} "
                      f"| {np.abs(after).mean():.3f} | {checkerboard(after):.2f} |",
                      flush=True)


def measure_time(settings):
    """Print the time of a forward and backward pass of each network, in turn, best of 7."""
    import tensorflow as tf

    from microgan.losses.perceptual import content_loss, load_feature_extractor

    images = np.random.default_rng(settings.seed).uniform(-1, 1, (8, 128, 128, 1))
    images = tf.constant(images, tf.float32)
    passes = {}
    for source in ("embedded", settings.vgg):
        network = load_feature_extractor(source)
        wanted = network(images)

        @tf.function(jit_compile=False)
        def gradient(network=network, wanted=wanted):
            with tf.GradientTape() as tape:
                tape.watch(images)
                loss = tf.reduce_sum(content_loss(wanted, network(images + 0.1)))
            return tape.gradient(loss, images)

        passes[source] = gradient
        gradient()
    seconds = {source: np.inf for source in passes}
    for _ in range(7):
        for source, gradient in passes.items():
            started = time.perf_counter()
            gradient().numpy()
            seconds[source] = min(seconds[source], time.perf_counter() - started)
    embedded, vgg = (seconds[source] / len(images) * 1e3 for source in passes)
    print(f"forward and backward, 128 x 128, float32: embedded {embedded:.1f} ms an image, "
          f"VGG {vgg:.1f} ms, ratio {vgg / embedded:.1f}")


def work(settings):
    """Run the part that --do names."""
    if settings.vgg is None:
        raise UserError("--vgg must name a file of VGG weights, .npz or .h5.")
    from microgan.runtime.startup import import_tensorflow_quietly

    import_tensorflow_quietly()
    actions = {"train": train, "check": check, "descend": descend, "time": measure_time}
    actions[settings.do](settings)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__, work))
