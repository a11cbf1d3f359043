"""The configuration that transformers keeps as config.json: ours, as plain values under its own names."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from transformers import PreTrainedConfig
from transformers.backbone_utils import BackboneConfigMixin

from swinkit.backbone import SwinConfig
from swinkit.files import CheckpointError, ConfigError
from swinkit.models import change, find_size
from swinkit.weights import config_from

OURS = tuple(field.name for field in fields(SwinConfig))


class SwinkitConfig(BackboneConfigMixin, PreTrainedConfig):
    """Backbone, decoder and labels of a model.

    Every field of `swinkit.backbone.SwinConfig` is one here, as plain values (lists for tuples, a dict for the stem);
    `named` takes them from a named size. The labels are transformers' (`num_labels` or `id2label`); the other fields
    are those of `swinkit.tasks.Segment`. Of a backbone, `out_features` are names among "stem", "stage1", "stage2"...
    (or `out_indices`, counted from the stem).

    Raises:
        ConfigError: a field has an impossible value; names it.
    """

    model_type = "swinkit"
    attribute_map = {"embed_dim": "width", "num_heads": "heads"}

    decoder: str = "fpn"
    """The head that labels every pixel: fpn or upernet."""
    decoder_channels: int | None = None
    detail: int = 1
    dice: float = 0.0
    auxiliary: float | None = None
    class_weights: list[float] | None = None
    smoothing: float = 0.0
    prior: list[float] | None = None
    semantic_loss_ignore_index: int = 255
    _out_features: list[str] | None = None
    _out_indices: list[int] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        defaults = asdict(SwinConfig())
        for name in OURS:
            setattr(self, name, _plain(kwargs.pop(name, defaults[name])))
        self.stage_names = ["stem", *(f"stage{i + 1}" for i in range(len(self.swin.depths)))]
        kwargs.pop("stage_names", None)
        features, indices = kwargs.pop("out_features", None), kwargs.pop("out_indices", None)
        self.set_output_features_output_indices(out_features=features, out_indices=indices)
        super().__post_init__(**kwargs)

    @classmethod
    def named(cls, name: str, **changes: Any) -> SwinkitConfig:
        """The configuration of a named size (`swinkit models` lists them).

        Args:
            changes: fields of this class, and `channels` of the input.

        Raises:
            ConfigError: no such size; names the nearest.
        """
        ours = {key: changes.pop(key) for key in [*OURS, "channels"] if key in changes}
        return cls.of(change(find_size(name), **ours).config, **changes)

    @classmethod
    def of(cls, config: SwinConfig, **changes: Any) -> SwinkitConfig:
        """The configuration of a backbone that there is."""
        return cls(**{**asdict(config), **changes})

    @property
    def swin(self) -> SwinConfig:
        """The backbone's configuration as the rest of swinkit has it."""
        try:
            return config_from({name: getattr(self, name) for name in OURS})
        except CheckpointError as error:
            raise ConfigError(str(error)) from error

    @property
    def hidden_size(self) -> int:
        """Channels of the last stage, under the name that others look for."""
        return self.swin.channels[-1]

    @property
    def num_channels(self) -> int:
        """Channels of the input."""
        return self.swin.stem.channels

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels' names in the order of their ids."""
        names = {int(index): name for index, name in (self.id2label or {}).items()}
        return tuple(names[index] for index in sorted(names))


def _plain(value: Any) -> Any:
    """The value as JSON would give it back."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
