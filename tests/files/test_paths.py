"""Names from outside stay below their folder."""

from __future__ import annotations

import pytest

from swinkit.files import UserError, safe_join


def test_names_below_are_joined(tmp_path):
    assert safe_join(tmp_path, "a", "b/c.png") == tmp_path / "a/b/c.png"


@pytest.mark.parametrize(
    "part", ["", ".", "..", "a/../../b", "/etc/passwd", "a\0b", "C:\\x", "..\\x", "\\\\host\\share", "C:x", "a/.."]
)
def test_names_that_leave_are_refused(tmp_path, part):
    with pytest.raises(UserError, match="wanted a name below"):
        safe_join(tmp_path, part)


def test_links_are_refused_but_the_folder_may_be_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/inside").symlink_to("/")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert safe_join(tmp_path / "root", "x") == tmp_path / "root/x"
    with pytest.raises(UserError, match="is a link"):
        safe_join(tmp_path / "root", "inside", "etc")
