"""Batches are a function of (seed, step) and of nothing else."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from toy_training import Plain, Stripes

from swinkit.engine import Loader, World, sample_rng
from swinkit.files import DataError


def loader(count: int = 10, batch: int = 4, **changes) -> Loader:
    return Loader(dataset=Stripes(count), modality=Plain(), batch=batch, **changes)


def taken(source: Loader, first: int, steps: int, **share) -> list:
    return list(islice(source.steps(first, **share), steps))


def ids(steps) -> list[tuple[str, ...]]:
    return [tuple(name for batch in step for name in batch.ids) for step in steps]


def test_every_epoch_has_every_sample_once_and_every_step_is_full():
    names = [name for step in ids(taken(loader(), 0, 10)) for name in step]
    assert all(len(step) == 4 for step in ids(taken(loader(), 0, 10)))
    epochs = [names[at : at + 10] for at in range(0, 40, 10)]
    assert all(Counter(epoch) == Counter(f"stripe-{i}" for i in range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_batch_may_be_larger_than_the_data():
    (step,) = ids(taken(loader(3, 8), 0, 1))
    assert len(step) == 8 and set(step) == {"stripe-0", "stripe-1", "stripe-2"}


@pytest.mark.parametrize("first", [0, 1, 5])
def test_neither_workers_nor_where_one_starts_change_a_pixel(first):
    wanted = taken(loader(), 0, 8)[first:]
    for workers in (0, 2):
        found = taken(loader(workers=workers), first, len(wanted))
        assert ids(found) == ids(wanted)
        assert all(
            torch.equal(a.grid, b.grid) for x, y in zip(found, wanted, strict=True) for a, b in zip(x, y, strict=True)
        )


def test_the_seed_changes_order_and_samples():
    assert ids(taken(loader(seed=0), 0, 3)) != ids(taken(loader(seed=1), 0, 3))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_processes_share_the_same_batches(size):
    whole = ids(taken(loader(batch=7), 2, 3))
    parts = [ids(taken(loader(batch=7), 2, 3, world=World(rank, size))) for rank in range(size)]
    assert [sum(step, ()) for step in zip(*parts, strict=True)] == whole
    assert {len(step) for part in parts for step in part} <= {7 // size, -(-7 // size)}


def test_a_share_is_cut_into_micro_batches():
    (step,) = taken(loader(batch=7), 0, 1, micro=3)
    assert [len(batch.ids) for batch in step] == [3, 3, 1]
    assert ids([step]) == ids(taken(loader(batch=7), 0, 1))


def test_evaluation_takes_each_sample_once_in_order():
    batches = list(loader(9, 4, workers=2).once())
    assert [len(batch.ids) for batch in batches] == [4, 4, 1]
    assert [name for batch in batches for name in batch.ids] == [f"stripe-{i}" for i in range(9)]
    shares = [[n for b in loader(9, 4).once(World(rank, 2)) for n in b.ids] for rank in range(2)]
    assert shares[0] + shares[1] == [f"stripe-{i}" for i in range(9)]
    assert list(loader(1, 4).once(World(0, 2))) == []


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_sample_is_an_error_of_its_step_and_keeps_its_kind(workers):
    source = Loader(dataset=Stripes(10, broken=3), modality=Plain(), batch=2, workers=workers)
    position = ids(taken(loader(batch=2), 0, 5))
    at = next(i for i, step in enumerate(position) if "stripe-3" in step)
    steps = source.steps(0)
    assert ids([next(steps) for _ in range(at)]) == position[:at]
    with pytest.raises(DataError, match=r"stripe-3\.png: image: cannot be decoded") as caught:
        next(steps)
    assert caught.value.field == "image"


def test_reading_leaves_the_global_generators_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    taken(loader(), 0, 2)
    list(loader(workers=1).once())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_numbers_of_a_sample_depend_on_its_id_not_its_place():
    a, b, c = (sample_rng(*key).random() for key in ((0, 1, "x"), (0, 1, "x"), (0, 2, "x")))
    assert a == b != c != sample_rng(0, 1, "y").random()
    assert isinstance(sample_rng(0, 0, "ü"), np.random.Generator)
