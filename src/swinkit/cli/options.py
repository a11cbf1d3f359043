"""From the words of a command line to a command's frozen dataclass of options."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from typing import Any, TypeVar, get_type_hints

import tyro

from swinkit.files import ConfigError, did_you_mean

Options = TypeVar("Options")


def shown(metavar: str) -> Any:
    """How an option's value is called in the help, where its default says nothing."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


def parse(kind: type[Options], command: str, arguments: Sequence[str]) -> Options:
    """The options of `swinkit COMMAND`.

    Raises:
        ConfigError: an option does not exist (with the nearest that does), is missing, or has a value it does not take.
        SystemExit: help was asked for and printed.
    """
    known = ["--help", *(f"--{name.replace('_', '-')}" for name in _flags(kind))]
    for word in arguments:
        name = word.split("=")[0].replace("_", "-")
        if word.startswith("--") and len(word) > 2 and name not in known:
            raise ConfigError(f"{command} has no option {name}: {did_you_mean(name, known)}")
    prog, said = f"swinkit {command}", StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(kind, prog=prog, args=list(arguments), config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as error:
        if not error.code:
            raise
        raise ConfigError(f"{_sentence(said.getvalue())}; see {prog} --help") from None


def _sentence(box: str) -> str:
    """The first paragraph of what the parser framed, on one line; frames are drawn or, short of characters, ruled."""
    lines = [line.strip("│ ") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    ends = [at for at, line in enumerate(lines) if line.startswith("╭") or not line.strip("─-")]
    lines = lines[ends[0] + 1 : ends[1]] if len(ends) > 1 else lines
    text = " ".join(lines).replace(" (required)", ",").rstrip(".,")
    text = re.sub(r"^Error parsing (\S+): .* instantiated from \[(.*)\]$", r"\1: \2 is no value for it", text)
    return text[:1].lower() + text[1:]


def _flags(kind: type) -> list[str]:
    hints = get_type_hints(kind, include_extras=True)
    positional = tyro.conf.Positional[str].__metadata__[0]
    return [
        field.name
        for field in dataclasses.fields(kind)
        if positional not in getattr(hints[field.name], "__metadata__", ())
    ]
