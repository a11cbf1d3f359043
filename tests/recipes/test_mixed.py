"""From a table of pictures and sounds to a run, its figures, and answers where one of the two is missing."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from mixed_data import TINY, files, pairs, table
from PIL import Image as Picture

import swinkit as sk
from swinkit.datasets import ClassFolder
from swinkit.engine import Training
from swinkit.files import ConfigError, DataError
from swinkit.modalities import Image
from swinkit.models import Joined
from swinkit.recipes import ModelChoice, Recipe, from_plain, to_plain
from swinkit.recipes.evaluation import evaluate
from swinkit.recipes.folder import fingerprint
from swinkit.recipes.labelling import label_files
from swinkit.recipes.parts import make_model
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import load_run, open_run
from swinkit.recipes.text import nested
from swinkit.tasks import Classify


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    return sk.train(sk.recipes.classify(folder, changes=TINY), tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_each_input_has_what_suits_it_alone(folder):
    said: list[str] = []
    recipe = sk.recipes.classify(folder, say=said.append)
    assert recipe.task.classes == ("high", "low") and recipe.modality.missing > 0
    assert recipe.modality.inputs["audio"].rate == 8000 and recipe.modality.inputs["audio"].rank == 2
    assert recipe.modality.inputs["image"].zoom == (0.9, 1.1)  # they are tiny
    assert recipe.model.of("image").config().stem.size == (2, 2)
    assert recipe.model.of("audio").config().small_map == "pad"
    assert "modality: mixed" in said and any(line.startswith("audio: model: swin_nano") for line in said)
    assert from_plain(to_plain(recipe)) == recipe


def test_a_film_beside_other_inputs_is_seen_once(tmp_path):
    for name in ("a", "b", "c", "d"):
        files(tmp_path, name, name < "c")
        np.save(tmp_path / f"{name}.npy", np.zeros((8, 32, 32, 3), np.uint8))
    table(tmp_path / "all.csv", [(f"{n}.png", f"{n}.npy", str(n < "c")) for n in "abcd"], ("image", "video", "class"))
    recipe = sk.recipes.classify(tmp_path / "all.csv", changes={"model.inputs.video.name": "video_swin_t"})
    assert recipe.modality.inputs["video"].views == 1 and recipe.modality.inputs["video"].size == (224, 224)


def test_what_is_said_goes_to_every_input_or_to_one(folder):
    changes = {"model.changes.drop_path": 0.3, "model.inputs.image.changes.width": 24, "model.joining.width": 32,
               "modality.inputs.audio.bands": 20, "modality.missing": 0.5, "training.steps": 7}  # fmt: skip
    recipe = sk.recipes.classify(folder, model="swin_nano", changes=changes)
    assert all(recipe.model.of(name).config().drop_path == 0.3 for name in ("image", "audio"))
    assert [recipe.model.of(name).config().width for name in ("image", "audio")] == [24, 64]
    assert recipe.modality.inputs["audio"].bands == 20 and recipe.modality.inputs["audio"].warp == 0.1
    assert (recipe.modality.missing, recipe.model.joined().width, recipe.training.steps) == (0.5, 32, 7)
    model = make_model(recipe)
    assert isinstance(model, Joined) and list(model.parts) == ["image", "audio"]
    assert model.parts["audio"].config.stem.channels == 1


WRONG = {
    "task.mixup": (0.5, r"task\.mixup: 0\.5 is for one input a sample"),
    "modality.inputs.audio.voices": ([0.9, 1.1], r"inputs\.audio: 2 views of one input are for samples of one input"),
    "model.joining.depths": (2, r"model\.joining\.depths: no such setting"),
    "model.joining.width": (7, r"joining: .*width 7"),
    "model.inputs.sound": ({"name": "swin_nano"}, r"model\.inputs\.sound: is no input of the data"),
    "model.inputs.audio.name": ("swin_nano_1d", r"model\.inputs\.audio\.name: 'swin_nano_1d' is for grids of 1 axes"),
    "model.inputs.audio.width": (3, r"model\.inputs\.audio\.width: no such setting"),
    "training.freeze": (9, r"training\.freeze: 9 stages"),
    "modality.inputs.audio.bnads": (3, r"modality\.inputs\.audio\.bnads: no such setting.*bands"),
}


@pytest.mark.parametrize(("name", "value", "wanted"), [(n, *each) for n, each in WRONG.items()], ids=WRONG)
def test_wrong_settings_are_one_sentence(folder, name, value, wanted):
    with pytest.raises(ConfigError, match=wanted):
        sk.recipes.classify(folder, changes={name: value})


def test_other_tasks_and_starts_are_refused(folder, run, tmp_path):
    from swinkit.recipes import complete

    said = {"task": {"kind": "segment"}, "data": {"kind": "mixed_table", "path": str(folder)}}
    with pytest.raises(ConfigError, match="segment learns from one input a sample"):
        complete(said)
    plain = to_plain(run.recipe)
    plain["task"] = {"kind": "segment", "classes": ["a", "b"]}
    with pytest.raises(ConfigError, match="a Segment learns from one input a sample, the data has image and audio"):
        from_plain(plain)
    with pytest.raises(ConfigError, match=r"model\.weights: .*starts from scratch"):
        sk.recipes.classify(folder, changes={"model.weights": str(run.dir)})
    with pytest.raises(ConfigError, match="give them by name, some of image, audio"):
        label_files(run.predictor, [str(folder / "test.csv")], tmp_path / "out")


def test_a_recipe_of_one_input_has_nothing_of_several():
    plain = to_plain(
        Recipe(task=Classify(classes=("a", "b")), data=ClassFolder(path="x"), model=ModelChoice(name="swin_nano"),
               modality=Image(), training=Training(steps=1, batch=2))
    )  # fmt: skip
    assert plain["model"]["inputs"] == plain["model"]["joining"] == {}
    assert {"inputs", "joining"}.isdisjoint(fingerprint(from_plain(plain))["model"])  # older runs go on
    for name, value in (("inputs", {"image": {}}), ("joining", {"depth": 3})):
        with pytest.raises(ConfigError, match=rf"model\.{name}: is for several inputs a sample, the data has one"):
            from_plain({**plain, "model": {**plain["model"], name: value}})


def test_a_run_is_reported_and_goes_on_exactly(run):
    page = run.report.read_text(encoding="utf-8")
    assert "Input image" in page and "swin_nano, 16x16" in page and "Joined by" in page and "Confusion" in page
    rows = (run.dir / "metrics.csv").read_text()
    again = sk.train(run.recipe, run.dir, resume="2", quiet=True, report=False)
    losses = [row["loss"] for row in csv.DictReader(rows.splitlines()) if row["loss"]]
    assert losses[2:] == [r["loss"] for r in csv.DictReader((again.dir / "metrics.csv").open()) if r["loss"]][2:]
    assert isinstance(sk.load(run.dir), Joined)


def test_figures_without_an_input(run, folder):
    assert evaluate(run.predictor, "test").samples == 6
    rows = [(f"{name.stem}.png", name.name, "high", "test") for name in sorted(folder.glob("test*.wav"))]
    full = table(folder / "full.csv", rows, ("image", "audio", "class", "split"))
    layout = replace(run.recipe.data, path=str(full))
    blind = open_run(run.dir, changes={"modality": {"without": ["image"]}})
    assert [evaluate(each, "test", layout=layout).samples for each in (run.predictor, blind)] == [6, 6]
    heard = blind({"audio": folder / "test0.wav", "image": folder / "test1.png"}).prediction.scores
    assert heard.equal(run.predict({"audio": folder / "test0.wav"}).prediction.scores)
    with pytest.raises(DataError, match="without: has nothing else than image"):
        evaluate(blind, "test")


def test_predictions_where_an_input_is_missing(run, folder, tmp_path):
    picture, sound = (str(folder / name) for name in ("test0.png", "test0.wav"))
    both = sk.predict(run, {"image": picture, "audio": sound})
    assert both.prediction.scores.sum() == pytest.approx(1) and both.draw().shape[2] == 3
    seen = sk.predict(run, {"image": np.asarray(Picture.open(picture))})
    same = run.predict({"image": picture, "audio": None})
    torch.testing.assert_close(seen.prediction.scores, same.prediction.scores, atol=1e-6, rtol=1e-6)
    heard, image = sk.predict(run, [{"audio": sound}, {"image": picture}])
    batch = run.recipe.modality.collate([both.sample, seen.sample, heard.sample])
    with torch.inference_mode():
        together = run.recipe.task.predict(run.predictor.model, batch)
    for one, alone in zip(together, (both, image, heard), strict=True):
        torch.testing.assert_close(one.scores, alone.prediction.scores, atol=1e-5, rtol=1e-5)
    for source, wanted in (({}, "no input came"), ({"smell": picture}, "smell: is no input of this run"),
                           (picture, "give them by name")):  # fmt: skip
        with pytest.raises(ConfigError, match=wanted):
            run.predictor(source)


def test_a_table_is_predicted_line_by_line(run, tmp_path):
    image, audio = files(tmp_path, "x", high=True)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    rows = [(image, audio), (image, ""), ("", audio), ("", ""), ("bad.png", audio), ("gone.png", "")]
    new = table(tmp_path / "new.csv", rows, ("image", "audio"))
    done = predict_files(run.predictor, [str(new)], tmp_path / "out")
    assert [entry["inputs"] for entry in done.predictions] == [["image", "audio"], ["image"], ["audio"]]
    assert [str(problem).split(": ")[1:3] for problem in done.problems[:2]] == [
        ["image", "line 5"],
        ["image", "line 7"],
    ]
    assert "bad.png" in str(done.problems[2])
    found = list(csv.DictReader((tmp_path / "out" / "predictions.csv").open(encoding="utf-8")))
    assert [row["file"].rpartition(":")[2] for row in found] == ["2", "3", "4"]
    assert json.loads((tmp_path / "out" / "predictions.json").read_text(encoding="utf-8")) == done.to_json()
    assert (tmp_path / "out" / "new-2-overlay.png").is_file() and (tmp_path / "out" / "new-4-overlay.png").is_file()
    with pytest.raises(ConfigError, match=r"predictions.json: is there already"):
        predict_files(run.predictor, [str(new)], tmp_path / "out")
    with pytest.raises(ConfigError, match=r"x\.png: a run on several inputs reads tables"):
        predict_files(run.predictor, [str(tmp_path / image)], tmp_path / "other")


def test_texts_and_series_are_inputs_too(tmp_path):
    rows = []
    for index in range(8):
        image, _ = files(tmp_path, str(index), index % 2 == 0, index)
        (tmp_path / f"{index}.csv").write_text("time,a,b\n" + "".join(f"{t},{t * index},{index}\n" for t in range(9)))
        rows.append((image if index % 3 else "", f"word{index % 2} and more", f"{index}.csv", "ab"[index % 2]))
    path = table(tmp_path / "all.csv", rows, ("image", "text", "series", "class"))
    kept = {name: {"changes": {"window": [[4]], "merge": [[1]]}} for name in ("text", "series")}
    changes = TINY | {"model.inputs": {"image": TINY["model.inputs"]["image"], **kept}, "training.steps": 2}
    changes["modality.inputs"] = {"text": {"vocabulary": 64, "buckets": 32}}
    recipe = sk.recipes.classify(path, changes=changes)
    assert recipe.modality.inputs["series"].names == ("a", "b") and recipe.data.columns == ("image", "text", "series")
    run = sk.train(recipe, tmp_path / "run", quiet=True, report=False)
    assert (run.dir / "tokenizer.json").is_file()
    words = run.predict({"text": "word1 again"})
    assert words.prediction.scores.isfinite().all() and words.draw().shape[2] == 3
    every = open_run(run.dir)({"text": "word1 again", "series": tmp_path / "1.csv", "image": tmp_path / "1.png"})
    assert not every.prediction.scores.equal(words.prediction.scores)


def test_the_modality_is_that_of_the_table(folder):
    from swinkit.recipes import complete

    said = {"task": {"kind": "classify"}, "data": {"path": str(folder)}}
    with pytest.raises(ConfigError, match="--modality: image, but .* has several inputs a sample"):
        complete(said, modality="image")
    alone = {**said, "data": {"kind": "class_folder", "path": str(folder)}}
    with pytest.raises(ConfigError, match="--modality: mixed, but .* has one input a sample"):
        complete(alone, modality="mixed")


def test_a_run_on_one_input_takes_none_by_name(run, folder):
    recipe, model, _ = load_run(run.dir)
    assert open_run(run.dir, changes=nested({"modality.inputs.image.scale": 2.0})).recipe != recipe
    with pytest.raises(ConfigError, match=r"task\.flip: True is for one input"):
        open_run(run.dir, changes={"task.flip": True})
    assert isinstance(model, Joined)
