"""What a modality learns from the training split before a run begins, kept in the run folder: a text's tokenizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from swinkit.files import ConfigError, replace_file
from swinkit.recipes.parts import open_data
from swinkit.recipes.recipe import Recipe


def learnt(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe whose modality has learnt: from the file in `folder`, which is written first where there is none.

    A modality that learns says `learn(training split) -> bytes`, `learnt(bytes) -> modality` and the name of the
    `file`. The same data gives the same bytes, so several processes may learn at once.
    """
    name: str | None = getattr(recipe.modality, "file", None)
    if name is not None and not (folder / name).is_file():
        content = recipe.modality.learn(open_data(recipe, "train"))  # type: ignore[attr-defined]
        recipe.modality.learnt(content)  # type: ignore[attr-defined]  # what cannot be used is not kept
        replace_file(folder / name, content)
    return remembered(recipe, folder)


def remembered(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with what its modality learnt in the run of that folder, if it did."""
    name: str | None = getattr(recipe.modality, "file", None)
    if name is None or not (path := folder / name).is_file():
        return recipe
    try:
        modality = recipe.modality.learnt(path.read_bytes())  # type: ignore[attr-defined]
    except (ConfigError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return replace(recipe, modality=modality)
