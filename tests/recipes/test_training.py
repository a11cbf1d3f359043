"""A recipe becomes a run folder."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import TINY, digest, mask_folder, trained

import swinkit as sk
from swinkit.files import CheckpointError, ConfigError
from swinkit.recipes.folder import PARTS
from swinkit.recipes.plain import read, to_plain
from swinkit.recipes.runs import Run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mask_folder(tmp_path_factory.mktemp("set") / "data")


@pytest.fixture(scope="module")
def recipe(data):
    return sk.recipes.segment(data, changes=TINY)


def rows(run):
    """metrics.csv without what the clock says."""
    with (run / "metrics.csv").open() as file:
        return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_a_run_folder_holds_everything_and_nothing_else():
    run = trained()
    assert {path.name for path in run.iterdir()} == set(PARTS) - {"tokenizer.json"}  # that texts alone leave
    assert read(run / "recipe.json") == Run.at(run).recipe
    assert [row["step"] for row in rows(run)] == ["1", "2", "3", "3", "4", "5", "6", "6"]
    assert all(float(row["loss"]) > 0 for row in rows(run) if row["loss"])
    assert {"epoch", "rate", "grad_norm", "val/miou"} <= set(rows(run)[0])
    assert json.loads((run / "environment.json").read_text())["environment"]["torch"] == torch.__version__
    assert "<html" in (run / "report.html").read_text().lower()
    assert json.loads((run / "evaluations" / "val.json").read_text())["samples"] == 4


def test_the_same_recipe_gives_the_same_run(recipe, tmp_path):
    first, second = (sk.train(recipe, tmp_path / name, quiet=True, report=False) for name in ("a", "b"))
    assert rows(first.dir) == rows(second.dir)
    assert first.evaluate("test").figures == second.evaluate("test").figures
    again = sk.train(read(first.dir / "recipe.json"), tmp_path / "c", quiet=True, report=False)
    assert rows(again.dir) == rows(first.dir)


def test_another_seed_gives_another_run(recipe, tmp_path):
    other = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, seed=1))
    first, second = (
        sk.train(each, tmp_path / str(index), quiet=True, report=False) for index, each in enumerate((recipe, other))
    )
    assert rows(first.dir)[0]["loss"] != rows(second.dir)[0]["loss"]


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(recipe, tmp_path):
    whole = sk.train(recipe, tmp_path / "whole", quiet=True, report=False)
    shutil.copytree(whole.dir, tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut" / "checkpoints" / "step-6")
    cut = sk.train(recipe, tmp_path / "cut", resume="last", quiet=True, report=False)
    assert rows(cut.dir) == rows(whole.dir)
    assert cut.evaluate("test").figures == whole.evaluate("test").figures
    for name in ("model", "optimiser"):
        one, other = (run.dir / "checkpoints" / "step-6" / f"{name}.safetensors" for run in (whole, cut))
        assert one.read_bytes() == other.read_bytes()


def test_resuming_with_another_recipe_names_what_differs(recipe):
    before = digest(trained())
    other = dataclasses.replace(
        Run.at(trained()).recipe, training=dataclasses.replace(recipe.training, rate=0.5, seed=3)
    )
    with pytest.raises(ConfigError) as caught:
        sk.train(other, trained(), resume="last")
    assert "training.rate: 0.002, 0.5" in str(caught.value)
    assert "training.seed: 0, 3" in str(caught.value)
    assert digest(trained()) == before


def test_settings_that_change_no_number_may_differ_on_resume(tmp_path):
    shutil.copytree(trained(), tmp_path / "run")
    own = Run.at(tmp_path / "run").recipe
    other = dataclasses.replace(own, training=dataclasses.replace(own.training, workers=1, keep=1))
    assert rows(sk.train(other, tmp_path / "run", resume="last", quiet=True, report=False).dir) == rows(trained())


@pytest.mark.parametrize("name", ["4", "step-4", "checkpoints/none"])
def test_a_checkpoint_that_is_not_there_is_no_fresh_start(name):
    before = digest(trained())
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        sk.train(Run.at(trained()).recipe, trained(), resume=name)
    assert digest(trained()) == before


def test_nothing_is_resumed_where_no_run_is(recipe, tmp_path):
    with pytest.raises(ConfigError, match="there is no such run folder"):
        sk.train(recipe, tmp_path / "none", resume="last")


def test_a_run_is_never_replaced_without_being_told(recipe):
    before = digest(trained())
    with pytest.raises(ConfigError, match="holds a run already.*--resume.*--overwrite"):
        sk.train(recipe, trained())
    assert digest(trained()) == before


def test_overwriting_removes_the_old_run_and_only_that(recipe, tmp_path):
    shutil.copytree(trained(), tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    other = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, steps=3))
    run = sk.train(other, tmp_path / "run", overwrite=True, quiet=True, report=False)
    assert rows(run.dir)[-1]["step"] == "3"
    assert (run.dir / "notes.txt").read_text() == "mine"
    assert [path.name for path in (run.dir / "checkpoints").glob("step-*")] == ["step-3"]


def test_a_run_that_never_saved_is_in_nobodys_way(recipe, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(to_plain(recipe)))
    assert rows(sk.train(recipe, tmp_path / "run", quiet=True, report=False).dir)


def test_other_peoples_folders_are_left_alone(recipe, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(ConfigError, match="holds other files and no run"):
        sk.train(recipe, tmp_path / "mine", overwrite=True)


def test_a_run_never_lies_in_its_data(recipe, data):
    before = digest(data)
    with pytest.raises(ConfigError, match="lies in the data folder"):
        sk.train(recipe, data / "run")
    assert digest(data) == before


def test_training_leaves_the_data_as_it_was(recipe, data, tmp_path):
    before = digest(data)
    sk.train(recipe, tmp_path / "run", quiet=True).evaluate("test")
    assert digest(data) == before


def test_a_dry_run_leaves_nothing_behind(recipe, tmp_path):
    losses = sk.recipes.dry_run(recipe, tmp_path / "deep" / "run")
    assert losses["loss"] > 0
    assert not list(tmp_path.iterdir())


def test_new_runs_get_new_folders(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (sk.train(recipe, quiet=True, report=False).dir for _ in range(2))
    assert (str(first), str(second)) == ("runs/segment-data-swin_nano", "runs/segment-data-swin_nano-2")


def test_grey_pictures_make_a_model_of_one_channel(data, tmp_path):
    grey = sk.recipes.segment(data, changes=TINY | {"modality.channels": 1, "training.steps": 1})
    run = sk.train(grey, tmp_path / "run", quiet=True, report=False)
    assert run.predict(np.zeros((20, 30, 3), np.uint8)).labels.shape == (20, 30)


def test_a_run_starts_from_trained_weights(recipe, tmp_path, capsys):
    from swinkit.recipes.predictor import load_run
    from swinkit.weights import Origin, Weights, write_file

    _, model, _ = load_run(trained())
    file = tmp_path / "weights.safetensors"
    write_file(file, Weights(config=model.config, state=model.state_dict(), origin=Origin(layout="swinkit")))
    choice = dataclasses.replace(recipe.model, weights=str(file))
    run = sk.train(dataclasses.replace(recipe, model=choice), tmp_path / "run")
    assert "tensors loaded" in capsys.readouterr().err
    assert float(rows(run.dir)[0]["loss"]) < float(rows(trained())[0]["loss"])


def test_a_trained_run_beats_the_most_frequent_class(data, tmp_path):
    changes = TINY | {"training.steps": 60, "training.evaluate_every": 60, "training.rate": 0.01}
    run = sk.train(sk.recipes.segment(data, changes=changes), tmp_path / "run", quiet=True, report=False)
    assert run.evaluate("test")["miou"] > 0.7
    picture = next((data / "test" / "images").iterdir())
    truth = np.asarray(Image.open(data / "test" / "labels" / picture.name))
    assert (run.predict(picture).labels == truth).mean() > 0.85
