"""Exported programs as calls."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from swinkit.export.onnx import write_onnx
from swinkit.files import ConfigError, MissingExtra, did_you_mean

Call = Callable[[], Tensor]


def engine(model: nn.Module, grid: Tensor, name: str) -> Call:
    """A call that runs `model` on `grid` in another runtime on the CPU, with as many threads as torch has.

    Grids in bfloat16 ask OpenVINO for bfloat16 products (`INFERENCE_PRECISION_HINT`; the file stays float32).

    Raises:
        ConfigError: no such engine, or it has no such precision.
        MissingExtra: it is not installed.
    """
    if name not in ENGINES:
        raise ConfigError(f"export: no engine {name!r}: {did_you_mean(name, ENGINES)}")
    if grid.device.type != "cpu":
        raise ConfigError(f"export: engine {name!r} runs on the CPU, the grid is on {grid.device}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(copy.deepcopy(model).float(), grid.float(), path)
        return ENGINES[name](path, grid)


def _onnxruntime(path: Path, grid: Tensor) -> Call:
    if grid.dtype != torch.float32:
        raise ConfigError(f"export: onnxruntime computes in float32 here, {grid.dtype} was asked for")
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra("onnxruntime", "export") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    numbers = {session.get_inputs()[0].name: grid.numpy()}
    return lambda: torch.from_numpy(session.run(None, numbers)[0])


def _openvino(path: Path, grid: Tensor) -> Call:
    if grid.dtype not in (torch.float32, torch.bfloat16):
        raise ConfigError(f"export: openvino computes in float32 or bfloat16, {grid.dtype} was asked for")
    try:
        import openvino
    except ImportError:
        raise MissingExtra("openvino", "export") from None
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "bf16" if grid.dtype == torch.bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    numbers = {0: grid.float().numpy()}
    return lambda: torch.from_numpy(request.infer(numbers)[0].copy())


ENGINES: dict[str, Callable[[Path, Tensor], Call]] = {"onnxruntime": _onnxruntime, "openvino": _openvino}
"""Name -> how a file becomes a call."""
