"""Answers for samples of several inputs: the lines of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from swinkit.datasets import MixedTable
from swinkit.datasets.mixed_table import Line
from swinkit.files import ConfigError, DataError, safe_join
from swinkit.recipes.mixed_inputs import record_of
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.recipe import inputs_of
from swinkit.recipes.text_answers import Answered
from swinkit.recipes.writing import LIST, OVERLAY, check_free, classes_of, form_of, write_lists


def write_mixed(
    predictor: Predictor,
    inputs: Sequence[str],
    out: Path,
    *,
    overwrite: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Answered:
    """Write predictions.json, the tables of the kind of answer, and TABLE-LINE-overlay.png of every line into `out`.

    Args:
        inputs: tables as the run learnt from, whose classes and cells may be missing.

    Raises:
        ConfigError: an input is no .csv file, or `out` is a file or holds one that would be replaced.
    """
    form = form_of(predictor.recipe.task)
    problems: list[DataError] = []
    lines = [pair for table in _tables(inputs) for pair in _lines(predictor, table, problems)]
    names = [f"{table.stem}-{line.number}" for table, line in lines]
    check_free(out, (LIST, *form.tables, *(name + OVERLAY for name in names)), overwrite=overwrite)
    out.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    for index, ((table, line), name) in enumerate(zip(lines, names, strict=True)):
        try:
            entries.append(_answer(predictor, table, line, out, name))
        except DataError as error:
            problems.append(error)
        if progress is not None:
            progress(index + 1, len(lines))
    write_lists(out, form, entries, problems, classes_of(predictor.recipe))
    return tuple(entries), tuple(problems)


def _tables(inputs: Sequence[str]) -> list[Path]:
    """Every table once; their names begin those of the overlays."""
    found = list(dict.fromkeys(map(Path, inputs)))
    for table in found:
        if table.suffix.lower() != ".csv":
            raise ConfigError(f"{table}: a run on several inputs reads tables: give a .csv file")
        if (others := [other for other in found if other.stem == table.stem])[1:]:
            raise ConfigError(f"{others[1]}: {others[0]} is called like it: predict them one by one")
    return found


def _lines(predictor: Predictor, table: Path, problems: list[DataError]) -> list[tuple[Path, Line]]:
    """The usable lines with their table."""
    known = tuple(inputs_of(predictor.recipe.modality) or ())
    try:
        lines, bad = MixedTable(path=str(table), columns=known).lines(table, labelled=False)
    except DataError as error:  # of the whole table: the others go on
        lines, bad = [], [error]
    problems += bad
    return [(table, line) for line in lines]


def _answer(predictor: Predictor, table: Path, line: Line, out: Path, name: str) -> dict[str, Any]:
    record = record_of(line.parts, inputs_of(predictor.recipe.modality), name=f"{table.name}:{line.number}")
    result = predictor.result(record)
    overlay = result.save(safe_join(out, name + OVERLAY), overlay=True)
    entry = {**result.to_json(), "source": f"{table}:{line.number}", "id": name, "overlay": overlay.name}
    return {**entry, "inputs": list(line.parts)}
