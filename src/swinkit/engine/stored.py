"""Reading one checkpoint folder, of a run that goes on or of one that is only looked at."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from swinkit.engine.state import Checkpoint
from swinkit.files import CheckpointError, verify_manifest
from swinkit.files.tensors import read_tensors

FORMAT = 1
"""Of state.json."""


def read_checkpoint(path: Path | str) -> Checkpoint:
    """The verified content of a checkpoint folder of any configuration.

    Raises:
        CheckpointError: missing, damaged, incomplete or of a newer format; names the file.
    """
    path = Path(path)
    if not path.is_dir():
        raise CheckpointError(f"{path}: there is no such checkpoint folder")
    verify_manifest(path)
    try:
        values = json.loads((path / "state.json").read_bytes())
        version, step = values["format"], values["step"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path / 'state.json'}: is not the state of a run ({error!r})") from error
    if version != FORMAT:
        raise CheckpointError(f"{path / 'state.json'}: format {version!r}, this version reads {FORMAT}")
    average = path / "average.safetensors"
    return Checkpoint(
        path=path,
        step=step,
        values=values,
        model=_read(path / "model.safetensors"),
        average=_read(average) if average.exists() else None,
        optimiser=_read(path / "optimiser.safetensors"),
    )


def read_weights(path: Path | str, *, average: bool = True) -> dict[str, Tensor]:
    """Verified weights of a checkpoint folder, the running average where there is one and it is wanted."""
    verify_manifest(Path(path))
    file = Path(path, "average.safetensors")
    return _read(file if average and file.exists() else Path(path, "model.safetensors"))


def _read(path: Path) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in read_tensors(path).tensors.items() if isinstance(tensor, Tensor)}
