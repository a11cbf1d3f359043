"""A search with a word model of the training texts; how much it counts is chosen on the validation split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from contest import Trained, say

from swinkit.files.arpa import write_arpa
from swinkit.ops.ngram import counted
from swinkit.recipes.parts import loader, open_data

BEAM = 16
WEIGHTS, BONUSES = (0.2, 0.4, 0.7, 1.0), (0.0, 0.7, 1.5)
"""Of the word model's logarithm, and what every word adds."""


def with_words(trained: Trained, order: int, file: Path) -> Trained:
    """The same model, whose task searches with n-grams of train's texts at the weights with the fewest word errors on
    the validation split."""
    recipe, task = trained.recipe, trained.recipe.task
    file.parent.mkdir(parents=True, exist_ok=True)
    write_arpa(file, counted(open_data(recipe, "train").texts(), order).table)  # type: ignore[attr-defined]
    heard = _heard(trained)
    found: dict[tuple[float, float], float] = {}
    for weight in WEIGHTS:
        for bonus in BONUSES:
            given: dict[str, Any] = {"ngram": str(file), "beam": BEAM, "ngram_weight": weight, "word_bonus": bonus}
            found[weight, bonus] = _errors(replace(task, **given), heard)  # type: ignore[type-var]
    weight, bonus = min(found, key=lambda each: found[each])
    plain = _errors(task, heard)
    say(f"word model: validation wer {plain:.4f} without, {found[weight, bonus]:.4f} at {weight}, {bonus}")
    given = {"ngram": str(file), "beam": BEAM, "ngram_weight": weight, "word_bonus": bonus}
    return replace(trained, recipe=replace(recipe, task=replace(task, **given)))  # type: ignore[type-var]


def _heard(trained: Trained) -> list[tuple[Any, Any, int]]:
    """Validation batches of one sound, what the model hears in them, and its stride."""
    task: Any = trained.recipe.task
    rows: list[tuple[Any, Any, int]] = []
    with torch.inference_mode():
        for batch in loader(trained.recipe, open_data(trained.recipe, "val"), batch=1).once():
            scores, stride = task.scores(trained.model.eval(), batch)
            rows.append((batch, scores[0], stride))
    return rows


def _errors(task: Any, rows: list[tuple[Any, Any, int]]) -> float:
    metrics = task.metrics()
    for batch, scores, stride in rows:
        metrics.update([task.transcript(batch.ids[0], task.heard(scores), 0.0, stride)], batch)
    return metrics.result()["wer"]
