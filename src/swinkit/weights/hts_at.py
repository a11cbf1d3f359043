"""Files of RetroCirce/HTS-Audio-Transformer: microsoft's names behind `sed_model.`, for pictures of sound with one
channel."""

from __future__ import annotations

from dataclasses import replace

from swinkit.weights.microsoft import BODY, MERGING, MICROSOFT

HTS_AT = replace(
    MICROSOFT,
    name="hts_at",
    source="HTS-AT (sound tagging and event detection)",
    # What stands beside these is kept: the filters of the spectrogram, the norm of its mel bands (`bn0`), the head over
    # time (`tscam_conv`) and `head`, which is not used beside it.
    names=(*BODY, *MERGING),
    prefixes=("sed_model.",),
    written={"v1": ("index", "mask")},
    wrapper="state_dict",
    # small_map, pad_tokens: SwinTransformerBlock.__init__ does not shift where the shorter side fits in a window, and
    # forward_features refuses other sizes than 256 x 256, so there is no padding; both as microsoft's.
)
