"""The import contracts of pyproject.toml: kept by the package, and broken by what they are there to stop."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

LINT = "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint(['--no-cache']))"


def lint(folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """import-linter in a folder, on the swinkit that lies in `path`."""
    surroundings = {"cwd": folder, "env": {**os.environ, "PYTHONPATH": str(path)}, "timeout": 120}
    return subprocess.run([sys.executable, "-c", LINT], **surroundings, capture_output=True, text=True, check=False)


@pytest.fixture
def empty_rooms(tmp_path, root):
    """A package with every room of the contracts and nothing in them."""
    text = (root / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text)
    layers = tomllib.loads(text)["tool"]["importlinter"]["contracts"][0]["layers"]
    for room in [name.strip() for layer in layers for name in layer.split("|")]:
        folder = tmp_path / "swinkit" / room
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "thing.py").touch()
    (tmp_path / "swinkit" / "__init__.py").touch()
    return tmp_path


def test_the_package_keeps_them(root):
    done = lint(root, root / "src")
    assert done.returncode == 0, done.stdout + done.stderr


def test_empty_rooms_keep_them(empty_rooms):
    done = lint(empty_rooms, empty_rooms)
    assert done.returncode == 0, done.stdout + done.stderr


UNWANTED = {
    "ops/a.py": "swinkit.heads.thing",
    "report/a.py": "swinkit.audit.thing",
    "tasks/a.py": "swinkit.engine.thing",
    "recipes/a.py": "swinkit.api.thing",
    "api/a.py": "swinkit.hf.thing",
    "tasks/b.py": "swinkit.tasks.thing",
    "modalities/b.py": "swinkit.modalities.thing",
    "engine/b.py": "swinkit.ops.thing",
    "datasets/b.py": "swinkit.models.thing",
    "modalities/c.py": "swinkit.heads.thing",
    "weights/b.py": "swinkit.layers.thing",
}


def test_each_unwanted_import_is_named_and_breaks_every_contract(empty_rooms, root):
    for file, imported in UNWANTED.items():
        (empty_rooms / "swinkit" / file).write_text(f"import {imported}\n")
    done = lint(empty_rooms, empty_rooms)
    assert done.returncode == 1
    for file, imported in UNWANTED.items():
        assert f"swinkit.{file[:-3].replace('/', '.')} -> {imported} (l.1)" in done.stdout
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert f"Contracts: 0 kept, {len(contracts)} broken." in done.stdout


def test_a_room_that_no_contract_knows_is_refused(empty_rooms):
    (empty_rooms / "swinkit" / "new_room").mkdir()
    (empty_rooms / "swinkit" / "new_room" / "__init__.py").touch()
    done = lint(empty_rooms, empty_rooms)
    assert done.returncode == 1
    assert "new_room" in done.stdout
