"""The tutorial's chapters run, and learn what they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(chapter: int, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / f"tutorial_chapter{chapter}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("chapter", [3, 4, 5])
def test_every_chapter_says_what_was_corrected(chapter):
    assert "What was corrected, and why:\n- " in (EXAMPLES / f"tutorial_chapter{chapter}.py").read_text()


def test_chapter_3_shows_blocks_weights_and_output():
    text = run(3)
    assert "N = 512 tokens in blocks of K = 8: 64 blocks, each opened by a marker: 1 x 64 x 9 x 32" in text
    assert "weights inside blocks   64 x 4 x 9 x 9" in text
    assert "weights across blocks   64 x 4 x 9 x 64" in text
    assert "output                  64 x 9 x 32" in text
    assert "reaches 64 of 64 blocks in one step" in text


def test_chapter_4_counts_what_the_formulas_say():
    text = run(4)
    assert "64 x 64 = 4096 tokens" in text
    assert re.search(r"every token to every token +3,372,220,416 +3,372,220,416\n", text)
    assert re.search(r"windows of 8 +201,326,592 +201,326,592\n", text)
    assert re.search(r"windows of 7, padded +197,094,144 +197,094,144\n", text)


def test_chapter_5_learns_measures_and_saves(tmp_path):
    settings = ["--epochs", "4", "--scenes", "96", "--batch", "8", "--rate", "2e-3", "--out", str(tmp_path)]
    text = run(5, *settings)
    losses = [float(value) for value in re.findall(r"epoch \d/4  loss ([\d.]+)  validation mean IoU [\d.]+", text)]
    assert len(losses) == 4 and losses[-1] < 0.6 * losses[0]
    score = re.search(r"test  mean IoU ([\d.]+)  pixel accuracy ([\d.]+)", text)
    assert score and 0 < float(score[1]) < 1 and float(score[2]) > 0.5
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["SwinTransformerForSegmentation"]
    assert (tmp_path / "model.safetensors").is_file() and (tmp_path / "preprocessor_config.json").is_file()


def test_chapter_5_refuses_an_unknown_model_in_one_sentence():
    command = [sys.executable, str(EXAMPLES / "tutorial_chapter5.py"), "--model", "swin_nan", "--scenes", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == "no model 'swin_nan': did you mean 'swin_nano'?"
