"""From the words of a command line to a command's frozen dataclass of options."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, get_type_hints

import tyro

from swinkit.files import ConfigError, did_you_mean

Options = TypeVar("Options")


def shown(metavar: str) -> Any:
    """How an option's value is called in the help, where its default says nothing."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


def parse(kind: type[Options], command: str, arguments: Sequence[str]) -> Options:
    """The options of `swinkit COMMAND`; an option that does not exist is one sentence with the nearest that does."""
    known = ["--help", *(f"--{name.replace('_', '-')}" for name in _flags(kind))]
    for word in arguments:
        name = word.split("=")[0].replace("_", "-")
        if word.startswith("--") and len(word) > 2 and name not in known:
            raise ConfigError(f"{command} has no option {name}: {did_you_mean(name, known)}")
    return tyro.cli(kind, prog=f"swinkit {command}", args=list(arguments), config=(tyro.conf.FlagCreatePairsOff,))


def _flags(kind: type) -> list[str]:
    hints = get_type_hints(kind, include_extras=True)
    positional = tyro.conf.Positional[str].__metadata__[0]
    return [
        field.name
        for field in dataclasses.fields(kind)
        if positional not in getattr(hints[field.name], "__metadata__", ())
    ]
