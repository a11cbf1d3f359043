"""The list of a folder's files that notices every changed byte, its own included."""

from __future__ import annotations

import pytest

from swinkit.files import CheckpointError, verify_manifest, write_manifest
from swinkit.files.manifest import MANIFEST


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    (tmp_path / "empty").touch()
    write_manifest(tmp_path)
    return tmp_path


def test_an_untouched_folder_is_valid(folder):
    verify_manifest(folder)
    (folder / "note.txt").write_text("files that came later do not count")
    verify_manifest(folder)


@pytest.mark.parametrize("name", ["a.bin", MANIFEST])
def test_every_byte_counts(folder, name):
    good = (folder / name).read_bytes()
    for at in range(len(good)):
        for bit in (0, 5):
            bad = bytearray(good)
            bad[at] ^= 1 << bit
            (folder / name).write_bytes(bad)
            with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
                verify_manifest(folder)
    (folder / name).write_bytes(good + b"\n")
    with pytest.raises(CheckpointError):
        verify_manifest(folder)


def test_sizes_are_compared_even_in_a_quick_look(folder):
    (folder / "a.bin").write_bytes(bytes(256))
    verify_manifest(folder, deep=False)
    (folder / "a.bin").write_bytes(bytes(255))
    with pytest.raises(CheckpointError, match="256 bytes were written, there are 255"):
        verify_manifest(folder, deep=False)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"[" * 100_000, b" " * (2 << 20), b'{"files": [], "format": 1}']
)
def test_what_is_no_manifest_is_refused(folder, content):
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(CheckpointError, match=MANIFEST):
        verify_manifest(folder)


def test_a_link_is_no_file(folder, tmp_path):
    (folder / "a.bin").rename(folder / "b.bin")
    (folder / "a.bin").symlink_to(folder / "b.bin")
    with pytest.raises(CheckpointError, match=r"a\.bin: missing, or not a plain file"):
        verify_manifest(folder)
