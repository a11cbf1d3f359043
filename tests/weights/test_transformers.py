"""Files of transformers, by the names that its releases wrote: 4.x with buffers, 5.x without, heads of every kind."""

from __future__ import annotations

import pytest
import torch
from weights.classifiers import V1, V2, classifier, published
from weights.transformers_names import CASES, DEPTHS, HEAD, names, shape

from swinkit import weights
from swinkit.files import CheckpointError
from swinkit.weights import buffers


def file_of(listed, version, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape(name, version), generator=generator).to(dtype) for name in listed}


def read(state, version, **options):
    return weights.read(state, **({"window": 4, "size": 64} if version == "v2" else {}), **options)


def again(read):
    return weights.write(read.state, read.config, read.origin.layout, origin=read.origin, leftovers=read.leftovers)


def same(one, other):
    return one.keys() == other.keys() and all(one[k].dtype == other[k].dtype and one[k].equal(other[k]) for k in one)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_file_is_read_and_comes_back(case, dtype):
    version, layout, listed, leftovers = CASES[case]
    state = file_of(listed, version, dtype)
    found = read(state, version)
    assert found.origin.layout == layout
    assert (found.config.version, found.config.depths, found.config.heads) == (version, DEPTHS, (1, 2, 4))
    assert found.config.windows == ((4, 4),) * 3
    assert set(found.leftovers) == set(leftovers)
    assert same(again(found), state)


@pytest.mark.parametrize("case", ["classifier", "classifier_v2", "mask2former_in_memory"])
def test_wrappers_and_our_own_files_keep_it_whole(case, tmp_path):
    version, _, listed, _ = CASES[case]
    state = {f"module.{name}": value for name, value in file_of(listed, version).items()}
    weights.write_file(tmp_path / "ours.safetensors", read({"model": state}, version))
    assert same(again(weights.read_file(tmp_path / "ours.safetensors")), state)


def test_query_key_and_value_are_joined_in_this_order():
    state = file_of(CASES["classifier"][2], "v1")
    block = "swin.encoder.layers.1.blocks.0.attention.self."
    joined = read(state, "v1").state["backbone.stages.1.blocks.0.attention.qkv.weight"]
    assert joined.equal(torch.cat([state[block + name + ".weight"] for name in ("query", "key", "value")]))


def test_backbones_shift_small_maps_and_classifiers_do_not():
    small = {case: read(file_of(CASES[case][2], "v1"), "v1").config.small_map for case in ("classifier", "upernet_5")}
    assert small == {"classifier": "shrink_block", "upernet_5": "pad"}


def test_old_files_hold_buffers_that_tell_the_windows():
    state = file_of(CASES["classifier_v2"][2], "v2")
    windows = ((8, 8), (8, 8), (4, 4))
    for stage, window in enumerate(windows):
        for block in range(2):
            attention = f"swinv2.encoder.layers.{stage}.blocks.{block}.attention.self."
            state[attention + "relative_position_index"] = buffers.index(window)
            state[attention + "relative_coords_table"] = buffers.coordinates(window, (12, 12))
    found = weights.read(state)
    assert found.config.windows == windows
    assert found.config.bias_windows == ((12, 12),) * 3
    assert same(again(found), state)


def test_an_old_index_stays_in_the_file():
    state = file_of(CASES["upernet_4"][2], "v1")
    for stage, block in ((s, b) for s in range(3) for b in range(2)):
        name = f"backbone.encoder.layers.{stage}.blocks.{block}.attention.self.relative_position_index"
        state[name] = buffers.index((4, 4))
    assert same(again(read(state, "v1")), state)


def test_a_window_is_asked_for_where_the_file_cannot_say():
    with pytest.raises(CheckpointError, match="window="):
        weights.read(file_of(CASES["classifier_v2"][2], "v2"))


def test_one_window_is_cut_to_maps_that_are_rounded_down():
    """As Swinv2Encoder makes them: 72 cells are 18, 9 and 4 tokens, though 5 come out of merging."""
    found = weights.read(file_of(CASES["classifier_v2"][2], "v2"), window=8, size=72)
    assert found.config.windows == ((8, 8), (8, 8), (4, 4))


def test_a_window_that_bias_tables_confirm_is_not_cut():
    found = weights.read(file_of(CASES["classifier"][2], "v1"), window=4, size=32)
    assert found.config.windows == ((4, 4),) * 3


@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
def test_weights_of_any_layout_leave_under_the_names_on_disk(config):
    state = classifier(config).state_dict()
    written = weights.write(state, config, "transformers")
    prefix = "swin." if config.version == "v1" else "swinv2."
    assert set(written) == set(names(config.version, prefix, others=HEAD))
    found = weights.read(written, window=config.windows, bias_window=config.bias_windows)
    assert same(found.state, state)


@pytest.mark.parametrize(("name", "keys"), [("swin_t", 221), ("swin_v2_t", 245), ("swin_b_384", 425)])
def test_published_files_have_as_many_keys(name, keys):
    """Counted from the state_dict of transformers' own classes."""
    model = published(name)
    assert len(weights.write(model.state_dict(), model.config, "transformers")) == keys


def test_models_of_swinv2_have_no_names_in_memory():
    with pytest.raises(CheckpointError, match="no models of rank 2 and version v2"):
        weights.write(classifier(V2).state_dict(), V2, "transformers_memory")


def test_a_missing_key_is_named():
    state = file_of(CASES["classifier"][2], "v1")
    del state["swin.encoder.layers.0.blocks.1.attention.self.key.weight"]
    with pytest.raises(CheckpointError, match=r"transformers lacks parts of backbone\.stages\.0\.blocks\.1\.attention"):
        weights.read(state)


def test_position_embeddings_are_refused_by_name():
    state = file_of(CASES["classifier"][2], "v1") | {"swin.embeddings.position_embeddings": torch.zeros(1, 256, 8)}
    with pytest.raises(CheckpointError, match="absolute position embedding"):
        weights.read(state)
