"""Training, evaluating and checkpointing of anything that has parameters and a task; knows only types and files."""

from __future__ import annotations

from swinkit.engine.checkpoints import Checkpoints
from swinkit.engine.decoded import Decoded, keep
from swinkit.engine.evaluate import Counted, evaluate, evaluating
from swinkit.engine.fit import Step, fit
from swinkit.engine.heap import keep_heap
from swinkit.engine.interrupt import Interruption
from swinkit.engine.loader import Loader, sample_rng
from swinkit.engine.parallel import World, launch, pick_device
from swinkit.engine.run import Evaluated, Event, Saved, Stopped, train
from swinkit.engine.state import Best, Checkpoint, State
from swinkit.engine.stored import read_checkpoint, read_weights
from swinkit.engine.track import Track
from swinkit.engine.training import Training

__all__ = [
    "Best",
    "Checkpoint",
    "Checkpoints",
    "Counted",
    "Decoded",
    "Evaluated",
    "Event",
    "Interruption",
    "Loader",
    "Saved",
    "State",
    "Step",
    "Stopped",
    "Track",
    "Training",
    "World",
    "evaluate",
    "evaluating",
    "fit",
    "keep",
    "keep_heap",
    "launch",
    "pick_device",
    "read_checkpoint",
    "read_weights",
    "sample_rng",
    "train",
]
