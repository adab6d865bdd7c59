"""Exceptions that end a script with one line instead of a traceback."""


class UserError(Exception):
    """A mistake the user can mend: the message is one line that says how.

    The message names what is wrong, the file or flag, the value and the remedy.
    Scripts print it on standard error without a traceback and end with status 2;
    from Python it is an ordinary exception.
    """


class Diverged(UserError):
    """Training that left the finite numbers and did not come back."""


class Interrupted(Exception):
    """Work stopped by a signal, after it was saved.

    Args:
        message: one line that says what was saved and how to go on.
        status: exit status of the script, 128 + the signal's number.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
