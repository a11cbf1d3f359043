"""Samples of several inputs: read, left out now and then, put into batches and drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixed_data import pairs

from swinkit.datasets import MixedTable
from swinkit.engine import Decoded, Loader
from swinkit.files import ConfigError, DataError
from swinkit.modalities import MODALITIES, Audio, Image, Mixed, Text
from swinkit.types import ClassScores, PartOf, Record


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return MixedTable(path=str(pairs(tmp_path_factory.mktemp("pairs")))).open("train")


def modality(**changes) -> Mixed:
    return Mixed(inputs={"image": Image(), "audio": Audio(rate=8000, bands=8)}, **changes)


def test_a_batch_has_a_row_a_sample_and_says_what_is_there(data):
    mixed = modality()
    samples = [mixed.standard(mixed.read(data[index])) for index in range(4)]
    batch = mixed.collate(samples)
    assert MODALITIES["mixed"] is Mixed and batch.grid.shape == (4, 0) and batch.target.tolist() == [0, 1, 0, 1]
    assert batch.parts["image"].grid.shape == (4, 3, 16, 16) and batch.parts["audio"].grid.shape[:3] == (4, 1, 8)
    assert batch.parts["image"].valid.flatten(1).any(1).tolist() == [True, True, False, True]
    assert batch.parts["audio"].valid.flatten(1).any(1).tolist() == [True, True, True, False]
    assert not batch.parts["image"].grid[2].any() and not batch.parts["audio"].grid[3].any()
    alone = mixed.inputs["audio"].collate([sample.parts["audio"] for sample in samples[:3]])
    assert batch.parts["audio"].grid[:3].equal(alone.grid) and batch.parts["audio"].valid[:3].equal(alone.valid)
    grid, valid = batch.to("cpu").inputs
    assert list(grid) == list(valid) == ["image", "audio"] and grid["image"] is batch.to("cpu").parts["image"].grid
    some = batch.chosen([3, 1])
    assert some.parts["image"].grid.equal(batch.parts["image"].grid[[3, 1]]) and some.ids == (
        batch.ids[3],
        batch.ids[1],
    )
    assert list(mixed.collate(samples[2:3]).parts) == ["audio"]
    unlabelled = mixed.read(Record(id="x", source=np.zeros(0), parts=data[0].parts))
    assert mixed.collate([unlabelled]).target is None
    assert mixed.collate([samples[0], mixed.standard(unlabelled)]).target.tolist() == [0, -1]


def test_training_leaves_one_input_out_now_and_then_but_never_all(data):
    samples = [modality().read(data[index]) for index in (0, 2)]
    always, never = modality(missing=0.999), modality(missing=0.0)
    kept = [list(always.augment(samples[0], np.random.default_rng(seed)).parts) for seed in range(40)]
    assert {len(names) for names in kept} == {1} and 5 < sum(names == ["image"] for names in kept) < 35
    assert all(list(always.augment(samples[1], np.random.default_rng(seed)).parts) == ["audio"] for seed in range(5))
    assert all(len(never.augment(samples[0], np.random.default_rng(seed)).parts) == 2 for seed in range(20))
    one, other = (modality().augment(samples[0], np.random.default_rng(3)) for _ in range(2))
    assert list(one.parts) == list(other.parts)
    assert all(one.parts[name].grid.equal(other.parts[name].grid) for name in one.parts)


def test_the_loader_reads_them_and_micro_batches_hold_what_is_alike(data):
    loader = Loader(dataset=data, modality=modality(), batch=8)
    (micros,) = (each for each, _ in zip(loader.steps(0, 4), range(1), strict=False))
    assert [len(batch.grid) for batch in micros] == [4, 4] and all(batch.parts for batch in micros)
    filled = [sum(part.valid.flatten(1).sum(1) * part.grid.shape[1] for part in each.parts.values()) for each in micros]
    assert filled[0].max() <= filled[1].min()
    kept = Decoded(1, 1 << 16)
    kept.put(0, modality().read(data[0]))
    assert kept.get(0) is None  # several inputs are decoded every time


def test_drawings_stand_side_by_side_over_the_answer(data):
    mixed = modality()
    both, sound = (mixed.standard(mixed.read(data[index])) for index in (0, 2))
    answer = ClassScores(id="x", scores=torch.tensor([0.7, 0.3]), classes=("high", "low"))
    wide, narrow = mixed.draw_target(both, ()), mixed.draw_target(sound, ())
    assert wide.dtype == np.uint8 and wide.shape[0] == narrow.shape[0] == 128
    assert wide.shape[1] == narrow.shape[1] + 4 + 128  # 16 pixels enlarged to the height of the spectrogram
    assert mixed.draw(both, answer).shape[0] > wide.shape[0]


def test_a_tokenizer_is_learnt_from_the_texts_alone():
    texts = [np.frombuffer(text.encode(), np.uint8) for text in ("a red one", "a blue one")]
    records = [Record(id=str(n), source=texts[0][:0], target=n, parts={"text": Record(id=str(n), source=text)})
               for n, text in enumerate(texts)]  # fmt: skip
    records.append(Record(id="3", source=texts[0][:0], target=0, parts={"image": Record(id="3", source=texts[0])}))
    split = type("Split", (list,), {"classes": ("red", "blue")})(records)
    assert len(PartOf(split, "text")) == 2 and PartOf(split, "text")[1].target == 1
    mixed = Mixed(inputs={"text": Text(vocabulary=32), "image": Image()})
    assert mixed.file == "tokenizer.json" and modality().file is None
    with pytest.raises(ConfigError, match="train first"):
        mixed.read(records[0])
    told = mixed.learnt(mixed.learn(split))
    assert told.read(records[0]).parts["text"].text == "a red one"
    assert mixed.exact().read(records[0]).parts["text"].grid.shape[1] == 9


def test_what_cannot_be_is_one_sentence(data):
    mixed = modality()
    with pytest.raises(DataError, match="has no input: give at least one of image, audio"):
        mixed.read(Record(id="x", source=np.zeros(0)))
    with pytest.raises(DataError, match="sound: is no input of this model"):
        mixed.read(Record(id="x", source=np.zeros(0), parts={"sound": data[0].parts["audio"]}))
    wrong = (({}, "inputs: is empty"), ({"a b": Image()}, "'a b' is no name"), ({"x": mixed}, "inputs.x: has several"))
    for inputs, wanted in wrong:
        with pytest.raises(ConfigError, match=wanted):
            Mixed(inputs=inputs)
    with pytest.raises(ConfigError, match="missing: 1"):
        modality(missing=1)
    for without in (("sound",), ("image", "audio")):
        with pytest.raises(ConfigError, match="without: .*give some of image, audio, and not all"):
            modality(without=without)
    with pytest.raises(DataError, match="without: has nothing else than audio"):
        modality(without=("audio",)).standard(mixed.read(data[2]))
    assert list(modality(without=("audio",)).standard(mixed.read(data[0])).parts) == ["image"]
    with pytest.raises(ConfigError, match="title and body both learn"):
        Mixed(inputs={"title": Text(), "body": Text()})
