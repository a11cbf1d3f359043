"""Every damaged byte of a checkpoint is found, and the file is named."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from toy_training import Setting

from swinkit.engine import Checkpoints
from swinkit.files import CheckpointError

KEY = {"toy": 1}
FILES = ("model.safetensors", "average.safetensors", "optimiser.safetensors", "state.json", "MANIFEST.json")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run with two checkpoints of different steps."""
    folder = tmp_path_factory.mktemp("trained")
    setting = Setting({"steps": 4, "evaluate_every": 2})
    checkpoints = Checkpoints(folder, fingerprint=KEY)
    with checkpoints.lock():
        assert len(list(setting.events(checkpoints))) > 4
    assert sorted(path.name for path in (folder / "step-4").iterdir()) == sorted(FILES)
    return folder


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def spots(count: int) -> list[tuple[str, float, int]]:
    """(file, place in it, bit), every file often."""
    luck = random.Random(0)
    return [(FILES[number % len(FILES)], luck.random(), luck.randrange(8)) for number in range(count)]


def refused(folder: Path, name: str) -> None:
    checkpoints = Checkpoints(folder, fingerprint=KEY)
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
        checkpoints.load(folder / "step-4")
    assert checkpoints.last() == folder / "step-2"  # falls back exactly one


def test_two_hundred_flipped_bits_are_refused_by_name(folder, caplog):
    for name, place, bit in spots(200):
        path = folder / "step-4" / name
        good = path.read_bytes()
        bad = bytearray(good)
        bad[int(place * len(bad))] ^= 1 << bit
        path.write_bytes(bad)
        caplog.clear()
        refused(folder, name)
        assert name in caplog.text and "not used" in caplog.text
        path.write_bytes(good)
    Checkpoints(folder, fingerprint=KEY).load(folder / "step-4")


def test_fifty_truncations_are_refused_by_name(folder):
    for name, place, _ in spots(50):
        path = folder / "step-4" / name
        good = path.read_bytes()
        path.write_bytes(good[: int(place * len(good))])
        refused(folder, name)
        path.write_bytes(good)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / "step-4" / name).unlink()
    refused(folder, name)


def test_swapped_files_are_refused(folder):
    one, other = folder / "step-4/model.safetensors", folder / "step-2/model.safetensors"
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"no checkpoint is usable.*step-4/model.*step-2/model"):
        Checkpoints(folder, fingerprint=KEY).last()


def test_the_expected_and_the_actual_sum_are_told(folder):
    path = folder / "step-4/state.json"
    wanted = json.loads((folder / "step-4/MANIFEST.json").read_bytes())["files"]["state.json"]["sha256"]
    path.write_bytes(path.read_bytes().replace(b"0", b"1"))
    with pytest.raises(CheckpointError, match=rf"SHA-256 was {wanted} when written, is [0-9a-f]{{64}} now"):
        Checkpoints(folder, fingerprint=KEY).load(folder / "step-4")


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content["files"].pop("state.json"),
        lambda content: content["files"]["state.json"].update(size=3),
        lambda content: content.update(format=2),
        lambda content: content.pop("files"),
    ],
)
def test_an_edited_manifest_is_refused(folder, edit):
    path = folder / "step-4/MANIFEST.json"
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content))
    refused(folder, "MANIFEST.json")


def test_hints_are_not_trusted(folder):
    (folder / "last.json").write_text('{"step": 2}')
    (folder / "best.json").write_text("{")
    (folder / "step-9").mkdir()
    checkpoints = Checkpoints(folder, fingerprint=KEY)
    assert checkpoints.last() == folder / "step-4"
    assert checkpoints.candidates() == [9, 4, 2]
