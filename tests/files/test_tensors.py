"""Weight files from strangers: whole ones are read, nothing in them is run, and none is larger inside than outside."""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from swinkit.files import CheckpointError
from swinkit.files.tensors import read_tensors, write_pth, write_tensors


class Command:
    """A pickle of this would run a command."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.system, (f"touch {self.marker}",))


class Reduced:
    """A pickle of this calls what it was made with."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


def test_safetensors_there_and_back(tmp_path):
    base = torch.randn(4, 6)
    tensors = {
        "a": base[:, ::2],
        "b": base,
        "empty": torch.zeros(0, 3),
        "half": base.bfloat16(),
        "whole": torch.arange(3),
    }
    write_tensors(tmp_path / "deep" / "a.safetensors", tensors, {"who": "me"})
    file = read_tensors(tmp_path / "deep" / "a.safetensors")
    assert file.metadata == {"who": "me"}
    assert all(file.tensors[name].equal(value) for name, value in tensors.items())
    assert os.listdir(tmp_path / "deep") == ["a.safetensors"]


def test_a_file_may_be_written_over_itself(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"a": torch.arange(5.0)})
    for _ in range(2):
        write_tensors(path, read_tensors(path).tensors)
    assert read_tensors(path).tensors["a"].tolist() == [0, 1, 2, 3, 4]
    write_pth(path, read_tensors(path).tensors)
    assert read_tensors(path).tensors["a"].tolist() == [0, 1, 2, 3, 4], "the first bytes decide, not the name"


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"a": torch.zeros(2)})
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_tensors(path, {"a": torch.ones(2)})
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert read_tensors(path).tensors["a"].tolist() == [0, 0]


def test_training_checkpoints_keep_their_tensors_only(tmp_path, monkeypatch):
    """The yacs configuration, the argparse settings and the scores that training scripts save are left out unmade."""
    module = types.ModuleType("yacs.config")
    module.CfgNode = type("CfgNode", (dict,), {"__module__": "yacs.config"})
    monkeypatch.setitem(sys.modules, "yacs", types.ModuleType("yacs"))
    monkeypatch.setitem(sys.modules, "yacs.config", module)
    config = module.CfgNode(MODEL=module.CfgNode(DEPTH=2))
    config.frozen = True
    state = OrderedDict(w=torch.randn(2), b=torch.nn.Parameter(torch.ones(3)))
    content = {"model": state, "config": config, "args": argparse.Namespace(lr=0.1, betas=[0.9]), "epoch": 3}
    content |= {
        "max_accuracy": np.float64(81.2),
        "optimizer": {"state": {0: {"m": torch.zeros(1)}}, "param_groups": [{}]},
    }
    path = saved(tmp_path / "a.pth", content)
    monkeypatch.delitem(sys.modules, "yacs.config")
    tensors = read_tensors(path).tensors
    assert list(tensors) == ["model", "optimizer"]
    assert tensors["model"]["w"].equal(state["w"])
    assert not tensors["model"]["b"].requires_grad


@pytest.mark.parametrize(
    "content",
    [
        {"a": Reduced(bytearray, 10**12)},
        {"a": Reduced(eval, "1")},
        {"a": Reduced(__import__, "os")},
        {"a": torch.zeros(1).to_sparse()},
        {"a": torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8)},
        {"a": torch.zeros(10**6, device="meta")},
        {"a": torch.zeros(1).expand(10**9)},
        {"a": torch.zeros(4).as_strided((4, 4), (1, 0))},
        torch.zeros(2),
        [torch.zeros(2)],
        torch.nn.Linear(2, 2),
    ],
    ids=[
        "bytearray",
        "eval",
        "import",
        "sparse",
        "quantised",
        "meta",
        "expanded",
        "strided",
        "tensor",
        "list",
        "module",
    ],
)
def test_what_is_not_tensors_by_name_is_refused(tmp_path, content):
    path = saved(tmp_path / "a.pth", content)
    with pytest.raises(CheckpointError, match="where you trust the file, save its state_dict alone") as error:
        read_tensors(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_is_run(tmp_path, legacy):
    marker = tmp_path / "marker"
    path = saved(tmp_path / "a.pth", {"a": Command(marker)}, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError):
        read_tensors(path)
    assert not marker.exists()


def repacked(path, change):
    """The zip at `path` with `change(archive, records)` writing it anew."""
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        change(archive, records)


def compressed(archive, records):
    for name, data in records.items():
        archive.writestr(name, data, zipfile.ZIP_DEFLATED)


def twice(archive, records):
    for name, data in [*records.items(), *list(records.items())[:1]]:
        archive.writestr(name, data)


def outside(archive, records):
    for name, data in records.items():
        archive.writestr(name.replace("data/0", "../data/0"), data)


def without_listing(archive, records):
    for name, data in records.items():
        if not name.endswith("data.pkl"):
            archive.writestr(name, data)


def short_storage(archive, records):
    for name, data in records.items():
        archive.writestr(name, data[:8] if name.endswith("data/0") else data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("change", [compressed, twice, outside, without_listing, short_storage])
def test_other_zips_are_refused(tmp_path, change):
    path = saved(tmp_path / "a.pth", {"a": torch.zeros(64)})
    repacked(path, change)
    with pytest.raises(CheckpointError, match=str(path)):
        read_tensors(path)


def header(path, table, data=b"", length=None):
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape, first, last, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


@pytest.mark.parametrize(
    ("table", "data", "length"),
    [
        ({"a": entry([2], 0, 8)}, b"\0" * 4, None),
        ({"a": entry([2], 0, 8)}, b"\0" * 12, None),
        ({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"\0" * 12, None),
        ({"a": entry([2], 0, 8), "b": entry([1], 12, 16)}, b"\0" * 16, None),
        ({"a": entry([3], 0, 8)}, b"\0" * 8, None),
        ({"a": entry([-1, -2], 0, 8)}, b"\0" * 8, None),
        ({"a": entry([2**62, 0, 2**62], 0, 8)}, b"\0" * 8, None),
        ({"a": entry([2], 0, 8, "PICKLE")}, b"\0" * 8, None),
        ({"a": {"dtype": "F32", "shape": [2]}}, b"\0" * 8, None),
        ({"a": 3}, b"", None),
        ({"a": entry("ab", 0, 8)}, b"\0" * 8, None),
        ({"__metadata__": {"a": 3}}, b"", None),
        (b"{" * 100_000, b"", None),
        (b"{}", b"", 2**63),
        (b"{}", b"", 2**40),
        (b"{ not json", b"", None),
    ],
)
def test_a_header_that_lies_is_refused_before_anything_is_mapped(tmp_path, table, data, length):
    path = header(tmp_path / "a.safetensors", table, data, length)
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read_tensors(path)


def test_every_cut_file_is_refused(tmp_path):
    write_tensors(tmp_path / "whole.safetensors", {"a": torch.randn(5), "b": torch.randn(3)})
    saved(tmp_path / "whole.pth", {"a": torch.randn(5), "b": torch.randn(3)})
    for name in ("whole.safetensors", "whole.pth"):
        data = (tmp_path / name).read_bytes()
        for length in range(0, len(data), max(1, len(data) // 40)):
            (tmp_path / "cut").write_bytes(data[:length])
            with pytest.raises(CheckpointError, match="cut: "):
                read_tensors(tmp_path / "cut")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(CheckpointError, match=f"{path}: cannot be read"):
            read_tensors(path)
