"""Looking through data before anything is trained on it: the work behind `swinkit check`."""

from __future__ import annotations

from swinkit.audit.check import check
from swinkit.audit.findings import Audit, Problem, SplitSummary

__all__ = ["Audit", "Problem", "SplitSummary", "check"]
