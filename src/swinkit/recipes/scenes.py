"""Whole scenes posed: what a detector finds is what a pose run looks at, one thing after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swinkit.datasets.coco_keypoints import grown
from swinkit.files import ConfigError, did_you_mean
from swinkit.files.pictures import read_picture
from swinkit.recipes.plain import kind_name
from swinkit.recipes.predictor import Predictor, Result, open_run
from swinkit.types import Detections, Keypoints, Record

TOGETHER = 16
"""Things of one picture that are looked at in one batch."""


class Scenes(Predictor):
    """The points of everything that a detector finds in a picture.

    A thing is looked at as in the pose run's training: in its box, made larger by that run's `data.padding`.
    """

    def __init__(self, finder: Predictor, poser: Predictor, *, of: Sequence[str] = ()) -> None:
        """`of`: the detector's classes whose things have such points; () is all.

        Raises:
            ConfigError: one of the runs is of another task, a class is not the detector's, or the pose run looks at
                whole pictures.
        """
        super().__init__(poser.recipe, poser.model, poser.device, name=f"{finder.name}, {poser.name}")
        for run, wanted, task in ((finder, Detections, "detect"), (poser, Keypoints, "pose")):
            if getattr(run.recipe.task, "answers", None) is not wanted:
                came = kind_name("task", run.recipe.task)
                raise ConfigError(f"a run of {came} came where one of {task} was wanted: things are found, then posed")
        if getattr(poser.recipe.data, "whole", False):
            raise ConfigError("the pose run looks at whole pictures (data.whole): train one that looks at boxes")
        classes: tuple[str, ...] = finder.recipe.task.classes  # pyright: ignore[reportAttributeAccessIssue]
        for name in of:
            if name not in classes:
                raise ConfigError(f"the detector finds no {name!r}: {did_you_mean(name, classes)}")
        self.finder, self._of = finder, torch.tensor([classes.index(name) for name in of or classes])

    def __call__(self, source: Path | str | np.ndarray) -> Result:
        """The points of all things that are found for sure (`task.sure` of the detector) in one file or array.

        Raises:
            DataError: the input cannot be read; names the file.
        """
        path = None if isinstance(source, np.ndarray) else Path(source)
        picture = source if isinstance(source, np.ndarray) else read_picture(Path(source))
        answer = self.posed(picture, self.found(picture).certain())
        name = "array" if path is None else path.stem
        whole = self.recipe.modality.read(Record(id=name, source=picture))
        return Result(replace(answer, id=name), whole, path, self)

    def found(self, picture: np.ndarray) -> Detections:
        """The things in a picture [height width 3] uint8 that may be posed, doubtful ones too."""
        found: Detections = self.finder(picture).prediction  # type: ignore[assignment]
        return found.chosen(torch.isin(found.labels, self._of))

    def posed(self, picture: np.ndarray, found: Detections) -> Keypoints:
        """The points of these things, in pixels of the picture."""
        modality, task = self.recipe.modality, self.recipe.task
        padding: float = getattr(self.recipe.data, "padding", 1.0)
        whole = modality.read(Record(id=found.id, source=picture))
        each: list[Keypoints] = []
        for first in range(0, len(found), TOGETHER):
            regions = [grown(box, padding) for box in found.boxes[first : first + TOGETHER].double().tolist()]
            each += self.predict([modality.standard(replace(whole, region=region)) for region in regions])  # type: ignore[arg-type]
        names: tuple[str, ...] = task.points  # pyright: ignore[reportAttributeAccessIssue]
        return Keypoints(
            id=found.id,
            points=torch.cat([torch.zeros(0, len(names), 3), *(one.points for one in each)]),
            boxes=found.boxes,
            names=names,
            skeleton=task.skeleton,  # pyright: ignore[reportAttributeAccessIssue]
            size=found.size,
            found=found,
        )


def open_scenes(
    run: Path | str, pose: Path | str, *, of: Sequence[str] = (), changes: Mapping[str, Any] | None = None
) -> Scenes:
    """A run of detect and one of pose as one predictor; `changes` are of the first, as in `open_run`.

    Raises:
        ConfigError, CheckpointError: as `open_run`, and where the runs do not go together.
    """
    return Scenes(open_run(run, changes=changes), open_run(pose), of=of)
