"""What holds for every test: shapes are checked at every call, and real data is used where it is there."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jaxtyping
import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("SWINKIT_DATA", ROOT.parent / "shared" / "data"))
SHAPED = [f"swinkit.{room}" for room in ("ops", "layers", "backbone", "weights", "heads", "metrics", "models")]
READ_AS_SOURCE = tuple(f"swinkit.ops.attention.fused_{part}" for part in ("kernels", "wide", "op"))
"""Modules whose functions Triton and torch read, so that they may not be wrapped."""


def check_shapes() -> None:
    """From here on functions of the SHAPED rooms check their annotations, except while a program is traced.

    jaxtyping's own pytest option does nearly this, but its wrappers (of functions and of dataclasses) break the graph
    of `torch.compile`; so functions only are wrapped, and a traced call goes to the function itself.
    """
    decorate = jaxtyping.jaxtyped

    def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
        import torch  # only where a module of these rooms is imported: tests that read sources start without it

        def wrap(target: Any) -> Any:
            if not inspect.isfunction(target) or target.__module__ in READ_AS_SOURCE:
                return target
            checked = decorate(target, typechecker=typechecker)

            @functools.wraps(target)
            def either(*arguments: Any, **named: Any) -> Any:
                return (target if torch.compiler.is_compiling() else checked)(*arguments, **named)

            return either

        return wrap

    jaxtyping.jaxtyped = jaxtyped
    jaxtyping.install_import_hook(SHAPED, "beartype.beartype")


check_shapes()


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("camvid")` is the folder of a real data set; the test is skipped where it is absent."""

    def folder(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.is_dir():
            pytest.skip(f"{name} is not in {SHARED_DATA}: set SWINKIT_DATA to a folder that holds it")
        return path

    return folder
