"""`microgan --diagnose`: what a report of a problem needs to say about the machine."""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

from microgan.errors import one_line
from microgan.runtime.amounts import byte_size
from microgan.runtime.machine import processor
from microgan.runtime.memory import free_bytes
from microgan.version import __version__

# Core packages, then those of extras.
PACKAGES = (
    "tensorflow", "keras", "numpy", "scipy", "h5py", "filelock", "tifffile", "imagecodecs",
    "scikit-image", "absl-py", "matplotlib", "jinja2", "zarr", "numcodecs", "czifile", "liffile",
    "nd2", "onnx", "onnxruntime", "bioimageio.core", "tensorboard", "napari", "dask",
    "torch")
_PREFIXES = ("TF_", "CUDA_", "NVIDIA_", "XLA_", "KERAS_", "OMP_", "MKL_", "KMP_", "ONEDNN_",
             "MPLBACKEND", "PYTHONWARNINGS", "PYTHONUTF8", "LANG", "LC_")
# Values that are no paths, addresses or texts of the user.
_HARMLESS = re.compile(r"[\w.,+-]{0,40}")


def diagnose() -> None:
    """Print versions, processor, devices and settings, as Markdown without any path.

    Devices are found by TensorFlow, which is imported and does a small computation on each. If
    it cannot be imported, the report says so.
    """
    for line in machine_lines():
        print(line, flush=True)  # before what may crash


def machine_lines() -> Iterator[str]:
    """Yield the lines of the report."""
    yield from software_lines()
    yield from setting_lines(os.environ)
    yield from _device_lines()


def software_lines() -> Iterator[str]:
    """Yield a line each on microgan, Python, the processor, memory and the packages."""
    yield f"- microgan {__version__}"
    yield (f"- Python {platform.python_version()} on {platform.system()} {platform.release()} "
           f"({platform.machine()}), file names in {sys.getfilesystemencoding()}, text in "
           f"{locale.getpreferredencoding(False)}")
    yield f"- processor: {processor()}; {byte_size(free_bytes())} of memory free"
    found = {name: version for name in PACKAGES if (version := _version(name))}
    yield "- packages: " + ", ".join(f"{name} {version}" for name, version in found.items())
    missing = [name for name in PACKAGES if name not in found]
    yield f"- not installed: {', '.join(missing) or 'nothing'}"


def setting_lines(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a line on the variables that TensorFlow, Keras and matplotlib read.

    Args:
        environment: variables. Values that may hold a path, an address or a text are not shown.
    """
    settings = [f"{name}={value}" if _HARMLESS.fullmatch(value) else f"{name} (set)"
                for name, value in sorted(environment.items()) if name.startswith(_PREFIXES)]
    yield f"- settings: {', '.join(settings) or 'none'}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _device_lines() -> Iterator[str]:
    """Yield lines on the devices, and whether they compute."""
    yield f"- NVIDIA driver: {_nvidia_driver()}"
    try:
        from microgan.runtime.precision import choose_precision
        from microgan.runtime.startup import import_tensorflow_quietly

        import_tensorflow_quietly()
        import tensorflow as tf

        build = tf.sysconfig.get_build_info()
        cuda = build.get("cuda_version")
        yield f"- TensorFlow built {f'for CUDA {cuda}' if cuda else 'without CUDA'}"
        for device in tf.config.list_logical_devices():
            yield f"- device {device.name.rsplit('device:', 1)[-1]}: {_tried(device.name)}"
        yield f"- number format with --precision=auto: {choose_precision('auto')}"
    except Exception as error:  # a report of whatever is wrong
        yield f"- TensorFlow does not start: {_without_paths(error)}"


def _nvidia_driver() -> str:
    program = shutil.which("nvidia-smi")
    if not program:
        return "none found"
    try:
        result = subprocess.run(
            [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return _without_paths(error)
    return "; ".join(_without_paths(line) for line in (result.stdout or result.stderr).splitlines()
                     if line.strip()) or "none found"


def _tried(device: str) -> str:
    """Compute something on a device, and return what it is and how that went."""
    import tensorflow as tf

    details = {}
    physical = [each for each in tf.config.list_physical_devices("GPU")
                if device.endswith(each.name.rsplit("device:", 1)[-1])]
    if physical:
        details = tf.config.experimental.get_device_details(physical[0])
    capability = ".".join(map(str, details.get("compute_capability", ())))
    name = details.get("device_name", "") + (f", compute capability {capability}, " if capability
                                             else "")
    try:
        with tf.device(device):
            image = tf.ones((1, 8, 8, 1))
            total = float(tf.reduce_sum(tf.nn.conv2d(image, tf.ones((3, 3, 1, 1)), 1, "VALID")))
    except Exception as error:
        return f"{name}fails: {_without_paths(error)}"
    return f"{name}works" if total == 324 else f"{name}computes {total} instead of 324"


def _without_paths(text: object) -> str:
    """Return one line of a text, with words that have slashes cut out."""
    return re.sub(r"\S*[/\\]\S*", "[path]", one_line(text))
