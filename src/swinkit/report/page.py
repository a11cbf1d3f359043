"""The page as HTML: one function a section, from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from swinkit.report.examples import examples
from swinkit.report.facts import RunFacts
from swinkit.report.sections import classes, confusion, curves, environment, glance, model, repeat
from swinkit.report.style import CSS, SORT
from swinkit.report.words import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The browser itself then refuses any request that a report could make."""


def page(facts: RunFacts, plots: Mapping[str, Sequence[tuple[str, bytes, bytes]]]) -> str:
    """The whole document. `plots` holds (caption, light PNG, dark PNG) for "curves" and "confusion"."""
    parts = (
        ("result", "Result", glance(facts)),
        ("curves", "Curves", curves(facts, plots.get("curves", ()))),
        ("classes", "Classes", classes(facts)),
        ("confusion", "Confusion", confusion(facts, plots.get("confusion", ()))),
        ("predictions", "Predictions", examples(facts)),
        ("model", "Model and speed", model(facts)),
        ("environment", "Environment", environment(facts)),
        ("repeat", "Repeat", repeat(facts)),
    )
    shown = [part for part in parts if part[2]]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in shown[1:])
    body = "\n".join(f'<section id="{name}">{content}</section>' for name, _, content in shown)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="generator" content="swinkit">
<title>{escape(facts.title)}</title>
<style>{CSS}</style>
</head>
<body>
<main>
<header><h1>{escape(facts.title)}</h1><p class="quiet">{_subtitle(facts)}</p><nav>{links}</nav></header>
{body}
</main>
<script>{SORT}</script>
</body>
</html>
"""


def _subtitle(facts: RunFacts) -> str:
    words: list[str] = []
    if facts.model:
        words.append(escape(facts.model.name))
        if facts.model.size:
            words.append(" x ".join(str(size) for size in facts.model.size))
    if "date" in facts.environment:
        words.append(escape(facts.environment["date"]))
    return " &middot; ".join(words)
