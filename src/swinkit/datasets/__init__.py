"""Where labelled examples come from. A new layout is one file here and one line in the table.

A layout is a frozen dataclass (the data part of a recipe) with `recognises(path)`, `splits()`, `resolved()` and
`open(split)`. What `open` returns is a `types.Dataset` that may also say `ids` (the file's id of each class), `notes`
(what the user should be told) and `problems` (entries left out by `open(split, strict=False)`).
"""

from __future__ import annotations

from pathlib import Path

from swinkit.datasets.digit_scenes import DigitScenes
from swinkit.datasets.mask_folder import MaskFolder
from swinkit.datasets.packed import Packed, pack
from swinkit.files import DataError

LAYOUTS = {"mask_folder": MaskFolder, "packed": Packed, "digit_scenes": DigitScenes}


def recognise(path: Path | str) -> str:
    """The key in LAYOUTS of what lies at `path`. Raises DataError that lists what was looked for."""
    for name, layout in LAYOUTS.items():
        if layout.recognises(path):
            return name
    wanted = "; ".join(f"{name}: {layout.looks_for}" for name, layout in LAYOUTS.items())
    exists = Path(path).exists()
    came = (
        "is a file, not a folder" if Path(path).is_file() else "holds no known layout" if exists else "does not exist"
    )
    raise DataError(path, f"{came}; looked for {wanted}")


__all__ = ["LAYOUTS", "DigitScenes", "MaskFolder", "Packed", "pack", "recognise"]
