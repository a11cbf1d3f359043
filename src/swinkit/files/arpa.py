"""n-gram models in ARPA's format (Doug Paul's, as SRILM and KenLM read and write it)."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, log
from pathlib import Path

from swinkit.files.atomic import replace_file
from swinkit.files.errors import DataError
from swinkit.files.sound_tables import table_text

Table = Mapping[tuple[str, ...], tuple[float, float]]
"""n-gram -> natural logarithms of its probability and of its back-off weight."""
MOST = 5_000_000
"""n-grams of one file."""


def read_arpa(path: Path) -> tuple[int, Table]:
    """The order of the model, and its n-grams.

    Raises:
        DataError: no such file; names the line.
    """
    table: dict[tuple[str, ...], tuple[float, float]] = {}
    length, ended = 0, False
    for number, line in enumerate(table_text(path).splitlines(), start=1):
        line = line.strip()
        if line.startswith("\\"):
            section = line.strip("\\:").removesuffix("-grams")
            ended = line == "\\end\\"
            length = int(section) if section.isdecimal() and len(section) < 3 else 0
        elif line and length and not ended:
            table.update([_entry(path, number, line, length)])
            if len(table) > MOST:
                raise DataError(path, f"holds more than {MOST:,} n-grams: prune it")
    if not ended or not table:
        raise DataError(path, "is no ARPA file, or cut short: it has no n-grams or no \\end\\")
    return max(map(len, table)), table


def write_arpa(path: Path, table: Table) -> None:
    """Put the model at `path`, whole or not at all."""
    order = max(map(len, table))
    rows = [sorted(key for key in table if len(key) == length) for length in range(1, order + 1)]
    lines = ["\\data\\", *(f"ngram {index}={len(keys)}" for index, keys in enumerate(rows, start=1))]
    for index, keys in enumerate(rows, start=1):
        lines += ["", f"\\{index}-grams:"]
        for key in keys:
            chance, weight = (value / log(10) for value in table[key])
            back = "" if index == order else f"\t{weight:.7f}"
            lines.append(f"{chance:.7f}\t{' '.join(key)}{back}")
    replace_file(path, ("\n".join([*lines, "", "\\end\\"]) + "\n").encode())


def _entry(path: Path, number: int, line: str, length: int) -> tuple[tuple[str, ...], tuple[float, float]]:
    cells = line.split()
    if len(cells) not in (length + 1, length + 2):
        raise DataError(path, f"line {number}: wanted a number, {length} words and perhaps a number")
    try:
        chance, weight = float(cells[0]), float(cells[length + 1]) if len(cells) == length + 2 else 0.0
    except ValueError as error:
        raise DataError(path, f"line {number}: {cells[0]!r} or {cells[-1]!r} is no number") from error
    if not (isfinite(chance) and isfinite(weight)) or chance > 0:
        raise DataError(path, f"line {number}: wanted logarithms of probabilities, finite and at most 0")
    return tuple(cells[1 : length + 1]), (chance * log(10), weight * log(10))
