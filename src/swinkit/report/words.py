"""Numbers and names as a reader wants to see them."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from typing import Any

NAMES = {
    "miou": "Mean IoU",
    "mean_iou": "Mean IoU",
    "iou": "IoU",
    "map": "mAP",
    "map50": "mAP at 0.5",
    "map75": "mAP at 0.75",
    "mask_map": "Mask mAP",
    "mask_map50": "Mask mAP at 0.5",
    "mask_map75": "Mask mAP at 0.75",
    "pck": "PCK",
    "wer": "Word error rate",
    "cer": "Character error rate",
    "rmse_px": "RMSE (px)",
    "lr": "Learning rate",
    "rate": "Learning rate",
}


SPACE = "\N{NO-BREAK SPACE}"


def escape(text: object) -> str:
    """Text that is safe between tags and inside quoted attributes."""
    return html.escape(str(text), quote=True)


def sentence(text: str) -> str:
    """Escaped text in which `commands` between backticks are set as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def split_name(split: str) -> str:
    """`val` -> `validation`."""
    return {"train": "training", "val": "validation"}.get(split, split)


def label(name: str) -> str:
    """`pixel_accuracy` -> `Pixel accuracy`, `val/miou` -> `Mean IoU, validation`, `loss/dice` -> `Dice`."""
    place, _, rest = name.partition("/")
    if rest:
        return label(rest) if place == "loss" else f"{label(rest)}, {split_name(place)}"
    if name.lower() in NAMES:
        return NAMES[name.lower()]
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def figure(value: float | None) -> str:
    """Three decimals: a fraction or a loss."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.3g}"


def share(fraction: float) -> str:
    """A percentage; small ones keep a digit that is not zero."""
    percent = 100 * fraction
    if percent >= 10 or percent == 0:
        return f"{percent:.0f}{SPACE}%"
    return f"{percent:.1f}{SPACE}%" if percent >= 0.05 else f"<{SPACE}0.1{SPACE}%"


def quantity(count: float) -> str:
    """28288354 -> `28.3 M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.3g}"


def shorten(name: str, length: int) -> str:
    """At most `length` characters, the end replaced by an ellipsis; line breaks become spaces."""
    flat = " ".join(name.split())
    return flat if len(flat) <= length else flat[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """{"a": {"b": 1}} -> {"a.b": "1"}: the keys that `--set` takes."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        elif isinstance(value, (list, tuple)):
            flat[f"{prefix}{key}"] = ", ".join(str(item) for item in value)
        else:
            flat[f"{prefix}{key}"] = "" if value is None else str(value)
    return flat
