"""torchvision's Swin V1, V2 and swin3d against ours: outputs, gradients and files both ways, at sizes of every kind."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torchvision
from parity.comparison import ours, randomise, same
from torch import nn
from torchvision.models import swin_transformer, video
from torchvision.models.swin_transformer import (
    PatchMerging,
    PatchMergingV2,
    SwinTransformer,
    SwinTransformerBlock,
    SwinTransformerBlockV2,
)
from torchvision.models.video.swin_transformer import SwinTransformer3d

from swinkit import weights
from swinkit.backbone import SIZES, SwinConfig
from swinkit.heads.linear import PooledLinear
from swinkit.models import Model
from swinkit.weights.parts import gather

PARTS = {"v1": (SwinTransformerBlock, PatchMerging), "v2": (SwinTransformerBlockV2, PatchMergingV2)}
CLASSES = 10


def flat(version: str, window: int = 7, width: int = 24, depths=(2, 2, 6, 2)) -> nn.Module:
    block, merging = PARTS[version]
    heads = [3, 6, 12, 24] if width == 96 else [1, 2, 4, 8]
    return SwinTransformer([4, 4], width, list(depths), heads, [window, window], stochastic_depth_prob=0.0,
                           num_classes=CLASSES, block=block, downsample_layer=merging)  # fmt: skip


def deep(window=(4, 3, 5)) -> nn.Module:
    return SwinTransformer3d([2, 4, 4], 24, [2, 2, 2], [1, 2, 4], list(window), stochastic_depth_prob=0.0,
                             num_classes=CLASSES)  # fmt: skip


def agrees(peer: nn.Module, size: tuple[int, ...]) -> None:
    """Weights read from the peer's own state_dict give the peer's outputs and gradients."""
    randomise(peer)
    read = weights.read(peer.state_dict())
    config = read.config
    table = weights.LAYOUTS[read.origin.layout].table(len(config.depths), config.version)

    def to_ours(state):
        return gather(state, [move for name in state for move in table.moves(name)])[0]

    same(peer, ours(config, CLASSES, read.state), size, to_ours)


SIZES_2D = {"multiple": (224, 224), "padded": (200, 264), "odd_maps": (252, 380), "last_map_fits": (128, 128),
            "one_axis_fits": (64, 320), "all_maps_fit": (24, 20), "one_token": (4, 4)}  # fmt: skip


@pytest.mark.parametrize("size", SIZES_2D)
@pytest.mark.parametrize("version", PARTS)
def test_pictures_give_what_torchvision_computes(version, size):
    agrees(flat(version), SIZES_2D[size])


@pytest.mark.parametrize("version", PARTS)
def test_full_width_with_padding(version):
    agrees(flat(version, width=96, depths=(2, 2, 2, 2)), (200, 200))


SIZES_3D = {"multiple": (8, 48, 80), "padded": (13, 55, 90), "padded_in_time": (11, 48, 80), "short": (3, 48, 80),
            "one_frame": (1, 52, 84)}  # fmt: skip


@pytest.mark.parametrize("size", SIZES_3D)
def test_video_gives_what_torchvision_computes(size):
    agrees(deep(), SIZES_3D[size])


@pytest.mark.xfail(strict=True, reason=f"torchvision {torchvision.__version__} cuts the index of a cut window (C3)")
def test_a_window_cut_in_the_plane_reads_its_own_offsets_in_torchvision():
    """Maps of 2 x 4 tokens and windows of 3 x 5: the first n rows of the index are not those of a smaller window."""
    agrees(deep(), (8, 24, 64))


def test_a_window_cut_in_the_plane_is_a_model_of_that_window():
    """Ours, against torchvision built for the window that is left, with the rows of the table that it has."""
    peer, cut = randomise(deep(window=(4, 7, 7))), deep(window=(4, 5, 7))
    state = peer.state_dict()
    for name, value in state.items():
        if name.endswith("bias_table"):
            grid = value.view(7, 13, 13, -1)
            state[name] = grid[:, 2:-2].reshape(-1, value.shape[1])
        elif name.endswith("index"):
            state[name] = cut.state_dict()[name]
    cut.load_state_dict(state, strict=True)
    read = weights.read(peer.state_dict())
    first = torch.randn(1, 3, 8, 20, 28)  # maps of 4 x 5 x 7 tokens in the first stage
    with torch.no_grad():
        wanted = cut.eval().features[0](cut.patch_embed(first))
        model = ours(read.config, CLASSES, read.state)
        tokens, _ = model.stem(first)
        found, _, _ = model.backbone.stages[0](tokens.flatten(1, -2), tokens.shape[1:-1])
    torch.testing.assert_close(found.view(wanted.shape), wanted, rtol=1e-5, atol=1e-5)


MADE = {"v1": partial(flat, "v1"), "v2": partial(flat, "v2"), "swin3d": deep}


@pytest.mark.parametrize("kind", MADE)
def test_files_go_there_and_back(kind):
    state = randomise(MADE[kind]()).state_dict()
    read = weights.read(state)
    again = weights.write(read.state, read.config, read.origin.layout, origin=read.origin, leftovers=read.leftovers)
    assert again.keys() == state.keys()
    assert all(again[name].dtype == state[name].dtype and again[name].equal(state[name]) for name in state)


@pytest.mark.parametrize("kind", MADE)
def test_torchvision_loads_what_we_write_from_other_weights(kind):
    """As if they had come from another layout: without origin, so without the bias of V2's keys."""
    peer = MADE[kind]()
    config = weights.read(peer.state_dict()).config
    last = len(config.depths) - 1
    model = Model(config, lambda levels: PooledLinear(levels.channels[-1], CLASSES), outputs=(last,)).eval()
    randomise(model, seed=2)
    layout = "torchvision" if config.rank == 2 else "torchvision_swin3d"
    peer.load_state_dict(weights.write(model.state_dict(), config, layout), strict=True)
    x = torch.randn(2, 3, *((96, 72) if config.rank == 2 else (8, 48, 80)))
    with torch.no_grad():
        wanted, found = peer.eval()(x), model(x)
    assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


FULL = {"swin_t": "swin_t", "swin_s": "swin_s", "swin_b": "swin_b", "swin_v2_t": "swin_v2_t",
        "swin_v2_s": "swin_v2_s", "swin_v2_b": "swin_v2_b", "swin3d_t": "video_swin_t", "swin3d_s": "video_swin_s",
        "swin3d_b": "video_swin_b"}  # fmt: skip


@pytest.mark.parametrize("name", FULL)
def test_every_published_model_has_the_tensors_that_we_write(name):
    size, module = SIZES[FULL[name]], video if name.startswith("swin3d") else swin_transformer
    config: SwinConfig = size.config
    last = len(config.depths) - 1
    with torch.device("meta"):
        peer = getattr(module, name)()
        model = Model(config, lambda levels: PooledLinear(levels.channels[-1], size.classes), outputs=(last,))
    layout = "torchvision" if config.rank == 2 else "torchvision_swin3d"
    written = weights.write(model.state_dict(), config, layout)
    wanted = peer.state_dict()
    assert {n: (v.shape, v.dtype) for n, v in written.items()} == {n: (v.shape, v.dtype) for n, v in wanted.items()}
