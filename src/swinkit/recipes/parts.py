"""From a recipe's values to the things that work: data, model, loaders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from swinkit.backbone import SwinConfig, Tokens
from swinkit.engine import Checkpoints, Event, Interruption, Loader, State, World, keep, pick_device, train
from swinkit.files import ConfigError
from swinkit.models import Joined, Model, build, change, find_size, prepare_training
from swinkit.recipes.layouts import open_split
from swinkit.recipes.recipe import ModelChoice, Recipe, inputs_of
from swinkit.types import Dataset, Layout, Modality, Record


def make_model(recipe: Recipe) -> Model | Joined:
    """The recipe's model with fresh weights, the same ones whenever it is made."""
    inputs = inputs_of(recipe.modality)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        if inputs is None:
            changes = _fields(recipe.model, recipe.modality)
            return build(recipe.model.name, recipe.task.head, outputs=_outputs(recipe), **changes)
        configs: dict[str, SwinConfig] = {}
        for name, modality in inputs.items():
            model = recipe.model.of(name)
            configs[name] = change(find_size(model.name), **_fields(model, modality)).config
        return Joined(configs, recipe.task.head, recipe.model.joined())


def _fields(model: ModelChoice, modality: Modality) -> dict[str, Any]:
    """The model's changes, with a stem for the channels of its grids."""
    fields, stem = model.fields(), model.config().stem
    if stem.channels != modality.channels:
        own = model.changes.get("stem", {})
        if isinstance(stem, Tokens) and isinstance(own, dict) and "channels" not in own:
            fields["stem"] = replace(stem, channels=modality.channels)
        elif "stem" in fields or "channels" in fields:
            raise ConfigError(
                f"modality.channels: {modality.channels}, but model.changes asks for a stem of {stem.channels}"
            )
        else:
            fields["channels"] = modality.channels
    return fields


def _outputs(recipe: Recipe) -> list[int] | None:
    """The stages whose features the task's head sees; None: all."""
    wanted: tuple[int, ...] | None = getattr(recipe.task, "outputs", None)
    stages = range(len(recipe.model.config().depths))
    return None if wanted is None else [stages[i] for i in wanted if -len(stages) <= i < len(stages)]


def open_data(recipe: Recipe, split: str, layout: Layout | None = None) -> Dataset:
    """A split of the recipe's data, or of another layout.

    Raises:
        ConfigError: its classes are not those of the task.
        DataError: there is no such split, or it cannot be used.
    """
    layout = layout or recipe.data
    data = open_split(layout, split)
    classes = getattr(recipe.task, "classes", None)
    if classes is not None and tuple(data.classes) != tuple(classes):
        raise ConfigError(
            f"{layout.path}: has the classes {_names(data.classes)}, the task has {_names(classes)}: "
            "give the data's classes in the task's order (data.classes, data.ids)"
        )
    return data


def loader(recipe: Recipe, data: Dataset, **changes: Any) -> Loader:
    """Reads a data set as the recipe says."""
    training = recipe.training
    workers = training.loaders(pick_device(training.device).type)
    settings = {"batch": training.batch, "seed": training.seed, "workers": workers, **changes}
    return Loader(dataset=data, modality=recipe.modality, **settings)


def repeated(recipe: Recipe, data: Dataset) -> Loader:
    """`loader` of a split that is read again and again: decoded samples are kept as the recipe says."""
    once = loader(recipe, data)
    world = World.current()
    decoded = keep(recipe.training.cache, data, recipe.modality, workers=once.workers, processes=world.size)
    return replace(once, decoded=decoded)


def events(
    recipe: Recipe,
    state: State,
    data: Dataset,
    validation: Dataset,
    *,
    checkpoints: Checkpoints,
    interruption: Interruption | None = None,
) -> Iterator[Event]:
    """What happens when `state` is trained on from where it is, as the recipe says; see `engine.train`."""
    training = recipe.training
    return train(
        prepare_training(state.model, recompute=training.recompute, compile=training.compile, subset=training.subset),
        recipe.task,
        repeated(recipe, data),
        state,
        validation=repeated(recipe, validation),
        checkpoints=checkpoints,
        interruption=interruption,
    )


def _names(classes: Any) -> str:
    names = list(classes)
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def first(data: Dataset, count: int | None) -> Dataset:
    """The first samples of a split; None: all of them."""
    return data if count is None else _First(data, count)


class _First:
    """The first samples of a split."""

    def __init__(self, data: Dataset, count: int) -> None:
        self._data, self._count = data, min(count, len(data))
        self.classes = data.classes

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._data[index]
