"""Files of mmseg, mmdet, mmpose and mmpretrain: found by their names, unfolded by nn.Unfold, back bit for bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from weights.classifiers import V1, V2, classifier
from weights.published_names import attention, attention_v2, linear, meta, norm, offsets, same, valued

from swinkit import weights
from swinkit.backbone import SIZES
from swinkit.files import CheckpointError
from swinkit.models import Model

HEADS = {"decode_head.conv_seg.weight": (150, 512, 1, 1), "auxiliary_head.conv_seg.bias": (150,)}
POSE = {"head.deconv_layers.0.weight": (768, 256, 4, 4), "head.final_layer.bias": (17,)}
CLASSES = linear("head.fc", 1000, 768)


def mmlab(
    *, width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7, version="v1", outputs=(0, 1, 2, 3), at="backbone."
):
    """Shapes of `SwinTransformer` of mmseg, mmdet and mmpretrain, or mmpretrain's `SwinTransformerV2`."""
    names = {"patch_embed.projection.weight": (width, 3, 4, 4), "patch_embed.projection.bias": (width,)}
    names |= norm("patch_embed.norm", width)
    for stage, (depth, h) in enumerate(zip(depths, heads, strict=True)):
        c = width * 2**stage
        for block in (f"stages.{stage}.blocks.{b}" for b in range(depth)):
            msa = f"{block}.attn.w_msa"
            names |= attention(msa, c, h, (2 * window - 1) ** 2) if version == "v1" else attention_v2(msa, c, h)
            names |= norm(f"{block}.norm1", c) | norm(f"{block}.norm2", c)
            names |= linear(f"{block}.ffn.layers.0.0", 4 * c, c) | linear(f"{block}.ffn.layers.1", c, 4 * c)
        merging = f"stages.{stage}.downsample"
        if version == "v1" and stage + 1 < len(depths):
            names |= norm(f"{merging}.norm", 4 * c) | linear(f"{merging}.reduction", 2 * c, 4 * c, bias=False)
        if version == "v2" and stage > 0:
            names |= norm(f"{merging}.norm", c) | linear(f"{merging}.reduction", c, 2 * c, bias=False)
    for stage in outputs:
        names |= norm(f"norm{stage}", width * 2**stage)
    return {at + name: shape for name, shape in names.items()}


def with_indexes(tensors, windows):
    """Beside every qkv the index of its stage's window."""
    square = {w: offsets(w, w) for w in set(windows)}
    found = [name.removesuffix("qkv.weight") for name in tensors if name.endswith("w_msa.qkv.weight")]
    stages = [int(name.split("stages.")[1][0]) for name in found]
    indexes = {f"{n}relative_position_index": square[windows[s]].clone() for n, s in zip(found, stages, strict=True)}
    return tensors | indexes


def published(name, small_map, pad_tokens):
    return replace(SIZES[name].config, drop_path=0.0, small_map=small_map, pad_tokens=pad_tokens)


@pytest.mark.parametrize("head", [{}, HEADS], ids=["mmdet", "mmseg"])
def test_dense_files_have_a_norm_for_every_output_and_shift_small_maps(head):
    file = with_indexes(meta(mmlab() | head), (7,) * 4)
    assert len(file) == 189 + len(head)
    read = weights.read({"state_dict": file, "meta": {"epoch": 12}})
    assert read.origin.layout == "openmmlab"
    assert read.config == published("swin_t", "pad", "attend")
    assert read.leftovers.keys() == head.keys()
    assert [n for n in read.state if "norms" in n] == [
        f"backbone.norms.{s}.{p}" for s in range(4) for p in ("weight", "bias")
    ]


def test_mmposes_files_with_one_output_are_dense_too():
    read = weights.read({"state_dict": with_indexes(meta(mmlab(outputs=(3,)) | POSE), (7,) * 4)})
    assert (read.origin.layout, read.config.small_map) == ("openmmlab", "pad")
    assert read.leftovers.keys() == POSE.keys()


def test_classifiers_are_mmpretrains():
    read = weights.read({"state_dict": with_indexes(meta(mmlab(outputs=(3,)) | CLASSES), (7,) * 4)})
    assert (read.origin.layout, read.classes) == ("mmpretrain", 1000)
    assert read.config == published("swin_t", "shrink_block", "attend")
    assert not read.leftovers


def test_v2_merges_before_its_blocks_and_takes_windows_from_the_index():
    file = with_indexes(meta(mmlab(version="v2", outputs=(3,)) | CLASSES), (16, 16, 16, 8))
    read = weights.read(file)
    assert read.origin.layout == "mmpretrain"
    assert read.config == published("swin_v2_t_w16", "shrink_block", "attend")
    assert read.state["backbone.stages.1.merging.reduction.weight"].shape == (192, 384)
    assert read.state["backbone.stages.1.merging.norm.weight"].shape == (192,)


def test_the_third_norm_of_h_and_g_is_refused():
    file = with_indexes(meta(mmlab(version="v2", outputs=(3,))), (16, 16, 16, 8))
    with pytest.raises(CheckpointError, match=r"stages\.2\.blocks\.5\.norm3\.weight: this is the third norm"):
        weights.read(file | meta(norm("backbone.stages.2.blocks.5.norm3", 384)))


def renamed(file, **names):
    """Without numbers of norms; masks of the shifted blocks of V1 at SIZE."""
    return {name.replace("norm2.w" if "stages" not in name else "?", "norm.w").replace(
        "norm2.b" if "stages" not in name else "?", "norm.b"): value for name, value in file.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "mask", "at", "head"),
    [("mmcls", "attn.attn_mask", "backbone.", True), ("openmmlab_converted", "attn_mask", "", False)],
)
def test_files_from_before_norms_had_numbers(layout, mask, at, head):
    state = {name: value for name, value in classifier(V1).state_dict().items() if head or not name.startswith("head.")}
    microsoft = weights.write(classifier(V1).state_dict(), V1, "microsoft", size=64)
    shapes = mmlab(width=8, depths=(2, 2, 2), heads=(1, 2, 4), window=4, outputs=(2,), at=at)
    shapes |= linear("head.fc", 5, 32) if head else {}
    file = renamed(with_indexes(valued(shapes), (4, 4, 4)))
    for stage in (0, 1):
        file[f"{at}stages.{stage}.blocks.1.{mask}"] = microsoft[f"layers.{stage}.blocks.1.attn_mask"].clone()
    read = weights.read(file)
    assert (read.origin.layout, read.origin.size) == (layout, (64, 64))
    assert read.state.keys() == state.keys()
    assert same(weights.write(read.state, read.config, layout, origin=read.origin, leftovers=read.leftovers), file)


@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("outputs", [(0, 1, 2), (2,)], ids=["dense", "classifier"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_what_was_read_is_written_back_bit_for_bit(config, outputs, dtype):
    shapes = mmlab(width=8, depths=(2, 2, 2), heads=(1, 2, 4), window=4, version=config.version, outputs=outputs)
    shapes |= linear("head.fc", 5, 32) if len(outputs) == 1 else {"decode_head.conv_seg.weight": (3, 32, 1, 1)}
    file = {name: value.to(dtype) for name, value in valued(shapes).items()}
    file = {f"module.{name}": value for name, value in with_indexes(file, [w[0] for w in config.windows]).items()}
    read = weights.read({"state_dict": file})
    assert read.config.version == config.version
    assert len(read.leftovers) == len(outputs) // 3
    written = weights.write(read.state, read.config, read.origin.layout, origin=read.origin, leftovers=read.leftovers)
    assert same(written, file)


class Unfolding(nn.Module):
    """PatchMerging of mmcv and mmpretrain: neighbours gathered by nn.Unfold, maps padded to even sizes at the end."""

    def __init__(self, file, name):
        super().__init__()
        self.norm, self.reduction = (
            (file[f"{name}norm.weight"], file[f"{name}norm.bias"]),
            file[f"{name}reduction.weight"],
        )

    def forward(self, x):
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
        x = nn.Unfold(kernel_size=2, stride=2)(x).transpose(1, 2)
        if len(self.norm[0]) == x.shape[2]:
            return F.layer_norm(x, x.shape[2:], *self.norm) @ self.reduction.t()
        return F.layer_norm(x @ self.reduction.t(), self.norm[0].shape, *self.norm)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("space", [(6, 4), (7, 5)], ids=["even", "odd"])
def test_merging_gathers_as_unfold_does(version, space):
    shapes = mmlab(width=8, depths=(2, 2), heads=(1, 2), window=4, version=version, outputs=(0, 1))
    file = with_indexes(valued(shapes), (4, 4))
    read = weights.read(file)
    model = Model(read.config, lambda levels: nn.Identity())
    model.load_state_dict(read.state)
    x = torch.randn(2, 8, *space)
    wanted = Unfolding(file, f"backbone.stages.{0 if version == 'v1' else 1}.downsample.")(x)
    found, merged = model.backbone.stages[1].merging(x.flatten(2).transpose(1, 2), space)
    assert merged == ((space[0] + 1) // 2, (space[1] + 1) // 2)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_same_weights_as_microsofts_by_the_published_conversion():
    """swin2mmseg.py: `correct_unfold_reduction_order` and `correct_unfold_norm_order`."""
    state = {name: value for name, value in classifier(V1).state_dict().items() if not name.startswith("head.")}
    theirs = weights.write(state, V1, "microsoft", size=64)
    converted = weights.write(state, V1, "openmmlab")
    weight, bias = theirs["layers.0.downsample.reduction.weight"], theirs["layers.0.downsample.norm.bias"]
    wanted = weight.reshape(16, 4, 8)[:, [0, 2, 1, 3], :].transpose(1, 2).reshape(16, 32)
    assert converted["backbone.stages.0.downsample.reduction.weight"].equal(wanted)
    assert converted["backbone.stages.0.downsample.norm.bias"].equal(bias.reshape(4, 8)[[0, 2, 1, 3]].t().reshape(32))
