"""The table of layouts; a new one is a file and an entry here."""

from __future__ import annotations

from swinkit.files import CheckpointError, did_you_mean
from swinkit.weights.layout import Layout
from swinkit.weights.microsoft import MICROSOFT
from swinkit.weights.native import NATIVE
from swinkit.weights.timm import TIMM, TIMM_OLD
from swinkit.weights.torchvision import SWIN3D, TORCHVISION
from swinkit.weights.video_swin import VIDEO_SWIN

LAYOUTS: dict[str, Layout] = {
    layout.name: layout for layout in (MICROSOFT, TIMM, TIMM_OLD, TORCHVISION, SWIN3D, VIDEO_SWIN, NATIVE)
}
"""Every layout that is read and written. Where files of two look alike, the first is taken."""


def find(layout: Layout | str) -> Layout:
    """A layout by its name; CheckpointError where there is none."""
    if isinstance(layout, Layout):
        return layout
    if layout not in LAYOUTS:
        raise CheckpointError(f"no layout is called {layout!r}; {did_you_mean(layout, LAYOUTS)}")
    return LAYOUTS[layout]
