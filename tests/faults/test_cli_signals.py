"""Ctrl-C and SIGTERM stop a run after its step, save it and say how to go on; nothing is lost."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time

import pytest
from tiny_runs import mask_folder, settings

from swinkit.cli.main import main

STEPS = 400


def losses(run):
    with (run / "metrics.csv").open() as file:
        return [(row["step"], row["loss"], row.get("val/miou", "")) for row in csv.DictReader(file)]


def wait_for_steps(run, process, steps=3):
    """Until so many steps are in metrics.csv; the run is far from its end then."""
    while process.poll() is None:
        if (run / "metrics.csv").is_file() and len((run / "metrics.csv").read_text().splitlines()) > steps:
            return
        time.sleep(0.02)
    raise AssertionError(f"the run ended by itself: {process.communicate()}")


@pytest.mark.parametrize(
    ("number", "whole_group", "workers"),
    [(signal.SIGINT, False, 0), (signal.SIGTERM, False, 2), (signal.SIGINT, True, 2), (signal.SIGTERM, True, 2)],
    ids=["ctrl-c", "kill", "ctrl-c in a terminal", "timeout or a job scheduler"],
)
def test_a_signal_saves_and_stops(tmp_path, capsys, number, whole_group, workers):
    data, run = mask_folder(tmp_path / "data"), tmp_path / "run"
    changes = settings(training__steps=STEPS, training__evaluate_every=STEPS, training__workers=workers)
    words = ["train", "segment", str(data), "--out", str(run), *changes]
    process = subprocess.Popen(
        [sys.executable, "-m", "swinkit", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for_steps(run, process)
        (os.killpg if whole_group else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert not out
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("swinkit: stopped at step ")
    assert last.endswith(f"swinkit train --resume --out {run}")
    step = int(last.split("step ")[1].split(",")[0])
    assert (run / "checkpoints" / f"step-{step}" / "MANIFEST.json").is_file()
    assert step < STEPS
    assert losses(run)[-1][0] == str(step)


def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path, capsys):
    data = mask_folder(tmp_path / "data")
    changes = settings(training__steps=60, training__evaluate_every=20, training__ema=0.9)
    assert main(["train", "segment", str(data), "--out", str(tmp_path / "whole"), *changes]) == 0
    run = tmp_path / "cut"
    words = [sys.executable, "-m", "swinkit", "train", "segment", str(data), "--out", str(run), *changes]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for_steps(run, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode in (0, 130)  # 0: it was done before the signal came
    assert main(["train", "--resume", "--out", str(run)]) == 0
    assert losses(run) == losses(tmp_path / "whole")
    for name in ("model", "average", "optimiser"):
        one, other = (place / "checkpoints" / "step-60" / f"{name}.safetensors" for place in (run, tmp_path / "whole"))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_two_processes_are_interrupted_together(tmp_path):
    data, run = mask_folder(tmp_path / "data"), tmp_path / "run"
    changes = settings(training__steps=STEPS, training__evaluate_every=STEPS, training__processes=2)
    words = [sys.executable, "-m", "swinkit", "train", "segment", str(data), "--out", str(run), *changes]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        wait_for_steps(run, process)
        os.killpg(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert err.splitlines()[-1].startswith("swinkit: stopped at step ")
