"""Models from weight files of any known layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swinkit.files import CheckpointError
from swinkit.heads.linear import PooledLinear
from swinkit.models.model import Model
from swinkit.weights import KeyReport, Weights, fit, read_file

CLASSES = "head.linear.weight"


def load(path: Path | str, **told: Any) -> Model:
    """The classifier that a weight file holds, in evaluation mode; layout and configuration are found from its tensors.

    `told` is what tensors do not tell (`window=`, `size=` for Swin V2 files of timm; see `weights.read`).

    Raises:
        CheckpointError: the file is damaged, unsafe, of no known layout, or holds no classifier that swinkit has.
    """
    return load_reported(path, **told)[0]


def load_reported(path: Path | str, **told: Any) -> tuple[Model, KeyReport]:
    """`load`, and what became of every tensor."""
    weights = read_file(path, **told)
    try:
        model = classifier(weights)
        state, report = fit(weights, weights.config, model.state_dict())
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    model.load_state_dict(state)
    return model.eval(), report


def classifier(weights: Weights) -> Model:
    """A fresh classifier with the configuration and the number of classes of `weights`."""
    if CLASSES not in weights.state:
        raise CheckpointError("holds no linear classifier: read it with swinkit.weights and fit it to your own model")
    classes, last = len(weights.state[CLASSES]), len(weights.config.depths) - 1
    return Model(weights.config, lambda levels: PooledLinear(levels.channels[-1], classes), outputs=(last,))
