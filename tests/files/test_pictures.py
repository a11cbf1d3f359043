"""Pictures are decoded to the right values, whatever their mode, and refused with one sentence where they cannot be."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swinkit.files import DataError
from swinkit.files.pictures import kind, picture_size, read_picture

RAMP = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
COLOUR = np.stack([RAMP, RAMP[::-1], np.full_like(RAMP, 77)], axis=-1)


def saved(path: Path, pixels: np.ndarray | Image.Image, **options) -> Path:
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(path, **options)
    return path


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, axis=2)


def png(width: int, height: int, body: bytes = b"", depth: int = 8) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def palette(indices: np.ndarray) -> Image.Image:
    picture = Image.fromarray(indices)
    picture.putpalette(sum(([value, 255 - value, 10] for value in range(256)), []))
    return picture


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("rgb.png", COLOUR, COLOUR),
        ("rgb.bmp", COLOUR, COLOUR),
        ("grey.png", RAMP, grey(RAMP)),
        ("bits.png", Image.fromarray(RAMP > 99), grey(255 * (RAMP > 99))),
        ("sixteen.png", RAMP.astype(np.uint16) * 257, grey(RAMP)),
        ("sixteen.tif", RAMP.astype(np.uint16) * 257, grey(RAMP)),
        ("wide.tif", RAMP.astype(np.int32) * 257, grey(RAMP)),
        ("float.tif", RAMP.astype(np.float32) / 255, grey(RAMP)),
        ("palette.png", palette(RAMP), np.stack([RAMP, 255 - RAMP, np.full_like(RAMP, 10)], axis=-1)),
        ("cmyk.tif", Image.fromarray(COLOUR).convert("CMYK"), COLOUR),
        ("clear.png", np.dstack([COLOUR, np.full_like(RAMP, 255)]), COLOUR),
        ("hidden.png", np.dstack([COLOUR, np.zeros_like(RAMP)]), np.full_like(COLOUR, 255)),
        ("half.png", Image.merge("LA", [Image.fromarray(RAMP), Image.new("L", (16, 12), 128)]), None),
    ],
)
def test_every_mode_becomes_the_same_rgb(tmp_path, name, picture, expected):
    got = read_picture(saved(tmp_path / name, picture))
    if expected is None:
        expected = grey(np.rint((RAMP * 128.0 + 255 * 127) / 255))
    assert got.dtype == np.uint8 and got.flags.writeable and got.flags.c_contiguous
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_sixteen_bit_colour_keeps_its_range(tmp_path):
    cv2 = pytest.importorskip("cv2")
    assert cv2.imwrite(str(tmp_path / "a.png"), COLOUR[..., ::-1].astype(np.uint16) * 257)
    assert np.abs(read_picture(tmp_path / "a.png").astype(int) - COLOUR).max() <= 1


def test_jpegs_of_every_kind_are_near_what_was_saved(tmp_path):
    smooth = np.indices((40, 60)).sum(0).astype(np.uint8)
    smooth = np.stack([smooth, smooth + 40, smooth + 80], axis=-1)
    for name, mode in (("rgb", "RGB"), ("cmyk", "CMYK"), ("grey", "L")):
        for progressive in (False, True):
            picture = Image.fromarray(smooth).convert(mode)
            path = saved(tmp_path / f"{name}.jpg", picture, quality=98, progressive=progressive)
            assert np.abs(read_picture(path).astype(int) - np.asarray(picture.convert("RGB"))).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_exif_orientation_is_applied(tmp_path, orientation, suffix):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = 255
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[0x0112] = undo
    turned = Image.fromarray(upright)
    tagged = io.BytesIO()
    turned.save(tagged, "png", exif=exif)
    from PIL import ImageOps

    stored = ImageOps.exif_transpose(Image.open(tagged))
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    stored.save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    assert np.abs(read_picture(path).astype(int) - upright).max() <= 8
    assert picture_size(path) == (16, 24)


def test_nonsense_in_exif_is_passed_over(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 9
    assert read_picture(saved(tmp_path / "nine.png", COLOUR, exif=exif)).shape == COLOUR.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = saved(tmp_path / "loop.jpg", COLOUR, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x08" * 40)
        assert read_picture(path).shape == COLOUR.shape


def test_of_several_frames_the_first_is_read(tmp_path):
    frames = [Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)]
    for name in ("a.png", "a.tif", "a.webp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(read_picture(tmp_path / name), COLOUR)
        assert kind(tmp_path / name) == ("RGB", True)
    assert kind(saved(tmp_path / "one.jpg", COLOUR)) == ("RGB", False)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.8, 0.97])
def test_a_truncated_file_is_refused_by_name(tmp_path, format_, part):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    memory = io.BytesIO()
    Image.fromarray(noise).save(memory, format_)
    path = tmp_path / f"cut.{format_.lower()}"
    path.write_bytes(memory.getvalue()[: int(part * memory.tell())])
    with pytest.raises(DataError, match=r"cut\.\w+: is (truncated|damaged|no )"):
        read_picture(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"<html>not found</html>", "is no JPEG, PNG, WEBP, TIFF or BMP file"),
        (bytes(2000), "is no JPEG"),
        (b"GIF89a" + bytes(100), "is no JPEG"),
        (png(13_000, 13_000), "13000x13000 pixels are more than the 50,000,000 allowed"),
        (png(40_000, 40_000), "more pixels than the 50,000,000 allowed"),
        (png(16, 16), "is truncated|is damaged"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path, content, what):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of its own, larger limit
        with pytest.raises(DataError, match=what) as caught:
            read_picture(path)
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text and "object at" not in text


def test_what_is_no_plain_file_is_refused_without_opening_it(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "nothing.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    wanted = {
        "folder": "is a folder",
        "nothing": "link to nothing",
        "loop": "cannot be read",
        "pipe": "not a plain file",
    }
    for name, what in {**wanted, "absent": "does not exist"}.items():
        with pytest.raises(DataError, match=what):
            read_picture(tmp_path / f"{name}.jpg")
    with pytest.raises(DataError, match="cannot be read"):
        read_picture("a\0b.jpg")


def test_a_link_to_a_picture_is_followed(tmp_path):
    (tmp_path / "link.png").symlink_to(saved(tmp_path / "a.png", COLOUR))
    np.testing.assert_array_equal(read_picture(tmp_path / "link.png"), COLOUR)


@pytest.mark.parametrize("values", [[0.0, 1.5], [-0.1, 1.0], [0.0, float("nan")]])
def test_floats_outside_zero_to_one_are_refused(tmp_path, values):
    with pytest.raises(DataError, match="scale them to 0..1"):
        read_picture(saved(tmp_path / "a.tif", np.array([values], np.float32)))


def test_unknown_colour_spaces_and_wide_integers_are_refused(tmp_path):
    with pytest.raises(DataError, match="colour mode LAB"):
        read_picture(saved(tmp_path / "lab.tif", Image.new("LAB", (4, 4))))
    with pytest.raises(DataError, match="only 0..65535"):
        read_picture(saved(tmp_path / "wide.tif", np.array([[-5, 70_000]], np.int32)))


def test_mutated_files_raise_nothing_but_data_errors(tmp_path):
    rng = np.random.default_rng(0)
    seeds = []
    for format_ in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        memory = io.BytesIO()
        Image.fromarray(COLOUR).save(memory, format_)
        seeds.append(np.frombuffer(memory.getvalue(), np.uint8))
    path, refused = tmp_path / "a.bin", 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(1500):
            content = seeds[rng.integers(len(seeds))].copy()
            content[rng.integers(0, len(content), rng.integers(1, 8))] = rng.integers(0, 256)
            path.write_bytes(content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.3 else content)
            try:
                assert read_picture(path).dtype == np.uint8
            except DataError:
                refused += 1
    assert 200 < refused < 1500
