"""Files of MONAI's SwinUNETR, for pictures and volumes: its encoder is a Swin V1 without norms after the patches and
before the outputs, and every stage ends with a merging.

The merging after the last stage, the convolutions and the decoder are kept. Outputs are normalised without weights
(`proj_out`), as fresh `backbone.norms` do. Which neighbour stands where in a merging cannot be read off the names, so
`order=` tells it where it is not the one that MONAI has by default since 1.5.
"""

from __future__ import annotations

from dataclasses import replace

from swinkit.weights.layout import Layout
from swinkit.weights.names import Row

OURS = "backbone.stages.{s}.blocks.{b}."
MERGING = "backbone.stages.{s+1}.merging."


def _names(
    how: str | None, stage: str = "layers{s+1}.0.", layers: tuple[str, str] = ("linear1", "linear2")
) -> tuple[Row, ...]:
    """Rows with the order of merged neighbours, and the names of a stage and of the two layers of an MLP."""
    block, merging = stage + "blocks.{b}.", stage + "downsample."
    parts = (
        ("norm1.{p}", "norm1.{p}"),
        ("norm2.{p}", "norm2.{p}"),
        ("attn.qkv.{p}", "attention.qkv.{p}"),
        ("attn.proj.{p}", "attention.projection.{p}"),
        ("attn.relative_position_bias_table", "attention.bias.table"),
        (f"mlp.{layers[0]}.{{p}}", "mlp.fc1.{p}"),
        (f"mlp.{layers[1]}.{{p}}", "mlp.fc2.{p}"),
    )
    merged = tuple((merging + name, MERGING + name) for name in ("reduction.weight", "norm.{p}"))
    return (
        (merging.replace("{s+1}", "{last+1}") + "{*}", None),
        ("patch_embed.proj.{p}", "stem.projection.{p}"),
        ("patch_embed.norm.{p}", "stem.norm.{p}"),  # with patch_norm=True, which is not the default
        *[(block + theirs, OURS + ours) for theirs, ours in parts],
        *(merged if how is None else [(*row, how) for row in merged]),
    )


MONAI = Layout(
    name="monai",
    source="MONAI SwinUNETR for volumes, merging='merging' since 1.5",
    names=_names("monai"),
    prefixes=("swinViT.", "swin_vit.", ""),  # swin_vit: SSLHead of the research code
    buffers=(("layers{s+1}.0.blocks.{b}.attn.relative_position_index", "index"),),
    written={"v1": ("index",)},
    refused=((r"layers\d+c\.", "MONAI's SwinUNETR with use_v2=True, whose stages begin with convolutions"),),
    ranks=(3,),
    orders=(None, "monai"),
    # get_window_size cuts window and shift axis by axis; what is padded beyond that are keys (forward_part1). A window
    # that is cut along any axis but the first then reads wrong rows of the bias table there (index[:n, :n]).
    small_map="shrink",
    pad_tokens="attend",
)

MERGINGV2 = replace(
    MONAI,
    name="monai_mergingv2",
    source="MONAI SwinUNETR for volumes, merging='mergingv2'",
    names=_names("monai_mergingv2"),
    orders=("monai_mergingv2",),
)

PICTURES = replace(
    MONAI,
    name="monai_2d",
    source="MONAI SwinUNETR for pictures, whose mergings all join neighbours as we do",
    names=_names(None),
    ranks=(2,),
    orders=(None, "monai", "monai_mergingv2"),
)

SELF_SUPERVISED = replace(
    MONAI,
    name="monai_ssl",
    source="MONAI's self-supervised encoder, as SwinUNETR.load_from reads it (model_swinvit.pt)",
    names=_names("monai", layers=("fc1", "fc2")),
    prefixes=("", "swin_vit.", "swinViT."),
    wrapper="state_dict",
)

AUTOENCODER = replace(
    MONAI,
    name="monai_dae",
    source="MONAI's disruptive autoencoder, as filter_swinunetr reads it (ssl_pretrained_weights.pth)",
    names=(*_names("monai", "layers{s+1}.0.0."), ("mask_token", None), ("norm.{p}", None)),
    prefixes=("encoder.",),
    buffers=(("layers{s+1}.0.0.blocks.{b}.attn.relative_position_index", "index"),),
    wrapper="model",
)

MONAI_LAYOUTS = (MONAI, MERGINGV2, PICTURES, SELF_SUPERVISED, AUTOENCODER)

UNREADABLE = {
    "monai_old": "MONAI's merging='merging' before 1.5 joins the neighbours 010 and 001 twice and 110 and 011 never, "
    "and normalises over the copies, which no weights of ours do: read the file without order= as a start for "
    "training, as MONAI itself does since 1.5, or use MONAI 1.4 or older for its own outputs"
}
"""Orders that exist and cannot be had here: what to say."""
