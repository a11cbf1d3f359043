"""Things followed from frame to frame: who is who, and where they are between what is found.

ByteTrack (Zhang et al. 2022): sure detections are matched to the tracks first, then the doubtful ones to what is left,
each by overlap with where a Kalman filter expects the thing (SORT, Bewley et al. 2016; noise as in DeepSORT).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from swinkit.files import ConfigError
from swinkit.ops import boxes
from swinkit.types import Detections

POSITION, VELOCITY = 1 / 20, 1 / 160
"""Standard deviations of the noise, in heights of the box (Wojke et al. 2017)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """How things are followed."""

    sure: float | None = None
    """Scores from which a detection is matched first and may begin a track; None: from which the run itself is sure
    (`Detections.sure`)."""
    doubtful: float = 0.1
    """Scores below which a detection is not looked at."""
    overlap: float = 0.2
    """Smallest IoU of a match."""
    twice: float = 0.7
    """IoU from which two boxes are one thing that was found under two classes: the better one is followed."""
    kept: int = 30
    """Frames for which a track that is not found waits."""
    confirmed: int = 2
    """Frames in which a thing has to be found before it is told of, but in the first one."""

    def __post_init__(self) -> None:
        if not 0 <= self.doubtful <= (1 if self.sure is None else self.sure) <= 1:
            raise ConfigError(f"{self}: scores go from doubtful up to sure, all within 0 to 1")
        if not 0 < self.overlap < 1 or not 0 < self.twice <= 1:
            raise ConfigError(f"{self}: overlap lies between 0 and 1, and twice above 0")
        if self.kept < 0 or self.confirmed < 1:
            raise ConfigError(f"{self}: kept is 0 or more frames, confirmed at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """One thing in one frame."""

    number: int
    """Of its track, from 1."""
    box: np.ndarray
    """[4] float64: left, top, right, bottom edges in pixels, smoothed."""
    label: int
    score: float
    detection: int
    """Its index among the frame's detections."""


@dataclass(slots=True)
class _Track:
    number: int
    mean: np.ndarray
    """[8]: centre x and y, width, height and how they change from frame to frame."""
    spread: np.ndarray
    """[8 8] covariance."""
    label: int
    found: int = 1
    missing: int = 0
    told: bool = False
    votes: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def box(self) -> np.ndarray:
        x, y, width, height = self.mean[:4]
        return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


class Tracker:
    """Follows the things of one film; hand it every frame's detections in order."""

    def __init__(self, settings: Tracking | None = None) -> None:
        self.settings = settings or Tracking()
        self._tracks: list[_Track] = []
        self._next, self._frames = 1, 0

    def update(self, found: Detections) -> list[Tracked]:
        """The things that are seen in this frame."""
        self._frames += 1
        for track in self._tracks:
            _predict(track)
        places, scores, labels = (each.double().numpy() for each in (found.boxes, found.scores, found.labels))
        least = found.sure if self.settings.sure is None else self.settings.sure
        kept = single(places, scores, self.settings.twice)
        sure = kept[scores[kept] >= least]
        doubtful = kept[(scores[kept] >= self.settings.doubtful) & (scores[kept] < least)]
        seen: dict[int, int] = {}
        waiting = list(range(len(self._tracks)))
        free: list[int] = []
        for first, candidates in ((True, sure), (False, doubtful)):
            pairs = self._matched([self._tracks[index] for index in waiting], places[candidates])
            taken = {candidate for _, candidate in pairs}
            for track, candidate in pairs:
                seen[waiting[track]] = int(candidates[candidate])
            matched = {track for track, _ in pairs}
            waiting = [index for place, index in enumerate(waiting) if place not in matched]
            if first:
                free = [int(candidates[place]) for place in range(len(candidates)) if place not in taken]
        for index, detection in seen.items():
            _correct(self._tracks[index], places[detection], int(labels[detection]), float(scores[detection]))
        for index in waiting:
            self._tracks[index].missing += 1
        told = [self._told(self._tracks[index], detection, scores) for index, detection in seen.items()]
        for detection in free:
            track = self._begun(places[detection], int(labels[detection]), float(scores[detection]))
            told.append(self._told(track, detection, scores))
        self._tracks = [track for track in self._tracks if self._lives(track)]
        return sorted((each for each in told if each is not None), key=lambda each: each.number)

    def _matched(self, tracks: list[_Track], found: np.ndarray) -> list[tuple[int, int]]:
        """(track, box) pairs of the greatest total overlap."""
        if not tracks or not len(found):
            return []
        overlaps = iou(np.stack([track.box for track in tracks]), found)
        rows, columns = linear_sum_assignment(overlaps, maximize=True)
        kept = overlaps[rows, columns] >= self.settings.overlap
        return list(zip(rows[kept].tolist(), columns[kept].tolist(), strict=True))

    def _begun(self, box: np.ndarray, label: int, score: float) -> _Track:
        mean = np.concatenate([_centred(box), np.zeros(4)])
        noise = np.array([2 * POSITION] * 4 + [10 * VELOCITY] * 4) * max(mean[3], 1.0)
        track = _Track(0, mean, np.diag(noise**2), label, votes={label: score})
        self._tracks.append(track)
        return track

    def _told(self, track: _Track, detection: int, scores: np.ndarray) -> Tracked | None:
        track.told |= track.found >= self.settings.confirmed or self._frames == 1
        if not track.told:
            return None
        if not track.number:
            track.number, self._next = self._next, self._next + 1
        return Tracked(
            number=track.number, box=track.box, label=track.label, score=float(scores[detection]), detection=detection
        )

    def _lives(self, track: _Track) -> bool:
        return track.missing <= (self.settings.kept if track.told else 0)


def iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[n m] overlap of boxes [n 4] and [m 4] over their union."""
    return boxes.pairwise(boxes.iou, torch.from_numpy(one), torch.from_numpy(other)).numpy()


def single(boxes: np.ndarray, scores: np.ndarray, near: float) -> np.ndarray:
    """Indices of the boxes [n 4] but those that overlap a better one by `near`."""
    overlaps, kept = iou(boxes, boxes), list[int]()
    for index in np.argsort(-scores, kind="stable").tolist():
        if (overlaps[index, kept] < near).all():
            kept.append(index)
    return np.array(sorted(kept), np.int64)


def _centred(box: np.ndarray) -> np.ndarray:
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])


_STEP = np.eye(8) + np.eye(8, k=4)


def _predict(track: _Track) -> None:
    """One frame on."""
    noise = np.array([POSITION] * 4 + [VELOCITY] * 4) * max(track.mean[3], 1.0)
    track.mean = _STEP @ track.mean
    track.mean[2:4] = np.maximum(track.mean[2:4], 1e-3)
    track.spread = _STEP @ track.spread @ _STEP.T + np.diag(noise**2)


def _correct(track: _Track, box: np.ndarray, label: int, score: float) -> None:
    """What was found moves the track towards it; the class is that of the highest total score."""
    noise = np.diag((np.full(4, POSITION) * max(track.mean[3], 1.0)) ** 2)
    gain = np.linalg.solve(track.spread[:4, :4] + noise, track.spread[:4]).T
    track.mean = track.mean + gain @ (_centred(box) - track.mean[:4])
    track.spread = track.spread - gain @ track.spread[:4]
    track.found, track.missing = track.found + 1, 0
    track.votes[label] = track.votes.get(label, 0.0) + score
    track.label = max(track.votes, key=lambda key: track.votes[key])
