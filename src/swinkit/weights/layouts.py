"""The table of layouts; a new one is a file and an entry here."""

from __future__ import annotations

from swinkit.files import CheckpointError, did_you_mean
from swinkit.weights.dense_forks import DENSE_FORKS
from swinkit.weights.hts_at import HTS_AT
from swinkit.weights.layout import Layout
from swinkit.weights.microsoft import MICROSOFT
from swinkit.weights.monai import MONAI_LAYOUTS, UNREADABLE
from swinkit.weights.native import NATIVE
from swinkit.weights.openmmlab import OPENMMLAB_LAYOUTS
from swinkit.weights.simmim import SIMMIM_LAYOUTS
from swinkit.weights.timm import TIMM, TIMM_OLD
from swinkit.weights.torchvision import SWIN3D, TORCHVISION
from swinkit.weights.transformers import TRANSFORMERS_LAYOUTS
from swinkit.weights.video_swin import VIDEO_SWIN

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        MICROSOFT, TIMM, TIMM_OLD, TORCHVISION, SWIN3D, VIDEO_SWIN, *TRANSFORMERS_LAYOUTS, *OPENMMLAB_LAYOUTS,
        DENSE_FORKS, *SIMMIM_LAYOUTS, *MONAI_LAYOUTS, HTS_AT, NATIVE,
    )
}  # fmt: skip
"""Every layout that is read and written. Where files of two look alike, the first is taken."""


def ordered(order: str | None) -> list[Layout]:
    """The layouts to choose from by names, once the order of merged neighbours is told (None: it was not).

    CheckpointError where no layout has that order, or it cannot be had here.
    """
    if order is not None and order in UNREADABLE:
        raise CheckpointError(f"order={order!r}: {UNREADABLE[order]}")
    found = [layout for layout in LAYOUTS.values() if order in layout.orders]
    if not found:
        known = {name for layout in LAYOUTS.values() for name in layout.orders if name is not None} | set(UNREADABLE)
        raise CheckpointError(f"order={order!r} does not exist; {did_you_mean(str(order), sorted(known))}")
    return found


def find(layout: Layout | str) -> Layout:
    """A layout by its name; CheckpointError where there is none."""
    if isinstance(layout, Layout):
        return layout
    if layout not in LAYOUTS:
        raise CheckpointError(f"no layout is called {layout!r}; {did_you_mean(layout, LAYOUTS)}")
    return LAYOUTS[layout]
