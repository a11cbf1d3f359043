"""Several tasks from data to predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import swinkit as sk
from swinkit.files import ConfigError
from swinkit.recipes.plain import read, to_plain
from swinkit.recipes.predicting import predict_files

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
