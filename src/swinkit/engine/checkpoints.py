"""Checkpoints that are whole or absent, hashed, and free of pickle.

`step-N/` appears by one rename after every byte of it is on the disk. What is found is decided by the manifests
alone; best.json and last.json are hints for people. Only the holder of the lock writes, sweeps and rotates.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from swinkit.engine.lock import only_writer
from swinkit.engine.state import Checkpoint, State, compare
from swinkit.engine.stored import FORMAT, read_checkpoint
from swinkit.files import (
    CheckpointError,
    new_folder,
    remove_folder,
    replace_file,
    sweep,
    sync_file,
    verify_manifest,
    write_file,
    write_manifest,
)
from swinkit.files.atomic import crash_point

log = logging.getLogger("swinkit.engine")
_OLD = ".replaced"
"""Suffix of a checkpoint while a newer one of the same step takes its name."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path | str, *, fingerprint: dict[str, Any], keep: int = 2) -> None:
        """`fingerprint`: plain JSON values; others are refused. `keep`: newest checkpoints kept beside the best."""
        self.folder, self.keep = Path(folder), keep
        self.fingerprint = json.loads(json.dumps(fingerprint))
        self._locked = False

    @contextmanager
    def lock(self) -> Generator[None]:
        """Be the only writer of the folder, and clear what a crash left in it.

        Raises:
            CheckpointError: another run writes there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with only_writer(self.folder / ".lock"):
            self._locked = True
            try:
                for name in sweep(self.folder):
                    log.info("%s: removed, it was never finished", self.folder / name)
                self._settle()
                yield
            finally:
                self._locked = False

    def save(self, state: State) -> Path:
        """Write `step-N`, then rotate: the newest `keep` and the best remain.

        Raises:
            NonFinite: a weight, a moment or the average is not finite.
            CheckpointError: there is no room, or the disk refuses; earlier checkpoints are untouched.
        """
        if not self._locked:
            raise RuntimeError("save() is for the holder of lock()")
        path = self.folder / f"step-{state.step}"
        tensors = state.tensors()
        values = {"format": FORMAT, **state.values(), "fingerprint": self.fingerprint}
        needed = sum(tensor.nbytes for each in tensors.values() for tensor in each.values())
        self._need(needed)
        try:
            self._write(path, tensors, values)
            self._rotate(path)
        except OSError as error:
            free = shutil.disk_usage(self.folder).free
            raise CheckpointError(
                f"{path}: cannot be written ({error.strerror}): {needed} bytes are needed, {free} are free"
            ) from error
        return path

    def need_room(self, state: State) -> None:
        """CheckpointError unless 1.2 checkpoints fit: better said before the first step than after the first epoch."""
        parameters = sum(tensor.nbytes for tensor in state.model.state_dict().values())
        self._need(int(1.2 * parameters * (3 + (state.average is not None))))

    def candidates(self) -> list[int]:
        """Steps of which there is something, newest first; not verified."""
        return sorted({step for step, _ in self._entries()}, reverse=True)

    def last(self) -> Path | None:
        """The newest valid checkpoint; None when there is not even a damaged one.

        Raises:
            CheckpointError: there are checkpoints and none is valid; names the reason of each.
        """
        reasons: list[str] = []
        for _, path in self._entries():
            if self._valid(path, reasons):
                return path
        return self._nothing(reasons)

    def best(self) -> Path | None:
        """The valid checkpoint with the highest score; where none was evaluated, the newest. Errors as `last`."""
        reasons: list[str] = []
        paths = [path for _, path in self._entries()]
        for path in sorted(paths, key=_score, reverse=True):
            if self._valid(path, reasons):
                return path
        return self._nothing(reasons)

    def verify(self, path: Path) -> None:
        """CheckpointError, naming the file, when a byte of the checkpoint differs from what was written."""
        verify_manifest(path)

    def load(self, path: Path | str, state: State | None = None) -> Checkpoint:
        """Read and verify one checkpoint, and put it into `state`; never another one, never a fresh start.

        Raises:
            CheckpointError: missing, damaged, of a newer format, or of another configuration, model or data set.
        """
        checkpoint = read_checkpoint(Path(path))
        compare(checkpoint.path, checkpoint.values["fingerprint"], self.fingerprint)
        if state is not None:
            state.restore(checkpoint)
        return checkpoint

    def _write(self, path: Path, tensors: dict[str, dict[str, Tensor]], values: dict[str, Any]) -> None:
        with new_folder(path, replaced=path.with_name(path.name + _OLD)) as temporary:
            for stem, each in tensors.items():
                file = temporary / f"{stem}.safetensors"
                crash_point(f"write {file.name}")
                save_file(each, file)
                sync_file(file)
            write_file(temporary / "state.json", _json(values))
            write_manifest(temporary)
        replace_file(self.folder / "last.json", _json({"step": values["step"]}))
        if values["best"] is not None:
            replace_file(self.folder / "best.json", _json(values["best"]))
        self._settle()

    def _rotate(self, newest: Path) -> None:
        """Delete what is neither among the newest nor the best; what is damaged is left for its owner to look at."""
        whole = [path for _, path in self._entries() if _whole(path)]
        best = max(whole, key=_score, default=newest)
        for path in whole[self.keep :]:
            if path not in (best, newest):
                try:
                    remove_folder(path)
                except OSError as error:
                    log.warning("%s: cannot be deleted (%s)", path, error.strerror)

    def _settle(self) -> None:
        """Finish a replacement that a crash interrupted: the new one counts as soon as it has the name."""
        for old in self.folder.glob(f"step-*{_OLD}"):
            path = old.with_name(old.name.removesuffix(_OLD))
            if _whole(path):
                remove_folder(old)
            elif not path.exists():
                os.replace(old, path)

    def _entries(self) -> list[tuple[int, Path]]:
        """(step, folder), newest first; of one step the replaced one second."""
        found = [
            (re.fullmatch(rf"step-(\d+)({re.escape(_OLD)})?", path.name), path) for path in self.folder.glob("step-*")
        ]
        entries = [(int(match[1]), not match[2], path) for match, path in found if match]
        return [(step, path) for step, _, path in sorted(entries, reverse=True)]

    def _valid(self, path: Path, reasons: list[str]) -> bool:
        try:
            verify_manifest(path)
        except CheckpointError as error:
            reasons.append(str(error))
            log.warning("not used: %s", error)
            return False
        return True

    def _nothing(self, reasons: list[str]) -> None:
        if reasons:
            raise CheckpointError(f"{self.folder}: no checkpoint is usable: {'; '.join(reasons)}")

    def _need(self, needed: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise CheckpointError(
                f"{self.folder}: a checkpoint needs {needed} bytes, {free} are free: make room on this disk"
            )


def _whole(path: Path) -> bool:
    try:
        verify_manifest(path, deep=False)
    except CheckpointError:
        return False
    return True


def _score(path: Path) -> tuple[bool, float, int]:
    """Sorts by score; equal scores: the earlier one, as when it was chosen; without any: the newest."""
    try:
        values = json.loads((path / "state.json").read_bytes())
        score, step = values["score"], int(values["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return (False, 0.0, -1)
    return (False, 0.0, step) if score is None else (True, float(score), -step)


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
