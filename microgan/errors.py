"""Exceptions that end a script with one line instead of a traceback."""

import sys


class _ShownInOneLine(Exception):
    def _render_traceback_(self) -> list[str]:
        """Show the message without a traceback in notebooks: IPython asks for it."""
        return [f"{type(self).__name__}: {self}"]


class UserError(_ShownInOneLine):
    """A mistake that the user can fix.

    The message is one line: what is wrong, the file or flag, the value and the remedy. Scripts
    print it on standard error without a traceback and exit with status 2; from Python it is
    an ordinary exception, which notebooks show without a traceback.
    """


class Diverged(UserError):
    """Training that became NaN or infinite and did not recover."""


class Interrupted(_ShownInOneLine):
    """Work stopped by a signal, after it was saved.

    Args:
        message: one line: what was saved and how to continue.
        status: exit status of the script, 128 + the signal's number.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Terminated(KeyboardInterrupt):
    """A termination signal; cleaned up after like Ctrl-C."""


def out_of_memory_errors() -> tuple[type[Exception], ...]:
    """Return the errors of memory that ran out: Python's and, if it is loaded, TensorFlow's."""
    of_tensorflow = getattr(sys.modules.get("tensorflow"), "errors", None)
    return (MemoryError, *([of_tensorflow.ResourceExhaustedError] if of_tensorflow else []))


def told(error: BaseException) -> str | None:
    """Tell what the user can mend in one line; None for a bug.

    That is a `UserError`, a file that the system refuses, or too little memory.
    """
    if isinstance(error, UserError):
        return printable(error, limit=2000)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}. Check the path and its permissions."
        return printable(text, limit=2000)
    if isinstance(error, out_of_memory_errors()):
        text = (f"Memory ran out: {one_line(error)}. Use smaller or fewer images, or lower the "
                "flags that set sizes.")
        return printable(text, limit=2000)
    return None


def see(section: str) -> str:
    """Point to a section of the page on bad results, at the end of a message."""
    return f'See "{section}" in docs/when_the_result_is_bad.md.'


def one_line(text: object, *, limit: int = 300) -> str:
    """Convert anything to one printable line within a message.

    Args:
        text: its `str` is used, such as another library's exception; for a `KeyError`, the
            missing key.
        limit: most characters kept.

    Returns:
        The text without line breaks, control characters and a full stop at its end; the
        name of its type if there is no text.
    """
    if isinstance(text, KeyError):
        text = f"it lacks {text}"
    return printable(text, limit=limit).rstrip(".") or type(text).__name__


def printable(text: object, *, limit: int) -> str:
    """Replace line breaks by spaces, control characters by `?`, and cut what is too long."""
    words = " ".join(str(text).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in words[:limit])
    return line + " [...]" if len(words) > limit else line
