"""Where labelled examples come from. A new layout is one file here and one line in the table.

A layout is a frozen dataclass (the data part of a recipe) with `recognises(path)`, `splits()`, `resolved()` and
`open(split)`; `serves` names the tasks that learn from it. What `open` returns is a `types.Dataset` that may also say
`ids` (the file's id of each class), `notes` (what the user should be told) and `problems` (entries left out by
`open(split, strict=False)`).
"""

from __future__ import annotations

from pathlib import Path

from swinkit.datasets.class_folder import ClassFolder
from swinkit.datasets.class_table import ClassTable
from swinkit.datasets.clips import Clips
from swinkit.datasets.coco import Coco
from swinkit.datasets.coco_keypoints import CocoKeypoints
from swinkit.datasets.conll import Conll
from swinkit.datasets.digit_scenes import DigitScenes
from swinkit.datasets.gaits import Gaits
from swinkit.datasets.idx import Idx
from swinkit.datasets.interleaved import Interleaved
from swinkit.datasets.mask_folder import MaskFolder
from swinkit.datasets.mixed_table import MixedTable
from swinkit.datasets.packed import Packed, pack
from swinkit.datasets.parquet import Parquet
from swinkit.datasets.series_files import SeriesFiles
from swinkit.datasets.sound_features import SoundFeatures
from swinkit.datasets.sound_table import SoundTable
from swinkit.datasets.spoken_digits import SpokenDigits
from swinkit.datasets.text_table import TextTable
from swinkit.datasets.voc import Voc
from swinkit.datasets.volume_folder import VolumeFolder
from swinkit.datasets.yolo import Yolo
from swinkit.files import DataError

LAYOUTS = {
    "volume_folder": VolumeFolder,
    "mask_folder": MaskFolder,
    "packed": Packed,
    "digit_scenes": DigitScenes,
    "spoken_digits": SpokenDigits,
    "coco": Coco,
    "coco_keypoints": CocoKeypoints,
    "conll": Conll,
    "voc": Voc,
    "yolo": Yolo,
    "clips": Clips,
    "idx": Idx,
    "parquet": Parquet,
    "gaits": Gaits,
    "mixed_table": MixedTable,
    "series_files": SeriesFiles,
    "text_table": TextTable,
    "sound_table": SoundTable,
    "sound_features": SoundFeatures,
    "class_table": ClassTable,
    "class_folder": ClassFolder,
    "interleaved": Interleaved,
}


def recognise(path: Path | str, task: str) -> str:
    """The key in LAYOUTS of what lies at `path`, of those that a task learns from.

    Raises:
        DataError: nothing of these, and lists what was looked for; or there is no such path.
    """
    known = {name: layout for name, layout in LAYOUTS.items() if task in layout.serves} or LAYOUTS  # a stranger's task
    for name, layout in known.items():
        if layout.recognises(path):
            return name
    wanted = "; ".join(f"{name}: {layout.looks_for}" for name, layout in known.items())
    if not Path(path).exists():
        made = [name for name, layout in known.items() if layout.looks_for.endswith("(made on the spot)")]
        raise DataError(path, "does not exist" + (f"; the words for made data are {', '.join(made)}" if made else ""))
    came = "is a file, not a folder" if Path(path).is_file() else "holds no known layout"
    raise DataError(path, f"{came}; looked for {wanted}")


__all__ = [
    "LAYOUTS",
    "ClassFolder",
    "ClassTable",
    "Clips",
    "Coco",
    "CocoKeypoints",
    "Conll",
    "DigitScenes",
    "Gaits",
    "Idx",
    "Interleaved",
    "MaskFolder",
    "MixedTable",
    "Packed",
    "Parquet",
    "SeriesFiles",
    "TextTable",
    "SoundFeatures",
    "SoundTable",
    "SpokenDigits",
    "Voc",
    "VolumeFolder",
    "Yolo",
    "pack",
    "recognise",
]
