"""timm's Swin V1 and V2 against ours: outputs, gradients, and files both ways."""

from __future__ import annotations

import importlib

import pytest
import torch
from parity.comparison import by_table, ours, randomise, same
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2

from swinkit import weights
from swinkit.files import CheckpointError

TINY = {"embed_dim": 24, "num_heads": (1, 2, 4, 8), "num_classes": 10, "drop_path_rate": 0.0}
FULL = {"embed_dim": 96, "num_heads": (3, 6, 12, 24), "num_classes": 1000, "drop_path_rate": 0.0}
DEEP = {**TINY, "depths": (2, 2, 18, 2)}

V1 = {
    "tiny_224": {**FULL, "depths": (2, 2, 6, 2), "img_size": 224, "window_size": 7},
    "deep": {**DEEP, "img_size": 112, "window_size": 7},
    "windows_cut_by_small_maps": {**TINY, "depths": (2, 2, 2, 2), "img_size": 56, "window_size": 7},
    "wide_picture": {**TINY, "depths": (2, 2, 2, 2), "img_size": (128, 256), "window_size": 4},
    "padding_without_shift": {**TINY, "depths": (1, 1, 1, 1), "img_size": (200, 264), "window_size": 5},
}
V2 = {
    "tiny_256": {**FULL, "depths": (2, 2, 6, 2), "img_size": 256, "window_size": 8},
    "tiny_256_w16": {**FULL, "depths": (2, 2, 2, 2), "img_size": 256, "window_size": 16},
    "deep": {**DEEP, "img_size": 128, "window_size": 8},
    "other_window_than_trained": {**DEEP, "depths": (2, 2, 2, 2), "img_size": 128, "window_size": 8,
                                  "pretrained_window_sizes": (6, 6, 6, 3)},
    "padding_without_shift": {**TINY, "depths": (1, 1, 1, 1), "img_size": (200, 264), "window_size": 5},
}  # fmt: skip


def pair(options):
    return options if isinstance(options, tuple) else (options, options)


@pytest.mark.parametrize("case", V1)
def test_v1_computes_what_timm_does(case):
    options = V1[case]
    peer = randomise(SwinTransformer(**options))
    read = weights.read(peer.state_dict())
    model = ours(read.config, options["num_classes"], read.state)
    same(peer, model, pair(options["img_size"]), by_table("timm", 4))


@pytest.mark.parametrize("case", V2)
def test_v2_computes_what_timm_does(case):
    options = V2[case]
    peer = randomise(SwinTransformerV2(**options))
    trained = options.get("pretrained_window_sizes")
    size = pair(options["img_size"])
    read = weights.read(peer.state_dict(), window=options["window_size"], bias_window=trained, size=size)
    model = ours(read.config, options["num_classes"], read.state)
    same(peer, model, size, by_table("timm", 4))


@pytest.mark.parametrize(
    ("kind", "options"), [(SwinTransformer, V1["deep"]), (SwinTransformerV2, V2["deep"])], ids=["v1", "v2"]
)
def test_files_go_there_and_back(kind, options):
    peer = randomise(kind(**options))
    state = peer.state_dict()
    read = weights.read(state, window=options["window_size"], size=options["img_size"])
    written = weights.write(read.state, read.config, "timm", origin=read.origin, leftovers=read.leftovers)
    assert written.keys() == state.keys()
    assert all(written[name].equal(state[name]) for name in state)
    fresh = kind(**options)
    fresh.load_state_dict(written, strict=True)


@pytest.mark.parametrize(
    ("kind", "options"), [(SwinTransformer, V1["deep"]), (SwinTransformerV2, V2["deep"])], ids=["v1", "v2"]
)
def test_timm_loads_the_microsoft_layout_that_we_write(kind, options):
    """timm's own converter is an independent reader of that layout."""
    module = importlib.import_module(kind.__module__)
    peer = randomise(kind(**options))
    read = weights.read(peer.state_dict(), window=options["window_size"], size=options["img_size"])
    written = weights.write(read.state, read.config, "microsoft", size=options["img_size"])
    fresh = kind(**options)
    fresh.load_state_dict(module.checkpoint_filter_fn({"model": written}, fresh), strict=True)
    x = torch.randn(1, 3, *pair(options["img_size"]))
    assert fresh.eval()(x).equal(peer(x))


def test_a_window_is_asked_for_where_the_file_cannot_say():
    state = SwinTransformerV2(**V2["deep"]).state_dict()
    with pytest.raises(CheckpointError, match="window="):
        weights.read(state)
