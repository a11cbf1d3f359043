"""Clips from films, folders, tars and arrays; broken ones are named."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from swinkit.files import DataError
from swinkit.files.clips import Clip, is_clip


def frames(count: int = 12, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    """[count h w 3] uint8, each brighter than the last."""
    return np.stack([np.full((*size, 3), 10 + 18 * index, np.uint8) for index in range(count)])


def folder(path: Path, pictures: np.ndarray) -> Path:
    path.mkdir(parents=True)
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(path / f"frame{index}.png")  # frame10 comes after frame9
    return path


def film(path: Path, pictures: np.ndarray) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, pictures.shape[2:0:-1])
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


def test_every_kind_gives_the_frames_that_were_asked_for(tmp_path: Path) -> None:
    pictures = frames()
    places = folder(tmp_path / "clip", pictures)
    np.save(tmp_path / "clip.npy", pictures)
    with tarfile.open(tmp_path / "frames.tar", "w") as archive:
        archive.add(places, "frames/a")
    sources = [
        places,
        tmp_path / "clip.npy",
        tmp_path / "frames.tar" / "frames" / "a",
        film(tmp_path / "a.mp4", pictures),
    ]
    for source in sources:
        clip = Clip(source)
        assert clip.count == 12, source
        found = clip.read([0, 3, 3, 11])
        assert found.shape == (4, 24, 32, 3)
        assert np.abs(found.astype(int) - pictures[[0, 3, 3, 11]]).max() <= (8 if source.suffix == ".mp4" else 0), (
            source
        )
        one_by_one = np.stack(list(clip.frames()))
        assert np.array_equal(one_by_one[[0, 3, 3, 11]], found), source
    assert Clip(tmp_path / "a.mp4").rate == 25
    assert [is_clip(source) for source in (*sources[:2], sources[3], tmp_path / "frames.tar")] == [
        True,
        True,
        True,
        False,
    ]


def test_broken_clips_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(film(tmp_path / "a.mp4", frames()).read_bytes()[:200])
    (tmp_path / "text.avi").write_text("no film")
    (tmp_path / "empty.mkv").write_bytes(b"")
    np.save(tmp_path / "floats.npy", np.zeros((2, 3, 3, 3)))
    np.save(tmp_path / "flat.npy", np.zeros((3, 3, 3), np.uint8))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "short.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "none").mkdir()
    mixed = folder(tmp_path / "mixed", frames(3))
    Image.new("RGB", (5, 5)).save(mixed / "frame7.png")
    damaged = folder(tmp_path / "damaged", frames(3))
    (damaged / "frame1.png").write_bytes(b"\x89PNG")
    for name in ("cut.mp4", "text.avi", "empty.mkv", "floats.npy", "flat.npy", "objects.npy", "short.npy", "none",
                 "mixed", "damaged", "missing.mp4", "missing"):  # fmt: skip
        with pytest.raises(DataError) as caught:
            clip = Clip(tmp_path / name)
            clip.read(range(clip.count))
        assert name.split(".")[0] in str(caught.value)
        assert "\n" not in str(caught.value)
