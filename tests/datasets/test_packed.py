"""A packed data set is the data set that was packed: for the reader, for a check, in training and in predicting."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import TINY, digest, mask_folder, settings
from toy_training import Stripes

import swinkit as sk
from swinkit.cli.main import main
from swinkit.datasets import LAYOUTS, MaskFolder, Packed, pack, recognise
from swinkit.engine import Loader
from swinkit.files import ConfigError, DataError
from swinkit.files.packed import INDEX
from swinkit.modalities import Image as Pictures
from swinkit.recipes.checking import check
from swinkit.recipes.evaluation import evaluate
from swinkit.recipes.layouts import other_layout
from swinkit.recipes.parts import make_model
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor


@pytest.fixture
def loose(tmp_path):
    return MaskFolder(path=str(mask_folder(tmp_path / "data"))).resolved()


@pytest.fixture
def packed(loose, tmp_path):
    before = digest(tmp_path / "data")
    layout = pack(loose, tmp_path / "packed", archive_bytes=20_000)
    assert digest(tmp_path / "data") == before
    return layout


class Made:
    """A layout of what is made on the spot."""

    path = "stripes"

    def splits(self):
        return ("train",)

    def open(self, split, *, strict=True):
        return Stripes(2)


def quiet(_: str) -> None:
    pass


def test_a_packed_folder_is_recognised(packed):
    assert recognise(packed.path, "segment") == "packed" and LAYOUTS["packed"] is Packed


def test_every_split_reads_the_same(loose, packed):
    assert packed.splits() == loose.splits()
    for split in loose.splits():
        one, other = loose.open(split), packed.open(split)
        assert (len(other), other.classes, other.ids, other.notes) == (len(one), one.classes, one.ids, one.notes)
        for index in range(len(one)):
            a, b = (Pictures().read(data[index]) for data in (one, other))
            assert a.id == b.id and a.size == b.size
            assert a.grid.equal(b.grid) and a.target.equal(b.target)
    assert packed.open("validation")[-1].id == loose.open("val")[len(loose.open("val")) - 1].id
    with pytest.raises(IndexError):
        packed.open("val")[99]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_loose_files(loose, packed, workers):
    readers = [Loader(dataset=each.open("train"), modality=Pictures(), batch=3, workers=0) for each in (loose, packed)]
    readers[1] = Loader(dataset=packed.open("train"), modality=Pictures(), batch=3, workers=workers)
    steps = [reader.steps(0) for reader in readers]
    for _ in range(4):
        (a,), (b,) = (next(each) for each in steps)
        assert a.ids == b.ids and a.grid.equal(b.grid) and a.target.equal(b.target)


def test_a_split_survives_the_way_to_a_worker(packed):
    split = copy.deepcopy(packed.open("train"))
    assert split[3] == packed.open("train")[3]


def test_a_resolved_pack_survives_json_and_needs_no_more_looking(packed):
    resolved = packed.resolved()
    assert resolved.resolved() is resolved
    plain = json.loads(json.dumps({name: getattr(resolved, name) for name in resolved.__slots__}))
    again = Packed(**{name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()})
    assert again == resolved


def test_classes_and_ignored_ids_are_those_of_the_packing_or_what_is_said(tmp_path):
    root = mask_folder(tmp_path / "data")
    layout = pack(MaskFolder(path=str(root), ignore=(0,)), tmp_path / "some")
    assert layout.resolved().classes == ("box", "bar") and layout.resolved().ids == (1, 2)
    whole = pack(MaskFolder(path=str(root)), tmp_path / "all")
    fewer, named = Packed(path=whole.path, ignore=(1,)), Packed(path=whole.path, classes=("a", "b", "c"))
    assert fewer.resolved().classes == ("ground", "bar") and named.open().classes == ("a", "b", "c")
    wanted = MaskFolder(path=str(root), ignore=(1,)).open("test")[0].target.read()
    np.testing.assert_array_equal(fewer.open("test")[0].target.read(), wanted)
    turned = Packed(path=whole.path, ids=(2, 0, 1)).resolved()
    assert turned.classes == ("bar", "ground", "box")
    with pytest.raises(ConfigError, match="2 classes but 1 ids"):
        Packed(path=whole.path, classes=("a", "b"), ids=(1,))
    with pytest.raises(ConfigError, match="2 classes but the data has the ids"):
        Packed(path=whole.path, classes=("a", "b")).open()


def test_colour_masks_keep_their_table(tmp_path):
    root = mask_folder(tmp_path / "data")
    table = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    for path in root.glob("*/labels/*.png"):
        Image.fromarray(table[np.asarray(Image.open(path))]).save(path)
    (root / "colours.txt").write_text("0 0 0 ground\n255 0 0 box\n0 0 255 bar\n")
    loose = MaskFolder(path=str(root), colours="colours.txt")
    packed = pack(loose, tmp_path / "packed")
    shutil.rmtree(root / "train")
    split = packed.open("test")
    assert split.classes == ("ground", "box", "bar")
    np.testing.assert_array_equal(split[1].target.read(), loose.open("test")[1].target.read())


def test_a_held_out_part_stays_held_out(tmp_path):
    root = mask_folder(tmp_path / "data")
    shutil.rmtree(root / "val")
    loose = MaskFolder(path=str(root))
    packed = pack(loose, tmp_path / "packed")
    for split in ("train", "val"):
        one, other = loose.open(split), packed.open(split)
        assert [one[i].id for i in range(len(one))] == [other[i].id for i in range(len(other))]
        assert one.notes == other.notes and "kept for validation" in other.notes[0]


def test_what_cannot_be_packed_is_said(loose, packed, tmp_path):
    with pytest.raises(ConfigError, match="stripes: has no files"):
        pack(Made(), tmp_path / "made")
    with pytest.raises(ConfigError, match="is packed already"):
        pack(packed, tmp_path / "again")
    with pytest.raises(ConfigError, match="lies in the data folder, which is never written to"):
        pack(loose, tmp_path / "data" / "packed")
    with pytest.raises(ConfigError, match="packed: is there already"):
        pack(loose, packed.path)
    assert not (tmp_path / "made").exists() and not (tmp_path / "again").exists()


def test_wrong_splits_and_a_wrong_index_are_named(packed, loose, tmp_path):
    shutil.rmtree(tmp_path / "data" / "test")
    few = pack(loose, tmp_path / "few")
    with pytest.raises(DataError, match="few: has no test split, only train, val"):
        few.open("test")
    with pytest.raises(ConfigError, match="no split 'exam': there are train, val, test"):
        packed.open("exam")
    (tmp_path / "few" / INDEX).write_bytes(b"junk")
    with pytest.raises(DataError, match=rf"{INDEX}: is damaged, or no index"):
        few.splits()


def test_a_check_finds_the_same_and_names_the_damaged_member(loose, tmp_path):
    (tmp_path / "data/train/images/train3.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"broken" * 9)
    Image.open(tmp_path / "data/val/images/val0.png").save(tmp_path / "data/test/images/test0.png")
    packed = pack(loose, tmp_path / "packed")
    audits = [check("segment", each.path, say=quiet) for each in (loose, packed)]
    texts = [[(p.level, p.split, p.field) for p in audit.problems] for audit in audits]
    assert texts[0] == texts[1] and not audits[1].ok
    assert audits[0].splits == audits[1].splits
    broken = next(p for p in audits[1].problems if p.level == "error")
    assert broken.file.endswith("train-00000.tar/train3.image.png") and "damaged" in broken.message


def test_a_model_answers_on_packed_data_as_on_the_files(loose, packed, tmp_path):
    recipe = sk.recipes.segment(loose.path, changes=TINY)
    predictor = Predictor(recipe, make_model(recipe).eval(), torch.device("cpu"))
    own, other = (
        evaluate(predictor, "test"),
        evaluate(predictor, "test", layout=other_layout(recipe.data, packed.path, "segment")),
    )
    assert own.figures == other.figures and own.scores == other.scores
    done = predict_files(predictor, [packed.path], tmp_path / "out")
    assert len(done.predictions) == 16 and not done.problems
    mask = next(each["mask"] for each in done.predictions if each["id"] == "test0.image")
    wanted = predictor(loose.open("test")[0].source).labels
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / mask)), wanted)
    assert (sk.predict(predictor, f"{packed.path}/test-00000.tar/test0.image.png").labels == wanted).all()


def test_the_commands_pack_and_train(tmp_path, capsys):
    root, out = mask_folder(tmp_path / "data"), tmp_path / "packed"
    assert main(["pack", str(root), "--out", str(out), "--set", "data.ignore=[0]"]) == 0
    assert capsys.readouterr().out == f"{out}: train 8, val 4, test 4\n"
    assert main(["pack", str(root), "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["pack", str(root), "--out", str(tmp_path / "b"), "--archive-mib", "0"]) == 2
    capsys.readouterr()
    assert main(["pack", str(root), "--out", str(tmp_path / "c"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"] == {"train": 8, "val": 4, "test": 4}
    assert main(["check", "segment", str(out)]) == 0
    capsys.readouterr()
    before = digest(out)
    assert main(["train", "segment", str(out), "--dry-run", *settings()]) == 0
    told = capsys.readouterr()
    assert "dry run: one batch" in told.out and "is read as packed" in told.err and "modality: image" in told.err
    assert digest(out) == before
