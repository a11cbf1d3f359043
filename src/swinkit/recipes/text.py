"""Plain values out of JSON, YAML and `a.b=c`: strictly, and bounded, since the text may come from anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from swinkit.files import ConfigError

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


def parse_json(text: str) -> Any:
    """One JSON value; ValueError for doubled names, NaN and infinity, deep nesting."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    return _shallow(value)


def parse_yaml(text: str) -> Any:
    """One YAML value of the 1.2 core kinds; ValueError for aliases, tags, doubled names, deep nesting."""
    try:
        loader = _Strict(text)
        try:
            return _shallow(loader.get_single_data())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{line}is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"is not YAML: {error}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error


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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that a recipe can hold")


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


class _Strict(yaml.SafeLoader):
    """YAML of the 1.2 core kinds: `no` and `12:30` are words, `1e-3` is a number, and nothing may refer to anything."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's way to say it

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases: a page of them unfolds into more than any memory."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not read", problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Refuse a name that is there twice; one of the two would be lost in silence."""
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.MarkedYAMLError(problem=f"{name!r} is there twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


_Strict.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Strict.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Strict.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
