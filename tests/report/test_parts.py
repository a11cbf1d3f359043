"""What the sections are made of: grouped columns, mistakes, wording."""

from __future__ import annotations

import numpy as np
import pytest

from swinkit.report.confusion import mistakes, shares
from swinkit.report.curves import panels, running_mean
from swinkit.report.words import figure, flatten, label, quantity, sentence, share, shorten

HISTORY = [
    {"step": 1, "loss": 2.0, "loss/dice": 1.0, "rate": 1e-3, "grad_norm": "inf", "seconds": 1},
    {"step": 2, "loss": 1.0, "loss/dice": 0.5, "rate": 1e-3, "grad_norm": 3.0, "seconds": 2},
    {"step": 2, "val/miou": 0.6, "val/iou/loss": 0.1},
    {"step": 4, "val/miou": 0.4, "val/iou/loss": 0.1},
]


def test_columns_are_grouped_by_what_they_say() -> None:
    found = {panel.title: panel for panel in panels(HISTORY, ("miou", "iou/loss"), "miou")}
    assert list(found) == ["Loss", "Figures", "Learning rate", "Gradient norm"]
    assert [line.name for line in found["Loss"].lines] == ["Loss", "Dice"], "a class named loss is no loss"
    (line,) = found["Figures"].lines
    assert (line.name, line.x, line.y, line.best) == ("Mean IoU, validation", (2, 4), (0.6, 0.4), 0)
    assert found["Gradient norm"].lines[0].y == (3.0,), "what is not finite is no point"


def test_without_steps_there_are_no_curves() -> None:
    assert panels([{"loss": 1.0}], ("miou",), "miou") == []


def test_running_mean_keeps_a_constant_and_is_not_pulled_to_zero_at_the_start() -> None:
    assert running_mean([2.0] * 5, 3) == pytest.approx([2.0] * 5)
    assert running_mean([4.0, 0.0], 2)[0] == 4.0


def test_mistakes_are_shares_of_the_truth_largest_first() -> None:
    counts = np.array([[8, 2, 0], [1, 0, 1], [0, 0, 0]])
    assert np.isnan(shares(counts)[2]).all()
    found = mistakes(counts, ["a", "b", "c"])
    assert [(m.truth, m.prediction, m.share, m.count) for m in found] == [
        ("b", "a", 0.5, 1),
        ("b", "c", 0.5, 1),
        ("a", "b", 0.2, 2),
    ]


def test_numbers_and_names_read_well() -> None:
    assert [share(x).replace("\N{NO-BREAK SPACE}", " ") for x in (0, 0.5, 0.031, 1e-5)] == [
        "0 %",
        "50 %",
        "3.1 %",
        "< 0.1 %",
    ]
    assert [quantity(x) for x in (12, 1234, 28288354)] == ["12", "1.23 k", "28.3 M"]
    assert [figure(x) for x in (None, float("nan"), 0.12345)] == ["\N{EN DASH}", "\N{EN DASH}", "0.123"]
    assert [label(x) for x in ("miou", "pixel_accuracy", "val/miou")] == [
        "Mean IoU",
        "Pixel accuracy",
        "Mean IoU, validation",
    ]
    assert sentence("use `a <b>` now") == "use <code>a &lt;b&gt;</code> now"
    assert shorten("a long\nname", 7) == "a long\N{HORIZONTAL ELLIPSIS}"
    assert flatten({"a": {"b": 1, "c": {}}, "d": None, "e": (1, 2)}) == {"a.b": "1", "a.c": "{}", "d": "", "e": "1, 2"}
