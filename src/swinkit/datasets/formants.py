"""English digits spoken by rule: a small formant synthesiser with seeded speakers.

A sound is a buzz at the speaker's pitch and a hiss, both shaped by resonances that glide from one phone's formants to
the next (as in Klatt 1980, in frames of 5 ms with overlap and add). Formants of vowels are the men's means of Peterson
and Barney (1952), of consonants about those of Klatt's table; a speaker scales all of them by the length of a vocal
tract, and has a pitch, a pace, a tilt and habits of his own. It is no natural speech: it is there so that the whole way
from sound to text can be tried and tested without any download.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE = 8000
_FRAME = 40
"""Samples between two frames of the filter."""
_SIZE = 256

PHONES: dict[str, tuple[float, float, float, float, float, float, float]] = {
    # name: three formants in Hz, buzz, hiss, where the hiss is in Hz (0: as the formants), seconds
    "iy": (270, 2290, 3010, 1.0, 0.0, 0, 0.12), "ih": (390, 1990, 2550, 1.0, 0.0, 0, 0.09),
    "eh": (530, 1840, 2480, 1.0, 0.0, 0, 0.10), "ah": (640, 1190, 2390, 1.0, 0.0, 0, 0.10),
    "ao": (570, 840, 2410, 1.0, 0.0, 0, 0.13), "aa": (730, 1090, 2440, 1.0, 0.0, 0, 0.10),
    "uw": (300, 870, 2240, 0.9, 0.0, 0, 0.14), "ow": (450, 900, 2300, 1.0, 0.0, 0, 0.14),
    "ey": (480, 2000, 2550, 1.0, 0.0, 0, 0.10), "r": (400, 1150, 1600, 0.7, 0.0, 0, 0.08),
    "w": (290, 610, 2150, 0.6, 0.0, 0, 0.07), "n": (250, 1400, 2400, 0.35, 0.0, 0, 0.09),
    "v": (220, 1100, 2080, 0.3, 0.05, 3000, 0.06), "z": (240, 1390, 2530, 0.25, 0.15, 3500, 0.09),
    "s": (320, 1390, 2530, 0.0, 0.35, 3600, 0.12), "f": (340, 1100, 2080, 0.0, 0.10, 2600, 0.10),
    "th": (320, 1290, 2540, 0.0, 0.06, 2200, 0.09), "t": (400, 1600, 2600, 0.0, 0.30, 3200, 0.04),
    "k": (300, 1990, 2850, 0.0, 0.28, 1900, 0.05), "-": (400, 1500, 2500, 0.0, 0.0, 0, 0.05),
}  # fmt: skip
WORDS = {
    "zero": "z ih r ow", "one": "w ah n", "two": "- t uw", "three": "th r iy", "four": "f ao r", "five": "f aa iy v",
    "six": "s ih - k s", "seven": "s eh v ah n", "eight": "ey iy - t", "nine": "n aa iy n",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """How one voice differs from another."""

    tract: float
    """Factor on all formants."""
    pitch: float
    """Hz."""
    pace: float
    """Factor on all durations."""
    tilt: float
    """How fast the buzz falls with frequency, in powers."""
    breath: float
    """Hiss within the buzz."""
    habits: np.ndarray
    """[phones 3] factors on the formants of every phone."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Speaker:
        """Another voice: low ones have longer tracts."""
        tract = float(rng.uniform(0.88, 1.2))
        return cls(
            tract=tract,
            pitch=float(90 * 2 ** ((tract - 0.88) / 0.32) * rng.uniform(0.9, 1.15)),
            pace=float(rng.uniform(0.75, 1.35)),
            tilt=float(rng.uniform(0.8, 1.6)),
            breath=float(rng.uniform(0.0, 0.1)),
            habits=rng.uniform(0.94, 1.06, (len(PHONES), 3)),
        )


def spoken(word: str, speaker: Speaker, rng: np.random.Generator) -> np.ndarray:
    """[samples] float32 at 8 kHz: one of `WORDS` in that voice, a little different every time."""
    names = list(PHONES)
    rows = [PHONES[name] for name in WORDS[word].split()]
    habits = np.array([speaker.habits[names.index(name)] for name in WORDS[word].split()])
    targets = np.array([row[:6] for row in rows])
    targets[:, :3] *= habits * speaker.tract * rng.uniform(0.97, 1.03, (len(rows), 3))
    lengths = np.array([row[6] for row in rows]) * speaker.pace * rng.uniform(0.85, 1.2, len(rows))
    middles = np.cumsum(lengths) - lengths / 2
    count = max(4, round(lengths.sum() * RATE / _FRAME))
    times = (np.arange(count) + 0.5) * _FRAME / RATE
    tracks = np.stack([np.interp(times, middles, targets[:, column]) for column in range(6)], 1)
    edge = np.minimum(1.0, np.minimum(times, times[-1] - times + 1e-3) / 0.02)
    return _filtered(tracks, edge, speaker, rng)


def _filtered(tracks: np.ndarray, edge: np.ndarray, speaker: Speaker, rng: np.random.Generator) -> np.ndarray:
    """Buzz and hiss through the resonances of every frame [frames 6], overlapped and added."""
    count = len(tracks)
    samples = count * _FRAME + _SIZE
    bend = rng.uniform(-0.12, 0.04)
    pitch = speaker.pitch * rng.uniform(0.95, 1.05) * (1 + bend * np.linspace(0, 1, samples))
    phase = np.cumsum(pitch / RATE)
    buzz = np.diff(np.floor(phase), prepend=0) * np.sqrt(RATE / pitch)
    hiss = rng.standard_normal(samples)
    bins = np.fft.rfftfreq(_SIZE, 1 / RATE)
    out = np.zeros(samples)
    window = np.hanning(_SIZE)
    for index, (row, level) in enumerate(zip(tracks, edge, strict=True)):
        shape = sum(
            gain / (1 + ((bins - formant) / (45 + 0.035 * formant)) ** 2)
            for formant, gain in zip(row[:3], (1.0, 0.6, 0.35), strict=True)
        )
        place = slice(index * _FRAME, index * _FRAME + _SIZE)
        voiced = np.fft.rfft(window * (buzz[place] + speaker.breath * hiss[place]))
        noise = np.fft.rfft(window * hiss[place])
        where = np.exp(-(((bins - row[5] * min(speaker.tract, 1.05)) / 700) ** 2)) if row[5] > 500 else shape
        spectrum = row[3] * voiced * shape * (1 + bins / 500) ** -speaker.tilt * 4 + row[4] * noise * where
        out[place] += level * np.fft.irfft(spectrum, _SIZE)
    return (out / (np.abs(out).max() + 1e-9) * rng.uniform(0.3, 0.9)).astype(np.float32)
