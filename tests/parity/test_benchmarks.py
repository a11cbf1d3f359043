"""The scripts that compare swinkit with its peers run, at tiny sizes; no time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def run(script, *words):
    environment = {**os.environ, "KINETO_LOG_LEVEL": "9"}
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, *map(str, words)], capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("peer", ["timm", "torchvision", "transformers"])
def test_projects_are_compared_on_the_same_weights(peer, tmp_path):
    out = tmp_path / "compare.json"
    more = ("training", "openvino") if peer == "timm" else ()
    run("compare.py", "--tiny", "--models", "swin_t", "--peers", peer, "--precision", "fp32", "--out", out,
        "--kinds", "eager", *more)  # fmt: skip
    (result,) = json.loads(out.read_text())
    rows = {(row["kind"], row["project"], row["setting"]): row for row in result["rows"]}
    assert ("eager", "swinkit", "prepared") in rows and ("eager", peer, "eager") in rows
    assert all(row["per_second"] > 0 for row in rows.values()) and result["ceilings"]["matmul"] > 0
    best = next(
        row for (kind, project, _), row in rows.items() if (kind, project) == ("eager", "swinkit") and row["best"]
    )
    assert best["against"][peer]["low"] <= best["against"][peer]["median"] <= best["against"][peer]["high"]
    assert rows["eager", peer, "eager"]["peak_mib"] > 1
    assert out.with_suffix(".png").is_file()


def test_cost_over_size_is_measured():
    slopes = json.loads(run("linear_cost.py", "--tiny", "--calls", "1"))
    assert set(slopes["pictures"]) == {"swinkit", "timm", "torchvision"} and set(slopes["volumes"]) == {
        "swinkit",
        "monai",
    }
    assert slopes["pictures"]["swinkit"]["bytes"] > 0
