"""Checkpoints made to do harm: none runs anything, none takes memory, each is refused in one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from hostile.archives import FORMATS, ZIPS
from hostile.claims import HEADERS, PICKLED
from hostile.pickles import RUNNING, TAKING

from swinkit.files import CheckpointError, listing
from swinkit.files.tensors import read_tensors

GROUPS = {"running": RUNNING, "taking": TAKING, "claims": PICKLED, "formats": FORMATS, "zips": ZIPS, "headers": HEADERS}
MOST = 64 << 20
HOSTILE = Path(__file__).parents[1] / "hostile"

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, beside one good file; the marker of the commands inside is the folder's neighbour."""
    folder = tmp_path_factory.mktemp("hostile")
    for group, files in GROUPS.items():
        for name, content in files.items():
            (folder / f"{group}-{name}.pth").write_bytes(content(folder.with_name("marker")))
    torch.save({"model": {"w": torch.zeros(4)}}, folder / "good.pth")
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, dict]:
    """What reading them cost and did, file by file, in a process of its own."""
    command = [sys.executable, str(HOSTILE / "reader.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@linux
def test_there_are_over_sixty_and_the_good_one_is_read(told):
    assert told["good.pth"]["says"] is None
    assert len(told) > 60


@linux
def test_none_runs_anything(told, folder):
    assert not [did for found in told.values() for did in found["did"]]
    assert not folder.with_name("marker").exists()
    assert sorted(os.listdir(folder)) == sorted(told)


@linux
def test_each_is_refused_in_one_sentence_that_says_how_to_convert(told, folder):
    for name in told.keys() - {"good.pth"}:
        says = told[name]["says"]
        assert says is not None, f"{name} was read"
        assert says.startswith(f"{folder / name}: ") and says.isprintable() and len(says) < 600, says
        assert "torch.save" in says or "save_file" in says, says


@linux
def test_none_takes_memory(told, folder, tmp_path):
    """The reader above its idle self, and the child above one that reads a good listing, together."""
    for path in folder.iterdir():
        try:
            with zipfile.ZipFile(path) as archive:
                (one,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
                (tmp_path / path.name).write_bytes(archive.read(one)[: listing.LISTING_BYTES])
        except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, OSError):
            continue  # it has no listing that could reach the child
    command = [sys.executable, "-S", str(HOSTILE / "children.py"), str(listing.__file__), str(tmp_path)]
    children = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=250, check=True).stdout)
    assert len(children) > 60
    idle = children.pop("good.pth")
    rises = {name: found["rise"] + children.get(name, idle) - idle for name, found in told.items()}
    assert max(rises.values()) < MOST, max((rise, name) for name, rise in rises.items())


def test_the_child_is_held_by_its_limits(tmp_path):
    """What could not be refused by looking is stopped by the system: here a listing that takes the memory of all."""
    code = f"import runpy; runpy.run_path({listing.__file__!r})['limit'](); bytearray({2 * listing.MEMORY})"
    held = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in held.stderr
    code = code.replace("bytearray(", "open('/dev/null'); (")
    held = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert "Too many open files" in held.stderr


def test_a_pipe_or_a_device_is_no_weight_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path / "pipe.pth", Path("/dev/zero")):
        with pytest.raises(CheckpointError, match="is no file"):
            read_tensors(path)


def test_a_child_that_cannot_be_started_or_dies_is_a_refusal(tmp_path, monkeypatch):
    torch.save({"w": torch.zeros(4)}, tmp_path / "a.pth")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(CheckpointError, match=r"a\.pth: no process could be started"):
        read_tensors(tmp_path / "a.pth")
    (tmp_path / "python").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(CheckpointError, match=r"a\.pth: reading its listing took more"):
        read_tensors(tmp_path / "a.pth")
    (tmp_path / "python").write_text(
        '#!/bin/sh\necho \'{"storages": [["Float", "0", 4]], "tensors": [[["w"], 0, 9, [4], [1]]]}\'\n'
    )
    with pytest.raises(CheckpointError, match=r"a\.pth: its tensors are not what the file holds"):
        read_tensors(tmp_path / "a.pth")
