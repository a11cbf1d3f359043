"""Exported programs compute what the model computes."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny

from swinkit.export import ENGINES, engine, write_onnx
from swinkit.files import ConfigError
from swinkit.models import prepared


@pytest.mark.parametrize("rank, size, version, mixing", [
    (2, (16, 15), "v1", "shifted"),
    pytest.param(1, (37,), "v2", "shifted", marks=pytest.mark.slow),
    pytest.param(2, (24, 24), "v2", "cross_block", marks=pytest.mark.slow),
    pytest.param(3, (9, 16, 8), "v1", "shifted", marks=pytest.mark.slow),
])  # fmt: skip
def test_engines_agree(rank, size, version, mixing, tmp_path):
    for package in ("onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    model = tiny(rank, version, mixing=mixing).eval()
    coarsest = torch.nn.Module()
    ready = prepared(model, [size])
    coarsest.forward = lambda grid: ready.model.features(grid)[-1]
    coarsest.ready = ready
    grid = torch.randn(2, 2, *size)
    write_onnx(coarsest.eval(), grid, tmp_path / "model.onnx")
    for call in (of(tmp_path / "model.onnx", grid) for of in ENGINES.values()):
        with torch.no_grad():
            torch.testing.assert_close(call(), model.features(grid)[-1], rtol=1e-4, atol=1e-4)


def test_the_file_stands_alone(tmp_path):
    pytest.importorskip("onnxscript")
    path = tmp_path / "model.onnx"
    write_onnx(prepared(tiny(2), [(16, 16)]).model.backbone.stages[0].blocks[0].mlp, torch.randn(3, 8), path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]


def test_what_an_engine_cannot_do_is_said():
    model = tiny(2)
    with pytest.raises(ConfigError, match="did you mean 'openvino'"):
        engine(model, torch.randn(1, 2, 16, 16), "openvno")
    with pytest.raises(ConfigError, match="float64"):
        engine(torch.nn.Identity(), torch.randn(1, 2, dtype=torch.float64), "openvino")
