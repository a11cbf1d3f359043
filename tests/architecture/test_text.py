"""Nothing in the tree depends on where it was written."""

from __future__ import annotations

import re

import pytest

FOLDERS = ("src", "tests", "examples", "benchmarks", "constraints", ".ci")
FILES = ("Makefile", "pyproject.toml", "environment.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".yml", ".yaml", ".json", ".csv", ".html", ""}
PLACES = re.compile(r"""(?<![\w.~$}>-])/(?:work|home|root|Users|opt|mnt)/|\b[A-Z]:\\\\Users""")


def texts(root):
    for path in [*(p for name in FOLDERS for p in sorted((root / name).rglob("*"))), *(root / name for name in FILES)]:
        if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
            yield path


def test_no_file_names_a_place_on_one_machine(root):
    here = {
        f"{path.relative_to(root)}:{number}: {line.strip()[:80]}"
        for path in texts(root)
        if path.name != "test_text.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if PLACES.search(line)
    }
    assert not here, here


@pytest.mark.parametrize(
    ("line", "found"),
    [("data = '/home/me/camvid'", True), ("see /work/x", True), ("swin/work/x", False), ("GET /metrics", False)],
)
def test_the_search_finds(line, found):
    assert bool(PLACES.search(line)) is found
