"""A training that is killed at any instant goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "fork_server.py"


def killed(model: str, kills: int, seed: int, folder: Path) -> dict:
    """Run the fork server in a process of its own: this one has used its threads, and they do not survive a fork."""
    patient = {
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
    }  # else threads of a busy machine wait for each other
    done = subprocess.run(
        [sys.executable, str(SERVER), model, str(kills), str(seed), str(folder)],
        env=os.environ | patient,
        stdout=subprocess.PIPE,
        check=True,
    )
    result = json.loads(done.stdout)
    print(f"{model}: {result}")  # noqa: T201
    return result


def holds(result: dict, kills: int) -> None:
    assert result["wrong"] == [], "a loss, norm, rate, sample or final weight differs from the run that was left alone"
    assert result["status"] == 0
    assert result["inside"] + result["outside"] == kills
    assert result["lost"] <= 3, "more than the steps since the last checkpoint were done again"
    assert result["left"] == [], "unfinished folders stayed behind"


def test_a_killed_run_repeats_the_loss_curve_of_one_that_was_left_alone(tmp_path):
    holds(killed("toy", 4, 1, tmp_path), 4)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_thirty_kills_of_a_real_swin_change_no_bit(tmp_path):
    result = killed("swin", 30, 2, tmp_path)
    holds(result, 30)
    assert result["inside"] >= 3, "too few of the kills were inside a checkpoint write"
