"""The source tree, parsed once. Rules about files gather every breach, so that one run shows them all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "swinkit"
SCRIPTS = ("tests", "examples", "benchmarks", "constraints")


@dataclass(frozen=True)
class Source:
    path: Path

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        """The folder (or module) directly below the package."""
        return self.path.relative_to(PACKAGE).with_suffix("").parts[0]

    @property
    def module(self) -> str:
        """Its name in an import."""
        return ".".join(self.path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse("\n".join(self.lines), self.name)

    def walk(self, *kinds: type) -> Iterator[ast.AST]:
        """Every node of these kinds."""
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def at(self, node: ast.AST) -> str:
        """Where a node is, to be clicked on."""
        return f"{self.name}:{getattr(node, 'lineno', 0)}"


SOURCES = [Source(path) for path in sorted(PACKAGE.rglob("*.py"))]
EVERYTHING = SOURCES + [Source(path) for folder in SCRIPTS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """The files of the package."""
    return SOURCES


@pytest.fixture(scope="session")
def scripts_and_sources() -> list[Source]:
    """Those, and the tests, examples and benchmarks."""
    return EVERYTHING


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
