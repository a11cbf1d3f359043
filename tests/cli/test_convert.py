"""`swinkit convert` and `sk.convert`: every tensor of a file, in another layout."""

from __future__ import annotations

import json

import pytest
import torch
from weights.classifiers import SIZE, V1, V2, classifier

import swinkit as sk
from swinkit import weights
from swinkit.cli.main import main
from swinkit.files import CheckpointError
from swinkit.files.tensors import read_tensors


def source(path, config=V1, layout="microsoft", extra=None):
    """A file of that layout, with its buffers and, where wanted, a head that has no place here."""
    tensors = weights.write(classifier(config).state_dict(), config, layout, size=SIZE) | (extra or {})
    torch.save({"model": tensors, "epoch": 3}, path)
    return path


@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
def test_there_and_back_is_the_same_to_the_bit(tmp_path, config, capsys):
    first = source(tmp_path / "a.pth", config)
    assert main(["convert", str(first), str(tmp_path / "b.safetensors"), "--to", "timm"]) == 0
    told = ["--window", "8/8/4", "--bias-window", "6/6/3"] if config is V2 else []
    back = [
        "convert",
        str(tmp_path / "b.safetensors"),
        str(tmp_path / "c.pth"),
        "--to",
        "microsoft",
        "--size",
        str(SIZE),
    ]
    assert main([*back, *told]) == 0
    one, other = (read_tensors(tmp_path / name).tensors["model"] for name in ("a.pth", "c.pth"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert "tensors written in the microsoft layout" in capsys.readouterr().out


@pytest.mark.parametrize("layout", [name for name, layout in weights.LAYOUTS.items() if "v1" in layout.written])
def test_every_layout_that_has_such_models_gives_the_same_answer(tmp_path, layout):
    first = source(tmp_path / "a.pth")
    if 2 not in weights.LAYOUTS[layout].ranks:
        with pytest.raises(CheckpointError, match=f"a.pth: the {layout} layout has no"):
            sk.convert(first, tmp_path / "b.safetensors", layout)
        return
    headless = "head.linear.weight" not in _ours(layout)
    if headless:
        with pytest.raises(CheckpointError, match=r"no place for .*"):
            sk.convert(first, tmp_path / "b.safetensors", layout)
        assert not (tmp_path / "b.safetensors").exists()
    if layout == "monai_2d":  # it has no norm behind the last stage either
        return
    done = sk.convert(first, tmp_path / "b.safetensors", layout, backbone=headless)
    assert (done.report.layout, done.layout) == ("microsoft", layout)
    assert done.report.unexpected == (("head.linear.weight", "head.linear.bias") if headless else ())
    one = {name: value for name, value in weights.read_file(first).state.items() if not headless or "head." not in name}
    other = weights.read_file(tmp_path / "b.safetensors")
    assert len(done.report.loaded) == len(one) and one.keys() == other.state.keys()
    assert all(torch.equal(one[name], other.state[name]) for name in one)


def _ours(layout):
    """Our names that a layout has a place for."""
    names = classifier(V1).state_dict()
    table = weights.LAYOUTS[layout].table(len(V1.depths), "v1", weights.LAYOUTS[layout].place("v1"))
    return {name for name in names if table.theirs(name)}


def test_what_became_of_every_tensor_is_one_document(tmp_path, capsys):
    first = source(tmp_path / "a.pth", extra={"decoder.weight": torch.ones(2)})
    assert main(["convert", str(first), str(tmp_path / "b.pth"), "--to", "timm", "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["from"], found["to"], found["target"]) == ("microsoft", "timm", str(tmp_path / "b.pth"))
    assert found["report"]["unexpected"] == ["decoder.weight"] and not told.err
    assert found["tensors"] == len(found["report"]["loaded"])
    assert main(["convert", str(first), str(tmp_path / "c.safetensors"), "--to", "swinkit"]) == 0
    assert "decoder" not in capsys.readouterr().out  # our own layout keeps it, for the way back
    assert main(["convert", str(first), str(tmp_path / "d.pth"), "--to", "timm"]) == 0
    assert "no place in that layout, not written: decoder.weight" in capsys.readouterr().out


def test_a_file_that_is_there_is_replaced_only_when_told(tmp_path, capsys):
    first, target = source(tmp_path / "a.pth"), tmp_path / "b.pth"
    target.write_bytes(b"precious")
    words = ["convert", str(first), str(target), "--to", "timm"]
    assert main(words) == 2
    assert target.read_bytes() == b"precious" and "exists already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert weights.read_file(target).origin.layout == "timm"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.pth", "b.pth", "--to", "tim"], "no layout is called 'tim'; did you mean 'timm'?"),
        (["a.pth", "b.pth", "--to", "swinkit"], "the swinkit layout is written to a file that ends in .safetensors"),
        (
            ["a.pth", "b.txt", "--to", "timm"],
            "b.txt: the timm layout is written to a file that ends in .safetensors or",
        ),
        (["none.pth", "b.pth", "--to", "timm"], "none.pth: cannot be read"),
        (["a.pth", "b.pth", "--to", "timm", "--window", "seven"], "--window seven: wanted whole numbers above 0"),
        (["a.pth", "b.pth", "--to", "timm", "--part", "ema"], "a.pth: part 'ema' is not in the file"),
        (["a.pth", "b.pth", "--to", "timm", "--file", "c"], "a.pth: is a path, and file is for names of the hub"),
        (["a.pth", "b.pth", "--to", "video_swin"], "a.pth: the video_swin layout has no models of rank 2"),
        (["a.pth", "b.pth", "--too", "timm"], "convert has no option --too: did you mean '--to'?"),
        (["hf-hub:one", "b.pth", "--to", "timm"], "hf-hub:one: wanted hf-hub:ORG/NAME"),
    ],
)
def test_misuse_is_one_sentence_and_leaves_nothing(words, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source(tmp_path / "a.pth")
    assert main(["convert", *words]) == 2
    told = capsys.readouterr()
    assert says in told.err.splitlines()[-1] and not told.out
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]
