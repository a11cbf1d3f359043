"""From facts to `report.html` and the pictures beside it."""

from __future__ import annotations

import re
from pathlib import Path

from swinkit.files.atomic import replace_file
from swinkit.report.curves import panels
from swinkit.report.facts import RunFacts
from swinkit.report.page import page
from swinkit.report.pictures import side_by_side
from swinkit.report.plots import DARK, LIGHT, confusion_picture, curves_picture, panel_picture

OURS = r"(curves|confusion|best-\d+|worst-\d+)\.png"
"""Files in `pictures` that a report may replace."""


def write_report(folder: Path, facts: RunFacts) -> Path:
    """Write `folder/report.html`, which needs no other file and makes no request, and `folder/pictures/*.png`.

    The pictures are the same plots and predictions as files: `curves.png`, `confusion.png`, `best-1.png`,
    `worst-1.png` and so on. Equal facts give equal bytes. Returns the path of the page.
    """
    folder = Path(folder)
    figures = {facts.main, *(name for values in facts.figures.values() for name in values)}
    grouped = panels(facts.history, sorted(figures), facts.main)
    plots = {"curves": [(panel.title, panel_picture(panel, LIGHT), panel_picture(panel, DARK)) for panel in grouped]}
    files: dict[str, bytes] = {"curves.png": curves_picture(grouped, LIGHT)} if grouped else {}
    if facts.confusion is not None:
        names = [row.name for row in facts.classes]
        light, dark = (confusion_picture(facts.confusion, names, theme) for theme in (LIGHT, DARK))
        plots["confusion"] = [("Confusion matrix", light, dark)]
        files["confusion.png"] = light
    for kind, group in (("best", facts.best), ("worst", facts.worst)):
        for index, example in enumerate((each for each in group if each.pictures), start=1):
            files[f"{kind}-{index}.png"] = side_by_side(list(example.pictures.values()))
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for stale in pictures.glob("*.png"):  # of an earlier report with more to show
        if stale.name not in files and re.fullmatch(OURS, stale.name):
            stale.unlink()
    for name, content in files.items():
        replace_file(pictures / name, content)
    target = folder / "report.html"
    replace_file(target, page(facts, plots).encode("utf-8"))
    return target
