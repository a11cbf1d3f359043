"""The verbs in Python."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from tiny_runs import TINY, digest, mask_folder, trained

import swinkit as sk
from swinkit.files import CheckpointError, ConfigError, DataError


def test_importing_swinkit_imports_nothing_heavy():
    code = "import sys, swinkit; print([name for name in ('torch', 'numpy', 'tyro', 'PIL') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_all_verbs_are_there():
    for name in sk.__all__:
        assert getattr(sk, name) is not None
        assert name in dir(sk)
    assert sk.__version__
    with pytest.raises(AttributeError, match="there are build"):
        _ = sk.trian


def test_functions_are_not_hidden_by_modules_of_their_name():
    import swinkit.recipes

    for name in swinkit.recipes.__all__:
        assert not hasattr(getattr(swinkit.recipes, name), "__path__"), name
        assert type(getattr(swinkit.recipes, name)).__name__ != "module", name


def test_build_makes_a_fresh_model():
    model = sk.build("swin_nano", classes=5, depths=(1, 1, 1), channels=1)
    assert model(torch.zeros(1, 1, 64, 64)).shape == (1, 5)
    with pytest.raises(ConfigError, match="did you mean"):
        sk.build("swin_nanno")


def test_load_reads_a_run():
    model = sk.load(trained())
    assert not model.training
    assert model(torch.zeros(1, 3, 32, 32))["logits"].shape[1] == 3
    with pytest.raises(ConfigError, match="whose recipe says"):
        sk.load(trained(), window=7)


def test_train_evaluate_and_predict_with_what_train_returns(tmp_path):
    data = mask_folder(tmp_path / "data")
    run = sk.train(sk.recipes.segment(data, changes=TINY), tmp_path / "run", quiet=True, report=False)
    figures = run.evaluate("test")
    assert figures["miou"] == sk.evaluate(run.dir)["miou"]
    assert "miou" in str(figures)
    assert run.report.is_file()
    result = sk.predict(run, data / "test" / "images" / "test0.png")
    assert result.save(tmp_path / "mask.png").is_file()
    assert np.array_equal(result.labels, run.predict(data / "test" / "images" / "test0.png").labels)


def test_predict_answers_in_the_shape_of_the_question():
    images = trained().parent / "data" / "test" / "images"
    array = np.zeros((16, 16, 3), np.uint8)
    assert sk.predict(trained(), array).labels.shape == (16, 16)
    assert len(sk.predict(trained(), [array, images / "test0.png"])) == 2
    assert len(sk.predict(trained(), images)) == 4
    assert [result.source.name for result in sk.predict(trained(), str(images / "*[12].png"))] == [
        "test1.png",
        "test2.png",
    ]
    with pytest.raises(DataError, match="does not exist"):
        sk.predict(trained(), "none.png")


def test_other_data_is_measured_and_kept_out_of_the_report(tmp_path):
    other = mask_folder(tmp_path / "other")
    before = digest(trained()), digest(other)
    evaluation = sk.evaluate(trained(), other, split="val")
    assert evaluation.data == str(other)
    assert evaluation.samples == 4
    assert (digest(trained()), digest(other)) == before


def test_data_of_other_classes_is_refused(tmp_path):
    other = mask_folder(tmp_path / "other")
    (other / "classes.txt").write_text("sky\nsea\nland\n")
    assert sk.evaluate(trained(), other)["miou"] >= 0  # the run knows its classes by their ids
    with pytest.raises(ConfigError, match="has the classes background, 0, 1"):
        sk.evaluate(trained(), "digit_scenes")


def test_a_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has no split 'tset': there are train, val, test"):
        sk.evaluate(trained(), split="tset")


def test_a_damaged_checkpoint_is_never_used(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained(), run)
    for step in ("step-3", "step-6"):
        file = run / "checkpoints" / step / "model.safetensors"
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    with pytest.raises(CheckpointError, match="no checkpoint is usable"):
        sk.evaluate(run)
