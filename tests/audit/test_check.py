"""`check` finds everything that is wrong, names file and field, and changes nothing."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from swinkit.audit import Audit, check
from swinkit.datasets import DigitScenes, MaskFolder
from swinkit.modalities import Image


@pytest.fixture
def root(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (("train", 14), ("val", 4)):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        for index in range(count):
            Pillow.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / split / f"images/{index}.png")
            Pillow.fromarray(rng.integers(0, 3, (20, 30)).astype(np.uint8)).save(
                tmp_path / split / f"labels/{index}.png"
            )
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    return tmp_path


def audit(root: Path, **options) -> Audit:
    layout = MaskFolder(path=str(root), **options).resolved(strict=False)
    return check({split: layout.open(split, strict=False) for split in layout.splits()}, Image())


def fingerprint(root: Path) -> dict[str, tuple[str, int]]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


def found(result: Audit, name: str) -> list[str]:
    return [str(problem) for problem in result.problems if name in problem.file]


def test_good_data_has_no_problems_and_exact_counts(root):
    seen: list[tuple[int, int]] = []
    layout = MaskFolder(path=str(root))
    splits = {split: layout.open(split) for split in layout.splits()}
    result = check(splits, Image(), progress=lambda done, total: seen.append((done, total)))
    assert result.ok and not result.problems and seen == [(done, 18) for done in range(1, 19)]
    masks = np.stack([np.asarray(Pillow.open(path)) for path in (root / "train/labels").iterdir()])
    assert result.splits["train"].counts == tuple(np.bincount(masks.ravel()).tolist())
    assert result.splits["train"].present == (14, 14, 14) and result.splits["val"].sizes == {(20, 30): 4}
    assert result.lines()[0] == "train: 14 samples, 20x30, 3 classes" and result.lines()[-1] == "0 errors, 0 warnings"


def damage(root: Path) -> dict[str, str]:
    """Break one thing a file; name in the data -> what must be said of it."""
    images, labels = root / "train/images", root / "train/labels"
    whole = (images / "0.png").read_bytes()
    (images / "0.png").write_bytes(whole[: len(whole) // 2])
    Pillow.fromarray(np.zeros((9, 9), np.uint8)).save(labels / "1.png")
    (labels / "2.png").unlink()
    Pillow.fromarray(np.full((20, 30), 7, np.uint8)).save(labels / "3.png")
    Pillow.fromarray(np.full((20, 30), 255, np.uint8)).save(labels / "4.png")
    Pillow.fromarray(np.zeros((20, 30, 3), np.uint8)).save(labels / "5.png")
    (images / "6.png").write_bytes(b"")
    (images / "7.png").unlink()
    (images / "7.png").mkdir()
    (images / "8.png").unlink()
    (images / "8.png").symlink_to(images / "gone.png")
    (images / "9.png").write_bytes((root / "val/images/0.png").read_bytes())
    frames = [Pillow.fromarray(np.full((20, 30, 3), value, np.uint8)) for value in (5, 90)]
    frames[0].save(images / "10.png", save_all=True, append_images=frames[1:])
    Pillow.fromarray(np.full((20, 30), 4000, np.uint16)).save(images / "11.png")
    return {
        "train/images/0.png": "error: .* is truncated",
        "labels/1.png": "error: .* mask: is 9x9 px, but its picture 1.png is 20x30",
        "images/2.png": r"error: .* mask: no labels/2.png for this picture \(1 of 13 have no mask\)",
        "labels/3.png": r"error: .* mask: class id 7 \(600 px\) without a class",
        "labels/4.png": "error: .* mask: every pixel is ignored",
        "labels/5.png": "error: .* mask: has mode RGB",
        "images/6.png": "error: .* is empty",
        "images/7.png": "error: .* is a folder, not a picture",
        "images/8.png": "error: .* is a link to nothing",
        "val/images/0.png": "warning: .* is the same as .*train/images/9.png in train",
        "images/10.png": "warning: .* has several frames",
        "images/11.png": "warning: .* nearly black",
    }


def test_every_problem_is_found_with_its_file_and_nothing_is_touched(root):
    expected = damage(root)
    before = fingerprint(root)
    result = audit(root)
    assert fingerprint(root) == before and not result.ok
    for name, text in expected.items():
        said = found(result, name)
        assert len(said) == 1 and re.match(text, said[0]), (name, said)
        assert "\n" not in said[0]
    assert sum(problem.level == "error" for problem in result.problems) == 9
    assert result.notes == ()
    assert result.splits["train"].samples == 6  # 4, 9, 10, 11, 12, 13


def test_the_json_is_plain_and_complete(root):
    damage(root)
    result = audit(root)
    content = json.loads(json.dumps(result.to_json()))
    assert content["ok"] is False and len(content["problems"]) == len(result.problems)
    assert set(content["problems"][0]) == {"level", "split", "file", "field", "message"}
    assert content["splits"]["val"]["classes"]["sky"]["samples"] == 4
    assert sum(row["share"] for row in content["splits"]["train"]["classes"].values()) == pytest.approx(1)


def test_long_lists_are_cut_for_people_only(root):
    for path in (root / "train/labels").iterdir():
        path.unlink()
    result = audit(root)
    assert sum("no mask" in line or "no labels" in line for line in result.lines(most=3)) == 3
    assert "... and 11 more errors" in result.lines(most=3)


def test_classes_that_train_never_shows_are_named(root):
    (root / "classes.txt").write_text("sky\nroad\ncar\nbus\ntree\n")
    Pillow.fromarray(np.full((20, 30), 4, np.uint8)).save(root / "val/labels/0.png")
    said = [str(problem) for problem in audit(root).problems]
    assert said == [
        "warning: classes: bus: no pixel of train has it: it cannot be learned",
        "warning: classes: tree: no pixel of train has it, though val has some: it cannot be learned",
    ]


def test_a_split_cut_from_train_tells_each_problem_once(root):
    shutil.rmtree(root / "val")
    (root / "train/labels/2.png").unlink()
    result = audit(root)
    assert len(result.problems) == 1 and len(result.notes) == 1


def test_made_data_can_be_checked_too():
    layout = DigitScenes(counts=(30, 10, 10))
    result = check({split: layout.open(split) for split in layout.splits()}, Image())
    assert result.ok and result.splits["train"].sizes == {(64, 64): 30}
