"""Texts to ids and back: words, byte pairs and bytes, in batches, varied, drawn."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from swinkit.files import ConfigError, DataError
from swinkit.files.texts import raw_text
from swinkit.modalities import Text
from swinkit.modalities.text.encoder import UNKNOWN
from swinkit.types import ClassScores, Record, Tags

TEXTS = ["The cat sat on the mat .", "the dog sat on the log .", "a cat and a dog"]


class Few:
    """Some texts as a data set."""

    classes = ("a",)

    def __len__(self) -> int:
        return len(TEXTS)

    def __getitem__(self, index: int) -> Record:
        return record(TEXTS[index])


def record(text: str | bytes, target=None) -> Record:
    source = np.frombuffer(text, np.uint8) if isinstance(text, bytes) else raw_text(text)
    return Record(id="one", source=source, target=target)


def made(**changes) -> Text:
    modality = Text(**{"vocabulary": 400, "buckets": 50, **changes})
    return modality.learnt(modality.learn(Few()))


@pytest.mark.parametrize("tokens", ["words", "bpe", "bytes"])
def test_the_same_texts_give_the_same_tokenizer_and_no_text_fails(tokens):
    modality = made(tokens=tokens, grams=2, pairs=True)
    assert modality.learn(Few()) == modality.learn(Few())
    for text in ("The CAT", "日本 zürich \u200b x", "0123 \ud800", "\x07\x1b[31m", "مرحبا"):
        grid = modality.read(record(text)).grid
        assert grid.dtype == torch.int64 and grid.shape[0] == modality.channels == 4
        assert 0 < int(grid[0].min()) and int(grid.max()) < modality.ids


@pytest.mark.parametrize("tokens", ["bpe", "bytes"])
def test_bytes_and_pairs_are_decoded_exactly(tokens):
    modality = made(tokens=tokens, lower=False)
    for text in ("The CAT 日本", "a  b\tc"):
        assert modality.decode(modality.read(record(text)).grid).strip() == text


def test_words_that_training_never_saw_share_parts_with_those_it_did():
    modality = made(grams=4)
    cat, cats = (modality.read(record(word)).grid[:, 0].tolist() for word in ("cat", "catfish"))
    assert cat[0] != UNKNOWN and cats[0] == UNKNOWN and set(cat[1:]) & set(cats[1:])


def test_a_batch_is_padded_with_zeros_and_says_where_texts_end():
    modality = made()
    samples = [modality.read(record(text, target)) for text, target in (("the cat", 1), ("the cat sat", None))]
    batch = modality.collate(samples)
    assert batch.grid.shape == (2, 1, 3) and batch.grid[0, 0, 2] == 0
    assert batch.valid.tolist() == [[True, True, False], [True] * 3] and batch.target.tolist() == [1, -1]
    assert modality.collate(samples[:1]).valid is None


def test_training_drops_leaves_out_and_cuts():
    modality = made(drop=0.5, delete=0.3, length=50, grams=1, pairs=True)
    sample = modality.read(record("the cat sat on the dog " * 40, 0))
    one, same, other = (modality.augment(sample, np.random.default_rng(seed)).grid for seed in (1, 1, 2))
    assert one.equal(same) and not (one.shape == other.shape and one.equal(other)) and one.shape[1] <= 50
    gone = one[0] == UNKNOWN
    assert 0 < int(gone.sum()) < one.shape[1] and not one[1:, gone].any() and not one[2, 1:][gone[:-1]].any()
    assert modality.standard(sample).grid.shape[1] == 240 and int((sample.grid[0] == UNKNOWN).sum()) == 0


def test_the_label_of_a_word_sits_at_its_first_piece():
    modality = made(tokens="bpe", per_word=True)
    sample = modality.read(record("the unbelievable cat", np.array([0, 2, 1])))
    assert sample.size == (3,) and len(sample.places) == 3 and sample.grid.shape[1] > 3
    assert sample.target[sample.places].tolist() == [0, 2, 1] and int((sample.target >= 0).sum()) == 3
    batch = modality.collate([sample, modality.read(record("cat", np.array([1])))])
    assert batch.cells(0).tolist() == sample.places.tolist() and batch.cells(1).tolist() == [0]
    assert modality.augment(sample, np.random.default_rng(0)).target.equal(sample.target)
    with pytest.raises(DataError, match="one: label: 2 labels for 1 words"):
        modality.read(record("cat", np.array([1, 1])))


def test_files_are_read_and_bad_ones_named(tmp_path: Path):
    modality, good, bad = made(), tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_bytes("\ufeffthe cat\r\nsat".encode())
    assert modality.read(Record(id="g", source=good)).grid.shape[1] == 3
    bad.write_bytes(b"one\ntwo \xff three")
    with pytest.raises(DataError, match=r"bad.txt: text: line 2: byte 0xff is no UTF-8"):
        modality.read(Record(id="b", source=bad))
    with pytest.raises(DataError, match="one: text: holds no text"):
        modality.read(record(" \n"))
    with pytest.raises(DataError, match="one: text: line 1: holds a NUL"):
        modality.read(record("a\0b"))


def test_texts_are_drawn():
    modality = made(per_word=True)
    sample = modality.read(record("the cat 日本", np.array([0, 1, 0])))
    tags = Tags(id="", labels=torch.tensor([0, 1, 1]), scores=torch.ones(3), classes=("O", "B-pet"))
    classes = ClassScores(id="", scores=torch.tensor([0.2, 0.8]), classes=("a", "b"))
    plain = modality.draw_target(sample, ())
    for picture in (
        modality.draw(sample, tags),
        modality.draw(sample, classes),
        modality.draw_target(sample, ("O", "x")),
    ):
        assert picture.dtype == np.uint8 and picture.shape[2] == 3 and picture.std() > 1
        assert picture.shape != plain.shape or not np.array_equal(picture, plain)


def test_it_is_pickled_with_what_it_learnt_and_says_what_it_lacks():
    modality = made(grams=2)
    sample = pickle.loads(pickle.dumps(modality)).read(record("the cat"))
    assert sample.grid.equal(modality.read(record("the cat")).grid)
    with pytest.raises(ConfigError, match="train first"):
        Text().read(record("the cat"))
    with pytest.raises(ConfigError, match="is no tokenizer JSON"):
        Text().learnt(b"{}")
    with pytest.raises(ConfigError, match="ids came for a vocabulary of 16"):
        Text(vocabulary=16).learnt(made(tokens="bpe").learn(Few()))
    with pytest.raises(ConfigError, match="bpe need 300 ids"):
        Text(tokens="bpe", vocabulary=100)
