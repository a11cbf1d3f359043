"""Best and worst predictions as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from swinkit.report.facts import Example, RunFacts
from swinkit.report.pictures import data_uri, encode, is_small
from swinkit.report.sections import swatch
from swinkit.report.words import escape, figure, label, shorten, split_name

TEXT = 600
"""Characters of a text that are shown."""
LEGEND = 16
"""Classes named below one example; the rest are counted."""


def examples(facts: RunFacts) -> str:
    """The section, empty when no example was given."""
    colors = {row.name: row.color for row in facts.classes}
    groups = [_group(title, group, colors) for title, group in (("Worst", facts.worst), ("Best", facts.best)) if group]
    if not groups:
        return ""
    split = f"On the {escape(split_name(facts.split))} split. " if facts.split else ""
    text = f"{split}The number is the example's own {escape(label(facts.main))}."
    return f'<h2>Predictions</h2><p class="quiet small">{text}</p>{"".join(groups)}'


def _group(title: str, group: Sequence[Example], colors: Mapping[str, tuple[int, int, int] | None]) -> str:
    shown = [picture for example in group for picture in example.pictures.values()]
    narrow = bool(shown) and all(map(is_small, shown))
    cells = "".join(_example(example, colors) for example in group)
    return f'<h3>{title}</h3><div class="examples {"narrow" if narrow else "wide"}">{cells}</div>'


def _example(example: Example, colors: Mapping[str, tuple[int, int, int] | None]) -> str:
    figures = "".join(
        f'<figure><img{" class=cells" if is_small(picture) else ""} loading="lazy" '
        f'alt="{escape(f"{example.id}: {caption}")}" src="{data_uri(encode(picture))}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, picture in example.pictures.items()
    )
    names = [f"<span>{swatch(colors.get(name))}{escape(name)}</span>" for name in example.classes[:LEGEND]]
    if len(example.classes) > LEGEND:
        names.append(f"<span>and {len(example.classes) - LEGEND} more</span>")
    legend = f'<div class="legend">{"".join(names)}</div>' if names else ""
    note = f'<p class="small quiet">{escape(example.note)}</p>' if example.note else ""
    text = f"<p>{escape(shorten(example.text, TEXT))}</p>" if example.text else ""
    columns = f"repeat({max(1, len(example.pictures))},minmax(0,1fr))"
    return (
        f'<article class="example"><header><span>{escape(example.id)}</span><b>{figure(example.score)}</b></header>'
        f'<div class="row" style="grid-template-columns:{columns}">{figures}</div>{text}{legend}{note}</article>'
    )
