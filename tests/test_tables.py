"""A reader finds a row of a table by its name: it lives in the file (or folder) that is called like it."""

from __future__ import annotations

from pathlib import Path

import pytest

import swinkit
from swinkit.cli.main import COMMANDS
from swinkit.datasets import LAYOUTS
from swinkit.modalities import MODALITIES
from swinkit.ops.attention import BACKENDS
from swinkit.tasks import TASKS
from swinkit.weights import LAYOUTS as WEIGHTS

PACKAGE = Path(swinkit.__file__).parent
ROWS = [
    *((f"tasks/{name}", row) for name, row in TASKS.items()),
    *((f"modalities/{name}", row) for name, row in MODALITIES.items()),
    *((f"datasets/{name}", row) for name, row in LAYOUTS.items()),
]


@pytest.mark.parametrize(("place", "row"), ROWS, ids=[place for place, _ in ROWS])
def test_a_row_is_defined_where_its_name_says(place, row):
    wanted = f"swinkit.{place.replace('/', '.')}"
    assert row.__module__ == wanted or row.__module__.startswith(f"{wanted}.")
    assert row.__doc__


@pytest.mark.parametrize(("room", "table"), [("tasks", TASKS), ("modalities", MODALITIES)])
def test_every_file_of_the_room_is_a_row(room, table):
    """What two of them share lives in a room below."""
    files = {path.stem for path in (PACKAGE / room).iterdir() if path.suffix in ("", ".py")}
    assert files - {"__init__", "__pycache__"} == set(table)


def test_a_command_is_a_file_with_a_run():
    for name in COMMANDS:
        text = (PACKAGE / "cli" / f"{name}.py").read_text()
        assert "\ndef run(arguments: Sequence[str]) -> int:" in text, name


def test_a_backend_is_a_file():
    for backend in BACKENDS:
        assert (PACKAGE / "ops" / "attention" / f"{backend.name}.py").is_file(), backend.name
    assert len({backend.name for backend in BACKENDS}) == len(BACKENDS)


def test_a_weight_layout_is_called_by_its_name():
    assert all(name == layout.name for name, layout in WEIGHTS.items())
