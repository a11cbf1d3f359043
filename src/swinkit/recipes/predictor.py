"""A trained model together with everything that turns a file into an answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Picture
from torch import nn

from swinkit.engine import pick_device, read_weights
from swinkit.files import CheckpointError, ConfigError
from swinkit.files.texts import is_text, raw_text
from swinkit.files.volumes import stem
from swinkit.models import Joined, Model, prepared
from swinkit.recipes import writing
from swinkit.recipes.answering import asked
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.mixed_inputs import record_of
from swinkit.recipes.parts import make_model
from swinkit.recipes.plain import kind_name
from swinkit.recipes.recipe import Recipe, inputs_of
from swinkit.recipes.text import nested
from swinkit.types import Prediction, Record, Sample, Task


@dataclass(frozen=True, eq=False)
class Result:
    """The answer for one input."""

    prediction: Prediction
    sample: Sample
    source: Path | None
    """The input file; None for an array."""
    predictor: Predictor

    @property
    def labels(self) -> np.ndarray:
        """[height width] the class index of every pixel; [n] of every thing that was found.

        Raises:
            AttributeError: the answer is one class (`result.prediction.label`).
        """
        return self.prediction.labels.numpy()  # pyright: ignore[reportAttributeAccessIssue]

    def draw(self) -> np.ndarray:
        """[height width 3] uint8: the prediction over the input."""
        return self.predictor.recipe.modality.draw(self.sample, self.prediction)

    def to_json(self) -> dict[str, Any]:
        """Plain values: what was found, and in which file."""
        source = {} if self.source is None else {"source": str(self.source)}
        return {**source, **self.prediction.to_json()}

    def save(self, path: Path | str, *, overlay: bool = False) -> Path:
        """Write the answer and return its path.

        Args:
            path: overwritten where it exists.
            overlay: False: the answer itself, an index PNG for a label map (pixel = class index, which viewers show in
                the classes' colours), else JSON; True: a picture, the prediction drawn over the input.

        Raises:
            ConfigError: the ending is another.
        """
        path = Path(path)
        if not overlay:
            writing.save(self.prediction, path, self.source)
            return path
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise ConfigError(f"{path}: an overlay is .png, .jpg or .webp")
        Picture.fromarray(self.draw()).save(path)
        return path


class Predictor:
    """Predicts with one set of weights; open it once, use it often. It changes nothing on disk."""

    def __init__(self, recipe: Recipe, model: nn.Module, device: torch.device, *, name: str = "") -> None:
        """`model`: on `device`, in evaluation mode. `name`: which weights these are."""
        self.recipe, self.model, self.device, self.name = recipe, model, device, name

    @property
    def kind(self) -> str:
        """The modality's name."""
        return kind_name("modality", self.recipe.modality)

    def __call__(self, source: Path | str | np.ndarray | Mapping[str, Any]) -> Result:
        """The answer for one file, or one array in the modality's raw form ([height width 3] uint8 RGB); where the
        run is about texts, words that name no file are a text; where it is about several inputs, these by name, of
        which some may be left out: `{"image": "one.png", "audio": "one.wav"}`.

        Raises:
            DataError: the input cannot be read; names the file.
            ConfigError: inputs came by name for a run on one, or one for a run on several.
        """
        inputs = inputs_of(self.recipe.modality)
        if isinstance(source, Mapping):
            return self.result(record_of(source, inputs))
        if inputs is not None:
            raise ConfigError(f"the run is about several inputs: give them by name, some of {', '.join(inputs)}")
        if isinstance(source, str) and self.kind == "text" and is_text(source):
            source = raw_text(source)
        path = None if isinstance(source, np.ndarray) else Path(source)
        record = Record(
            id="array" if path is None else stem(path),
            source=source if isinstance(source, np.ndarray) else Path(source),
        )
        return self.result(record, path)

    def result(self, record: Record, source: Path | None = None) -> Result:
        """The answer for a record, with the file that it is of. Raises DataError."""
        sample = self.recipe.modality.standard(self.recipe.modality.read(record))
        (prediction,) = self.predict([sample])
        return Result(prediction, sample, source, self)

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        """The answers for samples in the evaluation view, computed together."""
        batch = self.recipe.modality.collate(samples).to(self.device)
        with torch.inference_mode():
            return self.recipe.task.predict(self.model, batch)

    def each(self, sources: Sequence[Path]) -> Iterator[Result]:
        """The answers for files, one after the other."""
        for source in sources:
            yield self(source)


def open_run(
    run: Path | str,
    *,
    checkpoint: str = "best",
    device: str = "auto",
    task: Task | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Predictor:
    """The predictor of a run folder, with its best weights (their running average where there is one).

    Args:
        checkpoint: `best`, `last`, a step or the path of a checkpoint folder.
        task: of a run whose task swinkit does not know.
        changes: settings that change predictions alone, `{"task.flip": True, "task.window": [512, 512]}`.

    Raises:
        ConfigError: there is no run, its recipe cannot be read, or it takes no such setting.
        CheckpointError: there is no usable checkpoint.
    """
    recipe, model, name = load_run(run, checkpoint=checkpoint, task=task)
    recipe, where = _with_chosen(recipe, RunFolder(Path(run))), pick_device(device)
    recipe = asked(recipe, nested(changes or {}))
    return Predictor(recipe, prepared(model.to(where)), where, name=name)


def _with_chosen(recipe: Recipe, folder: RunFolder) -> Recipe:
    """The recipe with the settings of its task that were chosen on the validation split, such as a detector's
    threshold; a value that the user gave stays."""
    kept = folder.read("evaluations/val.json") or {}
    chosen: dict[str, Any] = kept.get("details", {}).get("chosen", {})
    fields = {field.name: field.default for field in dataclasses.fields(recipe.task)} if chosen else {}  # type: ignore[arg-type]
    values = {
        name: value for name, value in chosen.items() if name in fields and getattr(recipe.task, name) == fields[name]
    }
    return dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, **values)) if values else recipe  # type: ignore[type-var]


def load_run(
    run: Path | str, *, checkpoint: str = "best", task: Task | None = None
) -> tuple[Recipe, Model | Joined, str]:
    """Recipe, model (in evaluation mode, on the CPU) and name of the checkpoint of a run folder; as `open_run`."""
    folder = RunFolder(Path(run))
    recipe = folder.recipe(task)
    path = folder.find(recipe, checkpoint)
    model = make_model(recipe)
    try:
        model.load_state_dict(read_weights(path))
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its weights do not fit {folder.file('recipe.json')}: {error}") from error
    return recipe, model.eval(), path.name
