"""Our own files: our names, and the configuration as JSON in the safetensors header."""

from __future__ import annotations

from swinkit.weights.layout import Layout

_BLOCK = "backbone.stages.{s}.blocks.{b}."
_NAMES = (
    "stem.projection.{p}",
    "stem.norm.{p}",
    *[_BLOCK + name for name in ("norm1.{p}", "norm2.{p}", "mlp.fc1.{p}", "mlp.fc2.{p}")],
    *[_BLOCK + "attention." + name for name in ("qkv.{p}", "projection.{p}", "bias.table")],
    *[_BLOCK + "attention." + name for name in ("query_bias", "value_bias", "log_scale", "bias.mlp.{i}.{p}")],
    "backbone.stages.{s}.merging.norm.{p}",
    "backbone.stages.{s}.merging.reduction.weight",
    "backbone.norms.{s}.{p}",
    "head.linear.{p}",
)

NATIVE = Layout(
    name="swinkit",
    source="swinkit",
    names=tuple((name, name) for name in _NAMES),
    written={"v1": (), "v2": ()},
    small_map="shrink",
    pad_tokens="mask",
)
