"""Every way to run a model gives what the model gives."""

from __future__ import annotations

import pytest
import torch

from swinkit.bench import own
from swinkit.bench.contenders import OWN
from swinkit.files import ConfigError, MissingExtra
from swinkit.models import build

SLOW = ("compiled", "onnxruntime", "openvino", "training, compiled")


@pytest.mark.parametrize("kind", ["eager", "training", *(pytest.param(k, marks=pytest.mark.slow) for k in SLOW)])
def test_ways_agree(kind):
    torch.manual_seed(0)
    model, grid = build("swin_nano", classes=10).eval(), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        wanted = model(grid)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        contenders = own(model, kind, grid)
    except MissingExtra as missing:
        pytest.skip(str(missing))
    assert [each.setting for each in contenders] == list(OWN[kind])
    for each in contenders:
        found = each.call()
        if kind.startswith("training"):
            assert found.shape == () and each.call() != found  # it has learned
        else:
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    for name, value in model.state_dict().items():
        assert value.equal(before[name])


def test_unknown_kinds_are_named():
    with pytest.raises(ConfigError, match="did you mean 'compiled'"):
        own(build("swin_nano"), "compield", torch.randn(1, 3, 32, 32))
