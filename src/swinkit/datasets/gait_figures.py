"""Stick figures that walk, run, limp, hop, sneak and march: joint angles over a stride, and a camera that looks on.

Angles are in degrees in the plane of motion; a stride's phase runs over 2 pi, and the legs are half a stride apart. The
hip swings as a cosine, the knee bends while its leg is carried forward (roughly the curves of Winter 1991), arms swing
against the legs. The supporting foot stands on the ground, which lifts and lowers the body, and running and
hopping have a flight on top. Lengths are shares of the body's height (Drillis and Contini 1966).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

POINTS = ("nose", *(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
                    for side in ("left", "right")))  # fmt: skip
RATE = 25.0
"""Frames a second."""
LENGTHS = {
    "thigh": 0.245, "shank": 0.246, "torso": 0.288, "upper": 0.186, "lower": 0.17, "shoulder": 0.125, "hip": 0.08,
    "neck": 0.1, "face": 0.06,
}  # fmt: skip
"""Shoulder and hip: half the distance between both. Lower: to the middle of the hand."""


@dataclass(frozen=True, kw_only=True)
class Gait:
    """One way to move."""

    pace: float
    """Strides (hops) a second."""
    swing: float
    """How far the hip swings each way."""
    knee: float
    """How far the knee bends more while its leg is carried forward."""
    bent: float = 5.0
    """How far the knees are always bent."""
    lift: float = 0.0
    """How far the hip bends more while its leg is carried forward."""
    lean: float = 3.0
    """Of the trunk, forward."""
    arms: float = 22.0
    """How far they swing each way."""
    elbow: float = 18.0
    flight: float = 0.0
    """How high the body flies between two steps."""
    lame: float = 0.0
    """How much less one leg does, and how much the trunk sways over it."""
    hops: bool = False
    """On one leg, the other one is held."""


GAITS = {
    "walk": Gait(pace=0.95, swing=24, knee=52),
    "run": Gait(pace=1.35, swing=36, knee=78, bent=16, lean=9, arms=34, elbow=80, flight=0.035),
    "limp": Gait(pace=0.8, swing=24, knee=50, lame=0.6),
    "hop": Gait(pace=1.7, swing=7, knee=26, bent=20, lean=5, arms=12, elbow=40, flight=0.06, hops=True),
    "sneak": Gait(pace=0.62, swing=21, knee=52, bent=34, lean=21, arms=10, elbow=60),
    "march": Gait(pace=0.92, swing=18, knee=60, lift=38, lean=0, arms=36, elbow=10),
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """How one person is built and moves."""

    lengths: dict[str, float]
    style: dict[str, float]
    """Factors on the numbers of a gait."""
    lean: float
    sides: tuple[float, float]
    """How much each leg does: nobody is quite even."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Person:
        """A person at random."""
        names = ("pace", "swing", "knee", "bent", "lift", "arms", "elbow", "flight")
        one, other = rng.normal(1, 0.07, 2)
        return cls(
            lengths={name: length * float(rng.normal(1, 0.07)) for name, length in LENGTHS.items()},
            style={name: float(np.exp(rng.normal(0, 0.16))) for name in names},
            lean=float(rng.normal(0, 4)),
            sides=(float(one), float(other)),
        )


def figure(gait: Gait, person: Person, frames: int, rng: np.random.Generator) -> np.ndarray:
    """[points 3 frames] forward, left and up, in body heights; phase, vigour and the lame or hopping leg are drawn."""
    style = {name: value * float(np.exp(rng.normal(0, 0.08))) for name, value in person.style.items()}
    phase = 2 * math.pi * (rng.random() + gait.pace * style["pace"] * np.arange(frames) / RATE)
    weak, lengths = int(rng.integers(2)), person.lengths
    legs = [_leg(gait, style, phase + math.pi * side, person.sides[side], side == weak) for side in (0, 1)]
    bones = [_bones((hip, hip - knee), (lengths["thigh"], lengths["shank"])) for hip, knee in legs]
    reach = np.stack([-(thigh + shank)[2] for thigh, shank in bones])
    height = reach[1 - weak] if gait.hops else reach.max(0)
    wave = np.sin(phase) if gait.hops else np.sin(2 * phase)
    height = height + gait.flight * style["flight"] * np.maximum(wave, 0) * 2
    sway = gait.lame * 9 * np.maximum(np.cos(phase + math.pi * weak - 0.6), 0) * (1 if weak == 0 else -1)
    lean = np.radians(gait.lean + person.lean + 2 * np.sin(2 * phase))
    side = np.radians(sway + 1.5 * np.cos(phase))
    up = np.stack([np.sin(lean), np.sin(side), np.cos(lean) * np.cos(side)])
    pelvis = np.stack([np.zeros(frames), np.zeros(frames), height])
    chest = pelvis + lengths["torso"] * up
    places = {"nose": chest + lengths["neck"] * up + np.array([[lengths["face"]], [0], [0]])}
    twist = np.radians(7 * style["arms"]) * np.cos(phase)
    for number, name in enumerate(("left", "right")):
        sign = 1 - 2 * number
        width = np.stack([-np.sin(twist) * sign, np.full(frames, float(sign)), np.zeros(frames)])
        places[f"{name}_hip"] = pelvis + lengths["hip"] * np.array([[0.0], [sign], [0]])
        places[f"{name}_knee"] = places[f"{name}_hip"] + bones[number][0]
        places[f"{name}_ankle"] = places[f"{name}_knee"] + bones[number][1]
        places[f"{name}_shoulder"] = chest + lengths["shoulder"] * width
        swing = -gait.arms * style["arms"] * np.cos(phase + math.pi * number) * (0.3 if gait.hops else 1)
        elbow = gait.elbow * style["elbow"] + 0.25 * np.abs(swing)
        spread = 25.0 if gait.hops else 6.0
        upper, lower = _bones((swing, swing + elbow), (lengths["upper"], lengths["lower"]))
        upper[1] += sign * lengths["upper"] * math.sin(math.radians(spread))
        places[f"{name}_elbow"] = places[f"{name}_shoulder"] + upper
        places[f"{name}_wrist"] = places[f"{name}_elbow"] + lower
    return np.stack([places[name] for name in POINTS])


def filmed(body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[points 3 frames] x, y and score as a pose estimator sees the figure from any side: pixels with noise, some
    points lost for a while, more of those on the far side, and what it says of these is of a low score."""
    frames = body.shape[2]
    turn, tilt = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(-5, 20))
    across = math.cos(turn) * body[:, 0] + math.sin(turn) * body[:, 1]
    depth = -math.sin(turn) * body[:, 0] + math.cos(turn) * body[:, 1]
    size = rng.uniform(60, 220) * np.linspace(1, rng.uniform(0.85, 1.15), frames)
    travel = math.cos(turn) * rng.uniform(0, 0.06) * np.arange(frames)
    x = rng.uniform(100, 500) + size * (across + travel)
    y = rng.uniform(250, 400) - size * (math.cos(tilt) * body[:, 2] + math.sin(tilt) * depth)
    noise = rng.normal(0, rng.uniform(0.006, 0.02), (len(body), 2, frames)) * size
    points = np.stack([x, y], 1) + noise
    far = depth > depth.mean(0, keepdims=True)
    lost = _lost(rng, rng.uniform(0, 0.08) * (1 + far))
    points += np.where(lost[:, None], rng.normal(0, 0.15, points.shape) * size, 0)
    score = np.where(lost, rng.uniform(0, 0.09, lost.shape), rng.beta(8, 2, lost.shape))
    return np.concatenate([points, score[:, None]], 1).astype(np.float32)


def _leg(
    gait: Gait, style: dict[str, float], phase: np.ndarray, much: float, weak: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Flexion of hip and knee in degrees."""
    bent = gait.bent * style["bent"]
    if gait.hops and weak:  # the leg that is held
        return 12 + 4 * np.sin(phase), 70 * style["knee"] + 5 * np.cos(phase)
    if gait.hops:
        push = (1 - np.sin(phase)) / 2
        return bent / 2 + gait.swing * style["swing"] * push, bent + gait.knee * style["knee"] * push
    much = much * (1 - gait.lame) if weak else much
    carried = _bump(phase, 1.55 * math.pi, 0.55) * much
    loaded = 0.25 * _bump(phase, 0.25 * math.pi, 0.4)
    hip = (
        bent * 0.7 + gait.swing * style["swing"] * (much + 1) / 2 * np.cos(phase) + gait.lift * style["lift"] * carried
    )
    return hip, bent + gait.knee * style["knee"] * (carried + loaded * 0.6)


def _bump(phase: np.ndarray, middle: float, width: float) -> np.ndarray:
    """1 in the middle, falling off on both sides, once a stride."""
    return np.exp((np.cos(phase - middle) - 1) / width**2)


def _bones(angles: tuple[np.ndarray, np.ndarray], lengths: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """[3 frames] twice: from joint to joint, hanging down at 0 and forward at 90 degrees."""
    first, second = (
        length * np.stack([np.sin(np.radians(angle)), np.zeros(len(angle)), -np.cos(np.radians(angle))])
        for angle, length in zip(angles, lengths, strict=True)
    )
    return first, second


def _lost(rng: np.random.Generator, rate: np.ndarray) -> np.ndarray:
    """[points frames] which are lost, in stretches of about six frames."""
    lost = np.zeros(rate.shape, bool)
    begins = rng.random(rate.shape) < rate / 6
    for point, frame in zip(*np.nonzero(begins), strict=True):
        lost[point, frame : frame + rng.geometric(1 / 6)] = True
    return lost
