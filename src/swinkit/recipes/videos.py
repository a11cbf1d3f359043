"""Films and cameras: frames in, answers and an overlay film out, one frame in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
import torch

from swinkit.files import ConfigError, DataError
from swinkit.modalities.image import drawing
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.scenes import Scenes
from swinkit.recipes.tracking import Tracked, Tracker, Tracking
from swinkit.types import Detections, Keypoints

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
    """Write NAME-overlay.mp4 and NAME.jsonl, an answer a line, and with `tracking` NAME-tracks.csv, a thing a line.

    Args:
        source: a film, or `camera:0`.
        most: frames to look at; None: all, of a camera until it is interrupted, which keeps what was written.

    Raises:
        DataError: it cannot be opened, or holds no frame.
        ConfigError: there is nothing to follow in what the run finds.
    """
    tracker = None if tracking is None else Tracker(tracking)
    finder = predictor.finder if isinstance(predictor, Scenes) else predictor
    if tracker is not None and getattr(finder.recipe.task, "answers", None) is not Detections:
        raise ConfigError("--track follows things that a run finds (task detect); this run finds something else")
    film_file, lines_file = (folder / file for file in files_of(name, track=False))
    count = 0
    with ExitStack() as stack:
        film, frames = stack.enter_context(_opened(source))
        lines = stack.enter_context(lines_file.open("w", encoding="utf-8"))
        out = stack.enter_context(_Writer(film_file))
        table = None if tracker is None else stack.enter_context(closing(_Table(folder / (name + TRACKS))))
        try:
            for count, frame in enumerate(frames, start=1):
                if tracker is None or table is None:
                    prediction = predictor(frame).prediction
                    drawn, plain = drawing.draw(frame, prediction), prediction.to_json()
                else:
                    drawn, plain = _followed(predictor, frame, tracker, table, count - 1)
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


def _followed(
    predictor: Predictor, frame: np.ndarray, tracker: Tracker, table: _Table, index: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """The frame with the things that are followed drawn, and they as plain values, each with the number of its
    `track`."""
    scenes = predictor if isinstance(predictor, Scenes) else None
    found: Detections = predictor(frame).prediction if scenes is None else scenes.found(frame)  # type: ignore[assignment]
    tracked = tracker.update(found)
    for each in tracked:
        table.write(index, each, found.classes)
    things = _tracked(found, tracked)
    answer = things if scenes is None else scenes.posed(frame, things)
    plain = answer.to_json()
    for thing, each in zip(plain["objects"], tracked, strict=True):
        thing["track"] = each.number
    drawn = drawing.figures(frame, answer.points.numpy(), answer.skeleton) if isinstance(answer, Keypoints) else frame
    factor = drawn.shape[1] / frame.shape[1]  # small frames were enlarged
    words = [f"{each.number} {things.classes[each.label]}" for each in tracked]
    numbers = np.array([each.number for each in tracked], np.int64)  # a colour a track
    masks = None if things.masks is None or factor != 1 else things.masks.numpy()
    return drawing.things(drawn, things.boxes.numpy() * factor, numbers, words, masks), plain


def _tracked(prediction: Detections, tracked: list[Tracked]) -> Detections:
    """The things that are followed, where their tracks have them."""
    boxes = np.array([each.box for each in tracked], np.float32).reshape(-1, 4)
    which = torch.tensor([each.detection for each in tracked], dtype=torch.int64)
    labels = torch.tensor([each.label for each in tracked], dtype=torch.int64)
    return replace(prediction.chosen(which), boxes=torch.from_numpy(boxes), labels=labels)


class _Table:
    """Tracks as CSV."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")
        self._file.write("frame,track,class,score,left,top,right,bottom\n")

    def write(self, frame: int, each: Tracked, classes: tuple[str, ...]) -> None:
        places = ",".join(f"{value:.2f}" for value in each.box)
        self._file.write(f"{frame},{each.number},{classes[each.label]},{each.score:.4f},{places}\n")

    def close(self) -> None:
        self._file.close()


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
