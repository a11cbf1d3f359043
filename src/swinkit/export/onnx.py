"""A model as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from swinkit.files import MissingExtra


def write_onnx(model: nn.Module, grid: Tensor, path: Path) -> None:
    """Write what `model` computes for grids of this very shape; inputs and outputs are called `grid` and `output`.

    For one size everything that does not depend on the numbers is worked out beforehand: of a prepared model
    (`models.prepared`) the plans, masks and biases are constants of the file.

    Raises:
        MissingExtra: onnx or onnxscript is not installed.
    """
    try:
        import onnxscript  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise MissingExtra("onnx and onnxscript", "export") from None
    with torch.no_grad():
        program = torch.onnx.export(
            model, (grid,), dynamo=True, input_names=["grid"], output_names=["output"], verbose=False
        )
    assert program is not None
    program.save(path, external_data=False)
