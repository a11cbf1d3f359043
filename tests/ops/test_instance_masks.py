"""Masks of things against plain convolutions, one thing after the other; and where they lie in a picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from swinkit.ops.instance_masks import REACH, WIDTH, apart, dynamic, painted, parts, reduced, relative


def one_by_one(features, kernels, centres, strides, stride):
    """As the paper says it: relative coordinates beside the map, three convolutions with a thing's own weights."""
    channels, height, width = features.shape
    drawn = []
    for kernel, centre, own in zip(kernels, centres, strides, strict=True):
        x = ((torch.arange(width) + 0.5) * stride[1] - centre[0]) / (REACH * own[0])
        y = ((torch.arange(height) + 0.5) * stride[0] - centre[1]) / (REACH * own[1])
        places = torch.stack(torch.meshgrid(x, y, indexing="xy")).to(features)
        seen, given = torch.cat([features, places])[None], list(kernel.split(parts(channels)))
        for layer, (inputs, outputs) in enumerate(((channels + 2, WIDTH), (WIDTH, WIDTH), (WIDTH, 1))):
            weight, bias = given[2 * layer].view(outputs, inputs, 1, 1), given[2 * layer + 1]
            seen = F.conv2d(seen, weight, bias)
            seen = seen.relu() if layer < 2 else seen
        drawn.append(seen[0, 0])
    return torch.stack(drawn)


@pytest.mark.parametrize(("channels", "space", "count"), [(8, (5, 7), 4), (1, (1, 1), 1), (3, (6, 2), 9)])
def test_all_at_once_is_one_after_the_other(channels, space, count):
    torch.manual_seed(0)
    features = torch.randn(channels, *space, dtype=torch.float64, requires_grad=True)
    kernels = torch.randn(count, sum(parts(channels)), dtype=torch.float64, requires_grad=True)
    centres, strides = 30 * torch.rand(count, 2).double(), torch.tensor([[4.0, 8.0]]).double().repeat(count, 1)
    found = dynamic(features, kernels, relative(centres, strides, space, (4, 2)))
    wanted = one_by_one(features, kernels, centres, strides, (4, 2))
    torch.testing.assert_close(found, wanted)
    slope = torch.randn_like(wanted)
    ours, theirs = (torch.autograd.grad((x * slope).sum(), (features, kernels)) for x in (found, wanted))
    torch.testing.assert_close(ours, theirs)


def test_no_things_have_no_masks_but_a_gradient():
    features, kernels = torch.randn(8, 3, 4, requires_grad=True), torch.zeros(0, sum(parts(8)), requires_grad=True)
    drawn = dynamic(features, kernels, relative(torch.zeros(0, 2), torch.ones(0, 2), (3, 4), (2, 2)))
    assert drawn.shape == (0, 3, 4)
    (drawn.sum() + apart(drawn, torch.zeros(0, 3, 4)).sum()).backward()
    assert features.grad is not None and features.grad.eq(0).all()
    assert reduced(torch.zeros(0, 6, 8, dtype=torch.bool), (12, 16), (4, 4)).shape == (0, 3, 4)
    assert painted(torch.zeros(0, 3, 4), torch.zeros(0, 4), (5, 6), (1.0, 1.0)).shape == (0, 5, 6)


def test_cells_learn_the_share_that_is_covered():
    masks = torch.zeros(2, 5, 6, dtype=torch.bool)
    masks[0, :3, :5] = masks[1] = True
    found = reduced(masks, (5, 6), (2, 4))
    assert found[0].tolist() == [[1, 0.5], [0.5, 0.25], [0, 0]] and found[1].eq(1).all(), "what lies outside is no cell"
    double = masks.repeat_interleave(2, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(reduced(double, (5, 6), (2, 4)), found)


def test_the_loss_is_none_for_what_is_right_and_most_for_the_opposite():
    wanted = torch.zeros(3, 4, 4)
    wanted[0, :2], wanted[1, 0, 0] = 1, 1
    sure = 40 * wanted - 20
    assert apart(sure, wanted).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert apart(-sure, wanted)[:2].tolist() == pytest.approx([21, 21], rel=1e-4)
    nothing = apart(torch.zeros(1, 4, 4), wanted[2:])
    assert nothing.item() == pytest.approx(np.log(2)), "a mask that holds nothing has no overlap to be asked for"
    small, large = (apart(torch.zeros(1, 4, 4), mask[None]).item() for mask in (wanted[1], wanted[0]))
    assert small > large > np.log(2)


@pytest.mark.parametrize("size", [(16, 24), (37, 53), (8, 9), (301, 7)])
def test_masks_lie_where_the_map_says_at_any_size_of_the_picture(size):
    """A slope is met exactly between its cells: the pixels whose centres lie beyond its zero, and no others."""
    height, width, stride = 8, 12, (2, 2)
    at = 13.7  # pixels of the grid
    ramp = ((torch.arange(width) + 0.5) * stride[1] - at).expand(1, height, width)
    grid = (16, 24)
    scale = tuple(here / there / step for here, there, step in zip(grid, size, stride, strict=True))
    (found,) = painted(ramp, torch.tensor([[0.0, 0, size[1], size[0]]]), size, scale)
    centres = (torch.arange(size[1]) + 0.5) * grid[1] / size[1]
    assert found.equal((centres > at).expand(*size))
    (turned,) = painted(ramp.transpose(1, 2), torch.tensor([[0.0, 0, size[0], size[1]]]), size[::-1], scale[::-1])
    assert turned.equal(found.T)


def test_a_mask_ends_with_its_box_and_the_picture():
    boxes = torch.tensor([[1.2, 2.0, 3.5, 4.0], [-5.0, -5, 99, 1], [2.0, 2, 2, 5]])
    found = painted(torch.ones(3, 2, 2), boxes, (6, 8), (0.25, 0.25))
    assert found[0].nonzero().tolist() == [[y, x] for y in (2, 3) for x in (1, 2, 3)]
    assert found[1, 0].all() and found[1].sum() == 8 and not found[2].any()
