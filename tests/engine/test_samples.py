"""Samples with boxes, points and parts of several tasks are kept decoded as those with masks are."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import islice

import pytest
import torch
from tiny_boxes import coco

from swinkit.datasets import Coco
from swinkit.engine import Decoded, Loader, keep
from swinkit.modalities import Image
from swinkit.types import Objects, Sample

THINGS = Objects(
    boxes=torch.tensor([[0.1, 2, 3.7, 1e6], [0, 0, 1, 1]]),
    labels=torch.tensor([300, 0]),
    crowd=torch.tensor([True, False]),
    masks=torch.rand(2, 5, 7) > 0.5,
    points=torch.rand(2, 3, 3),
    areas=torch.tensor([7.5, 0.1]),
    pairs=((0, 1), (2, 1)),
)


def alike(one, other) -> bool:
    """Two targets, to the bit."""
    if isinstance(one, Objects) or isinstance(one, dict):
        names = [f.name for f in fields(one)] if isinstance(one, Objects) else list(one)
        pairs = [(getattr(x, n) if isinstance(one, Objects) else x[n] for x in (one, other)) for n in names]
        return type(one) is type(other) and all(alike(*pair) for pair in pairs)
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.equal(other)
    return one == other


@pytest.mark.parametrize("region", [None, (-1.5, 0.1, 30.0, 1 / 3)])
@pytest.mark.parametrize(
    "target",
    [
        THINGS,
        THINGS.chosen(torch.zeros(2, dtype=torch.bool)),
        replace(THINGS, masks=None, points=None, areas=None, pairs=()),
        {"segment": torch.tensor([[0, 255]]), "detect": THINGS, "classify": torch.tensor(3)},
    ],
    ids=["all", "none", "boxes", "several"],
)
def test_things_and_regions_come_back_as_they_were(target, region):
    grid = torch.arange(5 * 7 * 3, dtype=torch.uint8).view(3, 5, 7)
    kept = Decoded(1, 1 << 16)
    kept.put(0, Sample(id="x", grid=grid, target=target, size=(5, 7), region=region))
    found = kept.get(0)
    assert found.grid.equal(grid) and found.region == region and alike(target, found.target)


def test_detection_decodes_every_picture_once(tmp_path):
    seen: list[str] = []
    data = Coco(path=str(coco(tmp_path / "boxes"))).open("train")
    reading = Reading(seen=(seen,))
    kept = Loader(dataset=data, modality=reading, batch=4, decoded=keep("auto", data, reading))
    plain = replace(kept, modality=Image(), decoded=None)
    for one, other in zip(islice(kept.steps(0), 9), islice(plain.steps(0), 9), strict=True):
        for a, b in zip(one, other, strict=True):
            assert a.ids == b.ids and a.grid.equal(b.grid)
            assert all(alike(*pair) for pair in zip(a.target, b.target, strict=True))
    assert len(kept.decoded) == len(data) and sorted(seen) == sorted(
        record.id for record in map(data.__getitem__, range(len(data)))
    )


@dataclass(frozen=True)
class Reading(Image):
    """Notes what is decoded."""

    seen: tuple[list[str], ...] = ([],)

    def read(self, record):
        self.seen[0].append(record.id)
        return super().read(record)
