"""Paths, their texts, and where two of them can be joined."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from swinkit.ops.ctc import Heard, aligned, beam_search, frames_needed, greedy
from swinkit.ops.ngram import BEGIN, END, counted
from swinkit.ops.seams import joined


def scores(frames: int, symbols: int, seed: int = 0, sharp: float = 2.0) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return (sharp * torch.randn(frames, symbols, generator=generator)).log_softmax(1).numpy()


def path(*symbols: int, of: int = 4) -> np.ndarray:
    """Scores of which one path is all but certain."""
    found = np.full((len(symbols), of), -12.0, np.float32)
    found[np.arange(len(symbols)), symbols] = -1e-4
    return found


def text_of(symbols: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(key - 1 for key, _ in itertools.groupby(symbols) if key)


def test_greedy_merges_repeats_unless_a_blank_is_between():
    assert greedy(path(0, 2, 2, 0, 2, 1, 0)) == [Heard(1, 1, 2), Heard(1, 4, 4), Heard(0, 5, 5)]
    assert greedy(path(0, 0)) == [] and frames_needed([1, 1, 0]) == 4 and frames_needed([]) == 0


def test_a_wide_search_finds_the_most_probable_text_over_all_paths():
    """Against every path of a short sound, added up."""
    for seed in range(8):
        logs = scores(5, 3, seed, sharp=0.7)
        total: dict[tuple[int, ...], float] = {}
        for symbols in itertools.product(range(3), repeat=5):
            chance = math.exp(logs[np.arange(5), symbols].sum())
            total[text_of(symbols)] = total.get(text_of(symbols), 0.0) + chance
        assert tuple(beam_search(logs, 200)) == max(total, key=total.__getitem__)


def test_the_alignment_is_the_best_path_that_says_the_text():
    for seed in range(5):
        logs, units = scores(6, 3, seed), [1, 1, 0]
        paths = [symbols for symbols in itertools.product(range(3), repeat=6) if text_of(symbols) == (1, 1, 0)]
        best = max(paths, key=lambda symbols: logs[np.arange(6), symbols].sum())
        said = np.zeros((6, 3))
        said[np.arange(6), best] = 1
        assert aligned(logs, units) == greedy(said)
    with pytest.raises(ValueError, match="need 4 frames, there are 3"):
        aligned(scores(3, 3), [1, 1, 0])
    assert aligned(scores(3, 3), []) == []


def test_the_loss_has_no_path_below_the_frames_needed():
    logs = torch.from_numpy(scores(4, 3))[:, None]
    for units in ([1, 1, 0], [1, 1, 1]):
        target = torch.tensor([units]) + 1
        loss = F.ctc_loss(logs, target, torch.tensor([4]), torch.tensor([3]), reduction="sum")
        assert math.isinf(loss.item()) is (frames_needed(units) > 4)


def test_a_model_of_words_decides_between_texts_that_sound_alike():
    units = ("a", "b", "c", " ")
    model = counted(["a b", "a b", "c b", "a c"], 2)
    logs = path(1, 4, 1, of=5)
    logs[2] = np.log([0.02, 0.45, 0.35, 0.16, 0.02])  # "a a" sounds best, "a b" is what people say
    assert "".join(units[unit] for unit in beam_search(logs, 16)) == "a a"
    heard = beam_search(logs, 16, units=units, model=model, weight=1.0)
    assert "".join(units[unit] for unit in heard) == "a b"


@pytest.mark.parametrize("order", [1, 2, 3])
def test_words_after_any_beginning_add_up_to_one(order):
    model = counted(["the cat sat", "the cat ran", "a dog sat down"], order)
    words = [key[0] for key in model.table if len(key) == 1 and key != (BEGIN,)]
    for before in ([], ["the"], ["the", "cat"], ["never"], ["a", "dog"]):
        assert sum(math.exp(model.word(before, word)) for word in words) == pytest.approx(1)
    assert model.word(["the"], "zebra") == model.word(["the"], "<unk>") and END in words


def test_witten_and_bell_by_hand():
    """p(b|a) = (c(ab) + t(a) p(b)) / (c(a) + t(a)), with c(a) = 3 and two different followers of a."""
    model = counted(["a b", "a b", "a c"], 2)
    single = (2 + 4 * 1 / 5) / (9 + 4)  # nine words with the ends, four different, five with the unknown one
    assert math.exp(model.word(["a"], "b")) == pytest.approx((2 + 2 * single) / (3 + 2))


def spelled(*parts: str) -> tuple[np.ndarray, np.ndarray]:
    """Two hearings of one sound from letters: `_` is the blank, `-` the space, `.` ends the first and `|` begins the
    second."""
    return tuple(path(*["_-abc".index(letter) for letter in part], of=5) for part in parts)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("first", "second", "overlap", "wanted"),
    [
        ("__a____b____-__c_", "___b____-__c____a__", 13, "ab-ca"),  # they agree
        ("_a_b_______c_", "b___-___c___a_", 10, "ab-ca"),  # only the second heard the space
        ("_a_b__-______c_", "b_______-_c___a_", 12, "ab-ca"),  # each on its own side
        ("_a___", "___b_", 2, "ab"),
    ],
)
def test_a_seam_loses_and_doubles_nothing(first, second, overlap, wanted):
    before, after = spelled(first, second)
    kept, rest = joined(before, after, overlap, space=1, quiet=1)
    assert len(kept) + len(rest) == len(first) + len(second) - overlap
    heard = "".join("-abc"[unit.unit] for unit in greedy(np.concatenate([kept, rest])))
    assert heard.replace("--", "-") == wanted
