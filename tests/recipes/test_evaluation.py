"""Figures of a run, and what its report says about them."""

from __future__ import annotations

import json
import shutil

import pytest
from tiny_runs import trained

from swinkit.recipes.evaluation import evaluate
from swinkit.recipes.predictor import open_run
from swinkit.recipes.reporting import _chosen
from swinkit.recipes.runs import Run


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(open_run(trained()), "test")


def test_every_sample_has_a_score_of_its_own(evaluation):
    predictor = open_run(trained())
    assert len(evaluation.scores) == evaluation.samples == 4
    for index, score in enumerate(evaluation.scores):
        record = evaluation.dataset[index]
        sample = predictor.recipe.modality.standard(predictor.recipe.modality.read(record))
        (prediction,) = predictor.predict([sample])
        hits = [
            ((prediction.labels == label) & (sample.target == label)).sum()
            / ((prediction.labels == label) | (sample.target == label)).sum()
            for label in range(3)
            if ((prediction.labels == label) | (sample.target == label)).any()
        ]
        assert score == pytest.approx(float(sum(hits) / len(hits)), abs=1e-6)


def test_an_evaluation_is_plain_json_without_a_clock(evaluation):
    document = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert document["figures"]["miou"] == evaluation["miou"]
    assert "seconds" not in document
    assert "iou/box" in str(evaluation)


def test_progress_reaches_the_end():
    seen = []
    evaluate(open_run(trained()), "val", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)


def test_a_report_gathers_all_splits_that_were_measured(tmp_path):
    shutil.copytree(trained(), tmp_path / "run")
    run = Run.at(tmp_path / "run")
    figures = run.evaluate("test")
    kept = json.loads((run.dir / "evaluations" / "test.json").read_text())
    assert kept == json.loads(json.dumps(figures.to_json()))
    page = run.report.read_text(encoding="utf-8")
    for text in ("swin_nano", "segment: data", "ground", "training.rate", f"{figures['miou']:.3f}"[1:]):
        assert text in page, text
    assert {"curves.png", "confusion.png", "best-1.png", "worst-1.png"} <= {
        p.name for p in (run.dir / "pictures").iterdir()
    }


@pytest.mark.parametrize(
    ("scores", "best", "worst"),
    [
        ([], [], []),
        ([0.5], [], [0]),
        ([0.5, None, 0.25], [0], [2]),
        ([0.1, 0.9, 0.5, 0.4, 0.8, 0.2, 0.7], [1, 4, 6], [0, 5, 3]),
    ],
)
def test_no_sample_is_shown_twice(scores, best, worst):
    assert _chosen(scores) == {"best": best, "worst": worst}
