"""Files of masked pre-training: microsoft's names behind `encoder.`, old and new, beside a mask token and a decoder."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from weights.classifiers import SIZE, V1, V2, classifier
from weights.published_names import same

from swinkit import weights
from swinkit.files import CheckpointError

DECODER = {"decoder.0.weight": (3072, 32, 1, 1), "decoder.0.bias": (3072,)}


def pretrained(config, old=False):
    """What SimMIM's state_dict holds: the encoder is microsoft's class without a head."""
    plain = weights.write(classifier(config).state_dict(), config, "microsoft", size=SIZE)
    file = {f"encoder.{name}": value for name, value in plain.items() if not name.startswith("head.")}
    if old:
        file = {name.replace("cpb_mlp", "rpe_mlp"): value for name, value in file.items()}
    token = {"encoder.mask_token": torch.randn(1, 1, config.width)}
    return file | token | {name: torch.randn(shape) for name, shape in DECODER.items()}


@pytest.mark.parametrize(
    ("config", "old", "layout"),
    [(V1, False, "simmim"), (V2, False, "simmim"), (V2, True, "simmim_old")],
    ids=["v1", "v2", "v2_old"],
)
def test_the_encoder_is_microsofts_and_the_rest_comes_back(config, old, layout):
    file = pretrained(config, old)
    read = weights.read({"model": file, "epoch": 800})
    assert read.origin.layout == layout
    assert read.config == replace(config, pad_tokens="mask")
    wanted = classifier(config).state_dict()
    assert same(read.state, {name: value for name, value in wanted.items() if not name.startswith("head.")})
    assert set(read.leftovers) == {"encoder.mask_token", *DECODER}
    written = weights.write(read.state, read.config, layout, origin=read.origin, leftovers=read.leftovers)
    assert same(written, file)


def test_old_names_without_a_prefix_are_fine_tuned_classifiers():
    plain = weights.write(classifier(V2).state_dict(), V2, "microsoft", size=SIZE)
    file = {name.replace("cpb_mlp", "rpe_mlp"): value for name, value in plain.items()}
    read = weights.read(file)
    assert (read.origin.layout, read.classes) == ("simmim_old", 5)
    assert same(read.state, classifier(V2).state_dict())
    assert same(weights.write(read.state, read.config, "simmim_old", origin=read.origin), file)


def test_old_and_new_names_in_one_file_are_refused():
    file = pretrained(V2, old=True)
    name = next(name for name in file if "rpe_mlp" in name)
    file[name.replace("rpe_mlp", "cpb_mlp")] = file.pop(name)
    with pytest.raises(CheckpointError, match="fit no known layout"):
        weights.read(file)


def test_the_mask_token_is_no_missing_head_but_the_decoder_is():
    read, model = weights.read(pretrained(V1)), classifier(V1)
    with pytest.raises(CheckpointError, match=r"no head here takes decoder\.0\.weight"):
        weights.fit(read, V1, model.state_dict(), optional=("head.linear.",))
    _, report = weights.fit(read, V1, model.state_dict(), optional=("head.",))
    assert set(report.unexpected) == set(DECODER)
    assert set(report.missing) == {"head.linear.weight", "head.linear.bias"}
