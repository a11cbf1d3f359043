"""The names and shapes of transformers' files, as its releases 4 and 5 write them for a width of 8 and six blocks."""

from __future__ import annotations

import re

BLOCK = {
    "v1": ("attention.self.query.weight", "attention.self.query.bias", "attention.self.key.weight",
           "attention.self.key.bias", "attention.self.value.weight", "attention.self.value.bias",
           "attention.self.relative_position_bias_table", "attention.output.dense.weight",
           "attention.output.dense.bias", "layernorm_before.weight", "layernorm_before.bias",
           "layernorm_after.weight", "layernorm_after.bias", "intermediate.dense.weight", "intermediate.dense.bias",
           "output.dense.weight", "output.dense.bias"),
    "v2": ("attention.self.query.weight", "attention.self.query.bias", "attention.self.key.weight",
           "attention.self.value.weight", "attention.self.value.bias", "attention.self.logit_scale",
           "attention.self.continuous_position_bias_mlp.0.weight",
           "attention.self.continuous_position_bias_mlp.0.bias",
           "attention.self.continuous_position_bias_mlp.2.weight", "attention.output.dense.weight",
           "attention.output.dense.bias", "layernorm_before.weight", "layernorm_before.bias",
           "layernorm_after.weight", "layernorm_after.bias", "intermediate.dense.weight", "intermediate.dense.bias",
           "output.dense.weight", "output.dense.bias"),
}  # fmt: skip
"""What transformers 5.23 writes for a block, and 4.x did."""

RENAMED = (
    ("attention.self.query", "attention.q_proj"),
    ("attention.self.key", "attention.k_proj"),
    ("attention.self.value", "attention.v_proj"),
    (
        "attention.self.relative_position_bias_table",
        "attention.relative_position_bias.relative_position_bias_table",
    ),
    ("attention.output.dense", "attention.o_proj"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
)
"""What transformers 5 makes of them in memory, for Swin only, in this order."""

DEPTHS = (2, 2, 2)
NORMS = tuple(f"hidden_states_norms.stage{s}.{p}" for s in (1, 2, 3) for p in ("weight", "bias"))
HEAD = ("classifier.weight", "classifier.bias")
MIM = ("decoder.0.weight", "decoder.0.bias")
UPERNET = ("decode_head.classifier.weight", "decode_head.psp_modules.0.1.conv.weight", "auxiliary_head.classifier.bias")
MASK2FORMER = ("class_predictor.weight", "criterion.empty_weight", "model.transformer_module.level_embed.weight",
               "model.transformer_module.decoder.layernorm.weight")  # fmt: skip
MASKFORMER = ("class_predictor.weight", "mask_embedder.0.0.weight", "model.transformer_module.decoder.layernorm.weight",
              "model.pixel_level_module.decoder.fpn.stem.0.weight")  # fmt: skip
ENCODER = "model.pixel_level_module.encoder."


def names(version, prefix="", norms=("layernorm.weight", "layernorm.bias"), others=()):
    """Every name of a file: the backbone's behind `prefix`, and others."""
    inside = [f"embeddings.{part}.{p}" for part in ("patch_embeddings.projection", "norm") for p in ("weight", "bias")]
    for stage, depth in enumerate(DEPTHS):
        inside += [f"encoder.layers.{stage}.blocks.{block}.{name}" for block in range(depth) for name in BLOCK[version]]
        if stage < len(DEPTHS) - 1:
            merging = ("reduction.weight", "norm.weight", "norm.bias")
            inside += [f"encoder.layers.{stage}.downsample.{name}" for name in merging]
    return [*(prefix + name for name in (*inside, *norms)), *others]


def in_memory(name):
    for before, after in RENAMED:
        name = name.replace(before, after)
    return name


CASES = {
    "classifier": ("v1", "transformers", names("v1", "swin.", others=HEAD), ()),
    "classifier_v2": ("v2", "transformers", names("v2", "swinv2.", others=HEAD), ()),
    "model": ("v1", "transformers", names("v1"), ()),
    "model_v2": ("v2", "transformers", names("v2"), ()),
    "masked": ("v1", "transformers", names("v1", "swin.", others=(*MIM, "swin.embeddings.mask_token")),
               (*MIM, "swin.embeddings.mask_token")),
    "masked_v2": ("v2", "transformers", names("v2", "swinv2.", others=(*MIM, "swinv2.embeddings.mask_token")),
                  (*MIM, "swinv2.embeddings.mask_token")),
    "backbone_4": ("v1", "transformers_backbone", names("v1", norms=NORMS), ()),
    "backbone_5": ("v1", "transformers_backbone", names("v1", norms=NORMS, others=("swin.layernorm.weight",)),
                   ("swin.layernorm.weight",)),
    "backbone_of_one_stage": ("v1", "transformers_backbone", names("v1", norms=NORMS[2:4]), ()),
    "backbone_v2": ("v2", "transformers", names("v2", norms=()), ()),
    "upernet_4": ("v1", "transformers_backbone", names("v1", "backbone.", NORMS, UPERNET), UPERNET),
    "upernet_5": ("v1", "transformers_backbone",
                  names("v1", "backbone.", (*NORMS, "swin.layernorm.bias"), UPERNET),
                  (*UPERNET, "backbone.swin.layernorm.bias")),
    "upernet_v2": ("v2", "transformers", names("v2", "backbone.", (), UPERNET), UPERNET),
    "mask2former": ("v1", "transformers_backbone", names("v1", ENCODER, NORMS, MASK2FORMER), MASK2FORMER),
    "mask2former_v2": ("v2", "transformers", names("v2", ENCODER, (), MASK2FORMER), MASK2FORMER),
    "maskformer": ("v1", "transformers_maskformer",
                   names("v1", ENCODER + "model.",
                         others=(*(ENCODER + re.sub(r"stage(\d)", lambda m: str(int(m[1]) - 1), n) for n in NORMS),
                                 *MASKFORMER)),
                   (ENCODER + "model.layernorm.weight", ENCODER + "model.layernorm.bias", *MASKFORMER)),
    "classifier_in_memory": ("v1", "transformers_memory",
                             [in_memory(name) for name in names("v1", "swin.", others=HEAD)], ()),
    "model_in_memory": ("v1", "transformers_memory", [in_memory(name) for name in names("v1")], ()),
    "backbone_in_memory": ("v1", "transformers_memory_backbone",
                           [in_memory(name) for name in names("v1", "swin.", others=NORMS)],
                           ("swin.layernorm.weight", "swin.layernorm.bias")),
    "upernet_in_memory": ("v1", "transformers_memory_backbone",
                          [in_memory(name) for name in
                           names("v1", "backbone.swin.", others=(*("backbone." + n for n in NORMS), *UPERNET))],
                          ("backbone.swin.layernorm.weight", "backbone.swin.layernorm.bias", *UPERNET)),
    "mask2former_in_memory": ("v1", "transformers_memory_backbone",
                              [in_memory(name) for name in
                               names("v1", ENCODER + "swin.", others=(*(ENCODER + n for n in NORMS), *MASK2FORMER))],
                              (ENCODER + "swin.layernorm.weight", ENCODER + "swin.layernorm.bias", *MASK2FORMER)),
}  # fmt: skip

SHAPES = {
    r"patch_embeddings\.projection\.weight": lambda c: (8, 3, 4, 4),
    r"downsample\.reduction\.weight": lambda c: (2 * c, 4 * c),
    r"downsample\.norm\.\w+": {"v1": lambda c: (4 * c,), "v2": lambda c: (2 * c,)},
    r"blocks\.\d+\.(intermediate\.dense|mlp\.fc1)\.weight": lambda c: (4 * c, c),
    r"blocks\.\d+\.(intermediate\.dense|mlp\.fc1)\.bias": lambda c: (4 * c,),
    r"blocks\.\d+\.(output\.dense|mlp\.fc2)\.weight": lambda c: (c, 4 * c),
    r"(query|key|value|q_proj|k_proj|v_proj|o_proj|attention\.output\.dense)\.weight": lambda c: (c, c),
    r"relative_position_bias_table": lambda c: (49, c // 8),
    r"logit_scale": lambda c: (c // 8, 1, 1),
    r"bias_mlp\.0\.weight": lambda c: (512, 2),
    r"bias_mlp\.0\.bias": lambda c: (512,),
    r"bias_mlp\.2\.weight": lambda c: (c // 8, 512),
    r"mask_token": lambda c: (1, 1, 8),
    r"classifier\.weight": lambda c: (5, 32),
}


def shape(name, version):
    """Of a width of 8, as transformers' classes have it."""
    stage = re.search(r"(?:layers\.|stage|norms\.)(\d)", name)
    first = 1 if "stage" in name else 0
    channels = 8 * 2 ** (int(stage[1]) - first) if stage else 32 if "layernorm" in name else 8
    for pattern, rule in SHAPES.items():
        if re.search(pattern + "$", name):
            return (rule[version] if isinstance(rule, dict) else rule)(channels)
    return (channels,)
