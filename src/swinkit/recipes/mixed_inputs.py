"""What is handed to a run on several inputs: each by its name, some left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from swinkit.files import ConfigError, did_you_mean
from swinkit.files.texts import is_text, raw_text
from swinkit.types import Modality, Record

Source = Path | str | np.ndarray


def record_of(
    sources: Mapping[str, Source | None], inputs: Mapping[str, Modality] | None, *, name: str = "inputs"
) -> Record:
    """The record of inputs by name; None is one that is missing.

    Args:
        sources: files, arrays in the modality's raw form, and texts.
        inputs: those that the run knows; None where it is about one input.

    Raises:
        ConfigError: there is none, or one that the run does not know.
    """
    if inputs is None:
        raise ConfigError("the run is about one input a sample: give a file or an array, not inputs by name")
    for key in sources:
        if key not in inputs:
            raise ConfigError(f"{key}: is no input of this run: {did_you_mean(key, inputs)}")
    given = {key: _raw(key, source) for key, source in sources.items() if source is not None}
    if not given:
        raise ConfigError(f"no input came: give at least one of {', '.join(inputs)}")
    parts = {key: Record(id=name, source=source) for key, source in given.items()}
    return Record(id=name, source=np.zeros(0, np.uint8), parts=parts)


def _raw(key: str, source: Source) -> Path | np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    return raw_text(source) if key == "text" and isinstance(source, str) and is_text(source) else Path(source)
