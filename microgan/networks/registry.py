"""The generators that a file may name: those that code has registered here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from microgan.networks.onnx_graph import Tensor

Arguments = Mapping[str, Any]
# Type, smallest and largest value.
ARGUMENTS: Mapping[str, tuple[type, float, float]] = {
    "filters": (int, 1, 10_000), "num_blocks": (int, 0, 10_000), "depth": (int, 0, 100),
    "dropout": (float, 0, 1), "outside_share": (float, 0, 0.5)}
# Of those that are lists of numbers, smallest and largest number; and their longest.
_LISTS: Mapping[str, tuple[float, float]] = {"slice_scales": (0, 100)}
_MOST_NUMBERS = 4096


@dataclass(frozen=True)
class RegisteredNetwork:
    """A generator's architecture.

    Args:
        build: plain numbers as keyword arguments -> untrained `keras.Model`, under the
            current precision policy.
        written_by: the program that trains it, for messages.
        fewest_weights: keyword arguments -> a lower bound on the number of weights, so that a
            small file cannot ask for a huge network.
        arguments: arguments of `build` that a file may give: type, smallest and largest value.
        lists: names of arguments that are lists of numbers.
        axes: axes of its images, "YX" or "ZYX".
        needs_num_tasks: whether `build` also takes `num_tasks`.
        can_augment: whether restoring may average over mirror images.
        is_local: whether a restored pixel depends on its surroundings only, since the network
            has no instance norms.
        write: `networks.onnx_graph.Graph`, its image and the arguments of `build` -> the result
            in the graph, for the half of ZSE-GAN that sharpens; None if the network is not
            known as ONNX.
    """

    build: Callable[..., keras.Model]
    written_by: str
    fewest_weights: Callable[[Arguments], float]
    arguments: Mapping[str, tuple[type, float, float]] = field(default_factory=lambda: ARGUMENTS)
    lists: tuple[str, ...] = ()
    axes: str = "YX"
    needs_num_tasks: bool = False
    can_augment: bool = False
    is_local: bool = False
    write: Callable[..., Tensor] | None = None

    def check_arguments(self, arguments: Arguments) -> None:
        """Check the arguments of `build` that a file gives.

        Raises:
            ValueError: a name or value is not allowed.
        """
        for name, value in arguments.items():
            if name in self.lists and _is_list(value, *_LISTS[name]):
                continue
            number, least, most = self.arguments.get(name, (int, 0, -1))
            if type(value) not in (int, number) or not least <= value <= most:
                raise ValueError(f"{name}={value!r} is not an argument of a network")


def _is_list(value: Any, least: float, most: float) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _MOST_NUMBERS and all(
        type(number) in (int, float) and least <= number <= most for number in value)


_NETWORKS: dict[tuple[str, str], RegisteredNetwork] = {}


def register_network(method: str, network: str, registered: RegisteredNetwork) -> None:
    """Make a generator known to the loader of `generator.h5`.

    Args:
        method: the method that trains it, as in `GeneratorInfo`.
        network: its name within the method.
        registered: how to build it.

    Raises:
        ValueError: the names are taken.

    Example:
        >>> from microgan.networks.cgan import build_unet_generator
        >>> register_network("my_method", "unet", RegisteredNetwork(
        ...     build_unet_generator, "my_script.py",
        ...     fewest_weights=lambda arguments: 9 * arguments["filters"] ** 2))
        >>> script_of("my_method")
        'my_script.py'
    """
    if _NETWORKS.setdefault((method, network), registered) is not registered:
        raise ValueError(f"There is a network '{method} {network}' already.")


def find_network(method: str, network: str) -> RegisteredNetwork | None:
    """Return the registered generator of these names, if any."""
    return _NETWORKS.get((method, network))


def script_of(method: str) -> str | None:
    """Return the program that trains a method's networks; None for an unknown method."""
    return next((registered.written_by for (other, _), registered in _NETWORKS.items()
                 if other == method), None)


def _imported_when_called(module: str, function: str) -> Callable[..., Any]:
    """Defer importing a module that imports Keras, which takes seconds, or ONNX, an extra."""
    def call(*inputs: Any, **arguments: Any) -> Any:
        return getattr(importlib.import_module(f"microgan.networks.{module}"), function)(
            *inputs, **arguments)

    return call


def _built_in(method: str, network: str, written_by: str,
              fewest_weights: Callable[[Arguments], float], **others: Any) -> None:
    """Register a network of microgan's own."""
    register_network(method, network, RegisteredNetwork(
        _imported_when_called(method, f"build_{network}_generator"), written_by, fewest_weights,
        write=_imported_when_called("onnx_networks", f"write_{method}_{network}"), **others))


def _resnet_weights(arguments: Arguments) -> float:
    """Count the residual blocks' convolutions and the one before."""
    return 72 * arguments.get("filters", 1) ** 2 * (1 + 4 * arguments.get("num_blocks", 9))


def _unet_weights(arguments: Arguments) -> float:
    """Count the convolution at the lowest level."""
    depth = min(arguments.get("depth", 3), 99)
    return 9 * 4 ** depth * arguments.get("filters", 1) ** 2


def _translator_weights(arguments: Arguments) -> float:
    """Count one translator's residual blocks."""
    return 128 * arguments.get("filters", 1) ** 2 * arguments.get("num_blocks", 1)


_built_in("cgan", "resnet", "train_cGAN.py", _resnet_weights)
_built_in("cgan", "unet", "train_cGAN.py", _unet_weights, can_augment=True, is_local=True)
_built_in("cin_gan", "resnet", "train_CIN_GAN.py", _resnet_weights, needs_num_tasks=True)
_built_in("cin_gan", "unet", "train_CIN_GAN.py", _unet_weights, needs_num_tasks=True)
_built_in("zse_gan", "published", "train_zsegan.py", _translator_weights, axes="ZYX")
_built_in("zse_gan", "residual", "train_zsegan.py", _translator_weights, axes="ZYX", is_local=True)
# Not known as ONNX: it is of no use without the filter that comes before it.
register_network("zse_gan", "correction", RegisteredNetwork(
    _imported_when_called("zse_gan", "build_correction_generator"), "train_zsegan.py",
    _translator_weights, lists=("slice_scales",), axes="ZYX"))
