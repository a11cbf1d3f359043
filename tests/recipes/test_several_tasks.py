"""Several tasks from data to predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import swinkit as sk
from swinkit.files import ConfigError
from swinkit.models import prepared
from swinkit.recipes.completion import complete
from swinkit.recipes.evaluation import evaluate as measure
from swinkit.recipes.parts import make_model
from swinkit.recipes.plain import read, to_plain
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor, load_run
from swinkit.recipes.starting import start_from

TINY = {
    "data.counts": [16, 4, 4],
    "model.name": "swin_nano",
    "model.changes": {"depths": [1, 1], "heads": [1, 1], "width": 24, "window": [[8, 8]]},
    "training.batch": 8,
    "training.precision": "fp32",
    "training.steps": 4,
    "training.evaluate_every": 4,
    "training.workers": 0,
    "training.ema": None,
}


def tiny(tasks: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    narrow = {"segment": {"channels": 16}, "detect": {"channels": 16, "depth": 1, "levels": 2}, "classify": {}}
    return {name: {**narrow[str(values.get("kind", name))], **values} for name, values in tasks.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    tasks = tiny({"segment": {}, "detect": {}, "classify": {}})
    recipe = sk.recipes.several("digit_scenes", tasks=tasks, changes=TINY)
    return sk.train(recipe, tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_digit_scenes_teach_three_tasks_at_once(run, tmp_path):
    figures = run.evaluate("test").figures
    assert {"score", "segment_miou", "detect_map", "classify_accuracy"} <= set(figures)
    assert to_plain(read(run.dir / "recipe.json")) == to_plain(run.recipe)
    assert run.recipe.task.tasks["classify"].classes == ("two", "three", "four")
    picture = run.recipe.data.open("test")[0].source
    Image.fromarray(picture).save(tmp_path / "scene.png")
    done = predict_files(run.predictor, [str(tmp_path / "scene.png")], tmp_path / "out")
    (entry,) = json.loads((tmp_path / "out" / "predictions.json").read_text())["predictions"]
    assert entry == done.predictions[0] and set(entry) >= {"segment", "detect", "classify", "overlay"}
    assert "prediction: " in run.report.read_text(encoding="utf-8")


def test_folders_of_different_tasks_are_interleaved(tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for index in range(4):
            picture = Image.fromarray(rng.integers(0, 255, (32, 32, 3)).astype(np.uint8))
            for part, name in (("segment", "images"), ("classify", "ab"[index % 2])):
                folder = tmp_path / part / split / name
                folder.mkdir(parents=True, exist_ok=True)
                picture.save(folder / f"{index}.png")
            masks = tmp_path / "segment" / split / "labels"
            masks.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 2, (32, 32)).astype(np.uint8)).save(masks / f"{index}.png")
    changes = {name: value for name, value in TINY.items() if name != "data.counts"}
    recipe = sk.recipes.several(tmp_path, tasks=tiny({"segment": {}, "classify": {}}), changes=changes)
    data = recipe.data.open("train")
    assert len(data) == 8 and {record.id.split("/")[0] for record in map(data.__getitem__, range(8))} == {
        "segment",
        "classify",
    }
    assert [list(data[index].target) for index in (0, 7)] == [["segment"], ["classify"]]
    trained = sk.train(recipe, tmp_path.parent / f"{tmp_path.name}-run", quiet=True)
    assert {"segment_miou", "classify_accuracy"} <= set(trained.evaluate("val").figures)


def test_what_does_not_fit_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"task.tasks.pose: 'pose' does not share a backbone"):
        sk.recipes.several("digit_scenes", tasks={"pose": {}})
    with pytest.raises(ConfigError, match=r"task.tasks.number: in digit scenes"):
        sk.recipes.several("digit_scenes", tasks={"number": {"kind": "classify"}})
    with pytest.raises(ConfigError, match=r"task.tasks.segment: dyce: no such setting|task.tasks.segment.dyce"):
        sk.recipes.several("digit_scenes", tasks={"segment": {"dyce": 1.0}})


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A run of one task, to add others to."""
    narrow = {"task.channels": 16, "task.depth": 1, "task.levels": 2}
    recipe = sk.recipes.detect("digit_scenes", changes=TINY | narrow)
    return sk.train(recipe, tmp_path_factory.mktemp("runs") / "detect", quiet=True, report=False)


def added(detector, **changes):
    """The detector with a head for masks beside, as a recipe; names and widths are the run's own."""
    tasks = {"segment": {"channels": 16}}
    every = {name: value for name, value in TINY.items() if not name.startswith("model.")} | changes
    return sk.recipes.several("digit_scenes", tasks=tasks, changes={**every, "model.weights": str(detector.dir)})


def answers(model, recipe, picture):
    """What the recipe's tasks say of a picture, as plain values."""
    return Predictor(recipe, prepared(model.eval()), torch.device("cpu"))(picture).prediction


def test_a_head_is_added_to_a_trained_model(detector):
    recipe = added(detector)
    assert list(recipe.task.tasks) == ["detect", "segment"] and recipe.task.kept == ()
    assert recipe.task.tasks["detect"] == detector.recipe.task and recipe.model.changes == detector.recipe.model.changes
    model = make_model(recipe)
    report = start_from(model, recipe)
    assert report is not None and {name.split(".")[2] for name in report.missing if ".heads." in name} == {"segment"}
    picture = recipe.data.open("test")[0].source
    before = detector.predict(picture).prediction
    assert len(before) and answers(model, recipe, picture).answers["detect"].to_json() == {
        **before.to_json(),
        "id": "array",
    }


@pytest.mark.parametrize("freeze", [None, 2])
def test_training_reaches_only_what_was_asked_for(detector, tmp_path, freeze):
    recipe = added(detector, **{"task.kept": ["detect"], "training.freeze": freeze})
    start = make_model(recipe)
    start_from(start, recipe)
    run = sk.train(recipe, tmp_path / "run", quiet=True, report=False)
    trained = load_run(run.dir)[1].state_dict()
    same = {name for name, value in start.state_dict().items() if value.equal(trained[name])}
    assert {name for name in trained if name.startswith("head.heads.detect.")} <= same
    assert not {name for name in same if name.startswith("head.heads.segment.") and name.endswith("weight")}
    assert not any(name.startswith("head.log_variances.detect") for name in trained)
    backbone = {name for name in trained if not name.startswith("head.")}
    assert backbone <= same if freeze else not {name for name in backbone & same if name.endswith("qkv.weight")}
    picture = recipe.data.open("test")[1].source
    found = run.predict(picture).prediction.answers["detect"].to_json()
    assert (found == {**detector.predict(picture).prediction.to_json(), "id": found["id"]}) is bool(freeze)
    assert {"detect_map", "segment_miou"} <= set(measure(run.predictor, "test").figures), "what is kept is measured too"


def test_what_the_data_does_not_teach_is_kept_and_heads_come_back_out(detector, tmp_path):
    rng = np.random.default_rng(0)
    for index in range(4):
        for part, high in (("images", (32, 32, 3)), ("labels", (32, 32))):
            (tmp_path / "data" / "segment" / part).mkdir(parents=True, exist_ok=True)
            values = rng.integers(0, 2 if part == "labels" else 255, high).astype(np.uint8)
            Image.fromarray(values).save(tmp_path / "data" / "segment" / part / f"{index}.png")
    said: list[str] = []
    every = {name: value for name, value in TINY.items() if not name.startswith(("model.", "data."))}
    recipe = sk.recipes.several(
        tmp_path / "data",
        tasks={"segment": {"channels": 16}},
        changes={**every, "model.weights": str(detector.dir)},
        say=said.append,
    )
    assert recipe.task.kept == ("detect",) and list(recipe.data.layouts) == ["segment"]
    assert "kept as they are: detect" in said and complete(to_plain(recipe)) == recipe
    run = sk.train(recipe, tmp_path / "run", quiet=True, report=False)
    again = sk.recipes.detect(
        "digit_scenes",
        changes=TINY | {"model.weights": str(run.dir), "task.channels": 16, "task.depth": 1, "task.levels": 2},
    )
    model = make_model(again)
    assert not [name for name in start_from(model, again).missing if name.startswith("head.")]
    head = load_run(detector.dir)[1].head.state_dict()
    assert all(value.equal(head[name]) for name, value in model.head.state_dict().items())


def test_what_cannot_be_started_from_is_named(detector, tmp_path):
    with pytest.raises(ConfigError, match="kept: detect, segment leaves no task|teaches none of the tasks"):
        added(detector, **{"task.kept": ["detect", "segment"]})
    with pytest.raises(ConfigError, match="kept: 'pose' is none of the tasks"):
        added(detector, **{"task.kept": ["pose"]})
    with pytest.raises(ConfigError, match="is a folder without a run"):
        sk.recipes.detect("digit_scenes", changes=TINY | {"model.weights": str(tmp_path)})
    with pytest.raises(ConfigError, match="there is no such file or run"):
        sk.recipes.detect("digit_scenes", changes=TINY | {"model.weights": str(tmp_path / "none")})
