"""What a run consists of. A recipe is data: plain values all the way down, enough to repeat the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from swinkit.backbone import SwinConfig
from swinkit.engine import Training
from swinkit.files import ConfigError, did_you_mean
from swinkit.models import Joining, change, find_size
from swinkit.types import Layout, Modality, Task

SCRATCH = "model.weights: a model of several inputs starts from scratch: leave it out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """Which model, and how it differs from its published form."""

    name: str
    """A name that `swinkit models` lists, or another project's spelling of one."""
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the backbone's configuration to replace, `{"drop_path": 0.1}`."""
    weights: str | None = None
    """Trained weights to start from: a file in any layout that `swinkit.load` reads, or a run folder, whose model is
    taken over, and whose heads where there are tasks of the same names; None starts afresh."""
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Of data with several inputs what differs for one of them, `{"audio": {"name": ..., "changes": {...}}}`."""
    joining: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of `models.Joining` to replace, where there are several inputs."""

    def __post_init__(self) -> None:
        if not self.inputs:
            self.config()  # a wrong name or field shows here, not after the data was read
        find_size(self.name)
        for name, own in self.inputs.items():
            if strange := sorted(set(own) - {"name", "changes"}):
                raise ConfigError(f"model.inputs.{name}.{strange[0]}: no such setting: there are name and changes")
            try:
                self.of(name).config()
            except ConfigError as error:
                raise ConfigError(f"model.inputs.{name}: {error}") from error
        self.joined()

    def of(self, name: str) -> ModelChoice:
        """The model of one of several inputs."""
        own = self.inputs.get(name, {})
        return ModelChoice(name=own.get("name", self.name), changes={**self.changes, **own.get("changes", {})})

    def joined(self) -> Joining:
        """How several inputs are joined."""
        known = {each.name: type(each.default) for each in fields(Joining)}
        for name, value in self.joining.items():
            if name not in known:
                raise ConfigError(f"model.joining.{name}: no such setting: {did_you_mean(name, known)}")
            if type(value) is not known[name]:
                wanted = "true or false" if known[name] is bool else "a whole number"
                raise ConfigError(f"model.joining.{name}: wanted {wanted}, got {value!r}")
        return Joining(**self.joining)

    def config(self) -> SwinConfig:
        """The backbone's configuration with the changes made."""
        return change(find_size(self.name), **self.fields()).config

    def fields(self) -> dict[str, Any]:
        """The changes as the configuration has them: lists are tuples, and the stem is its class."""
        kinds = get_type_hints(SwinConfig)
        return {
            name: _typed(name, value, kinds[name]) if name in kinds else value for name, value in self.changes.items()
        }


def _typed(name: str, value: Any, kind: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_json(json.dumps(value, default=vars), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"]
        raise ConfigError(
            f"model.changes.{name}: {message[:1].lower()}{message[1:]}, got {json.dumps(value, default=str)}"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole run."""

    task: Task
    data: Layout
    model: ModelChoice
    modality: Modality
    training: Training

    def __post_init__(self) -> None:
        inputs = inputs_of(self.modality)
        if inputs is None:
            for name in ("inputs", "joining"):
                if getattr(self.model, name):
                    raise ConfigError(f"model.{name}: is for several inputs a sample, the data has one: leave it out")
            self._check(self.model, self.modality, "model.name")
            return
        for name, modality in inputs.items():
            self._check(self.model.of(name), modality, f"model.inputs.{name}.name")
        self._check_joined(inputs)

    def _check(self, model: ModelChoice, modality: Modality, where: str) -> None:
        """ConfigError where a model does not suit its data or the training."""
        rank, stages, freeze = model.config().rank, len(model.config().depths), self.training.freeze
        if rank != modality.rank:
            raise ConfigError(
                f"{where}: {model.name!r} is for grids of {rank} axes, the data has {modality.rank}: "
                "`swinkit models` shows every model's rank"
            )
        if (views := getattr(modality, "views", 1)) > 1 and not getattr(self.task, "averages", False):
            raise ConfigError(
                f"modality: {views} views of one input: a {type(self.task).__name__} does not average them"
            )
        if freeze is not None and freeze > stages:
            raise ConfigError(f"training.freeze: {freeze} stages, {model.name!r} has {stages}: give 0 to {stages}")

    def _check_joined(self, inputs: Mapping[str, Modality]) -> None:
        """ConfigError for what cannot be with several inputs."""
        if strange := [name for name in self.model.inputs if name not in inputs]:
            raise ConfigError(f"model.inputs.{strange[0]}: is no input of the data: {did_you_mean(strange[0], inputs)}")
        if self.model.weights is not None:
            raise ConfigError(SCRATCH)
        whole: tuple[str, ...] | None = getattr(self.task, "of_one_grid", None)
        if whole is None:
            raise ConfigError(
                f"task: a {type(self.task).__name__} learns from one input a sample, the data has "
                f"{' and '.join(inputs)}: classify takes several"
            )
        for each in fields(self.task):  # type: ignore[arg-type]
            value = getattr(self.task, each.name)
            if each.name in whole and value != each.default:
                raise ConfigError(f"task.{each.name}: {value} is for one input a sample: leave it out")


def inputs_of(modality: Modality) -> Mapping[str, Modality] | None:
    """The modalities of several inputs by name; None for the modality of one."""
    return getattr(modality, "inputs", None)
