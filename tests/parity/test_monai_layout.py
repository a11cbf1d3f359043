"""MONAI's SwinUNETR: the files of its encoder are read as they are, and every stage computes what it does there.

Sizes keep every map larger than its window: MONAI reads wrong rows of its bias tables where it cuts a window (C3).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from monai.networks.nets.swin_unetr import SwinTransformer, SwinUNETR
from parity.comparison import GRADIENTS, LOGITS, randomise
from torch import nn
from torch.nn import functional as F

from swinkit import weights
from swinkit.models import Model
from swinkit.weights.parts import gather

CASES = {
    "volume": (3, "merging", (40, 48, 32), (2, 2, 2)),
    "volume_odd": (3, "merging", (38, 46, 30), (2, 2, 1)),
    "volume_mergingv2": (3, "mergingv2", (38, 48, 34), (2, 2, 2)),
    "picture": (2, "merging", (80, 96), (2, 2, 2, 2)),
    "picture_odd": (2, "mergingv2", (86, 106), (2, 2, 2, 1)),
}
"""Rank, merging, input, depths: windows of 3 tokens, patches of 2, so that the last maps are 4 to 14 tokens a side."""


def encoder(rank, downsample, depths, window=3):
    depths = (*depths, *(1,) * (4 - len(depths)))
    model = SwinTransformer(
        in_chans=1, embed_dim=12, window_size=(window,) * rank, patch_size=(2,) * rank, depths=depths,
        num_heads=(1, 2, 4, 8), spatial_dims=rank, downsample=downsample,
    )  # fmt: skip
    return randomise(model)


def stages_of(peer, x, count):
    """The features of every stage before its merging, normalised as `proj_out` does; MONAI returns those after it."""
    features, x = [], peer.patch_embed(x)
    for stage in [peer.layers1, peer.layers2, peer.layers3, peer.layers4][:count]:
        layer = stage[0]
        merging, layer.downsample = layer.downsample, None
        x = layer(x.contiguous())
        layer.downsample = merging
        features.append(peer.proj_out(x, normalize=True))
        x = merging(x.movedim(1, -1)).movedim(-1, 1)
    return features


def ours(peer, downsample):
    order = "monai_mergingv2" if downsample == "mergingv2" else None
    read = weights.read({f"swinViT.{name}": value for name, value in peer.state_dict().items()}, order=order)
    model = Model(read.config, lambda levels: nn.Identity()).eval()
    model.load_state_dict(weights.fit(read, read.config, model.state_dict(), optional=("head.", "backbone.norms."))[0])
    return read, model


@pytest.mark.parametrize("case", CASES)
def test_every_stage_computes_what_monai_does(case):
    rank, downsample, size, depths = CASES[case]
    peer = encoder(rank, downsample, depths)
    read, model = ours(peer, downsample)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 1, *size, generator=generator)
    wanted, found = stages_of(peer, x, len(depths)), model.features(x)[: len(depths)]
    pairs = [(one.detach(), other.detach()) for one, other in zip(wanted, found, strict=True)]
    apart = max(float((one - other).abs().max() / one.abs().max()) for one, other in pairs)
    weighted = [torch.randn(y.shape, generator=generator) for y in wanted]
    for features in (wanted, found):
        torch.stack([(y * w).sum() for y, w in zip(features, weighted, strict=True)]).sum().backward()
    theirs = {f"swinViT.{name}": p.grad for name, p in peer.named_parameters() if p.grad is not None}
    names = weights.LAYOUTS[read.origin.layout].table(len(read.config.depths), "v1", read.origin.place)
    gradients, _ = gather(theirs, [move for name in theirs for move in names.moves(name)])
    mine = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert set(gradients) == {name for name in mine if ".norms." not in name}
    off = torch.stack([(gradients[name] - mine[name]).square().sum() for name in gradients]).sum().sqrt()
    norm = torch.stack([g.square().sum() for g in gradients.values()]).sum().sqrt()
    print(f"{case}: features {apart:.1e}, gradients {float(off / norm):.1e}")  # noqa: T201
    assert apart <= LOGITS
    assert float(off / norm) <= GRADIENTS


@pytest.mark.parametrize(("rank", "size"), [(3, (32, 64, 32)), (2, (96, 64))])
def test_a_whole_swinunetr_is_read_and_written_back(rank, size):
    peer = SwinUNETR(in_channels=1, out_channels=2, feature_size=12, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8),
                     window_size=3, spatial_dims=rank)  # fmt: skip
    read = weights.read(peer.state_dict())
    assert all(
        name.startswith(("encoder", "decoder", "out.", "swinViT.layers4.0.downsample.")) for name in read.leftovers
    )
    written = weights.write(read.state, read.config, read.origin.layout, origin=read.origin, leftovers=read.leftovers)
    fresh = SwinUNETR(in_channels=1, out_channels=2, feature_size=12, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8),
                      window_size=3, spatial_dims=rank)  # fmt: skip
    fresh.load_state_dict(written, strict=True)
    x = torch.randn(1, 1, *size)
    with torch.no_grad():
        assert fresh.eval()(x).equal(peer.eval()(x))


def test_where_monai_cuts_a_window_it_reads_other_rows_of_its_table():
    """C3: maps of 5 tokens under windows of 7 along the second and third axis."""
    peer = encoder(3, "merging", (2,), window=7)
    _, model = ours(peer, "merging")
    x = torch.randn(1, 1, 20, 10, 10)
    with torch.no_grad():
        apart = (stages_of(peer, x, 1)[0] - model.features(x)[0]).abs().max()
    assert apart > 0.01


def test_the_policies_are_those_of_the_source():
    """Padding that attends and maps cut axis by axis: other rules give other features."""
    peer = encoder(2, "merging", (2, 2))
    read, model = ours(peer, "merging")
    x = torch.randn(1, 1, 4, 34)  # where only the first axis is cut, MONAI reads the right rows
    with torch.no_grad():
        wanted = stages_of(peer, x, 1)[0]
        assert F.mse_loss(model.features(x)[0], wanted) < 1e-10
        for change in ({"pad_tokens": "mask"}, {"small_map": "pad"}):
            other = Model(replace(read.config, **change), lambda levels: nn.Identity()).eval()
            other.load_state_dict(model.state_dict())
            assert (other.features(x)[0] - wanted).abs().max() > 1e-3
