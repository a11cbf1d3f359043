"""A packed folder gives back every byte, names what is damaged, and is written whole or not at all."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections import namedtuple

import pytest
import torch
from PIL import Image

from swinkit.files import ConfigError, DataError, observed
from swinkit.files import packing as writing
from swinkit.files.packed import ABOUT, INDEX, is_packed, open_pack
from swinkit.files.packing import Files, write_pack
from swinkit.files.pictures import read_picture
from swinkit.files.tensors import read_tensors, write_tensors

NAMES = ("a", "b.c", "city/ü 1", "city/x.image", "z")


@pytest.fixture
def files(tmp_path):
    """Split -> samples; every file has bytes of its own."""
    found, number = {}, 0
    for split in ("train", "val"):
        found[split] = []
        for name in NAMES:
            number += 1
            paths = [tmp_path / f"{split}-{number}.{ending}" for ending in ("JPG", "png")]
            for path in paths:
                path.write_bytes(f"{path.name} of {name}".encode() * number)
            found[split].append(Files(name, *paths))
    return found


@pytest.fixture
def pack(tmp_path, files):
    write_pack(tmp_path / "packed", files, {"classes": ["sky"]}, archive_bytes=3000)
    return tmp_path / "packed"


def members(pack):
    return {str(pack.path(split, row, part)) for split in pack.splits for row in range(5) for part in ("image", "mask")}


def test_every_file_is_found_with_its_bytes(pack, files):
    opened = open_pack(pack)
    assert list(opened.splits) == ["train", "val"] and opened.about["classes"] == ["sky"]
    for split, samples in files.items():
        shelf = opened.splits[split]
        assert [shelf.id(row) for row in range(len(shelf))] == sorted(NAMES)
        for sample in samples:
            row = shelf.row(sample.id)
            for part, source in (("image", sample.image), ("mask", sample.mask)):
                path = opened.path(split, row, part)
                assert path.name.endswith(f".{part}{source.suffix.lower()}")
                archive = next(parent for parent in path.parents if parent.is_file())
                assert opened.content(archive.name, path.relative_to(archive).as_posix()) == source.read_bytes()
    assert opened.counts() == {".jpg": 10, ".png": 10}
    assert len(list(opened.images())) == 10
    assert len({path.stat().st_mode for path in pack.iterdir()}) == 1  # who may read the archives may read the index


def test_any_tar_reads_the_archives(pack):
    found = set()
    for archive in sorted(pack.glob("*.tar")):
        assert archive.stat().st_size <= 3000 + 10240  # tar rounds up to its own records
        with tarfile.open(archive) as file:
            found |= {str(archive / name) for name in file.getnames()}
    assert found == members(open_pack(pack)) and len(list(pack.glob("train-*.tar"))) > 1


def test_equal_data_packs_equally(pack, files, tmp_path):
    write_pack(tmp_path / "again", {n: s[::-1] for n, s in files.items()}, {"classes": ["sky"]}, archive_bytes=3000)
    assert [p.name for p in sorted((tmp_path / "again").iterdir())] == [p.name for p in sorted(pack.iterdir())]
    assert all((pack / p.name).read_bytes() == p.read_bytes() for p in (tmp_path / "again").iterdir())


def test_the_index_is_read_once_and_anew_where_it_changed(pack, files, tmp_path):
    first = open_pack(pack)
    assert open_pack(pack) is first
    shutil.rmtree(pack)
    write_pack(pack, {"val": files["val"]}, {})
    assert list(open_pack(pack).splits) == ["val"]


def test_pictures_are_read_through_the_archive_and_errors_name_the_path(tmp_path):
    Image.new("RGB", (300, 200), (9, 8, 7)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:-90])
    samples = [Files(name, tmp_path / f"{name}.png", tmp_path / f"{name}.png") for name in "ab"]
    write_pack(tmp_path / "packed", {"train": samples}, {})
    archive = tmp_path / "packed" / "train-00000.tar"
    assert (read_picture(archive / "a.image.png") == (9, 8, 7)).all()
    assert (read_picture(str(archive / "a.image.png")) == (9, 8, 7)).all()
    with pytest.raises(DataError, match=r"train-00000\.tar/b\.image\.png: is (truncated|damaged)"):
        read_picture(archive / "b.image.png")
    for name in ("c.image.png", "a.image.jpg", "a.png", "a.other.png", "a.image.png/x"):
        with pytest.raises(DataError, match="is not in train-00000.tar"):
            read_picture(archive / name)
    with pytest.raises(DataError, match="a.png/x.png: does not exist"):
        read_picture(tmp_path / "a.png" / "x.png")


@pytest.mark.parametrize("where", ["first", "last"])
def test_a_flipped_bit_is_found(pack, where):
    opened = open_pack(pack)
    shelf = opened.splits["train"]
    path = opened.path("train", 0, "mask")
    number, first, size, _, _ = shelf.places[0, 1].tolist()
    archive = pack / f"train-{number:05d}.tar"
    data = bytearray(archive.read_bytes())
    data[first if where == "first" else first + size - 1] ^= 4
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.mask\.png: is damaged: its bytes are not those that were packed"):
        read_picture(path)


def test_archives_that_are_missing_or_cut_are_named_at_once(pack):
    archive = pack / "val-00000.tar"
    data = archive.read_bytes()
    archive.write_bytes(data[:-1])
    with pytest.raises(DataError, match=rf"val-00000\.tar: has {len(data) - 1} bytes, {len(data)} were packed"):
        open_pack(pack)
    archive.unlink()
    with pytest.raises(DataError, match=r"val-00000\.tar: is missing: copy the packed folder again"):
        open_pack(pack)
    (pack / INDEX).unlink()
    assert not is_packed(pack)
    with pytest.raises(DataError, match=rf"{INDEX}: cannot be read"):
        open_pack(pack)


def test_an_archive_that_vanishes_later_is_an_error_of_the_sample(pack):
    path = open_pack(pack).path("train", 0, "image")
    opened = open_pack(pack)
    (pack / "train-00000.tar").unlink()
    with pytest.raises(DataError, match=r"train-00000\.tar: cannot be read"):
        opened.content("train-00000.tar", path.name)


def change(pack, name, at, value):
    """Write the index anew with one number changed."""
    file = read_tensors(pack / INDEX)
    tensors = {key: tensor.clone() for key, tensor in file.tensors.items()}
    tensors[name][at] = value
    write_tensors(pack / INDEX, tensors, file.metadata)


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("train.places", (0, 0, 0), 99),
        ("train.places", (0, 0, 0), -1),
        ("train.places", (1, 1, 1), 1 << 40),
        ("train.places", (1, 1, 1), -5),
        ("train.places", (2, 0, 2), 1 << 62),
        ("train.places", (2, 0, 2), 0),
        ("train.places", (2, 0, 4), 2),
        ("val.ends", 4, 1 << 40),
        ("val.ends", 0, -3),
        ("val.archives", 0, 5),
    ],
)
def test_an_index_that_leads_outside_is_refused(pack, name, at, value):
    change(pack, name, at, value)
    with pytest.raises(DataError, match=r"(pack\.index: is no index|val-00000\.tar: has \d+ bytes)") as caught:
        open_pack(pack)
    assert "\n" not in str(caught.value)


def test_an_index_of_another_kind_is_refused(pack):
    file = read_tensors(pack / INDEX)
    about = json.loads(file.metadata[ABOUT])
    for metadata in ({}, {ABOUT: "["}, {ABOUT: json.dumps({**about, "format": 9})}, {ABOUT: "{}"}):
        write_tensors(pack / INDEX, file.tensors, metadata)
        with pytest.raises(DataError, match=r"pack\.index: is no index of a packed folder"):
            open_pack(pack)
    write_tensors(pack / INDEX, {"train.ids": torch.zeros(3)}, file.metadata)
    with pytest.raises(DataError, match="is no index"):
        open_pack(pack)
    for content in (b"", b"junk" * 99, (pack / INDEX).read_bytes()[:-1]):
        (pack / INDEX).write_bytes(content)
        with pytest.raises(DataError, match="is damaged, or no index"):
            open_pack(pack)


def test_nothing_is_overwritten(pack, files):
    before = {path.name: path.read_bytes() for path in pack.iterdir()}
    with pytest.raises(ConfigError, match="packed: is there already, and nothing is overwritten"):
        write_pack(pack, files, {})
    assert {path.name: path.read_bytes() for path in pack.iterdir()} == before


@pytest.mark.parametrize("splits", [{}, {"train": []}])
def test_nothing_is_not_packed(splits, tmp_path):
    with pytest.raises(ConfigError, match="no split, or one without a sample"):
        write_pack(tmp_path / "packed", splits, {})
    assert not list(tmp_path.iterdir())


def test_after_an_interruption_nothing_is_left_and_packing_starts_anew(files, tmp_path):
    def interrupt(done, total):
        assert total == 10
        if done == 7:
            raise KeyboardInterrupt

    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write_pack(tmp_path / "packed", files, {}, progress=interrupt)
    assert set(tmp_path.iterdir()) == before
    steps = []
    write_pack(tmp_path / "packed", files, {}, progress=lambda *step: steps.append(step))
    assert steps == [(number, 10) for number in range(1, 11)]


def test_at_every_instant_there_is_no_pack_or_a_whole_one(files, tmp_path):
    states = []

    def look(_):
        states.append((tmp_path / "packed").exists())
        if states[-1]:
            assert len(open_pack(tmp_path / "packed").splits["val"]) == 5

    with observed(look):
        write_pack(tmp_path / "packed", files, {})
    assert states == sorted(states) and len(states) > 6 and states[-1]


def test_files_that_cannot_be_packed_are_named_and_nothing_is_left(files, tmp_path, monkeypatch):
    before = set(tmp_path.iterdir())
    image = files["val"][2].image
    image.write_bytes(b"")
    with pytest.raises(DataError, match=rf"{image.name}: is empty"):
        write_pack(tmp_path / "packed", files, {})
    image.unlink()
    with pytest.raises(DataError, match=rf"{image.name}: cannot be read"):
        write_pack(tmp_path / "packed", files, {})
    assert set(tmp_path.iterdir()) == before - {image}
    files["val"] = [Files("odd\udcff", *files["val"][0][1:])]
    with pytest.raises(DataError, match="has a name that is no Unicode text"):
        write_pack(tmp_path / "packed", files, {})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: usage(0, 0, 1000))
    with pytest.raises(ConfigError, match=r"packed: [\d,]+ bytes are to be written, 1,000 are free there"):
        write_pack(tmp_path / "packed", files, {})
    assert set(tmp_path.iterdir()) == before - {image}
