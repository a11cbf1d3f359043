"""A folder of volumes from training to labels in the place of the scan."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from limits import within_bytes
from torch import Tensor, nn
from volume_data import CLASSES, volume_folder

import swinkit as sk
from swinkit.files import ConfigError, DataError
from swinkit.recipes import Predictor, open_run
from swinkit.recipes.predicting import predict_files
from swinkit.types import Record

BYTES_A_VOXEL = 16
"""4 are the volume's and 1 the labels'; while it is read, percentiles take as much as it again, and a slab of these
windows takes a tenth of the voxels, times a number of each class."""
TINY = {
    "data.classes": list(CLASSES),
    "model.changes": {"depths": [1, 1], "heads": [1, 1], "width": 16, "window": [[4, 4, 4]]},
    "task.channels": 8,
    "modality.size": [16, 16, 16],
    "training.batch": 2,
    "training.precision": "fp32",
    "training.steps": 40,
    "training.rate": 4e-3,
    "training.evaluate_every": 40,
    "training.workers": 0,
    "training.ema": None,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sk.Run:
    folder = tmp_path_factory.mktemp("volumes")
    affine = np.array([[0, 0, -1.0, 7], [2.0, 0, 0, -3], [0, 1.0, 0, 1], [0, 0, 0, 1]])
    recipe = sk.recipes.segment(volume_folder(folder / "data", affine=affine), changes=TINY)
    return sk.train(recipe, folder / "run", quiet=True)


def test_it_learns_and_tells_dice_and_distance(run: sk.Run) -> None:
    found = run.evaluate("test")
    assert found["dice"] > 0.5
    assert found["hd95_mm"] > 0
    report = (run.dir / "report.html").read_text()
    assert "dice" in report.lower()


def test_labels_are_written_in_the_place_of_the_scan(run: sk.Run, tmp_path: Path) -> None:
    data = run.dir.parent / "data"
    scan = data / "images" / "case_5.nii.gz"
    done = predict_files(run.dir, [str(scan)], tmp_path / "out")
    assert not done.problems
    (entry,) = done.predictions
    assert entry["mask"] == "case_5.nii.gz"
    written, truth = nibabel.load(tmp_path / "out" / entry["mask"]), nibabel.load(data / "labels" / "case_5.nii.gz")
    assert np.allclose(written.affine, truth.affine)
    ours, theirs = np.asarray(written.dataobj), np.asarray(truth.dataobj)
    assert ours.dtype == np.uint8
    assert 2 * ((ours == 1) & (theirs == 1)).sum() / ((ours == 1).sum() + (theirs == 1).sum()) > 0.5
    assert (tmp_path / "out" / entry["overlay"]).is_file()
    assert json.loads((tmp_path / "out" / "predictions.json").read_text())["predictions"][0]["id"] == "case_5"


def test_windows_give_about_the_same_as_the_whole(run: sk.Run) -> None:
    predictor = open_run(run.dir)
    scan = run.dir.parent / "data" / "images" / "case_5.nii.gz"
    assert predictor.recipe.task.window == (16, 16, 16)
    assert predictor(scan).prediction.labels.shape == predictor(scan).sample.size


class Bands(nn.Module):
    """A score for each class from the value of a cell."""

    def forward(self, grid: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
        return {"logits": torch.cat([-grid - 1, 0 * grid, grid - 1], 1)}


@pytest.mark.parametrize("spacing", [None, (1.0, 1.0, 1.25)], ids=["as it is", "resampled"])
def test_memory_is_that_of_the_volume_its_labels_and_a_slab(spacing: tuple[float, ...] | None, tmp_path: Path) -> None:
    side = 160
    recipe = sk.recipes.segment(volume_folder(tmp_path / "data"), changes={**TINY, "modality.spacing": spacing})
    recipe = dataclasses.replace(recipe, task=dataclasses.replace(recipe.task, window=(16,) * 3, stride=(16, 8, 16)))
    predictor = Predictor(recipe, Bands().eval(), torch.device("cpu"))
    values = np.random.default_rng(0).normal(0, 99, (side,) * 3).astype(np.int16)
    for name, part in (("warm", values[:32, :32, :32]), ("scan", values)):
        nibabel.save(nibabel.Nifti1Image(part, np.eye(4)), tmp_path / f"{name}.nii.gz")
    predict_files(predictor, [str(tmp_path / "warm.nii.gz")], tmp_path / "warm")
    with within_bytes(BYTES_A_VOXEL * side**3):
        done = predict_files(predictor, [str(tmp_path / "scan.nii.gz")], tmp_path / "out")
    assert not done.problems and done.predictions[0]["size"] == [side] * 3
    written = np.asarray(nibabel.load(tmp_path / "out" / "scan.nii.gz").dataobj)
    grid = predictor.recipe.modality.read(Record(id="scan", source=values)).grid[0].numpy()
    if spacing is None:
        assert np.array_equal(written, 1 + (grid > 1).astype(np.uint8) - (grid < -1))
    else:
        assert (grid[written == 2] > 0.5).mean() > 0.5 and (grid[written == 0] < -0.5).mean() > 0.5


def test_folders_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    folder = volume_folder(tmp_path / "a")
    (folder / "labels" / "case_1.nii.gz").unlink()
    with pytest.raises(DataError, match=r"case_1\.nii\.gz: labels: no labels/case_1"):
        sk.recipes.segment(folder)
    (folder / "images" / "case_1.nii.gz").unlink()
    (folder / "split.csv").write_text("file,fold\ncase_9.nii.gz,0\n")
    with pytest.raises(DataError, match=r"split\.csv: line 2: 'case_9\.nii\.gz' has no volume"):
        sk.recipes.segment(folder)
    other = volume_folder(tmp_path / "b")
    nibabel.save(nibabel.Nifti1Image(np.full((18, 20, 16), 7, np.uint8), np.eye(4)), other / "labels" / "case_0.nii.gz")
    with pytest.raises(DataError, match=r"case_0\.nii\.gz: .*id 7"):
        sk.recipes.segment(other, changes={"data.classes": list(CLASSES)})
    volume_folder(other)
    with pytest.raises(ConfigError, match="rank|axes"):
        sk.recipes.segment(other, model="swin_nano", changes={"data.classes": list(CLASSES)})
