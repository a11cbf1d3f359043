"""Files of torchvision: Swin V1 and V2 for pictures, and its Video-Swin (swin3d)."""

from __future__ import annotations

from swinkit.weights.layout import Kind, Layout
from swinkit.weights.names import Row

OURS = "backbone.stages.{s}.blocks.{b}."

_PICTURES, _VIDEO = "features.{2s+1}.{b}.", "features.{2s}.{b}."


def _block(block: str) -> tuple[Row, ...]:
    """What a block is made of, wherever `features` has it."""
    return (
        *[(f"{block}{norm}.{{p}}", f"{OURS}{norm}.{{p}}") for norm in ("norm1", "norm2")],
        (f"{block}mlp.0.{{p}}", f"{OURS}mlp.fc1.{{p}}"),  # 1 is the activation, 2 and 4 are dropout
        (f"{block}mlp.3.{{p}}", f"{OURS}mlp.fc2.{{p}}"),
        (f"{block}attn.qkv.{{p}}", f"{OURS}attention.qkv.{{p}}"),
        (f"{block}attn.proj.{{p}}", f"{OURS}attention.projection.{{p}}"),
        (f"{block}attn.relative_position_bias_table", f"{OURS}attention.bias.table"),
    )


_V2: tuple[Row, ...] = (
    (_PICTURES + "attn.logit_scale", OURS + "attention.log_scale"),
    (_PICTURES + "attn.cpb_mlp.0.{p}", OURS + "attention.bias.mlp.0.{p}"),
    (_PICTURES + "attn.cpb_mlp.2.weight", OURS + "attention.bias.mlp.2.weight"),
)

_V2_BIAS: tuple[Row, ...] = (
    (_PICTURES + "attn.qkv.bias[0/3]", OURS + "attention.query_bias"),
    (_PICTURES + "attn.qkv.bias[1/3]", None),  # of the keys: shifted_window_attention sets it to zero in every pass
    (_PICTURES + "attn.qkv.bias[2/3]", OURS + "attention.value_bias"),
)

_INDEX: Kind = "flat_index"

TORCHVISION = Layout(
    name="torchvision",
    source="torchvision.models.swin_transformer",
    names=(
        ("features.0.0.{p}", "stem.projection.{p}"),
        ("features.0.2.{p}", "stem.norm.{p}"),
        *_block(_PICTURES),
        *_V2,
        ("features.{2s+2}.reduction.weight", "backbone.stages.{s+1}.merging.reduction.weight"),
        ("features.{2s+2}.norm.{p}", "backbone.stages.{s+1}.merging.norm.{p}"),
        ("norm.{p}", "backbone.norms.{last}.{p}"),
        ("head.{p}", "head.linear.{p}"),
    ),
    only={"v2": _V2_BIAS},
    buffers=(
        (_PICTURES + "attn.relative_position_index", _INDEX),
        (_PICTURES + "attn.relative_coords_table", "coordinates"),
    ),
    written={"v1": (_INDEX,), "v2": ("coordinates", _INDEX)},
    ranks=(2,),
    # shifted_window_attention pads every map to whole windows, padded tokens are keys; an axis that is then one window
    # long is not shifted.
    small_map="pad_still",
    pad_tokens="attend",
)

SWIN3D = Layout(
    name="torchvision_swin3d",
    source="torchvision.models.video.swin_transformer",
    names=(
        ("patch_embed.proj.{p}", "stem.projection.{p}"),
        ("patch_embed.norm.{p}", "stem.norm.{p}"),
        *_block(_VIDEO),
        ("features.{2s+1}.reduction.weight", "backbone.stages.{s+1}.merging.reduction.weight"),
        ("features.{2s+1}.norm.{p}", "backbone.stages.{s+1}.merging.norm.{p}"),
        ("norm.{p}", "backbone.norms.{last}.{p}"),
        ("head.{p}", "head.linear.{p}"),
    ),
    buffers=((_VIDEO + "attn.relative_position_index", "index"),),
    written={"v1": ("index",)},
    ranks=(3,),
    # _get_window_and_shift_size cuts window and shift axis by axis; what is padded beyond that are keys. A window that
    # is cut along any axis but the first then reads wrong rows of the bias table (index[:n, :n]); ours are right.
    small_map="shrink",
    pad_tokens="attend",
)
