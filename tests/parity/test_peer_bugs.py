"""Two bugs of installed peers, shown on them. An XPASS means that the peer has mended one: then say so in the docs."""

from __future__ import annotations

import pytest
import timm
import torch
import transformers
from parity.comparison import randomise
from timm.models.swin_transformer import SwinTransformer
from transformers import SwinConfig as HubConfig
from transformers import SwinModel


def rows_changed_by_the_last(model, tokens: int) -> list[int]:
    """Rows of a one-stage feature map that change when the last row of patches does."""
    torch.manual_seed(0)
    x = torch.randn(1, 3, 4 * tokens, 4 * tokens)
    other = x.clone()
    other[:, :, -4:] += 1
    with torch.no_grad():
        one, two = model.forward_features(x), model.forward_features(other)
    return [row for row in range(tokens) if not one[:, row].equal(two[:, row])]


@pytest.mark.xfail(strict=True, reason=f"timm {timm.__version__} rolls before it pads (design C1)")
def test_a_row_changes_only_rows_of_its_windows_in_timm():
    """Two blocks, window 7, 16 rows: rows 14, 15 share a window, then the windows shifted by 3 begin at 3 and 10."""
    model = randomise(
        SwinTransformer(img_size=64, window_size=7, depths=(2,), num_heads=(1,), embed_dim=24, num_classes=1)
    )
    assert rows_changed_by_the_last(model, 16) == [10, 11, 12, 13, 14, 15]


@pytest.mark.xfail(strict=True, reason=f"transformers {transformers.__version__} keeps the clamped shift (design C2)")
def test_one_picture_does_not_change_the_next_in_transformers():
    config = HubConfig(image_size=448, window_size=7, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8], embed_dim=24)
    model = randomise(SwinModel(config))
    torch.manual_seed(0)
    small, large = torch.randn(1, 3, 224, 224), torch.randn(1, 3, 448, 448)
    with torch.no_grad():
        before = model(large).last_hidden_state
        model(small)
        after = model(large).last_hidden_state
    assert before.equal(after)
