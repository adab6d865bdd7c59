"""One command-line program from one config: flags, help, errors and exit status."""

from __future__ import annotations

import dataclasses
import contextlib
import difflib
import io
import logging
import os
import signal
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags

from microgan.cli.help_pages import help_text
from microgan.config import Config, value_type
from microgan.errors import Interrupted, Terminated, UserError, told
from microgan.runtime.startup import settings_of_others_ignored, warnings_as_usual
from microgan.version import __version__

_DEFINERS: dict[type, Callable[..., Any]] = {
    bool: flags.DEFINE_boolean, int: flags.DEFINE_integer,
    float: flags.DEFINE_float, str: flags.DEFINE_string,
}
# What a flag's value must be, unless it may be any text.
_RULES = {bool: "True or False", int: "a whole number, such as 1000",
          float: "a number, such as 0.001"}


def run_command(config_type: type[Config], description: str,
                work: Callable[[Any], None], argv: Sequence[str] | None = None) -> int:
    """Parse flags into a config, do the work and return the exit status.

    Args:
        config_type: the dataclass whose fields become flags.
        description: what the program does, shown first by `--help`.
        work: called with the config. It imports what it needs itself, so that `--help` and
            wrong flags are answered at once.
        argv: program name and arguments; `sys.argv` if None.

    Returns:
        0 on success or after `--help`; 2 on a user's mistake, a file that the system refuses or
        too little memory (one line on standard error); 128 + signal after an interruption.
        A bug raises.
    """
    argv = list(sys.argv if argv is None else argv)
    program = os.path.basename(argv[0])

    with program_run(program) as outcome:
        wanted = set(argv[1:])
        if wanted & {"--help", "-help", "-h", "--helpfull"}:
            print(help_text(config_type, program, description,
                            is_full="--helpfull" in wanted))
        elif "--version" in wanted:
            print(f"microgan {__version__}")
        else:
            work(parse_flags(config_type, argv))
    return outcome.status


@contextlib.contextmanager
def program_run(program: str) -> Iterator[Outcome]:
    """Run a program's work in the block; afterwards its exit status is known.

    Args:
        program: its name, for the line on standard error.

    Yields:
        What will have the exit status, as described in `run_command`.
    """
    # Our error line reports what is wrong with a TIFF: once is enough.
    of_tifffile = logging.getLogger("tifffile")
    of_tifffile.handlers, of_tifffile.propagate = [logging.NullHandler()], False
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(contextlib.redirect_stdout(_OutlivesReader(sys.stdout)))
        stack.callback(output.flush)
        stack.enter_context(_termination_raised())
        stack.enter_context(settings_of_others_ignored())
        stack.enter_context(warnings_as_usual())
        yield stack.enter_context(Outcome(program))


class Outcome:
    """Report in one line what ended the block, and keep the exit status; a bug is raised.

    Args:
        program: name, for the line.
    """

    def __init__(self, program: str) -> None:
        self.program = program
        self.status = 0

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if isinstance(error, Interrupted):
            self._tell(str(error), error.status)
        elif isinstance(error, KeyboardInterrupt):
            stop = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
            self._tell(str(error) or "stopped.", 128 + stop)
        elif error is not None and (line := told(error)) is not None:
            self._tell(f"error: {line}", 2)
        else:
            return False
        return True

    def __enter__(self) -> Outcome:
        return self

    def _tell(self, line: str, status: int) -> None:
        print(f"{self.program}: {line}", file=sys.stderr)
        self.status = status


@contextlib.contextmanager
def _termination_raised() -> Iterator[None]:
    """Let a termination signal raise, as Ctrl-C does, so that nothing is left half-done."""
    def stop(number: int, frame: Any) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    usual = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


class _OutlivesReader(io.TextIOBase):
    """Standard output that never stops the work, whoever reads it and whatever is written.

    Args:
        stream: written to until its reader is gone. Characters that its encoding lacks, such
            as bytes of a file name, are written as `\\udce9`.

    Source:
        ours, after Python's documentation of SIGPIPE.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            text.encode(self._stream.encoding or "utf-8")
        except UnicodeEncodeError as error:
            text = text.encode(error.encoding, "backslashreplace").decode(error.encoding)
        self._unless_broken(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._unless_broken(self._stream.flush)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def _unless_broken(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def parse_flags(config_type: type[Config], argv: Sequence[str]) -> Any:
    """Turn command-line arguments into a config.

    Args:
        config_type: the dataclass whose fields are the flags.
        argv: program name and arguments.

    Raises:
        UserError: an unknown flag (the message suggests the nearest), an unreadable value, or
            an argument that is not a flag.
    """
    flag_values = _define_flags(config_type)
    try:
        rest = flag_values(list(argv))[1:]
    except flags.UnrecognizedFlagError as error:
        names = [item.name for item in dataclasses.fields(config_type)]
        near = difflib.get_close_matches(error.flagname, names, n=2)
        hint = f" Did you mean --{' or --'.join(near)}?" if near else " See --help."
        raise UserError(f"There is no flag --{error.flagname}.{hint}") from error
    except flags.Error as error:
        raise UserError(" ".join(str(error).split())) from error
    if rest:
        raise UserError(f"'{rest[0]}' is not a flag: flags are written --name=value. See --help.")
    explicit = {}
    hints = typing.get_type_hints(config_type)
    for item in dataclasses.fields(config_type):
        if flag_values[item.name].present:
            value = flag_values[item.name].value
            if value_type(hints[item.name])[2]:
                value = tuple(os.path.expanduser(element) for element in value or () if element)
            elif isinstance(value, str):
                value = os.path.expanduser(value)  # a shell leaves --dir=~/runs alone
            explicit[item.name] = value
    return config_type.create(**explicit)


def _define_flags(config_type: type[Config]) -> flags.FlagValues:
    flag_values = flags.FlagValues()
    hints = typing.get_type_hints(config_type)
    for item in dataclasses.fields(config_type):
        kind, _, is_list = value_type(hints[item.name])
        define = flags.DEFINE_list if is_list else _DEFINERS[kind]
        define(item.name, None, item.metadata["help"], flag_values=flag_values)
        if kind in _RULES and not is_list:
            flag = flag_values[item.name]
            flag.parser = _RuledParser(flag.parser, item.name, _RULES[kind])
    return flag_values


class _RuledParser(flags.ArgumentParser):
    """Parse a flag's value with another parser, and tell the rule where that fails.

    Args:
        parser: the other parser.
        name: of the flag.
        rule: what the value must be.
    """

    def __init__(self, parser: flags.ArgumentParser, name: str, rule: str) -> None:
        self._parser, self._name, self._rule = parser, name, rule

    def parse(self, argument: Any) -> Any:
        try:
            return self._parser.parse(argument)
        except (TypeError, ValueError) as error:
            raise UserError(f"--{self._name} must be {self._rule}. Received: {argument}"
                            ) from error
