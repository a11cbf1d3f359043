"""Samples that are kept are the ones that were decoded, to the bit, and take no more room than they were given."""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pytest
import torch
from tiny_runs import mask_folder
from toy_training import Plain, Setting, Stripes

from swinkit.datasets import MaskFolder
from swinkit.engine import Decoded, Loader, Step, Training, decoded, keep
from swinkit.files import ConfigError, DataError
from swinkit.modalities import Image
from swinkit.types import Sample

IMAGE = Image(size=(24, 24), rotate=10.0, hue=5.0)


@dataclass(frozen=True)
class Counting(Plain):
    """Notes what is decoded."""

    seen: tuple[list[str], ...] = ([],)

    def read(self, record):
        self.seen[0].append(record.id)
        return super().read(record)


def same(one, other) -> bool:
    """Two lists of batches, to the bit."""
    return len(one) == len(other) and all(
        a.ids == b.ids and a.sizes == b.sizes and a.grid.equal(b.grid) and a.target.equal(b.target)
        for a, b in zip(one, other, strict=True)
    )


def batches(loader: Loader, steps: int, first: int = 0) -> list:
    return [batch for step in islice(loader.steps(first), steps) for batch in step]


@pytest.mark.parametrize("workers", [0, 2])
def test_kept_samples_make_the_same_batches(tmp_path, workers):
    data = MaskFolder(path=str(mask_folder(tmp_path / "data"))).open("train")
    plain = Loader(dataset=data, modality=IMAGE, batch=3)
    kept = replace(plain, workers=workers, decoded=keep("memory", data, IMAGE, workers=workers))
    assert same(batches(kept, 9), batches(plain, 9))  # three passes and a part: the later ones come from memory
    assert len(kept.decoded) == len(data)
    assert same(batches(kept, 4, first=5), batches(plain, 4, first=5))
    assert same(list(kept.once()), list(plain.once()))


def test_what_one_worker_decoded_others_find_without_the_files(tmp_path):
    root = mask_folder(tmp_path / "data")
    data = MaskFolder(path=str(root)).open("train")
    loader = Loader(dataset=data, modality=IMAGE, batch=2, workers=2, decoded=Decoded(len(data), 1 << 20, 2))
    before = list(loader.once())
    shutil.rmtree(root)
    assert same(list(loader.once()), before)  # by workers that were started anew


def test_nothing_is_decoded_twice():
    seen: list[str] = []
    data, modality = Stripes(10), Counting(seen=(seen,))
    loader = Loader(dataset=data, modality=modality, batch=5, decoded=Decoded(10, 1 << 20))
    batches(loader, 8)
    assert sorted(seen) == sorted(f"stripe-{index}" for index in range(10))


def test_a_run_is_the_same_with_and_without():
    runs = []
    for cache in ("none", "memory"):
        setting = Setting({"micro_batch": 3})
        setting.loader = replace(setting.loader, decoded=keep(cache, setting.dataset, Plain()))
        runs.append([event.loss for event in setting.events() if isinstance(event, Step)])
    assert runs[0] == runs[1] and len(runs[0]) == 12


def test_what_finds_no_room_is_decoded_every_time():
    seen: list[str] = []
    data, modality = Stripes(10), Counting(seen=(seen,))
    whole = Decoded(10, 1 << 20)
    whole.put(0, modality.read(data[0]))
    some = Decoded(10, 4 * whole.taken)
    plain = Loader(dataset=data, modality=Plain(), batch=5)
    seen.clear()
    assert same(batches(replace(plain, modality=modality, decoded=some), 6), batches(plain, 6))
    assert len(some) == 4 and some.taken == 4 * whole.taken
    assert len(seen) == 10 + 2 * 6


@pytest.mark.parametrize(
    "target",
    [
        None,
        torch.tensor([[0, 255], [7, 1]]),
        torch.tensor([[-1, 127]]),
        torch.tensor([300, -300]),
        torch.tensor([70_000]),
        torch.tensor([2**40, -5]),
        torch.tensor([3, 255], dtype=torch.int16),
        torch.tensor([0.1, float("inf"), -0.0], dtype=torch.float64),
        torch.tensor([True, False]),
        torch.zeros(0, 4, dtype=torch.int64),
        torch.arange(24).view(2, 3, 4)[:, :, 1::2],
        torch.tensor(7),
    ],
    ids=lambda t: "none" if t is None else f"{t.dtype}{tuple(t.shape)}",
)
def test_a_sample_comes_back_as_it_was(target):
    grid = torch.arange(5 * 7 * 3, dtype=torch.uint8).view(5, 7, 3).permute(2, 0, 1)
    sample = Sample(id='odd "name" ü\udc80', grid=grid, target=target, size=(5, 7))
    kept = Decoded(3, 1 << 16)
    kept.put(1, sample)
    found = kept.get(1)
    assert (found.id, found.size) == (sample.id, (5, 7)) and kept.get(0) is None and kept.get(2) is None
    assert found.grid.equal(grid) and found.grid.stride() == grid.stride()
    if target is None:
        assert found.target is None
    else:
        assert found.target.dtype == target.dtype and found.target.shape == target.shape
        assert found.target.equal(target)
    found.grid.zero_()  # it is a copy: nobody can change what is kept
    assert kept.get(1).grid.equal(grid)


def test_class_indices_take_a_byte():
    grid = torch.zeros(3, 32, 32, dtype=torch.uint8)
    kept = Decoded(1, 1 << 20)
    kept.put(0, Sample(id="x", grid=grid, target=torch.full((32, 32), 255)))
    assert 4 * 32 * 32 < kept.taken < 4 * 32 * 32 + 512


@pytest.mark.parametrize("change", [{"target": "a word"}, {"target": {"a": 3}}, {"matrix": np.eye(3)}])
def test_what_is_not_of_tensors_or_a_view_is_not_kept(change):
    kept = Decoded(1, 1 << 20)
    kept.put(0, Sample(**{"id": "x", "grid": torch.zeros(1, 2), **change}))
    assert kept.get(0) is None and kept.taken == 0


def test_a_sample_whose_writing_was_cut_short_is_not_found(monkeypatch):
    kept, sample = Decoded(2, 1 << 16), Plain().read(Stripes()[0])
    with monkeypatch.context() as patch:
        patch.setattr(Decoded, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            kept.put(0, sample)
    assert kept.get(0) is None
    kept.put(0, sample)
    assert kept.get(0).target.equal(sample.target)


def test_a_lock_that_died_with_its_holder_stops_nobody(monkeypatch):
    monkeypatch.setattr(decoded, "_WAIT", 0.01)
    kept, sample = Decoded(1, 1 << 16), Plain().read(Stripes()[0])
    kept._lock.acquire()
    kept.put(0, sample)
    assert kept.get(0) is None


def test_a_spawned_worker_gets_an_empty_one_with_its_part_of_the_room():
    kept = Decoded(4, 4096, workers=2)
    kept.put(0, Plain().read(Stripes()[0]))
    other = copy.deepcopy(kept)  # as pickle does it, which a lock refuses outside of a start
    assert len(kept) == 1 and len(other) == 0 and other._room == 2048
    other.put(3, Plain().read(Stripes()[3]))
    assert len(other) == 1 and kept.get(3) is None


def test_none_keeps_nothing_and_auto_does_not_keep_what_needs_no_decoding(tmp_path):
    arrays, files = Stripes(9), MaskFolder(path=str(mask_folder(tmp_path / "data"))).open("train")
    assert keep("none", files, IMAGE) is None
    assert keep("auto", arrays, Plain()) is None
    assert keep("memory", arrays, Plain()) is not None
    assert len(keep("auto", files, IMAGE)) > 0  # what was decoded to tell the size is kept already
    assert keep("memory", Stripes(0), Plain()) is None


def test_the_room_is_a_share_of_what_is_free(tmp_path, monkeypatch):
    data = MaskFolder(path=str(mask_folder(tmp_path / "data"))).open("train")
    one = Decoded(1, 1 << 20)
    one.put(0, IMAGE.read(data[0]))
    all_of_them = len(data) * one.taken
    monkeypatch.setattr(decoded, "free_memory", lambda: int(2 * all_of_them / decoded.SHARE))
    assert keep("auto", data, IMAGE) is not None
    assert keep("auto", data, IMAGE, processes=2) is None  # each of them would keep its own
    half = keep("memory", data, IMAGE, processes=4)
    for index in range(len(data)):
        half.put(index, IMAGE.read(data[index]))
    assert len(half) == len(data) // 2 and half.taken <= all_of_them // 2


def test_a_bad_sample_is_an_error_of_its_step_not_of_the_start():
    data = Stripes(4, broken=0)
    kept = keep("memory", data, Plain())
    assert len(kept) == 3
    with pytest.raises(DataError, match=r"stripe-0\.png"):
        batches(Loader(dataset=data, modality=Plain(), batch=4, decoded=kept), 1)


def test_free_memory_is_told():
    assert 1 << 20 < decoded.free_memory() < 1 << 45


def test_the_setting_is_checked_and_changes_no_number():
    with pytest.raises(ConfigError, match="training.cache: got 'disk', there are none, memory, auto"):
        Training(steps=1, cache="disk")
    assert Training(steps=1, cache="none").fingerprint() == Training(steps=1, cache="memory").fingerprint()
