"""Masks keep their ids exactly, in every depth, and wrong ones are named with their pixels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swinkit.files import ConfigError, DataError
from swinkit.files.masks import IdTable, MaskFile, read_ids

IDS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def index_png(path: Path, ids: np.ndarray, depth: int) -> Path:
    """A grey PNG of 1, 2 or 4 bits, which Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    bits = np.unpackbits(ids[..., None], axis=2)[..., 8 - depth :].reshape(len(ids), -1)
    rows = np.packbits(bits, axis=1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], depth, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_of_few_bits_keeps_its_ids(tmp_path, depth):
    ids = IDS % 2**depth
    np.testing.assert_array_equal(read_ids(index_png(tmp_path / "a.png", ids, depth)), ids)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_index_masks_are_read_exactly(tmp_path, name):
    Image.fromarray(IDS).save(tmp_path / name)
    np.testing.assert_array_equal(read_ids(tmp_path / name), IDS)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_masks_give_indices_not_colours(tmp_path, bits):
    ids = IDS & (2**bits - 1)
    picture = Image.fromarray(ids)
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    picture.save(tmp_path / "a.png", bits=bits)
    assert Image.open(tmp_path / "a.png").mode == "P"
    np.testing.assert_array_equal(read_ids(tmp_path / "a.png"), ids)


@pytest.mark.parametrize(("name", "kind"), [("a.png", np.uint16), ("a.tif", np.uint16), ("a.tif", np.int32)])
def test_wide_ids_are_ids(tmp_path, name, kind):
    ids = IDS.astype(kind) * 200
    Image.fromarray(ids).save(tmp_path / name)
    np.testing.assert_array_equal(read_ids(tmp_path / name), ids)


def test_colour_and_jpeg_masks_are_refused(tmp_path):
    Image.fromarray(np.dstack([IDS] * 3)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: mask: has mode RGB .*colour table"):
        read_ids(tmp_path / "a.png")
    Image.fromarray(IDS).save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="is a JPEG, which changes the ids"):
        read_ids(tmp_path / "a.jpg")
    Image.fromarray(IDS.astype(np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(DataError, match="mode F"):
        read_ids(tmp_path / "f.tif")
    Image.fromarray(np.array([[-1, 3]], np.int32)).save(tmp_path / "n.tif")
    with pytest.raises(DataError, match="ids from -1 to 3"):
        read_ids(tmp_path / "n.tif")


def test_a_table_maps_ids_to_classes_and_ignores():
    table = IdTable(ids=(7, 0, 300), ignore=(11,))
    got = table.indices(np.array([[7, 0], [11, 255], [300, 7]], np.uint16), "a.png")
    assert got.dtype == np.uint8 and got.tolist() == [[0, 1], [255, 255], [2, 0]]


def test_255_is_a_class_only_where_it_is_listed():
    assert IdTable(ids=(0, 255)).indices(np.array([[0, 255]], np.uint8), "a").tolist() == [[0, 1]]


def test_ids_without_a_class_are_named_with_their_pixels():
    with pytest.raises(DataError, match=r"a\.png: mask: class id 9 \(3 px\), 12 \(1 px\) without a class .*ids 0 to 2"):
        IdTable(ids=(0, 1, 2)).indices(np.array([[9, 9, 9, 12, 1]], np.uint8), "a.png")


@pytest.mark.parametrize("wrong", [{"ids": ()}, {"ids": (1, 1)}, {"ids": (1,), "ignore": (1,)}, {"ids": (-1,)}])
def test_impossible_tables_are_refused(wrong):
    with pytest.raises(ConfigError):
        IdTable(**wrong)


def test_colour_masks_are_read_by_their_table(tmp_path):
    colours = ((255, 0, 0), (0, 0, 255), (0, 255, 0))
    rows = np.random.default_rng(0).integers(0, 3, (9, 11))
    Image.fromarray(np.array(colours, np.uint8)[rows]).save(tmp_path / "a.png")
    table = IdTable(ids=(0, 2), ignore=(1,), colours=colours)
    expected = np.array([0, 255, 1])[rows]
    np.testing.assert_array_equal(MaskFile(path=tmp_path / "a.png", table=table).read(), expected)
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"first \(1, 2, 3\) in 4 px"):
        MaskFile(path=tmp_path / "b.png", table=table).read()
