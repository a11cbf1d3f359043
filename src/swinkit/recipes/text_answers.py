"""Answers for texts: files, the lines of tables, and what was typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from swinkit.datasets.text_table import ENDINGS, TextTable
from swinkit.files import ConfigError, DataError
from swinkit.files.texts import is_text, raw_text
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.writing import LIST, check_free, form_of, write_lists
from swinkit.types import Record, Sample, Tags

TOGETHER = 32
Answered = tuple[tuple[dict[str, Any], ...], tuple[DataError, ...]]
"""Entries of predictions.json, and inputs that could not be used."""


def write_texts(
    predictor: Predictor,
    inputs: Sequence[str],
    out: Path,
    *,
    overwrite: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Answered:
    """Write predictions.json and the tables of the kind of answer into `out`.

    Args:
        inputs: .txt files, tables (.csv, .tsv, .jsonl: their column of texts), folders of these, and texts.

    Raises:
        ConfigError: `out` is a file, or holds a file that would be replaced; a folder holds no text.
    """
    form = form_of(predictor.recipe.task)
    check_free(out, (LIST, *form.tables), overwrite=overwrite)
    problems: list[DataError] = []
    records = _records(predictor, inputs, problems)
    samples = [sample for record in records if (sample := _read(predictor, record, problems)) is not None]
    entries: list[dict[str, Any]] = []
    for together in (samples[at : at + TOGETHER] for at in range(0, len(samples), TOGETHER)):
        for sample, answer in zip(together, predictor.predict(together), strict=True):
            words = {"words": sample.text.split()} if isinstance(answer, Tags) else {}
            entries.append({**answer.to_json(), "source": sample.id, "text": sample.text, **words})
        if progress is not None:
            progress(len(entries), len(samples))
    out.mkdir(parents=True, exist_ok=True)
    classes = tuple(getattr(predictor.recipe.task, "classes", ()))
    write_lists(out, form, entries, problems, classes)
    return tuple(entries), tuple(problems)


def _records(predictor: Predictor, inputs: Sequence[str], problems: list[DataError]) -> Iterator[Record]:
    for number, word in enumerate(inputs, start=1):
        if is_text(word):
            yield Record(id=f"text {number}", source=raw_text(word))
            continue
        for path in _files(Path(word)):
            if path.suffix.lower() not in ENDINGS:
                yield Record(id=str(path), source=path)
                continue
            try:
                yield from _lines(path, getattr(predictor.recipe.data, "text", ""), problems)
            except DataError as error:
                problems.append(error)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    wanted = (".txt", *ENDINGS)
    found = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in wanted and file.is_file()]
    if not found:
        raise ConfigError(f"{path}: holds no text ({', '.join(wanted)})")
    return found


def _lines(table: Path, column: str, problems: list[DataError]) -> Iterator[Record]:
    texts, wrong = TextTable(path=str(table), text=column).texts(table)
    problems += wrong
    for line, text in texts:
        yield Record(id=f"{table}:{line}", source=raw_text(text))


def _read(predictor: Predictor, record: Record, problems: list[DataError]) -> Sample | None:
    modality = predictor.recipe.modality
    try:
        return modality.standard(modality.read(record))
    except DataError as error:
        problems.append(error)
        return None
