"""Other projects' models, built their own way; one file a project, `PEERS` is the table.

Every file has `LAYOUT`, the layout of swinkit's weights that its parameters have; `MODELS`, our name of a size ->
theirs; `SETTINGS`, the ways it offers to run attention; `build(name, setting)`, a fresh model that returns logits or
features as one tensor; and `state(model)`, its weights as the project would write them.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

# a torchvision built for CUDA cannot register its operators beside a CPU torch; the peers need its Python part only
if importlib.util.find_spec("torchvision") and not importlib.import_module("torch").version.cuda:
    sys.modules.setdefault("torchvision._meta_registrations", ModuleType("torchvision._meta_registrations"))

PEERS = ("timm", "torchvision", "transformers", "monai")


def find(name: str) -> ModuleType:
    """The adapter of a project; ImportError where that is not installed."""
    return importlib.import_module(f"peers.{name}")
