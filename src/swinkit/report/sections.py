"""Figures, curves, classes, mistakes, model, environment: the sections of the page that hold numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from swinkit.report.confusion import mistakes
from swinkit.report.curves import DENSE
from swinkit.report.facts import ClassRow, RunFacts
from swinkit.report.pictures import data_uri, png_width
from swinkit.report.plots import NAMED, SCALE
from swinkit.report.words import escape, figure, flatten, label, quantity, sentence, share, split_name

LONG = 24
"""Tables with more rows than this scroll in their own box."""
Plots = Sequence[tuple[str, bytes, bytes]]
"""(caption, light PNG, dark PNG)"""


def glance(facts: RunFacts) -> str:
    """The headline figure, what surrounds it, and one paragraph in words."""
    notes = "".join(f"<li>{sentence(note)}</li>" for note in facts.notes)
    listed = f'<ul class="notes small quiet">{notes}</ul>' if notes else ""
    if not facts.figures:
        return f"<h2>Result</h2><p>No split was evaluated.</p>{listed}"
    split, figures = list(facts.figures.items())[-1]
    tiles = [
        (f"{label(name)}, {split_name(other)}", figure(value))
        for other, values in reversed(facts.figures.items())
        for name, value in values.items()
        if (other, name) != (split, facts.main) and "/" not in name  # with a slash: one class, in the table below
    ][:6]
    if facts.model:
        tiles.append(("Parameters", quantity(facts.model.parameters)))
    tiles += [(label(name), str(value)) for name, value in facts.speed.items() if "took" in name]
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in tiles)
    meaning = escape(f"{label(facts.main)} on {split_name(split)}")
    hero = f"<b>{figure(figures.get(facts.main))}</b><span>{meaning}</span>"
    summary = f"<p>{_words(facts)}</p>" if facts.classes else ""
    return (
        f'<div class="glance"><div class="hero">{hero}</div>'
        f'<div>{summary}<dl class="tiles">{cells}</dl>{listed}</div></div>'
    )


def curves(facts: RunFacts, plots: Plots) -> str:
    """One picture a panel."""
    if not plots:
        return ""
    shown = "".join(
        f"<figure><figcaption>{escape(name)}</figcaption>{_themed(name, *files)}</figure>" for name, *files in plots
    )
    long = len(facts.history) > DENSE
    told = '<p class="quiet small">Pale: every step; strong: running mean.</p>' if long else ""
    return f'<h2>Curves</h2>{told}<div class="plots">{shown}</div>'


def classes(facts: RunFacts) -> str:
    """A bar for the first figure of every class, numbers for the others."""
    if not facts.classes:
        return ""
    names = list(dict.fromkeys(name for row in facts.classes for name in row.figures))
    total = sum(row.count or 0 for row in facts.classes)
    heads = ["#", "Class", *map(label, names), *(["Share"] if total else [])]
    cells = "".join(
        f'<th{_align(index, len(names))}><button type="button">{escape(head)}</button></th>'
        for index, head in enumerate(heads)
    )
    rows = "".join(_class_row(index, row, names, total) for index, row in enumerate(facts.classes))
    told = "Share: of all that is labelled. " if total else ""
    tall = " tall" if len(facts.classes) > LONG else ""
    return (
        f"<h2>Classes</h2><p class='quiet small'>{_on(facts)}{told}Press a column's head to sort.</p>"
        f'<div class="scroll{tall}"><table class="sorted"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def confusion(facts: RunFacts, plots: Plots) -> str:
    """The matrix as a picture, its largest mistakes in words."""
    if facts.confusion is None or not plots:
        return ""
    pairs = mistakes(facts.confusion, [row.name for row in facts.classes])
    lines = "".join(
        f"<li><b>{share(pair.share)}</b> of {escape(pair.truth)} is taken for {escape(pair.prediction)}</li>"
        for pair in pairs
    )
    listed = f'<h3>Most confused</h3><ul class="pairs">{lines}</ul>' if lines else "<p>No mistakes.</p>"
    numbered = "" if len(facts.classes) <= NAMED else " The numbers on the axes are those of the class table."
    picture = "".join(_themed(name, *files) for name, *files in plots)
    # Names are neither shrunk until nobody can read them (a small screen scrolls instead) nor blown up.
    width = png_width(plots[0][1]) / SCALE
    least = 0.75 * width if len(facts.classes) <= NAMED else 0
    box = f'<div style="min-width:{least:.0f}px;max-width:{1.25 * width:.0f}px">{picture}</div>'
    return (
        f"<h2>Confusion</h2><p class='quiet small'>{_on(facts)}Every row is one class of the truth and adds up to "
        f"100 %: blue is right, orange is wrong.{numbered}</p>"
        f'<div class="confusion"><figure class="scroll">{box}</figure><div>{listed}</div></div>'
    )


def model(facts: RunFacts) -> str:
    """What was trained and how fast it is."""
    rows: dict[str, str] = {}
    if facts.model:
        rows = {
            "Model": facts.model.name,
            "Parameters": f"{facts.model.parameters:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        }
        if facts.model.size:
            rows["Input"] = " x ".join(str(size) for size in facts.model.size)
        if facts.model.gmacs is not None:
            rows["Multiply-adds"] = f"{facts.model.gmacs:.3g} G per sample"
        rows |= {label(name): text for name, text in facts.model.details.items()}
    speed = {label(name): value if isinstance(value, str) else f"{value:.4g}" for name, value in facts.speed.items()}
    if not rows and not speed:
        return ""
    return f'<h2>Model and speed</h2><div class="facts">{_table(rows)}{_table(speed)}</div>'


def environment(facts: RunFacts) -> str:
    """Versions and machine."""
    if not facts.environment:
        return ""
    rows = [(label(name), str(text)) for name, text in facts.environment.items()]
    half = -(-len(rows) // 2)
    return f'<h2>Environment</h2><div class="facts">{_table(dict(rows[:half]))}{_table(dict(rows[half:]))}</div>'


def repeat(facts: RunFacts) -> str:
    """The command, and the recipe behind it."""
    if not facts.command and not facts.recipe:
        return ""
    command = f"<p>This command trains the same model again, from the same seed.</p><pre>{escape(facts.command)}</pre>"
    table = f'<div class="facts">{_table(flatten(facts.recipe))}</div>'
    recipe = f"<details><summary>The whole recipe</summary>{table}</details>"
    return f"<h2>Repeat</h2>{command if facts.command else ''}{recipe if facts.recipe else ''}"


def _words(facts: RunFacts) -> str:
    """Which classes are found best and worst, as one sentence."""
    main = next(iter(facts.classes[0].figures), "")
    known = [(value, row.name) for row in facts.classes if (value := row.figures.get(main)) is not None]
    if len(known) < 2:
        return ""
    ranked = sorted(known, key=lambda pair: -pair[0])
    count = 1 if len(ranked) < 6 else 3
    best, worst = ranked[:count], ranked[: -count - 1 : -1]
    listed = [", ".join(f"{escape(name)} ({figure(value)})" for value, name in group) for group in (best, worst)]
    return f"Found best: {listed[0]}. Found worst: {listed[1]}. In brackets the class's {escape(_lower(main))}."


def _lower(name: str) -> str:
    words = label(name)
    return words if words.isupper() or words == "IoU" else words.lower()


def _on(facts: RunFacts) -> str:
    return f"On the {escape(split_name(facts.split))} split. " if facts.split else ""


def _align(index: int, figures: int) -> str:
    if index == 1:
        return ""
    return ' class="bar"' if index == 2 and figures else ' class="number"'


def _class_row(index: int, row: ClassRow, names: Sequence[str], total: int) -> str:
    cells = [f'<td class="number quiet">{index}</td>', f'<td class="name">{swatch(row.color)}{escape(row.name)}</td>']
    for position, name in enumerate(names):
        value = row.figures.get(name)
        known = "" if value is None else f"{value:.6f}"
        if position == 0:
            width = 100 * min(max(value or 0.0, 0.0), 1.0)
            bar = f'<span class="track"><i style="width:{width:.1f}%"></i></span>'
            text = f'<span class="number">{figure(value)}</span>'
            cells.append(f'<td class="bar" data-value="{known}"><div>{bar}{text}</div></td>')
        else:
            cells.append(f'<td class="number" data-value="{known}">{figure(value)}</td>')
    if total:
        cells.append(f'<td class="number" data-value="{row.count or 0}">{share((row.count or 0) / total)}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def swatch(color: tuple[int, int, int] | None) -> str:
    """A small square in the colour of a class."""
    if color is None:
        return ""
    red, green, blue = (int(value) for value in color)
    return f'<span class="swatch" style="background:#{red:02x}{green:02x}{blue:02x}"></span>'


def _table(rows: Mapping[str, str]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows.items())
    return f"<table>{cells}</table>" if cells else ""


def _themed(caption: str, light: bytes, dark: bytes) -> str:
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{data_uri(dark)}">'
        f'<img alt="{escape(caption)}" src="{data_uri(light)}"></picture>'
    )
