"""What is wrong with a user's files is one sentence that names the file, exit code 2, and no change to the files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tiny_runs import CLASSES, digest, mask_folder, scene, settings, trained

from swinkit.cli.main import main

PICTURE = "train/images/train2.png"
MASK = "train/labels/train2.png"


@pytest.fixture
def data(tmp_path):
    return mask_folder(tmp_path / "data")


def missing_mask(data):
    (data / MASK).unlink()
    return "train2"


def mask_of_another_size(data):
    Image.fromarray(scene(0, (30, 40))[1]).save(data / MASK)
    return f"{MASK}: mask: is 30x40 px"


def class_out_of_range(data):
    mask = scene(0)[1]
    mask[:2, :3] = 7
    Image.fromarray(mask).save(data / MASK)
    return f"{MASK}: mask: class id 7 (6 px) without a class"


def ignored_mask(data):
    Image.fromarray(np.full((32, 40), 255, np.uint8)).save(data / MASK)
    return f"{MASK}: mask: every pixel is ignored"


def truncated_picture(data):
    file = data / "train/images/train2.jpg"
    Image.fromarray(scene(0)[0]).save(file)
    (data / PICTURE).unlink()
    file.write_bytes(file.read_bytes()[:-300])
    return "train/images/train2.jpg: is truncated"


def text_for_a_picture(data):
    (data / PICTURE).write_text("<html>not found</html>")
    return f"{PICTURE}: is no JPEG, PNG"


def empty_picture(data):
    (data / PICTURE).write_bytes(b"")
    return f"{PICTURE}: is empty"


def jpeg_mask(data):
    (data / MASK).unlink()
    Image.fromarray(scene(0)[1]).save(data / "train/labels/train2.jpg")
    return "train2.jpg"


def colour_mask(data):
    Image.fromarray(scene(0)[0]).save(data / MASK)
    return f"{MASK}: mask: has mode RGB"


def sound_among_pictures(data):
    (data / "train/images/noise.wav").write_bytes(b"RIFF")
    return "data: holds files of several kinds (image: 32 .png; audio: 1 .wav)"


BROKEN = [
    missing_mask,
    mask_of_another_size,
    class_out_of_range,
    ignored_mask,
    truncated_picture,
    text_for_a_picture,
    empty_picture,
    jpeg_mask,
    colour_mask,
    sound_among_pictures,
]


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda f: f.__name__)
def test_check_and_train_name_the_file(data, tmp_path, capsys, breaks):
    says = breaks(data)
    before = digest(data)
    assert main(["check", "segment", str(data)]) == 2
    told = capsys.readouterr()
    assert says in told.out + told.err
    assert main(["train", "segment", str(data), "--out", str(tmp_path / "run"), *settings()]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("swinkit: ")
    assert says in last
    assert digest(data) == before
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*"))


def test_a_run_that_bad_data_stopped_starts_anew_once_it_is_mended(data, tmp_path, capsys):
    good = (data / PICTURE).read_bytes()
    (data / PICTURE).write_bytes(good[: len(good) // 2])
    words = ["train", "segment", str(data), "--out", str(tmp_path / "run"), *settings()]
    assert main(words) == 2
    (data / PICTURE).write_bytes(good)
    assert main(words) == 0


def test_loader_workers_pass_the_sentence_on(data, tmp_path, capsys):
    says = truncated_picture(data)
    words = ["train", "segment", str(data), "--out", str(tmp_path / "run"), *settings(training__workers=2)]
    assert main(words) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("path", ["none", "data/classes.txt", "data/train/images"])
def test_a_wrong_folder_is_named(data, tmp_path, capsys, path):
    for words in (["check", "segment"], ["train", "segment"]):
        assert main([*words, str(tmp_path / path)]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith(f"swinkit: {tmp_path / path}: ")
        assert ("does not exist; the words for made data are digit_scenes" if path == "none" else "looked for") in last


def test_what_is_odd_but_whole_is_used(data, tmp_path, capsys):
    """16-bit, grey, palette, CMYK, transparent and EXIF-rotated pictures; masks of 16 bits and with a palette."""
    images, labels = data / "train/images", data / "train/labels"
    picture, mask = scene(1)
    Image.fromarray(picture[..., 0].astype(np.uint16) * 257).save(images / "train0.png")
    Image.fromarray(picture).convert("P").save(images / "train1.png")
    Image.fromarray(picture).convert("RGBA").save(images / "train2.png")
    (images / "train3.png").unlink()
    Image.fromarray(picture).convert("CMYK").save(images / "train3.jpg")
    (images / "train4.png").unlink()
    turned = Image.fromarray(np.rot90(picture).copy())
    exif = turned.getexif()
    exif[0x0112] = 6  # shown turned clockwise
    turned.save(images / "train4.jpg", exif=exif)
    for index in range(5):
        Image.fromarray(mask).save(labels / f"train{index}.png")
    Image.fromarray(mask.astype(np.uint16)).save(labels / "train0.png")
    with_palette = Image.fromarray(mask)
    with_palette.putpalette([10, 20, 30] * 256)
    with_palette.save(labels / "train1.png")
    before = digest(data)
    assert main(["check", "segment", str(data)]) == 0
    assert main(["train", "segment", str(data), "--out", str(tmp_path / "run"), *settings()]) == 0
    words = ["predict", str(tmp_path / "run"), str(images), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert digest(data) == before
    with Image.open(tmp_path / "out" / "train4.png") as predicted:
        assert predicted.size == (40, 32)


@pytest.mark.parametrize(
    ("breaks", "says"),
    [(truncated_picture, "is truncated"), (text_for_a_picture, "is no JPEG"), (empty_picture, "is empty")],
    ids=["truncated", "text", "empty"],
)
def test_predict_names_the_file_and_does_the_others(data, tmp_path, capsys, breaks, says):
    breaks(data)
    before = digest(data)
    assert main(["predict", str(trained()), str(data / "train/images"), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    (sentence,) = told.err.splitlines()
    assert says in sentence
    assert told.out.startswith("7 predictions in ")
    assert digest(data) == before


def test_evaluate_names_the_file(data, capsys):
    (data / "test/images/test1.png").write_bytes(b"")
    assert main(["evaluate", str(trained()), str(data)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("test/images/test1.png: is empty")


def test_ids_that_are_no_class_can_be_ignored(data, tmp_path):
    class_out_of_range(data)
    words = ["--set", "data.ignore=[7]"]
    assert main(["check", "segment", str(data), *words]) == 0
    assert main(["train", "segment", str(data), *words, "--out", str(tmp_path / "run"), *settings()]) == 0


def test_the_classes_of_the_tests_are_what_they_seem():
    assert len(CLASSES) == 3
