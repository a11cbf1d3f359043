"""Files of masked pre-training, of microsoft/SimMIM (V1) and of microsoft/Swin-Transformer (V1, V2): microsoft's names
behind `encoder.`, beside a mask token and a decoder that are kept."""

from __future__ import annotations

from dataclasses import replace

from swinkit.weights.microsoft import BODY, BUFFERS, MERGING, MICROSOFT

SIMMIM = replace(
    MICROSOFT,  # its arithmetic too: small_map, pad_tokens
    name="simmim",
    source="SimMIM",
    names=(*BODY, *MERGING, ("mask_token", None)),
    prefixes=("encoder.",),
)

_RENAMED = tuple((row[0].replace(".cpb_mlp.", ".rpe_mlp."), *row[1:]) for row in SIMMIM.names)

SIMMIM_OLD = replace(
    SIMMIM,
    name="simmim_old",
    source="SimMIM's first Swin V2 files, with rpe_mlp for cpb_mlp (utils_simmim.py renames them)",
    names=(*_RENAMED, ("head.{p}", "head.linear.{p}")),
    prefixes=("encoder.", ""),  # without it after fine-tuning
    buffers=BUFFERS,
    written={"v2": ("coordinates", "index", "mask")},
)

SIMMIM_LAYOUTS = (SIMMIM, SIMMIM_OLD)
