"""One page that shows a run: handed plain values, it looks nothing up and fetches nothing."""

from __future__ import annotations

from swinkit.report.facts import ClassRow, Example, ModelFacts, RunFacts
from swinkit.report.write import write_report

__all__ = ["ClassRow", "Example", "ModelFacts", "RunFacts", "write_report"]
