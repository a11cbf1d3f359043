"""Every broken manifest and feature file is one sentence with file and field, in little memory."""

from __future__ import annotations

import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from limits import within_limits
from sound_data import features, manifest, table, wav

from swinkit.cli.main import main
from swinkit.datasets import SoundFeatures, SoundTable
from swinkit.files import DataError, UserError
from swinkit.modalities import Audio


def rows(folder: Path, **changes: str) -> None:
    """A manifest of two good lines and one with changes."""
    good = [dict.fromkeys(changes, "") | {"file": f"{name}.wav", "text": "a b"} for name in ("one", "two")]
    for line in good:
        (folder / line["file"]).write_bytes(wav())
    (folder / "new.wav").write_bytes(wav())
    table(folder / "manifest.csv", [*good, {"file": "one.wav", "text": "a", **changes}])


def lines(folder: Path, text: str) -> None:
    rows(folder, file="two.wav")
    (folder / "manifest.csv").unlink()
    (folder / "manifest.jsonl").write_text('{"file": "one.wav", "text": "a"}\n' + text)


def packed(folder: Path, change: Callable[[bytes], bytes]) -> None:
    manifest(folder, packed=True)
    tar = folder / "sounds.tar"
    tar.write_bytes(change(tar.read_bytes()))


def twice(folder: Path) -> None:
    manifest(folder, packed=True)
    with tarfile.open(folder / "sounds.tar", "a") as archive:
        archive.addfile(tarfile.TarInfo("recordings/0.flac"), BytesIO())


def renamed(folder: Path) -> None:
    rows(folder, file="two.wav")
    file = folder / "manifest.csv"
    file.write_text(file.read_text().replace("text", "words", 1))


TABLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing-file": (lambda p: rows(p, file="three.wav"), "manifest.csv: file: line 4: there is no file three.wav"),
    "no-file": (lambda p: rows(p, file=""), "manifest.csv: file: line 4: is empty"),
    "same-file-twice": (lambda p: rows(p), "manifest.csv: file: line 4: one.wav is there already in line 2"),
    "no-text": (lambda p: rows(p, file="two.wav", text="  "), "manifest.csv: text: line 4: is empty"),
    "other-characters": (
        lambda p: rows(p, file="new.wav", text="é"),
        "manifest.csv: text: line 4: 'é' is none of the 3",
    ),
    "parent": (
        lambda p: rows(p, file="../secret.wav"),
        r"manifest.csv: file: line 4: '\.\./secret.wav': wanted a name",
    ),
    "absolute": (lambda p: rows(p, file="/etc/passwd"), "manifest.csv: file: line 4: '/etc/passwd': wanted a name"),
    "zero-byte": (lambda p: rows(p, file="a\0b.wav"), "manifest.csv: holds a zero byte"),
    "split": (
        lambda p: rows(p, file="new.wav", split="nowhere"),
        "manifest.csv: split: line 4: 'nowhere' is none of train, val, test",
    ),
    "no-column": (renamed, "manifest.csv: text: is no column"),
    "not-text": (
        lambda p: (rows(p), (p / "manifest.csv").write_bytes(b"file,text\none.wav,\xff\xfe\n")),
        "is not UTF-8",
    ),
    "quotes": (
        lambda p: (rows(p), (p / "manifest.csv").write_text('file,text\none.wav,"a\ntwo.wav,"b\n')),
        "line [23]: is no CSV",
    ),
    "more-cells": (lambda p: (rows(p), (p / "manifest.csv").write_text("file,text\none.wav,a,b\n")), "has more cells"),
    "json": (lambda p: lines(p, "{'file': 1}"), "manifest.jsonl: line 2: is not JSON"),
    "json-list": (lambda p: lines(p, "[1]"), "manifest.jsonl: line 2: wanted names with values"),
    "json-nan": (lambda p: lines(p, '{"file": NaN}'), "manifest.jsonl: line 2: "),
    "json-deep": (lambda p: lines(p, "[" * 100_000), "manifest.jsonl: line 2: "),
    "tar-cut": (lambda p: packed(p, lambda c: c[:3000]), "sounds.tar: is cut short|sounds.tar: is no plain tar"),
    "tar-text": (lambda p: packed(p, lambda c: b"no tar" * 99), "sounds.tar: is no plain tar"),
    "tar-twice": (twice, "sounds.tar: holds recordings/0.flac twice"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_broken_manifest_is_one_sentence_with_file_and_field(tmp_path, name):
    make, message = TABLES[name]
    make(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        SoundTable(path=str(tmp_path), target="text", classes=("a", "b", " ")).open("train")
    assert str(caught.value).startswith(str(tmp_path)) and str(caught.value).isprintable()


def test_lines_that_cannot_be_used_are_left_out_where_that_was_asked_for(tmp_path):
    rows(tmp_path, file="new.wav", text="é")
    split = SoundTable(path=str(tmp_path), target="text", classes=("a", "b", " ")).open("train", strict=False)
    assert len(split.problems) == 1 and len(split) == 1


def zipped(folder: Path, name: str, content: bytes) -> None:
    """`train.npz` with one array replaced by these bytes."""
    features(folder)
    arrays = {}
    with zipfile.ZipFile(folder / "train.npz") as archive:
        arrays = {entry: archive.read(entry) for entry in archive.namelist()} | {f"{name}.npy": content}
    with zipfile.ZipFile(folder / "train.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, held in arrays.items():
            archive.writestr(entry, held)


def header(text: str, length: int = 118) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", length) + text.ljust(length - 1).encode() + b"\n"


HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (900000000000, 5), }"
OBJECTS = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
ARRAYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "offsets-fall": (lambda p: features(p, offsets=np.array([0, 60, 30, 90, 120])), "offsets: decrease after number 1"),
    "offsets-beyond": (lambda p: features(p, offsets=np.array([0, 30, 60, 90, 900])), "offsets: run from 0 to 900"),
    "offsets-late": (lambda p: features(p, offsets=np.array([9, 30, 60, 90, 120])), "offsets: run from 9"),
    "offsets-float": (lambda p: features(p, offsets=np.arange(5) * 30.0), "offsets: is float64"),
    "too-few": (lambda p: features(p, offsets=np.array([0, 60, 120])), "train.csv: has 4 lines, but train.npz has 2"),
    "flat": (lambda p: features(p, features=np.zeros(120, np.float32)), "features: is float32"),
    "whole": (lambda p: features(p, features=np.zeros((120, 5), np.int16)), "features: is int16"),
    "text": (lambda p: features(p, features=np.array([["a"] * 5] * 120)), "features: holds <U1, not numbers"),
    "objects": (
        lambda p: zipped(p, "features", header(OBJECTS) + b"cos\nsystem\n(S'true'\ntR."),
        "features: holds object",
    ),
    "huge": (lambda p: zipped(p, "features", header(HUGE) + bytes(64)), "features: claims the shape"),
    "bomb": (lambda p: zipped(p, "features", header(HUGE) + bytes(200 << 20)), r"features: claims [\d,]+ bytes"),
    "header": (
        lambda p: zipped(p, "features", b"\x93NUMPY\x01\x00\xff\xff{}"),
        "features: has a damaged header|damaged",
    ),
    "cut": (
        lambda p: (features(p), (p / "train.npz").write_bytes((p / "train.npz").read_bytes()[:900])),
        "holds no such files|train.npz: is damaged",
    ),
    "no-offsets": (lambda p: features(p, offsets=None), "train.npz: offsets: is not in it: there are features"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_broken_features_are_one_sentence_with_file_and_field(tmp_path, name):
    make, message = ARRAYS[name]
    make(tmp_path)
    with within_limits(), pytest.raises(DataError, match=message) as caught:
        SoundFeatures(path=str(tmp_path), target="text").open("train")
    assert str(caught.value).startswith(str(tmp_path)) and str(caught.value).isprintable()


def test_an_utterance_without_frames_and_nan_are_found_by_a_check(tmp_path):
    frames = np.zeros((120, 5), np.float16)
    frames[95, 2] = np.nan
    features(tmp_path, offsets=np.array([0, 30, 30, 90, 120]), features=frames)
    split = SoundFeatures(path=str(tmp_path), target="text", hold_out="files", holdout=0.01).open("train")
    said = []
    for index in range(len(split)):
        try:
            Audio(source="features", bands=5, rank=1).read(split[index])
        except DataError as error:
            said.append(str(error))
    assert any("offsets: utterance 1 has no frames" in text for text in said)
    assert any("u3: features: holds values that are no finite numbers" in text for text in said)


def test_the_command_line_says_it_and_ends_with_two(tmp_path, capsys):
    rows(tmp_path, file="../x.wav")
    assert main(["train", "transcribe", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"swinkit: {tmp_path / 'manifest.csv'}: file: line 4:") and not (tmp_path / "run").exists()
    assert main(["check", "transcribe", str(tmp_path), "--json"]) != 0
    assert "line 4" in json.dumps(json.loads(capsys.readouterr().out))
