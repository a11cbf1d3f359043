"""The scripts that measure on a card, tried here at their smallest: every row is there, and what is right is found
right."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from swinkit.ops.attention import fused

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "gpu"
needs_triton = pytest.mark.skipif(not fused.TRITON, reason="triton is not installed")


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """They import each other as neighbours; on a processor they let the fused backend run there, for the test only."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(fused, "DEVICES", fused.DEVICES)
    before, state = set(sys.modules), torch.random.get_rng_state()
    yield
    torch.random.set_rng_state(state)
    for name in set(sys.modules) - before:
        if str(SCRIPTS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def found(path: Path) -> list[dict]:
    told = json.loads(path.read_text())
    assert told["tiny"] and told["device"] and told["versions"]["torch"] == torch.__version__
    return told["rows"]


def tried(out: Path, *more: str) -> list[str]:
    return ["--tiny", "--device", "cpu", "--out", str(out), *more]


@needs_triton
@pytest.mark.slow
def test_the_kernels_are_found_correct(tmp_path):
    import correctness

    assert correctness.main(tried(tmp_path))
    rows = found(tmp_path / "correctness.json")
    assert {row["check"] for row in rows} == {"kernel", "races", "step"}
    assert all(row["errors"].keys() == row["allowed"].keys() for row in rows if row["check"] == "kernel")


@needs_triton
def test_a_wrong_kernel_is_found_wrong(tmp_path, monkeypatch):
    import correctness

    from swinkit.ops.attention import fused_op

    attend = fused_op.attend
    monkeypatch.setattr(fused_op, "attend", lambda *given: attend(*given) * 1.001)
    monkeypatch.setattr(
        correctness, "cases", lambda tiny: [correctness.Case((9, 7), (4, 4), 2, torch.float32, width=8)]
    )
    monkeypatch.setattr(correctness, "races", lambda *_: None)
    monkeypatch.setattr(correctness, "steps", lambda *_, **__: None)
    assert not correctness.main(tried(tmp_path))
    (row,) = found(tmp_path / "correctness.json")
    assert not row["passed"] and row["errors"]["out"] == pytest.approx(1e-3, rel=0.01)


@needs_triton
def test_every_stage_has_a_row_for_each_backend_and_direction(tmp_path):
    import kernels

    kernels.main(tried(tmp_path, "--models", "swin_t"))
    rows = [row for row in found(tmp_path / "kernels.json") if row["bench"] != "copy"]
    places = {(row["model"], row["stage"], row["backend"], row["direction"]) for row in rows}
    assert len(places) == len(rows) == 2 * 4 * 2 * 2  # models, stages, backends, directions
    assert all(row["seconds"] > 0 and row["of_copy"] > 0 for row in rows)


@needs_triton
@pytest.mark.slow
def test_every_model_has_a_row_for_each_way_to_run_it(tmp_path):
    import models

    models.main(tried(tmp_path))
    rows = [row for row in found(tmp_path / "models.json") if "skipped" not in row]
    assert not [row for row in rows if row["bench"] == "error"]
    ours = [f"swinkit{fused} {way}" for fused in ("", " fused") for way in ("eager", "compiled")]
    for phase in ("predicting", "training"):
        assert [row["contender"] for row in rows if row["phase"] == phase][:4] == ours
    assert [row["batch"] for row in rows if row["phase"] == "latency"][:2] == [1, 1]


def test_contenders_take_turns_and_late_rows_are_named(tmp_path, monkeypatch):
    import measuring

    run, _ = measuring.begin("trial", None, tried(tmp_path, "--minutes", "0"))
    assert run.late("the rest") and found(tmp_path / "trial.json")[0]["skipped"] == "the rest"
    turns = []
    monkeypatch.setattr(measuring, "block", lambda call, times, device: turns.append(call()) or 0.01)
    run = SimpleNamespace(tiny=False, device=run.device)
    times = measuring.interleaved({"a": lambda: "a", "b": lambda: "b"}, run, rounds=2, seconds=0.05)
    assert "".join(turns[2:]) == "abbaabba" and {name: len(each) for name, each in times.items()} == {"a": 4, "b": 4}


def test_the_interval_holds_the_median_in_95_of_100_cases():
    import measuring

    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(2000, 12, generator=generator).tolist()
    intervals = [measuring.summary(sample)["interval"] for sample in samples]
    inside = sum(low <= 0 <= high for low, high in intervals) / len(samples)
    assert 0.95 <= inside <= 0.98  # the third of twelve from either end: 0.961
    assert measuring.summary([3.0, 1.0, 2.0]) == {"seconds": 2.0, "interval": [1.0, 3.0], "blocks": 3}
