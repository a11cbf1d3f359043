"""From sounds to a run, its figures, and answers on disk."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile
from sound_data import features, manifest

from swinkit.audit import Audit
from swinkit.files import ConfigError
from swinkit.modalities import Audio
from swinkit.recipes import classify, from_plain, open_run, to_plain, train, transcribe
from swinkit.recipes.checking import check
from swinkit.recipes.evaluation import evaluate
from swinkit.recipes.predicting import predict_files

TINY = {
    "model.changes": {"depths": [1, 1], "heads": [1, 1], "width": 16, "window": [[8]], "merge": [[1], [1]],
                      "drop_path": 0.0},
    "modality.bands": 12,
    "training.batch": 4,
    "training.micro_batch": 2,
    "training.precision": "fp32",
    "training.steps": 4,
    "training.evaluate_every": 2,
    "training.workers": 0,
    "training.ema": None,
}  # fmt: skip
FLAT = TINY | {"model.changes": {"depths": [1, 1], "heads": [1, 1], "width": 16, "window": [[4, 4]]}}


def test_recipes_know_rates_characters_and_what_suits_sounds(tmp_path):
    manifest(tmp_path / "m")
    said: list[str] = []
    text, label = transcribe(tmp_path / "m", say=said.append), classify(tmp_path / "m")
    assert text.modality == Audio(rate=8000, rank=1, bands=64, warp=0.1, speed=0.1, band_width=10)
    assert text.model.config().strides[-1] == (4,) and text.model.config().small_map == "pad"
    assert label.modality.rank == 2 and label.model.name == "swin_nano" and label.task.classes == ("even", "odd")
    assert from_plain(to_plain(text)) == text and from_plain(to_plain(label)) == label
    assert any("characters" in line for line in said) and "modality: audio" in said
    with pytest.raises(ConfigError, match="say --model swin_nano"):
        transcribe(tmp_path / "m", changes={"modality.rank": 2, "model.name": "swin_nano_1d"})
    given = transcribe(features(tmp_path / "f"))
    assert given.modality.source == "features" and given.modality.bands == 5 and given.modality.slopes == 2


def test_it_transcribes_from_a_manifest_to_tables_and_goes_on_exactly(tmp_path):
    data = manifest(tmp_path / "data", packed=True).parent
    recipe = transcribe(data, changes=TINY)
    run = train(recipe, tmp_path / "run", quiet=True)
    assert {"wer", "cer", "character_accuracy"} <= set(run.evaluate("test").figures)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "truth: " in page and "Word error rate" in page
    rows = (tmp_path / "run" / "metrics.csv").read_text()
    again = train(recipe, tmp_path / "run", resume="2", quiet=True, report=False)
    losses = [row["loss"] for row in csv.DictReader(rows.splitlines()) if row["loss"]]
    assert losses[2:] == [r["loss"] for r in csv.DictReader((again.dir / "metrics.csv").open()) if r["loss"]][2:]
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    soundfile.write(sounds / "a.wav", np.random.default_rng(0).standard_normal(9000) * 0.1, 16_000)
    (sounds / "b.wav").write_text("no sound")
    done = predict_files(open_run(tmp_path / "run"), [str(sounds)], tmp_path / "out")
    assert [entry["id"] for entry in done.predictions] == ["a"]
    assert "is no WAV, FLAC, Ogg or MP3 file" in str(done.problems[0])
    line = json.loads((tmp_path / "out" / "predictions.jsonl").read_text())
    (row,) = csv.DictReader((tmp_path / "out" / "predictions.csv").open())
    assert line["text"] == row["text"] and line["audio_filepath"] == str(sounds / "a.wav")
    words = list(csv.DictReader((tmp_path / "out" / "words.csv").open()))
    assert [word["word"] for word in words] == row["text"].split()
    assert (tmp_path / "out" / "a-overlay.png").is_file()


def test_it_classifies_sounds_and_given_features_train(tmp_path):
    data = manifest(tmp_path / "data").parent
    changes = {**FLAT, "data.hold_out": "files", "modality.rank": 2}
    run = train(classify(data, changes=changes), tmp_path / "run", quiet=True, report=False)
    assert "accuracy" in evaluate(run.predictor, "test").figures
    changes = {name: value for name, value in TINY.items() if name != "modality.bands"}
    run = train(transcribe(features(tmp_path / "f"), changes=changes), tmp_path / "run2", quiet=True, report=False)
    assert 0 <= evaluate(run.predictor, "val").figures["cer"]


def test_a_check_reads_every_sound(tmp_path):
    data = manifest(tmp_path / "data").parent
    (data / "3.flac").write_bytes(b"fLaC nothing")
    found: Audit = check("transcribe", str(data), say=str)
    errors = [problem for problem in found.problems if problem.level == "error"]
    assert [problem.file for problem in errors] == [str(data / "3.flac")], found.problems
