"""transformers' Swin and Swinv2 against ours, a fresh peer for every size: forward changes it (test_peer_bugs)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import torch
from parity.comparison import ours, randomise, same
from torch import Tensor
from transformers import SwinConfig as HubConfig
from transformers import SwinForImageClassification, Swinv2Config, Swinv2ForImageClassification

from swinkit.backbone import SwinConfig

NAMES = (
    (r"^swinv?2?\.embeddings\.patch_embeddings\.projection", "stem.projection"),
    (r"^swinv?2?\.embeddings\.norm", "stem.norm"),
    (r"^swinv?2?\.encoder\.layers\.(\d+)\.downsample", lambda m: f"backbone.stages.{int(m[1]) + 1}.merging"),
    (r"^swinv?2?\.encoder\.layers", "backbone.stages"),
    (r"^swinv?2?\.layernorm", "backbone.norms.3"),
    (r"^classifier", "head.linear"),
    (r"layernorm_before", "norm1"),
    (r"layernorm_after", "norm2"),
    (r"attention\.self\.continuous_position_bias_mlp", "attention.bias.mlp"),
    (r"attention\.relative_position_bias\.relative_position_bias_table", "attention.bias.table"),
    (r"attention\.self\.logit_scale", "attention.log_scale"),
    (r"attention\.self\.(query|key|value)", r"attention.\1"),
    (r"attention\.(q|k|v)_proj", lambda m: "attention." + {"q": "query", "k": "key", "v": "value"}[m[1]]),
    (r"attention\.output\.dense|attention\.o_proj", "attention.projection"),
    (r"intermediate\.dense", "mlp.fc1"),
    (r"(?<!attention\.)output\.dense", "mlp.fc2"),
)


def to_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A small map of the names in memory; queries, keys and values are joined."""
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value
    joined = {name: value for name, value in renamed.items() if not re.search(r"attention\.(query|key|value)\.", name)}
    for name, query in renamed.items():
        attention, part, kind = name.rpartition(".query.")
        if not part:
            continue
        key, value = renamed.get(f"{attention}.key.{kind}"), renamed[f"{attention}.value.{kind}"]
        if key is not None:
            joined[f"{attention}.qkv.{kind}"] = torch.cat([query, key, value])
        else:  # V2's keys have no bias
            joined[f"{attention}.query_bias"], joined[f"{attention}.value_bias"] = query, value
    return joined


TINY = {"embed_dim": 24, "num_heads": [1, 2, 4, 8], "num_labels": 10}
FULL = {"embed_dim": 96, "num_heads": [3, 6, 12, 24], "num_labels": 1000}

V1 = {
    "tiny_224": (FULL, [2, 2, 6, 2], 7, (224, 224)),
    "deep": (TINY, [2, 2, 18, 2], 7, (224, 224)),
    "padded_252": (TINY, [2, 2, 6, 2], 7, (252, 252)),
    "padded_wide": (TINY, [2, 2, 6, 2], 7, (260, 372)),
    "small_last_map": (TINY, [2, 2, 6, 2], 7, (224, 288)),
}
V2 = {
    "tiny_256": (FULL, [2, 2, 6, 2], 8, (256, 256)),
    "deep": (TINY, [2, 2, 18, 2], 8, (256, 256)),
    "padded_288": (TINY, [2, 2, 6, 2], 8, (288, 288)),
    "padded_352": (TINY, [2, 2, 6, 2], 8, (352, 352)),
}


def settings(options, depths, window, version):
    return SwinConfig(
        version=version, width=options["embed_dim"], depths=tuple(depths), heads=tuple(options["num_heads"]),
        window=((window, window),), small_map="shrink_block", pad_tokens="attend",
    )  # fmt: skip


@pytest.mark.parametrize("case", V1)
def test_v1_computes_what_transformers_does(case):
    options, depths, window, size = V1[case]
    config = HubConfig(**options, depths=depths, window_size=window, image_size=size, drop_path_rate=0.0)
    config._attn_implementation = "eager"
    peer = randomise(SwinForImageClassification(config))
    model = ours(settings(options, depths, window, "v1"), options["num_labels"], to_ours(dict(peer.named_parameters())))
    same(peer, model, size, to_ours)


@pytest.mark.parametrize("case", V2)
def test_v2_computes_what_transformers_does(case):
    options, depths, window, size = V2[case]
    config = Swinv2Config(**options, depths=depths, window_size=window, image_size=size[0], drop_path_rate=0.0)
    peer = randomise(Swinv2ForImageClassification(config))
    model = ours(settings(options, depths, window, "v2"), options["num_labels"], to_ours(dict(peer.named_parameters())))
    same(peer, model, size, to_ours)
