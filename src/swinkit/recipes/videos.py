"""Films and cameras: frames in, answers and an overlay film out, one frame in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from swinkit.files import ConfigError, DataError
from swinkit.modalities.image import drawing
from swinkit.recipes.film_tracks import COLUMNS, Table, followed
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.scenes import Scenes
from swinkit.recipes.tracking import Tracker, Tracking
from swinkit.types import LabelMap

ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
CAMERA = "camera:"
"""Before the number of a camera, `camera:0`."""
FILM, LINES, TRACKS = "-overlay.mp4", ".jsonl", "-tracks.csv"
RATE = 25.0
"""Frames a second, where a film does not say."""


def is_film(source: Path | str) -> bool:
    """Whether this names a camera or a film by its ending."""
    return str(source).startswith(CAMERA) or str(source).lower().endswith(ENDINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What an open film says of itself."""

    name: str
    rate: float
    frames: int
    """How many it claims to have; 0: nobody knows."""
    size: tuple[int, int]
    """[height width] in pixels."""


def files_of(name: str, *, track: bool) -> tuple[str, ...]:
    """What is written for one film."""
    return (name + FILM, name + LINES, *([name + TRACKS] if track else []))


def predict_film(
    predictor: Predictor,
    source: str,
    folder: Path,
    name: str,
    *,
    tracking: Tracking | None = None,
    most: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write NAME-overlay.mp4 and NAME.jsonl, an answer a line; with `tracking` NAME-tracks.csv, a thing a line (of
    points: a point of a thing, which training and prediction of series read).

    Args:
        source: a film, or `camera:0`.
        most: frames to look at; None: all, of a camera until it is interrupted, which keeps what was written.

    Raises:
        DataError: it cannot be opened, or holds no frame.
        ConfigError: there is nothing to follow in what the run finds.
    """
    tracker = None if tracking is None else Tracker(tracking)
    finder = predictor.finder if isinstance(predictor, Scenes) else predictor
    if tracker is not None and getattr(finder.recipe.task, "answers", LabelMap) not in COLUMNS:
        raise ConfigError("--track follows things (task detect) and points (task pose); this run finds something else")
    answers = getattr(predictor.recipe.task, "answers", LabelMap)
    film_file, lines_file = (folder / file for file in files_of(name, track=False))
    count = 0
    with ExitStack() as stack:
        film, frames = stack.enter_context(_opened(source))
        lines = stack.enter_context(lines_file.open("w", encoding="utf-8"))
        out = stack.enter_context(_Writer(film_file))
        place = folder / (name + TRACKS)
        table = None if tracker is None else stack.enter_context(closing(Table(place, COLUMNS[answers])))
        try:
            for count, frame in enumerate(frames, start=1):
                if tracker is None or table is None:
                    prediction = predictor(frame).prediction
                    drawn, plain = drawing.draw(frame, prediction), prediction.to_json()
                else:
                    drawn, plain = followed(predictor, frame, tracker, table, count - 1)
                plain["id"] = f"{film.name}-{count - 1:06d}"
                out.write(drawn, film.rate)
                lines.write(json.dumps({"frame": count - 1, "second": (count - 1) / film.rate, **plain}) + "\n")
                if progress is not None:
                    progress(count, max(film.frames, count))
                if count == most:
                    break
        except KeyboardInterrupt:
            if not source.startswith(CAMERA):  # a camera ends in no other way
                raise
    if not count:
        for file in files_of(name, track=tracker is not None):
            (folder / file).unlink(missing_ok=True)
        raise DataError(source, "holds no frame that can be decoded")
    return {"source": source, "frames": count, "size": list(film.size), "rate": film.rate}


class _Writer:
    """A film that begins with its first frame and appears under its name when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path, self._beside = path, path.with_name(f".{path.name}.part.mp4")
        self._film: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __enter__(self) -> _Writer:
        return self

    def write(self, picture: np.ndarray, rate: float) -> None:
        if self._film is None:
            self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)  # codecs want even sides
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._film = cv2.VideoWriter(str(self._beside), code, rate, self._size)
            if not self._film.isOpened():
                raise ConfigError(f"{self._path}: this build of OpenCV cannot write mp4")
        even = picture[: self._size[1], : self._size[0]]
        self._film.write(cv2.cvtColor(np.ascontiguousarray(even), cv2.COLOR_RGB2BGR))

    def __exit__(self, kind: object, *_: object) -> None:
        if self._film is not None:
            self._film.release()
            if kind is None:
                self._beside.replace(self._path)
            self._beside.unlink(missing_ok=True)


@contextmanager
def _opened(source: str) -> Generator[tuple[Film, Iterator[np.ndarray]]]:
    camera = source.startswith(CAMERA)
    if camera and not source.removeprefix(CAMERA).isdecimal():
        raise ConfigError(f"{source}: a camera is {CAMERA}0, {CAMERA}1 ...")
    if not camera and not Path(source).is_file():
        raise DataError(source, "does not exist")
    capture = cv2.VideoCapture(int(source.removeprefix(CAMERA)) if camera else source)
    try:
        if not capture.isOpened():
            raise DataError(source, "is no such camera" if camera else "is no film that can be decoded: copy it again")
        rate = capture.get(cv2.CAP_PROP_FPS)
        film = Film(
            name=source.replace(":", "-") if camera else Path(source).stem,
            rate=rate if 0 < rate < 1000 else RATE,
            frames=0 if camera else max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))),
            size=(int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))),
        )
        yield film, _frames(capture)
    finally:
        capture.release()


def _frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    """[h w 3] uint8 RGB, until there are no more."""
    while True:
        there, frame = capture.read()
        if not there or frame is None:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
