"""Files of transformers: Swin and Swinv2 as classifiers, masked image models and backbones, in UPerNet and Mask2Former.

On disk all versions of transformers write one set of names. From 5.0 on, models of Swin (not of Swinv2) call their
tensors otherwise in memory; their `state_dict` is a layout of its own here.
"""

from __future__ import annotations

from collections.abc import Mapping

from swinkit.weights.layout import Layout
from swinkit.weights.names import Row

BLOCK = ("encoder.layers.{s}.blocks.{b}.", "backbone.stages.{s}.blocks.{b}.")

DISK: Mapping[str, str] = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "projection": "attention.output.dense",
    "table": "attention.self.relative_position_bias_table",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
}
MEMORY: Mapping[str, str] = {
    "query": "attention.q_proj",
    "key": "attention.k_proj",
    "value": "attention.v_proj",
    "projection": "attention.o_proj",
    "table": "attention.relative_position_bias.relative_position_bias_table",
    "fc1": "mlp.fc1",
    "fc2": "mlp.fc2",
}
"""What `WeightRenaming` of conversion_mapping.py makes of the names on disk."""

PARTS = ("query", "key", "value")
INSIDE = ("backbone.", "model.pixel_level_module.encoder.", "pixel_level_module.encoder.")
"""Where UPerNet and Mask2Former keep their backbone."""

REFUSED = ((r".*position_embeddings$", "an absolute position embedding"),)


def _body(names: Mapping[str, str], root: str = "") -> tuple[Row, ...]:
    """All but the norms of outputs; `root` stands before every name."""
    theirs, ours = root + BLOCK[0], BLOCK[1]
    return (
        (root + "embeddings.patch_embeddings.projection.{p}", "stem.projection.{p}"),
        (root + "embeddings.norm.{p}", "stem.norm.{p}"),
        (root + "embeddings.mask_token", None),  # of masked image modeling
        (theirs + "layernorm_before.{p}", ours + "norm1.{p}"),
        (theirs + "layernorm_after.{p}", ours + "norm2.{p}"),
        *[(f"{theirs}{names[part]}.weight", f"{ours}attention.qkv.weight[{i}/3]") for i, part in enumerate(PARTS)],
        (f"{theirs}{names['projection']}.{{p}}", ours + "attention.projection.{p}"),
        (theirs + names["table"], ours + "attention.bias.table"),
        *[(f"{theirs}{names[layer]}.{{p}}", f"{ours}mlp.{layer}.{{p}}") for layer in ("fc1", "fc2")],
        (root + "encoder.layers.{s}.downsample.reduction.weight", "backbone.stages.{s+1}.merging.reduction.weight"),
        (root + "encoder.layers.{s}.downsample.norm.{p}", "backbone.stages.{s+1}.merging.norm.{p}"),
    )


def _joined_bias(names: Mapping[str, str], root: str = "") -> tuple[Row, ...]:
    """V1's; those of V2, whose keys have none, stay apart."""
    rows = [(f"{names[part]}.bias", f"attention.qkv.bias[{i}/3]") for i, part in enumerate(PARTS)]
    return tuple((root + BLOCK[0] + theirs, BLOCK[1] + ours) for theirs, ours in rows)


_V2: tuple[Row, ...] = (
    (BLOCK[0] + "attention.self.logit_scale", BLOCK[1] + "attention.log_scale"),
    (BLOCK[0] + "attention.self.continuous_position_bias_mlp.0.{p}", BLOCK[1] + "attention.bias.mlp.0.{p}"),
    (BLOCK[0] + "attention.self.continuous_position_bias_mlp.2.weight", BLOCK[1] + "attention.bias.mlp.2.weight"),
)

_V2_BIAS: tuple[Row, ...] = (
    (BLOCK[0] + "attention.self.query.bias", BLOCK[1] + "attention.query_bias"),
    (BLOCK[0] + "attention.self.value.bias", BLOCK[1] + "attention.value_bias"),
)

TRANSFORMERS = Layout(
    name="transformers",
    source="transformers: Swin and Swinv2, and backbones of Swinv2",
    names=(
        *_body(DISK),
        *_V2,
        ("layernorm.{p}", "backbone.norms.{last}.{p}"),
        ("classifier.{p}", "head.linear.{p}"),
    ),
    only={"v1": _joined_bias(DISK), "v2": _V2_BIAS},
    prefixes=("swin{v}.", "", *INSIDE),  # a backbone of Swinv2 has neither norms nor a prefix of its own
    buffers=(
        (BLOCK[0] + "attention.self.relative_position_index", "index"),  # before 4.31
        (BLOCK[0] + "attention.self.relative_coords_table", "coordinates"),
    ),
    written={"v1": (), "v2": ()},
    refused=REFUSED,
    ranks=(2,),
    # SwinLayer.set_shift_and_window_size: no shift where the shorter side fits in a window. Swinv2Layer decides by
    # image_size (_compute_window_shift), for both axes by the first; made for the size that it is given, it does the
    # same. Both pad with maybe_pad and mask only the shift, so padded tokens are keys.
    small_map="shrink_block",
    pad_tokens="attend",
)

BACKBONE = Layout(
    name="transformers_backbone",
    source="transformers: SwinBackbone, alone and inside UPerNet and Mask2Former",
    names=(
        *_body(DISK),
        ("hidden_states_norms.stage{s+1}.{p}", "backbone.norms.{s}.{p}"),
        ("swin.layernorm.{p}", None),  # the norm of the SwinModel inside, whose output nobody takes; from 5.0 on
    ),
    only={"v1": _joined_bias(DISK)},
    prefixes=("", *INSIDE),
    buffers=((BLOCK[0] + "attention.self.relative_position_index", "index"),),
    written={"v1": ()},
    refused=REFUSED,
    ranks=(2,),
    # SwinBackbone.forward passes always_partition=True: maps are padded to whole windows and shifted all the same.
    small_map="pad",
    pad_tokens="attend",
)

MEMORY_CLASSIFIER = Layout(
    name="transformers_memory",
    source="transformers 5: state_dict of Swin",
    names=(*_body(MEMORY), ("layernorm.{p}", "backbone.norms.{last}.{p}"), ("classifier.{p}", "head.linear.{p}")),
    only={"v1": _joined_bias(MEMORY)},
    prefixes=("swin.", ""),
    written={"v1": ()},
    refused=REFUSED,
    ranks=(2,),
    small_map="shrink_block",  # as on disk
    pad_tokens="attend",
)

MEMORY_BACKBONE = Layout(
    name="transformers_memory_backbone",
    source="transformers 5: state_dict of SwinBackbone, alone and inside UPerNet and Mask2Former",
    names=(
        *_body(MEMORY, "swin."),
        ("hidden_states_norms.stage{s+1}.{p}", "backbone.norms.{s}.{p}"),
        ("swin.layernorm.{p}", None),
    ),
    only={"v1": _joined_bias(MEMORY, "swin.")},
    prefixes=("", *INSIDE),
    written={"v1": ()},
    refused=REFUSED,
    ranks=(2,),
    small_map="pad",  # as on disk
    pad_tokens="attend",
)

MASKFORMER = Layout(
    name="transformers_maskformer",
    source="transformers: MaskFormerSwinBackbone, alone and inside MaskFormer",
    names=(
        *_body(DISK, "model."),
        ("hidden_states_norms.{s}.{p}", "backbone.norms.{s}.{p}"),
        ("model.layernorm.{p}", None),  # of the last hidden state, which the backbone does not hand on
    ),
    only={"v1": _joined_bias(DISK, "model.")},
    prefixes=INSIDE[1:] + ("",),
    buffers=(("model." + BLOCK[0] + "attention.self.relative_position_index", "index"),),
    written={"v1": ("index",)},
    refused=REFUSED,
    ranks=(2,),
    small_map="pad",  # MaskFormerSwinLayer pads to whole windows (maybe_pad) and knows no other shift than its own
    pad_tokens="attend",
)

TRANSFORMERS_LAYOUTS = (TRANSFORMERS, BACKBONE, MASKFORMER, MEMORY_CLASSIFIER, MEMORY_BACKBONE)
