"""The hook of tests/conftest.py really checks, and steps aside while a program is traced."""

from __future__ import annotations

import jaxtyping
import pytest
import torch

from swinkit.layers.mlp import Mlp
from swinkit.ops.resize import resize_mask


def test_a_wrong_shape_is_refused():
    with pytest.raises(jaxtyping.TypeCheckError, match="resize_mask"):
        resize_mask(torch.zeros(1, 4, 4), (2, 2))  # a mask is boolean


def test_a_checked_module_compiles_into_one_graph():
    mlp, x = Mlp(4, 8), torch.randn(2, 3, 4)
    compiled = torch.compile(mlp, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), mlp(x))
