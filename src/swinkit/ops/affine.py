"""Affine maps of any rank: composition, points, and the one random draw that augments a sample.

Coordinates follow the axes of the array (rows before columns) and are continuous: cell i covers [i, i + 1), so its
centre is i + 0.5. A matrix [(rank + 1) (rank + 1)] takes points of the input to points of the output; boxes and key
points use it as it is, a warp that looks up the input for each output cell uses its inverse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Num

Matrix = Float64[np.ndarray, "n n"]
Numbers = Sequence[float] | Sequence[int] | np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """How far a random affine may go; the defaults allow nothing."""

    zoom: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest factor on all axes together, drawn evenly on a logarithmic scale."""
    stretch: float = 0.0
    """Each axis is scaled by up to 1 + stretch or its inverse; the product over the axes stays 1."""
    flip: tuple[float, ...] = ()
    """Probability of a flip for each axis; missing axes are never flipped."""
    rotate: float = 0.0
    """Largest rotation in each plane of two axes, in degrees, either way."""
    shear: float = 0.0
    """Largest shear angle in each plane of two axes, in degrees, either way."""

    def __post_init__(self) -> None:
        low, high = self.zoom
        if not 0 < low <= high < math.inf:
            raise ValueError(f"zoom {self.zoom}: give a smallest and a largest factor, both positive")
        if not 0 <= self.stretch < math.inf:
            raise ValueError(f"stretch {self.stretch}: give 0 or more")
        if any(not 0 <= chance <= 1 for chance in self.flip):
            raise ValueError(f"flip {self.flip}: probabilities lie in 0..1")
        if not 0 <= self.rotate <= 180 or not 0 <= self.shear < 90:
            raise ValueError(f"rotate {self.rotate}, shear {self.shear}: degrees, 0..180 and 0..89")


def identity(rank: int) -> Matrix:
    """The map that changes nothing, float64."""
    return np.eye(rank + 1)


def scaling(factors: Numbers) -> Matrix:
    """Multiply each axis by its factor, about the origin; a negative factor mirrors."""
    return np.diag([*factors, 1.0])


def translation(offsets: Numbers) -> Matrix:
    """Add an offset to each axis."""
    matrix = identity(len(offsets))
    matrix[:-1, -1] = offsets
    return matrix


def rotation(rank: int, plane: tuple[int, int], radians: float) -> Matrix:
    """Turn about the origin in the plane of two axes, from the first axis towards the second."""
    first, second = plane
    matrix = identity(rank)
    cosine, sine = math.cos(radians), math.sin(radians)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def shearing(rank: int, axis: int, along: int, amount: float) -> Matrix:
    """Move each point along one axis by `amount` times its coordinate on another."""
    matrix = identity(rank)
    matrix[axis, along] += amount
    return matrix


def compose(*matrices: Matrix) -> Matrix:
    """One map that applies the given ones from right to left."""
    result = matrices[-1]
    for matrix in reversed(matrices[:-1]):
        result = matrix @ result
    return result


def transform(matrix: Matrix, points: Num[np.ndarray, "*many rank"]) -> Float64[np.ndarray, "*many rank"]:
    """Map points [... rank]; float64."""
    return np.asarray(points, np.float64) @ matrix[:-1, :-1].T + matrix[:-1, -1]


def resizing(space: Sequence[int], size: Sequence[int]) -> Matrix:
    """The map that fits the whole of `space` into `size`, edges on edges."""
    return scaling([new / old for old, new in zip(space, size, strict=True)])


def draw(
    rng: np.random.Generator, ranges: Ranges, space: Sequence[int], size: Sequence[int], scale: float = 1.0
) -> Matrix:
    """A random map from an input of `space` cells to an output of `size` cells.

    The output is a window of the zoomed, turned input, placed evenly over it: fully inside where it fits, otherwise
    the input lies anywhere inside the output. `scale` multiplies the zoom. The final offset is rounded to whole
    output cells, so that a pure crop or flip copies cells without interpolation. Every call takes the same number of
    draws from `rng`, whatever the ranges are, so switching one operation on does not change the others.
    """
    rank = len(space)
    linear, zooms = _linear(rng, ranges, rank, scale)
    places = rng.uniform(-1.0, 1.0, rank)
    centre = [
        length / 2 + place * abs(length - wanted / zoom) / 2
        for length, wanted, zoom, place in zip(space, size, zooms, places, strict=True)
    ]
    matrix = compose(translation([length / 2 for length in size]), linear, translation([-middle for middle in centre]))
    matrix[:-1, -1] = np.rint(matrix[:-1, -1])
    return matrix


def _linear(
    rng: np.random.Generator, ranges: Ranges, rank: int, scale: float
) -> tuple[Matrix, Float64[np.ndarray, " rank"]]:
    """Zoom, stretch, flip, rotation and shear about the origin; and the zoom of each axis."""
    low, high = ranges.zoom
    zoom = scale * math.exp(rng.uniform(math.log(low), math.log(high)))
    stretches = rng.uniform(-1.0, 1.0, rank) * math.log1p(ranges.stretch)
    zooms = zoom * np.exp(stretches - stretches.mean())
    chances = (*ranges.flip, *[0.0] * rank)[:rank]
    signs = np.where(rng.random(rank) < chances, -1.0, 1.0)
    matrix = scaling(zooms * signs)
    for first in range(rank):
        for second in range(first + 1, rank):
            turn, slant = rng.uniform(-1.0, 1.0, 2)
            sheared = shearing(rank, second, first, math.tan(math.radians(ranges.shear * slant)))
            matrix = compose(rotation(rank, (first, second), math.radians(ranges.rotate * turn)), sheared, matrix)
    return matrix, zooms
