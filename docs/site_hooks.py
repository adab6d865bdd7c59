"""Pages of the documentation site that are not in docs/, and the links between all pages."""

from __future__ import annotations

import json
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)]*)?\)")
_PICTURE = re.compile(r"!\[([^]]*)\]\(([^)]+)\)(?:\n\n\*(.*?)\*\n)?", re.DOTALL)
_ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_NOTEBOOKS = tuple(sorted(f"notebooks/{path.name}" for path in ROOT.glob("notebooks/*.ipynb")))
# Their pictures are the gallery.
_PAGES_OF_RESULTS = ("README.md", "docs/results.md", "docs/pretraining.md")


def on_config(config: Any) -> Any:
    """Add the reference, a page for each package, to the navigation."""
    sys.path.insert(0, str(ROOT))  # of the checkout, not of an installed copy
    config["nav"].append({"Reference": ["reference/microgan.md", *(
        f"reference/{package}.md" for package in _packages())]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and pictures outside docs/ that pages link to, the flags and the reference."""
    names = {*_ROOT_PAGES}
    for page in [*map(ROOT.joinpath, _ROOT_PAGES), *(ROOT / "docs").glob("*.md")]:
        names |= {name for link, _ in _LINK.findall(page.read_text(encoding="utf-8"))
                  if not (name := _in_repository(page.relative_to(ROOT).as_posix(), link)
                          ).startswith("docs/")}
    for name in sorted(names.difference(_NOTEBOOKS)):
        files.append(File.generated(config, _on_site(name), abs_src_path=str(ROOT / name)))
    for name in _NOTEBOOKS:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
        files.append(File.generated(config, _on_site(name), content=_tutorial(name)))
    files.append(File.generated(config, "gallery.md", content=_gallery()))
    files.append(File.generated(config, "flags.md", content=_flags_page()))
    files.append(File.generated(config, "reference/microgan.md", content=_reference("microgan")))
    for package in _packages():
        files.append(File.generated(config, f"reference/{package}.md",
                                    content=_reference(f"microgan.{package}")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links lead to pages of the site."""
    source = page.file.src_uri
    in_repository = {_on_site(name): name for name in (*_ROOT_PAGES, *_NOTEBOOKS)}.get(
        source, source if (ROOT / source).exists() else f"docs/{source}")

    def moved(match: re.Match[str]) -> str:
        target = _on_site(_in_repository(in_repository, match[1]))
        link = posixpath.relpath(target, posixpath.dirname(source))
        return f"]({link}{match[2] or ''})"

    return _LINK.sub(moved, markdown)


def _in_repository(page: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def _on_site(name: str) -> str:
    """Return where a file of the repository is on the site."""
    if name in _NOTEBOOKS:
        return re.sub("ipynb$", "md", name)
    return "index.md" if name == "README.md" else name.removeprefix("docs/")


def _packages() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "microgan").glob("*/__init__.py"))


def _tutorial(name: str) -> str:
    """Return a notebook as a page: its text and code."""
    notebook = json.loads((ROOT / name).read_text(encoding="utf-8"))
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    title, *parts = [text if kind == "markdown" else f"```python\n{text}\n```"
                     for kind, text in cells]
    # In HTML, since links to notebooks lead to these pages.
    get = f'<a href="../{posixpath.basename(name)}" download>Download this page as a notebook.</a>'
    return "\n\n".join([title, get, *parts])


def _gallery() -> str:
    """Return a page of the pictures of results, with what their pages say of them."""
    parts = ["# Gallery"]
    for page in _PAGES_OF_RESULTS:
        for alt, picture, caption in _PICTURE.findall((ROOT / page).read_text(encoding="utf-8")):
            text = (f"## {alt}\n\n![{alt}]({picture})\n\n{caption}\n\n"
                    f"[The page that explains it]({posixpath.basename(page)})")
            parts.append(_LINK.sub(lambda match: "]({}{})".format(posixpath.relpath(
                _in_repository(page, match[1]), "docs"), match[2] or ""), text))
    return "\n\n".join(parts) + "\n"


def _flags_page() -> str:
    from microgan.cli.help_pages import help_text
    from microgan.cli.program_list import PROGRAMS

    pages = "\n\n".join(
        f"## {program.command}\n\n```text\n"
        + help_text(program.config_type, f"microgan {program.command}", program.purpose,
                    is_full=True) + "\n```" for program in PROGRAMS)
    return f"# Flags\n\nWhat `--helpfull` of every program shows.\n\n{pages}\n"


def _reference(package: str) -> str:
    """Return a page of all public modules directly in a package."""
    folder = ROOT / package.replace(".", "/")
    modules = [f"{package}.{path.stem}" for path in sorted(folder.glob("*.py"))
               if path.stem not in ("__init__", "version")]
    parts = "\n\n".join(f"::: {name}" for name in [package, *modules])
    return f"# {package}\n\n{parts}\n"
