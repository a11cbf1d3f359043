"""Files of SwinTransformer/Swin-Transformer-Semantic-Segmentation and -Object-Detection: microsoft's names and order of
merging behind `backbone.`, with a norm for every output."""

from __future__ import annotations

from swinkit.weights.layout import Layout
from swinkit.weights.microsoft import BODY, BUFFERS, MERGING, REFUSED

DENSE_FORKS = Layout(
    name="dense_forks",
    source="SwinTransformer's forks for segmentation and detection",
    names=(
        *(row for row in BODY if not row[0].startswith("norm.")),
        *MERGING,
        ("norm{s}.{p}", "backbone.norms.{s}.{p}"),
    ),
    prefixes=("backbone.",),
    buffers=BUFFERS,  # masks are worked out in every forward (BasicLayer) and not saved
    written={"v1": ("index",)},
    refused=REFUSED,
    wrapper="state_dict",
    ranks=(2,),
    # SwinTransformerBlock.forward pads every map to whole windows and shifts it whatever its size; BasicLayer's mask
    # knows the shift only, so padded tokens are keys.
    small_map="pad",
    pad_tokens="attend",
)
