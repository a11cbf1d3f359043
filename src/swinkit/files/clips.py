"""Frames of films, of folders with a picture a frame (also inside a plain tar), and of stored arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from swinkit.files.errors import DataError
from swinkit.files.pictures import PICTURE_SUFFIXES, read_picture
from swinkit.files.tars import tar_members, tar_of

FILMS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
ARRAYS = (".npy",)
MOST = 1 << 24
"""Frames, a week of film; a header that tells of more is not believed."""

Frames = UInt8[np.ndarray, "frames height width 3"]


class Clip:
    """An open source of frames; few of them are in memory at a time."""

    def __init__(self, path: Path | str) -> None:
        """Raises DataError: it is missing, damaged, of no known kind, or holds no frame."""
        self.path = Path(path)
        self._array: np.ndarray | None = None
        self._files: list[Path] = []
        self.rate = 0.0
        """Frames a second; 0 where nobody says."""
        suffix = self.path.suffix.lower()
        if suffix in ARRAYS:
            self._array = _array(self.path)
            self.count = len(self._array)
        elif suffix in FILMS:
            self.count, self.rate = _counted(self.path)
        else:
            self._files = frame_files(self.path)
            self.count = len(self._files)
        if not 1 <= self.count <= MOST:
            raise DataError(self.path, f"has {self.count} frames: 1 to {MOST} are read")

    def read(self, places: Sequence[int]) -> Frames:
        """The frames at rising places [frames height width 3] RGB; one may be asked for several times.

        Raises:
            DataError: one cannot be decoded, or they differ in size.
        """
        if self._array is not None:
            return np.ascontiguousarray(self._array[list(places)])
        frames = self._decoded(places) if not self._files else [read_picture(self._files[place]) for place in places]
        sizes = {frame.shape[:2] for frame in frames}
        if len(sizes) > 1:
            raise DataError(self.path, f"has frames of several sizes {sorted(sizes)}: one is wanted", field="frames")
        return np.stack(frames)

    def frames(self) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Every frame in order, RGB, one in memory at a time.

        Raises:
            DataError: one cannot be decoded, or they differ in size.
        """
        size: tuple[int, int] | None = None
        for frame in self._one_by_one():
            if size is not None and frame.shape[:2] != size:
                sizes = sorted({size, frame.shape[:2]})
                raise DataError(self.path, f"has frames of several sizes {sizes}: one is wanted", field="frames")
            size = frame.shape[:2]
            yield frame
        if size is None:
            raise DataError(self.path, "holds no frame that can be decoded")

    def _one_by_one(self) -> Iterator[np.ndarray]:
        if self._array is not None:
            yield from map(np.ascontiguousarray, self._array)
        elif self._files:
            yield from map(read_picture, self._files)
        else:
            film = cv2.VideoCapture(os.fspath(self.path))
            try:
                while (found := film.read())[0]:
                    yield cv2.cvtColor(found[1], cv2.COLOR_BGR2RGB)
            finally:
                film.release()

    def _decoded(self, places: Sequence[int]) -> list[np.ndarray]:
        """Of a film, from the first place to the last without seeking, which is not exact in every container."""
        film = cv2.VideoCapture(os.fspath(self.path))
        try:
            found: dict[int, np.ndarray] = {}
            at = -1
            for place in sorted(set(places)):
                while at < place and film.grab():
                    at += 1
                good, frame = film.retrieve() if at == place else (False, None)
                if not good or frame is None:
                    break  # headers often tell of a few frames too many
                found[place] = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            film.release()
        if not found:
            raise DataError(self.path, "holds no frame that can be decoded")
        last = max(found)
        return [found.get(place, found[last]) for place in places]


def is_clip(path: Path | str) -> bool:
    """Whether the name is one of a film or an array, or the path a folder with pictures."""
    path = Path(path)
    return path.suffix.lower() in (*FILMS, *ARRAYS) or (path.is_dir() and any(_pictures(path)))


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder, on disk or inside a tar, in the order of the numbers in their names.

    Raises:
        DataError: there is no such folder, or it holds none.
    """
    if folder.is_dir():
        files = list(_pictures(folder))
    elif (tar := tar_of(folder)) is not None:
        begin = os.fspath(folder)[len(os.fspath(tar)) :].replace(os.sep, "/").strip("/") + "/"
        files = [tar / name for name in tar_members(tar) if name.startswith(begin) and _is_picture(name)]
    else:
        raise DataError(folder, f"is no clip: wanted a folder of frames, a film ({' '.join(FILMS)}) or an array (.npy)")
    if not files:
        raise DataError(folder, "holds no frame", field="frames")
    return sorted(files, key=lambda file: (_number(file.stem), file.name))


def _array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(path, f"is no array that can be read ({str(error)[:100]})") from error
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3 or 0 in array.shape:
        raise DataError(path, f"is an array {array.dtype} {array.shape}: clips are [frames height width 3] uint8")
    return array


def _counted(path: Path) -> tuple[int, float]:
    if not path.is_file():
        raise DataError(path, "there is no such file")
    film = cv2.VideoCapture(os.fspath(path))
    try:
        if not film.isOpened():
            raise DataError(path, "is no film that can be decoded")
        count, rate = int(film.get(cv2.CAP_PROP_FRAME_COUNT)), float(film.get(cv2.CAP_PROP_FPS))
        if count < 1:  # some containers do not say, so it is counted
            count = 0
            while count <= MOST and film.grab():
                count += 1
        return count, rate if 0 < rate < 1000 else 0.0
    finally:
        film.release()


def _pictures(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if _is_picture(file.name) and file.is_file()]


def _is_picture(name: str) -> bool:
    plain = name.rsplit("/", 1)[-1]
    return not plain.startswith(".") and Path(plain).suffix.lower() in PICTURE_SUFFIXES


def _number(stem: str) -> int:
    digits = "".join(character if character.isascii() and character.isdigit() else " " for character in stem).split()
    return int(digits[-1][-18:]) if digits else -1
