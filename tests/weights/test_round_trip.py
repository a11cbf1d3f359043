"""What is written in a layout is read back bit for bit, buffers included."""

from __future__ import annotations

import math

import pytest
import torch
from weights.classifiers import SIZE, V1, V2, classifier, published

from swinkit import weights
from swinkit.backbone import SIZES
from swinkit.files import CheckpointError
from swinkit.weights import buffers

FOREIGN = ("microsoft", "timm", "timm_old")


def same(one, other):
    return one.keys() == other.keys() and all(one[k].dtype == other[k].dtype and one[k].equal(other[k]) for k in one)


@pytest.mark.parametrize("layout", FOREIGN)
@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
def test_ours_to_theirs_to_ours(layout, config):
    state = classifier(config).state_dict()
    written = weights.write(state, config, layout, size=SIZE)
    back = weights.read(written, window=config.windows, bias_window=config.bias_windows)
    assert same(back.state, state)
    assert (back.config.windows, back.config.bias_windows) == (config.windows, config.bias_windows)
    assert not back.leftovers


@pytest.mark.parametrize("layout", FOREIGN)
@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_theirs_to_ours_to_theirs(layout, config, dtype):
    """With a head that has no place here, a wrapper's prefix, and every float as the file has it."""
    written = weights.write(classifier(config).state_dict(), config, layout, size=SIZE)
    written["head_dist.weight"] = torch.randn(2, 2)
    theirs = {
        f"module.{name}": value.to(dtype) if value.is_floating_point() else value for name, value in written.items()
    }
    read = weights.read({"model": theirs}, window=config.windows, bias_window=config.bias_windows)
    assert list(read.leftovers) == ["head_dist.weight"]
    again = weights.write(read.state, read.config, read.origin.layout, origin=read.origin, leftovers=read.leftovers)
    assert same(again, theirs)


@pytest.mark.parametrize(
    ("name", "keys"),
    [("swin_t", 190), ("swin_v2_t", 250), ("swin_v2_t_w16", 247), ("swin_b_384", 364), ("swin_v2_b_w24_384", 475)],
)
def test_published_files_have_as_many_keys(name, keys):
    """Counted from the state_dict of microsoft's own classes."""
    model = published(name)
    assert len(weights.write(model.state_dict(), model.config, "microsoft", size=SIZES[name].input)) == keys


def test_the_index_is_that_of_two_loops():
    window = (3, 5)
    index = buffers.index(window)
    cells = [(row, column) for row in range(3) for column in range(5)]
    for i, (r, c) in enumerate(cells):
        for j, (r2, c2) in enumerate(cells):
            assert index[i, j] == (r - r2 + 2) * 9 + (c - c2 + 4)


def test_coordinates_follow_the_published_formula():
    table = buffers.coordinates((8, 8), (6, 6))
    assert table.shape == (1, 15, 15, 2)
    for offset in (-7, -1, 0, 3):
        scaled = 8 * offset / 5
        wanted = math.copysign(math.log2(abs(scaled) + 1) / 3, scaled)
        assert table[0, offset + 7, 0, 0].item() == pytest.approx(wanted, rel=1e-6)
        assert table[0, 0, offset + 7, 1].item() == pytest.approx(wanted, rel=1e-6)


def test_the_mask_parts_what_was_rolled_together():
    """Rows and columns are labelled by the slices of the published code, on a map of 8 x 12 and a window of 4."""
    space, window, shift = (8, 12), (4, 4), (2, 2)
    label = torch.zeros(space)
    count = 0
    for rows in (slice(0, -4), slice(-4, -2), slice(-2, None)):
        for columns in (slice(0, -4), slice(-4, -2), slice(-2, None)):
            label[rows, columns] = count
            count += 1
    windows = label.view(2, 4, 3, 4).permute(0, 2, 1, 3).reshape(6, 16)
    apart = windows[:, None] - windows[:, :, None]
    wanted = apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)
    found = buffers.mask(space, window, shift)
    assert found.equal(wanted)
    assert not (found.signbit() & (found == 0)).any()
    assert buffers.space_of_mask(found, window, "shrink") == space
    assert buffers.window_of_mask(found, 2, "shrink") == window


def test_a_buffer_that_comes_out_otherwise_is_kept():
    """One bit of the log offsets depends on the machine that computed them."""
    state = weights.write(classifier(V2).state_dict(), V2, "microsoft", size=SIZE)
    name = "layers.0.blocks.0.attn.relative_coords_table"
    state[name] = state[name].nextafter(torch.tensor(10.0))
    read = weights.read(state)
    assert name in read.leftovers
    again = weights.write(read.state, read.config, "microsoft", origin=read.origin, leftovers=read.leftovers)
    assert same(again, state)


def test_writing_masks_needs_the_input_size():
    with pytest.raises(CheckpointError, match="size="):
        weights.write(classifier(V1).state_dict(), V1, "microsoft")


def test_what_has_no_place_is_named():
    state = classifier(V1).state_dict() | {"head.decoder.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"no place for head\.decoder\.weight"):
        weights.write(state, V1, "timm")
