"""Pictures of a run's page for the docs, as a browser shows it on a screen and on a phone.

Needs Chromium.

    python -m benchmarks.page_pictures --page=Microscopy_cGAN_results/report.html
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from microgan.cli.command import run_command
from microgan.config import Config, setting
from microgan.errors import UserError
from microgan.files.whole import written_whole

# By the end of the file's name: width of the window and height of what is shown, pixels.
WINDOWS = {"wide": (1200, 1800), "phone": (400, 1800)}
_COLOURS = 256


@dataclass(frozen=True)
class Settings(Config):
    """Settings of this program."""

    page: str = setting("Microscopy_cGAN_results/report.html", "The page.")
    output: str = setting("docs/images", "Folder for the pictures, report_wide.png and "
                          "report_phone.png.")


def picture(browser: str, page: Path, width: int, height: int) -> Image.Image:
    """Return what a browser shows of a page.

    Args:
        browser: the program, Chromium.
        page: an HTML file.
        width: of the window, pixels.
        height: of the window, pixels.

    Raises:
        UserError: the browser wrote no picture.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "picture.png"
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--user-data-dir={folder}/profile", f"--window-size={width},{height}",
             f"--screenshot={target}", page.resolve().as_uri()],
            capture_output=True, text=True, timeout=120)
        if not target.exists():
            raise UserError(f"{browser} wrote no picture of {page}: {done.stderr.strip()}")
        return Image.open(io.BytesIO(target.read_bytes())).convert("RGB")


def main(settings: Settings) -> None:
    """Write the pictures."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        raise UserError("Chromium is not on the PATH. Install it (Debian: chromium).")
    page = Path(settings.page)
    if not page.is_file():
        raise UserError(f"{page} does not exist. Train first, or name another page with --page.")
    for name, size in WINDOWS.items():
        target = Path(settings.output) / f"report_{name}.png"
        with written_whole(target) as temporary:
            picture(browser, page, *size).quantize(
                _COLOURS, Image.Quantize.FASTOCTREE).save(
                    temporary, format="PNG", optimize=True)
        print(target)


if __name__ == "__main__":
    sys.exit(run_command(Settings, __doc__ or "", main))
