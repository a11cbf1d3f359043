"""Files of SwinTransformer/Video-Swin-Transformer: microsoft's names for three axes, inside an mmaction recogniser."""

from __future__ import annotations

from swinkit.weights.layout import Layout
from swinkit.weights.microsoft import ATTENTION, BLOCK

VIDEO_SWIN = Layout(
    name="video_swin",
    source="SwinTransformer/Video-Swin-Transformer",
    names=(
        ("patch_embed.proj.{p}", "stem.projection.{p}"),
        ("patch_embed.norm.{p}", "stem.norm.{p}"),
        *[(BLOCK[0] + name, BLOCK[1] + name) for name in ("norm1.{p}", "norm2.{p}", "mlp.fc1.{p}", "mlp.fc2.{p}")],
        (ATTENTION[0] + "qkv.{p}", ATTENTION[1] + "qkv.{p}"),
        (ATTENTION[0] + "proj.{p}", ATTENTION[1] + "projection.{p}"),
        (ATTENTION[0] + "relative_position_bias_table", ATTENTION[1] + "bias.table"),
        ("layers.{s}.downsample.reduction.weight", "backbone.stages.{s+1}.merging.reduction.weight"),
        ("layers.{s}.downsample.norm.{p}", "backbone.stages.{s+1}.merging.norm.{p}"),
        ("norm.{p}", "backbone.norms.{last}.{p}"),
        ("cls_head.fc_cls.{p}", "head.linear.{p}"),
    ),
    prefixes=("backbone.", ""),
    buffers=((ATTENTION[0] + "relative_position_index", "index"),),
    written={"v1": ("index",)},
    wrapper="state_dict",
    ranks=(3,),
    # get_window_size cuts window and shift axis by axis; what forward_part1 pads beyond that are keys. A window that is
    # cut along any axis but the first then reads wrong rows of the bias table (index[:N, :N]); ours are right.
    small_map="shrink",
    pad_tokens="attend",
)
