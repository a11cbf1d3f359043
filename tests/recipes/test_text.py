"""Plain values out of JSON, YAML and `a.b=c`."""

from __future__ import annotations

import pytest

from swinkit.files import ConfigError
from swinkit.recipes.text import merged, nested, parse_json, parse_settings, parse_yaml, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("12", 12),
        ("-3", -3),
        ("true", True),
        ("null", None),
        ("~", None),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("0x10", "0x10"),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
        ("'1'", "1"),
        ("[no, 1, {a: 2}]", ["no", 1, {"a": 2}]),
    ],
)
def test_yaml_has_the_core_kinds_and_no_surprises(text, value):
    found = parse_yaml(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "a: 1\na: 2",
        "!!python/object/apply:os.system ['true']",
        "!!binary aGVsbG8=",
        "!!timestamp 2026-01-31",
        "[" * 50 + "]" * 50,
        "[" * 100_000,
        "a: [1",
        "1: 2",
        "a: 1e999",
    ],
)
def test_yaml_refuses_what_a_recipe_cannot_hold(text):
    with pytest.raises(ValueError, match="."):
        parse_yaml(text)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "NaN", "[Infinity]", "1e999", "[" * 100_000, "{", "'a'"])
def test_json_refuses_what_a_recipe_cannot_hold(text):
    with pytest.raises(ValueError, match="."):
        parse_json(text)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "{", "line 1: is not JSON"),
        ("a.json", '{"a": 1, "a": 2}', "'a' is there twice"),
        ("a.yaml", "a: 1\nb: [", "is not YAML"),
        ("a.yml", "- 1", "holds no mapping"),
        ("a.txt", "a: 1", "a recipe is a .json, .yaml or .yml file"),
        ("a.yaml", b"\xff\xfe\x00", "is not UTF-8"),
        ("a.json", " " * (5 << 20), "too many for a recipe"),
    ],
)
def test_an_error_begins_with_the_file(tmp_path, name, content, says):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=says) as caught:
        read_text(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.json: cannot be read"):
        read_text(tmp_path / "none.json")


def test_settings_become_nested_values():
    words = ["training.rate=1e-3", "task.scales=[0.75, 1.0]", "task.class_weights=null", "data.colours=[a.txt", "x.y="]
    assert parse_settings(words) == {
        "training": {"rate": 0.001},
        "task": {"scales": [0.75, 1.0], "class_weights": None},
        "data": {"colours": "[a.txt"},
        "x": {"y": ""},
    }


def test_the_last_of_two_settings_counts():
    assert parse_settings(["a.b=1", "a.b=2"]) == {"a": {"b": 2}}


@pytest.mark.parametrize("word", ["rate", "=1", "a..b=1", ".a=1"])
def test_a_setting_without_name_or_value_is_refused(word):
    with pytest.raises(ConfigError, match="wanted NAME=VALUE"):
        parse_settings([word])


def test_a_setting_below_a_value_is_refused():
    with pytest.raises(ConfigError, match="a was given a value of its own"):
        parse_settings(["a=1", "a.b=2"])


def test_merging_replaces_leaves_and_keeps_the_rest():
    below = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert merged(below, {"a": {"b": 3}, "d": [4]}) == {"a": {"b": 3, "c": 2}, "d": [4]}
    assert below == {"a": {"b": 1, "c": 2}, "d": [1, 2]}


def test_dotted_and_nested_names_mix():
    assert nested({"a.b": 1, "a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
