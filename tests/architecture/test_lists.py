"""The pinned lists: what `make setup` installs is what pyproject.toml asks for, checked by hashes, from anywhere."""

from __future__ import annotations

import re
import tomllib

import pytest

LISTS = ("core", "test", "peers", "installer")
PINNED = re.compile(r"^[a-z0-9-]+==[^\s;]+( ; .+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def canonical(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]).lower()


@pytest.fixture
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def names(root, kind: str) -> set[str]:
    lines = (root / "constraints" / f"{kind}.txt").read_text().splitlines()
    return {canonical(line) for line in lines if not line.startswith(" ")}


@pytest.mark.parametrize("kind", LISTS)
def test_every_line_is_a_pinned_package_or_a_hash(kind, root):
    lines = (root / "constraints" / f"{kind}.txt").read_text().splitlines()
    assert [line for line in lines if not PINNED.match(line) and not HASH.match(line)] == []
    for line, following in zip(lines, lines[1:], strict=False):
        assert not PINNED.match(line) or HASH.match(following), line


@pytest.mark.parametrize("kind", ["core", "test", "peers"])
def test_the_core_is_in_every_list(kind, root, project):
    assert {canonical(line) for line in project["dependencies"]} - {"torch"} <= names(root, kind), "make lock"


def test_the_extras_are_in_the_list_of_the_tests(root, project):
    wanted = {canonical(line) for lines in project["optional-dependencies"].values() for line in lines} - {"swinkit"}
    assert wanted <= names(root, "test"), "make lock"


def test_all_is_every_extra_a_user_may_want(project):
    extras = set(project["optional-dependencies"]) - {"all", "test"}
    assert project["optional-dependencies"]["all"] == [f"swinkit[{','.join(sorted(extras))}]"]


@pytest.mark.parametrize("kind", ["core", "test", "peers"])
def test_no_list_brings_torch_or_what_its_cuda_build_needs(kind, root):
    """Except Triton in the tests' own: its interpreter and its compiler need no card."""
    found = [name for name in names(root, kind) if re.match(r"torch$|triton$|nvidia-|cuda-", name)]
    assert found == (["triton"] if kind == "test" else [])


def test_the_tests_never_see_torchvision(root):
    """Built for CUDA it breaks the import of others beside a CPU torch: it stays among the peers."""
    assert not names(root, "test") & {"torchvision", "timm"}
