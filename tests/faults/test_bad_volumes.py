"""Broken volumes and films are one sentence with their file, quickly and in little memory."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from limits import within_limits
from PIL import Image

from swinkit.files import DataError
from swinkit.files.clips import Clip
from swinkit.files.volumes import read_volume

WHOLE = nibabel.Nifti1Image(
    np.random.default_rng(0).normal(0, 1, (20, 20, 20)).astype(np.float32), np.eye(4)
).to_bytes()


def patched(place: int, form: str, *values: float) -> bytes:
    """A whole volume with other numbers in its header."""
    raw = bytearray(WHOLE)
    struct.pack_into(form, raw, place, *values)
    return bytes(raw)


def bomb() -> bytes:
    """Two gigabytes of zeros in two megabytes, behind a header that tells of as many voxels."""
    head = patched(40, "<8h", 3, 1024, 1024, 510, 1, 1, 1, 1)[:352]
    zeros = gzip.compress(bytes(64 << 20), 9)
    return gzip.compress(head) + zeros * 33


VOLUMES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.nii": (lambda: b"", "cut off: 0 bytes"),
    "empty.nii.gz": (lambda: b"", "cut off: 0 bytes|cannot be read"),
    "html.nii": (lambda: b"<html>not found</html>" * 40, "is no NIfTI-1 file"),
    "zeros.nii": (lambda: bytes(4096), "is no NIfTI-1 file"),
    "plain.nii.gz": (lambda: WHOLE, "cannot be read"),
    "packed.nii": (lambda: gzip.compress(WHOLE), "is no NIfTI-1 file|cut off"),
    **{f"first-{n}.nii": ((lambda n=n: WHOLE[:n]), "cut off") for n in (10, 347, 351, 400, 9000, len(WHOLE) - 1)},
    **{
        f"first-{n}.nii.gz": ((lambda n=n: gzip.compress(WHOLE)[:n]), "cut off|cannot be read|damaged")
        for n in (5, 18, 300, 9000, 20_000)
    },
    "32767-to-the-4th.nii": (lambda: patched(40, "<8h", 4, *[32767] * 4, 1, 1, 1), "dim: .*more than 536870912"),
    "800-cubed.nii": (lambda: patched(40, "<8h", 3, 800, 800, 800, 1, 1, 1, 1), "dim: .*cannot hold 512000000"),
    "bomb.nii.gz": (bomb, "would grow [0-9]{3,4}-fold: it is empty, or a bomb"),
    "no-axes.nii": (lambda: patched(40, "<h", 0), "dim: tells of 0 axes"),
    "nine-axes.nii": (lambda: patched(40, "<h", 9), "dim: tells of 9 axes"),
    "negative.nii": (lambda: patched(42, "<h", -20), "dim: tells of 3 axes"),
    "nan-affine.nii": (lambda: patched(280, "<4f", *[float("nan")] * 4), "affine: its place in space"),
    "flat-cell.nii": (lambda: patched(280, "<12f", *[0.0] * 12), "affine: its place in space"),
    "odd-type.nii": (lambda: patched(70, "<2h", 1234, 32), "damaged or no NIfTI"),
    "nan-slope.nii": (lambda: patched(112, "<2f", 1.0, float("nan")), "NaN or infinite|damaged"),
    "offset-nan.nii": (lambda: patched(108, "<f", float("nan")), "damaged or no NIfTI|cut off"),
    "offset-far.nii": (lambda: patched(108, "<f", 1e9), "cut off"),
    "noise.nii": (lambda: np.random.default_rng(1).bytes(5000), "is no NIfTI-1 file"),
}


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is loaded on first use is no part of what a file costs."""
    path = tmp_path_factory.mktemp("warm") / "a.nii.gz"
    path.write_bytes(gzip.compress(WHOLE))
    assert read_volume(path).values.shape == (20, 20, 20)
    assert Clip(film(path.with_name("a.mp4"))).read([0, 5]).shape == (2, 48, 64, 3)


def film(path: Path, frames: int = 12) -> Path:
    rng = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for _ in range(frames):
        writer.write(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("name", VOLUMES)
def test_a_broken_volume_is_one_sentence_with_its_file(tmp_path: Path, name: str) -> None:
    make, message = VOLUMES[name]
    path = tmp_path / name
    path.write_bytes(make())
    with within_limits(), pytest.raises(DataError, match=message) as caught:
        read_volume(path)
    assert str(caught.value).startswith(f"{path}: ") and str(caught.value).isprintable()


def test_odd_volumes_are_read(tmp_path: Path) -> None:
    big = nibabel.Nifti1Image(np.zeros((2, 3, 4), ">i2"), np.eye(4), nibabel.Nifti1Header(endianness=">"))
    infinite = ("infinite-slope", patched(112, "<2f", float("inf"), 0.0))  # as no slope, which nibabel does too
    for name, raw in (
        ("big-endian", big.to_bytes()),
        ("no-slope", patched(112, "<f", 0.0)),
        ("tail", WHOLE + b"x"),
        infinite,
    ):
        path = tmp_path / f"{name}.nii"
        path.write_bytes(raw)
        assert np.isfinite(read_volume(path).values).all(), name


def array(path: Path, header: str, size: int = 100) -> None:
    text = header.encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(size))


def pictures(path: Path, broken: bytes) -> None:
    path.mkdir()
    for index in range(3):
        Image.new("RGB", (8, 8)).save(path / f"{index}.png")
    (path / "1.png").write_bytes(broken)


def larger() -> bytes:
    return cv2.imencode(".png", np.zeros((9, 8, 3), np.uint8))[1].tobytes()


FILMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.mp4": (lambda path: path.write_bytes(b""), "is no film"),
    "text.avi": (lambda path: path.write_text("no film\n" * 50), "is no film"),
    "zeros.mkv": (lambda path: path.write_bytes(bytes(4096)), "is no film"),
    "noise.webm": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(9000)), "is no film"),
    "no-frames.mp4": (lambda path: film(path, 0), "is no film|0 frames|holds no frame"),
    "folder.mp4": (lambda path: path.mkdir(), "no such file"),
    "missing.mp4": (lambda path: None, "no such file"),
    "pipe.mp4": (os.mkfifo, "no such file"),
    "doubles.npy": (lambda path: np.save(path, np.zeros((2, 3, 3, 3))), "is an array float64"),
    "flat.npy": (lambda path: np.save(path, np.zeros((3, 3, 3), np.uint8)), r"is an array uint8 \(3, 3, 3\)"),
    "none.npy": (lambda path: np.save(path, np.zeros((0, 3, 3, 3), np.uint8)), "is an array|no array"),
    "objects.npy": (lambda path: np.save(path, np.array([{}], object), allow_pickle=True), "is no array"),
    "magic.npy": (lambda path: path.write_bytes(b"\x93NUMPY"), "is no array"),
    "lie.npy": (
        lambda path: array(path, "{'descr': '|u1', 'fortran_order': False, 'shape': (90000, 2160, 3840, 3), }"),
        "is no array",
    ),
    "code.npy": (lambda path: array(path, "__import__('os').abort()"), "is no array"),
    "negative.npy": (
        lambda path: array(path, "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 2, 2, 3), }"),
        "is no array|is an array",
    ),
    "nothing": (lambda path: path.mkdir(), "holds no frame"),
    "damaged": (lambda path: pictures(path, b"\x89PNG\r\n"), "1.png: "),
    "unequal": (lambda path: pictures(path, larger()), "frames: has frames of several sizes"),
}  # fmt: skip


@pytest.mark.parametrize("way", ["read", "frames"])
@pytest.mark.parametrize("name", FILMS)
def test_a_broken_clip_is_one_sentence_with_its_file(tmp_path: Path, name: str, way: str) -> None:
    make, message = FILMS[name]
    make(tmp_path / name)
    with within_limits(), pytest.raises(DataError, match=message) as caught:
        clip = Clip(tmp_path / name)
        list(clip.frames()) if way == "frames" else clip.read(range(clip.count))
    assert str(caught.value).startswith(str(tmp_path / name)) and str(caught.value).isprintable()


@pytest.mark.parametrize("share", range(1, 10))
def test_a_film_that_ends_early_is_refused_or_gives_what_it_holds(tmp_path: Path, share: int) -> None:
    whole = film(tmp_path / "whole.avi" if share % 2 else tmp_path / "whole.mp4", 40)
    raw = whole.read_bytes()
    cut = whole.with_name(f"cut{whole.suffix}")
    cut.write_bytes(raw[: len(raw) * share // 10])
    with within_limits():
        try:
            count = len(list(Clip(cut).frames()))
        except DataError as error:
            assert str(error).startswith(str(cut)) and str(error).isprintable()
        else:
            assert 0 < count <= 40
