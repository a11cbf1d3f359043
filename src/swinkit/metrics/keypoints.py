"""How near predicted points are to true ones: PCK, distance in pixels, OKS average precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from swinkit.metrics.average_precision import figures
from swinkit.types import Batch, Keypoints, Objects

NEAR = 0.2
"""A point counts as correct within this share of the length that it is held against."""
OUTLINE = 0.53
"""Where the data does not say what area a person covers, it is this share of the box (as CrowdPose and mmpose do)."""


class Row(NamedTuple):
    """One thing: what is known of it and what was answered, in pixels of the picture."""

    id: str
    truth: np.ndarray
    """[k 3] float64: x, y, visibility."""
    found: np.ndarray
    """[k 3] float64: x, y, score."""
    box: np.ndarray
    """[4] float64: edges of the true box."""
    area: float

    @property
    def distances(self) -> np.ndarray:
        """[k] pixels, NaN for points without a label."""
        far = np.linalg.norm(self.truth[:, :2] - self.found[:, :2], axis=1)
        return np.where(self.truth[:, 2] > 0, far, np.nan)

    @property
    def side(self) -> float:
        """The longer side of the box."""
        return float(max(self.box[2:] - self.box[:2]))


class KeypointError:
    """Over all labelled points of a split, hidden ones included; points without a label count nowhere.

    PCK is the share of points within `near` of the longer side of the true box (Yang and Ramanan 2013), and of the
    torso where the two points that span one are labelled. OKS AP is COCO's average precision, computed by
    faster-coco-eval; the boxes come from the truth, and each thing is an image of its own.
    """

    main: ClassVar[str] = "pck"

    def __init__(
        self,
        names: Sequence[str],
        *,
        sigmas: Sequence[float] = (),
        torso: Sequence[int] = (),
        near: float = NEAR,
    ) -> None:
        """`sigmas`: of every point for OKS; () leaves it out. `torso`: the two points that span it."""
        self.names, self.sigmas, self.torso, self.near = tuple(names), tuple(sigmas), tuple(torso), near
        self._all: list[Row] = []

    def update(self, predictions: Sequence[Keypoints], batch: Batch) -> None:
        """Count one batch; `batch.target` holds the `Objects` of each sample, in pixels of its picture."""
        if len(predictions) != len(batch.target):
            raise ValueError(f"{len(predictions)} predictions for {len(batch.target)} targets: pass one for each")
        for prediction, truth in zip(predictions, batch.target, strict=True):
            self._all += self._rows_of(prediction, truth)

    def score(self, prediction: Keypoints, batch: Batch) -> float | None:
        """The PCK of one prediction alone."""
        alone = KeypointError(self.names, near=self.near)
        alone.update([prediction], batch)
        return alone.result().get(self.main)

    def merge(self, other: KeypointError) -> None:
        """Add what another process counted."""
        if other.names != self.names:
            raise ValueError(f"cannot add counts of points {other.names} to those of {self.names}")
        self._all += other._all

    def result(self) -> dict[str, float]:
        """`pck` and `pck_torso` as fractions, `rmse_px` and `mean_px` (root of the mean square and mean of the
        distances in pixels), `oks_ap` and `oks_ap50`."""
        rows = self.rows()
        if not rows or not np.isfinite(distances := np.stack([row.distances for row in rows])).any():
            return {}
        known = distances[np.isfinite(distances)]
        figures = {"pck": _share(distances, np.array([row.side for row in rows]), self.near)}
        torsos = np.array([self._torso(row) for row in rows])
        if np.isfinite(distances[torsos > 0]).any():
            figures["pck_torso"] = _share(distances[torsos > 0], torsos[torsos > 0], self.near)
        figures |= {"rmse_px": float(np.sqrt((known**2).mean())), "mean_px": float(known.mean())}
        return figures | (average_precision(rows, self.sigmas) if self.sigmas else {})

    def details(self) -> dict[str, Any]:
        """PCK and distance (share of the longer side) of every point."""
        rows = self.rows()
        sides = np.array([row.side for row in rows])
        distances = np.stack([row.distances for row in rows]) if rows else np.full((0, len(self.names)), np.nan)
        table: list[dict[str, Any]] = []
        for index, name in enumerate(self.names):
            share = distances[:, index] / sides
            share = share[np.isfinite(share)]
            pck, mean = (float((share <= self.near).mean()), float(share.mean())) if len(share) else (None, None)
            table.append({"name": name, "pck": pck, "distance": mean, "count": len(share)})
        return {"per_class": table}

    def _rows_of(self, prediction: Keypoints, truth: Objects) -> list[Row]:
        if not len(truth):
            return []
        if truth.points is None or len(truth) != len(prediction) or truth.points.shape[1] != len(self.names):
            came = "no points" if truth.points is None else f"{tuple(truth.points.shape[:2])} points"
            raise ValueError(
                f"{prediction.id}: the target has {came}, the prediction {tuple(prediction.points.shape[:2])}"
            )
        boxes = truth.boxes.double().cpu().numpy()
        areas = OUTLINE * np.prod(boxes[:, 2:] - boxes[:, :2], 1)
        if truth.areas is not None:
            areas = truth.areas.double().cpu().numpy()
        true, found = (points.double().cpu().numpy() for points in (truth.points, prediction.points))
        return [
            Row(f"{prediction.id}#{index}", true[index], found[index], boxes[index], float(areas[index]))
            for index in range(len(truth))
        ]

    def _torso(self, row: Row) -> float:
        """Its length; 0 where it is not known."""
        if not self.torso or not all(row.truth[index, 2] > 0 for index in self.torso):
            return 0.0
        one, other = (row.truth[index, :2] for index in self.torso)
        return float(np.linalg.norm(one - other))

    def rows(self) -> list[Row]:
        """Everything that was counted, in an order that does not depend on who counted what."""
        return sorted(self._all, key=lambda row: row.id)


def similarity(row: Row, sigmas: Sequence[float]) -> float:
    """COCO's object keypoint similarity, 0 to 1."""
    spread = (2 * np.asarray(sigmas)) ** 2
    known = row.truth[:, 2] > 0
    return float(np.exp(-(row.distances[known] ** 2) / (2 * row.area * spread[known] + 1e-12)).mean())


def average_precision(rows: Sequence[Row], sigmas: Sequence[float]) -> dict[str, float]:
    """`oks_ap` (mean over the similarities 0.50 to 0.95) and `oks_ap50`; {} where nothing is labelled."""
    from faster_coco_eval import COCO, COCOeval_faster  # pyright: ignore[reportMissingTypeStubs]  # slow: only here

    rows = [row for row in rows if (row.truth[:, 2] > 0).any()]
    if not rows:
        return {}
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        left, top, right, bottom = row.box.tolist()
        about = {"image_id": number, "category_id": 1, "bbox": [left, top, right - left, bottom - top]}
        labelled = int((row.truth[:, 2] > 0).sum())
        truth.append(
            {**about, "id": number, "area": row.area, "iscrowd": 0, "num_keypoints": labelled,
             "keypoints": row.truth.ravel().tolist()}
        )  # fmt: skip
        points = np.where([True, True, False], row.found, 2.0)
        found.append({**about, "keypoints": points.ravel().tolist(), "score": float(row.found[:, 2].mean())})
    images = [{"id": number} for number in range(1, len(rows) + 1)]
    known = COCO({"images": images, "annotations": truth, "categories": [{"id": 1, "name": "thing"}]})
    scorer = COCOeval_faster(
        known,
        known.loadRes(found),
        iouType="keypoints",
        print_function=lambda *_: None,
        kpt_oks_sigmas=np.asarray(sigmas),  # type: ignore[arg-type]
    )
    scorer.evaluate()
    scorer.accumulate()
    all_sizes = figures(scorer.eval)
    return {"oks_ap": all_sizes["map"], "oks_ap50": all_sizes["map50"]}


def _share(distances: np.ndarray, lengths: np.ndarray, near: float) -> float:
    """Of the points with a label, those within `near` of their thing's length."""
    known = np.isfinite(distances)
    return float((distances <= near * lengths[:, None])[known].mean())
