"""Models from weight files of any known layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from swinkit.backbone import SwinConfig
from swinkit.files import CheckpointError, ConfigError, did_you_mean
from swinkit.heads.features import Features
from swinkit.models.blank import Blank
from swinkit.models.build import assemble, changed, classifier, one_answer
from swinkit.models.model import Model
from swinkit.models.rows import CLASSES, list_of, pick, picked
from swinkit.weights import KeyReport, Weights, fit, read_file


def load(path: Path | str, **wanted: Any) -> Model:
    """The model that a weight file holds, in evaluation mode; `load_reported` says what may be wanted of it."""
    return load_reported(path, **wanted)[0]


def load_reported(
    path: Path | str,
    *,
    outputs: Sequence[int] | None = None,
    classes: int | None = None,
    rows: Sequence[int] | str | None = None,
    changes: Mapping[str, Any] | None = None,
    **told: Any,
) -> tuple[Model, KeyReport]:
    """The model that a weight file holds, in evaluation mode, and what became of every tensor.

    Layout and configuration are found from the tensors. A file with a linear classifier gives that classifier, any
    other a model that returns the features of all stages, finest first. Norms that the file lacks are new.

    Args:
        outputs: return the features of these stages, counted from 0, finest first, whatever head the file has.
        classes: a classifier of that many classes: the file's where it has as many, else a new one.
        rows: the classes of that classifier as rows of the file's: numbers, or `imagenet_22k_to_1k`.
        changes: what the model shall have and the file has not: fields of `SwinConfig` and `channels`, say
            `{"window": 12, "channels": 1}`. Weights are adapted (`weights.fit`).
        told: what the file is and its tensors do not tell (`weights.read`): `window=`, `bias_window=` and `size=` of
            the training, `part=`.

    Raises:
        CheckpointError: the file is damaged, unsafe, of no known layout, or of another architecture than wanted.
        ConfigError: what is wanted does not exist.
    """
    _check(told)
    one_answer(outputs, classes if rows is None else len(list_of(rows)))
    weights = read_file(path, **told)
    try:
        source = weights if rows is None else pick(weights, rows, classes)
        config = _config(source.config, changes or {})
        with Blank():
            model = _model(source, config, outputs, classes)
        state, report = fit(source, config, model.state_dict(), optional=_optional(source, model))
        if report.missing or any(each.fresh for each in report.reshaped):  # some first values are wanted after all
            model = _model(source, config, outputs, classes)
            state, report = fit(source, config, model.state_dict(), optional=_optional(source, model))
    except (CheckpointError, ConfigError) as error:
        raise type(error)(f"{path}: {error}") from error
    model.load_state_dict(state)
    return model.eval(), report if rows is None else picked(report, weights, source)


def _check(told: Mapping[str, Any]) -> None:
    known = [name for name, each in signature(read_file).parameters.items() if each.kind is each.KEYWORD_ONLY]
    for name in told:
        if name not in known:
            hint = did_you_mean(name, [*known, "outputs", "classes", "rows", "changes"])
            raise ConfigError(f"load: nothing is called {name!r}: {hint} (a field of the model goes into changes=)")


def _config(source: SwinConfig, changes: Mapping[str, Any]) -> SwinConfig:
    """The file's configuration with the changes; log offsets of V2 stay those of its training."""
    if source.version == "v2" and "window" in changes:
        changes = {"bias_window": source.bias_windows, **changes}
    return changed(source, **changes)


def _model(weights: Weights, config: SwinConfig, outputs: Sequence[int] | None, classes: int | None) -> Model:
    if outputs is not None or (classes is None and CLASSES not in weights.state):
        return assemble(config, Features, outputs)
    return classifier(config, len(weights.state[CLASSES]) if classes is None else classes)


def _optional(weights: Weights, model: Model) -> tuple[str, ...]:
    """Beginnings of names that file and model need not share; a file's own classifier is all of it or none."""
    if CLASSES in weights.state and not isinstance(model.head, Features):
        return ()
    beyond = range(len(model.backbone.stages), len(weights.config.depths))
    return ("head.", "backbone.norms.", *(f"backbone.stages.{stage}." for stage in beyond))
