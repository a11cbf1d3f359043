"""`swinkit bench` times every way, and says what it cannot do."""

from __future__ import annotations

import json

import pytest

from swinkit.cli.main import main

QUICK = ["--size", "32", "32", "--blocks", "2", "--block-seconds", "0"]


def test_ways_are_timed_and_written_where_told(tmp_path, capsys):
    out = tmp_path / "found" / "speed.json"
    code = main(["bench", "swin_nano", *QUICK, "--kinds", "eager", "training", "--batch", "1", "2", "--out", str(out)])
    assert code == 0
    results = json.loads(out.read_text())
    assert [(r["batch"], [(row["kind"], row["setting"]) for row in r["rows"]]) for r in results] == [
        (batch, [("eager", "eager"), ("eager", "prepared"), ("training", "eager")]) for batch in (1, 2)
    ]
    for row in (row for r in results for row in r["rows"]):
        assert 0 < row["seconds"]["low"] <= row["seconds"]["median"] <= row["seconds"]["high"]
        assert row["per_second"] == pytest.approx(row["batch"] / row["seconds"]["median"], rel=1e-2)
        assert row["gflops"] > 0 and row["of_matmul"] > 0
    assert out.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    assert "swin_nano, 32x32, fp32, batch 2" in capsys.readouterr().out


def test_bfloat16_as_one_document(capsys):
    assert main(["bench", "swin_nano_1d", "--size", "64", *QUICK[3:], "--precision", "bf16", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["precision"] == "bf16" and result["ceilings"]["matmul"] > 0 and result["ceilings"]["copy"] > 0


@pytest.mark.parametrize(
    "words, said",
    [
        (["swin_nani"], "swin_nano"),
        (["swin_nano", "--kinds", "eagre"], "eager"),
        (["swin_nano", "--precision", "fp8"], "fp8"),
        (["swin_nano", "--size", "32"], "2 numbers were wanted"),
        (["swin_nano", "--batch", "0"], "give 1 or more"),
        (["swin_nano", "--size", "0", "32"], "give 1 or more"),
        (["missing.pth"], "no such file"),
        (["swin_nano", "--out", "speed.txt"], "should end in .json"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(words, said, capsys):
    assert main(["bench", *words]) == 2
    complaint = capsys.readouterr().err.strip()
    assert said in complaint and "\n" not in complaint
