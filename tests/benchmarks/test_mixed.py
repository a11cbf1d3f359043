"""The benchmark of mixed inputs: its pairs are what they are said to be."""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np
from sound_data import table, tone, wav

from swinkit.datasets import MixedTable, recognise


def test_pairs_are_written_once_and_for_all(tmp_path: Path) -> None:
    from mixed import pictures, split_of, write

    folder = tmp_path / "fsdd"
    folder.mkdir()
    names = [f"{digit}_one_{index}.wav" for digit in range(2) for index in (0, 5, 10, 11)]
    for name in names:
        (folder / name).write_bytes(wav(tone(500.0, 0.1)))
    table(folder / "manifest.csv", [{"file": n, "digit": n[0], "speaker": "one", "split": "train"} for n in names])
    options = argparse.Namespace(seed=0, noise=0.8, noise_db=-10.0)
    data, again = (write(folder, tmp_path / name, options) for name in ("a", "b"))
    assert recognise(data / "pairs.csv", "classify") == "mixed_table"
    layout = MixedTable(path=str(data / "pairs.csv")).resolved()
    assert [len(layout.open(split)) for split in layout.splits()] == [4, 2, 2] and layout.classes == ("0", "1")
    rows = list(csv.DictReader((data / "pairs.csv").open(encoding="utf-8")))
    assert {row["drowned"] for row in rows} == {"image", "audio"}
    assert Counter(row["split"] for row in rows) == Counter(split_of(Path(name).stem) for name in names)
    for row in rows:
        for name in ("image", "audio"):
            assert (data / row[name]).read_bytes() == (again / row[name]).read_bytes()
    pools = pictures(np.random.default_rng(0))
    every = np.concatenate(list(pools.values()))
    assert len(every) == len(set(every.tolist())) == 1797 and min(map(len, pools.values())) > 30


def test_noise_has_the_strength_that_was_asked_for() -> None:
    from mixed import noisy_sound

    clean = tone(500.0, 2.0).astype(np.float64)
    noisy = noisy_sound(clean, -10.0, np.random.default_rng(0)).astype(np.float64)
    share = np.dot(noisy, clean) ** 2 / np.dot(clean, clean) / np.dot(noisy, noisy)  # of its power that is the sound's
    assert abs(10 * np.log10(share / (1 - share)) + 10) < 0.5 and np.abs(noisy).max() <= 0.9001
