"""Processes and devices: which one this is, what all of them agree on, and how they are started."""

from __future__ import annotations

import json
import logging
import os
import signal
import tempfile
import traceback
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from swinkit import files
from swinkit.files import ConfigError, UserError

_TIMEOUT = timedelta(minutes=30)  # evaluation and saving on one process may keep the others waiting


@dataclass(frozen=True, slots=True)
class World:
    """The processes that train together; alone, every method is a no-op."""

    rank: int = 0
    size: int = 1

    @staticmethod
    def current() -> World:
        """The world of this process: the initialised process group, or the process alone."""
        alone = not (dist.is_available() and dist.is_initialized())
        return World() if alone else World(dist.get_rank(), dist.get_world_size())

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def add(self, tensor: Tensor) -> Tensor:
        """`tensor` summed over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def gather(self, value: Any) -> list[Any]:
        """The value of every process, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def copy(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the values that rank 0 has."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def share(self, count: int) -> slice:
        """The part of `count` things that is this process's: contiguous, sizes differ by one at most."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)


def pick_device(name: str = "auto", world: World | None = None) -> torch.device:
    """The device called `name`; auto: the first accelerator there is. Several processes take one CUDA device each."""
    if name == "auto":
        mps = torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if mps and (world is None or world.size == 1) else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {name!r} is not available here ({str(error).splitlines()[0]}): use 'cpu' or 'auto'"
        ) from error
    return device


def launch(function: Callable[..., Any], *arguments: Any, processes: int = 1, device: str = "auto") -> Any:
    """`function(world, *arguments)` in that many processes on this machine; returns what rank 0 returned.

    One process is this one. Under torchrun the processes exist already and only join. Otherwise torchrun's own agent
    starts them: function and arguments must be picklable, an error of one ends all, and a user's error arrives here
    as itself.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ:
        with _group(device):
            return function(World.current(), *arguments)
    if processes == 1:
        return function(World(), *arguments)
    if device == "cpu" or not torch.cuda.is_available():
        device = "cpu"
    elif torch.cuda.device_count() < processes:
        raise ConfigError(f"training.processes: {processes} wanted, there are {torch.cuda.device_count()} CUDA devices")
    return _start(function, arguments, processes, device)


def _start(function: Callable[..., Any], arguments: tuple[Any, ...], processes: int, device: str) -> Any:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        # Interrupts are ours: the agent would kill processes that are still saving.
        signals_to_handle="SIGHUP",
    )
    with tempfile.TemporaryDirectory() as folder, _forwarding() as asked, _quiet("torch.distributed.elastic"):
        try:
            return elastic_launch(config, _process)(function, arguments, device, folder)[0]
        except ChildFailedError as error:
            if len(asked) > 1:
                raise KeyboardInterrupt from error
            raise _first_error(Path(folder), processes) from error


def _process(function: Callable[..., Any], arguments: tuple[Any, ...], device: str, folder: str) -> Any:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ["LOCAL_WORLD_SIZE"])))
    try:
        with _group(device):
            return function(World.current(), *arguments)
    except Exception as error:
        kind = type(error).__name__ if isinstance(error, (UserError, files.NonFinite)) else ""
        text = str(error) if kind else traceback.format_exc()
        report = {
            "kind": kind,
            "text": text,
            "path": getattr(error, "path", None),
            "field": getattr(error, "field", None),
        }
        Path(folder, f"{os.environ['RANK']}.json").write_text(json.dumps(report, default=str), encoding="utf-8")
        raise


@contextmanager
def _group(device: str) -> Generator[None]:
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if cuda else "gloo", timeout=_TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def _forwarding() -> Generator[list[int]]:
    """Hand SIGINT and SIGTERM on to the processes and keep waiting for them: they stop after the step and save."""
    asked: list[int] = []

    def forward(number: int, _: Any) -> None:
        asked.append(number)
        for child in active_children():
            if child.pid is not None:
                os.kill(child.pid, number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet(name: str) -> Generator[None]:
    """The agent logs a traceback for every failed process; the error itself is raised by us."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _first_error(folder: Path, processes: int) -> Exception:
    """The error of the process that failed for a reason of its own; the others only lost a partner."""
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    for report in sorted(reports, key=lambda report: not report["kind"]):
        if not report["kind"]:
            silent = processes - len(reports)
            lost = f" ({silent} of {processes} were killed or ended by it without a word)" if silent else ""
            return RuntimeError(f"a training process failed{lost}:\n{report['text']}")
        kind = getattr(files, report["kind"])
        error = kind.__new__(kind)
        Exception.__init__(error, report["text"])
        error.path, error.field = Path(report["path"] or ""), report["field"]  # what a DataError has beside its text
        return error
    return RuntimeError(f"all {processes} training processes were lost without a word: were they killed?")
