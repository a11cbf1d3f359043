"""Files of OpenMMLab: mmseg, mmdet and mmpose since each has a Swin of its own, and mmpretrain, once mmcls."""

from __future__ import annotations

from dataclasses import replace

from swinkit.weights.layout import Kind, Layout
from swinkit.weights.names import Row

BLOCK = ("stages.{s}.blocks.{b}.", "backbone.stages.{s}.blocks.{b}.")
ATTENTION = ("stages.{s}.blocks.{b}.attn.w_msa.", "backbone.stages.{s}.blocks.{b}.attention.")
MERGED = ("stages.{s}.downsample.", "backbone.stages.{s}.merging.")
BEFORE = ("stages.{s}.downsample.", "backbone.stages.{s+1}.merging.")

_BODY: tuple[Row, ...] = (
    ("patch_embed.projection.{p}", "stem.projection.{p}"),
    ("patch_embed.norm.{p}", "stem.norm.{p}"),
    (BLOCK[0] + "norm1.{p}", BLOCK[1] + "norm1.{p}"),
    (BLOCK[0] + "norm2.{p}", BLOCK[1] + "norm2.{p}"),
    (BLOCK[0] + "ffn.layers.0.0.{p}", BLOCK[1] + "mlp.fc1.{p}"),
    (BLOCK[0] + "ffn.layers.1.{p}", BLOCK[1] + "mlp.fc2.{p}"),
    (ATTENTION[0] + "qkv.{p}", ATTENTION[1] + "qkv.{p}"),
    (ATTENTION[0] + "proj.{p}", ATTENTION[1] + "projection.{p}"),
    (ATTENTION[0] + "relative_position_bias_table", ATTENTION[1] + "bias.table"),
    (ATTENTION[0] + "q_bias", ATTENTION[1] + "query_bias"),
    (ATTENTION[0] + "v_bias", ATTENTION[1] + "value_bias"),
    (ATTENTION[0] + "logit_scale", ATTENTION[1] + "log_scale"),
    (ATTENTION[0] + "cpb_mlp.0.{p}", ATTENTION[1] + "bias.mlp.0.{p}"),
    (ATTENTION[0] + "cpb_mlp.2.weight", ATTENTION[1] + "bias.mlp.2.weight"),
)

_BUFFERS: tuple[tuple[str, Kind], ...] = (
    (ATTENTION[0] + "relative_position_index", "index"),
    (ATTENTION[0] + "relative_coords_table", "coordinates"),
)

_REFUSED = (
    (r"absolute_pos_embed", "an absolute position embedding"),
    (r"stages\.\d+\.blocks\.\d+\.norm3\.", "the third norm of Swin V2's H and G"),
)

OPENMMLAB = Layout(
    name="openmmlab",
    source="mmsegmentation, mmdetection and mmpose (backbone `SwinTransformer`)",
    names=(*_BODY, ("norm{s}.{p}", "backbone.norms.{s}.{p}")),
    # PatchMerging gathers by nn.Unfold, channel by channel. V1 merges at the end of a stage and normalises what was
    # gathered; V2 (mmpretrain's, use_post_norm) merges at the beginning and normalises what was projected.
    only={
        "v1": (
            (BEFORE[0] + "reduction.weight", BEFORE[1] + "reduction.weight", "unfold"),
            (BEFORE[0] + "norm.{p}", BEFORE[1] + "norm.{p}", "unfold"),
        ),
        "v2": (
            (MERGED[0] + "reduction.weight", MERGED[1] + "reduction.weight", "unfold"),
            (MERGED[0] + "norm.{p}", MERGED[1] + "norm.{p}"),
        ),
    },
    prefixes=("backbone.", ""),
    buffers=_BUFFERS,
    written={"v1": ("index",), "v2": ("coordinates", "index")},
    refused=_REFUSED,
    wrapper="state_dict",
    ranks=(2,),
    # ShiftWindowMSA.forward pads every map to whole windows, shifts it whatever its size, and masks only the shift.
    small_map="pad",
    pad_tokens="attend",
)

MMPRETRAIN = replace(
    OPENMMLAB,
    name="mmpretrain",
    source="mmpretrain (mmcls): classifiers and masked pre-training",
    names=(
        *_BODY,
        ("mask_token", None),  # of SimMIMSwinTransformer
        ("norm{last}.{p}", "backbone.norms.{last}.{p}"),
        ("head.fc.{p}", "head.linear.{p}"),
    ),
    buffers=(*_BUFFERS, (BLOCK[0] + "attn.attn_mask", "mask")),  # masks before its version 3
    # With pad_small_map=False, the default there, a map whose shorter side is one window is not shifted along either
    # axis, and a smaller one is refused; other maps are padded with tokens that are keys.
    small_map="shrink_block",
)

MMCLS = replace(
    MMPRETRAIN,
    name="mmcls",
    source="mmcls before 0.15, whose last norm has no number",
    names=(*_BODY, ("norm.{p}", "backbone.norms.{last}.{p}"), ("head.fc.{p}", "head.linear.{p}")),
    written={"v1": ("index", "mask")},
)

CONVERTED = replace(
    MMCLS,
    name="openmmlab_converted",
    source="microsoft's classifiers as swin2mmseg.py and mmdet's converters write them, without head",
    prefixes=("", "backbone."),
    names=(*_BODY, ("norm.{p}", "backbone.norms.{last}.{p}")),
    buffers=(*_BUFFERS, (BLOCK[0] + "attn_mask", "mask")),
    wrapper=None,
    pad_tokens="mask",  # and shrink_block: as microsoft computes, for which the weights were trained
)

OPENMMLAB_LAYOUTS = (OPENMMLAB, MMPRETRAIN, MMCLS, CONVERTED)
