"""The dense detector: where its cells lie, what trains what, and that padding and other samples change nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.export import Dim, export

from swinkit.heads import DenseBoxes
from swinkit.heads.boxes import REACH, START, Found, views
from swinkit.heads.masks import CHANNELS
from swinkit.ops.instance_masks import parts
from swinkit.types import Levels

LEVELS = Levels(channels=(4, 8, 16), strides=((4, 4), (8, 8), (16, 16)))
SPACES = [(5, 6), (3, 3), (2, 2)]


def pyramid(batch: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(batch, c, *space) for c, space in zip(LEVELS.channels, SPACES, strict=True)]


def head(**changes: int) -> DenseBoxes:
    torch.manual_seed(1)
    return DenseBoxes(LEVELS, 3, **{"channels": 8, "depth": 1, **changes})


def named(found: Found) -> dict[str, torch.Tensor]:
    """What a branch says, without what it was not made for."""
    return {name: value for name, value in found._asdict().items() if value is not None}


def test_every_cell_of_the_chosen_levels_has_a_score_a_class_and_a_box():
    for count, cells in ((1, 4), (2, 13), (3, 43), (9, 43)):
        output = head(count=count).eval()(pyramid())
        assert output["one"].logits.shape == (2, cells, 3) and output["one"].boxes.shape == (2, cells, 4)
        assert "many" not in output and output["cells"].valid is None
    centres, strides = output["cells"].centres[0], output["cells"].strides[0]
    assert centres[:2].tolist() == [[2, 2], [6, 2]] and centres[6].tolist() == [2, 6]
    assert centres[30].tolist() == [4, 4] and strides[30].tolist() == [8, 8] and strides[-1].tolist() == [16, 16]


def test_boxes_start_around_their_cells_and_scores_near_nothing():
    output = head().train()(pyramid())
    for branch in ("many", "one"):
        boxes, cells = output[branch].boxes, output["cells"]
        distances = (boxes[..., 2:] - cells.centres) / cells.strides
        torch.testing.assert_close(distances, torch.full_like(distances, REACH), rtol=0.1, atol=0.1)
        assert output[branch].logits.sigmoid().mean().item() == pytest.approx(START, rel=0.2)


def test_the_prediction_learns_from_features_that_it_cannot_change():
    network, features = head().train(), [x.requires_grad_() for x in pyramid()]
    output = network(features)
    (output["one"].logits.sum() + output["one"].boxes.sum()).backward()
    assert all(x.grad is None for x in features) and network.laterals[0].weight.grad is None
    assert all(p.grad is not None for p in network.one.parameters())
    (output["many"].logits.pow(2).sum() + output["many"].boxes.pow(2).sum()).backward()
    assert all(x.grad is not None and x.grad.abs().amin() > 0 for x in features)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("detail", [0, 2])
def test_samples_do_not_see_each_other_or_the_padding(detail):
    network, features = head(detail=detail).train(), pyramid()
    together, alone = network(features), network([x[:1] for x in features])
    for name, found in named(together["many"]).items():
        torch.testing.assert_close(named(alone["many"])[name], found[:1])
    valid = [torch.ones(2, *space, dtype=torch.bool) for space in SPACES]
    for mask in valid:
        mask[1, :, mask.shape[-1] // 2 :] = False
    clean = network(features, valid)
    dirty = [torch.where(mask[:, None], x, 1e3) for x, mask in zip(features, valid, strict=True)]
    for branch in ("many", "one"):
        torch.testing.assert_close(named(network(dirty, valid)[branch]), named(clean[branch]))
    if detail:
        torch.testing.assert_close(alone["features"], together["features"][:1])
        torch.testing.assert_close(network(dirty, valid)["features"], clean["features"])
    torch.testing.assert_close(clean["cells"].valid, torch.cat([mask.flatten(1) for mask in valid], 1))


def test_edges_and_masks_keep_full_precision_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        output = head(detail=1).train()(pyramid())
        drawn, _ = views(output, "many")[0].masks(torch.tensor([0, 40]), (20, 24), 1)
    assert {x.dtype for x in named(output["one"]).values()} == {output["features"].dtype} == {torch.float32}
    assert drawn.dtype == torch.float32


def test_masks_come_from_one_map_that_the_prediction_cannot_change():
    network = head(detail=2).train()
    output = network(pyramid())
    assert output["features"].shape == (2, CHANNELS, 10, 12), "two cells a token of the finest level"
    assert output["one"].kernels.shape == output["many"].kernels.shape == (2, 43, sum(parts(CHANNELS)))
    which = torch.tensor([0, 29, 30, 42])
    drawn, stride = views(output, "one")[1].masks(which, (19, 22), 2)
    assert drawn.shape == (4, 10, 11) and stride == (2, 2), "what the sample fills of the grid, and no more"
    drawn.sum().backward()
    assert all(p.grad is None for p in network.features.parameters())
    views(output, "many")[1].masks(which, (20, 24), 2)[0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.features.parameters())


def test_boxes_alone_have_no_weights_for_masks():
    names = {name for name, _ in head().named_parameters()}
    assert names < {name for name, _ in head(detail=2).named_parameters()}
    assert head()(pyramid())["one"].kernels is None and not any("controller" in name for name in names)


def test_only_pictures_have_boxes():
    with pytest.raises(ValueError, match="1 axes"):
        DenseBoxes(Levels(channels=(4,), strides=((4,),)), 3)


class Maps(nn.Module):
    """Three maps, each half as large as the one before, and the detector as it predicts."""

    def __init__(self, detail: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList([nn.Conv2d(c, 4, 3, 2, 1) for c in (1, 4, 4)])
        levels = Levels(channels=(4, 4, 4), strides=((2, 2), (4, 4), (8, 8)))
        self.head = DenseBoxes(levels, 3, channels=8, depth=1, detail=detail)

    def forward(self, grid: torch.Tensor) -> list[torch.Tensor]:
        features = [self.steps[0](grid)]
        for step in list(self.steps)[1:]:
            features.append(step(features[-1]))
        output = self.head(features, None, tuple(grid.shape[2:]))
        return [*named(output["one"]).values(), *([output["features"]] if "features" in output else [])]


@pytest.mark.parametrize("detail", [0, 2])
def test_one_program_serves_every_size(detail):
    torch.manual_seed(0)
    model = Maps(detail).eval()
    shapes = {0: Dim("b"), 2: Dim("h", min=9, max=4096), 3: Dim("w", min=9, max=4096)}
    program = export(model, (torch.randn(2, 1, 36, 44),), dynamic_shapes={"grid": shapes}, strict=False).module()
    for count, size in ((1, (17, 100)), (3, (33, 16)), (2, (9, 32))):
        grid = torch.randn(count, 1, *size)
        torch.testing.assert_close(program(grid), model(grid))
