"""JSON as data from anywhere: bounded, without doubled names, and with finite numbers only."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from swinkit.files.errors import DataError
from swinkit.files.texts import bounded

LARGEST = 1 << 30
"""Bytes of an annotation file: COCO's own have half of that."""
DEEPEST = 20


def read_json(path: Path, *, largest: int = LARGEST, deepest: int = DEEPEST) -> Any:
    """The one value in a UTF-8 file, with or without a byte order mark.

    Raises:
        DataError: the file is missing, no plain file, larger than `largest` bytes, no UTF-8, or holds what `parse_json`
            refuses.
    """
    try:
        return parse_json(bounded(path, largest).decode("utf-8-sig"), deepest=deepest)
    except UnicodeDecodeError as error:
        raise DataError(path, "is not UTF-8 text") from error
    except ValueError as error:
        raise DataError(path, str(error)) from error


def parse_json(text: str, *, deepest: int = DEEPEST) -> Any:
    """One JSON value; ValueError for doubled names, NaN and infinity, deep nesting."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    _check(value, deepest)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")


def _check(value: Any, left: int) -> None:
    """ValueError where `value` is nested deeper than `left`, or a number too large for a float."""
    if left < 0:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict):
        for item in value.values():
            _check(item, left - 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)):
                _check(item, left - 1)
            elif isinstance(item, float) and not isfinite(item):
                raise ValueError(f"{item!r} is not a finite number")
    elif isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
