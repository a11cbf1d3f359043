"""Errors that a user can cause and mend. Each says, in one sentence, what came, what was wanted and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class UserError(Exception):
    """A mistake the user can mend; the command line prints it without a traceback and exits with code 2."""


class DataError(UserError):
    """A data file (and a field in it, where there is one) that cannot be used.

    The message starts with the file, so that it can be opened from a log: `street.png: labels: ...`.
    """

    def __init__(self, path: Path | str, message: str, *, field: str | None = None) -> None:
        self.path, self.field = Path(path), field
        super().__init__(f"{path}: {field}: {message}" if field else f"{path}: {message}")

    @property
    def what(self) -> str:
        """The message without file and field."""
        return str(self).removeprefix(f"{self.path}: ").removeprefix(f"{self.field}: ")

    def __reduce__(self) -> tuple[object, ...]:  # loader workers send it across processes
        return (_rebuild, (type(self), self.path, self.field, str(self)))


class ConfigError(UserError):
    """A recipe, an option or a name that does not exist or does not fit."""


class CheckpointError(UserError):
    """A checkpoint or weight file that is damaged, incomplete or does not fit the model."""


class MissingExtra(UserError):
    """An optional dependency that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}: pip install 'swinkit[{extra}]'")


class NonFinite(RuntimeError):
    """A loss, gradient or weight that is NaN or infinite; nothing was stepped or saved."""


def _rebuild(kind: type[DataError], path: Path, field: str | None, text: str) -> DataError:
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    error.path, error.field = path, field
    return error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause for an error about an unknown `name`: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
