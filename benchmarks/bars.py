"""The rows of the comparison as bars: one plot a model, precision and batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def bars(results: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Title -> the rows under it; what was measured again stands in the place of what came before."""
    found: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
    for result in results:
        rows = {tuple(row[name] for name in ("project", "kind", "setting")): row for row in result["rows"]}
        found[title(result)] = found.get(title(result), {}) | rows
    return {name: list(rows.values()) for name, rows in found.items()}


def title(result: dict[str, Any]) -> str:
    """Over a result's bars."""
    learns = ", training" if result["rows"][0]["kind"] == "training" else ""
    return f"{result['model']}, {result['precision']}, batch {result['batch']}{learns}"
