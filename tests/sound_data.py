"""Sounds and manifests small enough to make anew in every test."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from swinkit.datasets import SpokenDigits
from swinkit.datasets.formants import RATE


def tone(hertz: float = 440.0, seconds: float = 0.4, rate: int = RATE) -> np.ndarray:
    """[samples] float32."""
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def wav(
    samples: np.ndarray | None = None, rate: int = RATE, *, format: str = "WAV", subtype: str | None = None
) -> bytes:
    """The bytes of a file."""
    stream = BytesIO()
    soundfile.write(stream, tone() if samples is None else samples, rate, format=format, subtype=subtype)
    return stream.getvalue()


def table(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def manifest(folder: Path, count: int = 12, *, packed: bool = False) -> Path:
    """Digits of three voices with files, words, speakers and splits, beside the manifest or in a tar."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = SpokenDigits(target="text", counts=(count, 1, 1), speakers=(3, 1, 1)).open("train")
    rows: list[dict[str, object]] = []
    contents: dict[str, bytes] = {}
    for index in range(count):
        record = digits[index]
        name = f"{index}.flac"
        text = "".join(digits.classes[unit] for unit in record.target)
        rows.append(
            {
                "file": name,
                "label": ("even", "odd")[len(text.split()) % 2],
                "text": text,
                "speaker": f"s{index % 4}",
                "split": "test" if index >= count - 2 else "train",
            }
        )
        contents[name] = wav(record.source, format="FLAC")
    if packed:
        with tarfile.open(folder / "sounds.tar", "w") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(f"recordings/{name}")
                info.size = len(content)
                archive.addfile(info, BytesIO(content))
    else:
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    return table(folder / "manifest.csv", rows)


def features(folder: Path, texts: Sequence[str] = ("AB", "A B", "B", "A"), **changes: np.ndarray) -> Path:
    """`train.npz` with 30 frames of 5 numbers an utterance, and `train.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    arrays = {
        "features": rng.standard_normal((30 * len(texts), 5)).astype(np.float16),
        "offsets": np.arange(len(texts) + 1, dtype=np.int64) * 30,
    } | changes
    np.savez_compressed(folder / "train.npz", **{name: array for name, array in arrays.items() if array is not None})
    rows = [{"index": i, "utt_id": f"u{i}", "speaker": f"s{i}", "text": text} for i, text in enumerate(texts)]
    table(folder / "train.csv", rows)
    return folder
