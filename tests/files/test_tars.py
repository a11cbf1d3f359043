"""Pictures inside a plain tar: read in place; nothing but plain files is ever seen."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from swinkit.files import DataError
from swinkit.files.tars import tar_bytes, tar_members, tar_of


@pytest.fixture
def tar(tmp_path):
    path = tmp_path / "some.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("a.jpg", "in/b.jpg", "./c.jpg"):
            entry = tarfile.TarInfo(name)
            entry.size = 5
            archive.addfile(entry, io.BytesIO(name.encode()[:5].ljust(5, b"-")))
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "a.jpg"
        archive.addfile(link)
    return path


def test_members_are_read_by_the_path_through_the_tar(tar):
    assert sorted(tar_members(tar)) == ["a.jpg", "c.jpg", "in/b.jpg"]
    assert tar_of(tar / "in" / "b.jpg") == tar and tar_of(tar.parent / "x" / "b.jpg") is None
    assert tar_bytes(tar, tar / "in" / "b.jpg") == b"in/b."
    with pytest.raises(DataError, match=r"link\.jpg: is not in some\.tar"):
        tar_bytes(tar, tar / "link.jpg")


def test_a_tar_that_changed_is_listed_anew(tar):
    assert len(tar_members(tar)) == 3
    with tarfile.open(tar, "a") as archive:
        archive.addfile(tarfile.TarInfo("d.jpg"))
    assert "d.jpg" in tar_members(tar)


def test_damage_is_one_sentence(tar, tmp_path):
    whole = tar.read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:514])
    (tmp_path / "zipped.tar").write_bytes(gzip.compress(whole))
    with tarfile.open(tar, "a") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    for name, message in (("cut", "cut short|damaged"), ("zipped", "is no plain tar"), ("some", "holds a.jpg twice")):
        with pytest.raises(DataError, match=message):
            tar_members(tmp_path / f"{name}.tar")
    with pytest.raises(DataError, match="cannot be read"):
        tar_members(tmp_path / "none.tar")
