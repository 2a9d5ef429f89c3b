"""Errors of Hema, each beside Python's own of its kind."""

from __future__ import annotations


class HemaError(Exception):
    """What stopped a call: a message that names what was found and what was expected, and perhaps a hint."""

    def __init__(self, message: str = "", hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        #: What to do about it, where something can be said.
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"

    def __reduce__(self):
        return (type(self), (self.message, self.hint))


class InvalidError(HemaError, ValueError):
    """An input was read and makes no sense: a damaged file, a value out of range."""


class UnreadableError(InvalidError):
    """A picture cannot be decoded."""


class NotFoundError(HemaError, FileNotFoundError):
    """A file, folder or name does not exist."""


class AlreadyExistsError(HemaError, FileExistsError):
    """Something is in the way of what was to be written."""


class UnsupportedError(HemaError, RuntimeError):
    """This version, build or machine cannot do it."""


class IoError(HemaError, OSError):
    """The operating system failed to read or write."""
