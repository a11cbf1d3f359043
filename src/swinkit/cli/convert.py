"""`swinkit convert`: weights of any known layout in any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import Positional

from swinkit.cli.options import parse, shown
from swinkit.cli.output import document
from swinkit.files import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Write weights in the layout of another project.

    The source's layout is found from its keys. What the tensors do not tell (the windows of a Swin V2 file of timm or
    transformers) has to be said. Nothing in the source is run.
    """

    source: Annotated[Positional[str], shown("SRC")]
    """a weight file (.safetensors, .pth), or a name of the hub: ORG/NAME or ORG/NAME@REVISION"""
    target: Annotated[Positional[str], shown("DST")]
    """the file to write: .safetensors, or .pth as torch.save writes it"""
    to: Annotated[str, shown("LAYOUT")]
    """microsoft, timm, torchvision, transformers, swinkit ...; a wrong name lists them all"""
    size: Annotated[str | None, shown("N[,N]")] = None
    """input cells along each axis, where masks are saved or windows are cut: 224, or 256,192"""
    window: Annotated[str | None, shown("W[,W]")] = None
    """windows of the training: 7, or 8,7,7 axis by axis, or 16/16/16/8 stage by stage"""
    bias_window: Annotated[str | None, shown("W/W/W/W")] = None
    """windows that a Swin V2 was first trained with, stage by stage, where they were others"""
    part: Annotated[str | None, shown("NAME")] = None
    """the entry to take of a checkpoint that holds several, say ema"""
    order: Annotated[str | None, shown("NAME")] = None
    """of merged neighbours, where keys cannot tell: monai_mergingv2"""
    file: Annotated[str | None, shown("NAME")] = None
    """which file of a model of the hub"""
    backbone: bool = False
    """leave the head out, for layouts that have none"""
    overwrite: bool = False
    """replace DST if it exists"""
    json: bool = False
    """print one JSON document on stdout"""


def run(arguments: Sequence[str]) -> int:
    """Convert; prints what became of every tensor."""
    options = parse(Options, "convert", arguments)
    given = {
        "size": _numbers("size", options.size),
        "window": _stages("window", options.window),
        "bias_window": _stages("bias-window", options.bias_window),
        "part": options.part,
        "order": options.order,
        "file": options.file,
    }
    from swinkit import api

    done = api.convert(
        options.source,
        options.target,
        options.to,
        backbone=options.backbone,
        overwrite=options.overwrite,
        **{name: value for name, value in given.items() if value is not None},
    )
    if options.json:
        document(done.to_json())
    else:
        print(done)
    return 0


def _stages(name: str, text: str | None) -> Any:
    """One window, or a tuple of those of the stages."""
    if text is None or "/" not in text:
        return _numbers(name, text)
    return tuple(_numbers(name, part) for part in text.split("/"))


def _numbers(name: str, text: str | None) -> int | tuple[int, ...] | None:
    """One number, or a tuple with one for each axis."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and 0 < int(word[:9]) for word in words):
        raise ConfigError(f"--{name} {text}: wanted whole numbers above 0, say 8 or 8,7,7")
    return int(words[0]) if len(words) == 1 else tuple(map(int, words))
