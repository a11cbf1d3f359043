"""Texts from a folder to a report and predictions: classes, words, masked pre-training."""

from __future__ import annotations

import csv
import json

import pytest
import torch
from tiny_texts import TINY, conll, sentences, table, tables

import swinkit as sk
from swinkit.files import ConfigError
from swinkit.recipes.checking import check
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import load_run, open_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tables(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    recipe = sk.recipes.classify(folder, changes=TINY)
    assert recipe.model.config().small_map == "pad" and recipe.model.config().pad_tokens == "mask"
    return sk.train(recipe, tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_it_learns_is_measured_and_reported(run):
    evaluation = run.evaluate("test")
    assert evaluation.main == "accuracy" and evaluation["accuracy"] > 0.9
    page = run.report.read_text(encoding="utf-8")
    example = run.predictor.recipe.modality.read(evaluation.dataset[0])
    assert "truth: good; prediction: good" in page and "test.csv:" in page and "Confusion" in page
    assert example.text and any(text in page for _, text in sentences(16, 2))
    assert json.loads((run.dir / "tokenizer.json").read_text(encoding="utf-8"))["model"]["type"] == "WordLevel"
    assert "tokenizer.json" not in (run.dir / "recipe.json").read_text(encoding="utf-8")


def test_a_run_moves_and_goes_on_with_its_tokenizer(run, folder, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(run.dir, moved)
    assert open_run(moved)("a great film").to_json() == run.predictor("a great film").to_json()
    recipe = RunFolder(moved).recipe()
    again = sk.train(recipe, moved, resume="30", quiet=True, report=False)
    names = [each / "checkpoints" / "step-60" / "model.safetensors" for each in (run.dir, again.dir)]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_predictions_of_tables_files_and_typed_texts(run, tmp_path):
    rows = sentences(8, 2)
    lines = table(tmp_path / "new.csv", [("", text) for _, text in rows])
    (tmp_path / "one.txt").write_text("an awful dog", encoding="utf-8")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    inputs = [str(lines), str(tmp_path / "one.txt"), str(tmp_path / "bad.txt"), "a lovely day"]
    done = predict_files(run.predictor, inputs, tmp_path / "out")
    found = list(csv.DictReader((tmp_path / "out" / "predictions.csv").open(encoding="utf-8")))
    wanted = [label for label, _ in rows] + ["bad", "good"]
    assert sum(row["class"] == label for row, label in zip(found, wanted, strict=True)) >= 9
    assert found[0]["file"].endswith("new.csv:2") and len(done.problems) == 1
    assert json.loads((tmp_path / "out" / "predictions.json").read_text(encoding="utf-8")) == done.to_json()
    with pytest.raises(ConfigError, match=r"predictions.json: is there already"):
        predict_files(run.predictor, inputs, tmp_path / "out")


def test_check_reads_texts_without_learning(folder, tmp_path):
    found = check("classify", str(folder), say=lambda _: None)
    assert found.ok and found.splits["train"].counts == (32, 32) and found.splits["train"].unit == "samples"
    again = tables(tmp_path)
    table(again / "test.csv", [("bad", "Dull"), ("good", "dull"), *sentences(64)[:1], ("good", " ")])
    found = check("classify", str(again), say=lambda _: None)
    assert [problem.message for problem in found.problems if problem.level == "error"] == ["line 5: is empty"]
    assert [problem.file for problem in found.problems if problem.level == "warning"] == ["test.csv:4"]


def test_words_are_tagged_and_written_as_conll(tmp_path):
    changes = {**TINY, "modality.tokens": "bpe", "modality.vocabulary": 300}
    run = sk.train(sk.recipes.tag(conll(tmp_path / "data"), changes=changes), tmp_path / "run", quiet=True)
    evaluation = run.evaluate("test")
    assert evaluation["accuracy"] > 0.95 and evaluation["span_f1"] > 0.8
    assert "span" in run.report.read_text(encoding="utf-8").lower()
    done = predict_files(run.predictor, ["a great man", "dull sea"], tmp_path / "out")
    assert (tmp_path / "out" / "predictions.conll").read_text(encoding="utf-8") == (
        "a\tO\ngreat\tB-good\nman\tO\n\ndull\tB-bad\nsea\tO\n\n"
    )
    assert done.predictions[0]["tags"] == ["O", "B-good", "O"]
    assert check("tag", str(tmp_path / "data"), say=lambda _: None).splits["test"].unit == "words"


def test_masked_pre_training_starts_a_classifier(folder, tmp_path):
    pre = sk.train(sk.recipes.reconstruct(folder, changes=TINY), tmp_path / "pre", quiet=True)
    losses = [float(row["loss"]) for row in RunFolder(pre.dir).rows() if row["loss"]]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    said = {**TINY, "training.steps": 1, "training.rate": 1e-9, "model.weights": str(pre.dir)}
    for name in ("model.changes", "modality.vocabulary", "modality.grams", "modality.buckets"):
        del said[name]
    recipe = sk.recipes.classify(folder, changes=said)
    run = sk.train(recipe, tmp_path / "run", quiet=True)
    one, other = (
        load_run(each.dir)[1].state_dict()["backbone.stages.1.blocks.0.mlp.fc1.weight"] for each in (run, pre)
    )
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert (run.dir / "tokenizer.json").read_bytes() == (pre.dir / "tokenizer.json").read_bytes()
