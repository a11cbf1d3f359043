"""A weight file becomes the model it was made from, whatever its layout, or the model that is wanted of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_models import randomise
from weights.classifiers import SIZE, V1, V2, classifier

import swinkit as sk
from swinkit.files import CheckpointError, ConfigError
from swinkit.models import build, load, load_reported
from swinkit.models.rows import list_of
from swinkit.weights import Origin, Weights, adapt_channels, resize_table, write_file


def save(model, path, layout="microsoft", size=SIZE):
    weights = Weights(config=model.config, state=model.state_dict(), leftovers={}, origin=Origin(layout="swinkit"))
    write_file(path, weights, layout, size=size)
    return path


@pytest.fixture(params=[V1, V2], ids=["v1", "v2"])
def model(request):
    return classifier(request.param)


@pytest.fixture
def path(model, tmp_path):
    return save(model, tmp_path / "model.pth")


@pytest.mark.parametrize("layout, suffix", [("microsoft", "pth"), ("timm", "safetensors"), ("swinkit", "safetensors")])
def test_a_file_of_any_layout_gives_the_same_logits(tmp_path, layout, suffix):
    model = build("swin_t", width=32, heads=(1, 2, 4, 8), classes=5).eval()
    randomise(model)
    loaded, report = load_reported(save(model, tmp_path / f"model.{suffix}", layout, 224))
    grid = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(loaded(grid), model(grid))
    assert len(report.loaded) == len(model.state_dict()) and not report.missing and not loaded.training


def test_the_head_is_kept_where_the_number_of_classes_fits(model, path):
    loaded, report = load_reported(path, classes=5)
    assert report.whole and loaded.head.linear.weight.equal(model.head.linear.weight)


def test_another_number_of_classes_begins_with_a_new_head(model, path):
    loaded, report = load_reported(path, classes=7)
    assert loaded(torch.zeros(1, 3, SIZE, SIZE)).shape == (1, 7)
    assert [(r.name, r.fresh) for r in report.reshaped] == [("head.linear.weight", True), ("head.linear.bias", True)]
    assert "5 classes -> 7, left as new" in str(report)


def test_rows_of_the_head_are_taken_over_in_their_order(model, path):
    grid = torch.randn(2, 3, SIZE, SIZE)
    loaded, report = load_reported(path, rows=[3, 0, 3], classes=3)
    with torch.no_grad():
        torch.testing.assert_close(loaded(grid), model(grid)[:, [3, 0, 3]])
    assert "head.linear.weight: [5, 32] -> [3, 32], 3 of 5 classes, by rows" in str(report)
    assert {"head.linear.weight", "head.linear.bias"} <= set(report.loaded) and not report.whole


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"rows": [0, 5]}, r"rows: 5 came, wanted rows of the file's classifier: 0 to 4"),
        ({"rows": [-1]}, r"rows: -1 came"),
        ({"rows": []}, r"rows: none came"),
        ({"rows": [0, 1], "classes": 3}, r"rows: 2 came for 3 classes"),
        ({"rows": "imagenet_22k_to_1k"}, r"is for 21841 classes, the file has 5"),
        ({"rows": "imagenet"}, r"rows: no list 'imagenet': did you mean 'imagenet_22k_to_1k'"),
        ({"rows": [0], "outputs": [1]}, r"ask for one of them"),
    ],
)
def test_rows_that_do_not_exist_are_named(path, wanted, message):
    with pytest.raises(ConfigError, match=message):
        load(path, **wanted)


def test_rows_need_a_classifier(tmp_path):
    model = classifier(V1)
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("head.")}
    path = tmp_path / "backbone.safetensors"
    write_file(path, Weights(config=V1, state=state, leftovers={}, origin=Origin(layout="swinkit")))
    with pytest.raises(ConfigError, match=r"backbone\.safetensors: rows= chooses among the classes"):
        load(path, rows=[0])
    fresh, report = load_reported(path, classes=4)
    assert fresh.head.linear.weight.shape == (4, 32)
    assert set(report.missing) == {"head.linear.weight", "head.linear.bias"}


def test_the_classes_of_imagenet_1k_are_rows_of_22k(tmp_path):
    """As microsoft's own loading takes them, by the list of its repository."""
    rows = list_of("imagenet_22k_to_1k")
    assert (len(rows), len(set(rows)), rows[:3], rows[-1]) == (1000, 1000, (359, 368, 460), 21817)
    big = classifier(replace(V1, depths=(1,), heads=(1,), window=((4, 4),)), classes=21841)
    loaded, report = load_reported(save(big, tmp_path / "model.safetensors", "swinkit"), rows="imagenet_22k_to_1k")
    assert loaded.head.linear.bias.equal(big.head.linear.bias[list(rows)])
    assert "1000 of 21841 classes, by rows" in str(report)


def test_window_and_channels_of_the_model_may_differ_from_the_files(tmp_path):
    model = classifier(V1)
    loaded, report = load_reported(save(model, tmp_path / "model.pth"), changes={"window": 6, "channels": 1})
    assert loaded.config.windows == ((6, 6),) * 3 and loaded.config.stem.channels == 1
    name = "backbone.stages.1.blocks.1.attention.bias.table"
    wanted = resize_table(model.state_dict()[name], (4, 4), (6, 6), "uniform")
    assert loaded.state_dict()[name].equal(wanted)
    filters = model.stem.projection.weight
    assert loaded.stem.projection.weight.equal(adapt_channels(filters, 1))
    assert "window (4, 4) -> (6, 6)" in str(report) and "3 input channels -> 1" in str(report)
    assert loaded(torch.zeros(1, 1, 50, 70)).shape == (1, 5)


def test_v2_keeps_the_offsets_of_its_training_in_other_windows(tmp_path):
    loaded, report = load_reported(save(classifier(V2), tmp_path / "model.pth"), changes={"window": (4, 4)})
    assert loaded.config.windows == ((4, 4),) * 3 and loaded.config.bias_windows == V2.bias_windows
    assert report.whole


def test_what_is_told_of_the_file_is_no_wish_for_the_model(tmp_path):
    """A V2 file of timm has no buffers: `window` says how it was trained, `changes` what it shall be."""
    path = save(classifier(replace(V2, bias_window=None)), tmp_path / "model.safetensors", "timm")
    with pytest.raises(CheckpointError, match="does not say which windows"):
        load(path)
    told = load(path, window=8, size=SIZE)
    assert told.config.windows == ((8, 8), (8, 8), (4, 4))
    both = load(path, window=8, size=SIZE, changes={"window": 4})
    assert both.config.windows == ((4, 4),) * 3 and both.config.bias_windows == told.config.windows


@pytest.mark.parametrize(
    ("wanted", "kind", "message"),
    [
        ({"channels": 1}, ConfigError, r"load: nothing is called 'channels': .*field of the model goes into changes="),
        ({"clases": 3}, ConfigError, r"nothing is called 'clases': did you mean 'classes'"),
        ({"changes": {"windw": 3}}, ConfigError, r"model\.pth: model: unknown field 'windw': did you mean 'window'"),
        ({"changes": {"window": (1, 2, 3, 4, 5)}}, ConfigError, r"window .* has 5 rows for 3 stages"),
        ({"changes": {"depths": (1, 1, 1)}}, CheckpointError, r"model\.pth: the weights are of another architecture"),
    ],
)
def test_wishes_that_cannot_be_met_are_named(path, wanted, kind, message):
    with pytest.raises(kind, match=message):
        sk.load(path, **wanted)


def test_loading_draws_no_first_values_but_those_of_a_new_head(model, path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load(path)
    assert torch.get_rng_state().equal(before)
    new, report = load_reported(path, classes=11)
    assert [each.name for each in report.reshaped if each.fresh] and not torch.get_rng_state().equal(before)
    assert 0.01 < new.head.linear.weight.std() < 0.04 and not new.head.linear.bias.any()
    for name, buffer in model.named_buffers():
        assert new.get_buffer(name).equal(buffer)


def test_blank_parameters_leave_nothing_behind():
    from swinkit.models import build
    from swinkit.models.blank import Blank

    torch.manual_seed(0)
    wanted = build("swin_nano").state_dict()
    with Blank():
        build("swin_nano")
    torch.manual_seed(0)
    for name, value in build("swin_nano").state_dict().items():
        assert value.equal(wanted[name]), name
