"""`microgan`: one command for every program."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence

from microgan.cli.command import program_run
from microgan.cli.program_list import PROGRAMS
from microgan.errors import UserError
from microgan.version import __version__

_PAGE = """\
Restore microscope images when almost no training data exists.

usage: microgan COMMAND [--flag=value ...]

To train, if you have
{trainings}

Other commands
{others}

  microgan COMMAND --help        what the command does, and the flags that matter first
  microgan --diagnose            versions, processor and devices, to paste into a report
  microgan --completion=bash     a script that completes commands and flags; also zsh
  microgan --version             the version

Try it:          microgan simulate
                 microgan train-cgan --recipe=limited --images_limit=10
Your own images: microgan train-cgan --recipe=limited --data_dir=FOLDER
                 microgan restore --input=FOLDER --generator=RUN_FOLDER/generator.h5
"""
_SHELLS = ("bash", "zsh")
_FLAGS = ("--help", "--diagnose", "--completion", "--version")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program that the first argument names.

    Args:
        argv: program name and arguments; `sys.argv` if None.

    Returns:
        The exit status; see `run_command`.
    """
    arguments = list(sys.argv if argv is None else argv)[1:]
    for program in PROGRAMS:
        if arguments[:1] == [program.command]:
            return program.main()([f"microgan {program.command}", *arguments[1:]])
    with program_run("microgan") as outcome:
        _answer(arguments)
    return outcome.status


def _answer(arguments: Sequence[str]) -> None:
    """Do what flags without a command ask for."""
    first = arguments[0] if arguments else "--help"
    if len(arguments) > 1 and first.startswith("-"):
        raise UserError(f"{first} takes no further arguments. Received: {arguments[1]}")
    if first in ("--help", "-h", "-help", "--helpfull"):
        print(help_page(), end="")
    elif first == "--version":
        print(f"microgan {__version__}")
    elif first == "--diagnose":
        from microgan.programs.diagnose import diagnose

        diagnose()
    elif first.partition("=")[0] == "--completion":
        from microgan.cli.completion import completion_script

        shell = first.partition("=")[2]
        if shell not in _SHELLS:
            raise UserError(f"--completion must be one of {', '.join(_SHELLS)}. "
                            f"Received: {shell or 'nothing'}")
        print(completion_script(shell), end="")
    elif first.startswith("-"):
        near = difflib.get_close_matches(first, _FLAGS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "See microgan --help."
        raise UserError(f"Without a command there is no flag {first}. {hint}")
    else:
        raise UserError(f"There is no command '{first}'. {_nearest(first)}")


def help_page() -> str:
    """Return the page of `microgan --help`: a line for every program, and when to use it."""
    lines = {is_training: "\n".join(f"  {program.command:15}{program.purpose}"
                                    for program in PROGRAMS if program.is_training == is_training)
             for is_training in (True, False)}
    return _PAGE.format(trainings=lines[True], others=lines[False])


def _nearest(name: str) -> str:
    """Return a suggestion for a command that does not exist, also for names of scripts."""
    commands = [program.command for program in PROGRAMS]
    plain = name.lower().removesuffix(".py").removeprefix("microgan-").replace("_", "-")
    near = difflib.get_close_matches(plain, commands, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(commands)}."


if __name__ == "__main__":
    sys.exit(main())
