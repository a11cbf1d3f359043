"""Files of MONAI's SwinUNETR: two and three axes, three sets of names, two orders of merging and a refused one."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from weights.published_names import attention, linear, meta, norm, offsets, same, valued

from swinkit import weights
from swinkit.files import CheckpointError
from swinkit.models import Model
from swinkit.weights import LAYOUTS

AROUND = {"encoder1.layer.conv1.conv.weight": (12, 1, 3, 3, 3), "out.conv.conv.bias": (2,)}
SSL_HEADS = {**linear("rotation_head", 4, 768), **linear("contrastive_head", 512, 768), "conv.bias": (1,)}
INDEX = ".attn.relative_position_index"


def monai(*, rank=3, depths=(2, 2, 2, 2), window=7, width=48, at="swinViT.", layer=".0.", mlp="linear"):
    """Shapes of `SwinTransformer` inside SwinUNETR; self-supervised files name the layers of an MLP fc1, fc2."""
    names = {"patch_embed.proj.weight": (width, 1, *(2,) * rank), "patch_embed.proj.bias": (width,)}
    for stage, (depth, h) in enumerate(zip(depths, (3, 6, 12, 24), strict=False)):
        c, name = width * 2**stage, f"layers{stage + 1}{layer}"
        for block in (f"{name}blocks.{b}" for b in range(depth)):
            names |= attention(f"{block}.attn", c, h, (2 * window - 1) ** rank)
            names |= norm(f"{block}.norm1", c) | norm(f"{block}.norm2", c)
            names |= linear(f"{block}.mlp.{mlp}1", 4 * c, c) | linear(f"{block}.mlp.{mlp}2", c, 4 * c)
        joined = 2**rank * c
        names |= norm(f"{name}downsample.norm", joined) | linear(
            f"{name}downsample.reduction", 2 * c, joined, bias=False
        )
    return {at + name: shape for name, shape in names.items()}


def with_indexes(tensors, *window):
    index = offsets(*window)
    found = [name for name in tensors if name.endswith(".attn.qkv.weight")]
    return tensors | {name.replace(".attn.qkv.weight", INDEX): index.clone() for name in found}


def tiny(rank=3, **options):
    options = {"width": 12, "depths": (2, 2, 1), "window": 3} | options
    return with_indexes(valued(monai(rank=rank, **options)), *(options["window"],) * rank)


def fourth(file):
    return {name for name in file if "layers4" in name and "downsample" in name}


@pytest.mark.parametrize(
    ("layout", "at", "layer", "mlp", "around"),
    [
        ("monai", "swinViT.", ".0.", "linear", AROUND),
        ("monai", "", ".0.", "linear", {}),
        ("monai_ssl", "", ".0.", "fc", SSL_HEADS),
        ("monai_dae", "encoder.", ".0.0.", "linear", {"encoder.mask_token": (1, 1, 48), **norm("encoder.norm", 768)}),
    ],
)
def test_published_volumes_are_found_by_their_names(layout, at, layer, mlp, around):
    file = meta(monai(at=at, layer=layer, mlp=mlp) | around)
    assert len(file) == 2 + 8 * 13 + 4 * 3 + len(around), "and 8 indexes, which tests of tiny files have"
    wrapped = {"state_dict": {f"module.{name}": value for name, value in file.items()}}
    read = weights.read(wrapped if layout == "monai_ssl" else file)
    assert read.origin.layout == layout
    config = read.config
    assert (config.rank, config.width, config.depths, config.heads) == (3, 48, (2, 2, 2, 2), (3, 6, 12, 24))
    assert (config.stem.size, config.stem.channels, config.stem.norm) == ((2, 2, 2), 1, False)
    assert (config.windows, config.merge, config.mlp_ratio) == (((7, 7, 7),) * 4, None, 4.0)
    assert (config.small_map, config.pad_tokens) == ("shrink", "attend")
    assert set(read.leftovers) == {*around, *fourth(file)}
    assert len(fourth(file)) == 3


@pytest.mark.parametrize("told", [None, "monai", "monai_mergingv2"])
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("around", [{}, AROUND], ids=["encoder", "whole"])
def test_what_was_read_is_written_back_bit_for_bit(rank, told, around):
    file = tiny(rank) | valued(around)
    read = weights.read(file, order=told)
    assert read.origin.layout == ("monai_2d" if rank == 2 else told or "monai")
    written = weights.write(read.state, read.config, read.origin.layout, origin=read.origin, leftovers=read.leftovers)
    assert same(written, file)


@pytest.mark.parametrize("at", ["", "swin_vit."])
def test_self_supervised_files_are_written_back_bit_for_bit(at):
    file = {f"module.{name}": value for name, value in (tiny(at=at, mlp="fc") | valued(SSL_HEADS)).items()}
    read = weights.read({"state_dict": file})
    assert read.origin.layout == "monai_ssl"
    assert same(weights.write(read.state, read.config, "monai_ssl", origin=read.origin, leftovers=read.leftovers), file)


def test_a_norm_after_the_patches_is_taken_where_there_is_one():
    read = weights.read(tiny() | valued(norm("swinViT.patch_embed.norm", 12)))
    assert read.config.stem.norm
    assert {"stem.norm.weight", "stem.norm.bias"} <= set(read.state)


NEIGHBOURS = {
    "monai": ("000", "100", "010", "001", "110", "101", "011", "111"),
    "monai_mergingv2": tuple("".join(bits) for bits in itertools.product("01", repeat=3)),
}
"""Of PatchMerging since MONAI 1.5 and of PatchMergingV2: the slices that are joined, in their order."""


@pytest.mark.parametrize("told", NEIGHBOURS)
@pytest.mark.parametrize("space", [(4, 6, 2), (3, 4, 5)], ids=["even", "odd"])
def test_merging_joins_the_neighbours_that_monai_joins(told, space):
    file = tiny()
    read = weights.read(file, order=told)
    model = Model(read.config, lambda levels: nn.Identity())
    model.load_state_dict(read.state, strict=False)
    x = torch.randn(2, *space, 12)
    even = F.pad(x, (0, 0, 0, space[2] % 2, 0, space[1] % 2, 0, space[0] % 2))
    joined = torch.cat([even[:, i::2, j::2, k::2] for i, j, k in (map(int, bits) for bits in NEIGHBOURS[told])], -1)
    name = "swinViT.layers1.0.downsample."
    wanted = F.layer_norm(joined, joined.shape[-1:], file[name + "norm.weight"], file[name + "norm.bias"])
    found, _ = model.backbone.stages[1].merging(x.flatten(1, 3), space)
    torch.testing.assert_close(
        found, (wanted @ file[name + "reduction.weight"].t()).flatten(1, 3), rtol=1e-5, atol=1e-5
    )


def test_pictures_join_neighbours_as_we_do():
    file = tiny(rank=2)
    read = weights.read(file)
    assert read.state["backbone.stages.1.merging.reduction.weight"].equal(
        file["swinViT.layers1.0.downsample.reduction.weight"]
    )


def test_the_order_before_1_5_is_refused_for_what_it_is():
    with pytest.raises(CheckpointError, match="joins the neighbours 010 and 001 twice and 110 and 011 never"):
        weights.read(tiny(), order="monai_old")


def test_no_weight_of_our_merging_does_what_the_order_before_1_5_did():
    """Why it is refused: where 110 and 011 alone change, the old order sees nothing, and ours does with any weights."""
    old = ("000", "100", "010", "001", "101", "010", "001", "111")
    x = torch.randn(1, 2, 2, 2, 4)
    y = x.clone()
    y[:, 1, 1, 0] += 1

    def join(grid):
        return torch.cat([grid[0, i, j, k] for i, j, k in (map(int, bits) for bits in old)])

    assert join(x).equal(join(y))
    ours, theirs = torch.cat(list(x[0].reshape(8, 4))), join(x)
    assert not torch.isclose(ours.var(unbiased=False), theirs.var(unbiased=False)), "the norm counts copies"


def test_an_unknown_order_is_named_with_the_known_ones():
    with pytest.raises(
        CheckpointError, match=r"order='monai_merging_v2' does not exist; did you mean 'monai_mergingv2'"
    ):
        weights.read(tiny(), order="monai_merging_v2")


def test_an_order_that_a_layout_has_not_leaves_nothing_to_choose_from():
    with pytest.raises(CheckpointError, match="fit no known layout"):
        weights.read({"head.fc.weight": torch.zeros(1)}, order="monai")


def test_residual_convolutions_before_a_stage_are_refused():
    convolution = {"swinViT.layers1c.0.layer.conv1.conv.weight": torch.zeros(12, 12, 3, 3, 3)}
    with pytest.raises(CheckpointError, match="use_v2=True"):
        weights.read(tiny() | convolution)


def test_norms_of_outputs_stay_as_fresh_and_have_no_place_there():
    """MONAI normalises its outputs without weights: ones and zeros here."""
    read = weights.read(tiny())
    model = Model(read.config, lambda levels: nn.Identity())
    state, report = weights.fit(read, read.config, model.state_dict(), optional=("head.", "backbone.norms."))
    assert set(report.missing) == {f"backbone.norms.{s}.{p}" for s in range(3) for p in ("weight", "bias")}
    model.load_state_dict(state)
    assert all(n.weight.eq(1).all() and n.bias.eq(0).all() for n in model.backbone.norms.values())
    with pytest.raises(CheckpointError, match=r"no place for backbone\.norms\.0\.bias"):
        weights.write(model.state_dict(), read.config, "monai")


def test_volumes_and_pictures_are_told_apart():
    assert [name for name, layout in LAYOUTS.items() if name.startswith("monai") and layout.ranks == (2,)] == [
        "monai_2d"
    ]
    with pytest.raises(CheckpointError, match="no models of rank 2"):
        weights.write({}, weights.read(tiny(rank=2)).config, "monai")
