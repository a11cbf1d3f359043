"""Plots through matplotlib's objects: no pyplot, no global state, the same bytes for the same facts."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator
from PIL import Image

from swinkit.report.confusion import shares
from swinkit.report.curves import Panel, running_mean
from swinkit.report.words import figure, shorten

SCALE = 2
"""Pixels per CSS pixel, so that plots are sharp on a phone."""
INCH = 100
"""CSS pixels per inch of a figure."""
NAMED = 32
"""Up to this many classes the confusion matrix carries names; above, row numbers."""
COUNTED = 14
"""Up to this many classes its cells carry percentages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of a plot on a light or a dark page."""

    ground: str
    ink: str
    quiet: str
    grid: str
    lines: tuple[str, ...]
    right: str
    wrong: str


LIGHT = Theme(
    ground="#ffffff",
    ink="#1c2430",
    quiet="#66707f",
    grid="#e6e9ee",
    lines=("#2563c9", "#d9610f", "#0f8a6c", "#8b4fc6", "#b3324a", "#6b7280"),
    right="#2563c9",
    wrong="#d9480f",
)
DARK = Theme(
    ground="#171c24",
    ink="#e8ebf0",
    quiet="#98a2b3",
    grid="#2b323d",
    lines=("#74a7ff", "#ff9d5c", "#4cc9a4", "#c39bf5", "#f2798e", "#9aa4b2"),
    right="#5b94f5",
    wrong="#ff7a45",
)


def panel_picture(panel: Panel, theme: Theme) -> bytes:
    """One panel as PNG."""
    sheet = _sheet(460, 270, theme)
    _draw_panel(sheet.add_axes((0.115, 0.125, 0.865, 0.845)), panel, theme)
    return _png(sheet)


def curves_picture(panels: Sequence[Panel], theme: Theme) -> bytes:
    """All panels with their titles on one sheet, two a row, as PNG."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    sheet = _sheet(500 * columns, 310 * rows, theme)
    for index, panel in enumerate(panels):
        left, top = index % columns, rows - 1 - index // columns
        width, height = 1 / columns, 1 / rows
        axes = sheet.add_axes(((left + 0.11) * width, (top + 0.12) * height, 0.86 * width, 0.76 * height))
        axes.set_title(panel.title, color=theme.ink, fontsize=11, loc="left", pad=8)
        _draw_panel(axes, panel, theme)
    return _png(sheet)


def confusion_picture(counts: np.ndarray, names: Sequence[str], theme: Theme) -> bytes:
    """[truth prediction] counts as PNG: each row in shares of its truth, hits in one colour and mistakes in another."""
    table, classes = shares(counts), len(names)
    cell = 36 if classes <= COUNTED else max(4.4, 22 - 0.35 * max(classes - COUNTED, 0))
    side = max(cell * classes, 180)
    words = [shorten(name, 16) for name in names]
    margin = 32 + (max(map(len, words)) * 7 if classes <= NAMED else 26)
    sheet = _sheet(side + margin + 10, side + margin + 10, theme)
    total = side + margin + 10
    axes = sheet.add_axes((margin / total, 10 / total, side / total, side / total))
    axes.imshow(_colors(table, theme), interpolation="nearest", aspect="auto")
    _style(axes, theme, grid=False)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=3)
    middle = (margin + side / 2) / total
    sheet.text(middle, 1 - 13 / total, "predicted as", color=theme.quiet, fontsize=9, ha="center", va="center")
    sheet.text(13 / total, 1 - middle, "truth", color=theme.quiet, fontsize=9, ha="center", va="center", rotation=90)
    if classes <= NAMED:
        axes.set_xticks(range(classes), words, rotation=90, fontsize=8.5, parse_math=False)
        axes.set_yticks(range(classes), words, fontsize=8.5, parse_math=False)
        axes.set_xticks(np.arange(classes - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(classes - 1) + 0.5, minor=True)
        axes.grid(which="minor", color=theme.ground, linewidth=1.5)
        axes.tick_params(which="minor", length=0)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    if classes <= COUNTED:
        _count_cells(axes, table, theme)
    return _png(sheet)


def _sheet(width: float, height: float, theme: Theme) -> Figure:
    sheet = Figure(figsize=(width / INCH, height / INCH), dpi=INCH * SCALE, facecolor=theme.ground)
    FigureCanvasAgg(sheet)
    return sheet


def _png(sheet: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Class names may be in a script that the built-in font lacks: boxes in the picture, right names in the table.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        sheet.savefig(buffer, format="png", facecolor=sheet.get_facecolor(), metadata={"Software": None})
    # A plot has few colours: a palette makes the page several times smaller, without a visible change.
    small = io.BytesIO()
    Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _style(axes: Axes, theme: Theme, *, grid: bool) -> None:
    axes.set_facecolor(theme.ground)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=theme.quiet, labelsize=9, length=0)
    if grid:
        axes.grid(color=theme.grid, linewidth=0.8)
        axes.set_axisbelow(True)


def _draw_panel(axes: Axes, panel: Panel, theme: Theme) -> None:
    _style(axes, theme, grid=True)
    noisy = panel.title in ("Loss", "Gradient norm")
    for index, line in enumerate(panel.lines):
        color = theme.lines[index % len(theme.lines)]
        name = shorten(line.name, 34)
        if line.best is not None:
            x, y = line.x[line.best], line.y[line.best]
            name += f" (best {figure(y)})"
            ring = {"markerfacecolor": theme.ground, "markeredgecolor": color, "markeredgewidth": 2}
            axes.plot([x], [y], marker="o", markersize=7, zorder=4, **ring)
        if noisy and line.dense:
            axes.plot(line.x, line.y, color=color, linewidth=0.7, alpha=0.3)
            axes.plot(line.x, running_mean(line.y, len(line.y) / 40), color=color, linewidth=1.8, label=name)
        else:
            marker = "o" if len(line.x) < 25 else None
            axes.plot(line.x, line.y, color=color, linewidth=1.8, marker=marker, markersize=3.2, label=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.margins(x=0.02, y=0.12)
    if noisy:
        _limit_outliers(axes, [value for line in panel.lines for value in line.y])
    elif panel.title == "Learning rate":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axes.set_ylim(bottom=0)
    elif panel.title == "Figures":
        axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]), top=min(1.02, axes.get_ylim()[1]))
    if len(panel.lines) > 1 or panel.lines[0].best is not None:
        legend = axes.legend(loc="best", fontsize=8.5, labelcolor=theme.ink, framealpha=0.8)
        legend.get_frame().set(facecolor=theme.ground, edgecolor="none")
        for text in legend.get_texts():
            text.set_parse_math(False)


def _limit_outliers(axes: Axes, values: Sequence[float]) -> None:
    """A few huge first values would flatten the rest of the curve against the axis."""
    low, high, most = min(values), max(values), float(np.quantile(values, 0.99))
    if high > 3 * most > 0:
        axes.set_ylim(min(0.0, low), 1.25 * most)
    elif low >= 0:
        axes.set_ylim(bottom=0)


def _colors(table: np.ndarray, theme: Theme) -> np.ndarray:
    """[c c 3]: the ground mixed with the colour for hits (diagonal) or mistakes; small mistakes are lifted."""
    ground, right, wrong = (np.array(to_rgb(name)) for name in (theme.ground, theme.right, theme.wrong))
    known = np.nan_to_num(table)
    diagonal = np.eye(len(table), dtype=bool)
    weight = np.where(diagonal, known, known**0.6)[..., None]
    mixed = ground + (np.where(diagonal[..., None], right, wrong) - ground) * weight
    empty = np.array(to_rgb(theme.grid)) * 0.5 + ground * 0.5
    faint = ground + (np.array(to_rgb(theme.grid)) - ground) * 0.35
    mixed = np.where(weight < 0.02, faint, mixed)
    return np.where(np.isnan(table)[..., None], empty, mixed)


def _count_cells(axes: Axes, table: np.ndarray, theme: Theme) -> None:
    colors = _colors(table, theme)
    luminance = colors @ np.array([0.299, 0.587, 0.114])
    for row, column in zip(*np.nonzero(np.nan_to_num(table) >= 0.005), strict=True):
        ink = "#ffffff" if luminance[row, column] < 0.55 else "#1c2430"
        weight = "bold" if row == column else "normal"
        text = f"{100 * table[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=8.5, fontweight=weight)
