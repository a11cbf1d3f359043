"""How a run is shown while it goes on, on stderr: one line that changes on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, TextIO

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from swinkit.engine import Counted, Evaluated, Saved, Step, Stopped
from swinkit.recipes.environment import memory

PAUSE = 0.25
"""Seconds between updates of a terminal's line; what a step costs must not be spent on showing it."""
PLAIN_PAUSE = 10.0
"""Seconds between lines where there is no terminal."""

Event = Step | Counted | Evaluated | Saved | Stopped


class Display:
    """Shows the events of `engine.train`."""

    def __init__(self, main: str, *, quiet: bool = False, file: TextIO | None = None) -> None:
        """`main`: the figure to show beside the loss. `quiet`: show nothing at all."""
        self._main, self._quiet = main, quiet
        self._file = file or sys.stderr
        self._next, self._begun, self._first = 0.0, time.monotonic(), -1
        self._metric = ""
        self._bar: Progress | None = None
        if self._file.isatty() and not quiet:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[told]}"))
            console = Console(file=self._file)
            # Not its own thread, which would cost time all the while; and stdout stays the caller's.
            settings: dict[str, Any] = {"auto_refresh": False, "transient": True, "redirect_stdout": False}
            self._bar = Progress(*columns, TimeRemainingColumn(), console=console, **settings)

    def __enter__(self) -> Display:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None, told="")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def see(self, event: Event) -> None:
        """Show an event, or not: most steps go by unseen."""
        if self._quiet:
            return
        if isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Counted):
            self._counted(event)
        elif isinstance(event, Evaluated):
            self._evaluated(event)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self._file.write(f"{text}\n")
            self._file.flush()

    def _step(self, event: Step) -> None:
        if self._first < 0:
            self._first, self._begun = event.step - 1, time.monotonic() - event.seconds
        now = time.monotonic()
        if now < self._next and not event.last:
            return
        told = f"loss {event.loss:.4g}  rate {event.rate:.2e}  {_memory()}{self._metric}"
        if self._bar is not None:
            self._next = now + PAUSE
            self._bar.update(
                self._task,
                description=f"step {event.step}/{event.total}",
                completed=event.step,
                total=event.total,
                told=told,
            )
            self._bar.refresh()
        else:
            self._next = now + PLAIN_PAUSE
            left = (now - self._begun) / max(event.step - self._first, 1) * (event.total - event.step)
            self.say(f"step {event.step}/{event.total}  {told}  {duration(left)} left")

    def _counted(self, event: Counted) -> None:
        now = time.monotonic()
        if self._bar is None or now < self._next:
            return
        self._next = now + PAUSE
        self._bar.update(self._task, description=f"evaluating {event.done}/{event.total}")
        self._bar.refresh()

    def _evaluated(self, event: Evaluated) -> None:
        score = event.metrics.get(self._main)
        self._metric = "" if score is None else f"  {self._main} {score:.4f}"
        figures = "  ".join(f"{name} {value:.4f}" for name, value in event.metrics.items() if "/" not in name)
        self.say(f"step {event.step}  validation: {figures}{'  best so far' if event.improved else ''}")


def duration(seconds: float) -> str:
    """12 s, 3 min 5 s, 2 h 11 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _memory() -> str:
    taken = torch.cuda.memory_reserved() if torch.cuda.is_available() else memory()
    return f"{taken / 2**30:.2f} GiB"
