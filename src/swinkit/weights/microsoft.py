"""Files of microsoft/Swin-Transformer, V1 and V2; timm's V1 files before 0.9 are the same to the last key."""

from __future__ import annotations

from swinkit.weights.layout import Kind, Layout

BLOCK = ("layers.{s}.blocks.{b}.", "backbone.stages.{s}.blocks.{b}.")
ATTENTION = ("layers.{s}.blocks.{b}.attn.", "backbone.stages.{s}.blocks.{b}.attention.")

BODY = (
    ("patch_embed.proj.{p}", "stem.projection.{p}"),
    ("patch_embed.norm.{p}", "stem.norm.{p}"),
    *[(BLOCK[0] + name, BLOCK[1] + name) for name in ("norm1.{p}", "norm2.{p}", "mlp.fc1.{p}", "mlp.fc2.{p}")],
    (ATTENTION[0] + "qkv.{p}", ATTENTION[1] + "qkv.{p}"),
    (ATTENTION[0] + "proj.{p}", ATTENTION[1] + "projection.{p}"),
    (ATTENTION[0] + "relative_position_bias_table", ATTENTION[1] + "bias.table"),
    (ATTENTION[0] + "q_bias", ATTENTION[1] + "query_bias"),
    (ATTENTION[0] + "v_bias", ATTENTION[1] + "value_bias"),
    (ATTENTION[0] + "logit_scale", ATTENTION[1] + "log_scale"),
    (ATTENTION[0] + "cpb_mlp.0.{p}", ATTENTION[1] + "bias.mlp.0.{p}"),
    (ATTENTION[0] + "cpb_mlp.2.weight", ATTENTION[1] + "bias.mlp.2.weight"),
    ("norm.{p}", "backbone.norms.{last}.{p}"),
)
"""What microsoft and timm call alike."""

MERGING = (
    ("layers.{s}.downsample.reduction.weight", "backbone.stages.{s+1}.merging.reduction.weight"),
    ("layers.{s}.downsample.norm.{p}", "backbone.stages.{s+1}.merging.norm.{p}"),
)
"""At the end of a stage, as microsoft and those that follow it have it."""

BUFFERS: tuple[tuple[str, Kind], ...] = (
    (ATTENTION[0] + "relative_position_index", "index"),
    (ATTENTION[0] + "relative_coords_table", "coordinates"),
    (BLOCK[0] + "attn_mask", "mask"),
)

REFUSED = (
    (r"absolute_pos_embed", "an absolute position embedding"),
    (r"patch_embed\.proj\.\d+\.", "a stem of several convolutions (CTransPath and its kin)"),
    (r".*\.mlp\._moe_layer\.", "a mixture of experts"),
    (r".*\.spatial_mlp\.", "Swin-MLP"),
    (r".*\.blocks\.\d+\.norm3\.", "the third norm of Swin V2's H and G"),
    (r".*\.meta_mlp\.|.*\.attn\.tau$", "timm's Swin V2-CR"),
)

MICROSOFT = Layout(
    name="microsoft",
    source="microsoft/Swin-Transformer",
    names=(*BODY, *MERGING, ("head.{p}", "head.linear.{p}")),
    buffers=BUFFERS,
    written={"v1": ("index", "mask"), "v2": ("coordinates", "index", "mask")},
    refused=REFUSED,
    wrapper="model",
    ranks=(2,),
    # A block whose shorter side fits in a window shifts no axis (SwinTransformerBlock.__init__). Padding never occurs
    # there: sizes that would need it are refused, so its weights know only real tokens, which is what masking keeps.
    small_map="shrink_block",
    pad_tokens="mask",
)
