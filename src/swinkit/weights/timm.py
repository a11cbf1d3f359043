"""Files of timm: from 0.9 a stage begins with its merging, and buffers are no longer saved; before, as microsoft's."""

from __future__ import annotations

from dataclasses import replace

from swinkit.weights.layout import Layout
from swinkit.weights.microsoft import BODY, BUFFERS, MICROSOFT, REFUSED

TIMM = Layout(
    name="timm",
    source="timm 0.9 and later",
    names=(
        *BODY,
        ("layers.{s}.downsample.reduction.weight", "backbone.stages.{s}.merging.reduction.weight"),
        ("layers.{s}.downsample.norm.{p}", "backbone.stages.{s}.merging.norm.{p}"),
        ("head.fc.{p}", "head.linear.{p}"),
    ),
    buffers=BUFFERS,  # some still stood in the files of 0.8.17 to 0.9.0
    written={"v1": (), "v2": ()},
    refused=REFUSED,
    ranks=(2,),
    # Window and shift are cut axis by axis (_calc_window_shift); padded tokens are keys (_attn masks only the shift).
    # timm pads after rolling, which mixes far rows and is not repeated: at sizes that need padding, shifted blocks
    # agree with torchvision instead.
    small_map="shrink",
    pad_tokens="attend",
)

TIMM_OLD = replace(
    MICROSOFT,
    name="timm_old",
    source="timm before 0.9 (Swin V2; its V1 files cannot be told from microsoft's)",
    written={"v1": ("index", "mask"), "v2": ("mask",)},
    wrapper=None,
    small_map="shrink",  # V2 was clamped axis by axis from the start
)
