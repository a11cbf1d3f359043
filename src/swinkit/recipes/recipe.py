"""What a run consists of. A recipe is data: plain values all the way down, enough to repeat the run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from swinkit.backbone import SwinConfig
from swinkit.engine import Training
from swinkit.files import ConfigError
from swinkit.models import change, find_size
from swinkit.types import Layout, Modality, Task


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

    def __post_init__(self) -> None:
        self.config()  # a wrong name or field shows here, not after the data was read

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
        rank = self.model.config().rank
        if rank != self.modality.rank:
            raise ConfigError(
                f"model.name: {self.model.name!r} is for grids of {rank} axes, the data has {self.modality.rank}: "
                "`swinkit models` shows every model's rank"
            )
        stages, freeze = len(self.model.config().depths), self.training.freeze
        if freeze is not None and freeze > stages:
            raise ConfigError(f"training.freeze: {freeze} stages, {self.model.name!r} has {stages}: give 0 to {stages}")
