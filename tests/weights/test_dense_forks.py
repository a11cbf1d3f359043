"""Files of SwinTransformer's forks for segmentation and detection: microsoft's names and order, dense arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from weights.classifiers import V1, classifier
from weights.published_names import attention, linear, meta, norm, offsets, same, valued

from swinkit import weights
from swinkit.backbone import SIZES
from swinkit.files import CheckpointError
from swinkit.models import Model

HEADS = {
    "upernet": {"decode_head.conv_seg.weight": (150, 512, 1, 1), "auxiliary_head.conv_seg.bias": (150,)},
    "mask_rcnn": {"neck.lateral_convs.0.conv.weight": (256, 96, 1, 1), "rpn_head.rpn_cls.bias": (3,)},
}


def fork(*, width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7):
    """Shapes of the forks' `SwinTransformer` inside a segmentor or detector."""
    names = {"patch_embed.proj.weight": (width, 3, 4, 4), "patch_embed.proj.bias": (width,)}
    names |= norm("patch_embed.norm", width)
    for stage, (depth, h) in enumerate(zip(depths, heads, strict=True)):
        c = width * 2**stage
        for block in (f"layers.{stage}.blocks.{b}" for b in range(depth)):
            names |= attention(f"{block}.attn", c, h, (2 * window - 1) ** 2)
            names |= norm(f"{block}.norm1", c) | norm(f"{block}.norm2", c)
            names |= linear(f"{block}.mlp.fc1", 4 * c, c) | linear(f"{block}.mlp.fc2", c, 4 * c)
        if stage + 1 < len(depths):
            merging = f"layers.{stage}.downsample"
            names |= norm(f"{merging}.norm", 4 * c) | linear(f"{merging}.reduction", 2 * c, 4 * c, bias=False)
        names |= norm(f"norm{stage}", c)
    return {"backbone." + name: shape for name, shape in names.items()}


def with_indexes(tensors, window):
    """Beside every bias table its index; masks are not saved."""
    tables = [name for name in tensors if name.endswith("relative_position_bias_table")]
    return tensors | {name.replace("bias_table", "index"): offsets(window, window) for name in tables}


@pytest.mark.parametrize("heads", HEADS)
def test_published_files_are_found_by_their_names(heads):
    file = with_indexes(meta(fork() | HEADS[heads]), 7)
    assert len(file) == 189 + len(HEADS[heads])
    read = weights.read({"state_dict": file, "meta": {}})
    assert read.origin.layout == "dense_forks"
    assert read.config == replace(SIZES["swin_t"].config, drop_path=0.0, small_map="pad", pad_tokens="attend")
    assert read.leftovers.keys() == HEADS[heads].keys()
    assert {name for name in read.state if ".norms." in name} == {
        f"backbone.norms.{s}.{p}" for s in range(4) for p in ("weight", "bias")
    }


@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_was_read_is_written_back_bit_for_bit(prefix):
    shapes = fork(width=8, depths=(2, 2, 2), heads=(1, 2, 4), window=4) | HEADS["mask_rcnn"]
    file = {prefix + name: value for name, value in with_indexes(valued(shapes), 4).items()}
    read = weights.read(file)
    assert len(read.leftovers) == 2
    written = weights.write(read.state, read.config, "dense_forks", origin=read.origin, leftovers=read.leftovers)
    assert same(written, file)


def features(config, state, size):
    model = Model(config, lambda levels: nn.Identity()).eval()
    model.load_state_dict(state)
    with torch.no_grad():
        return model.features(torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3)))


def test_microsofts_weights_compute_the_same_but_where_a_map_fits_in_one_window():
    """C4: merging in microsoft's order, and the shift that classifiers leave out, in the last stage alone."""
    plain = weights.write(classifier(V1).state_dict(), V1, "microsoft", size=64)
    fine = ("norm.", "head.", "layers.0.blocks.1.attn_mask", "layers.1.blocks.1.attn_mask")
    file = {f"backbone.{name}": value for name, value in plain.items() if not name.startswith(fine)}
    for stage, channels in enumerate((8, 16, 32)):
        file |= {
            f"backbone.norm{stage}.weight": torch.ones(channels),
            f"backbone.norm{stage}.bias": torch.zeros(channels),
        }
    read = weights.read(file)
    assert read.origin.layout == "dense_forks"
    dense = features(read.config, read.state, (64, 64))
    classifying = features(replace(read.config, small_map="shrink_block", pad_tokens="mask"), read.state, (64, 64))
    assert [one.equal(other) for one, other in zip(dense, classifying, strict=True)] == [True, True, False]
    larger = [
        features(c, read.state, (128, 160)) for c in (read.config, replace(read.config, small_map="shrink_block"))
    ]
    assert all(one.equal(other) for one, other in zip(*larger, strict=True))


def test_an_absolute_position_embedding_is_refused():
    file = with_indexes(meta(fork()), 7) | {"backbone.absolute_pos_embed": torch.zeros(1, 96, 56, 56)}
    with pytest.raises(CheckpointError, match="absolute position embedding"):
        weights.read(file)
