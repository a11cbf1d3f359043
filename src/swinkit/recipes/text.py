"""Plain values out of JSON, YAML and `a.b=c`: strictly, and bounded, since the text may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from swinkit.files import ConfigError, yaml_text
from swinkit.files.json_text import parse_json

_LARGEST = 4 << 20  # bytes; a recipe has a few thousand
_DEEPEST = 20


def read_text(path: Path) -> dict[str, Any]:
    """The mapping in a `.json`, `.yaml` or `.yml` file. ConfigError names the file and the place."""
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        raise ConfigError(f"{path}: a recipe is a .json, .yaml or .yml file")
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path}: {path.stat().st_size} bytes are too many for a recipe")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    try:
        value = parse_json(text) if path.suffix.lower() == ".json" else parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: holds no mapping of names to values; `recipe.json` of any run is an example")
    return value


def parse_yaml(text: str) -> Any:
    """One YAML value of the 1.2 core kinds; ValueError for aliases, tags, doubled names, deep nesting."""
    return _shallow(yaml_text.parse_yaml(text))


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Nested values from words like `training.rate=1e-3` and `task.scales=[0.75, 1.0]`; null takes a value away."""
    found: dict[str, Any] = {}
    for word in settings:
        name, equals, text = word.partition("=")
        if not equals or not all(name.split(".")):
            raise ConfigError(f"--set {word}: wanted NAME=VALUE, say training.rate=1e-3")
        try:
            value = parse_yaml(text) if text else ""
        except ValueError:
            value = text  # a path with a colon, say: words need no quotes
        _put(found, name, value)
    return found


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`{"training.rate": 1}` as `{"training": {"rate": 1}}`; what is nested already stays so."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and "." not in name:
            found[name] = merged(found.get(name, {}), value)
        else:
            _put(found, name, value)
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with the leaves of `above` put over it."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        result[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _put(found: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    for part in path:
        found = found.setdefault(part, {})
        if not isinstance(found, dict):
            raise ConfigError(f"{name}: {part} was given a value of its own before")
    found[last] = value


def _shallow(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ValueError(f"{name!r} is not a name")
            _shallow(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _shallow(item, depth + 1)
    elif not isinstance(value, (str, int, float, type(None))) or (isinstance(value, float) and not isfinite(value)):
        raise ValueError(f"{value!r} is nothing that a recipe can hold")
    return value
