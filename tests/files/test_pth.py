"""Files of torch.save are read without unpickling, and give what torch gives."""

from __future__ import annotations

import io
import zipfile

import pytest
import torch

from swinkit.files import CheckpointError
from swinkit.files.archive import content, records
from swinkit.files.tensors import read_tensors

KINDS = (torch.uint8, torch.int8, torch.bool, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
         torch.float32, torch.float64)  # fmt: skip


def flat(tree, prefix=""):
    """Tensors by joined names."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif isinstance(value, torch.Tensor):
            yield f"{prefix}{name}", value


def test_what_torch_reads_is_read_alike(tmp_path):
    base = torch.randn(6, 8)
    content = {str(kind): torch.arange(7).to(kind) for kind in KINDS}
    content |= {
        "deep": {"er": {"transposed": base.t(), "part": base[1:3, ::2], "scalar": torch.tensor(3.5)}},
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(base[0]),
        "state": torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict(),
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]},
        "number": 2**70,
        "bytes": b"abc",
        "list": [1.5, None, ("a", True)],
    }
    torch.save(content, tmp_path / "a.pth")
    ours = dict(flat(read_tensors(tmp_path / "a.pth").tensors))
    theirs = dict(flat(torch.load(tmp_path / "a.pth", weights_only=True)))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype and ours[name].stride() == value.stride(), name
        assert torch.equal(ours[name], value) and not ours[name].requires_grad, name


def test_tensors_that_share_a_storage_still_do_and_changes_stay_in_memory(tmp_path):
    weight = torch.zeros(4)
    torch.save({"a": weight, "b": weight[:2]}, tmp_path / "a.pth")
    before = (tmp_path / "a.pth").read_bytes()
    tensors = read_tensors(tmp_path / "a.pth").tensors
    tensors["a"][0] = 5
    assert tensors["b"].tolist() == [5, 0]
    assert (tmp_path / "a.pth").read_bytes() == before


def test_records_that_were_packed_again_at_odd_places_are_read(tmp_path):
    torch.save({"a": torch.randn(5).double(), "b": torch.arange(3)}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as old, zipfile.ZipFile(tmp_path / "b.pth", "w") as new:
        for name in old.namelist():
            new.writestr(name.replace("a/", "odd/", 1), old.read(name))
    one, other = (read_tensors(tmp_path / name).tensors for name in ("a.pth", "b.pth"))
    assert all(torch.equal(one[name], other[name]) for name in ("a", "b"))


def test_the_directory_is_read_as_zipfile_reads_it(tmp_path):
    torch.save({f"{i}": torch.randn(i) for i in range(9)}, tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    found = records(io.BytesIO(data), len(data))
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        theirs = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert {name: content(io.BytesIO(data), record) for name, record in found.items()} == theirs


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_other_protocols_are_refused(tmp_path, protocol):
    torch.save({"a": torch.zeros(2)}, tmp_path / "a.pth", pickle_protocol=protocol)
    with pytest.raises(CheckpointError, match="a pickle protocol that torch.save does not use"):
        read_tensors(tmp_path / "a.pth")
