"""Configurations of the bridge that a test can train in a second."""

from __future__ import annotations

from swinkit.hf import SwinkitConfig


def config(version: str = "v1", **changes) -> SwinkitConfig:
    """Three stages of width 8 on patches of 2."""
    stem = {"kind": "patches", "size": (2, 2), "channels": 3}
    settings = dict(stem=stem, version=version, width=8, depths=(1, 2, 1), heads=(1, 2, 4), window=((4, 4),))
    return SwinkitConfig(**(settings | {"num_labels": 3} | changes))
