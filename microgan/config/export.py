"""Settings of `microgan-export`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from microgan.config.base import Config, Meaningless, setting
from microgan.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Config):
    """Settings of `microgan-export`."""

    generator: str | None = setting(None, "The generator.h5 of a run folder.")
    format: str = setting(
        "onnx", "onnx: a network alone, for ONNX Runtime. bioimageio: a package of the BioImage "
        "Model Zoo with that network, for Fiji (deepImageJ), ilastik and others.",
        choices=("onnx", "bioimageio"))
    output: str | None = setting(
        None, "File to write. Unset: TASK.onnx or TASK.bioimageio.zip in this folder.")
    task: str | None = setting(
        None, "Task whose intensity constants the network holds; with a CIN-GAN generator, the "
        "defect to add. Unset: the generator's only task.")
    test_time_augmentation: bool | None = setting(
        None, "Let the network average over the image and its three mirror images. Unset: as "
        "recorded in generator.h5.")
    image: str | None = setting(
        None, "A file like those to restore, .npy, .tif, .tiff or .zarr: at most 256 pixels a "
        "side of its first plane, or volume, test the network and are shown in the package. "
        "Unset: a simulated image.")
    name: str | None = setting(None, "Name of the package. Unset: made from method and task.")
    authors: tuple[str, ...] = setting(
        (), "Names of the package's authors, separated by commas.")
    citation: str | None = setting(
        None, "What to cite for the package besides the method: text with a DOI or an address "
        "that begins with https://.")
    license: str = setting("CC-BY-4.0", "The package's licence, as SPDX abbreviates it.")
    overwrite: bool = setting(False, "Replace the file of that name.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.generator:
            raise UserError("--generator is missing: name the generator.h5 of a run folder.")
        if self.format == "bioimageio" and not self.authors:
            raise UserError("--authors is missing: the Model Zoo's packages name their authors.")
        if self.citation is not None and not self.citation_address():
            raise UserError("--citation must contain a DOI, such as 10.1000/182, or an address "
                            f"that begins with https://. Received: {self.citation}")

    def citation_address(self) -> dict[str, str]:
        """Return the citation's DOI, as {"doi": ...}, or its address, as {"url": ...}."""
        for kind, pattern in (("doi", r"10\.\d{4,}/\S*[\w)]"), ("url", r"https://\S+")):
            found = re.search(pattern, self.citation or "")
            if found:
                return {kind: found[0]}
        return {}

    def meaningless(self) -> dict[str, Meaningless]:
        if self.format == "bioimageio":
            return {}
        return dict.fromkeys(("name", "authors", "citation", "license"), Meaningless(
            "with --format=onnx", "pass --format=bioimageio"))
