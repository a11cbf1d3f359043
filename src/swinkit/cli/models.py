"""`swinkit models`: what can be built by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from swinkit.cli.options import parse
from swinkit.cli.output import columns, document


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """List the models: rank of the grid, exact parameters, GMACs for one input of the size given.

    Parameters and GMACs are those with the published linear classifier.
    """

    json: bool = False
    """print one JSON document on stdout"""


def run(arguments: Sequence[str]) -> int:
    """Print the table."""
    options = parse(Options, "models", arguments)
    rows = [_row(name) for name in _names()]
    if options.json:
        document(rows)
        return 0
    cells = [
        [
            row["name"],
            str(row["rank"]),
            f"{row['parameters']:,}",
            f"{row['gmacs']:.4g}",
            "x".join(map(str, row["input"])),
        ]
        for row in rows
    ]
    print(columns(("name", "rank", "parameters", "GMACs", "input"), cells))
    return 0


def _names() -> list[str]:
    from swinkit.backbone import SIZES

    return list(SIZES)


def _row(name: str) -> dict[str, Any]:
    import torch

    from swinkit.models import build, count, find_size, macs

    size = find_size(name)
    with torch.device("meta"):  # no memory, no random numbers: only shapes are needed
        model = build(name)
    return {
        "name": name,
        "aliases": list(size.aliases),
        "rank": size.config.rank,
        "parameters": count(model),
        "gmacs": round(macs(model, size.input) / 1e9, 3),
        "input": list(size.input),
        "channels": size.config.stem.channels,
        "classes": size.classes,
    }
