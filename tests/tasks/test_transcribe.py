"""What the contract tests do not ask of transcripts: padding, words with times, and what cannot be carried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from task_examples import smallest
from torch import nn

from swinkit.backbone import Convolutions, SwinConfig
from swinkit.files import ConfigError, DataError
from swinkit.files.arpa import write_arpa
from swinkit.heads.ctc import FrameScores
from swinkit.modalities import Audio
from swinkit.models import Model
from swinkit.ops.ngram import counted
from swinkit.tasks import Classify, Transcribe
from swinkit.types import Batch, Record

UNITS = ("a", "b", " ")
TASKS = {"transcribe": Transcribe(classes=UNITS), "classify": Classify(classes=UNITS)}


def model_of(rank: int, task, mixing: str, channels: int) -> Model:
    torch.manual_seed(0)
    config = SwinConfig(
        stem=Convolutions(size=(2,) * rank, channels=channels), width=16, depths=(2, 2), heads=(2, 4), mixing=mixing,
        window=((4,) * rank,), small_map="pad", pad_tokens="mask", conditional_position=True, init_std=None,
    )  # fmt: skip
    return Model(config, task.head).eval()


@pytest.mark.parametrize("mixing", ["shifted", "cross_block"])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("name", TASKS)
def test_a_sound_gets_the_same_answer_alone_and_among_longer_ones(name, rank, mixing):
    """S11, from the waveform on."""
    audio, task = Audio(rate=8000, rank=rank, bands=12), TASKS[name]
    rng = np.random.default_rng(0)
    sounds = [rng.standard_normal(n).astype(np.float32) for n in (1700, 4100, 2450)]
    samples = [audio.standard(audio.read(Record(id=str(n), source=sound))) for n, sound in enumerate(sounds)]
    model = model_of(rank, task, mixing, audio.channels)
    with torch.inference_mode():
        together = task.predict(model, audio.collate(samples))
        alone = [task.predict(model, audio.collate([sample]))[0] for sample in samples]
        if name == "transcribe":
            padded, _ = task.scores(model, audio.collate(samples))
            single = [task.scores(model, audio.collate([sample]))[0][0] for sample in samples]
            for one, other in zip(padded, single, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    for one, other in zip(together, alone, strict=True):
        if name == "classify":
            torch.testing.assert_close(one.scores, other.scores, rtol=1e-5, atol=1e-6)
        else:
            assert one.text == other.text and one.words == other.words


def test_frames_of_several_voices_are_averaged():
    task, model = TASKS["transcribe"], model_of(2, TASKS["transcribe"], "shifted", 1)
    sounds = [np.random.default_rng(n).standard_normal(1500 + 700 * n).astype(np.float32) for n in range(2)]

    def scores(*voices: float) -> list[np.ndarray]:
        audio = Audio(rate=8000, bands=12, voices=voices)
        samples = [audio.standard(audio.read(Record(id=str(n), source=sound))) for n, sound in enumerate(sounds)]
        with torch.inference_mode():
            return task.scores(model, audio.collate(samples))[0]

    for both, one, other in zip(scores(0.8, 1.2), scores(0.8), scores(1.2), strict=True):
        np.testing.assert_allclose(np.exp(both), (np.exp(one) + np.exp(other)) / 2, atol=1e-5)
        assert np.abs(one - other).max() > 1e-3


def heard(*symbols: int) -> np.ndarray:
    found = np.full((len(symbols), 4), -12.0, np.float32)
    found[np.arange(len(symbols)), symbols] = -1e-4
    return found


@pytest.mark.parametrize("beam", [0, 8])
def test_words_have_the_times_of_their_characters(beam):
    task = replace(TASKS["transcribe"], hop=0.02, beam=beam)
    scores = heard(0, 1, 1, 0, 2, 0, 3, 0, 2, 2)  # ab b
    found = task.transcript("x", task.heard(scores), 0.9, 2)
    assert found.text == "ab b" and [word.text for word in found.words] == ["ab", "b"]
    times = [(round(word.start, 6), round(word.end, 6)) for word in found.words]
    assert times == [(0.04, 0.2), (0.32, 0.4)]
    assert found.to_json()["words"][0] == {"word": "ab", "start": 0.04, "end": 0.2}


def test_a_search_hears_with_a_model_of_words(tmp_path):
    write_arpa(tmp_path / "lm.arpa", counted(["a b"] * 5, 2).table)
    scores = heard(1, 3, 1)
    scores[2] = np.log([0.01, 0.5, 0.45, 0.04])
    plain = TASKS["transcribe"]
    searching = replace(plain, beam=8, ngram=str(tmp_path / "lm.arpa"), ngram_weight=1.0)
    texts = [task.transcript("x", task.heard(scores), 1.0, 1).text for task in (plain, searching)]
    assert texts == ["a a", "a b"]


def test_a_transcript_longer_than_its_frames_is_named():
    task, batch, model = smallest("transcribe", 1)
    long = torch.tensor([[0, 0, 0, 0, 0, 0], [1, -1, -1, -1, -1, -1], [-1] * 6])
    with pytest.raises(DataError, match="short: text: its 6 characters need 11 frames, its sound gives 7"):
        task.losses(model, replace(batch, target=long))
    with pytest.raises(DataError, match="long: target: 7 is no character"):
        task.losses(model, replace(batch, target=torch.tensor([[0], [7], [-1]])))
    with pytest.raises(ValueError, match="no target"):
        task.losses(model, replace(batch, target=None))
    none = task.losses(model, Batch(grid=batch.grid, target=torch.full((3, 1), -1)))["ctc"]
    assert none[0].item() == 0 and none[1].item() == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"classes": ("a", "a")}, "different"), ({"classes": ("ab",)}, "characters"), ({"hop": 0.0}, "hop 0"),
     ({"ngram": "x.arpa"}, "set task.beam")],
)  # fmt: skip
def test_settings_are_checked(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Transcribe(**({"classes": UNITS} | wrong))


class Frames(nn.Module):
    """Answers with a table of its own for every pass, and remembers what it was shown."""

    def __init__(self, *tables: torch.Tensor, lengths: tuple[int, ...]) -> None:
        super().__init__()
        self.tables = nn.ParameterList(tables)
        self.lengths = torch.tensor(lengths)
        self.seen: list[torch.Tensor] = []

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> FrameScores:
        self.seen.append(grid)
        return FrameScores(self.tables[(len(self.seen) - 1) % len(self.tables)], self.lengths, 1)


def test_consistency_is_the_loss_of_cr_ctc():
    """Yao et al. 2025, section 3, frame by frame; padded frames and unlabelled sounds do not count."""
    torch.manual_seed(0)
    task = Transcribe(classes=UNITS, consistency=0.7, hidden=0.3, stretch=0.05)
    model = Frames(torch.randn(3, 40, 4), torch.randn(3, 40, 4), lengths=(40, 25, 40)).train()
    data = Batch(grid=torch.ones(3, 1, 6, 40), target=torch.tensor([[0, 1, 2], [1, -1, -1], [-1, -1, -1]]))
    losses = task.losses(model, data)
    (total, count), (p, q) = losses["consistent_ctc"], (table.log_softmax(-1) for table in model.tables)
    assert list(losses) == ["consistent_ctc"] and count == 4
    wanted = torch.zeros(())
    for row, length, text in ((0, 40, [1, 2, 3]), (1, 25, [2])):
        for own, other in ((p[row, :length], q[row, :length]), (q[row, :length], p[row, :length])):
            likely = nn.functional.ctc_loss(own, torch.tensor(text), (length,), (len(text),), reduction="sum")
            apart = sum((b.exp() * (b - a)).sum() for a, b in zip(own, other.detach(), strict=True))
            wanted = wanted + (likely + 0.7 * apart) / 2
    torch.testing.assert_close(total, wanted)
    given = torch.autograd.grad(total, list(model.tables))
    for one, other in zip(given, torch.autograd.grad(wanted, list(model.tables)), strict=True):
        torch.testing.assert_close(one, other)
    hidden = [(grid == 0).all((1, 2)) for grid in model.seen]
    assert all((grid[:, 0].amin(1) == grid[:, 0].amax(1)).all() for grid in model.seen), "all bands of a time or none"
    assert not hidden[0].equal(hidden[1])
    assert all(row.unflatten(0, (-1, 5)).float().mean(1).unique().tolist() in ([0, 1], [1]) for row in hidden[0])
    assert (data.grid == 1).all(), "the batch stays as it is"


def test_consistency_is_for_training_and_its_share_is_hidden():
    task, plain = Transcribe(classes=UNITS, consistency=1.0, hidden=0.4), Transcribe(classes=UNITS)
    model = Frames(torch.randn(2, 400, 4), lengths=(400, 400))
    data = Batch(grid=torch.ones(2, 6, 400), target=torch.tensor([[0, 1], [2, 1]]))
    assert task.losses(model.eval(), data)["ctc"][0] == plain.losses(model, data)["ctc"][0]
    assert (model.seen[0] == 1).all()
    torch.manual_seed(0)
    shares = [float((grid == 0).float().mean()) for _ in range(40) if (grid := task._hiding(data)) is not None]
    assert np.mean(shares) == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("wrong", [{"consistency": -1.0}, {"hidden": 0.0}, {"hidden": 1.0}, {"stretch": 0.0}])
def test_wrong_settings_of_consistency_are_said(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Transcribe(classes=UNITS, **wrong)
