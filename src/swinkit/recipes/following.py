"""What is shown and written while the engine's events go by."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from swinkit.engine import Evaluated, Event, State, Step, Stopped, Track
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.progress import Display, duration

ROWS = 1000
"""About how many steps get a row in metrics.csv; short runs write every one."""


def follow(events: Iterable[Event], folder: RunFolder, state: State, display: Display) -> Stopped:
    """Show and record what happens."""
    every = max(1, -(-state.total // ROWS))
    stopped = None
    with Track(folder.file("metrics.csv"), step=state.step) as track:
        rows = folder.rows()
        begun = time.monotonic() - (float(rows[-1]["seconds"]) if rows else 0.0)
        display.say(_opening(state, folder))
        for event in events:
            display.see(event)
            if isinstance(event, Step):
                if event.step % every == 0 or event.last:
                    track.add(_row(event, time.monotonic() - begun))
            elif isinstance(event, Evaluated):
                seconds = round(time.monotonic() - begun, 3)
                figures = {f"val/{name}": value for name, value in event.metrics.items() if "/" not in name}
                track.add({"step": event.step, "epoch": event.epoch, "seconds": seconds, **figures})
            elif isinstance(event, Stopped):
                stopped = event
                display.say(_ending(stopped, state, time.monotonic() - begun))
    assert stopped is not None, "the engine's last event says why it stopped"
    return stopped


def drain(events: Iterable[Event]) -> Stopped:
    """What the other processes do with their events."""
    *_, last = events
    assert isinstance(last, Stopped)
    return last


def _row(step: Step, seconds: float) -> dict[str, Any]:
    parts = {f"loss/{name}": value for name, value in step.losses.items()} if len(step.losses) > 1 else {}
    return {
        "step": step.step,
        "epoch": step.epoch,
        "seconds": round(seconds, 3),
        "loss": step.loss,
        **parts,
        "rate": step.rate,
        "grad_norm": step.grad_norm,
    }


def _opening(state: State, folder: RunFolder) -> str:
    training = state.training
    count = sum(parameter.numel() for parameter in state.model.parameters())
    begin = f"going on at step {state.step} of {state.total}" if state.step else f"training for {state.total} steps"
    return (
        f"{begin} of {training.batch} samples ({state.total * training.batch / state.samples:.3g} epochs), "
        f"{count / 1e6:.2f} M parameters on {state.device}, into {folder.path}"
    )


def _ending(stopped: Stopped, state: State, seconds: float) -> str:
    best = "" if state.best is None else f"; best at step {state.best.step}: {state.best.score:.4f}"
    why = {"done": "done", "patience": "stopped early, nothing improved", "interrupted": "interrupted"}[stopped.reason]
    return f"{why} after {stopped.step} steps in {duration(seconds)}{best}"
