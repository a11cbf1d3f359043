"""Recipes to plain values and back. Every name is checked, and an error says which one by its path."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from swinkit.datasets import LAYOUTS
from swinkit.engine import Training
from swinkit.files import ConfigError, did_you_mean, replace_file
from swinkit.modalities import MODALITIES
from swinkit.recipes.older import readable
from swinkit.recipes.recipe import ModelChoice, Recipe
from swinkit.recipes.text import read_text
from swinkit.tasks import TASKS
from swinkit.types import Task

FORMAT = 1

TABLES: dict[str, Mapping[str, type]] = {"task": TASKS, "data": LAYOUTS, "modality": MODALITIES}
"""The parts of a recipe that begin with the name of their kind."""
KINDS: dict[str, type] = {"model": ModelChoice, "training": Training}
"""The parts that are of one kind."""
KIND = "kind"


def to_plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON values."""
    plain = {part.name: plain_part(part.name, getattr(recipe, part.name)) for part in dataclasses.fields(recipe)}
    return json.loads(json.dumps({"format": FORMAT, **plain}, allow_nan=False))


def plain_part(name: str, value: Any) -> dict[str, Any]:
    """One part of a recipe as values: its kind where it has one, and the parts inside it likewise."""
    kind = {KIND: kind_name(name, value)} if name in TABLES else {}
    inner = {
        key: {label: plain_part(table, part) for label, part in getattr(value, key).items()}
        for key, table in getattr(value, "parts", {}).items()
    }
    own = {
        each.name: _values(getattr(value, each.name)) for each in dataclasses.fields(value) if each.name not in inner
    }
    return {**kind, **own, **inner}


def _values(value: Any) -> Any:
    """Data classes inside a value as dictionaries."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {key: _values(each) for key, each in value.items()}
    return [_values(each) for each in value] if isinstance(value, (list, tuple)) else value


def from_plain(plain: Mapping[str, Any], *, where: str = "", task: Task | None = None) -> Recipe:
    """The recipe of JSON values that name every part.

    Args:
        plain: as `to_plain` makes it; values left out are the defaults of their part.
        where: what the values were read from; errors begin with it.
        task: takes the place of the task's values, for one that swinkit does not know.

    Raises:
        ConfigError: one sentence with the path of the value, say `recipe.json: training.rate: ...`.
    """
    names = [*(part.name for part in dataclasses.fields(Recipe))]
    check_names(plain, ["format", *names], where=where)
    if plain.get("format", FORMAT) != FORMAT:
        raise ConfigError(
            _at(where, f"format: {plain['format']!r} is not {FORMAT}: use the version of swinkit that wrote it")
        )
    missing = [name for name in names if name not in plain]
    if missing:
        raise ConfigError(_at(where, f"{missing[0]}: is missing"))
    parts = {name: part(name, plain[name], where=where) for name in names if name != "task" or task is None}
    if task is not None:
        parts["task"] = task
    try:
        return Recipe(**parts)
    except ConfigError as error:
        raise ConfigError(_at(where, str(error))) from error


def part(name: str, values: Any, *, where: str = "", path: str = "") -> Any:
    """One part of a recipe from JSON values, checked. `path`: its place where it lies inside another part."""
    path = path or name
    if not isinstance(values, Mapping):
        raise ConfigError(_at(where, f"{path}: wanted names with values, got {values!r}"))
    if name in TABLES:
        kind = kind_of(name, values, where=where, path=path)
        values = {key: value for key, value in values.items() if key != KIND}
    else:
        kind = KINDS[name]
    if inner := getattr(kind, "parts", None):
        return _nested(kind, values, inner, path, where)
    return _build(kind, values, path, where)


def _nested(kind: type, values: Mapping[str, Any], inner: Mapping[str, str], path: str, where: str) -> Any:
    """A part whose fields `inner` hold parts of the tables they name."""
    hints = get_type_hints(kind)
    check_names(values, [field.name for field in dataclasses.fields(kind)], path=path, where=where)
    built: dict[str, Any] = {}
    for name, value in values.items():
        place = f"{path}.{name}"
        if name in inner:
            if not isinstance(value, Mapping):
                raise ConfigError(_at(where, f"{place}: wanted names with values, got {value!r}"))
            built[name] = {k: part(inner[name], v, where=where, path=f"{place}.{k}") for k, v in value.items()}
        else:
            built[name] = _build(hints[name], value, place, where)
    try:
        return kind(**built)
    except ConfigError as error:
        raise ConfigError(_at(where, f"{path}: {error}")) from error
    except TypeError as error:  # a field that has no default
        raise ConfigError(_at(where, f"{path}: {error}")) from error


def kind_of(name: str, values: Mapping[str, Any], *, where: str = "", path: str = "") -> type:
    """The class that `values["kind"]` names in the table of that part."""
    table = TABLES[name]
    given = values.get(KIND)
    if not isinstance(given, str) or given not in table:
        hint = did_you_mean(given, table) if isinstance(given, str) else f"there are: {', '.join(table)}"
        raise ConfigError(_at(where, f"{path or name}.{KIND}: no {name} {given!r}: {hint}"))
    return table[given]


def kind_name(name: str, value: Any) -> str:
    """The name of a part's class in its table."""
    for kind, known in TABLES[name].items():
        if type(value) is known:
            return kind
    # A stranger's own class, handed over in Python: a file says what it was, but cannot bring it back.
    return f"{type(value).__module__}:{type(value).__qualname__}"


def check_names(values: Mapping[str, Any], known: list[str], *, path: str = "", where: str = "") -> None:
    """ConfigError for the first name in `values` that is not known."""
    for name in values:
        if name not in known:
            dotted = f"{path}.{name}" if path else name
            raise ConfigError(_at(where, f"{dotted}: no such setting: {did_you_mean(name, known)}"))


def read(path: Path | str) -> Recipe:
    """The recipe in a `.json` or `.yaml` file."""
    return from_plain(readable(read_text(Path(path))), where=str(path))


def write(recipe: Recipe, path: Path | str) -> None:
    """Put the recipe at `path`, a `.json` file, whole or not at all."""
    replace_file(Path(path), (json.dumps(to_plain(recipe), indent=2) + "\n").encode())


def differences(one: Mapping[str, Any], other: Mapping[str, Any], path: str = "") -> list[str]:
    """The values that differ between two recipes (as JSON values), each with its path: `training.rate: 0.1, 0.2`."""
    found: list[str] = []
    for name in [*one, *(key for key in other if key not in one)]:
        a, b, dotted = one.get(name), other.get(name), f"{path}{name}"
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{dotted}.")
        elif a != b:
            found.append(f"{dotted}: {_short(a)}, {_short(b)}")
    return found


def _build(kind: Any, values: Any, path: str, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        _check_deep(kind, values, path, where)
    try:
        # JSON mode: lists are tuples there, yet "3" is no number and true is no 1.
        return TypeAdapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        dotted = ".".join([path, *(str(step) for step in first["loc"])])
        given = "" if first["type"] in ("missing", "value_error") else f", got {_short(first['input'])}"
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(_at(where, f"{dotted}: {message[:1].lower()}{message[1:]}{given}")) from error
    except ConfigError as error:
        text = str(error)
        raise ConfigError(_at(where, text if text.startswith(path) else f"{path}: {text}")) from error


def _check_deep(kind: type, values: Mapping[str, Any], path: str, where: str) -> None:
    hints = get_type_hints(kind)
    check_names(values, [field.name for field in dataclasses.fields(kind)], path=path, where=where)
    for name, value in values.items():
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, Mapping):
            _check_deep(hints[name], value, f"{path}.{name}", where)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _at(where: str, sentence: str) -> str:
    return f"{where}: {sentence}" if where else sentence
