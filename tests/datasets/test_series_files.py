"""Series of one class each: class folders and tables of CSV files, and made gaits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swinkit.datasets import Gaits, SeriesFiles, recognise
from swinkit.datasets.gait_figures import GAITS, POINTS, Person, figure
from swinkit.files import ConfigError, DataError

HEAD = "frame,track,point,x,y,score\n"
CLIP = HEAD + "".join(f"{t},1,nose,{t},{2 * t},0.9\n" for t in range(4))
TWO = CLIP + "".join(f"{t},2,nose,{t},{t},0.9\n" for t in range(4))


@pytest.fixture
def folders(tmp_path) -> Path:
    for split, count in (("train", 4), ("test", 2)):
        for label in ("run", "walk"):
            (tmp_path / split / label).mkdir(parents=True)
            for number in range(count):
                (tmp_path / split / label / f"{number}.csv").write_text(TWO if number == 1 else CLIP)
    return tmp_path


def ids(split) -> list[tuple[str, int]]:
    return [(split[index].id, split[index].target) for index in range(len(split))]


def test_a_folder_a_class_and_a_sample_a_track(folders):
    assert recognise(folders, "classify") == "series_files"
    layout = SeriesFiles(path=str(folders)).resolved()
    assert (layout.classes, layout.names, layout.form) == (("run", "walk"), ("nose",), "points")
    assert layout.splits() == ("train", "val", "test")
    test = layout.open("test")
    assert ids(test) == [(f"{name}/{track}", index) for index, name in enumerate(("run", "walk"))
                         for track in ("0.csv", "1.csv#1", "1.csv#2")]  # fmt: skip
    assert len(layout.open("train")) + len(layout.open("val")) == 10
    assert "no val split" in layout.open("train").notes[0]


def test_where_predict_wrote_its_tables_only_tracks_are_series(folders):
    (folders / "test" / "run" / "keypoints.csv").write_text("file,thing,point,x,y,score\n")
    (folders / "test" / "run" / "film-tracks.csv").write_text(CLIP)
    assert [name for name, label in ids(SeriesFiles(path=str(folders)).open("test")) if not label] == [
        "run/film-tracks.csv"
    ]


def test_a_table_of_files(folders):
    table = folders / "listed.csv"
    rows = [f"{split}/{label}/{n}.csv,{label},{split}" for split in ("train", "test") for label in ("run", "walk")
            for n in (0, 1)]  # fmt: skip
    table.write_text("\n".join(["path,class,split", *rows]))
    assert recognise(table, "classify") == "series_files"
    layout = SeriesFiles(path=str(table)).resolved()
    assert layout.classes == ("run", "walk") and len(layout.open("test")) == 6
    table.write_text("file,label\na.png,cat\n")
    assert recognise(table, "classify") == "class_table"


def wrong(folders: Path, kind: str) -> str:
    """Break the data; what is to be said of it."""
    file = folders / "train" / "run" / "2.csv"
    if kind == "empty":
        file.write_text("")
        return r"train/run/2.csv: is empty"
    if kind == "ragged":
        file.write_text(CLIP + "4,1,nose\n")
        return r"train/run/2.csv: line 6: has 3 cells, the header has 6"
    if kind == "no file":
        file = folders / "listed.csv"
        file.write_text("path,class\ntrain/run/9.csv,run\ntrain/run/0.csv,run\ntrain/walk/1.csv,walk\n")
        return r"listed.csv: path: line 2: there is no file train/run/9.csv"
    if kind == "class":
        (folders / "test" / "swim").mkdir()
        (folders / "test" / "swim" / "0.csv").write_text(CLIP)
        return r"test/swim/0.csv: class: swim/0.csv: 'swim' is none of the 2 classes"
    (folders / "train" / "swim").mkdir()
    return r"train/swim: class: holds no .csv file: every folder here is a class"


@pytest.mark.parametrize("kind", ["empty", "ragged", "no file", "class", "no series"])
def test_what_is_wrong_is_named_and_can_be_left_out(folders, kind):
    said = wrong(folders, kind)
    path = folders / "listed.csv" if kind == "no file" else folders
    split = "test" if kind == "class" else "train"
    with pytest.raises(DataError, match=said):
        SeriesFiles(path=str(path)).open(split)
    opened = SeriesFiles(path=str(path), holdout=0.5).open(split, strict=False)
    assert len(opened) and len(opened.problems) == 1


def test_what_is_no_series_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no such folders"):
        SeriesFiles(path=str(tmp_path)).resolved()
    for values in ({"holdout": 0.0}, {"form": "lines"}):
        with pytest.raises(ConfigError):
            SeriesFiles(path=str(tmp_path), **values)


def test_made_gaits_are_the_same_every_time_and_splits_share_nobody():
    assert recognise("gaits", "classify") == "gaits"
    data = Gaits(people=(2, 1, 1), clips=1)
    splits = {name: data.open(name) for name in data.splits()}
    assert {name: len(split) for name, split in splits.items()} == {"train": 12, "val": 6, "test": 6}
    assert [splits["val"][index].target for index in range(6)] == list(range(6))
    first = splits["train"][3].source
    assert first.shape[0] == 3 * len(POINTS) and first.dtype == np.float32 and np.isfinite(first).all()
    assert np.array_equal(first, Gaits(people=(9, 1, 1), clips=1).open("train")[3].source)
    assert not np.array_equal(first[:, :30], Gaits(people=(2, 1, 1), clips=1, seed=1).open("train")[3].source[:, :30])
    assert not np.array_equal(first[:, :30], splits["test"][3].source[:, :30])
    with pytest.raises(ConfigError):
        Gaits(people=(0, 1, 1))


@pytest.mark.parametrize("name", GAITS)
def test_figures_keep_their_bones_and_stand_on_the_ground(name):
    """Every bone has one length all the time, and no foot is below the ground."""
    rng = np.random.default_rng(1)
    person = Person.drawn(rng)
    body = figure(GAITS[name], person, 60, rng)
    at = {point: body[index] for index, point in enumerate(POINTS)}
    for side in ("left", "right"):
        for one, other, bone in (("hip", "knee", "thigh"), ("knee", "ankle", "shank")):
            length = np.linalg.norm(at[f"{side}_{one}"] - at[f"{side}_{other}"], axis=0)
            np.testing.assert_allclose(length, person.lengths[bone], rtol=1e-6)
    feet = np.minimum(at["left_ankle"][2], at["right_ankle"][2])
    assert feet.min() > -1e-6 and feet.min() < 0.02
    assert (at["nose"][2] > at["left_hip"][2]).all() and np.ptp(at["left_ankle"][0]) > 0.05
