"""Films of moving digits with their truth: what `tracking.py` follows.

The digits, their look (size, colour, soft ink) and the photographs are those of the digit scenes; a split uses only
that split's digits and part of the photographs. Each digit crosses the frame on a straight line with a sway and turns a
little; it enters and leaves, meets others on its way, passes over or under them, and in every second film behind a
post. The truth holds what is seen of a digit, as in the scenes, while that is at least a quarter of its pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from swinkit.datasets.digit_scenes import CHANNELS, SCALES, dealt
from swinkit.datasets.digit_sources import handwritten, photographs
from swinkit.metrics import Seen

SIZE = (128, 192)
SPEEDS = (1.0, 4.0)
"""Pixels a frame."""
DIGITS = (6, 10)
"""In a film, at least and at most."""
POST = (20, 36)
"""Width of the post."""
SEEN = 0.25
"""Share of a digit's pixels from which it belongs to the truth."""
RATE = 25.0


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One film."""

    name: str
    frames: np.ndarray
    """[t h w 3] uint8 RGB."""
    truth: list[Seen]

    def write(self, folder: Path) -> Path:
        """As a film, compressed as films are."""
        path = folder / f"{self.name}.mp4"
        height, width = self.frames.shape[1:3]
        film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (width, height))
        for frame in self.frames:
            film.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        film.release()
        return path


@dataclass(frozen=True, kw_only=True)
class _Digit:
    """How one digit moves."""

    ink: np.ndarray
    scale: float
    colour: np.ndarray
    met: tuple[float, np.ndarray]
    """A frame, and where the middle of the digit is then: [2] x and y."""
    velocity: np.ndarray
    sway: tuple[float, float, float]
    """Pixels across its way, frames of a period, phase."""
    turn: tuple[float, float, float]
    """Degrees, frames of a period, phase."""

    def place(self, time: int) -> tuple[np.ndarray, float]:
        """Where its middle is, and how far it is turned in degrees."""
        size, period, phase = self.sway
        across = np.array([-self.velocity[1], self.velocity[0]]) / np.linalg.norm(self.velocity)
        middle = self.met[1] + (time - self.met[0]) * self.velocity
        degrees, other, start = self.turn
        return (
            middle + across * size * math.sin(2 * math.pi * time / period + phase),
            degrees * math.sin(2 * math.pi * time / other + start),
        )

    def opacity(self, time: int) -> np.ndarray:
        """[h w] float32 in a frame with a border as wide as a digit; as in the digit scenes."""
        (x, y), degrees = self.place(time)
        cosine, sine = (self.scale * each(math.radians(degrees)) for each in (math.cos, math.sin))
        old = (self.ink.shape[0] - 1) / 2
        matrix = np.array(
            [[cosine, sine, BORDER + x - (cosine + sine) * old], [-sine, cosine, BORDER + y - (cosine - sine) * old]]
        )
        size = (SIZE[1] + 2 * BORDER, SIZE[0] + 2 * BORDER)
        value = cv2.warpAffine(self.ink, matrix, size, flags=cv2.INTER_CUBIC)
        return np.clip((value - 0.35) * 3 + 0.5, 0, 1)


BORDER = 64
"""Pixels about the frame in which digits that come and go are drawn too, so that all of each is known."""


def clip(number: int, *, split: str, seed: int = 0, frames: int = 60) -> Clip:
    """The film of that number; a function of (seed, split, number) alone."""
    rng = np.random.default_rng([seed, ("train", "val", "test").index(split), number])
    background, digits = _background(rng, split), _digits(rng, split, frames)
    post = None
    if number % 2:
        width = int(rng.integers(*POST))
        left = int(rng.integers(SIZE[1] // 4, 3 * SIZE[1] // 4 - width))
        post = np.s_[:, left : left + width]
    drawn = [_frame(background, digits, post, time) for time in range(frames)]
    return Clip(
        name=f"{split}-{number:03d}",
        frames=np.stack([picture for picture, _ in drawn]),
        truth=[seen for _, seen in drawn],
    )


def _background(rng: np.random.Generator, split: str) -> np.ndarray:
    """[h w 3] float32, half as bright as the photograph."""
    pictures = photographs(right=split == "test")
    picture = pictures[rng.integers(len(pictures))]
    height, width = picture.shape[:2]
    wide = int(rng.integers(min(width, 160), min(width, 256) + 1))
    high = round(wide * SIZE[0] / SIZE[1])
    top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
    crop = picture[top : top + high, left : left + wide]
    return cv2.resize(crop, SIZE[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 2


def _digits(rng: np.random.Generator, split: str, frames: int) -> list[_Digit]:
    which = dealt(split)
    inks, _ = handwritten(which)
    digits: list[_Digit] = []
    for _ in range(int(rng.integers(DIGITS[0], DIGITS[1] + 1))):
        angle, speed = rng.uniform(0, 2 * math.pi), rng.uniform(*SPEEDS)
        if digits and rng.random() < 0.5:  # it meets another one
            time = rng.uniform(0.1, 0.9) * frames
            place = digits[rng.integers(len(digits))].place(int(time))[0] + rng.normal(0, 4, 2)
        else:
            time = rng.uniform(0, frames)
            place = rng.uniform(0.15, 0.85, 2) * SIZE[::-1]
        digits.append(
            _Digit(
                ink=inks[rng.integers(len(inks))],
                scale=rng.uniform(*SCALES),
                colour=rng.integers(CHANNELS[0], CHANNELS[1] + 1, 3).astype(np.float32),
                met=(time, place),
                velocity=speed * np.array([math.cos(angle), math.sin(angle)]),
                sway=(rng.uniform(0, 5), rng.uniform(25, 60), rng.uniform(0, 2 * math.pi)),
                turn=(rng.uniform(0, 20), rng.uniform(25, 60), rng.uniform(0, 2 * math.pi)),
            )
        )
    return digits


def _frame(background: np.ndarray, digits: list[_Digit], post: Any, time: int) -> tuple[np.ndarray, Seen]:
    picture = background.copy()
    inside = np.s_[BORDER : BORDER + SIZE[0], BORDER : BORDER + SIZE[1]]
    owner = np.full(SIZE, -1)
    sizes: list[int] = []
    for number, digit in enumerate(digits):
        opacity = digit.opacity(time)
        sizes.append(int((opacity >= 0.5).sum()))
        here = opacity[inside]
        picture += here[..., None] * (digit.colour - picture)
        owner[here >= 0.5] = number
    if post is not None:
        picture[post], owner[post] = 0.6 * background[post], -1
    numbers, boxes = [], []
    for number, size in enumerate(sizes):
        rows, columns = np.nonzero(owner == number)
        if size and len(rows) >= SEEN * size:
            numbers.append(number)
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    seen = Seen(np.array(numbers, np.int64), np.array(boxes, np.float64).reshape(-1, 4))
    return np.rint(picture).astype(np.uint8), seen
