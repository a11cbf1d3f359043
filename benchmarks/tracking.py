"""Things followed through films: `swinkit predict --track` against boxes that are linked frame by frame.

    python benchmarks/tracking.py                 validation films, to choose by
    python benchmarks/tracking.py --publish       the test films, into benchmarks/results/tracking.json

A detector of the digit scenes (trained here, or `--run FOLDER`) looks at films of moving digits (`moving_digits.py`).
Both sides see what it finds; everything is read from the files that `swinkit predict` writes. The baseline links each
frame's boxes to those of the frame before, greatest overlap first: no Kalman filter, no second round for doubtful
boxes, no memory of what was lost. It, too, takes a thing that was found under two classes for one. Its threshold and
overlap are the best of a few on the validation films, and so are the tracker's defaults. Jitter is how much the edges'
errors change from one frame to the next, on things and frames where both the track and its detection are right.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import say
from moving_digits import Clip, clip
from record import RESULTS, VERSIONS, rounded

from swinkit.metrics import Seen, TrackScores
from swinkit.recipes import detect, open_run, train
from swinkit.recipes.environment import environment
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.tracking import Tracking, iou, single

LINKED = (0.05, 0.1)
"""The baseline's least score and overlap: the best on the validation films of those below."""
TRIED = ((0.05, 0.1, 0.2, 0.3, 0.4), (0.1, 0.3, 0.5))
DRAWS = 2000
"""Resamplings of the films for an interval."""
Found = list[tuple[np.ndarray, np.ndarray]]
"""Boxes [n 4] and scores [n] of every frame."""


def detector(options: argparse.Namespace) -> Path:
    """The folder of a run that finds digits, trained with a fixed number of steps where none is named."""
    if options.run is not None:
        return options.run
    settings = {"training.steps": options.steps, "training.evaluate_every": max(1, options.steps // 2)}
    recipe = detect("digit_scenes", model="swin_nano", seed=options.seed, changes=settings)
    return train(recipe, options.out / "detector", overwrite=True, command="python benchmarks/tracking.py").dir


def followed(path: Path, frames: int) -> list[Seen]:
    """What a file of tracks says of every frame."""
    rows: dict[int, list[list[float]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[int(row["frame"])].append([float(row[name]) for name in ("track", "left", "top", "right", "bottom")])
    each = [np.array(rows[index]).reshape(-1, 5) for index in range(frames)]
    return [Seen(frame[:, 0].astype(np.int64), frame[:, 1:]) for frame in each]


def detected(path: Path) -> Found:
    """What a file of answers says of every frame."""
    found: Found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        things = json.loads(line)["objects"]
        boxes = np.array([thing["bbox"] for thing in things], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        found.append((boxes, np.array([thing["score"] for thing in things])))
    return found


def linked(found: Found, least: float, near: float) -> list[Seen]:
    """The baseline: every box goes on with the number of the box before that it overlaps most."""
    seen: list[Seen] = []
    last, following = Seen(np.zeros(0, np.int64), np.zeros((0, 4))), 1
    for boxes, scores in found:
        boxes, scores = boxes[scores >= least], scores[scores >= least]
        boxes = boxes[single(boxes, scores, Tracking().twice)]
        numbers, overlap = np.zeros(len(boxes), np.int64), iou(last.boxes, boxes)
        while overlap.size and overlap.max() >= near:
            row, column = np.unravel_index(overlap.argmax(), overlap.shape)
            numbers[column] = last.numbers[row]
            overlap[row], overlap[:, column] = -1, -1
        fresh = np.flatnonzero(numbers == 0)
        numbers[fresh], following = np.arange(following, following + len(fresh)), following + len(fresh)
        last = Seen(numbers, boxes)
        seen.append(last)
    return seen


def jitter(clips: Sequence[Clip], tracks: Sequence[list[Seen]], found: Sequence[Found]) -> dict[str, dict[str, float]]:
    """Root mean square, over edges, of the errors and of their changes from frame to frame, in pixels."""
    errors: dict[str, list[np.ndarray]] = defaultdict(list)
    changes: dict[str, list[np.ndarray]] = defaultdict(list)
    for one, track, frames in zip(clips, tracks, found, strict=True):
        before: dict[tuple[int, int], dict[str, np.ndarray]] = {}
        for truth, seen, (boxes, scores) in zip(one.truth, track, frames, strict=True):
            now: dict[tuple[int, int], dict[str, np.ndarray]] = {}
            for number, box, overlap in zip(*truth, iou(truth.boxes, seen.boxes), strict=True):
                raw = iou(box[None], boxes[scores >= Tracking().doubtful])[0]
                if min(overlap.max(initial=0), raw.max(initial=0)) < 0.5:
                    continue
                detection = boxes[scores >= Tracking().doubtful][raw.argmax()]
                key = (int(number), int(seen.numbers[overlap.argmax()]))
                now[key] = {"tracked": seen.boxes[overlap.argmax()] - box, "detected": detection - box}
            for key, pair in now.items():
                for name, error in pair.items():
                    errors[name].append(error)
                    if key in before:
                        changes[name].append(error - before[key][name])
            before = now
    rms = {"error_px": errors, "jitter_px": changes}
    return {what: {name: rounded(np.sqrt(np.mean(np.square(rows)))) for name, rows in of.items()}
            for what, of in rms.items()}  # fmt: skip


def scored(clips: Sequence[Clip], tracks: Sequence[list[Seen]]) -> dict[str, Any]:
    """Figures over the films, and the interval of IDF1 when films are drawn anew."""
    whole, films = TrackScores(), list[TrackScores]()
    for one, seen in zip(clips, tracks, strict=True):
        films.append(TrackScores())
        films[-1].update(one.truth, seen)
        whole.merge(films[-1])
    counts = np.array([[film.counts[name] for name in ("agree", "truth", "found")] for film in films])
    drawn = np.random.default_rng(0).integers(len(films), size=(DRAWS, len(films)))
    sums = counts[drawn].sum(1)
    bounds = np.quantile(2 * sums[:, 0] / np.maximum(sums[:, 1] + sums[:, 2], 1), (0.025, 0.975))
    found = {name: rounded(value) for name, value in whole.result().items()}
    return {**found, "interval": [rounded(bound) for bound in bounds]}


def measured(run: Path, options: argparse.Namespace, split: str) -> dict[str, Any]:
    """Both sides on the films of a split."""
    count = options.films if split == "test" else options.films // 2
    clips = [clip(number, split=split, seed=options.seed, frames=options.frames) for number in range(count)]
    out: Path = options.out / split
    (out / "films").mkdir(parents=True, exist_ok=True)
    films = [str(one.write(out / "films")) for one in clips]
    predictor, begun = open_run(run), time.perf_counter()
    predict_files(predictor, films, out / "tracked", tracking=Tracking(), overwrite=True)
    seconds = time.perf_counter() - begun
    predict_files(predictor, films, out / "found", overwrite=True)
    tracks = [followed(out / "tracked" / f"{one.name}-tracks.csv", options.frames) for one in clips]
    found = [detected(out / "found" / f"{one.name}.jsonl") for one in clips]
    if split == "val":
        for least, near in product(*TRIED):
            say(f"baseline {least}, {near}: {scored(clips, [linked(each, least, near) for each in found])}")
    sides = {
        "tracker": scored(clips, tracks),
        "baseline": scored(clips, [linked(each, *LINKED) for each in found]),
        **jitter(clips, tracks, found),
        "films": count,
        "things": sum(len({int(n) for seen in one.truth for n in seen.numbers}) for one in clips),
        "boxes": sum(len(seen.numbers) for one in clips for seen in one.truth),
        "seconds_a_frame": rounded(seconds / count / options.frames),
    }
    say(f"{split}: {sides}")
    return sides


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a detector of the digit scenes; by default one is trained")
    parser.add_argument("--steps", type=int, default=600, help="of that training")
    parser.add_argument("--films", type=int, default=20, help="of the test split; half as many of the validation split")
    parser.add_argument("--frames", type=int, default=60, help="of each film")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/tracking"))
    parser.add_argument("--publish", action="store_true", help="follow the test films, once, and write the result")
    options = parser.parse_args()
    begun, run = time.perf_counter(), detector(options)
    found = measured(run, options, "test" if options.publish else "val")
    if not options.publish:
        return
    about, kept = environment(), json.loads((run / "evaluations" / "val.json").read_text(encoding="utf-8"))
    words = ["python", "benchmarks/tracking.py", "--steps", str(options.steps), "--films", str(options.films)]
    entry = {
        "bench": "tracking", "metric": "idf1", "value": found["tracker"]["idf1"], "split": "test", "seed": options.seed,
        "interval": found["tracker"]["interval"], "control": found["baseline"]["idf1"], "details": found,
        "detector": {"steps": options.steps, "validation": {n: rounded(v) for n, v in kept["figures"].items()}},
        "baseline_settings": dict(zip(("least", "overlap"), LINKED, strict=True)),
        "recipe": shlex.join([*words, "--frames", str(options.frames), "--seed", str(options.seed), "--publish"]),
        "model": "swin_nano", "seconds": round(time.perf_counter() - begun, 1),
        "cores": int(about["cores"]), "threads": torch.get_num_threads(), "device": about["processor"],
        "versions": {name: about[name] for name in VERSIONS if name in about}, "date": date.today().isoformat(),
    }  # fmt: skip
    path = RESULTS / "tracking.json"
    path.write_text(json.dumps([entry], indent=2) + "\n", encoding="utf-8")
    say(f"written: {path.name}")


if __name__ == "__main__":
    main()
