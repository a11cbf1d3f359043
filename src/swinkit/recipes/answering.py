"""A trained run asked in another way: the settings of its recipe that change nothing but its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from swinkit.files import ConfigError, did_you_mean
from swinkit.recipes.plain import part, plain_part
from swinkit.recipes.recipe import Recipe
from swinkit.recipes.text import merged

ASKED = ("task", "modality")
"""The parts of a recipe that have such settings."""


def asked(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with nested settings such as `{"task": {"flip": True}}`, as far as its task and modality allow
    (`answering`); of several tasks `{"task": {"tasks": {"detect": {"flip": True}}}}`.

    Raises:
        ConfigError: there is no such setting, or it is decided in training.
    """
    changed: dict[str, Any] = {}
    for name, values in settings.items():
        if name not in ASKED:
            raise ConfigError(f"{name}: is decided in training; a trained run takes settings of {' and '.join(ASKED)}")
        own = getattr(recipe, name)
        _check(own, values, [name])
        changed[name] = part(name, merged(plain_part(name, own), values))
    return replace(recipe, **changed)


def _check(own: Any, values: Any, path: Sequence[str]) -> None:
    """Every name in `values` is one that a trained part takes."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{'.'.join(path)}: wanted names with values, got {values!r}")
    inner: Sequence[str] = tuple(getattr(own, "parts", ()))
    known = (*getattr(own, "answering", ()), *inner)
    for name, value in values.items():
        if name not in known:
            hint = did_you_mean(name, known) if known else "there are none"
            raise ConfigError(f"{'.'.join([*path, name])}: is no setting that a trained run takes: {hint}")
        if name in inner:
            each: Mapping[str, Any] = getattr(own, name)
            for key, deeper in value.items():
                if key not in each:
                    raise ConfigError(f"{'.'.join([*path, name, key])}: there is none: {did_you_mean(key, each)}")
                _check(each[key], deeper, [*path, name, key])
