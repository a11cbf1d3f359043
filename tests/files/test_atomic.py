"""Files and folders that are whole or absent."""

from __future__ import annotations

import os

import pytest

from swinkit.files import new_folder, observed, remove_folder, replace_file, sweep, write_file


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path):
    path = tmp_path / "best.json"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["best.json"]


def points(work) -> list[str]:
    names: list[str] = []
    with observed(names.append):
        work()
    return names


def failing_at(number: int):
    def fail(_: str, left=[number]) -> None:  # noqa: B006
        left[0] -= 1
        if left[0] == 0:
            raise OSError(5, "Input/output error")

    return fail


def test_a_failure_at_any_point_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "a"
    replace_file(path, b"old")
    for number in range(1, len(points(lambda: replace_file(path, b"old"))) + 1):
        with observed(failing_at(number)), pytest.raises(OSError, match="Input/output"):
            replace_file(path, b"newer")
        assert path.read_bytes() in (b"old", b"newer")
        assert os.listdir(tmp_path) == ["a"]


def fill(folder, replaced=None) -> None:
    with new_folder(folder, replaced=replaced) as temporary:
        write_file(temporary / "x", b"12")


def test_a_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "run" / "step-1") as temporary:
        assert not (tmp_path / "run/step-1").exists()
        write_file(temporary / "x", b"12")
    assert os.listdir(tmp_path / "run") == ["step-1"]
    with pytest.raises(KeyError), new_folder(tmp_path / "step-2"):
        raise KeyError
    assert os.listdir(tmp_path) == ["run"]


def test_a_replaced_folder_keeps_a_name_at_every_instant(tmp_path):
    path, old = tmp_path / "step-1", tmp_path / "step-1.replaced"
    fill(path)
    write_file(path / "mark", b"")
    seen = []
    with observed(lambda _: seen.append(path.exists() or old.exists())):
        fill(path, old)
    assert all(seen)
    assert (old / "mark").exists() and not (path / "mark").exists()


def test_a_removed_folder_loses_its_name_first(tmp_path):
    path = tmp_path / "step-1"
    fill(path)
    with observed(failing_at(3)), pytest.raises(OSError, match="Input/output"):
        remove_folder(path)
    assert not path.exists()
    assert sweep(tmp_path) and os.listdir(tmp_path) == []


def test_sweeping_takes_only_what_was_never_finished(tmp_path):
    (tmp_path / ".tmp-a").mkdir()
    (tmp_path / ".tmp-a/deep").mkdir()
    (tmp_path / ".tmp-b").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / ".tmp-link").symlink_to(tmp_path / "outside")
    (tmp_path / "keep").touch()
    assert sweep(tmp_path) == [".tmp-a", ".tmp-b", ".tmp-link"]
    assert sorted(os.listdir(tmp_path)) == ["keep", "outside"]
