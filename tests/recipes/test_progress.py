"""How a run is shown."""

from __future__ import annotations

import io

import pytest

from swinkit.engine import Evaluated, Step
from swinkit.recipes.progress import Display, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


def step(number: int, total: int = 1000) -> Step:
    flags = dict.fromkeys(("skipped", "evaluate", "save", "interrupted"), False)
    numbers = {"epoch": 0.1, "loss": 0.5, "rate": 1e-3, "grad_norm": 1.0, "seconds": 0.1, "micro": 4}
    return Step(step=number, total=total, losses={"a": 0.5}, ids=(), last=number == total, **numbers, **flags)


def show(file, events, **settings):
    with Display("miou", file=file, **settings) as display:
        for event in events:
            display.see(event)
        display.say("done")
    return file.getvalue()


def test_without_a_terminal_lines_are_few_and_plain():
    told = show(io.StringIO(), [step(number) for number in range(1, 1001)])
    lines = told.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("step 1/1000  loss 0.5  rate 1.00e-03")
    assert lines[0].endswith(" left")
    assert lines[1].startswith("step 1000/1000")
    assert "\x1b" not in told


def test_a_terminal_shows_loss_rate_memory_metric_and_time_left(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr("swinkit.recipes.progress.PAUSE", 0)
    measured = Evaluated(step=1, epoch=0.1, metrics={"miou": 0.25, "iou/x": 0.1}, details={}, score=0.25, improved=True)
    told = show(Terminal(), [step(1), measured, step(2)])
    for text in ("step 2/1000", "loss 0.5", "rate 1.00e-03", "GiB", "miou 0.2500", "best so far", ":"):
        assert text in told, text
    assert "iou/x" not in told


def test_quiet_is_silent():
    assert show(Terminal(), [step(1)], quiet=True) == ""


@pytest.mark.parametrize(("seconds", "told"), [(0.2, "0 s"), (59.4, "59 s"), (185, "3 min 5 s"), (7861, "2 h 11 min")])
def test_durations_read_well(seconds, told):
    assert duration(seconds) == told
