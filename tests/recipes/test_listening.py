"""Sounds of any length are heard in pieces: no word is lost, doubled or cut at a seam, and memory stays flat."""

from __future__ import annotations

import json

import numpy as np
import psutil
import pytest
import soundfile
from sound_data import RATE, table, tone, wav

from swinkit.recipes import open_run, train, transcribe
from swinkit.recipes.listening import is_long, listen
from swinkit.recipes.predicting import predict_files

pytestmark = pytest.mark.slow
TONES = {"a": 400.0, "b": 1000.0, "c": 2400.0}
SETTINGS = {
    "model.changes": {"depths": [1, 1], "heads": [2, 2], "width": 32, "window": [[16]], "merge": [[1], [1]],
                      "drop_path": 0.0},
    "modality.bands": 16, "modality.normalise": "whole", "modality.speed": 0.0, "modality.warp": 0.0,
    "modality.noise": 0.0, "modality.time_masks": 0, "modality.band_masks": 0, "training.rate": 0.004,
    "training.batch": 8, "training.micro_batch": 8, "training.precision": "fp32", "training.steps": 260,
    "training.evaluate_every": 260, "training.workers": 0, "training.ema": None, "training.warmup": 0.05,
    "training.optimiser": "adamw",
}  # fmt: skip


def said(rng: np.random.Generator, count: int) -> tuple[str, np.ndarray]:
    """Words of a tone each, with pauses."""
    words = [str(word) for word in rng.choice(list(TONES), count)]
    parts = [np.zeros(800, np.float32)]
    for word in words:
        parts += [tone(TONES[word], rng.uniform(0.12, 0.2)), np.zeros(int(rng.uniform(1200, 2400)), np.float32)]
    samples = np.concatenate(parts)
    return " ".join(words), samples + rng.standard_normal(len(samples)).astype(np.float32) * 1e-3


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    """A model that tells three tones apart."""
    place, rng, rows = tmp_path_factory.mktemp("tones"), np.random.default_rng(0), []
    for number in range(64):
        text, samples = said(rng, 4)
        (place / f"{number}.wav").write_bytes(wav(samples))
        rows.append({"file": f"{number}.wav", "text": text})
    table(place / "manifest.csv", rows)
    run = train(transcribe(place, changes=SETTINGS), tmp_path_factory.mktemp("run") / "run", quiet=True, report=False)
    return open_run(run.dir)


@pytest.mark.parametrize(("piece", "overlap"), [(40.0, 8.0), (8.0, 2.0), (5.0, 2.0)])
def test_every_word_is_heard_once_whatever_the_pieces(predictor, tmp_path, piece, overlap):
    text, samples = said(np.random.default_rng(1), 180)
    soundfile.write(tmp_path / "long.wav", samples, RATE)
    assert len(samples) > 45 * RATE and is_long(predictor, tmp_path / "long.wav")
    found = listen(predictor, tmp_path / "long.wav", piece=piece, overlap=overlap)
    assert found.text.replace(" ", "") == text.replace(" ", "")  # so small a model parts a few words too late
    starts = [word.start for word in found.words]
    assert starts == sorted(starts) and found.words[-1].end <= len(samples) / RATE
    whole = predictor(tmp_path / "long.wav").prediction
    assert abs(found.words[-1].end - whole.words[-1].end) < 0.1
    assert abs(len(found.words) - len(whole.words)) < 0.05 * len(whole.words)


def test_long_files_are_heard_in_pieces_by_predict(predictor, tmp_path):
    text, samples = said(np.random.default_rng(2), 170)
    soundfile.write(tmp_path / "long.flac", np.repeat(samples, 2), 2 * RATE)  # resampled on the way
    told: list[tuple[int, int]] = []
    done = predict_files(predictor, [str(tmp_path / "long.flac")], tmp_path / "out", within=lambda *n: told.append(n))
    (entry,) = done.predictions
    assert told and all(0 < seconds < total == round(len(samples) / RATE) for seconds, total in told)
    assert entry["text"].replace(" ", "") == text.replace(" ", "") and "overlay" not in entry
    assert json.loads((tmp_path / "out" / "predictions.jsonl").read_text())["text"] == entry["text"]


def rise(predictor, sound) -> int:
    """Bytes that hearing a file takes at its most, above what the process had."""
    before, peak = psutil.Process().memory_info().rss, [0]
    listen(predictor, sound, progress=lambda *_: peak.append(psutil.Process().memory_info().rss - before))
    return max(peak)


def test_an_hour_takes_no_more_memory_than_ten_minutes(predictor, tmp_path):
    block = said(np.random.default_rng(3), 160)[1]
    rises: list[int] = []
    for minutes in (2, 10, 60):
        with soundfile.SoundFile(tmp_path / "hour.wav", "w", RATE, 1) as file:
            for _ in range(int(minutes * 60 * RATE / len(block)) + 1):
                file.write(block)
        rises.append(rise(predictor, tmp_path / "hour.wav"))
    assert rises[2] < rises[1] + (32 << 20) and rises[2] < 256 << 20, rises
